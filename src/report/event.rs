//! Events, a line each.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::event::Event;
use crate::domain::id::{EventId, IssueId};
use crate::domain::name::{Actor, OpId};
use crate::domain::text::shortened;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::history::Told;
use crate::store::CommitId;

use super::text::{Text, clean};

/// An event with the commit that holds it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventDoc {
    /// The event's id.
    pub id: EventId,
    /// When it happened.
    pub ts: Timestamp,
    /// The dotted name.
    pub event: String,
    /// The issue it is about.
    pub issue: Option<IssueId>,
    /// Who acted.
    pub actor: Actor,
    /// What happened.
    pub data: Value,
    /// The caller's key for the operation.
    pub op_id: Option<OpId>,
    /// The event whose opposite this is, when something was undone.
    pub undoes: Option<EventId>,
    /// The commit of the tracker.
    pub commit: String,
    /// What to give to `--since-cursor` to go on after this event; `null` where no commit stands for just what was told.
    pub cursor: Option<String>,
}

impl EventDoc {
    /// An event of `commit`.
    pub fn new(commit: &CommitId, event: Event) -> Self {
        Self {
            id: event.id,
            ts: event.ts,
            event: event.event,
            issue: event.issue,
            actor: event.actor,
            data: event.data,
            op_id: event.op_id,
            undoes: event.undoes,
            commit: commit.0.clone(),
            cursor: None,
        }
    }

    /// The event in one line.
    pub fn human(&self, text: &mut Text) {
        let about = self.issue.map_or_else(|| "-       ".to_owned(), |id| id.short());
        let about = text.id(&about);
        let line = format!(
            "{}  {about}  {:<20}  {}  {}",
            self.ts,
            clean(&self.event),
            self.actor,
            clean(&summary(&self.data))
        );
        text.line(line.trim_end());
    }
}

impl From<Told> for EventDoc {
    fn from(told: Told) -> Self {
        Self { cursor: told.cursor.map(|commit| commit.0), ..Self::new(&told.commit, told.event) }
    }
}

/// The data of an event in a few words: its plain values, cut short.
fn summary(data: &Value) -> String {
    let Some(fields) = data.as_object() else { return String::new() };
    let words = fields.iter().filter_map(|(key, value)| {
        let value = match value {
            Value::String(text) => shortened(text, 60),
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "yes".to_owned(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            Value::Object(fields) if key.starts_with("context") => {
                fields.keys().map(String::as_str).collect::<Vec<_>>().join(",")
            }
            _ => return None,
        };
        (!value.is_empty()).then(|| format!("{key}={value}"))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Events that were found.
pub struct Events {
    /// The events, oldest first.
    pub events: Vec<EventDoc>,
    /// Whether older ones that fit were left out.
    pub truncated: bool,
}

impl Events {
    /// Says that some were left out.
    pub fn truncation(&self) -> Option<String> {
        let count = self.events.len();
        self.truncated.then(|| format!("the newest {count} shown; -n 0 shows all"))
    }
}

/// Events as they come, in batches, until the reader goes away.
pub struct Follow {
    /// The batches.
    pub batches: Box<dyn Iterator<Item = Result<Vec<EventDoc>>>>,
}
