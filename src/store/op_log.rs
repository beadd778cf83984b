//! Finding an operation by the key its caller gave it.
//!
//! The keys stand in the commit messages. A folder `ops/` beside the other local files remembers where:
//! a file a key holding the commit's id, and `upto`, the commit up to which the history was read. All of
//! it is derived: deleting the folder costs one walk through the history.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::domain::name::OpId;

use super::message::Trailers;
use super::{Backend, CommitId, CommitInfo, StoreError, StoreResult, Walk};

/// The file that names the commit up to which the history was read.
const UPTO: &str = "upto";

/// The commit, in the history of `tip`, that carries `op_id`.
///
/// Reads the commits made since the last search: all of them the first time.
pub fn find<B: Backend>(store: &B, tip: &CommitId, op_id: &OpId) -> StoreResult<Option<CommitInfo>> {
    let Some(dir) = store.state_dir().map(|dir| dir.join("ops")) else {
        return find_by_walking(store, tip, op_id);
    };
    match known(store, tip, &dir.join(UPTO)) {
        Some(upto) if upto == *tip => {}
        // What cannot be written down is looked for instead.
        upto if catch_up(store, tip, upto.as_ref(), &dir).is_err() => return find_by_walking(store, tip, op_id),
        _ => {}
    }
    let file = dir.join(file_name(op_id.as_str()));
    let commit = match read_id(&file) {
        Some(commit) => commit,
        None if file.exists() => return find_by_walking(store, tip, op_id),
        None => return Ok(None),
    };
    // The folder is not trusted: the commit must be there, carry the key, and belong to this history.
    let Ok(info) = store.info(&commit) else { return find_by_walking(store, tip, op_id) };
    let carries = Trailers::parse(&info.message).op_id.as_deref() == Some(op_id.as_str());
    if carries && is_ancestor(store, &commit, tip)? { Ok(Some(info)) } else { find_by_walking(store, tip, op_id) }
}

fn find_by_walking<B: Backend>(store: &B, tip: &CommitId, op_id: &OpId) -> StoreResult<Option<CommitInfo>> {
    let mut found = None;
    store.walk(tip, None, &mut |info| {
        if Trailers::parse(&info.message).op_id.as_deref() == Some(op_id.as_str()) {
            found = Some(info);
            return Ok(Walk::Stop);
        }
        Ok(Walk::On)
    })?;
    Ok(found)
}

/// The commit up to which the history was read, if it is part of the history of `tip`.
fn known<B: Backend>(store: &B, tip: &CommitId, upto: &Path) -> Option<CommitId> {
    let upto = read_id(upto)?;
    is_ancestor(store, &upto, tip).ok()?.then_some(upto)
}

fn catch_up<B: Backend>(store: &B, tip: &CommitId, upto: Option<&CommitId>, dir: &Path) -> StoreResult<()> {
    fs::create_dir_all(dir).map_err(StoreError::io(format!("creating {}", dir.display())))?;
    let write = |path: PathBuf, id: &CommitId| {
        fs::write(&path, id.to_string()).map_err(StoreError::io(format!("writing {}", path.display())))
    };
    store.walk(tip, upto, &mut |info| {
        if let Some(op_id) = Trailers::parse(&info.message).op_id {
            write(dir.join(file_name(&op_id)), &info.id)?;
        }
        Ok(Walk::On)
    })?;
    write(dir.join(UPTO), tip)
}

/// A file name for a key that may hold any character.
fn file_name(op_id: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, op_id.as_bytes()).simple().to_string()
}

fn read_id(path: &Path) -> Option<CommitId> {
    let text = fs::read_to_string(path).ok()?;
    let valid = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then_some(CommitId(text))
}

fn is_ancestor<B: Backend>(store: &B, commit: &CommitId, tip: &CommitId) -> StoreResult<bool> {
    if commit == tip {
        return Ok(true);
    }
    let mut found = false;
    store.walk(tip, None, &mut |info| {
        found = info.id == *commit;
        Ok(if found { Walk::Stop } else { Walk::On })
    })?;
    Ok(found)
}
