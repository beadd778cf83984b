//! The most urgent issue that no clone has.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::draft::{Draft, Ids};
use crate::domain::id::IssueId;
use crate::domain::ops::claim::{self, Terms};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Priority;
use crate::environment::RandomIds;
use crate::error::Result;
use crate::git_process::Push;
use crate::session::{Manners, Session, View};
use crate::store::StoreError;
use crate::store::transact::Change;
use crate::sync::Deadline;
use crate::sync::remote::{Listing, Remote};
use crate::sync::tries::Tries;

use super::ticket::{self, CLAIMS, claim_ref, issue_of};
use super::{Attempt, Outcome, PATIENCE, look, or_locally};

/// Gives what can be claimed in a state, in the order of work.
pub type Candidates<'c> = dyn Fn(&View) -> Result<Vec<(IssueId, Priority)>> + 'c;

/// Claims the first of what can be claimed that no clone of the remote has.
///
/// Whoever was beaten to the first one tries any of the next of its priority, of more of them each time: so that many
/// clones that ask at once do not all go for the same.
pub fn claim_next(
    session: &Session,
    remote: &Remote,
    manners: &Manners,
    terms: &Terms,
    candidates: &Candidates<'_>,
    patience: Duration,
) -> Result<Change> {
    let deadline = Deadline::after(patience);
    let mut spread = 1;
    let mut tries = Tries::default();
    let mut busy = BTreeSet::new();
    loop {
        let listing = look(session, remote, deadline).map_err(or_locally)?;
        tries.saw(&listing);
        let view = session.view()?;
        if session.done_before(&view.commit)?.is_some() {
            return session
                .change("issue claim-next", manners, |draft| claim::claim_next(draft, &[], terms).map(|id| vec![id]));
        }
        let all = candidates(&view)?;
        let mut chosen = None;
        // What was never seen was most likely made a moment ago: it is fetched when nothing else is free.
        for fetch in [false, true] {
            let held = held(session, remote, &view, &listing, fetch.then_some(deadline)).map_err(or_locally)?;
            let free: Vec<_> = all.iter().filter(|(id, _)| !held.contains(id) && !busy.contains(id)).copied().collect();
            chosen = choose(session, manners, terms, &free, spread)?;
            if chosen.is_some() {
                break;
            }
        }
        let Some(id) = chosen else { return Err(Refusal::NothingReady.into()) };
        let decide = |draft: &mut Draft<'_>, terms: &Terms| claim::claim_next(draft, &[id], terms);
        let attempt = Attempt { session, remote, manners, command: "issue claim-next", terms, deadline };
        match attempt.make(id, &listing, &decide) {
            Ok(Outcome::Won(change)) => return Ok(*change),
            // Somebody is at its ref, or was faster: the next may be free.
            Ok(Outcome::Beaten) => {
                tries.failed(remote, Push::Busy, deadline)?;
                if spread > 4 {
                    busy.insert(id);
                }
            }
            // Somebody came in between.
            Err(error) if ["nothing_ready", "claimed_by_other"].contains(&error.code) && !deadline.left().is_zero() => {
                tries.failed(remote, Push::Busy, deadline)?;
                busy.insert(id);
            }
            Err(error) => return Err(or_locally(error)),
        }
        spread = (spread * 2).min(64);
    }
}

/// The issues that somebody holds on the remote. Tickets that are not here are fetched, with a deadline for that, or
/// taken for living ones.
fn held(
    session: &Session,
    remote: &Remote,
    view: &View,
    listing: &Listing,
    fetch: Option<Deadline>,
) -> Result<BTreeSet<IssueId>> {
    let refs = listing.others.iter().filter(|(name, _)| name.starts_with(CLAIMS)).cloned();
    let (mut known, unknown): (Vec<_>, Vec<_>) = refs.partition(|(_, object)| session.store.read_blob(object).is_ok());
    let mut held = BTreeSet::new();
    match fetch {
        Some(_) => known.extend(unknown),
        None => held.extend(unknown.iter().filter_map(|(name, _)| issue_of(name))),
    }
    let deadline = fetch.unwrap_or(Deadline::after(PATIENCE));
    let read = ticket::read(session, remote, &known, deadline)?;
    // What cannot be read is somebody's: there are other issues.
    let read_refs: BTreeSet<String> = read.iter().map(|ticket| claim_ref(ticket.issue)).collect();
    let unread = known.iter().filter(|(name, _)| !read_refs.contains(name));
    held.extend(unread.filter_map(|(name, _)| issue_of(name)));
    for ticket in read {
        let issue = view.state.issue(ticket.issue).map_err(StoreError::from)?;
        if ticket.holds(issue.as_ref(), session.now()) {
            held.insert(ticket.issue);
        }
    }
    Ok(held)
}

/// One of the first `spread` issues of the highest priority that can be had.
fn choose(
    session: &Session,
    manners: &Manners,
    terms: &Terms,
    free: &[(IssueId, Priority)],
    spread: usize,
) -> Result<Option<IssueId>> {
    let mut rest: Vec<(IssueId, Priority)> = free.to_vec();
    while let Some((_, priority)) = rest.first() {
        let alike = rest.iter().take_while(|(_, other)| other == priority).count();
        let random: Uuid = RandomIds::default().random();
        let at = random.as_fields().0 as usize % alike.min(spread);
        let (id, _) = rest.remove(at);
        // What is meant for others, or held back otherwise, shows only when it is decided.
        let can =
            session.rehearse("issue claim-next", manners, |draft| claim::claim_next(draft, &[id], terms).map(drop));
        match can {
            Ok(_) => return Ok(Some(id)),
            Err(error) if error.code == "nothing_ready" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
