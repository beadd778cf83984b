//! `jit graph`.

mod export;

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use crate::domain::graph;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::table::Entry;
use crate::error::Result;
use crate::report::Report;
use crate::report::graph::{Graph as Drawing, Node, Nodes};
use crate::session::Session;

use super::at::AtArg;
use super::common::FilterArg;

/// Look at the dependency graph
#[derive(Subcommand, Debug)]
pub enum Graph {
    Show(Show),
    Downstream(Downstream),
    Roots(Roots),
    CriticalPath(CriticalPath),
    Export(export::Export),
}

/// Draw what an issue waits for as a tree, or the whole graph
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Show {
    /// The issue
    id: Option<IdPrefix>,
    /// How many levels to draw
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

/// List the issues that wait for an issue, directly or through others
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Downstream {
    /// The issue
    id: IdPrefix,
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

/// List the issues that nobody waits for
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Roots {
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

/// Show the longest chain of unfinished issues
///
/// Listed in the order of work; each unfinished issue is a step. With an id, shows the longest chain that ends in that
/// issue; without one, the longest of all. Reads the index.
#[derive(Args, Debug)]
pub struct CriticalPath {
    /// The issue
    id: Option<IdPrefix>,
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

impl Graph {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Graph::Show(show) => show.run(session),
            Graph::Downstream(Downstream { id, filter, at }) => {
                let wanted = filter.read(session)?;
                let fits = |issue: Entry<'_>| wanted.as_ref().is_none_or(|filter| filter.accepts(issue));
                let view = at.view(session)?;
                let issue = session.resolve(&view.state, &id)?;
                let table = session.table(&view.state)?;
                let nodes = graph::dependents(&table, issue.id).into_iter().filter(|(issue, _)| fits(*issue));
                Ok(list(nodes.map(|(issue, distance)| Node::new(issue, Some(distance))).collect()))
            }
            Graph::Roots(Roots { filter, at }) => {
                let wanted = filter.read(session)?;
                let fits = |issue: &Entry<'_>| wanted.as_ref().is_none_or(|filter| filter.accepts(*issue));
                let table = session.table(&at.view(session)?.state)?;
                Ok(list(graph::roots(&table).into_iter().filter(fits).map(|issue| Node::new(issue, None)).collect()))
            }
            Graph::CriticalPath(path) => path.run(session),
            Graph::Export(export) => export.run(session),
        }
    }
}

fn list(issues: Vec<Node>) -> Report {
    Report::Nodes(Nodes { count: issues.len(), issues })
}

impl Show {
    fn run(self, session: &Session) -> Result<Report> {
        let filter = self.filter.read(session)?;
        let view = self.at.view(session)?;
        let id = self.id.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?.map(|issue| issue.id);
        let table = session.table(&view.state)?;
        let start: Vec<Entry<'_>> = match id {
            Some(id) => table.find(id).into_iter().collect(),
            None => graph::roots(&table),
        };
        let Some(filter) = filter else {
            let nodes = graph::within(&table, &start, self.depth);
            let nodes: Vec<Node> = nodes.into_iter().map(|issue| Node::new(issue, None)).collect();
            let roots = start.into_iter().map(Entry::id).collect();
            return Ok(Report::Graph(Drawing { roots, count: nodes.len(), nodes, depth: self.depth }));
        };
        let mut chosen = graph::within(&table, &start, None);
        chosen.retain(|issue| filter.accepts(*issue));
        Ok(Report::Graph(chosen_alone(&chosen, self.depth)))
    }
}

/// A drawing of these issues and what stands between them, and nothing else.
fn chosen_alone(chosen: &[Entry<'_>], depth: Option<usize>) -> Drawing {
    let is_chosen = |id: &IssueId| chosen.binary_search_by_key(id, |issue| issue.id()).is_ok();
    let mut nodes: Vec<Node> = chosen.iter().map(|issue| Node::new(*issue, None)).collect();
    nodes.iter_mut().for_each(|node| node.dependencies.retain(is_chosen));
    let waited_for: BTreeSet<IssueId> = nodes.iter().flat_map(|node| node.dependencies.clone()).collect();
    let mut roots: Vec<Entry<'_>> = chosen.iter().filter(|issue| !waited_for.contains(&issue.id())).copied().collect();
    roots.sort_unstable_by_key(|issue| (issue.created_at(), issue.id()));
    Drawing { roots: roots.into_iter().map(Entry::id).collect(), count: nodes.len(), nodes, depth }
}

impl CriticalPath {
    fn run(self, session: &Session) -> Result<Report> {
        let filter = self.filter.read(session)?;
        let view = self.at.view(session)?;
        let id = self.id.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?.map(|issue| issue.id);
        let table = session.table(&view.state)?;
        let wanted = |issue: Entry<'_>| filter.as_ref().is_none_or(|filter| filter.accepts(issue));
        let path = graph::critical_path(&table, id.and_then(|id| table.find(id)), &wanted);
        let last = path.len();
        let node = |(at, issue): (usize, Entry<'_>)| Node::new(issue, Some(last - 1 - at));
        Ok(list(path.into_iter().enumerate().map(node).collect()))
    }
}
