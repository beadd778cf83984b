//! Linked worktrees for issues: one branch `jit/<short-id>` each, and somebody who acts there.
//!
//! INVARIANT: nothing that is not kept elsewhere is ever taken away with a worktree: no commits, and no files but
//! those that git ignores.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::error::{Class, Error, Result};
use crate::file_lock::{self, FileLock, LockError};
use crate::git_process::{Git, Worktree, git_dir_of};
use crate::session::{Acting, Session};
use crate::store::StoreError;
use crate::store::git::GitStore;

/// How branches begin that belong to an issue; its short id follows.
pub const BRANCH: &str = "jit/";

/// A worktree that belongs to an issue.
#[derive(Clone, Debug)]
pub struct Found {
    /// What git says of it.
    pub tree: Worktree,
    /// Whom it was made for; `None` for one that was made by hand on the branch of an issue.
    pub acting: Option<Acting>,
}

/// The branch on which an issue is worked on.
pub fn branch_of(id: IssueId) -> String {
    format!("{BRANCH}{}", id.short())
}

/// Where the worktree of an issue stands unless somebody chose a place: in a folder beside the main work tree.
pub fn usual_place(store: &GitStore, id: IssueId) -> Result<PathBuf> {
    Ok(usual_folder(store)?.join(id.short()))
}

/// The folder of worktrees, beside the main work tree: `project-worktrees` for `project`.
pub fn usual_folder(store: &GitStore) -> Result<PathBuf> {
    let main = main_checkout(store)?;
    let bare = main.file_name().is_some_and(|name| name == ".git" || name == ".bare");
    let main = if bare { main.parent().unwrap_or(&main).to_owned() } else { main };
    let mut name = OsString::from(main.file_stem().unwrap_or_default());
    if main.extension().is_some_and(|extension| extension != "git") {
        name = main.file_name().unwrap_or_default().to_owned();
    }
    name.push("-worktrees");
    Ok(main.parent().unwrap_or(&main).join(name))
}

/// The top of the main work tree; of a bare repository the folder itself.
fn main_checkout(store: &GitStore) -> Result<PathBuf> {
    if store.git_dir() == store.common_dir() {
        return Ok(store.work_tree().unwrap_or_else(|| store.common_dir().to_owned()));
    }
    // Of a submodule, and where the repository is kept apart, git names that in place of the work tree.
    let apart = store.config("core.worktree").map(|top| store.common_dir().join(top));
    let first = store.git().worktrees()?.into_iter().next().map(|tree| tree.path);
    let main = apart.or(first).unwrap_or_else(|| store.common_dir().to_owned());
    Ok(main.canonicalize().unwrap_or(main))
}

/// The worktrees that belong to issues, in git's order.
pub fn list(git: &Git) -> Result<Vec<Found>> {
    let own = git.common_dir()?.join("worktrees");
    let linked = git.worktrees()?.into_iter().skip(1);
    let found = linked.filter_map(|tree| {
        let dir = git_dir_of(&tree.path).ok();
        // Of a repository that was copied git still tells the worktrees of the original.
        let foreign = dir.as_ref().is_some_and(|dir| !dir.parent().is_some_and(|parent| same(parent, &own)));
        let acting = dir.and_then(|dir| Acting::read(&dir));
        (tree.gone || !foreign).then_some(Found { tree, acting })
    });
    let of_issue = |found: &Found| {
        found.acting.is_some() || found.tree.branch.as_ref().is_some_and(|branch| branch.starts_with(BRANCH))
    };
    Ok(found.filter(of_issue).collect())
}

/// The worktree of an issue: the one on its branch, else the one that was made for it.
pub fn find(git: &Git, id: IssueId) -> Result<Option<Found>> {
    let mut all = list(git)?;
    let branch = branch_of(id);
    let on_branch = all.iter().position(|found| found.tree.branch.as_ref() == Some(&branch));
    let made = || all.iter().position(|found| found.acting.as_ref().is_some_and(|acting| acting.issue == id));
    Ok(on_branch.or_else(made).map(|at| all.swap_remove(at)))
}

/// Refuses, before anything is changed, a worktree that could not be made. Gives the place.
pub fn plan(store: &GitStore, id: IssueId, chosen: Option<&Path>) -> Result<PathBuf> {
    if store.head_commit().is_none() {
        let message = "nothing is committed yet that a worktree could hold";
        return Err(Error::new(Class::Refused, "nothing_committed", message).hint("git commit"));
    }
    let there = find(&store.git(), id)?.filter(|found| !found.tree.gone);
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (there, chosen.map(absolute)) {
        (Some(found), chosen) if chosen.as_ref().is_some_and(|chosen| !same(chosen, &found.tree.path)) => {
            let message = format!("{} has a worktree already: {}", id.short(), found.tree.path.display());
            Err(Error::new(Class::Exists, "worktree_exists", message).hint("jit worktree list"))
        }
        (Some(found), _) => Ok(found.tree.path),
        (None, chosen) => {
            let path = chosen.map_or_else(|| usual_place(store, id), Ok)?;
            let taken = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file();
            if taken {
                let message = format!("{} exists already; name another place", path.display());
                return Err(Error::new(Class::Exists, "path_exists", message)
                    .hint("the same command with another path behind the id"));
            }
            Ok(path)
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// Makes the worktree of an issue at `path`, and writes down who acts in it. One that is there from before is used
/// again, wherever it is and whatever is checked out in it. Gives its path.
pub fn make(git: &Git, path: &Path, acting: &Acting) -> Result<PathBuf> {
    let path = match find(git, acting.issue)? {
        Some(found) if !found.tree.gone && !found.tree.half_made => found.tree.path,
        known => {
            if let Some(found) = known {
                // Nobody has worked in one that was never finished: whoever holds the claim makes it, and nobody else.
                git.remove_worktree(&found.tree.path)?;
            }
            git.add_branch_worktree(path, &branch_of(acting.issue))?;
            path.to_owned()
        }
    };
    acting.write(&git_dir_of(&path)?)?;
    Ok(path)
}

/// Why the worktree must stay, if so: it holds something that is nowhere else.
pub fn work_in(found: &Found) -> Result<Option<String>> {
    let tree = &found.tree;
    if tree.gone || tree.half_made {
        return Ok(None);
    }
    let git = Git::in_work_tree(&git_dir_of(&tree.path)?, Some(&tree.path));
    let looked = git.status()?;
    if let Some(hidden) = looked.hidden.first() {
        let hidden = Path::new(hidden).display();
        return Ok(Some(format!("holds files that git is told not to look at: {hidden}")));
    }
    if let Some(first) = looked.changed.first() {
        let more = looked.changed.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Ok(Some(format!("holds work that is not committed: {}{more}", first.path)));
    }
    let loose = tree.branch.is_none()
        && match &tree.head {
            Some(head) => !git.is_held_elsewhere(head, None)?,
            None => false,
        };
    Ok(loose.then(|| "holds commits that no branch has".to_owned()))
}

/// Takes a worktree away, and its branch where another one holds its commits. Whether the branch is gone too.
///
/// To be asked only when [`work_in`] finds nothing; git itself looks once more.
pub fn remove(store: &GitStore, found: &Found) -> Result<bool> {
    // Not in the work tree at hand: it may be the one that goes.
    let git = Git::in_repository(store.common_dir());
    match found.tree.half_made || found.tree.gone {
        true => git.remove_worktree(&found.tree.path)?,
        false => git.remove_clean_worktree(&found.tree.path)?,
    }
    // The folder of all worktrees goes with the last of them.
    if let Some(folder) =
        found.tree.path.parent().filter(|folder| usual_folder(store).is_ok_and(|usual| usual == *folder))
    {
        let _ = fs::remove_dir(folder);
    }
    let Some(branch) = found.tree.branch.as_ref().filter(|branch| branch.starts_with(BRANCH)) else { return Ok(false) };
    // Whoever committed meanwhile keeps the branch: it is no longer where it was.
    let Some(head) = &found.tree.head else { return Ok(false) };
    Ok(git.is_held_elsewhere(head, Some(branch))? && git.delete_branch(branch, head).is_ok())
}

/// The turn to make worktrees, or take them away, by hand: each sees what the other has done.
pub fn lock(store: &GitStore) -> Result<FileLock> {
    file_lock::lock(&store.local_state().join("worktrees.lock"), PATIENCE).map_err(|why| match why {
        LockError::Busy => {
            let message = "somebody else makes a worktree, or takes one away";
            Error::new(Class::Outside, "busy", message).hint("try again").retryable()
        }
        LockError::Io(why) => StoreError::io("waiting to make a worktree")(why).into(),
    })
}

/// How long one's turn is waited for: others may check out large trees.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has the work tree at hand speak for a claim that its agent made anew.
pub fn follow_claim(session: &Session, issue: &Issue) {
    let Some(acting) = session.acting_here().filter(|acting| acting.issue == issue.id) else { return };
    let Some(claim) = issue.claim.as_ref().filter(|claim| claim.by == acting.actor && claim.token != acting.token)
    else {
        return;
    };
    let renewed = Acting { token: claim.token, ..acting.clone() };
    if let Err(error) = renewed.write(&session.store.git_dir()) {
        session.notice(format!("this worktree still speaks for the earlier claim: {}", Error::from(error).message));
    }
}
