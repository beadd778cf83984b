//! The data of events that a merge makes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;

/// Two histories were joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// The commits that were joined, in the order of their ids.
    pub parents: Vec<String>,
    /// The newest commits that both build on; none when they began apart, several after a criss-cross.
    pub bases: Vec<String>,
}

/// What a merge set in the document of an issue, seen from the merge's first parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// Fields of the document with their new values; all of them for an issue that the first parent lacks.
    pub set: BTreeMap<String, Value>,
    /// Fields that are gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unset: BTreeSet<String>,
}

/// Who changed something, when, and by which event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Author {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The event; absent where no event tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
}

/// Both sides changed one value, and one of them had to give way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overridden {
    /// The field: `title`, `context.KEY`, `gates.KEY`; for what is not an issue's, `config.KEY` or `gate.KEY`.
    pub field: String,
    /// The value that stands.
    pub kept: Value,
    /// The value that gave way.
    pub lost: Value,
    /// Who set the value that stands.
    pub kept_from: Author,
    /// Who set the value that gave way.
    pub lost_from: Author,
}

/// An issue was deleted on one side and changed on the other: it stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    /// Who deleted it.
    pub deleted_by: Actor,
    /// When.
    pub deleted_at: Timestamp,
}

/// Dependencies of both sides together closed a circle: the edge added last was taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokenCycle {
    /// The issue that is no longer waited for.
    pub on: IssueId,
    /// The circle, beginning and ending with the event's issue.
    pub cycle: Vec<IssueId>,
    /// Who had added the edge; absent where no event tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Author>,
}

/// Something one side added does not fit what the other side did, and was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// The field: `dependencies`, `gates`, `labels`, `context`, `comments`.
    pub field: String,
    /// What was left out.
    pub value: Value,
    /// `finished`: the other side finished the issue; `limit`: there would be too much of it.
    pub why: String,
}

/// Both sides held the issue, and this claim gave way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LostClaim {
    /// Who held it.
    pub by: Actor,
    /// The fencing number of that claim.
    pub generation: u64,
    /// The token of that claim.
    pub token: EventId,
    /// Who holds the issue, or finished it.
    pub to: Actor,
}
