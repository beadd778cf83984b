//! Choosing and ordering issues.

use super::graph::Graph;
use super::issue::Issue;
use super::name::{Actor, Label};
use super::state::{Priority, State};
use super::time::Timestamp;

/// Which issues are wanted: every part that is given must hold.
#[derive(Clone, Debug, Default)]
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
}

impl Criteria {
    /// Whether `issue`, which is `blocked` or not, is wanted.
    pub fn accepts(&self, issue: &Issue, blocked: bool) -> bool {
        (self.states.is_empty() || self.states.contains(&issue.state))
            && (self.priorities.is_empty() || self.priorities.contains(&issue.priority))
            && self.labels.iter().all(|label| issue.labels.contains(label))
            && self.assignee.as_ref().is_none_or(|wanted| issue.assignee.as_ref() == Some(wanted))
            && (!self.blocked || blocked)
            && (!self.unassigned || issue.assignee.is_none())
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
}

/// Puts `issues` in order. Equal keys fall back to age and id, so the order is total.
pub fn sort(issues: &mut [Issue], by: Sort) {
    let work_order = |issue: &Issue| (issue.priority, issue.created_at, issue.id);
    match by {
        Sort::Priority => issues.sort_by_key(work_order),
        Sort::Created => issues.sort_by_key(|issue| (issue.created_at, issue.id)),
        Sort::Updated => issues.sort_by_key(|issue| (std::cmp::Reverse(issue.updated_at), issue.id)),
        Sort::Title => {
            issues.sort_by_key(|issue| (issue.title.as_str().to_lowercase(), issue.created_at, issue.id));
        }
        Sort::State => issues.sort_by_key(|issue| (issue.state, work_order(issue))),
    }
}

/// Whether `issue` waits to be taken up: released for work, or held by a claim whose lease ran out.
pub fn is_up_for_work(issue: &Issue, clock: Timestamp) -> bool {
    match (&issue.claim, issue.state) {
        (None, State::Ready) => true,
        (Some(claim), State::InProgress) => claim.is_expired(clock),
        _ => false,
    }
}

/// The issues that can be claimed now, in the order of work.
pub fn claimable(graph: &Graph, clock: Timestamp) -> Vec<Issue> {
    let mut issues: Vec<Issue> =
        graph.issues().filter(|issue| is_up_for_work(issue, clock) && !graph.is_blocked(issue)).cloned().collect();
    sort(&mut issues, Sort::Priority);
    issues
}
