//! Where checks run: the work tree at hand, or a clean one made for a tree.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Class, Error, Result};
use crate::file_lock::{self, FileLock};
use crate::git_process::Git;
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
    /// One of its own for this commit, made when it is first needed.
    Made { commit: String, made: OnceCell<Box<(Made, GitStore)>> },
}

impl Place {
    /// The work tree at hand.
    pub fn here(store: &GitStore) -> Result<Self> {
        let top = store.work_tree().ok_or_else(|| {
            Error::new(Class::NotFound, "no_work_tree", "this repository has no work tree in which a gate could run")
                .hint("go into one of its work trees; git worktree list")
        })?;
        Ok(Self { head: store.evidence()?, kind: Kind::Here(top) })
    }

    /// A clean work tree for a commit with this tree, gone with this value. Submodules that are at hand are there
    /// too.
    pub fn for_commit(commit: &str, tree: &str) -> Self {
        let (commit, tree) = (commit.to_owned(), Some(tree.to_owned()));
        let head = Head { commit: Some(commit.clone()), tree, changed: Vec::new() };
        Self { head, kind: Kind::Made { commit, made: OnceCell::new() } }
    }

    /// A clean work tree for a tree that is not committed yet; see [`Place::for_commit`].
    pub fn for_tree(store: &GitStore, tree: &str) -> Result<Self> {
        let head = store.head_commit();
        let mut place = Self::for_commit(&store.git().loose_commit(tree, head.as_deref())?, tree);
        // What is checked out there is nobody's commit.
        place.head.commit = head;
        Ok(place)
    }

    /// The top of the work tree.
    pub fn top(&self, store: &GitStore) -> Result<&Path> {
        match &self.kind {
            Kind::Here(top) => Ok(top),
            Kind::Made { commit, made } => {
                if made.get().is_none() {
                    let new = Made::new(store, commit)?;
                    let opened = GitStore::open(&new.top, Some(&git_dir_of(&new.top)?))?;
                    // It is made by one thread, once.
                    let _ = made.set(Box::new((new, opened)));
                }
                Ok(&made.get().expect("it was just made").0.top)
            }
        }
    }

    /// Why the place does not hold what it held in the beginning any more, if so.
    pub fn moved(&self, store: &GitStore) -> Result<Option<String>> {
        let now = match &self.kind {
            Kind::Here(_) => store.evidence()?,
            Kind::Made { made, .. } => match made.get() {
                Some(made) => made.1.evidence()?,
                None => return Ok(None),
            },
        };
        if now.tree == self.head.tree {
            return Ok(None);
        }
        let new = now.changed.iter().filter(|entry| !self.head.changed.contains(entry));
        let names: Vec<&str> = new.map(|entry| entry.path.as_str()).take(3).collect();
        let which = if names.is_empty() { "files that differ from the commit".to_owned() } else { names.join(", ") };
        Ok(Some(format!("the work tree changed under it: {which}")))
    }
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
        fs::write(&file, made.as_os_str().as_encoded_bytes()).map_err(doing())?;
        let mut made = Self { git: store.git(), top: made, submodules: Vec::new(), _dir: dir, file, _lock: lock };
        made.git.add_worktree(&made.top, commit)?;
        made.fill_submodules(&top, &made.top.clone(), &made.git.clone(), commit)?;
        Ok(made)
    }

    /// Puts the submodules of `commit` into `to` that are at hand in `from`, and theirs.
    fn fill_submodules(&mut self, from: &Path, to: &Path, git: &Git, commit: &str) -> StoreResult<()> {
        for (path, commit) in git.submodules(commit)? {
            let (source, target) = (from.join(&path), to.join(&path));
            let Ok(git_dir) = git_dir_of(&source) else { continue };
            let git = Git::in_work_tree(&git_dir, Some(&source));
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
    use std::os::unix::ffi::OsStringExt;
    let Ok(entries) = fs::read_dir(checks(store)) else { return };
    for entry in entries.flatten() {
        let Ok(_lock) = file_lock::lock(&entry.path(), std::time::Duration::ZERO) else { continue };
        let Ok(name) = fs::read(entry.path()) else { continue };
        let top = PathBuf::from(std::ffi::OsString::from_vec(name));
        // Only what was made for a check is ever removed.
        let folder = top.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let ours = folder.is_some_and(|name| name.starts_with(PREFIX) && entry.file_name() == name);
        if ours {
            let _ = store.git().remove_worktree(&top);
            let _ = fs::remove_dir_all(top.parent().unwrap_or(&top));
        }
        let _ = fs::remove_file(entry.path());
    }
}

/// The folder of a work tree's own state in its repository.
fn git_dir_of(top: &Path) -> StoreResult<PathBuf> {
    let link = top.join(".git");
    if link.is_dir() {
        return Ok(link);
    }
    let doing = || StoreError::io(format!("reading {}", link.display()));
    let text = fs::read_to_string(&link).map_err(doing())?;
    let target = text.trim_end().strip_prefix("gitdir: ").unwrap_or_default();
    Ok(top.join(target))
}
