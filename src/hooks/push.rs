//! The hook `pre-push`: only finished work gets onto protected branches.

use std::time::Duration;

use serde_json::json;

use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::git_process::Named;
use crate::session::{Session, View};
use crate::store::StoreError;
use crate::sync::{self, Pushing, Remote};
use crate::verify::{Asked, Row, examine};

/// Commits that are listed in a refusal before it says how many more there are.
const LISTED: usize = 3;

/// How long a push of code may be held up by the tracker.
const PATIENCE: Duration = Duration::from_secs(30);

/// Refuses to push commits to protected branches whose issue has gates that are not passed; else has the tracker go
/// along, where the remote shares it. `input` has a line for each ref that is pushed.
pub fn before_push(session: &Session, remote: &str, input: &str) -> Result<()> {
    check_branches(session, remote, input)?;
    let Some(remote) = named(session, remote) else { return Ok(()) };
    let shared = session.store.other_ref(&session.store.seen_ref(&remote))?.is_some();
    if shared && session.view()?.state.settings().map_err(StoreError::from)?.syncs_on_push() {
        let remote = Remote::called(session, &remote)?;
        // The code goes its way all the same; the next sync takes the tracker along.
        if let Err(error) = sync::sync(session, &remote, Pushing::Yes, PATIENCE) {
            session.notice(format!("the tracker did not go along: {}", error.message));
        }
    }
    Ok(())
}

/// The remote that is pushed to, by its name or its address.
fn named(session: &Session, remote: &str) -> Option<String> {
    let is_it = |name: &String| {
        let has =
            |key: &str| session.store.config_values(&format!("remote.{name}.{key}")).iter().any(|url| url == remote);
        name == remote || has("url") || has("pushurl")
    };
    session.store.remotes().into_iter().find(is_it)
}

/// The branches that only finished work gets onto.
pub struct Protected {
    patterns: Vec<glob::Pattern>,
    require_issue: bool,
}

impl Protected {
    /// As the settings say; `None` when there are none.
    pub fn of(view: &View) -> Result<Option<Self>> {
        let settings = view.state.settings().map_err(StoreError::from)?;
        let patterns: Vec<glob::Pattern> =
            settings.protected_branches().iter().filter_map(|text| glob::Pattern::new(text).ok()).collect();
        Ok((!patterns.is_empty()).then(|| Self { patterns, require_issue: settings.requires_issue() }))
    }

    /// Whether a branch is one of them.
    pub fn covers(&self, branch: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(branch))
    }

    /// Refuses commits whose issue has gates that are not passed.
    pub fn check(&self, session: &Session, view: &View, branch: &str, commits: &[Named]) -> Result<()> {
        let asked = Asked { finish_trees: false, unnamed: !self.require_issue };
        let rows = examine(session, view, commits, &asked)?;
        let bad: Vec<&Row> = rows.iter().filter(|row| !row.ok).collect();
        let Some(first) = bad.first() else { return Ok(()) };
        let lines: String = bad.iter().take(LISTED).map(|row| format!("\n    {}", row.line())).collect();
        let more = if bad.len() > LISTED { format!("\n    and {} more", bad.len() - LISTED) } else { String::new() };
        let message = format!(
            "the branch {branch} is protected, and {} of the commits may not go there:{lines}{more}",
            bad.len()
        );
        Err(Error::new(Class::Refused, "push_refused", message)
            .hint(first.way_out())
            .details(json!({ "branch": branch, "commits": bad })))
    }
}

/// Refuses to push commits to protected branches whose issue has gates that are not passed.
fn check_branches(session: &Session, remote: &str, input: &str) -> Result<()> {
    let view = session.view()?;
    let Some(protected) = Protected::of(&view)? else { return Ok(()) };
    for line in input.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, local, remote_ref, known] = words.as_slice() else { continue };
        let Some(branch) = remote_ref.strip_prefix("refs/heads/") else { continue };
        if is_id(local) && protected.covers(branch) {
            let range = range(session, remote, local, known, &protected)?;
            let args: Vec<&str> = range.iter().map(String::as_str).collect();
            protected.check(session, &view, branch, &session.store.git().commits(&args)?)?;
        }
    }
    Ok(())
}

/// An id that is not all zeros, which stands for nothing.
pub(super) fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0')
}

/// The commits that the branch does not have on the remote, as arguments for `git log`; for a new branch, those
/// that no protected one has. What other branches have was never asked about.
fn range(session: &Session, remote: &str, local: &str, known: &str, protected: &Protected) -> Result<Vec<String>> {
    let git = session.store.git();
    let mut args = vec![local.to_owned(), "--not".to_owned()];
    if is_id(known) && git.rev_parse(&format!("{known}^{{commit}}"))?.is_some() {
        args.push(known.to_owned());
    } else {
        // A new branch, or one whose end never came here: what was last seen of the others is the next best.
        let branches = git.branches_of(remote)?;
        args.extend(branches.into_iter().filter(|(branch, _)| protected.covers(branch)).map(|(_, name)| name));
    }
    Ok(args)
}
