//! Who set what.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::event::Event;
use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::history::Origin;

use super::Render;
use super::text::{Text, clean, table};

/// The fields of an issue with who set them.
#[derive(Serialize, JsonSchema)]
pub struct Blame {
    /// The issue.
    pub id: IssueId,
    /// The fields, sorted.
    pub fields: Vec<Blamed>,
    /// How many.
    pub count: usize,
}

/// A field, and who made it what it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Blamed {
    /// Its name: `title`, `labels.area/api`, `gates.review`.
    pub field: String,
    /// What it holds; `true` for a label, a dependency or a commit that is there, null where nothing is.
    pub value: Value,
    /// Who set it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The name of the event.
    pub event: String,
    /// The event's id.
    pub event_id: EventId,
    /// The commit of the tracker.
    pub commit: String,
}

impl From<Origin> for Blamed {
    fn from(origin: Origin) -> Self {
        let Origin { part, value, event: Event { actor, ts, event, id, .. }, commit } = origin;
        Self { field: part, value, by: actor, at: ts, event, event_id: id, commit: commit.0 }
    }
}

/// A value in a few words.
fn brief(value: &Value) -> String {
    let text = match value {
        Value::Null => "(none)".to_owned(),
        Value::Bool(true) => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => ["status", "text", "commit", "by"]
            .iter()
            .find_map(|key| fields.get(*key)?.as_str())
            .unwrap_or("")
            .to_owned(),
        other => other.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    let cut = line.chars().count() > 40 || text.lines().count() > 1;
    let short: String = line.chars().take(40).collect();
    clean(&if cut { format!("{short}…") } else { short })
}

impl Render for Blame {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        let rows = self.fields.iter().map(|blamed| {
            let field = match blamed.field.strip_prefix("dependencies.") {
                Some(id) => format!("dependencies.{}", id.get(..8).unwrap_or(id)),
                None => blamed.field.clone(),
            };
            let commit = blamed.commit.get(..10).unwrap_or(&blamed.commit).to_owned();
            [
                commit,
                blamed.at.to_string(),
                blamed.by.to_string(),
                blamed.event.clone(),
                clean(&field),
                brief(&blamed.value),
            ]
        });
        text.put(&table(rows));
    }
}
