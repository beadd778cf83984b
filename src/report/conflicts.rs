//! What gave way in merges.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{Body, Event};
use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::store::CommitId;

use super::Render;
use super::text::{Text, clean};

/// What gave way, the newest first.
#[derive(Serialize, JsonSchema)]
pub struct Conflicts {
    /// What gave way.
    pub conflicts: Vec<Conflict>,
    /// How many.
    pub count: usize,
    /// Whether older ones were left out.
    pub truncated: bool,
}

/// One thing that gave way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Conflict {
    /// The event that tells of it.
    pub event: EventId,
    /// Its name.
    pub kind: String,
    /// When the histories were joined.
    pub at: Timestamp,
    /// The issue; `null` for gates and settings.
    pub issue: Option<IssueId>,
    /// The field.
    pub field: String,
    /// What stands.
    pub kept: Value,
    /// Who had set it.
    pub kept_by: Option<Actor>,
    /// When.
    pub kept_at: Option<Timestamp>,
    /// What gave way.
    pub lost: Value,
    /// Who had set it.
    pub lost_by: Option<Actor>,
    /// When.
    pub lost_at: Option<Timestamp>,
    /// The command that gives it its place again.
    pub take_back: String,
    /// The commit that joined the histories.
    pub commit: String,
}

impl Conflict {
    /// What an event of the merge `commit` tells.
    pub fn new(commit: &CommitId, event: &Event, body: &Body, take_back: String) -> Self {
        let (mut kept, mut lost) = ((Value::Null, None, None), (Value::Null, None, None));
        let text = |text: &str| Value::from(text);
        let field = match body {
            Body::MergeOverridden(over) => {
                kept = (over.kept.clone(), Some(over.kept_from.by.clone()), Some(over.kept_from.at));
                lost = (over.lost.clone(), Some(over.lost_from.by.clone()), Some(over.lost_from.at));
                over.field.clone()
            }
            Body::MergeRestored(restored) => {
                lost = (text("deleted"), Some(restored.deleted_by.clone()), Some(restored.deleted_at));
                "deleted".to_owned()
            }
            Body::MergeCycleBroken(cycle) => {
                let added = cycle.added.as_ref();
                lost = (text(&cycle.on.to_string()), added.map(|by| by.by.clone()), added.map(|by| by.at));
                "dependencies".to_owned()
            }
            Body::MergeDropped(dropped) => {
                kept.0 = text(&dropped.why);
                lost.0 = dropped.value.clone();
                dropped.field.clone()
            }
            Body::ClaimLost(claim) => {
                kept = (text(claim.to.as_str()), Some(claim.to.clone()), None);
                lost = (text(claim.by.as_str()), Some(claim.by.clone()), None);
                "claim".to_owned()
            }
            _ => String::new(),
        };
        Self {
            event: event.id,
            kind: event.event.clone(),
            at: event.ts,
            issue: event.issue,
            field,
            kept: kept.0,
            kept_by: kept.1,
            kept_at: kept.2,
            lost: lost.0,
            lost_by: lost.1,
            lost_at: lost.2,
            take_back,
            commit: commit.0.clone(),
        }
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 60;

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cut = if text.chars().count() > SHOWN { "…" } else { "" };
    clean(&text.chars().take(SHOWN).collect::<String>().replace('\n', " ")) + cut
}

impl Render for Conflicts {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        for conflict in &self.conflicts {
            let about = conflict.issue.map_or_else(|| "-       ".to_owned(), |id| id.short());
            let (about, ago) = (text.id(&about), text.ago(conflict.at));
            text.line(&format!("{about}  {}  {}  ({ago})", clean(&conflict.field), conflict.kind));
            let whose = |by: &Option<Actor>| by.as_ref().map_or_else(String::new, |by| format!("  by {by}"));
            if !conflict.kept.is_null() {
                text.line(&format!("  kept  {}{}", shown(&conflict.kept), whose(&conflict.kept_by)));
            }
            text.line(&format!("  lost  {}{}", shown(&conflict.lost), whose(&conflict.lost_by)));
            text.line(&format!("  back  {}", clean(&conflict.take_back)));
        }
    }

    fn confirmation(&self) -> Option<String> {
        match (self.truncated, self.count) {
            (true, count) => Some(format!("the newest {count} shown; -n 0 shows all")),
            (false, 0) => Some("nothing has given way in a merge".to_owned()),
            _ => None,
        }
    }
}
