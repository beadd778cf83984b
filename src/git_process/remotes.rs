//! Other repositories.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::store::StoreResult;

use super::{Git, failed, limited};

/// What a push did to one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// The remote has it now.
    Done,
    /// The remote's ref is not what was expected: somebody else moved it.
    Moved,
    /// Somebody is at the ref this very moment.
    Busy,
    /// The remote does not want it, in its own words.
    Denied(String),
    /// The remote did not say what it did.
    Unanswered,
}

/// The answer to a push.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Each ref on the remote with what became of it.
    pub refs: Vec<(String, Push)>,
    /// What the remote's hooks said.
    pub said: Vec<String>,
}

impl Pushed {
    /// What became of one ref.
    pub fn of(&self, name: &str) -> Push {
        let found = self.refs.iter().find(|(known, _)| known == name);
        found.map_or(Push::Unanswered, |(_, push)| push.clone())
    }
}

/// How refs are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// What is missing.
    Missing,
    /// Also what seems to be here already.
    Again,
    /// Also the past that a shallow clone left out.
    Past,
}

/// A ref to be pushed.
#[derive(Clone, Debug)]
pub struct Update {
    /// The object; empty to take the ref away.
    pub from: String,
    /// The ref on the remote.
    pub to: String,
    /// What the ref must hold now: an id, or empty when it must not exist. `None` for whatever the new commit builds
    /// on.
    pub expected: Option<String>,
}

impl Git {
    /// The refs of `remote` that fit `patterns`: id and name. An error means that nobody can say.
    pub fn list_remote(&self, remote: &str, patterns: &[&str], limit: Duration) -> StoreResult<Vec<(String, String)>> {
        let doing = format!("asking {remote} for its refs");
        let args = [&["ls-remote", "--quiet", "--", remote][..], patterns].concat();
        let output = limited::output(&doing, quiet(&mut self.command(&args)), limit)?;
        if !output.status.success() {
            return Err(failed(&doing, &output));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter_map(|line| line.split_once('\t')).map(|(id, name)| (id.into(), name.into())).collect())
    }

    /// The branch that `remote` itself has checked out.
    pub fn head_of(&self, remote: &str, limit: Duration) -> StoreResult<Option<String>> {
        let doing = format!("asking {remote} for its branch");
        let args = ["ls-remote", "--quiet", "--symref", "--", remote, "HEAD"];
        let output = limited::output(&doing, quiet(&mut self.command(&args)), limit)?;
        if !output.status.success() {
            return Err(failed(&doing, &output));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let head = text.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        Ok(head.map(str::to_owned))
    }

    /// Fetches refs with all their objects. Each of `refspecs` is `FROM`, `FROM:TO` or `+FROM:TO`.
    pub fn fetch(&self, remote: &str, refspecs: &[String], how: Fetch, limit: Duration) -> StoreResult<()> {
        // A person sees how far a long fetch is; for everybody else git keeps quiet.
        let watched = std::io::stderr().is_terminal();
        let tell = if watched { "--progress" } else { "--quiet" };
        let mut args = vec!["-c", "maintenance.auto=false", "-c", "gc.auto=0", "fetch", tell];
        args.extend(["--no-filter", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head"]);
        args.push("--refmap=");
        match how {
            Fetch::Missing => {}
            Fetch::Again => args.push("--refetch"),
            Fetch::Past => args.push("--unshallow"),
        }
        args.extend(["--", remote]);
        args.extend(refspecs.iter().map(String::as_str));
        let mut command = self.command(&args);
        quiet(&mut command);
        if watched {
            command.stderr(Stdio::inherit());
        }
        let doing = format!("fetching from {remote}");
        let output = limited::output(&doing, &mut command, limit)?;
        if output.status.success() { Ok(()) } else { Err(failed(&doing, &output)) }
    }

    /// Pushes refs. With `atomic` all of them move, or none.
    ///
    /// An error means that the remote gave no answer about any ref.
    pub fn push(&self, remote: &str, updates: &[Update], atomic: bool, limit: Duration) -> StoreResult<Pushed> {
        let mirror = format!("remote.{remote}.mirror=false");
        let mut args = vec!["-c", &mirror, "-c", "push.followTags=false", "-c", "push.gpgSign=false", "push"];
        args.extend(["--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"]);
        if atomic {
            args.push("--atomic");
        }
        let leases: Vec<String> = updates
            .iter()
            .filter_map(|update| Some(format!("--force-with-lease={}:{}", update.to, update.expected.as_ref()?)))
            .collect();
        let specs: Vec<String> = updates.iter().map(|update| format!("{}:{}", update.from, update.to)).collect();
        args.extend(leases.iter().map(String::as_str));
        args.extend(["--", remote]);
        args.extend(specs.iter().map(String::as_str));
        let doing = format!("pushing to {remote}");
        let output = limited::output(&doing, quiet(&mut self.command(&args)), limit)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let refs: Vec<(String, Push)> = text.lines().filter_map(outcome).collect();
        if refs.is_empty() && !output.status.success() {
            return Err(failed(&doing, &output));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.lines().filter_map(|line| line.strip_prefix("remote: ")).map(|line| line.trim_end().to_owned());
        Ok(Pushed { refs, said: said.filter(|line| !line.is_empty()).collect() })
    }
}

/// Reads a line of `git push --porcelain`: `FLAG\tFROM:TO\tSUMMARY (REASON)`.
fn outcome(line: &str) -> Option<(String, Push)> {
    let (flag, rest) = line.split_once('\t')?;
    let (refs, summary) = rest.split_once('\t')?;
    let (_, to) = refs.rsplit_once(':')?;
    let (kind, reason) = summary.split_once(" (").unwrap_or((summary, ""));
    let reason = reason.trim_end_matches(')');
    let push = match (flag, kind) {
        (" " | "+" | "-" | "*" | "=", _) => Push::Done,
        ("!", "[rejected]") => Push::Moved,
        ("!", "[remote rejected]") if is_busy(reason) => Push::Busy,
        ("!", "[remote rejected]") => Push::Denied(reason.to_owned()),
        ("!", _) => Push::Unanswered,
        _ => return None,
    };
    Some((to.to_owned(), push))
}

/// Whether a remote's reason is that somebody else was at the ref, or that another ref of the same push failed.
fn is_busy(reason: &str) -> bool {
    ["lock", "atomic transaction failed", "incorrect old value", "reference already exists", "failed to update ref"]
        .iter()
        .any(|sign| reason.contains(sign))
}

/// Nobody sits at the other end of a command that an agent runs.
fn quiet(command: &mut Command) -> &mut Command {
    command.env("GIT_TERMINAL_PROMPT", "0").env(OsStr::new("GCM_INTERACTIVE"), "never").stderr(Stdio::piped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_push_is_read_from_flag_and_bracket() {
        let read = |line: &str| outcome(line).map(|(_, push)| push);
        assert_eq!(outcome("*\tabc:refs/a/b\t[new reference]"), Some(("refs/a/b".to_owned(), Push::Done)));
        assert_eq!(read(" \tabc:refs/a/b\t1..2"), Some(Push::Done));
        assert_eq!(read("!\tabc:refs/a/b\t[rejected] (fetch first)"), Some(Push::Moved));
        assert_eq!(read("!\tabc:refs/a/b\t[rejected] (stale info)"), Some(Push::Moved));
        assert_eq!(read("!\tabc:refs/a/b\t[remote rejected] (failed to update ref)"), Some(Push::Busy));
        let declined = "!\tabc:refs/a/b\t[remote rejected] (pre-receive hook declined)";
        assert_eq!(read(declined), Some(Push::Denied("pre-receive hook declined".to_owned())));
        assert_eq!(read("!\tabc:refs/a/b\t[remote failure] (remote failed to report status)"), Some(Push::Unanswered));
        assert_eq!(outcome("To /somewhere"), None);
        assert_eq!(outcome("Done"), None);
    }
}
