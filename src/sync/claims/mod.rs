//! Claims for all clones: one small ref an issue on the remote, made only where there is none. git's server decides,
//! so that of any number of clones exactly one wins.
//!
//! INVARIANT: a ticket goes away only once the tracker that says that its claim is over is on the remote. So nobody
//! can claim anew under a fencing number that was given out.

mod here;
mod next;
mod settle;
mod state_ref;
mod ticket;

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::draft::{Draft, Ids};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::{Issue, Published};
use crate::domain::name::Actor;
use crate::domain::ops::claim::{self, Terms};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::environment::RandomIds;
use crate::error::{Class, Error, Result};
use crate::git_process::{Push, Update};
use crate::session::{Manners, Session};
use crate::store::transact::Change;
use crate::store::{Backend, StoreError};

use super::remote::{Listing, Remote};
use super::tries::Tries;
use super::{Deadline, Record, round, shared_with};

pub use here::{candidates, claim_next_here};
pub use next::claim_next;
pub use settle::{heartbeat, publish_end, settle};
pub use ticket::{CLAIMS, RULE, Ticket, claim_ref};

use ticket::Intent;

/// How long one question may take.
const BRIEFLY: Duration = Duration::from_secs(10);

/// How long one claim may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where a claim is made.
pub enum Scope {
    /// In this repository alone.
    Local,
    /// On a remote, for all its clones.
    Remote(Remote),
}

/// What the caller wants of the scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// As the settings say.
    #[default]
    Usual,
    /// `--sync`.
    Remote,
    /// `--local`.
    Local,
}

/// Where claims are made: as the caller wishes, as the setting `claim.scope` says, else on the remote once the tracker
/// is shared. An operation that was carried out before has its result here.
pub fn scope(session: &Session, wish: Wish) -> Result<Scope> {
    if is_repeated(session)? {
        return Ok(Scope::Local);
    }
    let remotely = match wish {
        Wish::Local => return Ok(Scope::Local),
        Wish::Remote => true,
        Wish::Usual => {
            let settings = session.view()?.state.settings().map_err(StoreError::from)?;
            settings.claims_remotely().unwrap_or_else(|| shared_with(session))
        }
    };
    if !remotely {
        return Ok(Scope::Local);
    }
    Remote::meant(session, None).map(Scope::Remote).map_err(or_locally)
}

/// Whether the operation of the caller's key was carried out already: then its result is given again.
fn is_repeated(session: &Session) -> Result<bool> {
    if !session.names_operation() {
        return Ok(false);
    }
    let tip = session.store.tip()?.ok_or_else(|| session.absence())?;
    Ok(session.done_before(&tip)?.is_some())
}

/// Adds that a claim can be made here alone.
fn or_locally(error: Error) -> Error {
    match error.class {
        Class::Outside => {
            error.hint("the same command with --local, for a claim here alone that others may not see").retryable()
        }
        _ => error,
    }
}

/// The issues that clones hold which push to this very repository.
pub fn held_here(session: &Session, state: &dyn Snapshot) -> Result<BTreeSet<IssueId>> {
    let mut held = BTreeSet::new();
    for (id, object) in session.store.refs_below(CLAIMS)? {
        let Ok(bytes) = session.store.read_blob(&object.0) else { continue };
        let Ok(ticket) = Ticket::parse(&format!("{CLAIMS}{id}"), &bytes) else { continue };
        let issue = state.issue(ticket.issue).map_err(StoreError::from)?;
        if ticket.holds(issue.as_ref(), session.now()) {
            held.insert(ticket.issue);
        }
    }
    Ok(held)
}

/// Refuses an issue that a clone holds which pushes to this very repository.
fn refuse_held_here(session: &Session, id: &IdPrefix, holder: &Actor) -> Result<()> {
    let state = session.view()?.state;
    let issue = session.resolve(&state, id)?;
    let Some(object) = session.store.other_ref(&claim_ref(issue.id))? else { return Ok(()) };
    let ticket = Ticket::parse(&claim_ref(issue.id), &session.store.read_blob(&object.0)?)?;
    let own = issue.claim.as_ref().is_some_and(|claim| claim.by == *holder);
    if own || !ticket.holds(Some(&issue), session.now()) {
        return Ok(());
    }
    let claim = Box::new(ticket.as_claim());
    Err(Refusal::ClaimedByOther { id: issue.id, claim, actor: holder.clone(), to_claim: true }.into())
}

/// Whether the remote says that the holder of an issue, whose claim was made there, still holds it.
pub fn is_held_on(session: &Session, remote: &Remote, issue: &Issue) -> Result<bool> {
    let deadline = Deadline::after(BRIEFLY);
    let refs = remote.list(&[&claim_ref(issue.id)], deadline.ask())?.others;
    let tickets = ticket::read(session, remote, &refs, deadline)?;
    // One that cannot be read is somebody's.
    let unread = tickets.is_empty() && !refs.is_empty();
    Ok(unread || tickets.iter().any(|ticket| ticket.holds(Some(issue), session.now())))
}

/// Claims an issue where the caller wishes it.
pub fn claim(session: &Session, wish: Wish, manners: &Manners, id: &IdPrefix, terms: &Terms) -> Result<Change> {
    match scope(session, wish)? {
        Scope::Remote(remote) => claim_on(session, &remote, manners, id, terms),
        Scope::Local => {
            if !manners.force && !is_repeated(session)? {
                refuse_held_here(session, id, &terms.holder)?;
            }
            session.change("issue claim", manners, |draft| claim::claim(draft, id, terms).map(|id| vec![id]))
        }
    }
}

/// Claims an issue for all clones of the remote.
fn claim_on(session: &Session, remote: &Remote, manners: &Manners, id: &IdPrefix, terms: &Terms) -> Result<Change> {
    let deadline = Deadline::after(PATIENCE);
    let decide = |draft: &mut Draft<'_>, terms: &Terms| claim::claim(draft, id, terms);
    let mut tries = Tries::default();
    loop {
        let listing = look(session, remote, deadline).map_err(or_locally)?;
        tries.saw(&listing);
        if session.done_before(&session.view()?.commit)?.is_some() {
            return session.change("issue claim", manners, |draft| decide(draft, terms).map(|id| vec![id]));
        }
        let mut found = None;
        session.rehearse("issue claim", manners, |draft| {
            found = Some(decide(draft, terms)?);
            Ok(())
        })?;
        let Some(id) = found else { continue };
        if is_renewal(session, id, terms)? {
            // The claim is made already.
            return session.change("issue claim", manners, |draft| decide(draft, terms).map(|id| vec![id]));
        }
        let attempt = Attempt { session, remote, manners, command: "issue claim", terms, deadline };
        match attempt.make(id, &listing, &decide).map_err(or_locally)? {
            Outcome::Won(change) => return Ok(*change),
            Outcome::Beaten => tries.failed(remote, Push::Busy, deadline)?,
        }
    }
}

/// Fetches and joins what the remote has, tickets included.
fn look(session: &Session, remote: &Remote, deadline: Deadline) -> Result<Listing> {
    settle::mend(session, remote, deadline)?;
    let pattern = format!("{CLAIMS}*");
    let listing = remote.list(&[&pattern], deadline.ask())?;
    round::gather(session, remote, &listing, deadline)?;
    Ok(listing)
}

/// Whether the holder names the very claim that it has, as a repeated claim does.
fn is_renewal(session: &Session, id: IssueId, terms: &Terms) -> Result<bool> {
    let issue = session.view()?.state.issue(id).map_err(StoreError::from)?;
    let held = issue.and_then(|issue| issue.claim).filter(|held| held.by == terms.holder);
    let token = session.claim_token()?;
    Ok(held.is_some_and(|held| Some(held.token) == token))
}

/// What came of one try.
enum Outcome {
    /// The claim is made.
    Won(Box<Change>),
    /// Somebody else was faster.
    Beaten,
}

/// How a claim is decided on the state here.
type Decide<'d> = dyn Fn(&mut Draft<'_>, &Terms) -> Decision<IssueId> + 'd;

/// One try to claim one issue.
struct Attempt<'a> {
    session: &'a Session,
    remote: &'a Remote,
    manners: &'a Manners,
    command: &'a str,
    terms: &'a Terms,
    deadline: Deadline,
}

impl Attempt<'_> {
    /// Makes the ticket, then the claim.
    fn make(&self, id: IssueId, listing: &Listing, decide: &Decide<'_>) -> Result<Outcome> {
        let (session, remote) = (self.session, self.remote);
        let name = claim_ref(id);
        let there = listing.others.iter().find(|(known, _)| *known == name).map(|(_, object)| object.clone());
        let passed = match &there {
            None => 0,
            Some(object) => match self.passed(id, &name, object)? {
                Some(passed) => passed,
                // It went away between the asking and the reading.
                None => return Ok(Outcome::Beaten),
            },
        };
        if Record::of(session, &remote.name).refuses_claims(session.now()) {
            return self.by_state_ref(decide);
        }
        if there.is_some() && self.manners.force {
            return self.overrule(id, passed, decide);
        }
        let ticket = self.ticket(id, passed)?;
        let object = session.store.write_blob(ticket.encode())?;
        let intent = Intent::begin(session, remote, &name, &ticket, &object)?;
        match self.push_ticket(&name, &object, there.unwrap_or_default()) {
            Ok((Push::Done, _)) => {}
            Ok((pushed @ Push::Denied(_), said)) => {
                intent.end();
                return self.denied(&pushed, &said, &name, decide);
            }
            Ok(_) => {
                intent.end();
                return Ok(Outcome::Beaten);
            }
            // Whether it arrived is not known: the next sync looks.
            Err(error) => return Err(error),
        }
        let remote_claim = Published { nonce: ticket.nonce.clone(), object: Some(object) };
        let terms = Terms { remote: Some(remote_claim), passed, ..self.terms.clone() };
        let change = session.change(self.command, self.manners, |draft| decide(draft, &terms).map(|id| vec![id]));
        match change {
            Ok(change) => {
                intent.end();
                Ok(Outcome::Won(Box::new(change)))
            }
            Err(error) => {
                settle::withdraw(session, remote, intent, self.deadline);
                Err(error)
            }
        }
    }

    /// Pushes a ticket in place of `expected`. Gives what became of it, and what the remote's hooks said.
    fn push_ticket(&self, name: &str, object: &str, expected: String) -> Result<(Push, Vec<String>)> {
        let remote = self.remote;
        let update = Update { from: object.to_owned(), to: name.to_owned(), expected: Some(expected) };
        let answer = remote.push(&[update], false, self.deadline.transfer());
        if let Ok(pushed) = &answer
            && pushed.of(name) != Push::Unanswered
        {
            return Ok((pushed.of(name), pushed.said.clone()));
        }
        // The nonce tells whether it is ours that stands there.
        let now = remote.list(&[name], self.deadline.ask())?;
        match answer {
            _ if now.others.iter().any(|(_, there)| there == object) => Ok((Push::Done, Vec::new())),
            Err(why) if now.others.is_empty() => Err(remote.unreachable(why)),
            _ => Ok((Push::Moved, Vec::new())),
        }
    }

    /// The fencing number of a ticket whose place may be taken; an error when somebody holds the issue by it, and
    /// `None` when it is gone.
    fn passed(&self, id: IssueId, name: &str, object: &str) -> Result<Option<u64>> {
        let (session, remote) = (self.session, self.remote);
        let refs = [(name.to_owned(), object.to_owned())];
        let Some(ticket) = ticket::read(session, remote, &refs, self.deadline)?.pop() else {
            if session.store.read_blob(object).is_err() {
                return Ok(None);
            }
            let message = format!("{} has {name}, which holds no claim; --force takes its place", remote.name);
            return match self.manners.force {
                true => Ok(Some(0)),
                false => {
                    Err(Error::new(Class::Outside, "remote_unusable", message)
                        .hint(format!("git cat-file -p {object}")))
                }
            };
        };
        let issue = session.view()?.state.issue(id).map_err(StoreError::from)?;
        if ticket.holds(issue.as_ref(), session.now()) && !self.manners.force {
            let claim = Box::new(ticket.as_claim());
            return Err(Refusal::ClaimedByOther { id, claim, actor: self.terms.holder.clone(), to_claim: true }.into());
        }
        Ok(Some(ticket.generation))
    }

    fn ticket(&self, id: IssueId, passed: u64) -> Result<Ticket> {
        let state = self.session.view()?.state;
        let issue = state.issue(id).map_err(StoreError::from)?;
        let last = issue.and_then(|issue| issue.last_claim).map_or(0, |last| last.generation);
        let ttl = self.terms.ttl.or(state.settings().map_err(StoreError::from)?.claim_ttl());
        let now = self.session.now();
        let nonce: Uuid = RandomIds::default().random();
        Ok(Ticket {
            issue: id,
            by: self.terms.holder.clone(),
            generation: last.max(passed).saturating_add(1),
            at: now,
            expires_at: ttl.map(|ttl| now.plus(ttl)),
            nonce: nonce.to_string(),
        })
    }

    /// The remote does not take the ticket: because of a rule of its own, or because it takes no such refs at all.
    fn denied(&self, push: &Push, said: &[String], name: &str, decide: &Decide<'_>) -> Result<Outcome> {
        if said.iter().any(|line| line.contains(ticket::RULE)) {
            return Err(self.remote.denied(name, push, said));
        }
        let outcome = self.by_state_ref(decide)?;
        // It takes the tracker, and no tickets: that is how it is set up.
        let refused_claims_at = Some(self.session.now());
        let record = Record { refused_claims_at, ..Record::of(self.session, &self.remote.name) };
        record.keep(self.session);
        Ok(outcome)
    }
}

/// Who holds the issue now, for whom `actor` was too late.
fn taken(issue: &Issue, actor: &Actor) -> Error {
    match &issue.claim {
        Some(claim) => {
            let (id, claim) = (issue.id, Box::new(claim.clone()));
            Refusal::ClaimedByOther { id, claim, actor: actor.clone(), to_claim: true }.into()
        }
        None => Refusal::NotClaimable { id: issue.id, state: issue.state }.into(),
    }
}
