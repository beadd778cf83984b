//! Graphs in the languages of other programs: Graphviz, Mermaid, JSON.

use serde_json::json;

use crate::domain::state::State;

use super::Node;
use super::picture::Picture;

/// What a state is painted with, the same everywhere.
pub fn colour(state: State, blocked: bool) -> &'static str {
    match state {
        _ if blocked => "#f8d7d7",
        State::Open => "#f2f2f2",
        State::Ready => "#d3f0f2",
        State::InProgress => "#d5e3fa",
        State::Gated => "#ead9f6",
        State::Done => "#d6f0d6",
        State::Rejected | State::Archived => "#dddddd",
    }
}

/// The graph in the language of Graphviz.
pub fn dot(picture: &Picture<'_>) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph jit {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\"];\n");
    let node = |at: usize, indent: &str| {
        let issue = picture.issues[at];
        let (id, short) = (issue.id(), issue.id().short());
        let fill = colour(issue.state(), issue.is_blocked());
        let label = format!("{short}\\n{}\\n{}", quoted(issue.title()), issue.state());
        format!("{indent}\"{id}\" [label=\"{label}\", fillcolor=\"{fill}\"];\n")
    };
    for (number, (label, members)) in picture.groups.iter().enumerate() {
        out.push_str(&format!("  subgraph cluster_{number} {{\n    label=\"{}\";\n", quoted(label)));
        members.iter().for_each(|at| out.push_str(&node(*at, "    ")));
        out.push_str("  }\n");
    }
    for at in (0..picture.issues.len()).filter(|at| picture.group(*at).is_none()) {
        out.push_str(&node(at, "  "));
    }
    for (from, to) in &picture.edges {
        out.push_str(&format!("  \"{}\" -> \"{}\";\n", picture.issues[*from].id(), picture.issues[*to].id()));
    }
    out + "}\n"
}

/// The graph in the language of Mermaid.
pub fn mermaid(picture: &Picture<'_>) -> String {
    // `#` begins the name of a character there.
    let safe = |text: &str| {
        text.replace('#', "#35;").replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
    };
    let mut out = String::from("graph LR\n");
    let node = |at: usize, indent: &str| {
        let issue = picture.issues[at];
        let class = if issue.is_blocked() { "blocked" } else { issue.state().as_str() };
        format!("{indent}i{}[\"{}<br/>{}\"]:::{class}\n", issue.id(), safe(issue.title()), issue.state())
    };
    for (number, (label, members)) in picture.groups.iter().enumerate() {
        out.push_str(&format!("  subgraph g{number}[\"{}\"]\n", safe(label)));
        members.iter().for_each(|at| out.push_str(&node(*at, "    ")));
        out.push_str("  end\n");
    }
    for at in (0..picture.issues.len()).filter(|at| picture.group(*at).is_none()) {
        out.push_str(&node(at, "  "));
    }
    for (from, to) in &picture.edges {
        out.push_str(&format!("  i{} --> i{}\n", picture.issues[*from].id(), picture.issues[*to].id()));
    }
    for state in State::ALL {
        out.push_str(&format!("  classDef {state} fill:{}\n", colour(*state, false)));
    }
    out + &format!("  classDef blocked fill:{}\n", colour(State::Open, true))
}

/// The graph as nodes and edges.
pub fn json(picture: &Picture<'_>) -> String {
    let id = |at: &usize| picture.issues[*at].id();
    let nodes: Vec<Node> = picture.issues.iter().map(|issue| Node::new(*issue, None)).collect();
    let edges: Vec<_> = picture.edges.iter().map(|(from, to)| json!({ "from": id(from), "to": id(to) })).collect();
    let group = |(label, members): (&&str, &Vec<usize>)| json!({ "label": label, "issues": members.iter().map(id).collect::<Vec<_>>() });
    let groups: Vec<_> = picture.groups.iter().map(group).collect();
    let document = json!({ "nodes": nodes, "edges": edges, "groups": groups });
    serde_json::to_string_pretty(&document).expect("a graph has only text keys") + "\n"
}
