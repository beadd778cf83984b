//! git as a child process: the few things gitoxide does not do, or git does better.
//!
//! Nothing but this file starts git.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::store::{StoreError, StoreResult};

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
            // A hook's environment may name another index or a quarantine; those stay. The repository and
            // the work tree are said outright.
            command.env("GIT_DIR", git_dir).env_remove("GIT_WORK_TREE").env_remove("GIT_PREFIX");
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
        let mut command = self.command(&["update-ref", "--no-deref", "--create-reflog", "-m", message, name, new, old]);
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

    /// Whether the work tree holds nothing but what is committed; ignored files do not count.
    pub fn is_clean(&self) -> StoreResult<bool> {
        let mut command = self.command(&["status", "--porcelain", "--untracked-files=normal", "-z"]);
        command.env("GIT_OPTIONAL_LOCKS", "0");
        Ok(self.read("comparing the work tree", &mut command)?.is_empty())
    }

    /// The tree that committing everything in the work tree would make.
    ///
    /// Index and new objects go into a folder below `scratch` that is gone afterwards: only the id is wanted.
    pub fn write_work_tree(&self, index: &Path, objects: &Path, scratch: &Path) -> StoreResult<String> {
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
        self.read(doing, &mut with_index(&["add", "--all"]))?;
        self.read(doing, &mut with_index(&["write-tree"]))
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

    /// Starts `PROGRAM gc --auto` and does not wait for it. Failing to start it does no harm.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
    pub fn start_tidying(&self, program: &Path, repository: &Path) {
        let mut command = Command::new(program);
        command.args(["gc", "--auto", "--quiet"]).env("GIT_DIR", repository).env_remove("GIT_WORK_TREE");
        command.current_dir(repository).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a group of its own, so that what interrupts this command does not end that one.
        let _ = command.process_group(0).spawn();
    }

    /// Rolls loose objects and small packs up into one pack.
    pub fn roll_up(&self) -> StoreResult<()> {
        // Others are writing meanwhile: one processor is left to them, and speed matters more than the last
        // bytes, which `git gc` squeezes out later.
        let configured = ["-c", "pack.threads=1", "-c", "pack.compression=1"];
        let repack = ["repack", "--geometric=2", "-d", "-l", "--quiet", "--no-write-bitmap-index"];
        let args = [&configured[..], &repack].concat();
        self.read("packing loose objects", &mut self.command(&args)).map(drop)
    }

    /// Runs `git gc` to its end.
    pub fn gc(&self, args: &[&str]) -> StoreResult<()> {
        let mut command = self.command(&["-c", "gc.autoDetach=false", "gc"]);
        self.read("tidying up", command.args(args)).map(drop)
    }

    /// What `git count-objects` says, a line a field.
    pub fn count_objects(&self) -> StoreResult<String> {
        self.read("counting objects", &mut self.command(&["count-objects", "-v"]))
    }

    /// The names of the remotes.
    pub fn remotes(&self) -> StoreResult<Vec<String>> {
        let names = self.read("listing remotes", &mut self.command(&["remote"]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Whether `remote` has the ref `name`. An error means that nobody can say.
    pub fn remote_has(&self, remote: &str, name: &str) -> StoreResult<bool> {
        let doing = format!("asking {remote} for {name}");
        let mut command = self.command(&["ls-remote", "--exit-code", "--quiet", remote, name]);
        let output = self.run(&doing, quiet_prompts(&mut command))?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(2) => Ok(false),
            _ => Err(failed(&doing, &output)),
        }
    }

    /// Fetches the ref `from` of `remote` into `to`, with all its objects.
    pub fn fetch_ref(&self, remote: &str, from: &str, to: &str) -> StoreResult<()> {
        self.fetch(remote, from, to, &[])
    }

    /// Fetches as [`Git::fetch_ref`] does, also what seems to be here already.
    pub fn fetch_again(&self, remote: &str, from: &str, to: &str) -> StoreResult<()> {
        self.fetch(remote, from, to, &["--refetch"])
    }

    fn fetch(&self, remote: &str, from: &str, to: &str, more: &[&str]) -> StoreResult<()> {
        let refspec = format!("+{from}:{to}");
        // A person sees how far a long fetch is; for everybody else git keeps quiet.
        let watched = std::io::stderr().is_terminal();
        let tell = if watched { "--progress" } else { "--quiet" };
        let mut args = vec!["fetch", tell, "--no-filter", "--no-tags", "--no-write-fetch-head", "--refmap="];
        args.extend(more);
        args.extend([remote, &refspec]);
        let mut command = self.command(&args);
        if watched {
            command.stderr(Stdio::inherit());
        }
        self.read(&format!("fetching {from} from {remote}"), quiet_prompts(&mut command)).map(drop)
    }
}

/// Nobody sits at the other end of a command that an agent runs.
fn quiet_prompts(command: &mut Command) -> &mut Command {
    command.env("GIT_TERMINAL_PROMPT", "0").env(OsStr::new("GCM_INTERACTIVE"), "never")
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
