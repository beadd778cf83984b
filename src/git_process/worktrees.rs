//! Linked worktrees that people and agents work in, and their branches.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, StoreResult};

use super::Git;

/// A work tree of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    /// Its top; of a bare repository the folder itself.
    pub path: PathBuf,
    /// The branch that is checked out, without `refs/heads/`; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit that is checked out.
    pub head: Option<String>,
    /// Whether git says that its folder is gone.
    pub gone: bool,
    /// Whether whoever was making it was cut off, or is still at it.
    pub half_made: bool,
}

impl Git {
    /// The folder that all work trees share.
    pub fn common_dir(&self) -> StoreResult<PathBuf> {
        let mut command = self.command(&["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        self.read("looking for the repository", &mut command).map(PathBuf::from)
    }

    /// The work trees of the repository, the main one first.
    pub fn worktrees(&self) -> StoreResult<Vec<Worktree>> {
        let doing = "listing worktrees";
        let output = self.run(doing, &mut self.command(&["worktree", "list", "--porcelain", "-z"]))?;
        if !output.status.success() {
            return Err(super::failed(doing, &output));
        }
        let mut found = parse_worktrees(&output.stdout);
        // Of one that is locked git does not say it.
        found.iter_mut().for_each(|tree| tree.gone |= !tree.path.exists());
        Ok(found)
    }

    /// Makes a linked worktree at `path` on `branch`, which is made at what is checked out here unless it is there.
    /// Hooks run as they do for `git worktree add`.
    pub fn add_branch_worktree(&self, path: &Path, branch: &str) -> StoreResult<()> {
        let mut command = self.command(&["worktree", "add", "--quiet"]);
        match self.rev_parse(&format!("refs/heads/{branch}"))? {
            Some(_) => command.arg(path).arg(branch),
            None => command.args(["-b", branch]).arg(path).arg("HEAD"),
        };
        self.read("making a worktree", &mut command).map(drop)
    }

    /// Takes a linked worktree away, unless git finds something in it that would be lost.
    pub fn remove_clean_worktree(&self, path: &Path) -> StoreResult<()> {
        self.read("removing a worktree", self.command(&["worktree", "remove"]).arg(path)).map(drop)
    }

    /// Whether another branch or tag than `branch` holds `commit`.
    pub fn is_held_elsewhere(&self, commit: &str, branch: Option<&str>) -> StoreResult<bool> {
        let contains = format!("--contains={commit}");
        let mut command = self.command(&["for-each-ref", "--count=2", "--format=%(refname)", &contains]);
        let names = self.read("looking for a commit", command.args(["refs/heads", "refs/remotes", "refs/tags"]))?;
        let own = branch.map(|branch| format!("refs/heads/{branch}"));
        Ok(names.lines().any(|name| Some(name) != own.as_deref()))
    }

    /// Whether one of these paths itself, however its letters are written, is part of the index.
    pub fn is_tracked(&self, paths: &[&Path]) -> StoreResult<bool> {
        let doing = "looking into the index";
        let specs =
            paths.iter().map(|path| [OsStr::new(":(top,icase,literal)"), path.as_os_str()].join(OsStr::new("")));
        let mut command = self.command(&["ls-files", "-z", "--"]);
        let output = self.run(doing, command.args(specs))?;
        if !output.status.success() {
            return Err(super::failed(doing, &output));
        }
        let lower = |bytes: &[u8]| bytes.to_ascii_lowercase();
        let wanted: Vec<Vec<u8>> = paths.iter().map(|path| lower(path.as_os_str().as_bytes())).collect();
        Ok(output.stdout.split(|byte| *byte == 0).any(|entry| wanted.contains(&lower(entry))))
    }

    /// Takes a branch away if it is at `commit`. It must be checked out nowhere.
    pub fn delete_branch(&self, branch: &str, commit: &str) -> StoreResult<()> {
        let name = format!("refs/heads/{branch}");
        self.read("deleting a branch", &mut self.command(&["update-ref", "-d", &name, commit])).map(drop)
    }
}

/// The folder of a work tree's own state in its repository.
pub fn git_dir_of(top: &Path) -> StoreResult<PathBuf> {
    let link = top.join(".git");
    if link.is_dir() {
        return Ok(link);
    }
    let doing = || StoreError::io(format!("reading {}", link.display()));
    let text = std::fs::read(&link).map_err(doing())?;
    let target = text.trim_ascii_end().strip_prefix(b"gitdir: ");
    let target = target.ok_or_else(|| std::io::Error::other("it does not lead to a repository")).map_err(doing())?;
    Ok(top.join(OsStr::from_bytes(target)))
}

/// Reads `git worktree list --porcelain -z`: fields end with NUL, work trees with an empty field.
fn parse_worktrees(text: &[u8]) -> Vec<Worktree> {
    let mut found: Vec<Worktree> = Vec::new();
    for field in text.split(|byte| *byte == 0) {
        if let Some(path) = field.strip_prefix(b"worktree ") {
            let path = PathBuf::from(OsStr::from_bytes(path));
            found.push(Worktree { path, branch: None, head: None, gone: false, half_made: false });
        }
        let Some(last) = found.last_mut() else { continue };
        let text = String::from_utf8_lossy(field);
        if let Some(head) = text.strip_prefix("HEAD ") {
            last.head = Some(head.to_owned());
        } else if let Some(branch) = text.strip_prefix("branch refs/heads/") {
            last.branch = Some(branch.to_owned());
        } else if text == "prunable" || text.starts_with("prunable ") {
            last.gone = true;
        } else if text == "locked initializing" {
            last.half_made = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_worktree_is_told_apart() {
        let text = b"worktree /a b\0HEAD 11\0branch refs/heads/main\0\0worktree /x\0HEAD 22\0detached\0\0\
                     worktree /y\0HEAD 33\0branch refs/heads/jit/12345678\0prunable gitdir file points nowhere\0\0";
        let found = parse_worktrees(text);
        let branches: Vec<_> = found.iter().map(|tree| (tree.branch.as_deref(), tree.gone)).collect();
        assert_eq!(branches, [(Some("main"), false), (None, false), (Some("jit/12345678"), true)]);
        assert_eq!(found[0].path, Path::new("/a b"));
        assert_eq!(found[1].head.as_deref(), Some("22"));
    }
}
