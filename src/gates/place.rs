//! Where checks run: the work tree at hand, or a clean one made for a tree.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Class, Error, Result};
use crate::file_lock::{self, FileLock};
use crate::git_process::{Git, StatusEntry, git_dir_of};
use crate::store::git::{GitStore, Head};
use crate::store::{StoreError, StoreResult};

/// A work tree that holds exactly one tree.
pub struct Place {
    /// What it holds.
    pub head: Head,
    kind: Kind,
}

enum Kind {
    /// The work tree at hand, with its top.
    Here(PathBuf),
    /// The work tree at hand where it holds the tree that is asked about, else one of its own.
    HereOrMade(OnceCell<Found>),
    /// One of its own for this commit, made when it is first needed.
    Made(String, OnceCell<Found>),
}

/// A place that was needed.
enum Found {
    /// The work tree at hand, and what differed from the commit in it.
    Here(PathBuf, Vec<StatusEntry>),
    Made(Box<(Made, GitStore)>),
}

impl Found {
    fn make(store: &GitStore, commit: &str) -> Result<Self> {
        let made = Made::new(store, commit)?;
        let opened = GitStore::open(&made.top, Some(&git_dir_of(&made.top)?))?;
        Ok(Found::Made(Box::new((made, opened))))
    }

    fn top(&self) -> &Path {
        match self {
            Found::Here(top, _) => top,
            Found::Made(made) => &made.0.top,
        }
    }
}

impl Place {
    /// The work tree at hand.
    pub fn here(store: &GitStore) -> Result<Self> {
        let top = top_of(store)?;
        Ok(Self { head: store.evidence()?, kind: Kind::Here(top) })
    }

    /// A work tree for a tree that is being committed: the one at hand where it holds nothing else, or a clean one,
    /// gone with this value. Submodules that are at hand are there too.
    pub fn for_tree(store: &GitStore, tree: &str) -> Self {
        let head = Head { commit: store.head_commit(), tree: Some(tree.to_owned()), ..Head::default() };
        Self { head, kind: Kind::HereOrMade(OnceCell::new()) }
    }

    /// A clean work tree for a commit with this tree; see [`Place::for_tree`].
    pub fn for_commit(commit: &str, tree: &str) -> Self {
        let head = Head { commit: Some(commit.to_owned()), tree: Some(tree.to_owned()), ..Head::default() };
        Self { head, kind: Kind::Made(commit.to_owned(), OnceCell::new()) }
    }

    /// The top of the work tree, which is made where it is not there yet.
    pub fn top(&self, store: &GitStore) -> Result<&Path> {
        let cell = match &self.kind {
            Kind::Here(top) => return Ok(top),
            Kind::HereOrMade(cell) | Kind::Made(_, cell) => cell,
        };
        if cell.get().is_none() {
            let found = self.find(store)?;
            // Nobody else looks for it: it is found by one thread, once.
            let _ = cell.set(found);
        }
        Ok(cell.get().expect("it was just found").top())
    }

    fn find(&self, store: &GitStore) -> Result<Found> {
        if let Kind::Made(commit, _) = &self.kind {
            return Found::make(store, commit);
        }
        let tree = self.head.tree.as_deref().unwrap_or_default();
        if let Some(top) = store.work_tree() {
            let here = store.evidence()?;
            if here.tree.as_deref() == Some(tree) {
                return Ok(Found::Here(top, here.changed));
            }
        }
        Found::make(store, &store.git().loose_commit(tree, self.head.commit.as_deref())?)
    }

    /// Why the place does not hold what it held in the beginning any more, if so.
    pub fn moved(&self, store: &GitStore) -> Result<Option<String>> {
        let (now, before) = match &self.kind {
            Kind::Here(_) => (store.evidence()?, &self.head.changed),
            Kind::HereOrMade(cell) | Kind::Made(_, cell) => match cell.get() {
                Some(Found::Made(made)) => (made.1.evidence()?, &self.head.changed),
                Some(Found::Here(_, before)) => (store.evidence()?, before),
                None => return Ok(None),
            },
        };
        if now.tree == self.head.tree {
            return Ok(None);
        }
        let new = now.changed.iter().filter(|entry| !before.contains(entry));
        let names: Vec<&str> = new.map(|entry| entry.path.as_str()).take(3).collect();
        let which = if names.is_empty() { "files that differ from the commit".to_owned() } else { names.join(", ") };
        Ok(Some(format!("the work tree changed under it: {which}")))
    }
}

fn top_of(store: &GitStore) -> Result<PathBuf> {
    store.work_tree().ok_or_else(|| {
        Error::new(Class::NotFound, "no_work_tree", "this repository has no work tree in which a gate could run")
            .hint("go into one of its work trees; git worktree list")
    })
}

/// How the folders begin that are made for checks.
const PREFIX: &str = "jit-check-";

/// A work tree made for checks. The file beside it names the folder and is locked while it is used, so that what
/// a kill leaves is told from what is in use.
struct Made {
    git: Git,
    top: PathBuf,
    submodules: Vec<(Git, PathBuf)>,
    _dir: TempDir,
    file: PathBuf,
    _lock: FileLock,
}

impl Made {
    fn new(store: &GitStore, commit: &str) -> Result<Self> {
        sweep(store);
        let doing = || StoreError::io("making a folder for a check");
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(doing())?;
        let top = store.work_tree().unwrap_or_else(|| store.common_dir().to_owned());
        let name = top.file_name().map_or_else(|| "tree".into(), |name| name.to_owned());
        let made = dir.path().canonicalize().map_err(doing())?.join(name);
        let file = checks(store).join(dir.path().file_name().unwrap_or_default());
        let lock = file_lock::lock(&file, std::time::Duration::ZERO)
            .map_err(|_| Error::new(Class::Outside, "busy", format!("{} is in use", file.display())))?;
        let mut made = Self { git: store.git(), top: made, submodules: Vec::new(), _dir: dir, file, _lock: lock };
        made.note(None, &made.top).map_err(doing())?;
        made.git.add_worktree(&made.top, commit)?;
        made.git.fill_sparse(&made.top)?;
        made.fill_submodules(&top, &made.top.clone(), &made.git.clone(), commit)?;
        Ok(made)
    }

    /// Notes in the file what is to be taken away: a work tree, and for a submodule's the repository it belongs to.
    fn note(&self, git_dir: Option<&Path>, top: &Path) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().append(true).open(&self.file)?;
        for path in [git_dir.unwrap_or(Path::new("")), top] {
            file.write_all(path.as_os_str().as_encoded_bytes())?;
            file.write_all(b"\0")?;
        }
        Ok(())
    }

    /// Puts the submodules of `commit` into `to` that are at hand in `from`, and theirs.
    fn fill_submodules(&mut self, from: &Path, to: &Path, git: &Git, commit: &str) -> StoreResult<()> {
        for (path, commit) in git.submodules(commit)? {
            let (source, target) = (from.join(&path), to.join(&path));
            let Ok(git_dir) = git_dir_of(&source) else { continue };
            let git = Git::in_work_tree(&git_dir, Some(&source));
            self.note(Some(&git_dir), &target).map_err(StoreError::io("noting a submodule"))?;
            git.add_worktree(&target, &commit)?;
            self.submodules.push((git.clone(), target.clone()));
            self.fill_submodules(&source, &target, &git, &commit)?;
        }
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What fails here is taken away by the next one.
        for (git, path) in self.submodules.iter().rev() {
            let _ = git.remove_worktree(path);
        }
        if self.git.remove_worktree(&self.top).is_ok() {
            let _ = fs::remove_file(&self.file);
        }
    }
}

fn checks(store: &GitStore) -> PathBuf {
    store.local_state().join("checks")
}

/// Takes away the work trees of checks that were killed.
pub fn sweep(store: &GitStore) {
    let Ok(entries) = fs::read_dir(checks(store)) else { return };
    for entry in entries.flatten() {
        let Ok(_lock) = file_lock::lock(&entry.path(), std::time::Duration::ZERO) else { continue };
        let Ok(noted) = fs::read(entry.path()) else { continue };
        let paths: Vec<PathBuf> = noted.split(|byte| *byte == 0).map(|path| OsStr::from_bytes(path).into()).collect();
        for pair in paths.chunks_exact(2).rev() {
            let (git_dir, top) = (&pair[0], &pair[1]);
            // Only what was made for this check is ever removed.
            let Some(root) = top.ancestors().find(|above| above.file_name() == Some(&entry.file_name())) else {
                continue;
            };
            if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
                continue;
            }
            let own = git_dir.as_os_str().is_empty();
            let git = if own { store.git() } else { Git::in_work_tree(git_dir, None) };
            let _ = git.remove_worktree(top);
            if own {
                let _ = fs::remove_dir_all(root);
            }
        }
        let _ = fs::remove_file(entry.path());
    }
}
