//! The past of one issue.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use crate::domain::id::IssueId;

use super::Render;
use super::event::EventDoc;
use super::text::{Text, clean};

/// The changes of an issue, newest first.
#[derive(Serialize, JsonSchema)]
pub struct History {
    /// The issue.
    pub id: IssueId,
    /// The changes.
    pub changes: Vec<Step>,
    /// How many are given.
    pub count: usize,
    /// How many there are in all.
    pub total: usize,
    /// Whether older ones were left out.
    pub truncated: bool,
}

/// One commit that changed the issue.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The commit of the tracker.
    pub commit: String,
    /// The events about the issue.
    pub events: Vec<EventDoc>,
    /// What changed in the stored document, as a unified diff, when asked for.
    pub patch: Option<String>,
}

impl Render for History {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        for step in &self.changes {
            let commit = text.id(step.commit.get(..10).unwrap_or(&step.commit));
            for event in &step.events {
                text.put(&commit).put("  ");
                event.human(text);
            }
            if let Some(patch) = &step.patch {
                put_patch(text, patch);
                text.line("");
            }
        }
    }

    fn confirmation(&self) -> Option<String> {
        self.truncated.then(|| format!("the newest {} of {} shown; -n 0 shows all", self.count, self.total))
    }
}

/// What differs between two versions of an issue.
#[derive(Serialize, JsonSchema)]
pub struct Diff {
    /// The issue.
    pub id: IssueId,
    /// The older commit.
    pub from: String,
    /// The newer commit.
    pub to: String,
    /// The fields that differ.
    pub changes: Vec<FieldChange>,
    /// The same as a unified diff of the stored documents.
    pub patch: String,
}

/// A field that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// The older value.
    pub from: Value,
    /// The newer value.
    pub to: Value,
}

impl Render for Diff {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        put_patch(text, &self.patch);
    }
}

/// The top-level fields in which two documents differ.
pub fn changed_fields(from: &Value, to: &Value) -> Vec<FieldChange> {
    let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    let mut all: std::collections::BTreeSet<String> = names(from);
    let newer: std::collections::BTreeSet<String> = names(to);
    all.extend(newer);
    let at = |value: &Value, name: &str| value.get(name).cloned().unwrap_or(Value::Null);
    all.into_iter()
        .map(|field| FieldChange { from: at(from, &field), to: at(to, &field), field })
        .filter(|change| change.from != change.to)
        .collect()
}

/// A unified diff of two texts, without file names.
pub fn patch(from: &str, to: &str) -> String {
    TextDiff::from_lines(from, to).unified_diff().context_radius(1).to_string()
}

fn put_patch(text: &mut Text, patch: &str) {
    use anstyle::AnsiColor;
    for line in patch.lines() {
        let safe = clean(line);
        let line = match line.as_bytes().first() {
            Some(b'+') => text.paint(AnsiColor::Green.on_default(), &safe),
            Some(b'-') => text.paint(AnsiColor::Red.on_default(), &safe),
            Some(b'@') => text.paint(AnsiColor::Cyan.on_default(), &safe),
            _ => safe,
        };
        text.line(&line);
    }
}
