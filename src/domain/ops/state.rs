//! Changes of state, and what must hold before one.

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Ended, Transition};
use crate::domain::issue::{Issue, WatchedField};
use crate::domain::refusal::{Decision, Named, NamedGate, Refusal, Unseen};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;

use super::authorize;
use super::claim::{Terms, take};

/// What a change of state needs to know besides the state.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// The issue as the finishing agent says it has seen it.
    pub seen: Option<Box<Issue>>,
    /// Why, for a rejection.
    pub reason: Option<String>,
}

/// Brings `issue` into the state `to`. Quiet when it is there.
pub fn set_state(draft: &mut Draft<'_>, issue: &Issue, to: State, finish: &Finish) -> Decision {
    let (id, from) = (issue.id, issue.state);
    if from == to {
        return Ok(());
    }
    authorize(draft, issue)?;
    if !from.may_become(to) {
        return Err(Refusal::Transition { id, from, to });
    }
    check_seen(draft, issue, to, finish)?;
    if to.needs_unblocked() {
        check_unblocked(draft, issue, to)?;
    }
    let ended = || Ended { from, reason: finish.reason.clone() };
    match to {
        State::InProgress if issue.claim.is_none() => {
            take(draft, id, &Terms { holder: draft.context.actor.clone(), ttl: None })
        }
        State::Gated => {
            if issue.outstanding_gates().next().is_none() {
                return draft.emit(id, Body::IssueCompleted(ended()));
            }
            draft.emit(id, Body::IssueStateChanged(Transition { from, to }))
        }
        State::Done => {
            check_gates(issue)?;
            draft.emit(id, Body::IssueCompleted(ended()))
        }
        State::Rejected => draft.emit(id, Body::IssueRejected(ended())),
        _ => draft.emit(id, Body::IssueStateChanged(Transition { from, to })),
    }
}

/// Moves a gated issue on to done when its last gate has passed and nothing blocks it.
pub(super) fn complete_if_gates_passed(draft: &mut Draft<'_>, before: &Issue) -> Decision {
    let issue = draft.issue(before.id)?;
    if issue.state == State::Gated
        && issue.outstanding_gates().next().is_none()
        && draft.state().blockers(&issue)?.is_empty()
    {
        draft.emit(issue.id, Body::IssueCompleted(Ended { from: State::Gated, reason: None }))?;
    }
    Ok(())
}

fn check_unblocked(draft: &Draft<'_>, issue: &Issue, to: State) -> Decision {
    let blockers = draft.state().blockers(issue)?;
    if blockers.is_empty() {
        return Ok(());
    }
    Err(Refusal::Blocked { id: issue.id, to, by: blockers.iter().map(Named::from).collect() })
}

fn check_gates(issue: &Issue) -> Decision {
    let gates: Vec<NamedGate> = issue
        .outstanding_gates()
        .map(|(key, verdict)| NamedGate { key: key.clone(), status: verdict.status })
        .collect();
    if gates.is_empty() { Ok(()) } else { Err(Refusal::GatesPending { id: issue.id, gates }) }
}

/// Refuses a holder who finishes what others have changed meanwhile, unless it says it has seen that.
pub(super) fn check_seen(draft: &Draft<'_>, issue: &Issue, to: State, finish: &Finish) -> Decision {
    if !matches!(to, State::Gated | State::Done) || issue.state == to {
        return Ok(());
    }
    let Some(claim) = issue.claim.as_ref().filter(|claim| draft.context.named && claim.by == draft.context.actor)
    else {
        return Ok(());
    };
    let changes: Vec<Unseen> = WatchedField::ALL
        .into_iter()
        .filter_map(|field| {
            let (known, now) = (claim.unseen.get(field.name())?, issue.watched(field));
            let seen = finish.seen.as_ref().is_some_and(|seen| seen.watched(field) == now);
            (*known != now && !seen).then(|| Unseen { field: field.name().to_owned(), known: known.clone(), now })
        })
        .collect();
    if changes.is_empty() { Ok(()) } else { Err(Refusal::UnseenChanges { id: issue.id, changes }) }
}
