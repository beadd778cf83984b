//! Dependency graphs as trees and lists.

pub mod formats;
pub mod picture;
pub mod svg;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::state::State;
use crate::domain::table::Entry;

use super::Render;
use super::text::{Text, clean};

/// A graph as a list of nodes, and as a tree for people.
#[derive(Serialize, JsonSchema)]
pub struct Graph {
    /// The issues the drawing begins with.
    pub roots: Vec<IssueId>,
    /// Every issue, once.
    pub nodes: Vec<Node>,
    /// How many.
    pub count: usize,
    /// How deep the drawing goes; `null` for all the way.
    pub depth: Option<usize>,
}

/// An issue in a graph.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Node {
    /// The id.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// The title.
    pub title: String,
    /// The state.
    pub state: State,
    /// Whether a dependency holds it up.
    pub blocked: bool,
    /// What it waits for.
    pub dependencies: Vec<IssueId>,
    /// How many steps lie between it and the issue asked about.
    pub distance: Option<usize>,
}

impl Node {
    /// The node of an issue.
    pub fn new(issue: Entry<'_>, distance: Option<usize>) -> Self {
        Self {
            id: issue.id(),
            short_id: issue.id().short(),
            title: issue.title().to_owned(),
            state: issue.state(),
            blocked: issue.is_blocked(),
            dependencies: issue.dependencies().map(Entry::id).collect(),
            distance,
        }
    }

    fn line(&self, text: &Text) -> String {
        let state = text.state(self.state, self.blocked);
        format!("{}  {}  [{state}]", text.id(&self.short_id), clean(&self.title))
    }
}

impl Graph {
    fn node(&self, id: IssueId) -> Option<&Node> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok().map(|at| &self.nodes[at])
    }
}

/// A line that waits to be drawn.
struct Pending {
    id: IssueId,
    /// What stands before the branch.
    indent: String,
    /// Whether it is the last of its siblings; `None` for a root.
    last: Option<bool>,
    depth: usize,
}

/// An issue in a tree: its line, and what stands below it.
pub struct Drawn {
    /// The line.
    pub line: String,
    /// What it waits for.
    pub below: Vec<IssueId>,
}

/// Levels below this one are drawn no further to the right: what stands before a line would grow with each of them.
const DEEPEST: usize = 200;

/// Draws a tree in which each issue's dependencies stand below it; what was drawn above is not repeated. `node` gives
/// each issue that is there.
pub fn draw(text: &mut Text, roots: &[IssueId], most: Option<usize>, node: impl Fn(IssueId, &Text) -> Option<Drawn>) {
    let mut drawn = BTreeSet::new();
    let root = |id: &IssueId| Pending { id: *id, indent: String::new(), last: None, depth: 0 };
    // A stack, not recursion: the depth is the tracker's, not this program's.
    let mut stack: Vec<Pending> = roots.iter().rev().map(root).collect();
    while let Some(Pending { id, indent, last, depth }) = stack.pop() {
        let (branch, below) = match last {
            None => ("", ""),
            Some(false) => ("├─ ", "│  "),
            Some(true) => ("└─ ", "   "),
        };
        let Some(node) = node(id, text) else {
            text.line(&format!("{indent}{branch}{}  (not in the tracker)", id.short()));
            continue;
        };
        let again = !drawn.insert(id) && !node.below.is_empty();
        let cut = most.is_some_and(|most| depth >= most) && !node.below.is_empty();
        let note = if again {
            "  (see above)"
        } else if cut {
            "  …"
        } else {
            ""
        };
        text.line(&format!("{indent}{branch}{}{note}", node.line));
        if again || cut {
            continue;
        }
        let indent = if depth < DEEPEST { format!("{indent}{below}") } else { indent };
        let count = node.below.len();
        for (at, dependency) in node.below.iter().enumerate().rev() {
            let last = Some(at + 1 == count);
            stack.push(Pending { id: *dependency, indent: indent.clone(), last, depth: depth + 1 });
        }
    }
}

impl Render for Graph {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        draw(text, &self.roots, self.depth, |id, text| {
            let node = self.node(id)?;
            Some(Drawn { line: node.line(text), below: node.dependencies.clone() })
        });
    }
}

/// Issues by their place in the graph.
#[derive(Serialize, JsonSchema)]
pub struct Nodes {
    /// The issues.
    pub issues: Vec<Node>,
    /// How many.
    pub count: usize,
}

impl Render for Nodes {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        for node in &self.issues {
            let line = node.line(text);
            text.line(&line);
        }
    }
}

/// A graph in an exchange format.
#[derive(Serialize, JsonSchema)]
pub struct Export {
    /// `dot`, `mermaid`, `json` or `svg`.
    pub format: String,
    /// The file it was written to; `null` for stdout.
    pub file: Option<String>,
    /// The text; `null` when it was written to a file.
    pub content: Option<String>,
}

impl Render for Export {
    fn human(&self, text: &mut Text) {
        if let Some(content) = &self.content {
            text.put(content);
        }
    }

    fn confirmation(&self) -> Option<String> {
        self.file.as_ref().map(|file| format!("wrote {file}"))
    }
}
