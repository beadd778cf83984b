//! Refs besides the tracker's own: what was last seen of remotes, and what others pushed here.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::store::{CommitId, StoreResult};

use super::GitStore;
use super::refs::{Refs, check_shared_name};

/// Below it stands what was last seen of each remote.
const SEEN: &str = "refs/jit-remotes/";
/// No git command holds the lock of a ref for so long.
const LONG: Duration = Duration::from_secs(60);

impl GitStore {
    /// The ref under which remotes share the tracker: `jit.remoteRef`, else `refs/tracker/jit`.
    pub fn remote_ref(&self) -> StoreResult<String> {
        let name = self.config("jit.remoteRef").unwrap_or_else(|| super::DEFAULT_REMOTE_REF.to_owned());
        check_shared_name(&name)?;
        Ok(name)
    }

    /// The ref that holds what was last seen of a remote's tracker.
    pub fn seen_ref(&self, remote: &str) -> String {
        format!("{SEEN}{remote}")
    }

    /// What a ref points to.
    pub fn other_ref(&self, name: &str) -> StoreResult<Option<CommitId>> {
        self.refs.like(name).read_quietly()
    }

    /// The remotes whose tracker was seen, each with the commit.
    pub fn seen_remotes(&self) -> StoreResult<Vec<(String, CommitId)>> {
        self.refs_below(SEEN)
    }

    /// Takes away a lock on what was seen of a remote when it is old: git holds such a one for milliseconds. Whether
    /// there was one.
    pub fn remove_old_lock(&self, seen: &str) -> bool {
        let lock = self.common_dir.join(format!("{seen}.lock"));
        let age = fs::metadata(&lock).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        seen.starts_with(SEEN) && age.is_some_and(|age| age > LONG) && fs::remove_file(lock).is_ok()
    }

    /// The refs below `prefix`, named without it, each with what it points to.
    pub fn refs_below(&self, prefix: &str) -> StoreResult<Vec<(String, CommitId)>> {
        let mut names = Vec::new();
        match self.refs.git() {
            Some(git) => names.extend(git.refs_below(prefix)?),
            None => {
                below(&self.common_dir.join(prefix), "", &mut names);
                let packed = fs::read_to_string(self.common_dir.join("packed-refs")).unwrap_or_default();
                let packed = packed.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix(prefix));
                names.extend(packed.map(str::to_owned));
            }
        }
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            found.extend(self.other_ref(&format!("{prefix}{name}"))?.map(|id| (name, id)));
        }
        Ok(found)
    }

    /// What was lately seen of remotes and is not packed yet: a few looks at files. For hints only.
    pub fn lately_seen(&self) -> Vec<(String, CommitId)> {
        let mut names = Vec::new();
        below(&self.common_dir.join(SEEN), "", &mut names);
        let read = |name: String| self.other_ref(&self.seen_ref(&name)).ok().flatten().map(|id| (name, id));
        names.into_iter().filter_map(read).collect()
    }

    /// What others lately pushed to this repository as their shared tracker, where it is not its own. For hints only,
    /// like [`GitStore::lately_seen`].
    pub fn lately_pushed(&self) -> Option<CommitId> {
        let shared = self.remote_ref().ok().filter(|shared| shared != self.ref_name())?;
        let loose = self.common_dir.join(&shared).is_file();
        loose.then(|| self.other_ref(&shared).ok().flatten()).flatten()
    }
}

/// The names of all files below `dir`.
fn below(dir: &Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(".lock") {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&entry.path(), &format!("{prefix}{name}/"), names),
            Ok(kind) if kind.is_file() => names.push(format!("{prefix}{name}")),
            _ => {}
        }
    }
}

impl Refs {
    /// Another ref of the same repository.
    fn like(&self, name: &str) -> Self {
        Self { name: name.to_owned(), loose: self.common_dir.join(name), ..self.clone() }
    }
}
