//! What the work tree and the index hold.

use std::path::Path;
use std::process::Stdio;

use crate::store::{StoreError, StoreResult};

use super::{Git, NO_HOOKS};

/// A path of the work tree that differs from what is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// The path from the top of the work tree; a folder when everything in it is new.
    pub path: String,
    /// Whether it is a submodule in which something is not committed, which no tree can tell.
    pub submodule_moved: bool,
}

impl Git {
    /// How the work tree differs from what is committed; ignored files do not count. Takes no lock.
    ///
    /// Also gives the paths that the index is told to take for unchanged, though they are there: git does not look
    /// at them, and says nothing of them. The two questions are asked side by side.
    pub fn status(&self) -> StoreResult<(Vec<StatusEntry>, Vec<String>)> {
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
        let hidden = parse_hidden(&String::from_utf8_lossy(&flags.stdout), |path| {
            self.dir.join(path).symlink_metadata().is_ok()
        });
        Ok((parse_status(&String::from_utf8_lossy(&output.stdout)), hidden))
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
        hidden: &[String],
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
            let paths: Vec<&str> = hidden.iter().map(String::as_str).collect();
            for flag in ["--no-assume-unchanged", "--no-skip-worktree"] {
                self.read(doing, &mut with_index(&[&["update-index", flag, "--"], &paths[..]].concat()))?;
            }
        }
        self.read(doing, &mut with_index(&[HONEST, &["add", "--all"]].concat()))?;
        self.read(doing, &mut with_index(&["write-tree"]))
    }

    /// Makes a linked worktree at `path` that holds `commit`, running no hooks.
    pub fn add_worktree(&self, path: &Path, commit: &str) -> StoreResult<()> {
        let mut command = self.command(&["-c", NO_HOOKS, "worktree", "add", "--quiet", "--force"]);
        self.read("making a worktree", command.arg("--detach").arg(path).arg(commit)).map(drop)
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

/// Reads `git ls-files -v -z`: the paths marked as unchanged (a small letter), and those not to be in the work tree
/// (`S`) that are.
fn parse_hidden(text: &str, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let marked = text.split('\0').filter_map(|line| line.split_once(' ')).filter(|(mark, path)| {
        mark.starts_with(|mark: char| mark.is_ascii_lowercase() || mark == 'S') && is_there(path)
    });
    marked.map(|(_, path)| path.to_owned()).collect()
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
        let submodule_moved = submodule.starts_with('S') && submodule.get(2..).is_some_and(|moved| moved != "..");
        entries.push(StatusEntry { path, submodule_moved });
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
        let moved: Vec<bool> = status.iter().map(|entry| entry.submodule_moved).collect();
        assert_eq!(moved, [false, false, true, false, false, false]);
    }
}
