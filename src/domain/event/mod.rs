//! Events: the only way the state of a tracker changes.
//!
//! An [`Event`] is stored as it stands. Its [`Body`] is the typed reading of its name and data.

mod gate;
mod issue;
mod merge;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gate::Gate;
use super::id::{EventId, IssueId};
use super::issue::Extra;
use super::name::{Actor, OpId};
use super::time::Timestamp;

pub use gate::{GateRef, Judgement, Override, Overruled, Ran, TAIL_BYTES};
pub use issue::{
    Assignment, Claimed, Edge, Edit, Ended, Holder, Imported, Landing, Linked, NewIssue, Released, Renewal, Stalled,
    Text, Transition,
};
pub use merge::{Author, BrokenCycle, Dropped, LostClaim, Merged, Overridden, Patch, Restored};

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
    /// The event whose opposite this is, when something is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EventId>,
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
    TrackerMerged(Merged) = "tracker.merged",
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
    IssueRestored(Empty) = "issue.restored",
    IssueLanded(Landing) = "issue.landed",
    IssueMerged(Patch) = "issue.merged",
    AgentStalled(Stalled) = "agent.stalled",
    ClaimExpired(Holder) = "claim.expired",
    ClaimOverridden(Holder) = "claim.overridden",
    ClaimRenewed(Renewal) = "claim.renewed",
    ClaimLost(LostClaim) = "claim.lost",
    DepAdded(Edge) = "dep.added",
    DepRemoved(Edge) = "dep.removed",
    GateAdded(GateRef) = "gate.added",
    GateRemoved(GateRef) = "gate.removed",
    GatePassed(Judgement) = "gate.passed",
    GateFailed(Judgement) = "gate.failed",
    GateVerified(Judgement) = "gate.verified",
    GateOverridden(Overruled) = "gate.overridden",
    CommitLinked(Linked) = "commit.linked",
    MergeOverridden(Overridden) = "merge.overridden",
    MergeRestored(Restored) = "merge.restored",
    MergeCycleBroken(BrokenCycle) = "merge.cycle_broken",
    MergeDropped(Dropped) = "merge.dropped",
    MergeCompleted(Empty) = "merge.completed",
}

impl Event {
    /// Whether its name is `wanted`, which may end in `*` for all that begin so.
    pub fn is_called(&self, wanted: &str) -> bool {
        match wanted.strip_suffix('*') {
            Some(beginning) => self.event.starts_with(beginning),
            None => self.event == wanted,
        }
    }

    /// Whether it tells again what other events have told already, as a merge of two histories does.
    pub fn is_retold(&self) -> bool {
        self.event == "issue.merged"
    }

    /// The typed content; `None` when the name is unknown to this version.
    pub fn body(&self) -> Result<Option<Body>, serde_json::Error> {
        Body::parse(&self.event, &self.data)
    }
}

impl Body {
    /// Whether it tells something and changes no state: what a merge had to decide.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Body::TrackerMerged(_)
                | Body::ClaimLost(_)
                | Body::MergeOverridden(_)
                | Body::MergeRestored(_)
                | Body::MergeCycleBroken(_)
                | Body::MergeDropped(_)
                | Body::MergeCompleted(_)
        )
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
