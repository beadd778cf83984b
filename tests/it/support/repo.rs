//! A repository in a temporary folder, closed off from the machine's own configuration.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::Output;

/// The program under test.
pub fn jit_path() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("jit").to_owned()
}

/// A temporary folder with a home of its own, and a place to run commands in.
pub struct Repo {
    root: Arc<TempDir>,
    dir: PathBuf,
}

/// A command about to be run.
pub struct Run {
    command: Command,
    words: String,
}

impl Repo {
    /// An empty folder.
    pub fn bare_folder() -> Self {
        let root = Arc::new(TempDir::new().expect("a temporary folder can be made"));
        let dir = root.path().join("work");
        std::fs::create_dir_all(&dir).expect("a folder can be made");
        std::fs::create_dir_all(root.path().join("home")).expect("a folder can be made");
        Self { root, dir }
    }

    /// A git repository with one commit and no tracker.
    pub fn git_only() -> Self {
        Self::git_with(&[])
    }

    /// A git repository made with these arguments of `git init`.
    pub fn git_with(args: &[&str]) -> Self {
        let repo = Self::bare_folder();
        let mut init = vec!["init", "--quiet", "--initial-branch=main"];
        init.extend(args);
        repo.git(&init).ok();
        repo.write("README", "a project\n");
        repo.git(&["add", "README"]).ok();
        repo.git(&["commit", "--quiet", "-m", "first"]).ok();
        repo
    }

    /// A git repository with a tracker.
    pub fn new() -> Self {
        let repo = Self::git_only();
        repo.jit(&["init"]).ok();
        repo
    }

    /// Another repository in a folder beside this one, with the same home.
    pub fn beside(&self, name: &str) -> Self {
        Self { root: self.root.clone(), dir: self.root.path().join(name) }
    }

    /// The folder that commands run in.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The folder around it.
    pub fn outside(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::write(path, content).expect("a file can be written");
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Prepares a program to run here, in a closed environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in(&self.dir, program)
    }

    fn command_in(&self, dir: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).stdin(Stdio::null()).env_clear();
        command.env("PATH", path_with_jit()).env("HOME", self.root.path().join("home"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        for (key, value) in [
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.org"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.org"),
            ("USER", "ada"),
        ] {
            command.env(key, value);
        }
        command
    }

    /// Prepares `jit` with arguments.
    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Run {
        self.run_in(&self.dir.clone(), args)
    }

    /// Prepares `jit` in another folder.
    pub fn run_in(&self, dir: &Path, args: &[impl AsRef<OsStr>]) -> Run {
        let mut command = self.command_in(dir, jit_path());
        command.args(args);
        let words: Vec<String> = args.iter().map(|arg| arg.as_ref().to_string_lossy().into_owned()).collect();
        Run { command, words: format!("jit {}", words.join(" ")) }
    }

    /// Runs `jit`.
    pub fn jit(&self, args: &[&str]) -> Output {
        self.run(args).output()
    }

    /// Runs `jit` as an agent.
    pub fn jit_as(&self, agent: &str, args: &[&str]) -> Output {
        self.run(args).env("JIT_AGENT", agent).output()
    }

    /// Runs `jit` and gives its stdout; it must succeed.
    #[track_caller]
    pub fn out(&self, args: &[&str]) -> String {
        self.jit(args).ok().text()
    }

    /// Creates an issue and gives its id.
    #[track_caller]
    pub fn create(&self, title: &str) -> String {
        self.out(&["issue", "create", "--title", title])
    }

    /// Creates a ready issue and gives its id.
    #[track_caller]
    pub fn ready(&self, title: &str) -> String {
        self.out(&["issue", "create", "--title", title, "--ready"])
    }

    /// An issue as JSON.
    #[track_caller]
    pub fn issue(&self, id: &str) -> serde_json::Value {
        self.jit(&["issue", "show", id, "--json"]).ok().json()
    }

    /// Runs git.
    pub fn git(&self, args: &[&str]) -> Output {
        self.git_in(&self.dir.clone(), args)
    }

    /// Runs git in another folder.
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> Output {
        let mut command = self.command_in(dir, "git");
        let output = command.args(args).output().expect("git can be started");
        Output::new(format!("git {}", args.join(" ")), output)
    }

    /// Runs git as an agent, so that hooks act for it.
    pub fn git_as(&self, agent: &str, args: &[&str]) -> Output {
        self.git_as_in(agent, &self.dir.clone(), args)
    }

    /// Runs git as an agent in another folder.
    pub fn git_as_in(&self, agent: &str, dir: &Path, args: &[&str]) -> Output {
        let mut command = self.command_in(dir, "git");
        let output = command.args(args).env("JIT_AGENT", agent).output().expect("git can be started");
        Output::new(format!("git {}", args.join(" ")), output)
    }

    /// Defines a gate with a command.
    #[track_caller]
    pub fn gate(&self, key: &str, command: &str, more: &[&str]) {
        let mut args = vec!["gate", "define", key, "--title", key, "--command", command];
        args.extend(more);
        self.jit(&args).ok();
    }

    /// How often a command left a line in this file beside the repository.
    pub fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.root.path().join(name)).map_or(0, |text| text.lines().count())
    }

    /// Runs a shell script that must succeed, and gives what it prints.
    #[track_caller]
    pub fn run_script(&self, script: &str) -> String {
        let output = self.command("sh").args(["-ec", script]).output().expect("sh can be started");
        Output::new(script.to_owned(), output).ok().text()
    }

    /// Adds a linked worktree and gives its folder.
    pub fn worktree(&self, name: &str) -> PathBuf {
        let path = self.root.path().join(name);
        let text = path.to_str().expect("the path is text").to_owned();
        self.git(&["worktree", "add", "--quiet", "--detach", &text]).ok();
        path
    }

    /// Makes a bare hub beside the repository that shares its tracker, and gives its path.
    pub fn hub(&self) -> String {
        let hub = self.root.path().join("hub.git").to_str().expect("the path is text").to_owned();
        self.git(&["clone", "--quiet", "--bare", ".", &hub]).ok();
        self.git(&["push", "--quiet", &hub, "refs/jit:refs/tracker/jit"]).ok();
        hub
    }

    /// The commit the tracker's ref points to.
    pub fn tip(&self) -> String {
        self.git(&["rev-parse", "refs/jit"]).ok().text()
    }

    /// Checks the whole tracker.
    #[track_caller]
    pub fn assert_healthy(&self) {
        let output = self.jit(&["fsck", "--json"]);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }

    /// Points the tracker's ref to a commit with files changed behind its back: path and content.
    pub fn plant(&self, files: &[(&str, &str, &[u8])]) {
        let index = self.root.path().join("planted-index");
        let _ = std::fs::remove_file(&index);
        let git = |args: &[&str], input: &[u8]| {
            use std::io::Write;
            let mut command = self.command("git");
            command.args(args).env("GIT_INDEX_FILE", &index).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().expect("git can be started");
            child.stdin.take().expect("stdin is piped").write_all(input).expect("git reads its input");
            let output = child.wait_with_output().expect("git ends");
            assert!(output.status.success(), "git {args:?}");
            String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
        };
        git(&["read-tree", "refs/jit"], b"");
        for (mode, path, content) in files {
            let blob = git(&["hash-object", "-w", "--stdin"], content);
            git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{blob},{path}")], b"");
        }
        let tree = git(&["write-tree"], b"");
        let commit = git(&["commit-tree", &tree, "-p", "refs/jit", "-m", "planted"], b"");
        git(&["update-ref", "refs/jit", &commit], b"");
    }
}

fn path_with_jit() -> OsString {
    let mut folders = vec![jit_path().parent().expect("a program has a folder").to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    std::env::join_paths(folders).expect("folders join to a path")
}

impl Run {
    /// Sets an environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Gives it this on stdin.
    pub fn input(self, input: impl AsRef<[u8]>) -> Output {
        use std::io::Write;
        let Self { mut command, words } = self;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("jit can be started");
        // A program that has read enough may end before it was given everything.
        let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_ref());
        Output::new(words, child.wait_with_output().expect("jit ends"))
    }

    /// Runs it to its end.
    pub fn output(self) -> Output {
        let Self { mut command, words } = self;
        Output::new(words, command.output().expect("jit can be started"))
    }

    /// Starts it.
    pub fn spawn(self) -> Child {
        let Self { mut command, .. } = self;
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("jit can be started")
    }
}
