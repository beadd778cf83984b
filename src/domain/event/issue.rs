//! The data of events about issues.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::gate::Check;
use crate::domain::id::IssueId;
use crate::domain::issue::{Issue, Published};
use crate::domain::name::{Actor, GateKey, Label, Title};
use crate::domain::state::{Outcome, Priority, State};
use crate::domain::time::Timestamp;

/// A commit of the code belongs to the issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linked {
    /// The commit's id.
    pub commit: String,
    /// The commit that it took the place of, in an amend or a rebase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// Everything an issue begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewIssue {
    /// The title.
    pub title: Title,
    /// The description.
    pub description: String,
    /// `open` or `ready`.
    pub state: State,
    /// The priority.
    pub priority: Priority,
    /// The labels.
    pub labels: BTreeSet<Label>,
    /// Issues it waits for.
    pub dependencies: BTreeSet<IssueId>,
    /// Its gates, all pending.
    pub gates: BTreeSet<GateKey>,
    /// Its context.
    pub context: BTreeMap<String, String>,
}

/// An issue came from elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The issue as it was there.
    pub document: Box<Issue>,
}

/// A change of an issue's plain fields; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edit {
    /// The new title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// The new description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The new priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Labels that were added.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels_added: BTreeSet<Label>,
    /// Labels that were taken away.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels_removed: BTreeSet<Label>,
    /// Context keys that were set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context_set: BTreeMap<String, String>,
    /// Context keys that were taken away.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub context_unset: BTreeSet<String>,
}

/// A change of state that is neither a claim, a completion nor a rejection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}

/// The end of an issue: done or rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The state before.
    pub from: State,
    /// Why, when somebody said so.
    pub reason: Option<String>,
}

/// A claim was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// The holder.
    pub by: Actor,
    /// The state before.
    pub from: State,
    /// The fencing number.
    pub generation: u64,
    /// The end of the lease.
    pub expires_at: Option<Timestamp>,
    /// The length of the lease, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// The holder's machine.
    pub host: Option<String>,
    /// The holder's work tree.
    pub worktree: Option<String>,
    /// Who made the claim for the holder and watches over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<Actor>,
    /// The claim on the remote that stands behind this one; absent for a claim made here alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Published>,
    /// The issue's gates as they are now: what the holder must pass.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<GateKey, Check>,
}

/// The work on an issue is part of a branch that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Landing {
    /// The newest commit that landed.
    pub commit: String,
    /// The branch it landed on.
    pub branch: String,
}

/// A claim was given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// Who held it.
    pub by: Actor,
    /// The fencing number of the claim that ended.
    pub generation: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when somebody said so.
    pub reason: Option<String>,
}

/// A holder fell silent, and its claim ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stalled {
    /// Who held it.
    pub by: Actor,
    /// The fencing number of the claim that ended.
    pub generation: u64,
    /// What showed that nobody is at work any more.
    pub reason: String,
}

/// Text said about an issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// An issue was meant for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// For whom.
    pub assignee: Actor,
}

/// Names a claim that ended or was overruled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// Who held it.
    pub by: Actor,
    /// Its fencing number.
    pub generation: u64,
}

/// A lease was renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Renewal {
    /// The new end of the lease.
    pub expires_at: Option<Timestamp>,
    /// The object on the remote that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// A dependency of the event's issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The issue that is waited for.
    pub on: IssueId,
}
