//! How far a sink has come.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;
use crate::error::{Class, Error, Result};
use crate::store::{CommitId, CommitInfo, StoreError, derived};

/// What has been delivered to a sink: the history of some commits, and the first events of one more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Everything in the history of these commits is dealt with. Several while histories that were joined are told one
    /// after the other.
    pub ends: Vec<String>,
    /// Commits of which some events are dealt with, and how many: one as a rule, more when another history was joined
    /// before one of them.
    #[serde(default)]
    pub within: BTreeMap<String, usize>,
    /// How many events were delivered.
    #[serde(default)]
    pub delivered: u64,
    /// How often the next event was tried in vain.
    #[serde(default)]
    pub failures: u32,
    /// What went wrong the last time.
    #[serde(default)]
    pub error: Option<String>,
    /// When it is tried again.
    #[serde(default)]
    pub retry_at: Option<Timestamp>,
}

impl Position {
    /// After everything in the history of a commit.
    pub fn at(commit: &CommitId) -> Self {
        Self { ends: vec![commit.0.clone()], ..Self::default() }
    }

    /// Reads a position. One that cannot be read is told: to begin anew somewhere is not for this program to decide.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(StoreError::io(format!("reading {}", path.display())))?;
        serde_json::from_slice(&bytes).map_err(|why| {
            let message = format!("the position of a sink, {}, cannot be read: {why}", path.display());
            Error::new(Class::Unexpected, "position_unreadable", message)
                .hint("add the sink again, with --replace and --since-cursor COMMIT: it begins where you say")
        })
    }

    /// Writes it down, in one step.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self).expect("a position has only text keys");
        let failed = StoreError::io(format!("writing {}", path.display()));
        Ok(derived::write(path, |out| writeln!(out, "{text}")).map_err(failed)?)
    }

    /// The commits whose history is dealt with.
    pub fn commits(&self) -> Vec<CommitId> {
        self.ends.iter().cloned().map(CommitId).collect()
    }

    /// How many of the first events of a commit are dealt with.
    pub fn done_in(&self, commit: &CommitId) -> usize {
        self.within.get(&commit.0).copied().unwrap_or(0)
    }

    /// Nothing is wrong any more.
    pub fn clear_failure(&mut self) {
        (self.failures, self.error, self.retry_at) = (0, None, None);
    }

    /// An event of a commit is dealt with.
    pub fn pass_event(&mut self, commit: &CommitId, count: usize) {
        self.within.insert(commit.0.clone(), count);
        self.clear_failure();
    }

    /// A whole commit is dealt with, and its parents were before.
    pub fn pass_commit(&mut self, info: &CommitInfo) {
        self.ends.retain(|end| !info.parents.iter().any(|parent| parent.0 == *end));
        self.ends.push(info.id.0.clone());
        self.within.remove(&info.id.0);
    }
}
