//! What a hub asks of a history that is pushed to it.
//!
//! A plain commit is taken apart: its events must be lawful one by one, and its files exactly what they make of its
//! parent. A merge is made again: it must be the very commit that joining its parents gives.

use std::time::Duration;

use crate::domain::event::{Body, Event};
use crate::domain::lawful::{Broken, judge};
use crate::domain::snapshot::Overlay;
use crate::domain::time::Timestamp;
use crate::progress::Progress;

use super::transact::{Base, files};
use super::{
    Backend, CommitId, CommitInfo, FileChange, NewCommit, StoreError, ancestry, merge, message, transact, vet,
};

/// How far a commit may lie ahead of the hub's clock: what comes later must be later still, so that one far ahead would
/// stop all clocks.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a history is not taken.
#[derive(Debug)]
pub enum Verdict {
    /// A commit breaks a rule.
    Broken(CommitId, Broken),
    /// Something could not be read.
    Store(StoreError),
}

impl From<StoreError> for Verdict {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

/// Judges every commit of `new` that `old` does not have, the oldest first. `clock` is the hub's.
pub fn check<B: Backend>(
    store: &B,
    old: Option<&CommitId>,
    new: &CommitId,
    clock: Timestamp,
    progress: &dyn Progress,
) -> Result<(), Verdict> {
    let broken = |rule, why: &str| Verdict::Broken(new.clone(), Broken { rule, why: why.to_owned() });
    if let Some(old) = old
        && !ancestry::is_ancestor(store, old, new)?
    {
        return Err(broken("fast-forward", "it does not build on what is here; jit sync joins both"));
    }
    let mut commits = ancestry::between(store, new, old.map_or(&[], std::slice::from_ref))?;
    commits.reverse();
    progress.begin("checking", commits.len());
    for info in &commits {
        progress.step();
        let events = vet::check_commit(store, info).map_err(|why| unreadable(info, why))?;
        check_commit(store, info, &events, clock).map_err(|verdict| match verdict {
            Verdict::Store(why) => unreadable(info, why),
            broken => broken,
        })?;
    }
    progress.end();
    let before = old.map(|old| transact::open(store, old)).transpose()?;
    vet::check_tree(before.as_ref(), &transact::open(store, new)?).map_err(|why| match why {
        StoreError::Unreadable(why) => Verdict::Broken(new.clone(), why.into()),
        why => why.into(),
    })
}

/// What cannot be read of a commit is that commit's fault.
fn unreadable(info: &CommitInfo, why: StoreError) -> Verdict {
    match why {
        StoreError::Unreadable(why) => Verdict::Broken(info.id.clone(), why.into()),
        why => Verdict::Store(why),
    }
}

fn check_commit<B: Backend>(store: &B, info: &CommitInfo, events: &[Event], clock: Timestamp) -> Result<(), Verdict> {
    let broken = |rule, why: &str| Err(Verdict::Broken(info.id.clone(), Broken { rule, why: why.to_owned() }));
    match info.parents.as_slice() {
        [] | [_] => {}
        [one, other] => {
            let same = store.imagine(merge::join(store, one, other)?.commit())?.id;
            return match same == info.id {
                true => Ok(()),
                false => broken("merge", "it is not what joining its parents gives"),
            };
        }
        _ => return broken("merge", "it has more than two parents"),
    }
    if info.time > clock.plus(AHEAD) {
        return broken("time", "it lies more than a day ahead of the hub's clock");
    }
    if !message::tells(&info.message, events) {
        return broken("events-tell-all", "its message is not what its events make it");
    }
    if events.iter().any(|event| event.ts != info.time) {
        return broken("well-formed", "its events are of another time than itself");
    }
    let parent = info.parents.first();
    let fanout = events.iter().find_map(|event| match event.body() {
        Ok(Some(Body::TrackerRearranged(moved))) => Some(moved.to),
        _ => None,
    });
    let base = match parent {
        Some(parent) => Base::at(store, parent.clone(), fanout)?,
        None => Base::none(),
    };
    let mut state = Overlay::new(base.snapshot());
    judge(&mut state, events, parent.is_none(), clock).map_err(|why| Verdict::Broken(info.id.clone(), why))?;
    let files: Vec<FileChange> = match files(&state, events, &base) {
        Ok(files) => files,
        Err(transact::Failure::Store(why)) => return Err(why.into()),
        Err(transact::Failure::Refused(_)) => return broken("well-formed", "a document is too large"),
    };
    let again = NewCommit {
        parent,
        joined: Vec::new(),
        files,
        moves: base.moves(),
        message: info.message.clone(),
        author: ("jit".to_owned(), "jit@localhost".to_owned()),
        time: info.time,
    };
    let again = store.imagine(again)?;
    match store.same_files(&again.id, &info.id)? {
        true => Ok(()),
        false => broken("events-tell-all", "its documents are not what its events make of the commit before"),
    }
}
