//! The past: events and versions, read from the chain of commits.

use crate::domain::event::Event;
use crate::domain::id::IssueId;
use crate::domain::snapshot::Read;

use super::codec::{decode, unreadable};
use super::layout::EVENTS_FILE;
use super::message::{self, Mention};
use super::snapshot::read_file;
use super::{Backend, CommitId, CommitInfo, StoreResult, Tree, Walk};

/// The events of a commit.
pub fn events_of<T: Tree>(tree: &T, commit: &CommitId) -> Read<Vec<Event>> {
    let object = format!("{EVENTS_FILE} of {}", commit.short());
    let bytes = read_file(tree, EVENTS_FILE)?.ok_or_else(|| unreadable(&object, "missing"))?;
    decode(&object, &bytes)
}

/// A commit of the tracker with its events, oldest first.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The commit.
    pub info: CommitInfo,
    /// Its events.
    pub events: Vec<Event>,
}

/// Walks from `from` into the past and hands out each commit with its events, while `visit` wants more.
///
/// With `issue`, commits that cannot concern it are passed over by their message alone.
pub fn walk_events<B: Backend>(
    store: &B,
    from: &CommitId,
    hidden: Option<&CommitId>,
    issue: Option<IssueId>,
    visit: &mut dyn FnMut(Recorded) -> StoreResult<Walk>,
) -> StoreResult<()> {
    store.walk(from, hidden, &mut |info| {
        if issue.is_some_and(|id| message::mentions(&info.message, id) == Mention::No) {
            return Ok(Walk::On);
        }
        let mut events = events_of(&store.tree(&info.id)?, &info.id)?;
        if let Some(id) = issue {
            events.retain(|event| event.issue == Some(id));
            if events.is_empty() {
                return Ok(Walk::On);
            }
        }
        visit(Recorded { info, events })
    })
}

/// The newest `count` events that `wanted` accepts, oldest first, each with its commit.
pub fn last_events<B: Backend>(
    store: &B,
    from: &CommitId,
    count: usize,
    issue: Option<IssueId>,
    wanted: &mut dyn FnMut(&Event) -> Wanted,
) -> StoreResult<Vec<(CommitId, Event)>> {
    let mut found = Vec::new();
    if count == 0 {
        return Ok(found);
    }
    walk_events(store, from, None, issue, &mut |recorded| {
        for event in recorded.events.into_iter().rev() {
            match wanted(&event) {
                Wanted::Yes => found.push((recorded.info.id.clone(), event)),
                Wanted::No => {}
                Wanted::NoMore => return Ok(Walk::Stop),
            }
            if found.len() == count {
                return Ok(Walk::Stop);
            }
        }
        Ok(Walk::On)
    })?;
    found.reverse();
    Ok(found)
}

/// What a search for events thinks of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is wanted.
    Yes,
    /// It is not.
    No,
    /// It is not, and neither is any older one.
    NoMore,
}

/// The events after `since` up to `to`, oldest first. With `None`, from the beginning.
pub fn events_between<B: Backend>(store: &B, since: Option<&CommitId>, to: &CommitId) -> StoreResult<Vec<Recorded>> {
    let mut found = Vec::new();
    walk_events(store, to, since, None, &mut |recorded| {
        found.push(recorded);
        Ok(Walk::On)
    })?;
    found.reverse();
    Ok(found)
}
