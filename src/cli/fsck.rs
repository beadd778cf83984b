//! `jit fsck`.

use clap::Args;

use crate::error::Result;
use crate::recovery::{recover, recover_ref};
use crate::report::Report;
use crate::report::admin::{Fsck as Health, Problem};
use crate::session::Session;
use crate::store::fsck::{Findings, check};
use crate::store::{Backend, CommitId, StoreError, StoreResult};

/// Check the tracker: every document, how they fit together, and that the events tell the same story
///
/// Exits 1 when something is wrong. With --repair, objects that are missing are looked for in the mirror
/// and on remotes, and when the ref's own commit is lost the ref goes back to the newest whole one of its
/// reflog. Reads every issue and every event.
#[derive(Args, Debug)]
pub struct Fsck {
    /// Restore what can be restored
    #[arg(long)]
    repair: bool,
}

impl Fsck {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let mut repaired = Vec::new();
        let mut commit = session.store.tip();
        // A ref that could not be looked at for another reason is left alone.
        if self.repair && matches!(commit, Ok(None) | Err(StoreError::Unreadable(_))) {
            repaired = recover_ref(session)?;
            commit = session.store.tip();
        }
        let commit = commit?.ok_or_else(|| session.absence())?;
        let (commit, findings) = self.look_and_mend(session, commit, &mut repaired)?;
        let mut problems: Vec<Problem> =
            findings.problems.into_iter().map(|(object, problem)| Problem { object, problem }).collect();
        problems.sort();
        problems.dedup();
        Ok(Report::Fsck(Health {
            clean: problems.is_empty(),
            commit: Some(commit.0),
            commits: findings.commits,
            events: findings.events,
            issues: findings.issues,
            problems,
            repaired,
        }))
    }
}

impl Fsck {
    /// Looks, mends when that is wanted and needed, and looks again.
    fn look_and_mend(
        &self,
        session: &Session,
        commit: CommitId,
        repaired: &mut Vec<String>,
    ) -> Result<(CommitId, Findings)> {
        let findings = look(session, &commit)?;
        if !self.repair || findings.problems.is_empty() {
            return Ok((commit, findings));
        }
        repaired.extend(recover(session, &commit)?);
        // What was found missing is remembered by this session: another one sees what is there now.
        let again = session.reopen()?;
        let commit = again.store.tip()?.ok_or(StoreError::NotInitialised)?;
        let findings = look(&again, &commit)?;
        Ok((commit, findings))
    }
}

fn look(session: &Session, commit: &CommitId) -> StoreResult<Findings> {
    match check(&session.store, commit, &*session.progress) {
        // What keeps the tracker from being opened is a finding too.
        Err(StoreError::Unreadable(why)) => {
            Ok(Findings { problems: vec![(why.object, why.why)], ..Findings::default() })
        }
        other => other,
    }
}
