//! An issue as it is stored: one JSON document.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gate::Check;
use super::id::{EventId, IssueId};
use super::name::{Actor, GateKey, Label, Title};
use super::state::{GateStatus, Priority, State};
use super::time::Timestamp;

/// Fields that this version does not know, kept as they were read.
pub type Extra = BTreeMap<String, Value>;

/// One issue. The order of the fields is the order in the stored document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// The id, also the name of the document.
    pub id: IssueId,
    /// One line that says what is to be done.
    pub title: Title,
    /// Free text; empty when there is none.
    pub description: String,
    /// The stored state.
    pub state: State,
    /// How urgent it is.
    pub priority: Priority,
    /// Labels, sorted.
    pub labels: BTreeSet<Label>,
    /// Who the issue is meant for, or who works on it.
    pub assignee: Option<Actor>,
    /// The live claim.
    pub claim: Option<Claim>,
    /// What is remembered of the newest claim, live or ended.
    #[serde(default)]
    pub last_claim: Option<LastClaim>,
    /// Tokens of claims before that one, the newest [`ENDED_CLAIMS`] of them.
    #[serde(default)]
    pub ended_claims: BTreeSet<EventId>,
    /// The nonces of earlier claims that were made on a remote, of [`ENDED_CLAIMS`] at most.
    #[serde(default)]
    pub ended_tickets: BTreeSet<String>,
    /// Issues this one waits for, sorted.
    pub dependencies: BTreeSet<IssueId>,
    /// The gates of the issue with what is known of each.
    pub gates: BTreeMap<GateKey, Verdict>,
    /// Free keys and values for tools.
    pub context: BTreeMap<String, String>,
    /// Comments, oldest first.
    pub comments: Vec<Comment>,
    /// Commits linked to the issue, sorted.
    pub commits: BTreeSet<String>,
    /// The question that waits for a person.
    #[serde(default)]
    pub question: Option<Question>,
    /// How often work on it failed since it was last put forward.
    #[serde(default)]
    pub failures: Option<Failures>,
    /// When it was created.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Actor,
    /// When it became done, while it is.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
    /// The state it had before it was archived, while it is.
    #[serde(default)]
    pub archived_from: Option<State>,
    /// Where and when its work landed, by `jit land`.
    #[serde(default)]
    pub landed: Option<Landed>,
    /// Set on a tombstone: the issue was deleted, its text stays for the record.
    #[serde(default)]
    pub deleted: Option<Deletion>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who holds an issue, since when and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The holder.
    pub by: Actor,
    /// The fencing number: grows by one with every new holder.
    pub generation: u64,
    /// When the claim was made.
    pub at: Timestamp,
    /// When the lease ends; `null` for a claim that lasts until it is released.
    pub expires_at: Option<Timestamp>,
    /// The length of the lease in milliseconds, which every event of the holder renews.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
    /// The claim's token: the id of the event that made it.
    pub token: EventId,
    /// The machine the claim was made on.
    pub host: Option<String>,
    /// The work tree the claim was made in.
    pub worktree: Option<String>,
    /// Who made the claim for the holder and watches over it: a coordinator. `null` for everybody else's claims.
    #[serde(default)]
    pub keeper: Option<Actor>,
    /// The claim on the remote that stands behind this one; `null` for a claim made here alone.
    #[serde(default)]
    pub remote: Option<Published>,
    /// The gates as they were when the claim was made, or when somebody else put them on: what the holder
    /// must pass.
    #[serde(default)]
    pub gates: BTreeMap<GateKey, Check>,
    /// What others changed since the holder's last event: field name to the value the holder knew.
    #[serde(default)]
    pub unseen: BTreeMap<String, Value>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The part of a claim that outlives it, so that a former holder can be told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LastClaim {
    /// Who held it.
    pub by: Actor,
    /// The fencing number of that claim.
    pub generation: u64,
    /// The token of that claim.
    pub token: EventId,
    /// The claim on the remote that stood behind it.
    #[serde(default)]
    pub remote: Option<Published>,
    /// The gates as the holder had to pass them.
    #[serde(default)]
    pub gates: BTreeMap<GateKey, Check>,
}

/// A claim as a remote keeps it, for all clones to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    /// Random text that no other claim has.
    pub nonce: String,
    /// The object on the remote; `null` where the remote keeps none, and the tracker itself decides.
    pub object: Option<String>,
}

/// Tries at an issue that came to nothing, one after the other: work that was given back as failed, and holders who fell
/// silent. Forgotten when the issue is finished, or put forward for work anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one ended.
    pub last: Timestamp,
}

/// Where and when the work on an issue became part of a branch that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Landed {
    /// The newest commit.
    pub commit: String,
    /// The branch.
    pub branch: String,
    /// When.
    pub at: Timestamp,
}

/// What is known about one gate of one issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Pending, passed or failed.
    pub status: GateStatus,
    /// Who judged.
    pub by: Option<Actor>,
    /// When.
    pub at: Option<Timestamp>,
    /// The git tree that was judged.
    pub tree: Option<String>,
    /// The git commit that was checked out.
    pub commit: Option<String>,
    /// The exit code of the check, when one was run.
    pub exit_code: Option<i32>,
    /// How long the check ran, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The end of what the check printed.
    pub output_tail: Option<String>,
    /// A remark of the judge.
    pub note: Option<String>,
    /// The command that judged; `null` for a verdict given by hand.
    #[serde(default)]
    pub command: Option<String>,
    /// The folder it ran in.
    #[serde(default)]
    pub workdir: Option<String>,
    /// What the gate's `env_key` printed.
    #[serde(default)]
    pub environment: Option<String>,
    /// The machine it ran on.
    #[serde(default)]
    pub host: Option<String>,
    /// The issue for which it was run, when this verdict repeats that one and nothing was run.
    #[serde(default)]
    pub reused_from: Option<IssueId>,
    /// Whether it was given by hand in place of the command that judges.
    #[serde(default)]
    pub overridden: bool,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Verdict {
    /// Whether the command of `check` gave it.
    pub fn is_of(&self, check: &Check) -> bool {
        check.is_run_by(self.command.as_deref(), self.workdir.as_deref())
    }

    /// A gate nobody has judged.
    pub fn pending() -> Self {
        Self {
            status: GateStatus::Pending,
            by: None,
            at: None,
            tree: None,
            commit: None,
            exit_code: None,
            duration_ms: None,
            output_tail: None,
            note: None,
            command: None,
            workdir: None,
            environment: None,
            host: None,
            reused_from: None,
            overridden: false,
            extra: Extra::new(),
        }
    }
}

/// A remark on an issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comment {
    /// The id of the event that added it.
    pub id: EventId,
    /// Who wrote it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// `comment`, `question` or `answer`.
    #[serde(default = "plain_comment")]
    pub kind: String,
    /// The text.
    pub text: String,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

fn plain_comment() -> String {
    "comment".to_owned()
}

/// A question that parks an issue until a person answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Who asks.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
    /// What is asked.
    pub text: String,
}

/// Who deleted an issue, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

impl Issue {
    /// Whom it is meant for, other than by the claim on it: that assignment ends with the claim.
    pub fn meant_for(&self) -> Option<&Actor> {
        self.assignee.as_ref().filter(|assignee| self.claim.as_ref().is_none_or(|claim| claim.by != **assignee))
    }

    /// Whether issues that depend on this one may start: it is done or rejected, also when it was
    /// archived or deleted after that. A tombstone holds nobody up.
    pub fn releases_dependents(&self) -> bool {
        let state = match self.state {
            State::Archived => self.archived_from.unwrap_or(State::Archived),
            state => state,
        };
        self.deleted.is_some() || matches!(state, State::Done | State::Rejected)
    }

    /// The gates that are not passed.
    pub fn outstanding_gates(&self) -> impl Iterator<Item = (&GateKey, &Verdict)> {
        self.gates.iter().filter(|(_, verdict)| verdict.status != GateStatus::Passed)
    }

    /// The value of one of the fields whose change a holder must have seen before finishing.
    pub fn watched(&self, field: WatchedField) -> Value {
        match field {
            WatchedField::Title => Value::from(self.title.as_str()),
            WatchedField::Description => Value::from(self.description.as_str()),
            WatchedField::Dependencies => self.dependencies.iter().map(IssueId::to_string).collect(),
            WatchedField::Gates => self.gates.keys().map(GateKey::as_str).collect(),
        }
    }
}

/// The fields that a holder must have seen in their present form before finishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchedField {
    /// The title.
    Title,
    /// The description.
    Description,
    /// The dependencies.
    Dependencies,
    /// Which gates there are.
    Gates,
}

impl WatchedField {
    /// All of them.
    pub const ALL: [WatchedField; 4] = [Self::Title, Self::Description, Self::Dependencies, Self::Gates];

    /// The field's name in the stored document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Dependencies => "dependencies",
            Self::Gates => "gates",
        }
    }
}

impl Claim {
    /// Whether the lease ran out before `clock`, with [`LEASE_ALLOWANCE_MS`] of grace.
    pub fn is_expired(&self, clock: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| Self::ends_before(end, clock))
    }

    /// Whether a lease that ends at `end` ran out before `clock`, with [`LEASE_ALLOWANCE_MS`] of grace.
    pub fn ends_before(end: Timestamp, clock: Timestamp) -> bool {
        clock.millis() > end.millis().saturating_add(LEASE_ALLOWANCE_MS)
    }
}

/// How many ended claims an issue remembers, to tell their holders that they are too late.
pub const ENDED_CLAIMS: usize = 50;

/// How long after its end a lease still counts, because clocks differ: one minute.
pub const LEASE_ALLOWANCE_MS: i64 = 60_000;
