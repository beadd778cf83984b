//! The gates of the stage `commit`: passed for the tree that is being committed, or no commit.

use std::cell::OnceCell;

use serde_json::json;

use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::{Standing, standings};
use crate::domain::state::{GateStatus, Stage};
use crate::error::{Class, Error, Result};
use crate::gates::{Outcome, Place, Runner, Verdict, require_trust};
use crate::session::{Manners, Session, View};
use crate::store::StoreError;

use super::at_hand::{self, AtHand};

/// The hooks `pre-commit` and `pre-merge-commit`: asks the gates of the issue at hand.
pub fn before_commit(session: &Session) -> Result<()> {
    let view = session.view()?;
    match at_hand::issue(session, &view)? {
        AtHand::One(issue) if issue.state.may_be_claimed() => ask(session, &view, &issue, &Committed::new(session)),
        _ => Ok(()),
    }
}

/// The tree that is being committed, looked up when it is first needed.
pub struct Committed<'s> {
    session: &'s Session,
    tree: OnceCell<String>,
}

impl<'s> Committed<'s> {
    /// Of the commit for which git runs this hook.
    pub fn new(session: &'s Session) -> Self {
        Self { session, tree: OnceCell::new() }
    }

    /// Its id. git says in the environment which index it makes the commit from.
    fn tree(&self) -> Result<&str> {
        if self.tree.get().is_none() {
            let index = self.session.environment.index_file.as_deref();
            let _ = self.tree.set(self.session.store.git().index_tree(index)?);
        }
        Ok(self.tree.get().expect("it was just looked up"))
    }
}

/// Asks the commit gates of `issue`. Those that a trusted command judges are run, where it is not known already.
pub fn ask(session: &Session, view: &View, issue: &Issue, committed: &Committed<'_>) -> Result<()> {
    let mut open = standings(&view.state, issue).map_err(StoreError::from)?;
    open.retain(|standing| standing.stage() == Stage::Commit);
    if open.is_empty() {
        return Ok(());
    }
    let tree = committed.tree()?;
    let strict = view.state.settings().map_err(StoreError::from)?.manual_stale_is_strict();
    open.retain(|standing| {
        // Whether the environment is still the same is asked each time, but not of a person's word.
        let asks_anew =
            !standing.verdict.overridden && standing.check.as_ref().is_some_and(|check| check.env_key.is_some());
        asks_anew || !standing.holds_for(Some(tree), strict)
    });
    if let Some(by_hand) = open.iter().find(|standing| standing.command().is_none()) {
        return Err(not_passed(issue, by_hand));
    }
    if open.is_empty() {
        return Ok(());
    }
    require_trust(session, issue.id, &open)?;
    // What is being committed may be less than what lies around.
    let place = Place::for_tree(&session.store, tree);
    let runner = Runner {
        session,
        tip: view.commit.clone(),
        place: &place,
        issue,
        force: false,
        jobs: 1,
        echo: session.echo.clone(),
    };
    let outcomes = runner.run(&open)?;
    runner.record("hooks run", &Manners::default(), &outcomes, false)?;
    outcomes.iter().try_for_each(|outcome| verdict(issue, outcome))
}

/// Refuses a commit whose gate is passed by hand, and is not, or not for this tree.
fn not_passed(issue: &Issue, standing: &Standing) -> Error {
    let (id, key) = (issue.id.short(), &standing.key);
    let how = match standing.verdict.status {
        GateStatus::Passed => "passed, but for another tree than the one being committed".to_owned(),
        status => status.to_string(),
    };
    Error::new(
        Class::Refused,
        "gates_pending",
        format!("the gate {key} of the issue {id} holds the commit back: {how}"),
    )
    .hint(format!("jit gate pass {id} {key}"))
    .details(json!({ "id": issue.id, "gates": [{ "gate": key, "status": standing.verdict.status }] }))
}

/// Refuses a commit whose gate failed, or could not be asked.
fn verdict(issue: &Issue, outcome: &Outcome) -> Result<()> {
    let (id, key) = (issue.id.short(), &outcome.gate);
    let (class, code, what) = match &outcome.verdict {
        Verdict::Given { passed: true, .. } => return Ok(()),
        Verdict::Given { ran, .. } => (Class::Refused, "gate_failed", format!("failed: exit {}", ran.exit_code)),
        Verdict::None(why) => (Class::Outside, "gate_no_verdict", format!("has no verdict: {why}")),
    };
    let (tail, log) = outcome.output.as_ref().map_or(("", None), |(tail, log)| (tail.trim_end(), Some(log)));
    let shown: String = tail.lines().map(|line| format!("\n    {line}")).collect();
    let hint = match &outcome.verdict {
        Verdict::Given { .. } => "fix it, git add what you changed, and commit again".to_owned(),
        Verdict::None(_) => format!("jit gate show {key}"),
    };
    let message = format!("the gate {key} of the issue {id}, asked about what is being committed, {what}{shown}");
    Err(Error::new(class, code, message).hint(hint).details(json!({
        "id": issue.id,
        "gate": key,
        "command": outcome.check.command,
        "output_tail": tail,
        "log": log.map(|log| log.display().to_string()),
    })))
}
