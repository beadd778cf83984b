//! Moving branches together with the tracker.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::store::StoreResult;

use super::{Git, NO_HOOKS, spooled};

impl Git {
    /// Whether `newer` builds on `older`, or is the same commit.
    pub fn builds_on(&self, newer: &str, older: &str) -> StoreResult<bool> {
        let doing = "comparing commits";
        let output = self.run(doing, &mut self.command(&["merge-base", "--is-ancestor", older, newer]))?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(super::failed(doing, &output)),
        }
    }

    /// Moves refs in one transaction, each from its old value; or none. `reason` is for the reflogs.
    pub fn move_refs(&self, moves: &[(&str, &str, &str)], reason: &str) -> StoreResult<()> {
        let mut script = String::from("start\n");
        for (name, new, old) in moves {
            script.push_str(&format!("update {name} {new} {old}\n"));
        }
        script.push_str("prepare\ncommit\n");
        let doing = "moving refs together";
        let args = ["-c", NO_HOOKS, "update-ref", "--no-deref", "--create-reflog", "-m", reason, "--stdin"];
        self.read(doing, self.command(&args).stdin(spooled(doing, script.as_bytes())?)).map(drop)
    }

    /// Why a branch moved last, as its reflog says; empty where it says nothing.
    pub fn last_move(&self, branch: &str) -> StoreResult<String> {
        let name = format!("refs/heads/{branch}");
        let mut command = self.command(&["log", "--walk-reflogs", "--max-count=1", "--format=%gs", &name, "--"]);
        self.read("reading a reflog", &mut command)
    }

    /// The work trees in which a branch is checked out.
    pub fn work_trees_on(&self, branch: &str) -> StoreResult<Vec<PathBuf>> {
        let listed = self.read("listing work trees", &mut self.command(&["worktree", "list", "--porcelain", "-z"]))?;
        let wanted = format!("branch refs/heads/{branch}");
        let mut found = Vec::new();
        let mut path = None;
        for line in listed.split('\0') {
            if let Some(at) = line.strip_prefix("worktree ") {
                path = Some(PathBuf::from(at));
            }
            if line == wanted {
                found.extend(path.take());
            }
        }
        Ok(found)
    }

    /// Whether a work tree holds changes of tracked files that are not committed.
    pub fn is_changed(&self, top: &Path) -> StoreResult<bool> {
        let args = ["status", "--porcelain", "--untracked-files=no"];
        Ok(!self.read("looking at a work tree", &mut self.within(top, &args))?.is_empty())
    }

    /// Whether a work tree holds exactly the files of a commit, whatever its branch is at.
    pub fn holds(&self, top: &Path, commit: &str) -> StoreResult<bool> {
        let same = |args: &[&str]| -> StoreResult<bool> {
            Ok(self.run("looking at a work tree", &mut self.within(top, args))?.status.success())
        };
        Ok(same(&["diff", "--quiet", commit])? && same(&["diff", "--quiet", "--cached", commit])?)
    }

    /// Refuses a work tree that cannot come along when its branch moves from one commit to another.
    pub fn could_bring_along(&self, top: &Path, from: &str, to: &str) -> StoreResult<()> {
        self.read_tree(top, &["-n", from, to])
    }

    /// Brings a work tree whose branch has moved from one commit to another along.
    pub fn bring_along(&self, top: &Path, from: &str, to: &str) -> StoreResult<()> {
        self.read_tree(top, &[from, to])
    }

    fn read_tree(&self, top: &Path, args: &[&str]) -> StoreResult<()> {
        let args = [&["read-tree", "-m", "-u"][..], args].concat();
        self.read("bringing a work tree along", &mut self.within(top, &args)).map(drop)
    }

    /// git in another work tree.
    fn within(&self, top: &Path, args: &[&str]) -> Command {
        let mut command = self.command(&["-C"]);
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").arg(top).args(args);
        command
    }

    /// The branch that a remote itself has checked out, as it was last seen.
    pub fn default_branch(&self, remote: &str) -> StoreResult<Option<String>> {
        let name = format!("refs/remotes/{remote}/HEAD");
        let output = self.run("reading the remote's branch", &mut self.command(&["symbolic-ref", "--quiet", &name]))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(text.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned))
    }
}
