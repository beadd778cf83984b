//! `jit issue claim`, `heartbeat` and `release`.

use std::time::Duration;

use clap::Args;

use crate::cli::common::{Answer, Force};
use crate::domain::id::IdPrefix;
use crate::domain::name::Actor;
use crate::domain::ops::claim::{self, Terms};
use crate::domain::state::Outcome;
use crate::domain::time::parse_duration;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::session::{Manners, Session};
use crate::sync::claims::{self, Wish};
use crate::worktree;

/// Reads the length of a lease: more than nothing.
pub fn lease(text: &str) -> std::result::Result<Duration, String> {
    match parse_duration(text)? {
        span if span.is_zero() => Err("a lease must be longer than zero".to_owned()),
        span => Ok(span),
    }
}

/// Claim an issue and print its id: of any number of agents exactly one wins
///
/// Takes an open or ready issue that no dependency blocks. Once the tracker is shared with a remote the claim is made
/// there, for all clones. Claiming an issue that your own name already holds succeeds only with that claim's token in
/// JIT_CLAIM. Reads the issue and its dependencies; on a remote also what is new there.
#[derive(Args, Debug)]
pub struct Claim {
    /// The issue
    id: IdPrefix,
    /// Who claims it (default: the acting actor)
    actor: Option<Actor>,
    /// A lease: after this long without an event of the holder, others can claim it
    #[arg(long, value_name = "SPAN", value_parser = lease)]
    ttl: Option<Duration>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    force: Force,
}

/// Where a claim is made.
#[derive(Args, Debug, Clone, Copy)]
pub struct Place {
    /// Claim on the remote, for all clones (default once the tracker is shared; see the setting claim.scope)
    #[arg(long)]
    sync: bool,
    /// Claim here only: another clone may claim the same issue, and one of the two loses
    #[arg(long, conflicts_with = "sync")]
    local: bool,
}

impl Place {
    /// What the caller wants.
    pub fn wish(self) -> Wish {
        match (self.sync, self.local) {
            (true, _) => Wish::Remote,
            (_, true) => Wish::Local,
            _ => Wish::Usual,
        }
    }
}

impl Claim {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let manners = Manners { actor: self.actor, ..self.force.manners() };
        let (holder, _) = session.actor(manners.actor.as_ref())?;
        let terms = Terms::local(holder.clone(), self.ttl);
        let change = claims::claim(session, self.place.wish(), &manners, &self.id, &terms)?;
        if let Some(issue) = change.issue() {
            worktree::follow_claim(session, &issue);
        }
        Answer::product("claimed").rest(format!(" for {holder}")).report(session, &change)
    }
}

/// Renew the lease of a claim
///
/// Every other event of the holder on the issue renews it too, for the other clones with the next sync. Reads the
/// issue; a claim that was made on a remote is renewed there first.
#[derive(Args, Debug)]
pub struct Heartbeat {
    /// The issue
    id: IdPrefix,
    #[command(flatten)]
    force: Force,
}

impl Heartbeat {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let change = claims::heartbeat(session, &self.force.manners(), &self.id)?;
        Answer::quiet("renewed the lease of").report(session, &change)
    }
}

/// Release a claim: the issue is ready again
///
/// If the claim was made on a remote, the remote is told too. Reads the issue.
#[derive(Args, Debug)]
pub struct Release {
    /// The issue
    id: IdPrefix,
    /// Why
    reason: Option<String>,
    #[arg(long = "reason", hide = true, conflicts_with = "reason")]
    reason_flag: Option<String>,
    /// handoff, abandoned or failed
    #[arg(long, default_value_t = Outcome::Handoff)]
    outcome: Outcome,
    #[command(flatten)]
    force: Force,
}

impl Release {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let reason = self.reason.or(self.reason_flag);
        if reason.as_ref().is_some_and(|reason| reason.len() > 10_000) {
            return Err(Error::usage("a reason has at most 10000 bytes"));
        }
        let change = session.change("issue release", &self.force.manners(), |draft| {
            claim::release(draft, &self.id, self.outcome, reason.as_deref()).map(|id| vec![id])
        })?;
        Answer::quiet("released").report(session, &change)
    }
}
