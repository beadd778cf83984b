//! The commit message: naming the issue in it, and checking the issues it names.

use std::path::Path;

use serde_json::json;

use crate::domain::draft::resolve;
use crate::domain::id::IdPrefix;
use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::git_process::ISSUE_TRAILER;
use crate::session::{Session, View};
use crate::store::StoreError;

use super::at_hand;
use super::enforce::{Committed, ask};

/// Bytes of a commit message that are looked at.
const MOST: u64 = 1 << 20;

/// The hook `prepare-commit-msg`: adds the trailer that names the issue at hand.
///
/// Leaves alone what names one already, and commits that are made anew from others: amended, picked, rebased.
pub fn prepare(session: &Session, file: &Path, source: &str) -> Result<()> {
    if source == "commit" || remakes_commits(session) || names_an_issue(&beginning(file)) {
        return Ok(());
    }
    let view = session.view()?;
    if let Some(issue) = at_hand::issue(session, &view)? {
        add_trailer(session, file, &issue.id.to_string())?;
    }
    Ok(())
}

/// Writes the trailer into the message. One that is still to be written gets room above it.
fn add_trailer(session: &Session, file: &Path, issue: &str) -> Result<()> {
    let git = session.store.git();
    if !git.message_text(file)?.is_empty() {
        return Ok(git.add_issue(file, issue)?);
    }
    let doing = || StoreError::io(format!("writing {}", file.display()));
    let mut text = format!("\n\n{ISSUE_TRAILER}: {issue}\n").into_bytes();
    text.extend(std::fs::read(file).map_err(doing())?);
    Ok(std::fs::write(file, text).map_err(doing())?)
}

/// Whether git is making commits out of other commits.
fn remakes_commits(session: &Session) -> bool {
    let dir = session.store.git_dir();
    ["rebase-merge", "rebase-apply", "CHERRY_PICK_HEAD", "REVERT_HEAD"].iter().any(|name| dir.join(name).exists())
}

/// Whether git is bringing commits together that were made before, with their trailers.
fn joins_commits(session: &Session) -> bool {
    let dir = session.store.git_dir();
    ["MERGE_HEAD", "SQUASH_MSG"].iter().any(|name| dir.join(name).exists())
}

/// Whether a message may hold the trailer: a quick look without git.
pub fn names_an_issue(text: &str) -> bool {
    text.to_ascii_lowercase().contains(&ISSUE_TRAILER.to_ascii_lowercase())
}

/// The beginning of the message in a file.
fn beginning(file: &Path) -> String {
    use std::io::Read;
    let mut text = Vec::new();
    // What cannot be read has no trailer; git will say what is wrong with it.
    let _ = std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

/// The hook `commit-msg`: every issue that is named is in work, and held by who commits; its gates are asked.
pub fn check(session: &Session, file: &Path) -> Result<()> {
    let mut named = Vec::new();
    if names_an_issue(&beginning(file)) {
        let git = session.store.git();
        let text = git.message_text(file)?;
        if says_nothing_else(&text) {
            // git itself would take the trailer for a message.
            return Err(Error::new(Class::Usage, "empty_message", "the commit message is empty: nothing is committed"));
        }
        named = git.message_issues(&text)?;
    }
    let view = session.view()?;
    if named.is_empty() {
        let required = view.state.settings().map_err(StoreError::from)?.requires_issue();
        return if required && !remakes_commits(session) { Err(unnamed()) } else { Ok(()) };
    }
    let committed = Committed::new(session);
    for name in named {
        let issue = find(&view, &name)?;
        // Commits that were made before bring their issues along, whoever has them, finished or not.
        let made_before = remakes_commits(session) || (joins_commits(session) && issue.state.is_finished());
        if !made_before {
            check_in_work(session, &issue)?;
        }
        if is_in_work_by(session, &issue)? {
            ask(session, &view, &issue, &committed)?;
        }
    }
    Ok(())
}

fn says_nothing_else(text: &str) -> bool {
    text.lines().all(|line| {
        let key = line.split(':').next().unwrap_or_default();
        line.trim().is_empty() || key.eq_ignore_ascii_case(ISSUE_TRAILER)
    })
}

fn unnamed() -> Error {
    let message = "the commit names no issue, and this project wants every commit to";
    Error::new(Class::Refused, "issue_required", message)
        .hint(format!("jit issue claim-next, or write `{ISSUE_TRAILER}: ID` as the last line of the message"))
}

fn find(view: &View, name: &str) -> Result<Issue> {
    let prefix: IdPrefix = name.parse().map_err(|why| {
        Error::new(Class::NotFound, "issue_not_found", format!("the commit names the issue `{name}`: {why}"))
            .hint("jit list")
            .details(json!({ "id": name }))
    })?;
    Ok(resolve(&view.state, &prefix)?)
}

/// Whether the acting agent holds the issue.
fn is_in_work_by(session: &Session, issue: &Issue) -> Result<bool> {
    let (actor, _) = session.actor(None)?;
    Ok(issue.state.may_be_claimed() && issue.claim.as_ref().is_some_and(|claim| claim.by == actor))
}

/// Refuses a commit for an issue that nobody works on, or somebody else.
fn check_in_work(session: &Session, issue: &Issue) -> Result<()> {
    let id = issue.id.short();
    let (actor, _) = session.actor(None)?;
    let Some(claim) = issue.claim.as_ref().filter(|_| issue.state.may_be_claimed()) else {
        let message = format!("the commit names the issue {id}, which is {}: nobody works on it", issue.state);
        return Err(Error::new(Class::Refused, "not_in_work", message)
            .hint(format!("jit issue claim {id}"))
            .details(json!({ "id": issue.id, "state": issue.state })));
    };
    if claim.by == actor {
        return Ok(());
    }
    let message = format!("the commit names the issue {id}, which {} holds, not {actor}", claim.by);
    Err(Error::new(Class::Lost, "claimed_by_other", message)
        .hint(format!("commit as the holder, or take the line `{ISSUE_TRAILER}` out of the message"))
        .details(json!({ "id": issue.id, "actor": actor, "claim": { "by": claim.by, "at": claim.at } })))
}
