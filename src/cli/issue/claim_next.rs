//! `jit issue claim-next`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use crate::cli::common::{Answer, FilterArg};
use crate::domain::filter::Filter;
use crate::domain::id::IssueId;
use crate::domain::name::{Actor, GateKey};
use crate::domain::ops::claim::{Terms, claim_next};
use crate::domain::query::{Sort, first, is_claimable, start_gates};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Priority;
use crate::domain::table::{Entry, Table};
use crate::domain::time::parse_duration;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::session::{Manners, Session, View};
use crate::store::transact::Change;
use crate::store::{CommitId, StoreError};
use crate::sync::Remote;
use crate::sync::claims::{self, Scope};
use crate::worktree;

use super::claim::{Place, lease};

/// Claim the most urgent ready issue and print its id
///
/// By priority, then age; what is blocked, held back by a gate or meant for somebody else is passed over. Exits 7
/// when there is nothing. Once the tracker is shared with a remote the claim is made there, for all clones. Reads the index and the definitions of gates, outside the writers' queue, then claims with point reads.
#[derive(Args, Debug)]
pub struct ClaimNext {
    /// Who claims it (default: the acting actor)
    actor: Option<Actor>,
    /// Claim it for somebody else
    #[arg(long, value_name = "ACTOR")]
    to: Option<Actor>,
    /// Give it up by itself after this long without an event of the holder
    #[arg(long, value_name = "SPAN", value_parser = lease)]
    ttl: Option<Duration>,
    /// Wait this long for work to come up
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    place: Place,
}

/// How often a claim is tried on a fresh list, and how long that is, before the list is made inside the
/// queue, where it is certain to be fresh. Nearly always one of the first few can be had.
const OPTIMISTIC: [Option<usize>; 3] = [Some(100), None, None];
/// Leases run out without a change of the tracker, so a waiting claim looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What comes up on a remote shows only when it is asked.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl ClaimNext {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let manners = Manners { actor: self.actor.clone(), ..Manners::default() };
        let (holder, _) = session.actor(manners.actor.as_ref())?;
        let terms = Terms::local(self.to.clone().unwrap_or(holder), self.ttl);
        let remote = match claims::scope(session, self.place.wish())? {
            Scope::Remote(remote) => Some(remote),
            Scope::Local => None,
        };
        let filter = self.filter.read(session)?;
        let started = std::time::Instant::now();
        let mut reopened: Option<Session> = None;
        loop {
            let session = reopened.as_ref().unwrap_or(session);
            let (tip, outcome) = match &remote {
                Some(remote) => attempt_remotely(session, remote, &manners, &terms, filter.as_ref())?,
                None => attempt(session, &manners, &terms, filter.as_ref())?,
            };
            let left = self.wait.unwrap_or_default().saturating_sub(started.elapsed());
            match outcome {
                Err(error) if error.class == Class::Nothing && !left.is_zero() => {
                    let pause = if remote.is_some() { ASK_AGAIN } else { LOOK_AGAIN };
                    session.await_change(&tip, left.min(pause))?;
                    // A handle that lives long loses sight of new packs.
                    reopened = Some(session.reopen()?);
                }
                outcome => {
                    let change = outcome?;
                    if let Some(issue) = change.issue() {
                        worktree::follow_claim(session, &issue);
                    }
                    let answer = Answer::product("claimed").rest(format!(" for {}", terms.holder));
                    return answer.report(session, &change);
                }
            }
        }
    }
}

/// Tries to claim; the commit is the one up to which it is certain that nothing can be had.
fn attempt(
    session: &Session,
    manners: &Manners,
    terms: &Terms,
    filter: Option<&Filter>,
) -> Result<(CommitId, Result<Change>)> {
    let claim = |candidates: &[IssueId]| {
        session.change("issue claim-next", manners, |draft| claim_next(draft, candidates, terms).map(|id| vec![id]))
    };
    for count in OPTIMISTIC {
        let view = session.view()?;
        let table = session.table(&view.state)?;
        let starts = start_gates(&view.state).map_err(StoreError::from)?;
        let mut candidates = candidates(session, &table, (&starts, filter), count);
        let is_cut = count == Some(candidates.len());
        let held = claims::held_here(session, &view.state)?;
        candidates.retain(|(id, _)| !held.contains(id));
        let ids: Vec<IssueId> = candidates.into_iter().map(|(id, _)| id).collect();
        let outcome = claim(&ids);
        let nothing = |error: &Error| error.class == Class::Nothing;
        let stale = || session.view().is_ok_and(|now| now.commit != view.commit);
        if !outcome.as_ref().is_err_and(nothing) || !(is_cut || stale()) {
            return Ok((view.commit, outcome));
        }
    }
    let tip = session.view()?.commit;
    let outcome = session.change("issue claim-next", manners, |draft| {
        let starts = start_gates(draft.state())?;
        let candidates = candidates(session, &*draft.state().table()?, (&starts, filter), None);
        let candidates: Vec<IssueId> = candidates.into_iter().map(|(id, _)| id).collect();
        claim_next(draft, &candidates, terms).map(|id| vec![id])
    });
    Ok((tip, outcome))
}

/// Tries to claim on the remote.
fn attempt_remotely(
    session: &Session,
    remote: &Remote,
    manners: &Manners,
    terms: &Terms,
    filter: Option<&Filter>,
) -> Result<(CommitId, Result<Change>)> {
    let candidates = |view: &View| {
        let table = session.table(&view.state)?;
        let starts = start_gates(&view.state).map_err(StoreError::from)?;
        Ok(candidates(session, &table, (&starts, filter), None))
    };
    let outcome = claims::claim_next(session, remote, manners, terms, &candidates, claims::PATIENCE);
    Ok((session.view()?.commit, outcome))
}

/// What can be claimed of what the filter accepts, in the order of work: the first `count`, or all.
fn candidates(
    session: &Session,
    table: &Table,
    (start_gates, filter): (&BTreeSet<GateKey>, Option<&Filter>),
    count: Option<usize>,
) -> Vec<(IssueId, Priority)> {
    let clock = session.now();
    let fits = |issue: &Entry<'_>| {
        is_claimable(*issue, clock, start_gates) && filter.is_none_or(|filter| filter.accepts(*issue))
    };
    let mut issues: Vec<Entry<'_>> = table.issues().filter(fits).collect();
    first(&mut issues, Sort::Priority, count);
    issues.into_iter().map(|issue| (issue.id(), issue.priority())).collect()
}
