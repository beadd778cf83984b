//! Dependencies: who waits for whom.

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Edge};
use crate::domain::graph::Graph;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::limits;
use crate::domain::refusal::{Decision, Named, Refusal};

use super::authorize;

/// Makes `from` wait for each of `to`. Reads what those reach, to rule out a cycle.
pub fn add(draft: &mut Draft<'_>, from: &IdPrefix, to: &[IdPrefix]) -> Decision<IssueId> {
    let issue = draft.resolve(from)?;
    let dependencies = draft.resolve_all(to)?;
    add_edges(draft, &issue, &dependencies)?;
    Ok(issue.id)
}

/// Makes `issue` wait for `dependencies`. Quiet for those it waits for already.
pub(super) fn add_edges(draft: &mut Draft<'_>, issue: &Issue, dependencies: &[Issue]) -> Decision {
    let new: Vec<&Issue> =
        dependencies.iter().filter(|dependency| !issue.dependencies.contains(&dependency.id)).collect();
    if new.is_empty() {
        return Ok(());
    }
    authorize(draft, issue)?;
    if issue.state.is_finished() {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "dependencies" });
    }
    for dependency in new {
        check_no_cycle(draft, issue, dependency)?;
        draft.emit(issue.id, Body::DepAdded(Edge { on: dependency.id }))?;
    }
    limits::check_issue(&draft.issue(issue.id)?)
}

/// Refuses an edge from `issue` to `dependency` when `dependency` reaches `issue`.
pub(super) fn check_no_cycle(draft: &Draft<'_>, issue: &Issue, dependency: &Issue) -> Decision {
    let graph = Graph::reachable(draft.state(), dependency.id)?;
    let Some(back) = graph.path(dependency.id, issue.id) else { return Ok(()) };
    let mut path = vec![Named::from(issue)];
    path.extend(back.iter().filter_map(|id| graph.issue(*id)).map(Named::from));
    Err(Refusal::Cycle { path })
}

/// Makes `from` no longer wait for each of `to`. Quiet for those it does not wait for.
pub fn remove(draft: &mut Draft<'_>, from: &IdPrefix, to: &[IdPrefix]) -> Decision<IssueId> {
    let issue = draft.resolve(from)?;
    let mut gone = Vec::new();
    for prefix in to {
        let dependency = resolve_edge(draft, &issue, prefix)?;
        if issue.dependencies.contains(&dependency) && !gone.contains(&dependency) {
            gone.push(dependency);
        }
    }
    if !gone.is_empty() {
        authorize(draft, &issue)?;
    }
    for on in gone {
        draft.emit(issue.id, Body::DepRemoved(Edge { on }))?;
    }
    Ok(issue.id)
}

/// The dependency that `prefix` names: one of the issue's own first, so that an edge to an issue that
/// is gone can be taken away.
fn resolve_edge(draft: &Draft<'_>, issue: &Issue, prefix: &IdPrefix) -> Decision<IssueId> {
    let mut own = issue.dependencies.iter().filter(|id| prefix.matches(**id));
    match (own.next(), own.next()) {
        (Some(id), None) => Ok(*id),
        _ => draft.resolve(prefix).map(|issue| issue.id),
    }
}
