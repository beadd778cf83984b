//! What was undone.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::event::Event;
use crate::store::CommitId;

use super::Render;
use super::event::EventDoc;
use super::text::Text;

/// Events that were undone, and their opposites.
#[derive(Serialize, JsonSchema)]
pub struct Undone {
    /// The events that were undone; none when they were already.
    pub undone: Vec<EventDoc>,
    /// The opposite events.
    pub events: Vec<EventDoc>,
    /// How many were undone.
    pub count: usize,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The commit that holds the opposites; for a dry run the one it was tried on.
    pub commit: String,
}

impl Undone {
    /// What was undone by a change.
    pub fn new(undone: Vec<EventDoc>, events: Vec<Event>, commit: &CommitId, dry_run: bool) -> Self {
        let events = events.into_iter().map(|event| EventDoc::new(commit, event)).collect();
        Self { count: undone.len(), undone, events, dry_run, commit: commit.0.clone() }
    }
}

impl Render for Undone {
    fn human(&self, text: &mut Text) {
        if self.dry_run {
            for event in &self.events {
                event.human(text);
            }
        }
    }

    fn confirmation(&self) -> Option<String> {
        let verb = if self.dry_run { "would undo" } else { "undid" };
        let name = |event: &EventDoc| match event.issue {
            Some(id) => format!("{} {}", event.event, id.short()),
            None => event.event.clone(),
        };
        Some(match self.undone.as_slice() {
            [] => "undone already".to_owned(),
            [event] => format!("{verb} {}", name(event)),
            [event, rest @ ..] => format!("{verb} {} and {} more", name(event), rest.len()),
        })
    }
}
