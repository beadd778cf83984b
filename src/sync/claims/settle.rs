//! Taking away tickets whose claim is over, and those of processes that ended in the middle.

use std::time::Duration;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::ops::claim;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::git_process::{Push, Update};
use crate::session::{Manners, Session};
use crate::store::transact::Change;
use crate::store::{CommitId, StoreError};
use crate::sync::remote::{Listing, Remote};
use crate::sync::{Deadline, Pushing, shared_with, sync};

use super::ticket::{self, Intent, Ticket, claim_ref, issue_of};

/// How long the end of a claim may take to be told to the remote. The next sync does it otherwise.
const BRIEFLY: Duration = Duration::from_secs(10);

/// Takes away the tickets in `listing` whose claims the tracker at `commit`, which the remote holds, knows to be over.
/// A failure is none: the next sync tries again.
pub fn settle(
    session: &Session,
    remote: &Remote,
    listing: &Listing,
    commit: &CommitId,
    deadline: Deadline,
) -> Result<()> {
    mend(session, remote, deadline)?;
    let state = session.view_at(commit.clone())?.state;
    let mut over = Vec::new();
    let mut unknown = Vec::new();
    for (name, object) in &listing.others {
        let Some(id) = issue_of(name) else { continue };
        let Some(issue) = state.issue(id).map_err(StoreError::from)? else { continue };
        let is_it = |remote: Option<&crate::domain::issue::Published>| {
            remote.is_some_and(|remote| remote.object.as_ref() == Some(object))
        };
        if is_it(issue.claim.as_ref().and_then(|claim| claim.remote.as_ref())) {
            continue;
        }
        match is_it(issue.last_claim.as_ref().and_then(|last| last.remote.as_ref())) {
            true => over.push((name.clone(), object.clone())),
            false => unknown.push((name.clone(), object.clone(), issue)),
        }
    }
    let refs: Vec<(String, String)> = unknown.iter().map(|(name, object, _)| (name.clone(), object.clone())).collect();
    for ticket in ticket::read(session, remote, &refs, deadline)? {
        let name = claim_ref(ticket.issue);
        let passed = unknown.iter().find(|(known, _, issue)| *known == name && ticket.is_over(issue));
        over.extend(passed.map(|(name, object, _)| (name.clone(), object.clone())));
    }
    if over.is_empty() {
        return Ok(());
    }
    let gone = over.into_iter().map(|(to, object)| Update { from: String::new(), to, expected: Some(object) });
    // Each by its exact value: whoever claims anew meanwhile is not disturbed.
    let _ = remote.push(&gone.collect::<Vec<_>>(), false, deadline.transfer());
    Ok(())
}

/// Gives up the tickets of processes that ended before they had made their claims.
pub fn mend(session: &Session, remote: &Remote, deadline: Deadline) -> Result<()> {
    for intent in Intent::left(session) {
        if intent.made.remote == remote.name {
            let state = session.view()?.state;
            let issue = state.issue(intent.made.ticket.issue).map_err(StoreError::from)?;
            match issue.as_ref().is_some_and(|issue| is_recorded(issue, &intent.made.ticket)) {
                true => intent.end(),
                false => withdraw(session, remote, intent, deadline),
            }
        }
    }
    Ok(())
}

fn is_recorded(issue: &Issue, ticket: &Ticket) -> bool {
    let last = issue.last_claim.as_ref().and_then(|last| last.remote.as_ref());
    last.is_some_and(|remote| remote.nonce == ticket.nonce) || issue.ended_tickets.contains(&ticket.nonce)
}

/// Gives up a ticket that no claim stands behind: its lease ends, and whoever comes next takes its place.
pub fn withdraw(session: &Session, remote: &Remote, intent: Intent, deadline: Deadline) {
    let made = &intent.made;
    let Ok(object) = session.store.write_blob(made.ticket.withdrawn().encode()) else { return };
    let update = Update { from: object, to: made.name.clone(), expected: Some(made.object.clone()) };
    // What stands there now may be another's: then there is nothing to withdraw.
    if let Ok(pushed) = remote.push(&[update], false, deadline.transfer())
        && matches!(pushed.of(&made.name), Push::Done | Push::Moved)
    {
        intent.end();
    }
}

/// Tells the remote, where a change has ended a claim that was made there.
///
/// The change is made: that it cannot be told now is a notice, and the next sync tells it.
pub fn publish_end(session: &Session, change: &Change) {
    let ended = |id: &IssueId| {
        let issue = change.state.issue(*id).ok()??;
        let last = issue.last_claim.as_ref().filter(|_| issue.claim.is_none())?;
        last.remote.as_ref().map(|_| ())
    };
    if change.events.is_empty() || change.replayed || !change.subjects.iter().any(|id| ended(id).is_some()) {
        return;
    }
    if !shared_with(session) {
        return;
    }
    let told = Remote::meant(session, None).and_then(|remote| sync(session, &remote, Pushing::Yes, BRIEFLY));
    if let Err(error) = told {
        session.notice(format!("the other clones do not know yet: {}; jit sync tells them", error.message));
    }
}

/// Renews the ticket of a claim, then the claim itself.
///
/// Where the remote cannot be asked the claim is renewed here alone, with a notice.
pub fn heartbeat(session: &Session, manners: &Manners, id: &crate::domain::id::IdPrefix) -> Result<Change> {
    let command = "issue heartbeat";
    let here = |object: Option<&str>| {
        session.change(command, manners, |draft| claim::heartbeat(draft, id, object).map(|id| vec![id]))
    };
    let issue = session.resolve(&session.view()?.state, id)?;
    let held = issue.claim.as_ref().and_then(|claim| Some((claim, claim.ttl_ms?, claim.remote.clone()?)));
    let Some((claim, ttl, published)) = held else { return here(None) };
    let Some(mut old) = published.object else { return here(None) };
    // Whoever may not renew the claim does not touch the ticket.
    session.rehearse(command, manners, |draft| claim::heartbeat(draft, id, None).map(drop))?;
    let name = claim_ref(issue.id);
    // The same ticket with another lease: a hub compares the rest. It was made a moment before the claim.
    let made = session.store.read_blob(&old).ok().and_then(|bytes| Ticket::parse(&name, &bytes).ok());
    let ticket = Ticket {
        issue: issue.id,
        by: claim.by.clone(),
        generation: claim.generation,
        at: made.map_or(claim.at, |made| made.at),
        expires_at: Some(session.now().plus(Duration::from_millis(ttl))),
        nonce: published.nonce,
    };
    let object = session.store.write_blob(ticket.encode())?;
    let deadline = Deadline::after(BRIEFLY);
    let tell = |old: &str| -> Result<(Push, Option<String>)> {
        let remote = Remote::meant(session, None)?;
        let update = Update { from: object.clone(), to: name.clone(), expected: Some(old.to_owned()) };
        let pushed =
            remote.push(&[update], false, deadline.transfer()).map_err(|why| remote.unreachable(why))?.of(&name);
        if pushed != Push::Moved {
            return Ok((pushed, None));
        }
        // A heartbeat that was cut off may have told the remote, and not the tracker.
        let refs = remote.list(&[&name], deadline.ask())?.others;
        let own = ticket::read(session, &remote, &refs, deadline)?.iter().any(|there| there.nonce == ticket.nonce);
        Ok((pushed, refs.into_iter().next().filter(|_| own).map(|(_, object)| object)))
    };
    let mut told = tell(&old);
    if let Ok((Push::Moved, Some(now))) = &told {
        old.clone_from(now);
        told = tell(&old);
    }
    match told.map(|(pushed, _)| pushed) {
        Ok(Push::Done) => here(Some(&object)),
        Ok(Push::Moved) => Err(Error::new(
            Class::Lost,
            "claim_superseded",
            format!(
                "the claim of {} is not on the remote any more: somebody else may hold the issue",
                issue.id.short()
            ),
        )
        .hint(format!("jit sync; jit issue show {}", issue.id.short()))),
        _ => {
            session.notice("the remote could not be told: for the other clones the lease runs on as it was");
            here(None)
        }
    }
}
