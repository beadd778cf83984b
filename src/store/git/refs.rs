//! The ref that holds the tracker: reading it, and the compare-and-swap.
//!
//! gix's own ref transaction is not used: it compares with a snapshot of `packed-refs` that may be
//! stale, and takes `packed-refs.lock`, which a killed process leaves behind for everybody. Here the
//! ref's own lock file is taken, as git takes it, and the ref is read again under it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::git_process::Git;
use crate::steps;
use crate::store::{CommitId, StoreError, StoreResult, Unpublished};

use super::objects::Durability;
use super::ref_lock::{RefLock, lock_path};
use super::sharing::Sharing;

/// Access to the tracker's ref.
#[derive(Clone)]
pub struct Refs {
    pub(super) name: String,
    pub(super) common_dir: PathBuf,
    pub(super) state_dir: PathBuf,
    pub(super) loose: PathBuf,
    /// git itself, for repositories that keep refs in a format only git reads.
    pub(super) reftable: Option<Git>,
    pub(super) durability: Durability,
    pub(super) sharing: Sharing,
}

impl Refs {
    /// Prepares access to `name` in the repository at `common_dir`.
    pub fn new(
        common_dir: &Path,
        state_dir: &Path,
        name: &str,
        reftable: Option<Git>,
        (durability, sharing): (Durability, Sharing),
    ) -> StoreResult<Self> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            common_dir: common_dir.to_owned(),
            state_dir: state_dir.to_owned(),
            loose: common_dir.join(name),
            reftable,
            durability,
            sharing,
        })
    }

    /// The ref's full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Folders in which something changes when the ref does: its own, and the one of packed refs.
    pub fn folders(&self) -> Vec<PathBuf> {
        match &self.reftable {
            Some(_) => vec![self.common_dir.join("reftable")],
            None => self.loose.parent().map(Path::to_owned).into_iter().chain([self.common_dir.clone()]).collect(),
        }
    }

    /// The commit the ref points to.
    pub fn read(&self) -> StoreResult<Option<CommitId>> {
        if self.reftable.is_none() && lock_path(&self.loose).exists() {
            // A lock of a dead writer would keep git out until the next change; reading clears it too.
            self.clear_dead_locks();
        }
        self.read_quietly()
    }

    /// git, where refs are kept in a format only git reads.
    pub fn git(&self) -> Option<&Git> {
        self.reftable.as_ref()
    }

    /// The commit the ref points to. Leaves locks as they are.
    pub fn read_quietly(&self) -> StoreResult<Option<CommitId>> {
        if let Some(git) = &self.reftable {
            return Ok(git.rev_parse(&self.name)?.map(CommitId));
        }
        // While refs are packed, the loose file goes away after the packed one has the value: what is
        // found in neither may just have been written anew, so the loose file is looked at once more.
        if let Some(id) = self.read_loose()? {
            return Ok(Some(id));
        }
        match self.read_packed()? {
            Some(id) => Ok(Some(self.read_loose()?.unwrap_or(id))),
            None => self.read_loose(),
        }
    }

    fn read_loose(&self) -> StoreResult<Option<CommitId>> {
        match fs::read_to_string(&self.loose) {
            Ok(text) => self.parse(&text).map(Some),
            Err(why) if is_absence(&why) => Ok(None),
            Err(why) => Err(StoreError::Io { doing: format!("reading {}", self.name), source: why }),
        }
    }

    fn read_packed(&self) -> StoreResult<Option<CommitId>> {
        let text = match fs::read_to_string(self.common_dir.join("packed-refs")) {
            Ok(text) => text,
            Err(why) if is_absence(&why) => return Ok(None),
            Err(why) => return Err(StoreError::Io { doing: "reading packed-refs".to_owned(), source: why }),
        };
        let line = text.lines().find_map(|line| line.strip_suffix(&self.name)?.strip_suffix(' '));
        line.map(|id| self.parse(id)).transpose()
    }

    fn parse(&self, text: &str) -> StoreResult<CommitId> {
        let id = text.trim_end();
        if matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(CommitId(id.to_owned()));
        }
        let why = if id.starts_with("ref:") { "is a symbolic ref; it must be a direct one" } else { "holds no id" };
        Err(StoreError::Unreadable(crate::store::codec::unreadable(&self.name, why)))
    }

    /// Points the ref to `commit` if it still points to the commit's parent.
    pub fn swap(&self, commit: &Unpublished) -> StoreResult<()> {
        if let Some(git) = &self.reftable {
            return self.swap_by_git(git, commit);
        }
        let lock = RefLock::take(self, &commit.id)?;
        steps::reached("ref-locked");
        if self.read()? != commit.parent {
            return Err(StoreError::Moved);
        }
        self.append_reflog(commit)?;
        steps::reached("reflog-written");
        lock.commit(self)?;
        steps::reached("ref-moved");
        Ok(())
    }

    /// Points the ref to `commit` whatever it holds. Only for mending.
    pub fn set(&self, commit: &Unpublished) -> StoreResult<()> {
        if let Some(git) = &self.reftable {
            return self.swap_by_git(git, commit);
        }
        let lock = RefLock::take(self, &commit.id)?;
        self.append_reflog(commit)?;
        lock.commit(self)
    }

    fn swap_by_git(&self, git: &Git, commit: &Unpublished) -> StoreResult<()> {
        let old = commit.parent.as_ref().map(|parent| parent.0.as_str());
        let identity = (commit.author.0.as_str(), commit.author.1.as_str());
        match git.update_ref(&self.name, &commit.id.0, old, &commit.subject, identity) {
            Ok(()) => Ok(()),
            // What the ref holds counts, not how git ended.
            Err(why) => match self.read()? {
                Some(now) if now == commit.id => Ok(()),
                now if now != commit.parent => Err(StoreError::Moved),
                _ => Err(why),
            },
        }
    }

    fn reflog(&self) -> PathBuf {
        self.common_dir.join("logs").join(&self.name)
    }

    /// git keeps no reflog for such refs by itself, so it is written here.
    fn append_reflog(&self, commit: &Unpublished) -> StoreResult<()> {
        let path = self.reflog();
        let open = || OpenOptions::new().create(true).append(true).open(&path);
        let fresh = !path.exists();
        let mut file = open()
            .or_else(|_| {
                let folder = path.parent().unwrap_or(&path);
                fs::create_dir_all(folder)?;
                self.sharing.folder(folder);
                open()
            })
            .map_err(StoreError::io("writing the reflog"))?;
        if fresh {
            self.sharing.file(&path);
        }
        let old = commit.parent.as_ref().map_or_else(|| "0".repeat(commit.id.0.len()), ToString::to_string);
        let (name, email) = &commit.author;
        let line =
            format!("{old} {} {name} <{email}> {} +0000\t{}\n", commit.id, commit.time.seconds(), commit.subject);
        file.write_all(line.as_bytes()).map_err(StoreError::io("writing the reflog"))
    }

    /// Ids the ref held before, newest first, as far as the reflog goes back.
    pub fn earlier_tips(&self) -> Vec<CommitId> {
        let text = fs::read_to_string(self.reflog()).unwrap_or_default();
        text.lines().rev().filter_map(|line| self.parse(line.split(' ').nth(1)?).ok()).collect()
    }
}

/// Refuses names that git uses for something else, or cannot use.
pub fn check_name(name: &str) -> StoreResult<()> {
    let taken = ["refs/heads/", "refs/tags/", "refs/worktree/", "refs/bisect/", "refs/remotes/", "refs/replace/"];
    let valid = name.starts_with("refs/")
        && gix::validate::reference::name(name.into()).is_ok()
        && !taken.iter().any(|taken| name.starts_with(taken));
    if valid {
        return Ok(());
    }
    let why = "write the full name of a ref that is not a branch, tag or remote's, like refs/tracker/jit".to_owned();
    Err(StoreError::BadConfig { key: "jit.ref".to_owned(), value: name.to_owned(), why })
}

/// Refuses names under which no remote takes a push.
pub fn check_shared_name(name: &str) -> StoreResult<()> {
    let deep = name.strip_prefix("refs/").is_some_and(|rest| rest.contains('/'));
    let local = ["refs/jit-remotes/", "refs/remotes/", "refs/worktree/", "refs/bisect/", "refs/tracker/claims"];
    if deep && gix::validate::reference::name(name.into()).is_ok() && !local.iter().any(|local| name.starts_with(local))
    {
        return Ok(());
    }
    let why = "write the full name of a ref that is pushed to, like refs/tracker/jit or refs/heads/jit".to_owned();
    Err(StoreError::BadConfig { key: "jit.remoteRef".to_owned(), value: name.to_owned(), why })
}

fn is_absence(why: &std::io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}
