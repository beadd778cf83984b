//! Gates: definitions, and what is known of them on an issue.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::Verdict;
use crate::domain::name::GateKey;

use super::Render;
use super::issue::gate_mark;
use super::text::{Text, clean, table};

/// Gate definitions.
#[derive(Serialize, JsonSchema)]
pub struct Gates {
    /// The definitions, by key.
    pub gates: Vec<Gate>,
    /// How many.
    pub count: usize,
}

impl Render for Gates {
    fn human(&self, text: &mut Text) {
        let rows = self.gates.iter().map(|gate| [gate.key.to_string(), kind(gate).to_owned(), clean(&gate.title)]);
        text.put(&table(rows));
    }
}

fn kind(gate: &Gate) -> &'static str {
    if gate.auto { "auto" } else { "manual" }
}

/// One gate definition.
#[derive(Serialize, JsonSchema)]
pub struct GateDoc {
    /// The definition.
    #[serde(flatten)]
    pub gate: Gate,
    /// Whether it is defined: false after `gate undefine`.
    pub defined: bool,
    /// What to say about it.
    #[serde(skip)]
    pub said: Option<String>,
}

impl Render for GateDoc {
    fn human(&self, text: &mut Text) {
        if self.said.is_some() {
            return;
        }
        let head = text.strong(self.gate.key.as_str());
        text.line(&format!("{head}  {}  ({})", clean(&self.gate.title), kind(&self.gate)));
        text.block("    ", &self.gate.description);
    }

    fn confirmation(&self) -> Option<String> {
        self.said.clone()
    }
}

/// The gates of an issue.
#[derive(Serialize, JsonSchema)]
pub struct GateStatus {
    /// The issue.
    pub id: IssueId,
    /// The tree of the work tree at hand; `null` where there is none.
    pub tree: Option<String>,
    /// Whether all gates are passed.
    pub passed: bool,
    /// The gates, by key.
    pub gates: Vec<GateRow>,
    /// How many.
    pub count: usize,
}

/// One gate of an issue.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GateRow {
    /// The key.
    pub gate: GateKey,
    /// What is known.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether the verdict is about another tree than the one at hand; `null` where that cannot be said.
    pub stale: Option<bool>,
}

impl Render for GateStatus {
    fn human(&self, text: &mut Text) {
        let rows = self.gates.iter().map(|row| {
            let verdict = &row.verdict;
            let tree = verdict.tree.as_deref().map_or("-", |tree| tree.get(..10).unwrap_or(tree)).to_owned();
            [
                row.gate.to_string(),
                gate_mark(verdict.status).trim().to_owned(),
                verdict.by.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                verdict.at.map_or_else(|| "-".to_owned(), |at| text.ago(at)),
                tree,
                if row.stale == Some(true) { "stale".to_owned() } else { String::new() },
                verdict.note.as_deref().map(clean).unwrap_or_default(),
            ]
        });
        let table = table(rows);
        text.put(&table);
    }
}
