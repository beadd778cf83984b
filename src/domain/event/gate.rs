//! The data of events about gates.

use serde::{Deserialize, Serialize};

use crate::domain::gate::Check;
use crate::domain::id::IssueId;
use crate::domain::name::GateKey;

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
