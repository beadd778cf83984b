//! Who acts in a linked worktree that was made for an issue.
//!
//! It is written down in the worktree's own folder in the repository, beside its HEAD: commands and hooks that run
//! there find it, and it goes when the worktree goes.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::store::{StoreError, StoreResult, derived};

use super::Session;

/// The file's name.
const FILE: &str = "jit-acting.json";

/// Whom a worktree was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// Who acts there.
    pub actor: Actor,
    /// The issue it was made for.
    pub issue: IssueId,
    /// The token of the claim.
    pub token: EventId,
    /// The coordinator that made the worktree, and takes it away.
    #[serde(default)]
    pub keeper: Option<Actor>,
}

impl Acting {
    /// What is written down for the worktree with this folder; `None` when nothing is, or nothing that can be read.
    pub fn read(git_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(git_dir.join(FILE)).ok()?).ok()
    }

    /// Writes it down.
    pub fn write(&self, git_dir: &Path) -> StoreResult<()> {
        let path = git_dir.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("names have only text keys");
        derived::write(&path, |out| writeln!(out, "{text}"))
            .map_err(StoreError::io(format!("writing {}", path.display())))
    }
}

impl Session {
    /// Whom the work tree was made for, by `jit worktree add` or a coordinator.
    pub fn acting_here(&self) -> Option<&Acting> {
        self.acting.get_or_init(|| Acting::read(&self.store.git_dir())).as_ref()
    }
}
