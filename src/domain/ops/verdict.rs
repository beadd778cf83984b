//! Verdicts on gates: given by hand, or by the command that judges.

use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::{Body, Judgement, Override, Overruled};
use crate::domain::gate::Check;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::{Issue, Verdict};
use crate::domain::limits;
use crate::domain::name::GateKey;
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::standing::{Standing, standing};
use crate::domain::state::GateStatus;

use super::gate::put_on;
use super::{authorize, state::complete_if_gates_passed};

/// A verdict on its way into the tracker.
#[derive(Clone, Debug)]
pub struct Given {
    /// Passed or failed.
    pub passed: bool,
    /// Whether an issue that waits for its gates is done with the last one. Not before a commit that may yet fail.
    pub completes: bool,
    /// Whether the judge was named for this command (`--by`) and so may judge what others hold.
    pub by_other: bool,
    /// What was judged, by what, and a remark.
    pub judgement: Judgement,
}

/// Judges a gate of an issue by hand, putting it on first when it is missing. The last gate of a gated issue
/// to pass completes it.
///
/// A gate that a command judges is passed by hand only with `force` and a note, and is shown so from then on.
pub fn judge(draft: &mut Draft<'_>, prefix: &IdPrefix, given: &Given) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    let mut judgement = given.judgement.clone();
    let standing = known(draft, &issue, &judgement.gate)?;
    if given.passed && standing.command().is_some() {
        if !draft.context.force {
            return Err(Refusal::GateRuns { id: issue.id, key: judgement.gate });
        }
        if judgement.note.as_deref().is_none_or(|note| note.trim().is_empty()) {
            let why = "say in a --note why the command is not what counts".to_owned();
            return Err(Refusal::Invalid { what: "--force".to_owned(), why });
        }
        judgement.overridden = true;
    }
    let verdict = &standing.verdict;
    let repeated = verdict.status == status(given.passed)
        && verdict.by.as_ref() == Some(&draft.context.actor)
        && (&verdict.tree, &verdict.note) == (&judgement.tree, &judgement.note)
        && verdict.command.is_none();
    if repeated && issue.gates.contains_key(&judgement.gate) {
        if given.completes {
            complete_if_gates_passed(draft, &issue)?;
        }
        return Ok(issue.id);
    }
    enter(draft, &issue, given, judgement)?;
    Ok(issue.id)
}

/// Records the verdict of a command, run as `check` says. Refused when the gate asks for something else by now.
pub fn record(draft: &mut Draft<'_>, id: IssueId, given: &Given, check: &Check) -> Decision {
    let issue = draft.issue(id)?;
    let key = &given.judgement.gate;
    let asked = known(draft, &issue, key)?.check.unwrap_or_default();
    if (&asked.command, &asked.workdir, &asked.env_key) != (&check.command, &check.workdir, &check.env_key) {
        return Err(Refusal::GateChanged { id, key: key.clone() });
    }
    enter(draft, &issue, given, given.judgement.clone())
}

/// Records that a gate holds for the tree of a commit made earlier. The issue's own verdict stays as it is.
pub fn verify(draft: &mut Draft<'_>, id: IssueId, judgement: &Judgement) -> Decision {
    draft.issue(id)?;
    draft.emit(id, Body::GateVerified(judgement.clone()))
}

fn status(passed: bool) -> GateStatus {
    if passed { GateStatus::Passed } else { GateStatus::Failed }
}

/// How the gate stands on the issue, or would if it were put on.
fn known(draft: &Draft<'_>, issue: &Issue, key: &GateKey) -> Decision<Standing> {
    require_gates(draft.state(), [key])?;
    let pending = Verdict::pending();
    Ok(standing(draft.state(), issue, key, issue.gates.get(key).unwrap_or(&pending))?)
}

fn enter(draft: &mut Draft<'_>, issue: &Issue, given: &Given, judgement: Judgement) -> Decision {
    let passed = given.passed;
    if !given.by_other {
        authorize(draft, issue)?;
    }
    if issue.state.is_finished() && !passed {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "verdicts" });
    }
    if issue.state.is_finished() && !issue.gates.contains_key(&judgement.gate) {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "gates" });
    }
    if !issue.gates.contains_key(&judgement.gate) {
        put_on(draft, issue, &judgement.gate)?;
    }
    if judgement.overridden {
        let overruled = Overruled { gate: judgement.gate.clone(), what: Override::PassedByHand, check: None };
        draft.emit(issue.id, Body::GateOverridden(overruled))?;
    }
    draft.emit(issue.id, if passed { Body::GatePassed(judgement) } else { Body::GateFailed(judgement) })?;
    limits::check_issue(&draft.issue(issue.id)?)?;
    if given.completes { complete_if_gates_passed(draft, issue) } else { Ok(()) }
}
