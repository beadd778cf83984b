//! Events: the only way the state of a tracker changes.
//!
//! An [`Event`] is stored as it stands. Its [`Body`] is the typed reading of its name and data.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gate::{Check, Gate};
use super::id::{EventId, IssueId};
use super::issue::{Extra, Issue};
use super::name::{Actor, GateKey, Label, OpId, Title};
use super::state::{Outcome, Priority, State};
use super::time::Timestamp;

/// Something that happened, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The event's own id, which no other event has.
    pub id: EventId,
    /// When it happened.
    pub ts: Timestamp,
    /// The dotted name: `issue.claimed`.
    pub event: String,
    /// The issue it is about; `null` for events about gates and settings.
    pub issue: Option<IssueId>,
    /// Who acted.
    pub actor: Actor,
    /// What happened; the keys depend on the name.
    pub data: Value,
    /// The caller's key for the operation, when one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op_id: Option<OpId>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Declares [`Body`]: each variant with its dotted name and the type of its data.
macro_rules! bodies {
    ($($variant:ident($data:ty) = $name:literal),+ $(,)?) => {
        /// The typed content of an event.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $(#[doc = concat!("`", $name, "`")] $variant($data),)+
        }

        impl Body {
            /// Every event name this version writes.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The dotted name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Body::$variant(_) => $name,)+
                }
            }

            /// The data as JSON.
            pub fn to_data(&self) -> Value {
                match self {
                    $(Body::$variant(data) => serde_json::to_value(data),)+
                }
                .expect("event data has only text keys")
            }

            /// Reads the data of an event called `name`; `None` for a name this version does not know.
            pub fn parse(name: &str, data: &Value) -> Result<Option<Self>, serde_json::Error> {
                match name {
                    $($name => <$data>::deserialize(data).map(Body::$variant).map(Some),)+
                    _ => Ok(None),
                }
            }
        }
    };
}

bodies! {
    TrackerInitialized(Initialized) = "tracker.initialized",
    TrackerRearranged(Rearranged) = "tracker.rearranged",
    ConfigChanged(SettingChange) = "config.changed",
    GateDefined(Gate) = "gate.defined",
    GateUndefined(GateRef) = "gate.undefined",
    IssueCreated(NewIssue) = "issue.created",
    IssueImported(Imported) = "issue.imported",
    IssueUpdated(Edit) = "issue.updated",
    IssueStateChanged(Transition) = "issue.state_changed",
    IssueCompleted(Ended) = "issue.completed",
    IssueRejected(Ended) = "issue.rejected",
    IssueClaimed(Claimed) = "issue.claimed",
    IssueReleased(Released) = "issue.released",
    IssueAsked(Text) = "issue.asked",
    IssueAnswered(Text) = "issue.answered",
    IssueAssigned(Assignment) = "issue.assigned",
    IssueUnassigned(Empty) = "issue.unassigned",
    IssueCommented(Text) = "issue.commented",
    IssueDeleted(Empty) = "issue.deleted",
    ClaimExpired(Holder) = "claim.expired",
    ClaimOverridden(Holder) = "claim.overridden",
    ClaimRenewed(Renewal) = "claim.renewed",
    DepAdded(Edge) = "dep.added",
    DepRemoved(Edge) = "dep.removed",
    GateAdded(GateRef) = "gate.added",
    GateRemoved(GateRef) = "gate.removed",
    GatePassed(Judgement) = "gate.passed",
    GateFailed(Judgement) = "gate.failed",
    GateVerified(Judgement) = "gate.verified",
    GateOverridden(Overruled) = "gate.overridden",
    CommitLinked(Linked) = "commit.linked",
}

impl Event {
    /// The typed content; `None` when the name is unknown to this version.
    pub fn body(&self) -> Result<Option<Body>, serde_json::Error> {
        Body::parse(&self.event, &self.data)
    }
}

/// Data of events that need none.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// A tracker began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Initialized {
    /// The format it began with.
    pub format: u32,
}

/// Issues were put into deeper folders; nothing else changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rearranged {
    /// Levels of folders before.
    pub from: u8,
    /// Levels of folders after.
    pub to: u8,
}

/// A shared setting changed; `None` takes it away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingChange {
    /// The dotted key.
    pub key: String,
    /// The new value.
    pub value: Option<Value>,
}

/// Names a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateRef {
    /// The gate's key.
    pub gate: GateKey,
    /// What it asks, when it was put on an issue that somebody else holds: the holder must pass it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl GateRef {
    /// Names a gate, and nothing more.
    pub fn new(gate: &GateKey) -> Self {
        Self { gate: gate.clone(), check: None }
    }
}

/// A rule about a gate was overruled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overruled {
    /// The gate's key.
    pub gate: GateKey,
    /// What was done all the same.
    pub what: Override,
    /// What the gate asks from now on, when it was redefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// How a gate was overruled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Override {
    /// It was passed by hand, though a command judges it.
    PassedByHand,
    /// It was taken off an issue under its holder.
    Removed,
    /// It was defined anew while the issue was held.
    Redefined,
}

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
    /// The issue's gates as they are now: what the holder must pass.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<GateKey, Check>,
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
}

/// A dependency of the event's issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The issue that is waited for.
    pub on: IssueId,
}

/// A gate was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The gate's key.
    pub gate: GateKey,
    /// The git tree that was judged.
    pub tree: Option<String>,
    /// The git commit that was checked out.
    pub commit: Option<String>,
    /// A remark.
    pub note: Option<String>,
    /// The run that gave the verdict; absent when it was given by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Ran>,
    /// Whether it was given by hand in place of the command that judges.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overridden: bool,
}

impl Judgement {
    /// A verdict given by hand.
    pub fn by_hand(gate: GateKey, tree: Option<String>, commit: Option<String>, note: Option<String>) -> Self {
        Self { gate, tree, commit, note, run: None, overridden: false }
    }
}

/// The run of a gate's command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// The command.
    pub command: String,
    /// The folder it ran in, below the top of the work tree.
    pub workdir: Option<String>,
    /// What the gate's `env_key` printed.
    pub environment: Option<String>,
    /// How it ended.
    pub exit_code: i32,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The end of what it printed, at most [`TAIL_BYTES`].
    pub output_tail: String,
    /// The machine.
    pub host: Option<String>,
    /// The issue for which it was run, when this verdict repeats that one and nothing was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<IssueId>,
}

/// Bytes of output that a verdict keeps: 2 KiB.
pub const TAIL_BYTES: usize = 2 << 10;

fn is_false(value: &bool) -> bool {
    !value
}
