//! The dependency graph: what reaches what, cycles, roots and drawing order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::{astar, kosaraju_scc, toposort};
use petgraph::graphmap::DiGraphMap;

use super::id::IssueId;
use super::issue::Issue;
use super::snapshot::{Read, Snapshot};
use super::table::{Entry, Presence, Table};

/// Issues as nodes, dependencies as edges from the one that waits to the one waited for.
pub struct Graph {
    edges: DiGraphMap<IssueId, ()>,
    issues: BTreeMap<IssueId, Issue>,
}

impl Graph {
    /// The graph of everything `from` reaches along dependencies. Reads just that.
    pub fn reachable(snapshot: &dyn Snapshot, from: IssueId) -> Read<Self> {
        let mut graph = Self { edges: DiGraphMap::new(), issues: BTreeMap::new() };
        let mut queue = VecDeque::from([from]);
        let mut seen = BTreeSet::from([from]);
        while let Some(id) = queue.pop_front() {
            let Some(issue) = snapshot.issue(id)? else { continue };
            graph.edges.add_node(id);
            for next in &issue.dependencies {
                graph.edges.add_edge(id, *next, ());
                if seen.insert(*next) {
                    queue.push_back(*next);
                }
            }
            graph.issues.insert(id, issue);
        }
        Ok(graph)
    }

    /// The issue at a node.
    pub fn issue(&self, id: IssueId) -> Option<&Issue> {
        self.issues.get(&id)
    }

    /// Every issue, in the order of ids.
    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.issues.values()
    }

    /// A shortest way along dependencies, both ends included.
    pub fn path(&self, from: IssueId, to: IssueId) -> Option<Vec<IssueId>> {
        self.edges.contains_node(from).then_some(())?;
        astar(&self.edges, from, |id| id == to, |_| 1, |_| 0).map(|(_, path)| path)
    }
}

/// Groups of issues that wait for one another: none in a healthy tracker.
///
/// By Kosaraju's algorithm, which petgraph does without recursion: what comes from elsewhere may hold a chain of any length.
pub fn knots(edges: impl Iterator<Item = (IssueId, IssueId)>) -> Vec<Vec<IssueId>> {
    knots_of(&collected(edges)).collect()
}

/// Edges as a graph.
fn collected(edges: impl Iterator<Item = (IssueId, IssueId)>) -> DiGraphMap<IssueId, ()> {
    edges.map(|(from, to)| (from, to, ())).collect()
}

fn knots_of(edges: &DiGraphMap<IssueId, ()>) -> impl Iterator<Item = Vec<IssueId>> + '_ {
    let knotted = |group: &Vec<IssueId>| group.len() > 1 || edges.contains_edge(group[0], group[0]);
    kosaraju_scc(edges).into_iter().filter(knotted)
}

fn shortest(edges: &DiGraphMap<IssueId, ()>, from: IssueId, to: IssueId) -> Option<Vec<IssueId>> {
    astar(edges, from, |id| id == to, |_| 1, |_| 0).map(|(_, way)| way)
}

/// A shortest way along `edges`, both ends included; `None` when there is none.
pub fn path(edges: impl Iterator<Item = (IssueId, IssueId)>, from: IssueId, to: IssueId) -> Option<Vec<IssueId>> {
    let edges = collected(edges);
    edges.contains_node(from).then_some(())?;
    shortest(&edges, from, to)
}

/// A way along `edges` that ends where it began; `None` when there is none.
pub fn cycle(edges: impl Iterator<Item = (IssueId, IssueId)>) -> Option<Vec<IssueId>> {
    let edges = collected(edges);
    let start = knots_of(&edges).next()?[0];
    let way = edges.neighbors(start).find_map(|from| shortest(&edges, from, start))?;
    Some(std::iter::once(start).chain(way).collect())
}

/// Numbers below `count` in an order in which every edge leads forward; `None` when there is a circle.
pub fn topological(count: usize, edges: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut graph: DiGraphMap<usize, ()> = edges.iter().map(|(from, to)| (*from, *to, ())).collect();
    (0..count).for_each(|number| {
        graph.add_node(number);
    });
    toposort(&graph, None).ok()
}

/// Issues nobody waits for, in the order of their creation.
pub fn roots(table: &Table) -> Vec<Entry<'_>> {
    let waited_for: BTreeSet<u32> = table.issues().flat_map(Entry::dependencies).map(Entry::number).collect();
    let mut roots: Vec<Entry<'_>> = table.issues().filter(|issue| !waited_for.contains(&issue.number())).collect();
    roots.sort_unstable_by_key(|issue| (issue.created_at(), issue.id()));
    roots
}

/// The issues that wait for `id`, directly (1) or through others, with the length of the shortest way.
pub fn dependents(table: &Table, id: IssueId) -> Vec<(Entry<'_>, usize)> {
    let Some(start) = table.find(id) else { return Vec::new() };
    let edges = table.issues().flat_map(|issue| issue.dependencies().map(move |on| (on.number(), issue)));
    let mut edges: Vec<(u32, Entry<'_>)> = edges.collect();
    edges.sort_unstable_by_key(|(on, waiting)| (*on, waiting.id()));
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([start.number()]);
    let mut queue = VecDeque::from([(start.number(), 0)]);
    while let Some((at, distance)) = queue.pop_front() {
        let first = edges.partition_point(|(on, _)| *on < at);
        for (_, next) in edges[first..].iter().take_while(|(on, _)| *on == at) {
            if seen.insert(next.number()) {
                found.push((*next, distance + 1));
                queue.push_back((next.number(), distance + 1));
            }
        }
    }
    found
}

/// The longest chain of unfinished issues of which each waits for the one before it: the one that ends in `last`, or of
/// all. In the order of work. Of several the one whose end is most urgent, then oldest.
///
/// The algorithm is the longest path in a graph without cycles, by way of a topological order (Kahn); issues that wait for
/// one another, as only a damaged tracker has them, are left out.
pub fn critical_path<'t>(
    table: &'t Table,
    last: Option<Entry<'t>>,
    wanted: &dyn Fn(Entry<'t>) -> bool,
) -> Vec<Entry<'t>> {
    let open =
        |issue: &Entry<'t>| issue.presence() == Presence::Living && !issue.state().is_finished() && wanted(*issue);
    let among: Vec<Entry<'t>> = match last {
        Some(last) => within(table, &[last], None),
        None => table.issues().collect(),
    };
    let among: Vec<Entry<'t>> = among.into_iter().filter(open).collect();
    let mut waits_for: BTreeMap<u32, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<u32, Vec<Entry<'t>>> = BTreeMap::new();
    for issue in &among {
        let on: Vec<Entry<'t>> = issue.dependencies().filter(open).collect();
        waits_for.insert(issue.number(), on.len());
        on.iter().for_each(|on| dependents.entry(on.number()).or_default().push(*issue));
    }
    // The length of the longest chain that ends in an issue, and the issue before it.
    let mut chains: BTreeMap<u32, (usize, Option<u32>)> = BTreeMap::new();
    let mut free: VecDeque<Entry<'t>> = among.iter().filter(|issue| waits_for[&issue.number()] == 0).copied().collect();
    while let Some(issue) = free.pop_front() {
        let length = chains.entry(issue.number()).or_insert((1, None)).0;
        for next in dependents.get(&issue.number()).into_iter().flatten() {
            let known = chains.entry(next.number()).or_insert((1, None));
            if known.0 <= length {
                *known = (length + 1, Some(issue.number()));
            }
            let left = waits_for.entry(next.number()).or_default();
            *left -= 1;
            if *left == 0 {
                free.push_back(*next);
            }
        }
    }
    let mut ends = among.into_iter().filter(|issue| waits_for[&issue.number()] == 0);
    let end = match last {
        Some(last) => ends.find(|issue| issue.number() == last.number()),
        None => ends.min_by_key(|issue| {
            (std::cmp::Reverse(chains[&issue.number()].0), issue.priority(), issue.created_at(), issue.id())
        }),
    };
    let mut path: Vec<Entry<'t>> = std::iter::successors(end, |issue| {
        chains.get(&issue.number()).and_then(|(_, before)| before.map(|number| table.row(number)))
    })
    .collect();
    path.reverse();
    path
}

/// The issues at most `depth` dependencies from `roots`, these included, in the order of ids.
pub fn within<'t>(table: &'t Table, roots: &[Entry<'t>], depth: Option<usize>) -> Vec<Entry<'t>> {
    let mut seen: BTreeSet<u32> = roots.iter().map(|root| root.number()).collect();
    let mut level: Vec<Entry<'t>> = roots.to_vec();
    let mut steps = 0;
    while !level.is_empty() && depth.is_none_or(|depth| steps < depth) {
        let next = level.iter().flat_map(|issue| issue.dependencies());
        level = next.filter(|issue| seen.insert(issue.number())).collect();
        steps += 1;
    }
    let mut found: Vec<Entry<'t>> = seen.into_iter().map(|number| table.row(number)).collect();
    found.retain(|issue| issue.presence() == Presence::Living);
    found.sort_unstable_by_key(|issue| issue.id());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> IssueId {
        IssueId::new(uuid::Uuid::from_u128(number.into()))
    }

    #[test]
    fn a_chain_of_any_length_overflows_no_stack() {
        const LENGTH: u32 = 200_000;
        // Both ways: which end is met first hangs on the order of ids.
        let up = (0..LENGTH).map(|n| (id(n), id(n + 1)));
        assert_eq!(knots(up.clone()), Vec::<Vec<IssueId>>::new());
        assert_eq!(knots(up.map(|(from, on)| (on, from))), Vec::<Vec<IssueId>>::new());
        let ring = (0..LENGTH).map(|n| (id(n), id((n + 1) % LENGTH)));
        assert_eq!(knots(ring.clone()).iter().map(Vec::len).collect::<Vec<_>>(), [LENGTH as usize]);
        assert_eq!(cycle(ring).map(|way| way.len()), Some(LENGTH as usize + 1));
    }
}
