//! What the work tree holds: the evidence a verdict rests on.

use crate::git_process::{Looked, StatusEntry};
use crate::store::{StoreError, StoreResult};

use super::GitStore;

/// What was at hand when a verdict was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// The tree of the work tree as it stands: the commit's when nothing differs. `None` where no tree can tell.
    pub tree: Option<String>,
    /// Why no tree can tell what the work tree holds.
    pub untold: Option<String>,
    /// What differs from the commit.
    pub changed: Vec<StatusEntry>,
}

impl GitStore {
    /// The commit that is checked out and the tree of the work tree, changes and new files included.
    ///
    /// Runs git: two child processes side by side when the work tree is clean, two more otherwise.
    pub fn evidence(&self) -> StoreResult<Head> {
        let commit = self.head_commit();
        if self.work_tree().is_none() {
            return Ok(Head { commit, ..Head::default() });
        }
        let git = self.git();
        let Looked { changed, hidden, absent } = git.status()?;
        let untold = changed.iter().find_map(|entry| entry.untold.clone()).or_else(|| {
            absent
                .then(|| "parts of the tree are not checked out (sparse checkout), so the rest was not seen".to_owned())
        });
        if untold.is_some() {
            return Ok(Head { commit, tree: None, untold, changed });
        }
        let head_tree = self.repo().head_tree_id().ok().map(|id| id.to_string());
        if let Some(tree) = head_tree.filter(|_| changed.is_empty() && hidden.is_empty()) {
            return Ok(Head { commit, tree: Some(tree), untold, changed });
        }
        let index = self.repo().index_path();
        let written = git.write_work_tree(&index, self.objects.folder(), &self.state_dir, &hidden);
        let (tree, untold) = match written {
            Ok(tree) => (Some(tree), None),
            // There is something that git cannot commit.
            Err(StoreError::Git { message, .. }) => (None, Some(message)),
            Err(why) => return Err(why),
        };
        Ok(Head { commit, tree, untold, changed })
    }

    /// The commit that is checked out.
    pub fn head_commit(&self) -> Option<String> {
        self.repo().head_id().ok().map(|id| id.to_string())
    }

    /// The message of the commit that is checked out.
    pub fn head_message(&self) -> Option<String> {
        Some(self.repo().head_commit().ok()?.message_raw().ok()?.to_string())
    }

    /// How many parents the commit that is checked out has.
    pub fn head_parents(&self) -> usize {
        self.repo().head_commit().map_or(0, |commit| commit.parent_ids().count())
    }

    /// The name of the branch that is checked out; `None` when HEAD is detached.
    pub fn branch(&self) -> Option<String> {
        let name = self.repo().head_name().ok()??;
        Some(name.shorten().to_string())
    }

    /// The folder of this work tree's own state: HEAD, the index, merges under way.
    pub fn git_dir(&self) -> std::path::PathBuf {
        super::locate::absolute(self.repo().git_dir())
    }
}
