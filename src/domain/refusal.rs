//! Why a command was not carried out: data only. `error::refusal` turns it into words and codes.

use super::id::{IdPrefix, IssueId};
use super::issue::Claim;
use super::name::{Actor, GateKey, OpId};
use super::plan::Misfit;
use super::snapshot::Unreadable;
use super::state::{GateStatus, State};
use super::time::Timestamp;
use serde_json::Value;

/// An issue named in a refusal, with what a reader needs to recognise it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: IssueId,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: State,
}

/// A gate named in a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGate {
    /// Its key.
    pub key: GateKey,
    /// What is known of it.
    pub status: GateStatus,
    /// Whether it was passed by another command than the one that is asked for now.
    pub outdated: bool,
    /// Whether a command judges it.
    pub runs: bool,
}

/// A field that somebody else changed under the holder.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// The field's name.
    pub field: String,
    /// What the holder knew.
    pub known: Value,
    /// What it is now.
    pub now: Value,
}

/// Every reason for which the rules turn a command down.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are documented; their fields say what they are")]
pub enum Refusal {
    /// No issue has this id or prefix.
    IssueNotFound(IdPrefix),
    /// The issue was deleted.
    IssueDeleted { id: IssueId, by: Actor, at: Timestamp },
    /// Several issues begin with this prefix.
    AmbiguousPrefix { prefix: IdPrefix, candidates: Vec<Named> },
    /// Gates that nobody defined, each with the nearest defined keys.
    GateNotFound { keys: Vec<(GateKey, Vec<GateKey>)> },
    /// A gate of this key is defined differently already.
    GateExists(GateKey),
    /// Issues that were to be taken in are here already, and different.
    IssuesExist { issues: Vec<Named> },
    /// Issues still carry the gate.
    GateInUse { key: GateKey, by: Vec<Named> },
    /// The state machine has no such transition.
    Transition { id: IssueId, from: State, to: State },
    /// The issue is in a state in which nobody can claim it.
    NotClaimable { id: IssueId, state: State },
    /// Dependencies are in the way.
    Blocked { id: IssueId, to: State, by: Vec<Named> },
    /// Gates that hold back what was asked are not passed.
    GatesPending { id: IssueId, gates: Vec<NamedGate>, to: State },
    /// A command judges the gate; its word is not given by hand.
    GateRuns { id: IssueId, key: GateKey },
    /// The holder of the issue may not weaken the gate.
    GateFrozen { id: IssueId, key: GateKey },
    /// What the gate asks is not what was run.
    GateChanged { id: IssueId, key: GateKey },
    /// The new dependency would close a circle; the path begins and ends with the same issue.
    Cycle { path: Vec<Named> },
    /// A finished issue keeps its `what` (dependencies, gates, verdicts) as they are.
    Finished { id: IssueId, state: State, what: &'static str },
    /// Others depend on the issue.
    HasDependents { id: IssueId, by: Vec<Named> },
    /// Somebody else holds the issue.
    ClaimedByOther { id: IssueId, claim: Box<Claim>, actor: Actor, to_claim: bool },
    /// The caller's own name holds the issue, but through another claim.
    AlreadyHeld { id: IssueId, claim: Box<Claim> },
    /// The issue is meant for somebody else.
    AssignedToOther { id: IssueId, assignee: Actor },
    /// The caller's claim has ended; `generation` is the newest one's.
    Superseded { id: IssueId, by: Actor, generation: u64 },
    /// Nobody holds the issue.
    NotClaimed(IssueId),
    /// The issue has no open question.
    NoQuestion(IssueId),
    /// Fields changed that the holder has not seen.
    UnseenChanges { id: IssueId, changes: Vec<Unseen> },
    /// There is nothing to take up.
    NothingReady,
    /// A limit on the size or number of things would be passed.
    TooLarge { what: String, limit: String },
    /// Parts of a plan do not fit the tracker, or one another.
    Plan(Vec<Misfit>),
    /// Rules are against changes of these issues of a plan, by their numbers in it.
    OfPlan(Vec<(usize, Refusal)>),
    /// What happened has no opposite.
    NotUndoable { event: String, issue: Option<IssueId>, why: String, instead: String },
    /// What is to be undone was changed again.
    ChangedSince { issue: Option<IssueId>, field: String, now: Value },
    /// A value is not valid.
    Invalid { what: String, why: String },
    /// The operation id belongs to another command.
    OpIdReused { op_id: OpId, command: String },
    /// A hand edit in the mirror cannot be joined with what came since.
    EditConflict { id: IssueId, field: String, edited: Value, now: Value },
    /// A hand edit in the mirror touches what cannot be edited.
    EditNotAllowed { file: String, field: String, instead: String },
    /// An object that is needed cannot be read.
    Unreadable(Unreadable),
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// What *decide* functions give: nothing but the events in the draft, or a refusal.
pub type Decision<T = ()> = Result<T, Refusal>;
