//! Taking another tracker's history into this one: the ref moves on to it, or to a merge with it.

use crate::domain::event::Event;
use crate::steps;

use super::merge::join;
use super::{Backend, CommitId, StoreError, StoreResult, Unpublished, ancestry};

/// What became of a history that was to be taken in.
#[derive(Debug)]
pub enum Taken {
    /// It was part of this one already.
    Nothing,
    /// This one was part of it: the ref moved on.
    Forward,
    /// Both had something of their own: a merge, and what it says.
    Merged(Vec<Event>),
}

/// How often a lost swap is tried again before giving up.
const ATTEMPTS: usize = 1000;

/// Takes the history of `theirs` in, so that the ref's commit builds on it. Gives the ref's commit.
///
/// `forward` makes the record of a ref that moves on to a commit that is there already.
pub fn take_in<B: Backend>(
    store: &B,
    theirs: &CommitId,
    forward: &dyn Fn(&CommitId, Option<&CommitId>) -> StoreResult<Unpublished>,
) -> StoreResult<(CommitId, Taken)> {
    let _turn = store.queue()?;
    steps::reached("queued");
    for _ in 0..ATTEMPTS {
        let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
        if ancestry::is_ancestor(store, theirs, &tip)? {
            return Ok((tip, Taken::Nothing));
        }
        let (commit, taken) = if ancestry::is_ancestor(store, &tip, theirs)? {
            (forward(theirs, Some(&tip))?, Taken::Forward)
        } else {
            let joined = join(store, &tip, theirs)?;
            let written = store.write(joined.commit())?;
            (Unpublished { parent: Some(tip), ..written }, Taken::Merged(joined.events))
        };
        match store.publish(commit) {
            Err(StoreError::Moved) => {}
            published => return Ok((published?, taken)),
        }
    }
    Err(StoreError::Busy { what: "the tracker's ref, which others kept moving".to_owned(), age: None, file: None })
}
