//! Commits of the code that belong to issues.

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Linked};
use crate::domain::id::IssueId;
use crate::domain::refusal::Decision;
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::standings;
use crate::domain::state::{Stage, State};

use super::state::complete_if_gates_passed;

/// A commit that belongs to issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The commit that it took the place of, in an amend or a rebase.
    pub replaces: Option<String>,
    /// The issues that its message names.
    pub issues: Vec<IssueId>,
}

/// Links commits to their issues. Quiet for what is linked, and for issues that are not here.
///
/// Nobody needs to hold the issue: a commit is a fact. An issue that waited for gates which its commit has passed
/// is done now. Gives the issues that exist.
pub fn link(draft: &mut Draft<'_>, links: &[Link]) -> Decision<Vec<IssueId>> {
    let mut linked = Vec::new();
    let strict = draft.state().settings()?.manual_stale_is_strict();
    for Link { commit, tree, replaces, issues } in links {
        for id in issues {
            let Some(issue) = draft.state().issue(*id)?.filter(|issue| issue.deleted.is_none()) else { continue };
            let replaces = replaces.clone().filter(|old| issue.commits.contains(old));
            if replaces.is_some() || !issue.commits.contains(commit) {
                draft.emit(*id, Body::CommitLinked(Linked { commit: commit.clone(), replaces }))?;
            }
            let asked = standings(draft.state(), &issue)?;
            let mut of_commit = asked.iter().filter(|standing| standing.stage() == Stage::Commit);
            if issue.state == State::Gated && of_commit.all(|standing| standing.holds_for(Some(tree), strict)) {
                complete_if_gates_passed(draft, &issue)?;
            }
            if !linked.contains(id) {
                linked.push(*id);
            }
        }
    }
    Ok(linked)
}
