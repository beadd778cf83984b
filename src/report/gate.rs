//! Gates: definitions, and what is known of them on an issue.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::Verdict;
use crate::domain::name::GateKey;
use crate::domain::state::Stage;
use crate::domain::text::shortened;

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
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        let rows = self.gates.iter().map(|gate| {
            let asks = gate.check.command.as_deref().map(|command| in_short(&clean(command))).unwrap_or_default();
            [gate.key.to_string(), kind(gate), clean(&gate.title), asks]
        });
        let table = table(rows);
        text.put(&table);
    }
}

/// `auto`, or `auto, commit` for a gate that is asked at another time than the end.
fn kind(gate: &Gate) -> String {
    let kind = if gate.check.auto { "auto" } else { "manual" };
    match gate.check.stage {
        Stage::Finish => kind.to_owned(),
        stage => format!("{kind}, {stage}"),
    }
}

/// A command on one short line.
fn in_short(command: &str) -> String {
    shortened(&command.split_whitespace().collect::<Vec<_>>().join(" "), 60)
}

/// One gate definition.
#[derive(Serialize, JsonSchema)]
pub struct GateDoc {
    /// The definition.
    #[serde(flatten)]
    pub gate: Gate,
    /// Whether it is defined: false after `gate undefine`.
    pub defined: bool,
    /// Whether this user agreed to run its command on this machine; `null` when it has none.
    pub trusted: Option<bool>,
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
        let Some(command) = &self.gate.check.command else { return };
        let check = &self.gate.check;
        let limit = humantime::format_duration(check.timeout()).to_string();
        let field = |name: &str, value: &str| format!("{name:<12}{}", clean(value));
        text.line(&field("Command:", command)).line(&field("Time limit:", &limit));
        for (name, value) in [("Folder:", &check.workdir), ("Environment:", &check.env_key)] {
            if let Some(value) = value {
                text.line(&format!("{name:<12} {}", clean(value)));
            }
        }
        let trusted = if self.trusted == Some(true) { "yes" } else { "no: jit gate trust" };
        text.line(&field("Trusted:", trusted));
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
    /// What it holds back while it is not passed.
    pub stage: Stage,
    /// Whether the verdict is about another tree than the one at hand; `null` where that cannot be said.
    pub stale: Option<bool>,
    /// Whether it was passed by another command than the one that is asked for now.
    pub outdated: bool,
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
                notes(row).join(", "),
                verdict.note.as_deref().map(clean).unwrap_or_default(),
            ]
        });
        let table = table(rows);
        text.put(&table);
    }
}

/// What is special about a verdict.
fn notes(row: &GateRow) -> Vec<&'static str> {
    let notes = [
        (row.stale == Some(true), "stale"),
        (row.outdated, "by another command than now"),
        (row.verdict.overridden, "overridden"),
        (row.verdict.reused_from.is_some(), "reused"),
    ];
    notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect()
}
