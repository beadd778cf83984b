//! Commits of the code, and the hooks that git runs when one is made.

use std::path::{Path, PathBuf};

use crate::store::StoreResult;

use super::Git;

/// The trailer by which a commit says to which issue it belongs.
pub const ISSUE_TRAILER: &str = "Jit-Issue";

/// Trailers are written alike everywhere, however git is configured here.
const TRAILERS: &str = "trailer.separators=:";

/// A commit of the code, and the issues its message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The first line of its message.
    pub subject: String,
    /// What its trailers say, as it stands there.
    pub issues: Vec<String>,
}

impl Git {
    /// The commits that these arguments of `git log` name, newest first.
    pub fn commits(&self, revisions: &[&str]) -> StoreResult<Vec<Named>> {
        let format =
            format!("--format=%H%x00%T%x00%s%x00%(trailers:key={ISSUE_TRAILER},valueonly,unfold,separator=%x20)%x00");
        let mut args =
            vec!["-c", TRAILERS, "log", "--no-color", "--no-show-signature", "--no-notes", "--no-abbrev", &format];
        args.extend(revisions);
        args.push("--");
        let text = self.read("reading commits", &mut self.command(&args))?;
        Ok(parse_log(&text))
    }

    /// The issues that the trailers of a commit message name.
    pub fn message_issues(&self, message: &str) -> StoreResult<Vec<String>> {
        let trailers = ["-c", TRAILERS, "interpret-trailers", "--parse", "--no-divider"];
        let parsed = self.with_text("reading the commit message", &trailers, message)?;
        let values = parsed.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(ISSUE_TRAILER).then(|| value.trim().to_owned())
        });
        Ok(values.collect())
    }

    /// A commit message without its comments.
    pub fn without_comments(&self, message: &str) -> StoreResult<String> {
        self.with_text("reading the commit message", &["stripspace", "--strip-comments"], message)
    }

    /// Adds a trailer to a commit message in the making.
    pub fn add_issue(&self, message: &Path, issue: &str) -> StoreResult<()> {
        let trailer = format!("{ISSUE_TRAILER}: {issue}");
        let mut command = self.command(&["-c", TRAILERS, "interpret-trailers", "--in-place", "--no-divider"]);
        command.args(["--if-exists", "addIfDifferent", "--if-missing", "add", "--trailer", &trailer]).arg(message);
        self.read("naming the issue in the commit message", &mut command).map(drop)
    }

    /// The text that messages begin with, when one is configured (`commit.template`).
    pub fn template(&self) -> StoreResult<Option<String>> {
        let mut command = self.command(&["config", "--type=path", "--get", "commit.template"]);
        let output = self.run("reading commit.template", &mut command)?;
        let path = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if !output.status.success() || path.is_empty() {
            return Ok(None);
        }
        Ok(std::fs::read_to_string(self.dir.join(path)).ok())
    }

    /// Writes a commit object that no ref points to.
    pub fn loose_commit(&self, tree: &str, parent: Option<&str>) -> StoreResult<String> {
        let mut args = vec!["commit-tree", tree, "-m", "a tree to be checked"];
        args.extend(parent.iter().flat_map(|parent| ["-p", *parent]));
        let mut command = self.command(&args);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "jit").env(format!("GIT_{who}_EMAIL"), "jit@localhost");
        }
        self.read("recording a tree", &mut command)
    }

    /// The branches of a remote as they were last seen: the name of each, and the ref that remembers it.
    pub fn branches_of(&self, remote: &str) -> StoreResult<Vec<(String, String)>> {
        let prefix = format!("refs/remotes/{remote}/");
        let text =
            self.read("listing branches", &mut self.command(&["for-each-ref", "--format=%(refname)", &prefix]))?;
        let named = text.lines().filter_map(|line| Some((line.strip_prefix(&prefix)?.to_owned(), line.to_owned())));
        Ok(named.collect())
    }

    /// The folder in which git looks for hooks.
    pub fn hooks_folder(&self) -> StoreResult<PathBuf> {
        let path = self.read("finding the hooks", &mut self.command(&["rev-parse", "--git-path", "hooks"]))?;
        Ok(self.dir.join(path))
    }

    /// Where a configuration key was set, as git names it, when it is set.
    pub fn config_origin(&self, key: &str) -> StoreResult<Option<String>> {
        let doing = format!("reading {key}");
        let output = self.run(&doing, &mut self.command(&["config", "--show-scope", "--get", key]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(output.status.success().then(|| text.split('\t').next().unwrap_or_default().to_owned()))
    }

    /// Whether git tracks a file in the folder.
    pub fn tracks(&self, folder: &Path) -> StoreResult<bool> {
        let mut command = self.command(&["ls-files", "-z", "--"]);
        Ok(self.run("listing files", command.arg(folder))?.stdout.iter().any(|byte| *byte != 0))
    }

    /// Has git itself find and run a hook, with a variable set. Gives how it ended and what it said.
    pub fn run_hook(&self, name: &str, variable: (&str, &Path)) -> StoreResult<(Option<i32>, String)> {
        let mut command = self.command(&["hook", "run", name]);
        let output = self.run(&format!("running the hook {name}"), command.env(variable.0, variable.1))?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn with_text(&self, doing: &str, args: &[&str], input: &str) -> StoreResult<String> {
        self.read(doing, self.command(args).stdin(super::spooled(doing, format!("{input}\n").as_bytes())?))
    }
}

/// Reads what the format of [`Git::commits`] makes.
fn parse_log(text: &str) -> Vec<Named> {
    let fields: Vec<&str> = text.split('\0').collect();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let commits = fields.chunks_exact(4).map(|fields| Named {
        commit: fields[0].trim().to_owned(),
        tree: fields[1].to_owned(),
        subject: fields[2].to_owned(),
        issues: words(fields[3]),
    });
    commits.collect()
}
