//! Worktrees of issues.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::name::Actor;
use crate::domain::state::State;
use crate::worktree::{Found, branch_of};

use super::Render;
use super::text::{Text, clean, table};

/// A worktree that was made or taken away.
#[derive(Serialize, JsonSchema)]
pub struct Worktree {
    /// The issue.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// Where it is, or was.
    pub path: String,
    /// Its branch.
    pub branch: String,
    /// Who acts in it.
    pub actor: Option<Actor>,
    /// The token of the claim it was made for; `null` when it was taken away.
    pub claim: Option<String>,
    /// Whether a claim was given back with it.
    pub released: bool,
    /// Whether the branch was taken away too.
    pub branch_deleted: bool,
    #[serde(skip)]
    made: bool,
}

impl Worktree {
    /// One that was made for the claim of `issue`.
    pub fn made(issue: &Issue, path: String, actor: Actor) -> Self {
        let claim = issue.claim.as_ref().map(|claim| claim.token.to_string());
        Self { claim, made: true, ..Self::gone(issue, path, Some(actor), false, false) }
    }

    /// One that was taken away.
    pub fn gone(issue: &Issue, path: String, actor: Option<Actor>, released: bool, branch_deleted: bool) -> Self {
        let (id, short_id, branch) = (issue.id, issue.id.short(), branch_of(issue.id));
        Self { id, short_id, path, branch, actor, claim: None, released, branch_deleted, made: false }
    }
}

impl Render for Worktree {
    fn human(&self, text: &mut Text) {
        if self.made {
            text.line(&self.path);
        }
    }

    fn confirmation(&self) -> Option<String> {
        let id = &self.short_id;
        Some(match (&self.actor, self.made) {
            (Some(actor), true) => format!("claimed {id} for {actor}, who acts there, on the branch {}", self.branch),
            _ => {
                let claim = if self.released { ", and gave its claim back" } else { "" };
                let branch = if self.branch_deleted { "" } else { "; its branch stays" };
                format!("took the worktree of {id} away{claim}{branch}")
            }
        })
    }
}

/// The worktrees of issues.
#[derive(Serialize, JsonSchema)]
pub struct Worktrees {
    /// The worktrees.
    pub worktrees: Vec<Row>,
    /// How many.
    pub count: usize,
}

/// One worktree.
#[derive(Serialize, JsonSchema)]
pub struct Row {
    /// The issue; `null` when the tracker has none of this name.
    pub id: Option<IssueId>,
    /// Its first eight characters.
    pub short_id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its state.
    pub state: Option<State>,
    /// Where it is.
    pub path: String,
    /// The branch that is checked out; `null` when HEAD is detached.
    pub branch: Option<String>,
    /// Who acts in it; `null` for one that was made by hand.
    pub actor: Option<Actor>,
    /// Whether the folder is gone.
    pub gone: bool,
}

impl Row {
    /// The row of a worktree.
    pub fn new(issue: Option<&Issue>, found: &Found) -> Self {
        Self {
            id: issue.map(|issue| issue.id),
            short_id: issue.map(|issue| issue.id.short()),
            title: issue.map(|issue| issue.title.to_string()),
            state: issue.map(|issue| issue.state),
            path: found.tree.path.display().to_string(),
            branch: found.tree.branch.clone(),
            actor: found.acting.as_ref().map(|acting| acting.actor.clone()),
            gone: found.tree.gone,
        }
    }
}

impl Render for Worktrees {
    fn human(&self, text: &mut Text) {
        let rows = self.worktrees.iter().map(|row| {
            let state = row.state.map_or_else(|| "unknown".to_owned(), |state| state.to_string());
            let state = if row.gone { format!("{state}, folder gone") } else { state };
            [
                row.short_id.clone().unwrap_or_else(|| "-".to_owned()),
                state,
                row.actor.as_ref().map_or_else(|| "-".to_owned(), |actor| clean(actor.as_str())),
                clean(&row.path),
                row.title.as_deref().map(clean).unwrap_or_default(),
            ]
        });
        let table = table(rows);
        text.put(&table);
    }
}
