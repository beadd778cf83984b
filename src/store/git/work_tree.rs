//! What the work tree holds: the evidence a verdict rests on.

use crate::store::StoreResult;

use super::GitStore;

/// What was at hand when a verdict was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// The tree of the work tree as it stands: the commit's when nothing differs.
    pub tree: Option<String>,
}

impl GitStore {
    /// The commit that is checked out and the tree of the work tree, changes and new files included.
    ///
    /// Runs git: two child processes when the work tree is clean, three otherwise.
    pub fn evidence(&self) -> StoreResult<Head> {
        let commit = self.repo().head_id().ok().map(|id| id.to_string());
        if self.work_tree().is_none() {
            return Ok(Head { commit, tree: None });
        }
        let git = self.git();
        let head_tree = self.repo().head_tree_id().ok().map(|id| id.to_string());
        let tree = match head_tree {
            Some(tree) if git.is_clean()? => Some(tree),
            _ => {
                let index = self.repo().index_path();
                Some(git.write_work_tree(&index, self.objects.folder(), &self.state_dir)?)
            }
        };
        Ok(Head { commit, tree })
    }
}
