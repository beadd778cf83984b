//! Choosing and ordering issues.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::filter::Filter;
use super::issue::{Claim, Issue};
use super::name::{Actor, GateKey, Label};
use super::snapshot::{Read, Snapshot};
use super::state::{GateStatus, Priority, Stage, State};
use super::table::Entry;
use super::time::Timestamp;

/// Which issues are wanted: every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criteria {
    /// Any of these states; empty for all.
    pub states: Vec<State>,
    /// Any of these priorities; empty for all.
    pub priorities: Vec<Priority>,
    /// All of these labels.
    pub labels: Vec<Label>,
    /// This assignee.
    pub assignee: Option<Actor>,
    /// Only those that a dependency holds up.
    pub blocked: bool,
    /// Only those that nobody is assigned to.
    pub unassigned: bool,
    /// Only those that this filter accepts.
    pub filter: Option<Filter>,
}

impl Criteria {
    /// Whether every issue is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `issue` is wanted.
    pub fn accepts(&self, issue: Entry<'_>) -> bool {
        (self.states.is_empty() || self.states.contains(&issue.state()))
            && (self.priorities.is_empty() || self.priorities.contains(&issue.priority()))
            && self.labels.iter().all(|wanted| issue.labels().any(|label| label == wanted.as_str()))
            && self.assignee.as_ref().is_none_or(|wanted| issue.assignee() == Some(wanted.as_str()))
            && (!self.blocked || issue.is_blocked())
            && (!self.unassigned || issue.assignee().is_none())
            && self.filter.as_ref().is_none_or(|filter| filter.accepts(issue))
    }
}

/// How a list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By priority, then age: the order of work.
    #[default]
    Priority,
    /// Oldest first.
    Created,
    /// Last changed first.
    Updated,
    /// By title.
    Title,
    /// By state, then priority and age.
    State,
    /// Last completed first.
    Completed,
}

/// Puts the first `count` of `issues` in order and leaves the rest out; all of them without a count.
///
/// Equal keys fall back to age and id, so the order is total.
pub fn first(issues: &mut Vec<Entry<'_>>, by: Sort, count: Option<usize>) {
    match by {
        Sort::Priority => first_by(issues, count, work_order),
        Sort::Created => first_by(issues, count, |issue| (issue.created_at(), issue.id())),
        Sort::Updated => first_by(issues, count, |issue| (Reverse(issue.updated_at()), issue.id())),
        Sort::Completed => first_by(issues, count, |issue| (Reverse(issue.completed_at()), issue.id())),
        Sort::State => first_by(issues, count, |issue| (issue.state(), work_order(issue))),
        Sort::Title => {
            issues.sort_by_cached_key(|issue| (issue.title().to_lowercase(), issue.created_at(), issue.id()));
            issues.truncate(count.unwrap_or(usize::MAX));
        }
    }
}

fn work_order(issue: Entry<'_>) -> impl Ord + use<> {
    (issue.priority(), issue.created_at(), issue.id())
}

fn first_by<'t, K: Ord>(issues: &mut Vec<Entry<'t>>, count: Option<usize>, key: impl Fn(Entry<'t>) -> K) {
    if let Some(count) = count.filter(|count| *count < issues.len()) {
        if count > 0 {
            issues.select_nth_unstable_by_key(count - 1, |issue| key(*issue));
        }
        issues.truncate(count);
    }
    issues.sort_unstable_by_key(|issue| key(*issue));
}

/// Whether `issue` waits to be taken up: released for work, or held by a claim whose lease ran out.
pub fn is_up_for_work(issue: &Issue, clock: Timestamp) -> bool {
    let lease = issue.claim.as_ref().map(|claim: &Claim| claim.is_expired(clock));
    waits_to_be_taken(issue.state, lease)
}

/// Whether `issue` can be claimed now: it waits to be taken up, nothing blocks it, and none of the gates that
/// hold a claim back is outstanding.
pub fn is_claimable(issue: Entry<'_>, clock: Timestamp, start_gates: &BTreeSet<GateKey>) -> bool {
    let lease = issue.holder().map(|_| issue.is_lease_expired(clock));
    let held_back = |(key, status): (&str, GateStatus)| {
        status != GateStatus::Passed && start_gates.iter().any(|gate| gate.as_str() == key)
    };
    waits_to_be_taken(issue.state(), lease)
        && !issue.is_blocked()
        && (start_gates.is_empty() || !issue.gates().any(held_back))
}

/// The gates that hold a claim back. Reads the definitions; one that cannot be read holds nothing back here,
/// the claim itself looks at it again.
pub fn start_gates(state: &dyn Snapshot) -> Read<BTreeSet<GateKey>> {
    let mut keys = state.gate_keys()?;
    keys.retain(|key| matches!(state.gate(key), Ok(Some(gate)) if gate.check.stage == Stage::Start));
    Ok(keys.into_iter().collect())
}

/// `expired`: whether the lease of the claim ran out; `None` when there is no claim.
fn waits_to_be_taken(state: State, expired: Option<bool>) -> bool {
    matches!((state, expired), (State::Ready, None) | (State::InProgress, Some(true)))
}
