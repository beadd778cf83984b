//! `jit issue claim-next`.

use std::time::Duration;

use clap::Args;

use crate::cli::common::{Answer, FilterArg};
use crate::domain::filter::Filter;
use crate::domain::name::Actor;
use crate::domain::ops::claim::Terms;
use crate::domain::time::parse_duration;
use crate::error::{Class, Result};
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
/// when there is nothing. Once the tracker is shared with a remote the claim is made there, for all clones. Reads the
/// index and the definitions of gates, outside the writers' queue, then claims with point reads.
#[derive(Args, Debug)]
pub struct ClaimNext {
    /// Who claims it (default: the acting actor)
    actor: Option<Actor>,
    /// Claim it for somebody else
    #[arg(long, value_name = "ACTOR")]
    to: Option<Actor>,
    /// A lease: after this long without an event of the holder, others can claim it
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
                None => claims::claim_next_here(session, &manners, &terms, filter.as_ref())?,
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

/// Tries to claim on the remote.
fn attempt_remotely(
    session: &Session,
    remote: &Remote,
    manners: &Manners,
    terms: &Terms,
    filter: Option<&Filter>,
) -> Result<(CommitId, Result<Change>)> {
    let candidates = |view: &View| {
        session.table(&view.state)?;
        let found = claims::candidates(&view.state, session.now(), filter, None);
        Ok(found.map_err(StoreError::from)?)
    };
    let outcome = claims::claim_next(session, remote, manners, terms, &candidates, claims::PATIENCE);
    Ok((session.view()?.commit, outcome))
}
