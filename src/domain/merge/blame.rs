//! Who changed which field of an issue on one side of a merge, and when: read from the side's events.

use std::collections::BTreeMap;

use crate::domain::event::{Author, Body, Event};
use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;

/// When something changed. Ordered by time, then by the event's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// By which event; `None` where no event tells.
    pub event: Option<EventId>,
    /// Who did it.
    pub by: Actor,
}

impl From<&Stamp> for Author {
    fn from(stamp: &Stamp) -> Self {
        Self { by: stamp.by.clone(), at: stamp.at, event: stamp.event }
    }
}

/// What happened to one issue on one side.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    fields: BTreeMap<String, Stamp>,
    edges: BTreeMap<IssueId, Stamp>,
    actors: BTreeMap<Actor, Stamp>,
}

impl Touched {
    /// Takes in an event about the issue, or about gates and settings. The order does not matter.
    pub fn note(&mut self, event: &Event, body: &Body) {
        if body.is_note() || matches!(body, Body::IssueMerged(_)) {
            // The changes that it joined are events themselves.
            return;
        }
        let stamp = Stamp { at: event.ts, event: Some(event.id), by: event.actor.clone() };
        let mut touch = |field: &str| later(&mut self.fields, field.to_owned(), &stamp);
        match body {
            Body::IssueUpdated(edit) => {
                let plain = [
                    ("title", edit.title.is_some()),
                    ("description", edit.description.is_some()),
                    ("priority", edit.priority.is_some()),
                ];
                plain.into_iter().filter(|(_, set)| *set).for_each(|(field, _)| touch(field));
                edit.context_set.keys().chain(&edit.context_unset).for_each(|key| touch(&format!("context.{key}")));
            }
            Body::IssueCreated(_) | Body::IssueImported(_) => {
                ["title", "description", "priority", "state", "assignee"].into_iter().for_each(touch);
            }
            Body::IssueAssigned(_) | Body::IssueUnassigned(_) => touch("assignee"),
            Body::IssueClaimed(_) | Body::IssueReleased(_) | Body::AgentStalled(_) | Body::ClaimExpired(_) => {
                ["state", "assignee"].into_iter().for_each(touch);
            }
            Body::IssueAsked(_) | Body::IssueAnswered(_) => ["state", "question"].into_iter().for_each(touch),
            Body::IssueStateChanged(_)
            | Body::IssueCompleted(_)
            | Body::IssueRejected(_)
            | Body::IssueDeleted(_)
            | Body::IssueRestored(_) => touch("state"),
            Body::IssueLanded(_) => touch("landed"),
            Body::GateDefined(gate) => touch(&format!("gate.{}", gate.key)),
            Body::GateUndefined(gate) => touch(&format!("gate.{}", gate.gate)),
            Body::ConfigChanged(change) => touch(&format!("config.{}", change.key)),
            Body::GateAdded(gate) | Body::GateRemoved(gate) => touch(&format!("gates.{}", gate.gate)),
            Body::GatePassed(judged) | Body::GateFailed(judged) => touch(&format!("gates.{}", judged.gate)),
            _ => {}
        }
        match body {
            Body::DepAdded(edge) => later(&mut self.edges, edge.on, &stamp),
            Body::IssueCreated(new) => new.dependencies.iter().for_each(|on| later(&mut self.edges, *on, &stamp)),
            Body::IssueImported(new) => {
                new.document.dependencies.iter().for_each(|on| later(&mut self.edges, *on, &stamp));
            }
            _ => {}
        }
        later(&mut self.actors, event.actor.clone(), &stamp);
    }

    /// When a field last changed.
    pub fn field(&self, name: &str) -> Option<&Stamp> {
        self.fields.get(name)
    }

    /// When a dependency was last added.
    pub fn edge(&self, on: IssueId) -> Option<&Stamp> {
        self.edges.get(&on)
    }

    /// When somebody last acted on the issue.
    pub fn acted(&self, actor: &Actor) -> Option<&Stamp> {
        self.actors.get(actor)
    }
}

fn later<K: Ord>(map: &mut BTreeMap<K, Stamp>, key: K, stamp: &Stamp) {
    let known = map.entry(key).or_insert_with(|| stamp.clone());
    if *known < *stamp {
        *known = stamp.clone();
    }
}
