//! `jit log`.

use clap::Args;

use crate::domain::name::Actor;
use crate::domain::time::parse_moment;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::log::{Log as Shown, Logged};
use crate::session::Session;
use crate::store::message::Trailers;
use crate::store::{Backend, Walk};

use super::at::AtArg;

/// Show the history of the tracker, one line per change, newest first
///
/// Each change is a commit: git show COMMIT has all of it, jit undo COMMIT takes it back. Reads the messages of the
/// commits shown.
#[derive(Args, Debug)]
pub struct Log {
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    /// Made by this actor
    #[arg(long)]
    actor: Option<Actor>,
    /// Not before: a span back from now (`1h`), a day or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    #[command(flatten)]
    at: AtArg,
}

impl Log {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let since = self.since.as_deref().map(|text| parse_moment(text, session.now())).transpose();
        let since = since.map_err(|why| Error::usage(format!("--since: {why}")))?;
        let view = self.at.view(session)?;
        let mut commits = Vec::new();
        let mut truncated = false;
        session.store.walk(&view.commit, None, &mut |info| {
            if since.is_some_and(|since| info.time < since) {
                return Ok(Walk::Stop);
            }
            let trailers = Trailers::parse(&info.message);
            let by = self.actor.as_ref().map(Actor::as_str);
            if by.is_some() && by != trailers.actor.as_deref() {
                return Ok(Walk::On);
            }
            if self.limit > 0 && commits.len() == self.limit {
                truncated = true;
                return Ok(Walk::Stop);
            }
            commits.push(Logged::new(info, trailers));
            Ok(Walk::On)
        })?;
        Ok(Report::Log(Shown { count: commits.len(), commits, truncated }))
    }
}
