//! What must hold of the whole after every part was merged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::event::{Body, BrokenCycle, Dropped};
use crate::domain::graph::{knots, path};
use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::limits::{COLLECTION, CONTEXT_BYTES, ISSUE_BYTES};
use crate::domain::snapshot::{Read, Snapshot};

use super::blame::Stamp;

/// An edge from the issue that waits to the one waited for.
pub type Edge = (IssueId, IssueId);

/// So many circles are broken one by one; of more, as only malice makes them, every suspect edge is taken out at once.
const ONE_BY_ONE: usize = 1000;

/// An issue of `state` that waits for itself. `suspects` are edges of which every circle has at least one. Reads what
/// they reach.
pub fn closes_circle(state: &dyn Snapshot, suspects: &[Edge]) -> Read<Option<IssueId>> {
    let edges = reachable(state, suspects)?;
    Ok(knots(all(&edges)).first().map(|knot| knot[0]))
}

/// Finds the edges to take out so that nothing in `state` waits for itself: of each circle the one added last.
///
/// `suspects` are edges of which every circle has at least one. Reads what they reach. `added` tells when an edge
/// was added, where either side did.
pub fn break_cycles(
    state: &dyn Snapshot,
    suspects: &[Edge],
    added: &dyn Fn(Edge) -> Option<Stamp>,
) -> Read<Vec<(IssueId, BrokenCycle)>> {
    let mut edges = reachable(state, suspects)?;
    let mut broken = Vec::new();
    loop {
        let knots = knots(all(&edges));
        let Some(knot) = knots.first() else { return Ok(broken) };
        if broken.len() >= ONE_BY_ONE {
            broken.extend(cut(&suspects_in(&knots, suspects, &edges), added));
            return Ok(broken);
        }
        let members: BTreeSet<IssueId> = knot.iter().copied().collect();
        let inside = members.iter().flat_map(|from| edges[from].iter().map(move |on| (*from, *on)));
        let inside: Vec<Edge> = inside.filter(|(_, on)| members.contains(on)).collect();
        let Some((stamp, (from, on))) = inside.iter().map(|edge| (added(*edge), *edge)).max() else {
            return Ok(broken);
        };
        let way = cycle_through(&inside, (from, on));
        edges.get_mut(&from).map(|waits| waits.remove(&on));
        broken.push((from, BrokenCycle { on, cycle: way, added: stamp.as_ref().map(Into::into) }));
    }
}

/// What each issue waits for.
type Waits = BTreeMap<IssueId, BTreeSet<IssueId>>;

fn all(edges: &Waits) -> impl Iterator<Item = Edge> + '_ {
    edges.iter().flat_map(|(from, on)| on.iter().map(move |on| (*from, *on)))
}

/// The suspects that are left within knots.
fn suspects_in(knots: &[Vec<IssueId>], suspects: &[Edge], edges: &Waits) -> Vec<Edge> {
    let knot_of: BTreeMap<IssueId, usize> =
        knots.iter().enumerate().flat_map(|(number, knot)| knot.iter().map(move |id| (*id, number))).collect();
    let is_left = |(from, on): &Edge| edges.get(from).is_some_and(|waits| waits.contains(on));
    let within = |(from, on): &Edge| knot_of.get(from).is_some_and(|knot| knot_of.get(on) == Some(knot));
    suspects.iter().copied().filter(|edge| is_left(edge) && within(edge)).collect()
}

fn cut(edges: &[Edge], added: &dyn Fn(Edge) -> Option<Stamp>) -> Vec<(IssueId, BrokenCycle)> {
    let broken = |(from, on): Edge| BrokenCycle {
        on,
        cycle: vec![from, on, from],
        added: added((from, on)).as_ref().map(Into::into),
    };
    edges.iter().map(|edge| (edge.0, broken(*edge))).collect()
}

/// What each living issue waits for that `suspects` lead to.
fn reachable(state: &dyn Snapshot, suspects: &[Edge]) -> Read<Waits> {
    let mut edges = BTreeMap::new();
    let mut queue: Vec<IssueId> = suspects.iter().map(|(from, _)| *from).collect();
    while let Some(id) = queue.pop() {
        if edges.contains_key(&id) {
            continue;
        }
        let issue = state.issue(id)?.filter(|issue| issue.deleted.is_none());
        let waits = issue.map(|issue| issue.dependencies).unwrap_or_default();
        queue.extend(&waits);
        edges.insert(id, waits);
    }
    Ok(edges)
}

/// A shortest circle that an edge is part of, from where it begins and back there.
fn cycle_through(inside: &[Edge], (from, on): Edge) -> Vec<IssueId> {
    let back = path(inside.iter().copied(), on, from).unwrap_or_else(|| vec![on, from]);
    std::iter::once(from).chain(back).collect()
}

/// Takes out of a joined issue what is beyond its limits: of what was added, the last in order.
pub fn fit(base: Option<&Issue>, issue: &mut Issue, notes: &mut Vec<Body>) {
    let mut dropped = Vec::new();
    let empty = BTreeSet::new();
    let labels = base.map_or(&empty, |base| &base.labels);
    while issue.labels.len() > COLLECTION {
        let Some(last) = issue.labels.iter().rev().find(|label| !labels.contains(*label)).cloned() else { break };
        issue.labels.remove(&last);
        dropped.push(("labels", Value::from(last.as_str())));
    }
    while issue.dependencies.len() > COLLECTION {
        let before = |id: &&IssueId| base.is_some_and(|base| base.dependencies.contains(*id));
        let Some(last) = issue.dependencies.iter().rev().find(|id| !before(id)).copied() else { break };
        issue.dependencies.remove(&last);
        dropped.push(("dependencies", Value::from(last.to_string())));
    }
    while issue.gates.len() > COLLECTION {
        let before = |key: &&_| base.is_some_and(|base| base.gates.contains_key(*key));
        let Some(last) = issue.gates.keys().rev().find(|key| !before(key)).cloned() else { break };
        issue.gates.remove(&last);
        dropped.push(("gates", Value::from(last.as_str())));
    }
    let size = |issue: &Issue| issue.context.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    while size(issue) > CONTEXT_BYTES {
        let before = |key: &&String| base.is_some_and(|base| base.context.contains_key(*key));
        let last = issue.context.keys().rev().find(|key| !before(key)).or_else(|| issue.context.keys().next_back());
        let Some(last) = last.cloned() else { break };
        issue.context.remove(&last);
        dropped.push(("context", Value::from(last)));
    }
    while is_too_large(issue) {
        let Some(last) = issue.comments.pop() else { break };
        dropped.push(("comments", Value::from(last.id.to_string())));
    }
    notes.extend(
        dropped.into_iter().map(|(field, value)| {
            Body::MergeDropped(Dropped { field: field.to_owned(), value, why: "limit".to_owned() })
        }),
    );
}

/// Whether the document would be too large to store. What clearly is not is not written out for it.
fn is_too_large(issue: &Issue) -> bool {
    let texts: usize = issue.comments.iter().map(|comment| comment.text.len()).sum();
    let rough = texts + issue.description.len() + (64 << 10);
    // Text in JSON is at most six times as long.
    rough.saturating_mul(6) > ISSUE_BYTES
        && serde_json::to_vec_pretty(issue).is_ok_and(|bytes| bytes.len() >= ISSUE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_told_from_the_edge_that_closed_it() {
        let id = |n: u128| IssueId::new(uuid::Uuid::from_u128(n));
        let edges = [(id(1), id(2)), (id(2), id(3)), (id(3), id(1)), (id(1), id(3))];
        assert_eq!(cycle_through(&edges, (id(3), id(1))), vec![id(3), id(1), id(3)]);
        assert_eq!(cycle_through(&edges[..3], (id(2), id(3))), vec![id(2), id(3), id(1), id(2)]);
    }
}
