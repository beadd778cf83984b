//! Changes of state, and what must hold before one.

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Ended, Transition};
use crate::domain::issue::{Issue, WatchedField};
use crate::domain::refusal::{Decision, Named, Refusal, Unseen};
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::{Standing, standings};
use crate::domain::state::{Stage, State};

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
        State::InProgress if issue.claim.is_none() => take(draft, id, &Terms::local(draft.context.actor.clone(), None)),
        State::Gated => {
            if outstanding(draft, issue)?.is_empty() {
                return draft.emit(id, Body::IssueCompleted(ended()));
            }
            draft.emit(id, Body::IssueStateChanged(Transition { from, to }))
        }
        State::Done => {
            check_gates(draft, issue, to)?;
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
        && outstanding(draft, &issue)?.is_empty()
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

/// The gates of `issue` that are not passed by what they ask for now.
fn outstanding(draft: &Draft<'_>, issue: &Issue) -> Decision<Vec<Standing>> {
    let mut standings = standings(draft.state(), issue)?;
    standings.retain(|standing| !standing.holds());
    Ok(standings)
}

/// Refuses to go on to `to` while gates that hold it back are not passed: those of the stage `start` a claim, all
/// of them everything else.
pub(super) fn check_gates(draft: &Draft<'_>, issue: &Issue, to: State) -> Decision {
    let mut open = outstanding(draft, issue)?;
    open.retain(|standing| to != State::InProgress || standing.stage() == Stage::Start);
    if open.is_empty() {
        return Ok(());
    }
    Err(Refusal::GatesPending { id: issue.id, gates: open.iter().map(Standing::named).collect(), to })
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
