//! `jit remote`.

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Report;
use crate::report::sync::{Check as Row, Checked};
use crate::session::Session;
use crate::sync::{self, PATIENCE, Remote as Remote_};

/// Other repositories that share the tracker
#[derive(Subcommand, Debug)]
pub enum Remote {
    Check(Check),
}

/// Check whether a remote can share the tracker and its claims
///
/// Pushes refs below refs/tracker/probe and takes them away again. Exits 10 when something is in the way. Reads git's
/// configuration and the ref.
#[derive(Args, Debug)]
pub struct Check {
    /// The remote (default: JIT_REMOTE, else origin, else the only one)
    remote: Option<String>,
}

impl Remote {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let Remote::Check(Check { remote }) = self;
        let remote = Remote_::meant(session, remote.as_deref())?;
        let findings = sync::check(session, &remote, PATIENCE)?;
        let checks = findings.into_iter().map(|finding| Row {
            check: finding.what.to_owned(),
            ok: finding.ok,
            found: finding.found,
            hint: finding.hint,
        });
        let checks: Vec<Row> = checks.collect();
        let ok = checks.iter().all(|check| check.ok);
        Ok(Report::RemoteChecked(Checked { remote: remote.name, ok, count: checks.len(), checks }))
    }
}
