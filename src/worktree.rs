//! Linked worktrees for issues: one branch `jit/<short-id>` each, and somebody who acts there.
//!
//! INVARIANT: nothing that is not kept elsewhere is ever taken away with a worktree: not files, not commits.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::error::{Class, Error, Result};
use crate::git_process::{Git, Worktree, git_dir_of};
use crate::session::{Acting, Session};
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
    let main = store.git().worktrees()?.into_iter().next().map(|tree| tree.path);
    let main = main.unwrap_or_else(|| store.common_dir().to_owned());
    let bare = main.file_name().is_some_and(|name| name == ".git" || name == ".bare");
    let main = if bare { main.parent().unwrap_or(&main).to_owned() } else { main };
    let mut name = OsString::from(main.file_stem().unwrap_or_default());
    if main.extension().is_some_and(|extension| extension != "git") {
        name = main.file_name().unwrap_or_default().to_owned();
    }
    name.push("-worktrees");
    Ok(main.parent().unwrap_or(&main).join(name))
}

/// The worktrees that belong to issues, in git's order.
pub fn list(store: &GitStore) -> Result<Vec<Found>> {
    let linked = store.git().worktrees()?.into_iter().skip(1);
    let found = linked.map(|tree| {
        let acting = git_dir_of(&tree.path).ok().and_then(|dir| Acting::read(&dir));
        Found { tree, acting }
    });
    let of_issue = |found: &Found| {
        found.acting.is_some() || found.tree.branch.as_ref().is_some_and(|branch| branch.starts_with(BRANCH))
    };
    Ok(found.filter(of_issue).collect())
}

/// The worktree of an issue: the one on its branch, else the one that was made for it.
pub fn find(store: &GitStore, id: IssueId) -> Result<Option<Found>> {
    let mut all = list(store)?;
    let branch = branch_of(id);
    let on_branch = all.iter().position(|found| found.tree.branch.as_ref() == Some(&branch));
    let made = || all.iter().position(|found| found.acting.as_ref().is_some_and(|acting| acting.issue == id));
    Ok(on_branch.or_else(made).map(|at| all.swap_remove(at)))
}

/// Refuses, before anything is changed, a worktree that could not be made. Gives the place.
pub fn plan(store: &GitStore, id: IssueId, chosen: Option<&Path>) -> Result<PathBuf> {
    if store.head_commit().is_none() {
        let message = "nothing is committed yet that a worktree could hold";
        return Err(Error::new(Class::Refused, "nothing_committed", message).hint("git commit, then try again"));
    }
    let there = find(store, id)?.filter(|found| !found.tree.gone);
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (there, chosen.map(absolute)) {
        (Some(found), chosen) if chosen.as_ref().is_some_and(|chosen| !same(chosen, &found.tree.path)) => {
            let message = format!("{} has a worktree already: {}", id.short(), found.tree.path.display());
            Err(Error::new(Class::Exists, "worktree_exists", message)
                .hint(format!("use that one, or jit worktree rm {}", id.short())))
        }
        (Some(found), _) => Ok(found.tree.path),
        (None, chosen) => {
            let path = chosen.map_or_else(|| usual_place(store, id), Ok)?;
            let taken = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file();
            if taken {
                let message = format!("{} exists already", path.display());
                return Err(Error::new(Class::Exists, "path_exists", message)
                    .hint(format!("jit worktree add {} PATH, with another place", id.short())));
            }
            Ok(path)
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// Makes the worktree of an issue at `path`, where it is not there from before, and writes down who acts in it.
pub fn make(git: &Git, path: &Path, acting: &Acting) -> Result<()> {
    let branch = branch_of(acting.issue);
    let known = git.worktrees()?.into_iter().find(|tree| tree.branch.as_ref() == Some(&branch));
    match known {
        Some(tree) if !tree.gone && same(&tree.path, path) => {}
        known => {
            if let Some(tree) = known.filter(|tree| tree.gone) {
                git.remove_clean_worktree(&tree.path)?;
            }
            git.add_branch_worktree(path, &branch)?;
        }
    }
    acting.write(&git_dir_of(path)?)?;
    Ok(())
}

/// Why the worktree must stay, if so: it holds something that is nowhere else.
pub fn work_in(found: &Found) -> Result<Option<String>> {
    let tree = &found.tree;
    if tree.gone {
        return Ok(None);
    }
    let git = Git::in_work_tree(&git_dir_of(&tree.path)?, Some(&tree.path));
    let looked = git.status()?;
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
    let git = store.git();
    git.remove_clean_worktree(&found.tree.path)?;
    // The folder of all worktrees goes with the last of them.
    if let Some(folder) =
        found.tree.path.parent().filter(|folder| usual_folder(store).is_ok_and(|usual| usual == *folder))
    {
        let _ = fs::remove_dir(folder);
    }
    let Some(branch) = found.tree.branch.as_ref().filter(|branch| branch.starts_with(BRANCH)) else { return Ok(false) };
    let held = match &found.tree.head {
        Some(head) => git.is_held_elsewhere(head, Some(branch))?,
        None => false,
    };
    if held {
        git.delete_branch(branch)?;
    }
    Ok(held)
}

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
