//! `jit graph`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::domain::graph::Graph as Issues;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::graph::{Export as Exported, Graph as Drawing, Node, Nodes};
use crate::session::Session;
use crate::store::StoreError;

use super::common::scan;

/// Look at the dependency graph
#[derive(Subcommand, Debug)]
pub enum Graph {
    Show(Show),
    Downstream(Downstream),
    Roots(Roots),
    Export(Export),
}

/// Draw what an issue waits for as a tree, or the whole graph
///
/// With an id reads what the issue reaches, without one every issue.
#[derive(Args, Debug)]
pub struct Show {
    /// The issue
    id: Option<IdPrefix>,
    /// How many levels to draw
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
}

/// List the issues that wait for an issue, directly or through others
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct Downstream {
    /// The issue
    id: IdPrefix,
}

/// List the issues that nobody waits for
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct Roots {}

/// Write the graph in an exchange format
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct Export {
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// Write it to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The formats of `graph export`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
    /// Nodes and edges
    Json,
}

impl Graph {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Graph::Show(show) => show.run(session),
            Graph::Downstream(Downstream { id }) => {
                let view = session.view()?;
                let issue = session.resolve(&view.state, &id)?;
                let graph = Issues::of_scan(scan(session, &view.state)?);
                let nodes = graph.dependents(issue.id);
                let nodes = nodes.into_iter().map(|(issue, distance)| Node::new(&graph, issue, Some(distance)));
                Ok(list(nodes.collect()))
            }
            Graph::Roots(Roots {}) => {
                let graph = Issues::of_scan(scan(session, &session.view()?.state)?);
                let nodes = graph.roots().into_iter().map(|issue| Node::new(&graph, issue, None));
                Ok(list(nodes.collect()))
            }
            Graph::Export(export) => export.run(session),
        }
    }
}

fn list(issues: Vec<Node>) -> Report {
    Report::Nodes(Nodes { count: issues.len(), issues })
}

impl Show {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let (graph, roots) = match &self.id {
            Some(id) => {
                let issue = session.resolve(&view.state, id)?;
                let graph = Issues::reachable(&view.state, issue.id).map_err(StoreError::from)?;
                (graph, vec![issue.id])
            }
            None => {
                let graph = Issues::of_scan(scan(session, &view.state)?);
                let roots = graph.roots().iter().map(|issue| issue.id).collect();
                (graph, roots)
            }
        };
        let within = within(&graph, &roots, self.depth);
        let nodes: Vec<Node> = graph
            .issues()
            .filter(|issue| within.contains(&issue.id))
            .map(|issue| Node::new(&graph, issue, None))
            .collect();
        Ok(Report::Graph(Drawing { roots, count: nodes.len(), nodes, depth: self.depth }))
    }
}

/// The issues at most `depth` steps from `roots`.
fn within(graph: &Issues, roots: &[IssueId], depth: Option<usize>) -> BTreeSet<IssueId> {
    let mut found: BTreeSet<IssueId> = roots.iter().copied().collect();
    let mut level: Vec<IssueId> = roots.to_vec();
    let mut steps = 0;
    while !level.is_empty() && depth.is_none_or(|depth| steps < depth) {
        let next = level.iter().filter_map(|id| graph.issue(*id)).flat_map(|issue| issue.dependencies.iter().copied());
        let next: Vec<IssueId> = next.collect();
        level = next.into_iter().filter(|id| found.insert(*id)).collect();
        steps += 1;
    }
    found
}

impl Export {
    fn run(self, session: &Session) -> Result<Report> {
        let graph = Issues::of_scan(scan(session, &session.view()?.state)?);
        let (format, content) = match self.format {
            Format::Dot => ("dot", dot(&graph)),
            Format::Mermaid => ("mermaid", mermaid(&graph)),
            Format::Json => ("json", as_json(&graph)),
        };
        let (file, content) = match self.output {
            Some(path) => {
                std::fs::write(&path, content)
                    .map_err(|why| Error::new(Class::Outside, "io", format!("writing {}: {why}", path.display())))?;
                (Some(path.display().to_string()), None)
            }
            None => (None, Some(content)),
        };
        Ok(Report::Export(Exported { format: format.to_owned(), file, content }))
    }
}

/// Everything that stands between two issues: from the one that waits to the one waited for.
fn edges(graph: &Issues) -> impl Iterator<Item = (&Issue, IssueId)> {
    graph.issues().flat_map(|issue| issue.dependencies.iter().map(move |to| (issue, *to)))
}

fn dot(graph: &Issues) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph jit {\n  rankdir=LR;\n  node [shape=box];\n");
    for issue in graph.issues() {
        let (id, short) = (issue.id, issue.id.short());
        out.push_str(&format!(
            "  \"{id}\" [label=\"{short}\\n{}\\n{}\"];\n",
            quoted(issue.title.as_str()),
            issue.state
        ));
    }
    for (from, to) in edges(graph) {
        out.push_str(&format!("  \"{}\" -> \"{to}\";\n", from.id));
    }
    out + "}\n"
}

fn mermaid(graph: &Issues) -> String {
    let safe = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::from("graph LR\n");
    for issue in graph.issues() {
        out.push_str(&format!("  i{}[\"{}<br/>{}\"]\n", issue.id, safe(issue.title.as_str()), issue.state));
    }
    for (from, to) in edges(graph) {
        out.push_str(&format!("  i{} --> i{to}\n", from.id));
    }
    out
}

fn as_json(graph: &Issues) -> String {
    let nodes: Vec<Node> = graph.issues().map(|issue| Node::new(graph, issue, None)).collect();
    let edges: Vec<_> = edges(graph).map(|(from, to)| json!({ "from": from.id, "to": to })).collect();
    let mut text =
        serde_json::to_string_pretty(&json!({ "nodes": nodes, "edges": edges })).expect("a graph has only text keys");
    text.push('\n');
    text
}
