//! What the work tree and the index hold.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use crate::store::{StoreError, StoreResult};

use super::{Git, NO_HOOKS};

/// A path of the work tree that differs from what is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// The path from the top of the work tree; a folder when everything in it is new.
    pub path: String,
    /// Why no tree can tell what is there, if so: changes inside a submodule, or a repository of its own.
    pub untold: Option<String>,
}

/// What a look at the work tree gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What differs from the commit; ignored files do not count.
    pub changed: Vec<StatusEntry>,
    /// Paths that the index is told to take for unchanged, though they are there: git does not look at them, and
    /// says nothing of them.
    pub hidden: Vec<OsString>,
    /// Whether parts of the tree are not checked out.
    pub absent: bool,
}

impl Git {
    /// How the work tree differs from what is committed. Takes no lock. Runs git twice, side by side.
    pub fn status(&self) -> StoreResult<Looked> {
        let doing = "comparing the work tree";
        let mut flags = self.command(&["ls-files", "-v", "-z"]);
        let flags = flags.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let flags = flags.map_err(StoreError::io(format!("{doing}: starting git")))?;
        let status = ["status", "--porcelain=v2", "--untracked-files=normal", "--ignore-submodules=none", "-z"];
        let mut command = self.command(&[HONEST, &status].concat());
        command.env("GIT_OPTIONAL_LOCKS", "0");
        let output = self.run(doing, &mut command)?;
        let flags = flags.wait_with_output().map_err(StoreError::io(doing))?;
        if !output.status.success() {
            return Err(super::failed(doing, &output));
        }
        let (hidden, absent): (Vec<OsString>, Vec<OsString>) =
            parse_marked(&flags.stdout).into_iter().partition(|path| self.dir.join(path).symlink_metadata().is_ok());
        let mut changed = parse_status(&String::from_utf8_lossy(&output.stdout));
        for entry in changed.iter_mut().filter(|entry| entry.path.ends_with('/')) {
            if self.dir.join(&entry.path).join(".git").symlink_metadata().is_ok() {
                entry.untold = Some(format!("{} is a repository of its own; add it to .gitignore", entry.path));
            }
        }
        Ok(Looked { changed, hidden, absent: !absent.is_empty() })
    }

    /// The tree that a commit of the index would have. `index` names another one than the work tree's.
    pub fn index_tree(&self, index: Option<&Path>) -> StoreResult<String> {
        let mut command = self.command(&["write-tree"]);
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        self.read("recording the index", &mut command)
    }

    /// The tree that committing everything in the work tree would make.
    ///
    /// Index and new objects go into a folder below `scratch` that is gone afterwards: only the id is wanted.
    pub fn write_work_tree(
        &self,
        index: &Path,
        objects: &Path,
        scratch: &Path,
        hidden: &[OsString],
    ) -> StoreResult<String> {
        let doing = "recording the work tree";
        std::fs::create_dir_all(scratch).map_err(StoreError::io(doing))?;
        let dir = tempfile::Builder::new().prefix("index-").tempdir_in(scratch).map_err(StoreError::io(doing))?;
        let copy = dir.path().join("index");
        if index.exists() {
            std::fs::copy(index, &copy).map_err(StoreError::io(doing))?;
        }
        let with_index = |args: &[&str]| {
            let mut command = self.command(args);
            command.env("GIT_INDEX_FILE", &copy);
            command.env("GIT_OBJECT_DIRECTORY", dir.path()).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
            command
        };
        if !hidden.is_empty() {
            let paths: Vec<u8> = hidden.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
            for flag in ["--no-assume-unchanged", "--no-skip-worktree"] {
                let mut command = with_index(&["update-index", flag, "-z", "--stdin"]);
                self.read(doing, command.stdin(super::spooled(doing, &paths)?))?;
            }
        }
        let output = self.run(doing, &mut with_index(&[HONEST, &["add", "--all"]].concat()))?;
        if !output.status.success() {
            return Err(super::failed(doing, &output));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if let Some(path) = said.lines().find_map(|line| line.strip_prefix("warning: adding embedded git repository: "))
        {
            let message = format!("{path} is a repository of its own; add it to .gitignore");
            return Err(StoreError::Git { doing: doing.to_owned(), message });
        }
        self.read(doing, &mut with_index(&["write-tree"]))
    }

    /// Makes a linked worktree at `path` that holds `commit`, running no hooks.
    pub fn add_worktree(&self, path: &Path, commit: &str) -> StoreResult<()> {
        let mut command = self.command(&["-c", NO_HOOKS, "worktree", "add", "--quiet", "--force"]);
        self.read("making a worktree", command.arg("--detach").arg(path).arg(commit)).map(drop)
    }

    /// Has a worktree hold all of its commit, where those of the repository hold only parts.
    pub fn fill_sparse(&self, path: &Path) -> StoreResult<()> {
        let sparse =
            self.run("looking for a sparse checkout", &mut self.command(&["config", "core.sparseCheckout"]))?;
        if String::from_utf8_lossy(&sparse.stdout).trim() != "true" {
            return Ok(());
        }
        let mut command = self.command(&["-C"]);
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").arg(path).args(["sparse-checkout", "disable"]);
        self.read("checking out everything", &mut command).map(drop)
    }

    /// Takes a linked worktree away, with everything in it.
    pub fn remove_worktree(&self, path: &Path) -> StoreResult<()> {
        let mut command = self.command(&["worktree", "remove", "--force", "--force"]);
        self.read("removing a worktree", command.arg(path)).map(drop)
    }

    /// The submodules in a tree: path and commit.
    pub fn submodules(&self, tree: &str) -> StoreResult<Vec<(String, String)>> {
        let doing = "listing submodules";
        if self.read(doing, &mut self.command(&["ls-tree", "-z", tree, ".gitmodules"]))?.is_empty() {
            return Ok(Vec::new());
        }
        let listed = self.read(doing, &mut self.command(&["ls-tree", "-r", "-z", tree]))?;
        let links = listed.split('\0').filter_map(|line| {
            let (entry, path) = line.split_once('\t')?;
            let commit = entry.strip_prefix("160000 commit ")?;
            Some((path.to_owned(), commit.to_owned()))
        });
        Ok(links.collect())
    }
}

/// Settings under which git looks as closely as it can, whatever is configured.
const HONEST: &[&str] = &["-c", "core.trustctime=true", "-c", "core.checkStat=default", "-c", "core.fsmonitor=false"];

/// Reads `git ls-files -v -z`: the paths that are not looked at, because they are marked as unchanged (a small
/// letter) or as not to be in the work tree (`S`).
fn parse_marked(text: &[u8]) -> Vec<OsString> {
    let lines = text.split(|byte| *byte == 0).filter(|line| line.len() > 2);
    let marked = lines.filter(|line| line[0].is_ascii_lowercase() || line[0] == b'S');
    marked.map(|line| OsStr::from_bytes(&line[2..]).to_owned()).collect()
}

/// Reads `git status --porcelain=v2 -z`.
fn parse_status(text: &str) -> Vec<StatusEntry> {
    let mut entries = Vec::new();
    let mut fields = text.split('\0');
    while let Some(field) = fields.next() {
        // How many fields stand before the path, the kind included.
        let before = match field.as_bytes().first() {
            Some(b'1') => 8,
            Some(b'2') => 9,
            Some(b'u') => 10,
            Some(b'?') => 1,
            _ => continue,
        };
        let mut words = field.splitn(before + 1, ' ');
        let submodule = words.nth(2).filter(|_| before > 1).unwrap_or("N...");
        let path = field.splitn(before + 1, ' ').last().unwrap_or_default().to_owned();
        let moved = submodule.starts_with('S') && submodule.get(2..).is_some_and(|moved| moved != "..");
        let untold = moved.then(|| format!("the submodule {path} holds changes that are not committed in it"));
        entries.push(StatusEntry { path, untold });
        if before == 9 {
            // The path it was renamed from.
            fields.next();
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_status_line_gives_its_path() {
        let text = "1 .M N... 100644 100644 100644 aa bb a b.txt\0\
                    2 R. N... 100644 100644 100644 aa bb R100 new\0old\0\
                    1 .M S.M. 160000 160000 160000 aa bb sub\0\
                    1 .M SC.. 160000 160000 160000 aa bb moved\0\
                    u UU N... 100644 100644 100644 100644 aa bb cc both\0\
                    ? un tracked/\0";
        let status = parse_status(text);
        let paths: Vec<&str> = status.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a b.txt", "new", "sub", "moved", "both", "un tracked/"]);
        let moved: Vec<bool> = status.iter().map(|entry| entry.untold.is_some()).collect();
        assert_eq!(moved, [false, false, true, false, false, false]);
    }
}
