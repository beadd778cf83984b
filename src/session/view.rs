//! States of the tracker: at its tip, at a commit, at a time.

use std::rc::Rc;

use crate::domain::snapshot::Snapshot;
use crate::domain::table::Table;
use crate::domain::time::{Timestamp, parse_moment};
use crate::error::{Class, Error, Result};
use crate::store::git::GitTree;
use crate::store::history::{self, Past};
use crate::store::snapshot::TreeSnapshot;
use crate::store::transact;
use crate::store::{Backend, CommitId, StoreError};

use super::Session;

/// The state at one commit.
pub struct View {
    /// The commit.
    pub commit: CommitId,
    /// The state.
    pub state: TreeSnapshot<GitTree>,
}

impl Session {
    /// The state at the tip.
    pub fn view(&self) -> Result<View> {
        let commit = self.store.tip()?.ok_or_else(|| self.absence())?;
        let mut view = self.view_at(commit)?;
        view.state.keep_index();
        Ok(view)
    }

    /// Why there is no tracker: there never was one, or its ref was lost.
    pub fn absence(&self) -> StoreError {
        let usable = |commit: &CommitId| transact::open(&self.store, commit).is_ok();
        if self.traces().iter().any(usable) { StoreError::Lost } else { StoreError::NotInitialised }
    }

    /// Commits that the tracker's ref is known to have held: those of its reflog, and the one that the
    /// mirror shows.
    pub fn traces(&self) -> Vec<CommitId> {
        let mut traces = self.store.earlier_tips();
        traces.extend(self.mirror().and_then(|mirror| mirror.shown(self.store.ref_name())));
        traces
    }

    /// The state at the commit that the caller names.
    pub fn view_named(&self, revision: &str) -> Result<View> {
        let commit = self.store.resolve(revision)?;
        match transact::open(&self.store, &commit) {
            // A commit without a tracker is the wrong commit, not a damaged one.
            Err(StoreError::Unreadable(_)) => Err(StoreError::NoRevision(revision.to_owned()).into()),
            opened => Ok(View { commit, state: opened? }),
        }
    }

    /// A summary of every issue of a state, with a notice for each object that could not be read.
    pub fn table(&self, state: &dyn Snapshot) -> Result<Rc<Table>> {
        let table = state.table().map_err(StoreError::from)?;
        for damaged in table.damaged() {
            self.notice(format!("passed over {damaged}; jit fsck says more"));
        }
        Ok(table)
    }

    /// The state at a commit.
    pub fn view_at(&self, commit: CommitId) -> Result<View> {
        let state = transact::open(&self.store, &commit)?;
        Ok(View { commit, state })
    }

    /// The state that the caller asks for: at a revision of git, or at a time. A day means its first moment (UTC), a span
    /// so long before now. What reads as a time is one.
    pub fn view_of(&self, when: &str) -> Result<View> {
        match parse_moment(when, self.now()) {
            Ok(time) => self.view_as_of(time),
            Err(_) => self.view_named(when).map_err(|error| match error.code {
                "revision_not_found" => error.hint("name a commit of refs/jit (jit log lists them), a day (2026-01-31), a span back from now (2h) or an RFC 3339 time"),
                _ => error,
            }),
        }
    }

    /// The state at a time: that of the newest commit which is not younger.
    fn view_as_of(&self, time: Timestamp) -> Result<View> {
        let tip = self.store.tip()?.ok_or_else(|| self.absence())?;
        match history::as_of(&self.store, &tip, time)? {
            Past::At { commit, beside } => {
                if beside > 0 {
                    let others =
                        if beside == 1 { "another history".to_owned() } else { format!("{beside} other histories") };
                    self.notice(format!("{others} ran beside this one at {time}, joined later"));
                }
                self.view_at(commit)
            }
            Past::Before(beginning) => {
                let message = format!("there was no tracker at {time}: it begins at {beginning}");
                Err(Error::new(Class::NotFound, "before_the_beginning", message).hint("jit log"))
            }
        }
    }
}
