//! Getting back what a tracker has lost: from the mirror, from a remote, from the reflog, in this order.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::session::Session;
use crate::store::layout::{CONFIG_FILE, EVENTS, EVENTS_FILE, GATES, ISSUES};
use crate::store::{Backend, CommitId, EntryKind, StoreError, Tree, issue_of_path, transact};
use crate::sync::{self, Remote};

/// Mends what can be mended of the tracker at `tip`, and says what was done.
///
/// Nothing that can be read is changed. The ref moves only when its commit cannot be used at all, and
/// then to the newest commit of the reflog that can; the reflog keeps the way back.
pub fn recover(session: &Session, tip: &CommitId) -> Result<Vec<String>> {
    let mut done = from_mirror(session, tip)?;
    if !is_whole(session, tip) {
        done.extend(from_remotes(session)?);
    }
    if transact::open(&session.store, tip).is_err() {
        done.extend(from_reflog(session, tip)?);
    }
    Ok(done)
}

/// Points a ref that is gone, or that holds no commit's id, to the newest commit it is known to have held.
pub fn recover_ref(session: &Session) -> Result<Vec<String>> {
    for id in session.traces() {
        if is_whole(session, &id) {
            let commit = session.existing(&id, None, "recovered: the ref was lost".to_owned())?;
            let _turn = session.store.queue()?;
            if matches!(session.store.tip(), Ok(Some(_))) {
                // Somebody was faster.
                return Ok(Vec::new());
            }
            session.store.set_ref(&commit)?;
            return Ok(vec![format!("the ref, set to {}", id.short())]);
        }
    }
    Ok(Vec::new())
}

/// Files of a commit whose content cannot be read; `None` when not even its folders can.
fn unreadable_files(session: &Session, commit: &CommitId) -> Option<Vec<String>> {
    let state = transact::open(&session.store, commit).ok()?;
    let mut found = Vec::new();
    let mut folders = vec![ISSUES.to_owned(), GATES.to_owned(), EVENTS.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in state.tree().list(&folder).ok()? {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                EntryKind::Folder => folders.push(path),
                EntryKind::File if state.tree().read(&path, &entry.id).is_err() => found.push(path),
                EntryKind::File | EntryKind::Other => {}
            }
        }
    }
    for file in [CONFIG_FILE, EVENTS_FILE] {
        if crate::store::snapshot::read_file(state.tree(), file).is_err() {
            found.push(file.to_owned());
        }
    }
    Some(found)
}

fn is_whole(session: &Session, commit: &CommitId) -> bool {
    unreadable_files(session, commit).is_some_and(|files| files.is_empty())
}

/// Writes objects anew whose bytes the mirror still has.
fn from_mirror(session: &Session, tip: &CommitId) -> Result<Vec<String>> {
    let (Some(mirror), Some(lost)) = (session.mirror(), unreadable_files(session, tip)) else {
        return Ok(Vec::new());
    };
    let tree = session.store.tree(tip)?;
    let mut done = Vec::new();
    for path in lost {
        let file = match issue_of_path(&path) {
            Some(id) => mirror.dir().join(format!("issues/{id}.json")),
            None => mirror.dir().join(&path),
        };
        let (Ok(content), Ok(Some(entry))) = (std::fs::read(file), tree.entry(&path)) else { continue };
        // The id is the proof: only the very bytes that were lost have it.
        if tree.id_of(&content) == entry.id {
            session.store.write_again(content)?;
            done.push(format!("{path}, from the mirror"));
        }
    }
    Ok(done)
}

/// Fetches everything again from remotes that share the tracker.
fn from_remotes(session: &Session) -> Result<Vec<String>> {
    let mut done = Vec::new();
    for name in session.store.remotes() {
        let remote = Remote::called(session, &name)?;
        if sync::fetch_again(&remote).unwrap_or(false) {
            done.push(format!("objects of {}, fetched again from {name}", remote.shared));
        }
    }
    Ok(done)
}

/// Goes back to the newest commit that can be read whole.
fn from_reflog(session: &Session, tip: &CommitId) -> Result<Vec<String>> {
    let mut tried = BTreeSet::from([tip.clone()]);
    let earlier = session.store.earlier_tips().into_iter().filter(|id| tried.insert(id.clone()));
    for id in earlier.collect::<Vec<_>>() {
        if is_whole(session, &id) {
            let subject = format!("recovered: {} cannot be read", tip.short());
            let commit = session.existing(&id, Some(tip), subject)?;
            let _turn = session.store.queue()?;
            return match session.store.publish(commit) {
                Ok(_) => Ok(vec![format!("the ref, back to {} from the reflog", id.short())]),
                // Somebody moved it meanwhile: there is nothing to mend any more.
                Err(StoreError::Moved) => Ok(Vec::new()),
                Err(why) => Err(why.into()),
            };
        }
    }
    Ok(Vec::new())
}
