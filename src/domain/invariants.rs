//! What must hold of every issue in a healthy tracker, checked by `jit fsck`.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::knots;
use super::id::IssueId;
use super::issue::Issue;
use super::limits;
use super::state::State;

/// What is wrong with one issue by itself.
pub fn broken(issue: &Issue) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    // INVARIANT: in progress means claimed; nothing but in progress and gated is claimed.
    let unheld = issue.claim.is_none() && issue.deleted.is_none();
    check(issue.state != State::InProgress || !unheld, "in progress, but nobody holds it");
    check(issue.claim.is_none() || issue.state.may_be_claimed(), "held, but in a state nobody can hold");
    // INVARIANT: the newest claim is the one that is remembered.
    check(
        issue.claim.as_ref().is_none_or(|claim| {
            issue.last_claim.as_ref().is_some_and(|last| {
                (last.generation, last.token) == (claim.generation, claim.token) && last.by == claim.by
            })
        }),
        "its claim is not the newest one remembered",
    );
    check(!issue.dependencies.contains(&issue.id), "depends on itself");
    check(issue.deleted.is_none() || issue.claim.is_none(), "deleted, but held");
    // INVARIANT: done means that every gate passed.
    check(issue.state != State::Done || issue.outstanding_gates().next().is_none(), "done, but a gate is not passed");
    // INVARIANT: what is done, or was archived from there, knows since when; nothing else does.
    let was_done = issue.state == State::Done || issue.archived_from == Some(State::Done);
    check(issue.completed_at.is_some() == was_done, "completed, but not done, or the other way round");
    let ids: BTreeSet<_> = issue.comments.iter().map(|comment| comment.id).collect();
    check(ids.len() == issue.comments.len(), "two comments have one id");
    check(issue.comments.iter().all(|comment| !comment.text.is_empty()), "a comment says nothing");
    check(limits::check_issue(issue).is_ok(), "larger than the limits allow");
    faults
}

/// What is wrong between issues: missing dependencies, cycles. `living` holds what each waits for.
pub fn broken_together(
    living: &BTreeMap<IssueId, BTreeSet<IssueId>>,
    tombstones: &BTreeSet<IssueId>,
) -> Vec<(IssueId, String)> {
    let edges = || living.iter().flat_map(|(from, on)| on.iter().map(move |on| (*from, *on)));
    let missing = edges().filter(|(_, on)| !living.contains_key(on) && !tombstones.contains(on));
    let mut faults: Vec<_> = missing.map(|(id, on)| (id, format!("depends on {on}, which does not exist"))).collect();
    for knot in knots(edges()) {
        let members: Vec<String> = knot.iter().map(|id| id.short()).collect();
        faults.push((knot[0], format!("waits for itself: {}", members.join(", "))));
    }
    faults
}
