//! `jit graph`.

use std::path::PathBuf;
use std::rc::Rc;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::domain::graph;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::snapshot::Snapshot;
use crate::domain::table::{Entry, Summary, Table};
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::graph::{Export as Exported, Graph as Drawing, Node, Nodes};
use crate::session::Session;
use crate::store::StoreError;

use super::at::AtArg;
use super::common::table;

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
/// With an id reads what the issue reaches, without one the index.
#[derive(Args, Debug)]
pub struct Show {
    /// The issue
    id: Option<IdPrefix>,
    /// How many levels to draw
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
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
    at: AtArg,
}

/// List the issues that nobody waits for
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Roots {
    #[command(flatten)]
    at: AtArg,
}

/// Write the graph in an exchange format
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Export {
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// Write it to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    at: AtArg,
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
            Graph::Downstream(Downstream { id, at }) => {
                let view = at.view(session)?;
                let issue = session.resolve(&view.state, &id)?;
                let table = table(session, &view.state)?;
                let nodes = graph::dependents(&table, issue.id).into_iter();
                Ok(list(nodes.map(|(issue, distance)| Node::new(issue, Some(distance))).collect()))
            }
            Graph::Roots(Roots { at }) => {
                let table = table(session, &at.view(session)?.state)?;
                Ok(list(graph::roots(&table).into_iter().map(|issue| Node::new(issue, None)).collect()))
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
        let view = self.at.view(session)?;
        let (table, roots) = match &self.id {
            Some(id) => {
                let issue = session.resolve(&view.state, id)?;
                (reached(&view.state, issue.id)?, vec![issue.id])
            }
            None => {
                let table = table(session, &view.state)?;
                let roots = graph::roots(&table).into_iter().map(Entry::id).collect();
                (table, roots)
            }
        };
        let start: Vec<Entry<'_>> = roots.iter().filter_map(|id| table.find(*id)).collect();
        let nodes = graph::within(&table, &start, self.depth);
        let nodes: Vec<Node> = nodes.into_iter().map(|issue| Node::new(issue, None)).collect();
        Ok(Report::Graph(Drawing { roots, count: nodes.len(), nodes, depth: self.depth }))
    }
}

/// The issues that `from` waits for, directly or through others, and itself. Reads just these.
fn reached(state: &dyn Snapshot, from: IssueId) -> Result<Rc<Table>> {
    let mut table = Table::default();
    for issue in graph::Graph::reachable(state, from).map_err(StoreError::from)?.issues() {
        if issue.deleted.is_none() {
            table.put(&Summary::from(issue));
        }
    }
    Ok(Rc::new(table))
}

impl Export {
    fn run(self, session: &Session) -> Result<Report> {
        let table = table(session, &self.at.view(session)?.state)?;
        let mut issues: Vec<Entry<'_>> = table.issues().collect();
        issues.sort_unstable_by_key(|issue| issue.id());
        let (format, content) = match self.format {
            Format::Dot => ("dot", dot(&issues)),
            Format::Mermaid => ("mermaid", mermaid(&issues)),
            Format::Json => ("json", as_json(&issues)),
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
fn edges(issues: &[Entry<'_>]) -> impl Iterator<Item = (IssueId, IssueId)> {
    issues.iter().flat_map(|issue| issue.dependencies().map(move |to| (issue.id(), to.id())))
}

fn dot(issues: &[Entry<'_>]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph jit {\n  rankdir=LR;\n  node [shape=box];\n");
    for issue in issues {
        let (id, short) = (issue.id(), issue.id().short());
        out.push_str(&format!("  \"{id}\" [label=\"{short}\\n{}\\n{}\"];\n", quoted(issue.title()), issue.state()));
    }
    for (from, to) in edges(issues) {
        out.push_str(&format!("  \"{from}\" -> \"{to}\";\n"));
    }
    out + "}\n"
}

fn mermaid(issues: &[Entry<'_>]) -> String {
    let safe = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::from("graph LR\n");
    for issue in issues {
        out.push_str(&format!("  i{}[\"{}<br/>{}\"]\n", issue.id(), safe(issue.title()), issue.state()));
    }
    for (from, to) in edges(issues) {
        out.push_str(&format!("  i{from} --> i{to}\n"));
    }
    out
}

fn as_json(issues: &[Entry<'_>]) -> String {
    let nodes: Vec<Node> = issues.iter().map(|issue| Node::new(*issue, None)).collect();
    let edges: Vec<_> = edges(issues).map(|(from, to)| json!({ "from": from, "to": to })).collect();
    let mut text =
        serde_json::to_string_pretty(&json!({ "nodes": nodes, "edges": edges })).expect("a graph has only text keys");
    text.push('\n');
    text
}
