//! Looking at what comes from elsewhere before it becomes part of this tracker.
//!
//! Nothing from a remote is trusted: names, kinds and sizes of objects, documents, times. Only what differs from
//! what is here already is looked at.

use std::collections::BTreeSet;

use crate::domain::event::Event;
use crate::domain::id::{IssueId, issue_of_path};
use crate::domain::invariants::broken;
use crate::domain::issue::Issue;
use crate::domain::merge::closes_circle;
use crate::domain::name::GateKey;
use crate::domain::snapshot::{Read, Snapshot};

use super::codec::{decode_issue, unreadable};
use super::layout::{CONFIG_FILE, EVENTS, EVENTS_FILE, FORMAT_FILE, GATES, ISSUES};
use super::snapshot::TreeSnapshot;
use super::{Backend, CommitId, CommitInfo, EntryKind, StoreResult, Tree, ancestry, by_issue, events, transact};

/// Refuses a history that cannot become part of this tracker, and names the object.
///
/// `ours` is the commit it is to join; `None` when there is none yet. Reads the documents that differ, and the
/// events of every new commit.
pub fn vet<B: Backend>(store: &B, ours: Option<&CommitId>, theirs: &CommitId) -> StoreResult<()> {
    let state = transact::open(store, theirs)?;
    for info in ancestry::between(store, theirs, ours.map_or(&[], std::slice::from_ref))? {
        check_commit(store, &info)?;
    }
    // What both had when they parted was looked at then.
    let bases = ours.map(|ours| ancestry::merge_bases(store, ours, theirs)).transpose()?.unwrap_or_default();
    let before = bases.first().map(|base| transact::open(store, base)).transpose()?;
    check_tree(before.as_ref(), &state)
}

/// No clock shows the first moment of the year 9000, in milliseconds; a commit that does would leave no later time to others.
const NO_CLOCK: i64 = 221_845_392_000_000;

/// Refuses a commit that is not younger than its parents, or of no possible time, or whose events cannot be read.
pub fn check_commit<B: Backend>(store: &B, info: &CommitInfo) -> StoreResult<Vec<Event>> {
    if info.time.millis() > NO_CLOCK {
        return Err(unreadable(&format!("commit {}", info.id), "is of a time that no clock shows").into());
    }
    for parent in &info.parents {
        if store.info(parent)?.time >= info.time {
            return Err(unreadable(&format!("commit {}", info.id), "is not younger than its parents").into());
        }
    }
    let tree = store.tree(&info.id)?;
    Ok(events::all(&tree, &info.id)?)
}

/// Refuses a tree in which something that differs from `before` is not as it must be.
pub fn check_tree<T: Tree>(before: Option<&TreeSnapshot<T>>, state: &TreeSnapshot<T>) -> StoreResult<()> {
    check_root(state)?;
    let tree = state.tree();
    let empty = tree.empty();
    let base = before.map_or(&empty, TreeSnapshot::tree);
    let mut changed = BTreeSet::new();
    let differences = base.diff(tree, ISSUES)?;
    for difference in &differences {
        let path = &difference.path;
        match &difference.new {
            Some(id) => {
                let issue = issue_of_path(path).ok_or_else(|| unreadable(path, "is not an issue's document"))?;
                if super::layout::issue_path(issue, state.format().fanout) != *path {
                    return Err(unreadable(path, "stands in the wrong folder").into());
                }
                check_issue(path, &decode_issue(path, issue, &tree.read(path, id)?)?)?;
                changed.insert(issue);
            }
            // A folder in place of a file looks the same here, and holds no document then.
            None if tree.entry(path)?.is_some_and(|entry| entry.kind == EntryKind::Other) => {
                return Err(unreadable(path, "is not a regular file").into());
            }
            None => {}
        }
    }
    let gone = by_issue(differences).into_iter().find(|(_, (old, new))| old.is_some() && new.is_none());
    if let Some((id, _)) = gone {
        return Err(unreadable(&id.to_string(), "is gone; an issue that is deleted leaves its document").into());
    }
    check_gates(base, state)?;
    state.settings()?;
    Ok(check_dependencies(before, state, &changed)?)
}

fn check_root<T: Tree>(state: &TreeSnapshot<T>) -> Read<()> {
    for entry in state.tree().list("")? {
        let right = match entry.name.as_str() {
            ISSUES | GATES | EVENTS => entry.kind == EntryKind::Folder,
            FORMAT_FILE | CONFIG_FILE | EVENTS_FILE => entry.kind == EntryKind::File,
            // A later version may keep more, under names that can be files.
            name => entry.kind != EntryKind::Other && !name.contains(['/', '\\', '\0']) && !name.starts_with('.'),
        };
        if !right {
            return Err(unreadable(&entry.name, "does not belong into a tracker"));
        }
    }
    Ok(())
}

fn check_issue(path: &str, issue: &Issue) -> Read<()> {
    match broken(issue).into_iter().next() {
        Some(fault) => Err(unreadable(path, fault)),
        None => Ok(()),
    }
}

fn check_gates<T: Tree>(base: &T, state: &TreeSnapshot<T>) -> Read<()> {
    for difference in base.diff(state.tree(), GATES)? {
        let path = &difference.path;
        let name = path.strip_prefix(GATES).and_then(|name| name.strip_prefix('/')?.strip_suffix(".json"));
        let key = name.and_then(|name| name.parse::<GateKey>().ok());
        let key = key.ok_or_else(|| unreadable(path, "its name is not a gate's: a key and `.json`"))?;
        state.gate(&key)?;
    }
    Ok(())
}

/// Refuses new dependencies on issues that are not there, and those that close a circle.
fn check_dependencies<T: Tree>(
    before: Option<&TreeSnapshot<T>>,
    state: &TreeSnapshot<T>,
    changed: &BTreeSet<IssueId>,
) -> Read<()> {
    let mut new = Vec::new();
    for id in changed {
        let Some(issue) = state.issue(*id)?.filter(|issue| issue.deleted.is_none()) else { continue };
        let known = before.map(|before| before.issue(*id)).transpose()?.flatten();
        let known = known.filter(|known| known.deleted.is_none());
        for on in &issue.dependencies {
            if known.as_ref().is_some_and(|known| known.dependencies.contains(on)) {
                continue;
            }
            if !changed.contains(on) && state.issue(*on)?.is_none() {
                return Err(unreadable(&id.to_string(), format!("depends on {on}, which does not exist")));
            }
            new.push((*id, *on));
        }
    }
    match closes_circle(state, &new)? {
        Some(id) => Err(unreadable(&id.to_string(), "waits for itself")),
        None => Ok(()),
    }
}
