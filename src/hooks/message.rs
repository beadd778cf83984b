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

use super::at_hand::{self, AtHand};
use super::enforce::{Committed, ask};

/// A line below which nothing belongs to the message has this in it.
const SCISSORS: &str = "------------------------ >8 ------------------------";
/// Bytes of a commit message that are looked at.
const MOST: u64 = 1 << 20;

/// The hook `prepare-commit-msg`: adds the trailer that names the issue at hand.
///
/// Leaves alone what names one already, and commits that are made anew from others: amended, picked, rebased.
pub fn prepare(session: &Session, file: &Path, source: &str) -> Result<()> {
    if source == "commit" || remakes_commits(session) {
        return Ok(());
    }
    let view = session.view()?;
    let issue = match at_hand::issue(session, &view)? {
        AtHand::One(issue) => issue,
        AtHand::None => return Ok(()),
        AtHand::Several(count) => {
            session.notice(format!(
                "you hold {count} issues: the commit belongs to one only if it says `{ISSUE_TRAILER}: ID`"
            ));
            return Ok(());
        }
    };
    let (git, text) = (session.store.git(), said(session, file)?);
    if names_an_issue(&text) && !git.message_issues(&text)?.is_empty() {
        return Ok(());
    }
    match text.trim().is_empty() {
        false => Ok(git.add_issue(file, &issue.id.to_string())?),
        // git refuses such a message, or was told to take it.
        true if session.environment.no_editor => Ok(()),
        true => leave_room(file, &issue),
    }
}

/// Writes the trailer below the room for a message that is still to be written.
fn leave_room(file: &Path, issue: &Issue) -> Result<()> {
    let doing = || StoreError::io(format!("writing {}", file.display()));
    let mut text = format!("\n\n{ISSUE_TRAILER}: {}\n", issue.id).into_bytes();
    text.extend(std::fs::read(file).map_err(doing())?);
    Ok(std::fs::write(file, text).map_err(doing())?)
}

/// What the message says, as far as a hook can tell: without what git cuts off, and without comments where git
/// takes them out, which it does to what an editor was used on.
fn said(session: &Session, file: &Path) -> Result<String> {
    let raw = beginning(file);
    let kept = raw.lines().take_while(|line| !line.contains(SCISSORS));
    let text: String = kept.flat_map(|line| [line, "\n"]).collect();
    let cleanup = session.store.config("commit.cleanup");
    let keeps_comments = matches!(cleanup.as_deref(), Some("verbatim" | "whitespace" | "scissors"));
    if session.environment.no_editor || keeps_comments {
        return Ok(text);
    }
    Ok(session.store.git().without_comments(&text)?)
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
        let text = said(session, file)?;
        if says_nothing_else(&text) {
            // git itself would take the trailer for a message.
            return Err(Error::new(Class::Usage, "empty_message", "the commit message is empty: nothing is committed"));
        }
        if is_template(session, &text)? {
            let message = "the commit message is the template as it was: nothing is committed";
            return Err(Error::new(Class::Usage, "empty_message", message));
        }
        named = session.store.git().message_issues(&text)?;
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

/// Whether an editor was left with nothing but the project's template and the trailer, which git itself does not
/// see for the trailer.
fn is_template(session: &Session, text: &str) -> Result<bool> {
    if session.environment.no_editor || session.store.config("commit.template").is_none() {
        return Ok(false);
    }
    let git = session.store.git();
    let Some(template) = git.template()? else { return Ok(false) };
    let is_own = |line: &&str| !line.to_ascii_lowercase().starts_with(&ISSUE_TRAILER.to_ascii_lowercase());
    let plain =
        |text: &str| text.lines().filter(is_own).map(str::trim).filter(|line| !line.is_empty()).collect::<String>();
    Ok(plain(&git.without_comments(&template)?) == plain(text))
}

/// Whether the trailer is all there is.
fn says_nothing_else(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let is_trailer = |line: &str| line.split(':').next().is_some_and(|key| key.eq_ignore_ascii_case(ISSUE_TRAILER));
    lines.peek().is_some() && lines.all(is_trailer)
}

fn unnamed() -> Error {
    let message = format!(
        "the commit names no issue, and this project wants every commit to: the last line of its message is `{ISSUE_TRAILER}: ID`"
    );
    Error::new(Class::Refused, "issue_required", message).hint("jit issue claim-next")
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
            .hint(match issue.state.is_finished() {
                true => format!("jit issue update {id} --state ready; jit issue claim {id}"),
                false => format!("jit issue claim {id}"),
            })
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
