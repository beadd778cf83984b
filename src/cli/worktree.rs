//! `jit worktree`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::coordinator::home::Home;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::ops::claim::{self, Elsewhere, Terms};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Outcome;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::worktree::{Row, Worktree as Made, Worktrees};
use crate::session::{Acting, Manners, Session, View};
use crate::store::StoreError;
use crate::sync::claims::{self, publish_end};
use crate::worktree::{self, Found};

use super::issue::claim::{Place, lease};

/// Linked worktrees for issues, each on a branch of its own
#[derive(Subcommand, Debug)]
pub enum Worktree {
    Add(Add),
    List(List),
    #[command(visible_alias = "remove")]
    Rm(Rm),
}

/// Claim an issue, make a worktree for it, and print the worktree's path
///
/// The worktree is on the branch jit/<short-id>; an existing branch is used again. Commands and hooks that run in it
/// act as the actor who made it, under this claim. If the worktree cannot be made, the claim is released.
/// Reads the issue and its dependencies, and asks git for its worktrees.
#[derive(Args, Debug)]
pub struct Add {
    /// The issue
    id: IdPrefix,
    /// Where to put it (default: in a folder beside the repository, named after it with `-worktrees`)
    path: Option<PathBuf>,
    /// A lease: after this long without an event of the holder, others can claim the issue
    #[arg(long, value_name = "SPAN", value_parser = lease)]
    ttl: Option<Duration>,
    #[command(flatten)]
    place: Place,
}

/// List the worktrees of issues
///
/// Reads their issues, and asks git for its worktrees.
#[derive(Args, Debug)]
pub struct List {}

/// Release the claim and remove the worktree of an issue
///
/// Refused while it holds work that is not committed, or commits that no branch has. The branch goes too when another
/// one holds its commits. Reads the issue, and asks git for the state of the worktree.
#[derive(Args, Debug)]
pub struct Rm {
    /// The issue
    id: IdPrefix,
}

impl Worktree {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Worktree::Add(command) => command.run(session),
            Worktree::List(List {}) => list(session),
            Worktree::Rm(command) => command.run(session),
        }
    }
}

impl Add {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let issue = session.resolve(&view.state, &self.id)?;
        let start = self.path.map(|path| session.start().join(path));
        let path = worktree::plan(&session.store, issue.id, start.as_deref())?;
        let (holder, _) = session.actor(None)?;
        let manners = Manners { actor: Some(holder.clone()), ..Manners::default() };
        let elsewhere = Elsewhere { keeper: None, worktree: Some(path.to_string_lossy().into_owned()) };
        let terms = Terms { elsewhere: Some(elsewhere), ..Terms::local(holder.clone(), self.ttl) };
        let id = IdPrefix::from(issue.id);
        let change = claims::claim(session, self.place.wish(), &manners, &id, &terms)?;
        let claimed = change.issue().unwrap_or(issue);
        let Some(token) = claimed.claim.as_ref().map(|claim| claim.token) else {
            return Err(StoreError::Internal(anyhow::anyhow!("a claim that was made is not there")).into());
        };
        let acting = Acting { actor: holder, issue: claimed.id, token, keeper: None };
        let made =
            worktree::lock(&session.store).and_then(|_turn| worktree::make(&session.store.git(), &path, &acting));
        if let Err(error) = made {
            // Who names the operation repeats it, and finds its claim.
            if !session.names_operation() {
                give_back(session, &acting, "the worktree could not be made");
            }
            return Err(error);
        }
        Ok(Report::Worktree(Made::made(&claimed, path.display().to_string(), acting.actor)))
    }
}

/// Ends the claim of a worktree that is not there. That it could not be ended is a notice: there is a worse error.
fn give_back(session: &Session, acting: &Acting, reason: &str) {
    if let Err(error) = release(session, acting, reason) {
        session.notice(format!("{} is still claimed: {}", acting.issue.short(), error.message));
    }
}

/// Ends the claim that a worktree was made for, where it still stands.
fn release(session: &Session, acting: &Acting, reason: &str) -> Result<bool> {
    let state = session.view()?.state;
    let issue = state.issue(acting.issue).map_err(StoreError::from)?;
    let stands = issue.and_then(|issue| issue.claim).is_some_and(|claim| claim.token == acting.token);
    if stands {
        let id = IdPrefix::from(acting.issue);
        let change = session.change("worktree rm", &Manners::default(), |draft| {
            claim::release(draft, &id, Outcome::Handoff, Some(reason)).map(|id| vec![id])
        })?;
        publish_end(session, &change);
    }
    Ok(stands)
}

fn issue_of(view: &View, found: &Found) -> Result<Option<Issue>> {
    if let Some(acting) = &found.acting {
        return Ok(view.state.issue(acting.issue).map_err(StoreError::from)?);
    }
    let prefix = found.tree.branch.as_ref().and_then(|branch| branch.strip_prefix(worktree::BRANCH));
    let prefix = prefix.and_then(|prefix| prefix.parse::<IdPrefix>().ok());
    Ok(prefix.and_then(|prefix| crate::domain::draft::resolve(&view.state, &prefix).ok()))
}

fn list(session: &Session) -> Result<Report> {
    let view = session.view()?;
    let mut worktrees = Vec::new();
    for found in worktree::list(&session.store.git())? {
        let issue = issue_of(&view, &found)?;
        worktrees.push(Row::new(issue.as_ref(), &found));
    }
    Ok(Report::Worktrees(Worktrees { count: worktrees.len(), worktrees }))
}

impl Rm {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let issue = session.resolve(&view.state, &self.id)?;
        let _turn = worktree::lock(&session.store)?;
        let found = worktree::find(&session.store.git(), issue.id)?.ok_or_else(|| no_worktree(issue.id))?;
        let path = found.tree.path.display().to_string();
        if let Some(why) = worktree::work_in(&found)? {
            return Err(Error::new(Class::Refused, "worktree_in_use", format!("{path} {why}")).hint(format!(
                "commit it there on {}, then jit worktree rm {}",
                worktree::branch_of(issue.id),
                issue.id.short()
            )));
        }
        self.refuse_under_agent(session, &issue, &found)?;
        let released = match &found.acting {
            Some(acting) => release(session, acting, "its worktree was taken away")?,
            None => false,
        };
        let stands_in_it = session.store.work_tree().is_some_and(|top| top == found.tree.path);
        let branch_deleted = worktree::remove(&session.store, &found)?;
        if stands_in_it {
            session.notice("the folder you stand in is gone");
        }
        let actor = found.acting.map(|acting| acting.actor);
        Ok(Report::Worktree(Made::gone(&issue, path, actor, released, branch_deleted)))
    }
}

impl Rm {
    /// Refuses to take the ground from under an agent that a coordinator looks after.
    fn refuse_under_agent(&self, session: &Session, issue: &Issue, found: &Found) -> Result<()> {
        let home = Home::of(session);
        let lives = home.running().iter().any(|known| known.issue == issue.id);
        let token = found.acting.as_ref().map(|acting| acting.token);
        let kept = issue.claim.as_ref().filter(|claim| Some(claim.token) == token && claim.keeper.is_some());
        if !lives && kept.is_none_or(|claim| claim.is_expired(session.now())) {
            return Ok(());
        }
        let message = format!("an agent is at work in {}", found.tree.path.display());
        Err(Error::new(Class::Refused, "worktree_in_use", message).hint("jit coordinator agents"))
    }
}

fn no_worktree(id: IssueId) -> Error {
    Error::new(Class::NotFound, "no_worktree", format!("{} has no worktree", id.short())).hint("jit worktree list")
}
