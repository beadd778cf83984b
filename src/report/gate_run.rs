//! Gates that a command judges: runs, trust and presets.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::name::GateKey;
use crate::domain::state::Stage;
use crate::error::Class;

use super::Render;
use super::text::{Text, clean, table};

/// What came of running the gates of an issue.
#[derive(Serialize, JsonSchema)]
pub struct GateRun {
    /// The issue.
    pub id: IssueId,
    /// The git tree that was judged; `null` where there is none that could be.
    pub tree: Option<String>,
    /// Whether all passed.
    pub passed: bool,
    /// The gates, in the order in which they were asked for.
    pub gates: Vec<RunRow>,
    /// How many.
    pub count: usize,
    /// Whether the output was shown while it came.
    #[serde(skip)]
    pub shown: bool,
}

/// What came of one gate.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunRow {
    /// The gate.
    pub gate: GateKey,
    /// `passed`, `failed`, or `none` when there is no verdict.
    pub verdict: String,
    /// `ran`, `reused` (from another issue or work tree) or `recorded` (the issue has it already).
    pub how: String,
    /// Why there is no verdict.
    pub why: Option<String>,
    /// The exit code.
    pub exit_code: Option<i32>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The end of the output.
    pub output_tail: Option<String>,
    /// The file with more of the output.
    pub log: Option<String>,
    /// The command.
    pub command: String,
}

impl GateRun {
    /// The report of these rows.
    pub fn new(id: IssueId, tree: Option<String>, gates: Vec<RunRow>, shown: bool) -> Self {
        let passed = gates.iter().all(|row| row.verdict == "passed");
        Self { id, tree, passed, count: gates.len(), gates, shown }
    }
}

impl RunRow {
    /// `unit-tests failed: exit 1 after 1.2s`.
    pub fn line(&self) -> String {
        let took = humantime::format_duration(std::time::Duration::from_millis(self.duration_ms.unwrap_or_default()));
        match (self.verdict.as_str(), self.how.as_str()) {
            ("passed", "ran") => format!("{} passed in {took}", self.gate),
            ("passed", "reused") => format!("{} passed before on this tree: reused", self.gate),
            ("passed", _) => format!("{} is passed on this tree already", self.gate),
            ("failed", _) => format!("{} failed: exit {} after {took}", self.gate, self.exit_code.unwrap_or_default()),
            _ => format!("{} has no verdict: {}", self.gate, self.why.as_deref().unwrap_or_default()),
        }
    }

    /// The end of the output, indented; empty when there was none.
    pub fn tail(&self) -> String {
        let tail = self.output_tail.as_deref().unwrap_or_default();
        tail.trim_end().lines().map(|line| format!("\n    {}", clean(line))).collect()
    }
}

impl Render for GateRun {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        if self.gates.is_empty() {
            return Some(format!("no gate of {} has a command to run", self.id.short()));
        }
        let lines: Vec<String> = self.gates.iter().filter(|row| row.verdict == "passed").map(RunRow::line).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn complaint(&self) -> Option<String> {
        let bad = self.gates.iter().filter(|row| row.verdict != "passed");
        let lines: Vec<String> =
            bad.map(|row| format!("{}{}", row.line(), if self.shown { String::new() } else { row.tail() })).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn exit_code(&self) -> u8 {
        match () {
            () if self.passed => 0,
            () if self.gates.iter().any(|row| row.verdict == "failed") => Class::Refused.exit_code(),
            () => Class::Outside.exit_code(),
        }
    }
}

/// Commands of gates, and whether they may run here.
#[derive(Serialize, JsonSchema)]
pub struct Trusted {
    /// The gates that have a command, by key.
    pub gates: Vec<TrustedGate>,
    /// How many.
    pub count: usize,
}

/// The command of one gate.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrustedGate {
    /// The gate.
    pub gate: GateKey,
    /// What runs.
    pub command: String,
    /// The folder it runs in; `null` for the top of the work tree.
    pub workdir: Option<String>,
    /// What runs to tell one environment from another.
    pub env_key: Option<String>,
    /// Whether this user agreed to it on this machine.
    pub trusted: bool,
    /// Whether that was just now.
    pub new: bool,
}

impl Render for Trusted {
    fn human(&self, text: &mut Text) {
        for gate in &self.gates {
            let state = match (gate.trusted, gate.new) {
                (_, true) => "agreed to now",
                (true, false) => "agreed to",
                (false, _) => "not agreed to",
            };
            let head = format!("{}  ({state})", text.strong(gate.gate.as_str()));
            text.line(&head).block("    ", &gate.command);
            if let Some(workdir) = &gate.workdir {
                text.line(&format!("    (in {})", clean(workdir)));
            }
            if let Some(env_key) = &gate.env_key {
                text.block("    ", env_key);
            }
        }
    }
}

/// The presets.
#[derive(Serialize, JsonSchema)]
pub struct Presets {
    /// Every preset.
    pub presets: Vec<PresetRow>,
    /// How many.
    pub count: usize,
}

/// One preset.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresetRow {
    /// Its name.
    pub preset: String,
    /// What it is for.
    pub about: String,
    /// Whether this repository holds such a project.
    pub fits: bool,
    /// The gates it would define here.
    pub gates: Vec<Gate>,
}

impl Render for Presets {
    fn human(&self, text: &mut Text) {
        for row in &self.presets {
            let here = if row.fits { "fits this repository" } else { "not here" };
            let head = format!("{}  {} ({here})", text.strong(&row.preset), row.about);
            text.line(&head);
            let gates = row.gates.iter().map(|gate| {
                let command = gate.check.command.as_deref().map(clean).unwrap_or_default();
                ["  ".to_owned(), gate.key.to_string(), gate.check.stage.to_string(), command]
            });
            let table = table(gates);
            text.put(&table);
        }
    }
}

/// What a preset defined.
#[derive(Serialize, JsonSchema)]
pub struct Applied {
    /// The preset.
    pub preset: String,
    /// Whether it was only said, not done.
    pub dry_run: bool,
    /// The gates.
    pub gates: Vec<PresetGate>,
    /// How many.
    pub count: usize,
}

/// A gate of a preset.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresetGate {
    /// The gate.
    pub gate: GateKey,
    /// What it holds back.
    pub stage: Stage,
    /// What runs.
    pub command: String,
    /// `defined`, `replaced`, `unchanged`, or `kept` when it has another command that stays.
    pub outcome: String,
}

impl Render for Applied {
    fn human(&self, text: &mut Text) {
        let rows = self
            .gates
            .iter()
            .map(|row| [row.gate.to_string(), row.stage.to_string(), row.outcome.clone(), clean(&row.command)]);
        let table = table(rows);
        text.put(&table);
    }

    fn confirmation(&self) -> Option<String> {
        let kept = self.gates.iter().any(|row| row.outcome == "kept");
        kept.then(|| "gates that are kept have a command already; --replace puts these in its place".to_owned())
    }
}
