//! Gates: their definitions, and verdicts on issues.

use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::{Body, GateRef, Judgement};
use crate::domain::gate::Gate;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::limits;
use crate::domain::name::{GateKey, TITLE_CHARS};
use crate::domain::refusal::{Decision, Named, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::GateStatus;
use crate::domain::table::Entry;

use super::authorize;
use super::state::complete_if_gates_passed;

/// Defines a gate. Refused when its key is taken.
pub fn define(draft: &mut Draft<'_>, gate: &Gate) -> Decision {
    check(gate)?;
    if draft.state().gate(&gate.key)?.is_some() {
        return Err(Refusal::GateExists(gate.key.clone()));
    }
    draft.emit(None, Body::GateDefined(gate.clone()))
}

/// Refuses a definition that is too large or has no title.
pub(super) fn check(gate: &Gate) -> Decision {
    limits::check_text("a gate's description", &gate.description)?;
    if gate.title.trim().is_empty() || gate.title.chars().count() > TITLE_CHARS {
        let why = format!("a gate's title has 1 to {TITLE_CHARS} characters");
        return Err(Refusal::Invalid { what: "the title".to_owned(), why });
    }
    Ok(())
}

/// Takes a gate's definition away. Refused while unfinished issues carry it.
pub fn undefine(draft: &mut Draft<'_>, key: &GateKey) -> Decision {
    require_gates(draft.state(), [key])?;
    let table = draft.state().table()?;
    let carries =
        |issue: &Entry<'_>| !issue.state().is_finished() && issue.gates().any(|(name, _)| name == key.as_str());
    let users: Vec<Named> = table.issues().filter(carries).map(Named::from).collect();
    if !users.is_empty() {
        return Err(Refusal::GateInUse { key: key.clone(), by: users });
    }
    draft.emit(None, Body::GateUndefined(GateRef { gate: key.clone() }))
}

/// Puts gates on an issue. Quiet for those it has.
pub fn add(draft: &mut Draft<'_>, prefix: &IdPrefix, keys: &[GateKey]) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    require_gates(draft.state(), keys)?;
    let new: Vec<&GateKey> = keys.iter().filter(|key| !issue.gates.contains_key(*key)).collect();
    if new.is_empty() {
        return Ok(issue.id);
    }
    authorize(draft, &issue)?;
    if issue.state.is_finished() {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "gates" });
    }
    for gate in new {
        draft.emit(issue.id, Body::GateAdded(GateRef { gate: gate.clone() }))?;
    }
    limits::check_issue(&draft.issue(issue.id)?)?;
    Ok(issue.id)
}

/// Takes gates off an issue. Quiet for defined ones it does not have.
pub fn remove(draft: &mut Draft<'_>, prefix: &IdPrefix, keys: &[GateKey]) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    require_gates(draft.state(), keys.iter().filter(|key| !issue.gates.contains_key(*key)))?;
    let present: Vec<&GateKey> = keys.iter().filter(|key| issue.gates.contains_key(*key)).collect();
    if !present.is_empty() {
        authorize(draft, &issue)?;
        if issue.state.is_finished() {
            return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "gates" });
        }
    }
    for gate in present {
        draft.emit(issue.id, Body::GateRemoved(GateRef { gate: gate.clone() }))?;
    }
    Ok(issue.id)
}

/// A verdict as given by hand.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Passed or failed.
    pub passed: bool,
    /// Whether the judge was named for this command (`--by`) and so may judge what others hold.
    pub by_other: bool,
    /// What was judged, and a remark.
    pub judgement: Judgement,
}

/// Judges a gate of an issue, putting it on first when it is missing. The last gate of a gated issue
/// to pass completes it.
pub fn judge(draft: &mut Draft<'_>, prefix: &IdPrefix, verdict: &Verdict) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    let key = &verdict.judgement.gate;
    let known = issue.gates.get(key);
    require_gates(draft.state(), [key])?;
    let status = if verdict.passed { GateStatus::Passed } else { GateStatus::Failed };
    let repeated = known.is_some_and(|known| {
        known.status == status
            && known.by.as_ref() == Some(&draft.context.actor)
            && known.tree == verdict.judgement.tree
            && known.note == verdict.judgement.note
    });
    if repeated {
        return Ok(issue.id);
    }
    if !verdict.by_other {
        authorize(draft, &issue)?;
    }
    if issue.state.is_finished() && !verdict.passed {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "verdicts" });
    }
    if known.is_none() {
        draft.emit(issue.id, Body::GateAdded(GateRef { gate: key.clone() }))?;
    }
    let judgement = verdict.judgement.clone();
    let body = if verdict.passed { Body::GatePassed(judgement) } else { Body::GateFailed(judgement) };
    draft.emit(issue.id, body)?;
    limits::check_issue(&draft.issue(issue.id)?)?;
    complete_if_gates_passed(draft, &issue)?;
    Ok(issue.id)
}
