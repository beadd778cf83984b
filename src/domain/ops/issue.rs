//! Creating, changing and deleting issues.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::{Body, Edge, Edit, Empty, NewIssue};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::limits;
use crate::domain::name::{GateKey, Label, Title};
use crate::domain::refusal::{Decision, Named, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Priority, State};

use super::authorize;
use super::dep;
use super::state::{Finish, check_seen, set_state};

/// A new issue as asked for.
#[derive(Clone, Debug)]
pub struct Create {
    /// The title.
    pub title: Title,
    /// The description.
    pub description: String,
    /// The priority.
    pub priority: Priority,
    /// Gates, all of which must be defined.
    pub gates: BTreeSet<GateKey>,
    /// Labels.
    pub labels: BTreeSet<Label>,
    /// Issues it waits for.
    pub depends_on: Vec<IdPrefix>,
    /// Issues that wait for it.
    pub blocks: Vec<IdPrefix>,
    /// Whether it is released for work at once.
    pub ready: bool,
    /// Free keys and values.
    pub context: BTreeMap<String, String>,
}

/// Creates an issue. Reads its gates and dependencies, and what `blocks` needs to rule out a cycle.
pub fn create(draft: &mut Draft<'_>, create: &Create) -> Decision<IssueId> {
    limits::check_context(&create.context)?;
    require_gates(draft.state(), &create.gates)?;
    let dependencies = draft.resolve_all(&create.depends_on)?;
    let waiting = draft.resolve_all(&create.blocks)?;
    let id = draft.new_issue_id();
    let new = NewIssue {
        title: create.title.clone(),
        description: create.description.clone(),
        state: if create.ready { State::Ready } else { State::Open },
        priority: create.priority,
        labels: create.labels.clone(),
        dependencies: dependencies.iter().map(|issue| issue.id).collect(),
        gates: create.gates.clone(),
        context: create.context.clone(),
    };
    draft.emit(id, Body::IssueCreated(new))?;
    let created = draft.issue(id)?;
    limits::check_issue(&created)?;
    for issue in waiting {
        dep::add_edges(draft, &issue, std::slice::from_ref(&created))?;
    }
    Ok(id)
}

/// Changes asked of one or more issues.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// New plain fields, labels and context.
    pub edit: Edit,
    /// The new state.
    pub state: Option<State>,
}

/// Changes all the issues, or none. Reads them, and their dependencies when the state needs it.
pub fn update(
    draft: &mut Draft<'_>,
    prefixes: &[IdPrefix],
    update: &Update,
    finish: &Finish,
) -> Decision<Vec<IssueId>> {
    limits::check_context(&update.edit.context_set)?;
    let issues = draft.resolve_all(prefixes)?;
    for issue in &issues {
        if let Some(state) = update.state {
            // Before the edit: the holder's own event would make everything count as seen.
            check_seen(draft, issue, state, finish)?;
        }
        change(draft, issue, &update.edit)?;
        if let Some(state) = update.state {
            let issue = draft.issue(issue.id)?;
            set_state(draft, &issue, state, finish)?;
        }
    }
    Ok(issues.iter().map(|issue| issue.id).collect())
}

/// Changes the plain fields of one issue. Quiet when they are so already.
pub(super) fn change(draft: &mut Draft<'_>, issue: &Issue, edit: &Edit) -> Decision {
    let effective = effective(issue, edit);
    if effective == Edit::default() {
        return Ok(());
    }
    authorize(draft, issue)?;
    draft.emit(issue.id, Body::IssueUpdated(effective))?;
    limits::check_issue(&draft.issue(issue.id)?)
}

/// The part of `edit` that would change `issue`.
fn effective(issue: &Issue, edit: &Edit) -> Edit {
    Edit {
        title: edit.title.clone().filter(|title| *title != issue.title),
        description: edit.description.clone().filter(|text| *text != issue.description),
        priority: edit.priority.filter(|priority| *priority != issue.priority),
        labels_added: edit.labels_added.difference(&issue.labels).cloned().collect(),
        labels_removed: edit
            .labels_removed
            .iter()
            .filter(|label| issue.labels.contains(*label) && !edit.labels_added.contains(*label))
            .cloned()
            .collect(),
        context_set: edit
            .context_set
            .iter()
            .filter(|(key, value)| issue.context.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        context_unset: edit.context_unset.iter().filter(|key| issue.context.contains_key(*key)).cloned().collect(),
    }
}

/// Rejects an issue: it will not be done, and no longer holds up what depends on it.
pub fn reject(draft: &mut Draft<'_>, prefix: &IdPrefix, reason: &str) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    let finish = Finish { reason: Some(reason.to_owned()), seen: None };
    set_state(draft, &issue, State::Rejected, &finish)?;
    Ok(issue.id)
}

/// Deletes an issue: a tombstone stays. Refused while others depend on it, unless forced, which also
/// takes it from their dependencies.
pub fn delete(draft: &mut Draft<'_>, prefix: &IdPrefix) -> Decision<IssueId> {
    let issue = match draft.resolve(prefix) {
        Err(Refusal::IssueDeleted { id, .. }) => return Ok(id),
        other => other?,
    };
    let dependents = draft.state().dependents(issue.id)?;
    bury(draft, &issue, &dependents)?;
    Ok(issue.id)
}

/// Leaves a tombstone of an issue for which these wait.
pub(super) fn bury(draft: &mut Draft<'_>, issue: &Issue, dependents: &[IssueId]) -> Decision {
    authorize(draft, issue)?;
    let dependents: Vec<Issue> = dependents.iter().map(|id| draft.issue(*id)).collect::<Decision<_>>()?;
    if !dependents.is_empty() && !draft.context.force {
        return Err(Refusal::HasDependents { id: issue.id, by: dependents.iter().map(Named::from).collect() });
    }
    for dependent in &dependents {
        draft.emit(dependent.id, Body::DepRemoved(Edge { on: issue.id }))?;
    }
    draft.emit(issue.id, Body::IssueDeleted(Empty {}))
}
