//! The history of the tracker.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::time::Timestamp;
use crate::store::CommitInfo;
use crate::store::message::Trailers;

use super::Render;
use super::text::{Text, clean};

/// Commits of the tracker, newest first.
#[derive(Serialize, JsonSchema)]
pub struct Log {
    /// The commits.
    pub commits: Vec<Logged>,
    /// How many.
    pub count: usize,
    /// Whether older ones were left out.
    pub truncated: bool,
}

/// A commit of the tracker.
#[derive(Serialize, JsonSchema)]
pub struct Logged {
    /// The commit's id.
    pub commit: String,
    /// The time of its events.
    pub time: Timestamp,
    /// Who acted.
    pub actor: Option<String>,
    /// The command that made it.
    pub command: Option<String>,
    /// The first line of its message.
    pub subject: String,
    /// The caller's key for the operation.
    pub op_id: Option<String>,
    /// The commits it builds on; more than one for a merge.
    pub parents: Vec<String>,
}

impl Logged {
    /// A commit by what it says.
    pub fn new(info: CommitInfo, trailers: Trailers) -> Self {
        Self {
            commit: info.id.0,
            time: info.time,
            actor: trailers.actor,
            command: trailers.command,
            subject: info.message.lines().next().unwrap_or_default().to_owned(),
            op_id: trailers.op_id,
            parents: info.parents.into_iter().map(|parent| parent.0).collect(),
        }
    }
}

impl Render for Log {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        for logged in &self.commits {
            let commit = text.id(logged.commit.get(..10).unwrap_or(&logged.commit));
            text.line(&format!("{commit}  {}  {}", logged.time, clean(&logged.subject)));
        }
    }

    fn confirmation(&self) -> Option<String> {
        self.truncated.then(|| format!("the newest {} shown; -n 0 shows all", self.count))
    }
}
