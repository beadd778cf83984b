//! The dependency graph: what reaches what, cycles, roots and drawing order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graphmap::DiGraphMap;

use super::id::IssueId;
use super::issue::Issue;
use super::snapshot::{Read, Scan, Snapshot};

/// Issues as nodes, dependencies as edges from the one that waits to the one waited for.
pub struct Graph {
    edges: DiGraphMap<IssueId, ()>,
    issues: BTreeMap<IssueId, Issue>,
    /// Issues that are there and cannot be read: nobody can say that they are finished.
    unreadable: BTreeSet<IssueId>,
}

impl Graph {
    /// The graph of everything `from` reaches along dependencies. Reads just that.
    pub fn reachable(snapshot: &dyn Snapshot, from: IssueId) -> Read<Self> {
        let mut graph = Self { edges: DiGraphMap::new(), issues: BTreeMap::new(), unreadable: BTreeSet::new() };
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

    /// The graph of `issues`.
    pub fn of(issues: Vec<Issue>) -> Self {
        let mut edges = DiGraphMap::new();
        for issue in &issues {
            edges.add_node(issue.id);
            for next in &issue.dependencies {
                edges.add_edge(issue.id, *next, ());
            }
        }
        let issues = issues.into_iter().map(|issue| (issue.id, issue)).collect();
        Self { edges, issues, unreadable: BTreeSet::new() }
    }

    /// The graph of a scan. What could not be read holds up what depends on it.
    pub fn of_scan(scan: Scan) -> Self {
        let unreadable = scan.damaged.iter().filter_map(|damaged| damaged.issue()).collect();
        Self { unreadable, ..Self::of(scan.issues) }
    }

    /// How many issues could not be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
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

    /// Whether the issue's dependencies hold it up.
    pub fn is_blocked(&self, issue: &Issue) -> bool {
        self.blockers(issue).next().is_some()
            || (!issue.state.is_finished() && !issue.dependencies.is_disjoint(&self.unreadable))
    }

    /// The dependencies of `issue` that hold it up: none when it is finished.
    pub fn blockers<'g>(&'g self, issue: &'g Issue) -> impl Iterator<Item = &'g Issue> + 'g {
        let dependencies = issue.dependencies.iter().filter(|_| !issue.state.is_finished());
        dependencies.filter_map(|id| self.issues.get(id)).filter(|dependency| !dependency.releases_dependents())
    }

    /// Issues nobody waits for, in the order of their creation.
    pub fn roots(&self) -> Vec<&Issue> {
        let waited_for: BTreeSet<IssueId> =
            self.issues.values().flat_map(|issue| issue.dependencies.iter().copied()).collect();
        let mut roots: Vec<&Issue> = self.issues.values().filter(|issue| !waited_for.contains(&issue.id)).collect();
        roots.sort_by_key(|issue| (issue.created_at, issue.id));
        roots
    }

    /// The issues that wait for `id`, directly (1) or through others, with the length of the shortest way.
    pub fn dependents(&self, id: IssueId) -> Vec<(&Issue, usize)> {
        let mut waiting: BTreeMap<IssueId, Vec<IssueId>> = BTreeMap::new();
        for issue in self.issues.values() {
            for dependency in &issue.dependencies {
                waiting.entry(*dependency).or_default().push(issue.id);
            }
        }
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([id]);
        let mut queue = VecDeque::from([(id, 0)]);
        while let Some((at, distance)) = queue.pop_front() {
            for next in waiting.get(&at).into_iter().flatten() {
                if seen.insert(*next) {
                    found.extend(self.issues.get(next).map(|issue| (issue, distance + 1)));
                    queue.push_back((*next, distance + 1));
                }
            }
        }
        found
    }

    /// Groups of issues that wait for one another: none in a healthy tracker.
    pub fn cycles(&self) -> Vec<Vec<IssueId>> {
        tarjan_scc(&self.edges)
            .into_iter()
            .filter(|group| group.len() > 1 || self.edges.contains_edge(group[0], group[0]))
            .collect()
    }
}
