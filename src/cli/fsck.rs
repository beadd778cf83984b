//! `jit fsck`.

use clap::Args;

use crate::error::Result;
use crate::report::Report;
use crate::report::admin::{Fsck as Health, Problem};
use crate::session::Session;
use crate::store::fsck::{Findings, check};
use crate::store::{Backend, StoreError};

/// Check the tracker: every document, how they fit together, and that the events tell the same story
///
/// Exits 1 when something is wrong. Reads every issue and every event.
#[derive(Args, Debug)]
pub struct Fsck {}

impl Fsck {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let tip = session.store.tip()?.ok_or(StoreError::NotInitialised)?;
        let findings = match check(&session.store, &tip, &*session.progress) {
            // What keeps the tracker from being opened is a finding too.
            Err(StoreError::Unreadable(why)) => {
                Findings { problems: vec![(why.object, why.why)], ..Findings::default() }
            }
            other => other?,
        };
        let mut problems: Vec<Problem> =
            findings.problems.into_iter().map(|(object, problem)| Problem { object, problem }).collect();
        problems.sort();
        problems.dedup();
        Ok(Report::Fsck(Health {
            clean: problems.is_empty(),
            commit: Some(tip.0),
            commits: findings.commits,
            events: findings.events,
            issues: findings.issues,
            problems,
            repaired: Vec::new(),
        }))
    }
}
