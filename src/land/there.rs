//! Landing on a remote: one push moves the branch and the tracker.

use std::time::Duration;

use crate::error::{Class, Error, Result};
use crate::git_process::{Fetch, Push, Update};
use crate::store::{Backend, StoreError, ancestry};
use crate::sync::claims::settle;
use crate::sync::{Deadline, Listing, PATIENCE, Pushing, Remote, Tries, gather, join, remember, sync};

use super::decide::Record;
use super::underway::Underway;
use super::{Found, Heads, Landed, Landing, Prepared};

/// So often others may be faster before it is given up.
const ATTEMPTS: usize = 20;

pub fn land(landing: &Landing<'_>, remote: &Remote) -> Result<Landed> {
    let session = landing.session;
    let branch = format!("refs/heads/{}", landing.onto);
    let mut tries = Tries::default();
    let mut attempts = 0;
    loop {
        attempts += 1;
        // Running gates takes its own time; what talks to the remote has this much, each time anew.
        let limit = Deadline::after(PATIENCE);
        let listing = remote.list(&[&branch, "refs/tracker/claims/*"], limit.ask())?;
        tries.saw(&listing);
        gather(session, remote, &listing, limit)?;
        let target = listing.others.iter().find(|(name, _)| *name == branch).map(|(_, id)| id.clone());
        let heads = Heads { tip: landing.tip()?, target: target.ok_or_else(|| landing.no_target())? };
        if landing.git().rev_parse(&format!("{}^{{commit}}", heads.target))?.is_none() {
            remote.fetch(std::slice::from_ref(&branch), Fetch::Missing, limit.transfer())?;
        }
        let record = match landing.look(&heads)? {
            Found::Already(issues) => {
                sync(session, remote, Pushing::Yes, limit.left())?;
                return landing.done(Some(remote), &heads, issues, true);
            }
            Found::Unrecorded(record) => return recorded(landing, remote, &heads, record),
            Found::Fit(record) => record,
        };
        if landing.tip()? != heads.tip {
            // It moved while its gates ran: what would land was not looked at.
            continue;
        }
        let limit = Deadline::after(PATIENCE);
        let again = if attempts < ATTEMPTS { limit } else { Deadline::after(Duration::ZERO) };
        let prepared = record.prepare(session)?;
        landing.check_protected(&heads, &record, &prepared)?;
        if landing.not_atomic {
            Underway::begin(session, &heads.tip, &record.issues)?;
            let pushed = push(landing, remote, &listing, &heads, None, limit);
            if matches!(&pushed, Ok(Push::Moved | Push::Busy))
                || pushed.as_ref().is_err_and(|why| why.code == "remote_refused")
            {
                // It is certain that nothing landed.
                Underway::end(session, &heads.tip);
            }
            match pushed? {
                Push::Done => return recorded(landing, remote, &heads, record),
                push => tries.failed(remote, push, again)?,
            }
            continue;
        }
        match push(landing, remote, &listing, &heads, Some(&prepared), limit)? {
            Push::Done => {
                adopt(landing, remote, &prepared)?;
                settle(session, remote, &listing, &prepared.1.id, limit)?;
                return landing.done(Some(remote), &heads, record.issues, false);
            }
            push => tries.failed(remote, push, again)?,
        }
    }
}

/// Says in the tracker that code has landed which is there already.
fn recorded(landing: &Landing<'_>, remote: &Remote, heads: &Heads, record: Record) -> Result<Landed> {
    record.make(landing.session)?;
    sync(landing.session, remote, Pushing::Yes, PATIENCE)?;
    Underway::end(landing.session, &heads.tip);
    landing.done(Some(remote), heads, record.issues, false)
}

/// Pushes the branch, and with it the tracker where it is `prepared`.
fn push(
    landing: &Landing<'_>,
    remote: &Remote,
    listing: &Listing,
    heads: &Heads,
    prepared: Option<&Prepared>,
    limit: Deadline,
) -> Result<Push> {
    let branch = format!("refs/heads/{}", landing.onto);
    let mut updates =
        vec![Update { from: heads.tip.clone(), to: branch.clone(), expected: Some(heads.target.clone()) }];
    if let Some((_, commit)) = prepared {
        let held = listing.shared.as_ref().map_or_else(String::new, |held| held.0.clone());
        updates.push(Update { from: commit.id.0.clone(), to: remote.shared.clone(), expected: Some(held) });
    }
    let answer = remote.push(&updates, prepared.is_some(), limit.transfer());
    if let Ok(pushed) = &answer {
        let all: Vec<Push> = updates.iter().map(|update| pushed.of(&update.to)).collect();
        if all.iter().all(|push| *push == Push::Done) {
            return Ok(Push::Done);
        }
        let denied = updates.iter().zip(&all).find(|(_, push)| matches!(push, Push::Denied(_)));
        if let Some((update, push)) = denied {
            return Err(remote.denied(&update.to, push, &pushed.said));
        }
        if !all.contains(&Push::Unanswered) {
            return Ok(Push::Moved);
        }
    }
    // The answer was lost, or there was none: what the remote holds tells.
    let now = remote.list(&[&branch], limit.ask())?;
    let there = now.others.iter().any(|(name, id)| *name == branch && *id == heads.tip);
    let holds = |id: &crate::store::CommitId| {
        now.shared.as_ref().is_some_and(|held| ancestry::is_ancestor(&landing.session.store, id, held).unwrap_or(false))
    };
    if there && prepared.is_none_or(|(_, commit)| holds(&commit.id)) {
        return Ok(Push::Done);
    }
    match answer {
        Err(StoreError::Git { message, .. }) if prepared.is_some() && message.contains("atomic") => Err(Error::new(
            Class::Outside,
            "remote_not_atomic",
            format!(
                "{} cannot move both at once; without that the code goes first, then the tracker: {message}",
                remote.name
            ),
        )
        .hint("the same command with --not-atomic")),
        Err(why) => Err(remote.unreachable(why)),
        Ok(_) => Ok(Push::Busy),
    }
}

/// Brings the tracker here to what was pushed.
fn adopt(landing: &Landing<'_>, remote: &Remote, (_, commit): &Prepared) -> Result<()> {
    let session = landing.session;
    let id = commit.id.clone();
    let again = session.existing(&id, commit.parent.as_ref(), commit.subject.clone())?;
    let turn = session.store.queue()?;
    let published = session.store.publish(again);
    drop(turn);
    match published {
        Ok(_) => {}
        // Others have changed the tracker here meanwhile: both go together.
        Err(StoreError::Moved) => drop(join(session, &id, &remote.name)?),
        Err(why) => return Err(why.into()),
    }
    remember(session, remote, &id)
}
