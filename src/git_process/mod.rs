//! git as a child process: the few things gitoxide does not do, or git does better.
//!
//! Nothing but this folder starts git.

mod commits;
mod landing;
mod limited;
mod remotes;
mod upkeep;
mod work_tree;
mod worktrees;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::store::{StoreError, StoreResult};

pub use commits::{ISSUE_TRAILER, Named};
pub use remotes::{Fetch, Push, Pushed, Update};
pub use upkeep::HOUSEKEEPING;
pub use work_tree::{Looked, StatusEntry};
pub use worktrees::{Worktree, git_dir_of};

/// The variables that tie a process to one repository, as `git rev-parse --local-env-vars` lists them. What runs
/// on its own behalf, a gate's command say, must not inherit them from a hook.
pub const REPOSITORY_VARIABLES: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Keeps hooks of the user out of what is done under the writers' queue, or in a work tree that is nobody's.
const NO_HOOKS: &str = "core.hooksPath=/dev/null";

/// git, set up for one repository.
#[derive(Clone, Debug)]
pub struct Git {
    git_dir: Option<PathBuf>,
    work_tree: Option<PathBuf>,
    dir: PathBuf,
}

impl Git {
    /// For a folder that need not be a repository.
    pub fn in_folder(dir: &Path) -> Self {
        Self { git_dir: None, work_tree: None, dir: dir.to_owned() }
    }

    /// For the repository at `git_dir`, without a work tree.
    pub fn in_repository(git_dir: &Path) -> Self {
        Self { git_dir: Some(git_dir.to_owned()), work_tree: None, dir: git_dir.to_owned() }
    }

    /// For a repository and one of its work trees.
    pub fn in_work_tree(git_dir: &Path, work_tree: Option<&Path>) -> Self {
        Self {
            git_dir: Some(git_dir.to_owned()),
            work_tree: work_tree.map(Path::to_owned),
            dir: work_tree.unwrap_or(git_dir).to_owned(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that starts git")]
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.dir).stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some(git_dir) = &self.git_dir {
            // A hook's environment may name a quarantine, which stays. The repository, the work tree and the
            // index are said outright: in a hook git's own index is the one of the commit that is being made.
            command.env("GIT_DIR", git_dir);
            for variable in ["GIT_WORK_TREE", "GIT_PREFIX", "GIT_INDEX_FILE", "GIT_REFLOG_ACTION"] {
                command.env_remove(variable);
            }
            if let Some(work_tree) = &self.work_tree {
                command.env("GIT_WORK_TREE", work_tree);
            }
        }
        command.args(args);
        command
    }

    fn run(&self, doing: &str, command: &mut Command) -> StoreResult<Output> {
        command.output().map_err(StoreError::io(format!("{doing}: starting git")))
    }

    /// Runs git and gives what it prints, without the line end. An exit other than 0 is an error.
    fn read(&self, doing: &str, command: &mut Command) -> StoreResult<String> {
        let output = self.run(doing, command)?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(failed(doing, &output))
        }
    }

    /// Makes a repository in the folder.
    pub fn init(&self) -> StoreResult<()> {
        self.read("making a git repository", &mut self.command(&["init", "--quiet"])).map(drop)
    }

    /// The id `name` points to.
    pub fn rev_parse(&self, name: &str) -> StoreResult<Option<String>> {
        let doing = format!("reading {name}");
        let output = self.run(&doing, &mut self.command(&["rev-parse", "--verify", "--quiet", name]))?;
        match output.status.code() {
            Some(0) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())),
            Some(1) => Ok(None),
            _ => Err(failed(&doing, &output)),
        }
    }

    /// The names of the refs below `prefix`, without it.
    pub fn refs_below(&self, prefix: &str) -> StoreResult<Vec<String>> {
        let mut command = self.command(&["for-each-ref", "--format=%(refname)", prefix]);
        let names = self.read("listing refs", &mut command)?;
        Ok(names.lines().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect())
    }

    /// Points `name` to `new` if it points to `old`; `None` means that it must not exist.
    pub fn update_ref(
        &self,
        name: &str,
        new: &str,
        old: Option<&str>,
        message: &str,
        identity: (&str, &str),
    ) -> StoreResult<()> {
        let absent = "0".repeat(new.len());
        let old = old.unwrap_or(&absent);
        let mut command = self.command(&[
            "-c",
            NO_HOOKS,
            "update-ref",
            "--no-deref",
            "--create-reflog",
            "-m",
            message,
            name,
            new,
            old,
        ]);
        command.env("GIT_COMMITTER_NAME", identity.0).env("GIT_COMMITTER_EMAIL", identity.1);
        self.read(&format!("moving {name}"), &mut command).map(drop)
    }

    /// Writes a value into the repository's own configuration.
    pub fn config_set(&self, key: &str, value: &str) -> StoreResult<()> {
        self.read(&format!("setting {key}"), &mut self.command(&["config", "--local", key, value])).map(drop)
    }

    /// Adds a value to a key that may have several, unless it is there.
    pub fn config_add(&self, key: &str, value: &str) -> StoreResult<()> {
        let doing = format!("setting {key}");
        let known = self.run(&doing, &mut self.command(&["config", "--local", "--get-all", key]))?;
        if String::from_utf8_lossy(&known.stdout).lines().any(|line| line == value) {
            return Ok(());
        }
        self.read(&doing, &mut self.command(&["config", "--local", "--add", key, value])).map(drop)
    }

    /// Takes a key out of the repository's own configuration. Quiet when it is not there.
    pub fn config_unset(&self, key: &str) -> StoreResult<()> {
        let doing = format!("unsetting {key}");
        let output = self.run(&doing, &mut self.command(&["config", "--local", "--unset-all", key]))?;
        match output.status.code() {
            Some(0 | 5) => Ok(()),
            _ => Err(failed(&doing, &output)),
        }
    }

    /// Puts a pack into the repository, with its index.
    pub fn take_pack(&self, pack: &[u8]) -> StoreResult<()> {
        use std::io::Write;
        let doing = "writing a pack";
        let mut command = self.command(&["index-pack", "--stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(StoreError::io(format!("{doing}: starting git")))?;
        let written = match child.stdin.take() {
            Some(mut stdin) => stdin.write_all(pack),
            None => Ok(()),
        };
        let output = child.wait_with_output().map_err(StoreError::io(doing))?;
        if !output.status.success() {
            return Err(failed(doing, &output));
        }
        written.map_err(StoreError::io(doing))
    }
}

fn failed(doing: &str, output: &Output) -> StoreError {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
    let message = line("fatal: ")
        .or_else(|| line("error: "))
        .or_else(|| text.lines().last().map(str::to_owned))
        .unwrap_or_else(|| format!("git ended with {}", output.status));
    StoreError::Git { doing: doing.to_owned(), message }
}

/// What is to be read on stdin, however much it is: as a file that has no name.
fn spooled(doing: &str, input: &[u8]) -> StoreResult<Stdio> {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().map_err(StoreError::io(doing))?;
    file.write_all(input).and_then(|()| file.rewind()).map_err(StoreError::io(doing))?;
    Ok(Stdio::from(file))
}
