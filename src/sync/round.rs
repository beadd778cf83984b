//! Fetch, join, push: once, and again until it is through.

use std::time::Duration;

use crate::error::{Class, Error, Result};
use crate::git_process::{Push, Update};
use crate::session::Session;
use crate::store::layout::FORMAT;
use crate::store::{Backend, CommitId, StoreError, ancestry};

use super::bring::{bring, join_whole};
use super::claims::{CLAIMS, settle};
use super::remote::{Listing, Remote};
use super::tries::Tries;
use super::{Deadline, News, Record, join};

/// What others pushed to this repository, in words.
const PUSHED_HERE: &str = "what was pushed here";

/// What a sync is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushing {
    /// Everything goes to the remote.
    Yes,
    /// The remote stays as it is.
    No,
}

/// What a sync did.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// The remote; `None` when there was only what others had pushed here.
    pub remote: Option<String>,
    /// What came, and what gave way.
    pub news: News,
    /// Commits that went.
    pub went: usize,
    /// The commit that the tracker here and, after a push, the remote's hold.
    pub commit: String,
}

/// Fetches the remote's tracker to where it is kept, and joins nothing. Gives its commit and how many are new.
pub fn fetch(session: &Session, remote: &Remote, limit: Duration) -> Result<(Option<CommitId>, usize)> {
    let deadline = Deadline::after(limit);
    let listing = remote.list(&[], deadline.ask())?;
    bring(session, remote, &listing, deadline)?;
    let Some(theirs) = listing.shared else { return Ok((None, 0)) };
    // Fetching is for this ref alone: that it cannot be moved is an error here.
    point(session, &session.store.seen_ref(&remote.name), &theirs)?;
    let hidden: Vec<CommitId> = session.store.tip()?.into_iter().collect();
    let new = ancestry::between(&session.store, &theirs, &hidden)?.len();
    Ok((Some(theirs), new))
}

/// Pushes the tracker, when it builds on the remote's. Gives how many commits went, and the commit.
pub fn push(session: &Session, remote: &Remote, limit: Duration) -> Result<(usize, CommitId)> {
    let deadline = Deadline::after(limit);
    let tip = session.store.tip()?.ok_or_else(|| session.absence())?;
    let listing = remote.list(&[], deadline.ask())?;
    let moved = || {
        Error::new(Class::Outside, "remote_moved", format!("{} has what this tracker lacks", remote.name))
            .hint(format!("jit sync {}", remote.name))
            .retryable()
    };
    if let Some(theirs) = &listing.shared
        && !ancestry::is_ancestor(&session.store, theirs, &tip).unwrap_or(false)
    {
        return Err(moved());
    }
    if listing.shared.as_ref() == Some(&tip) {
        remember(session, remote, &tip)?;
        return Ok((0, tip));
    }
    let went = count(session, &tip, listing.shared.as_ref())?;
    match send(session, remote, &tip, deadline)? {
        Push::Done => {
            remember(session, remote, &tip)?;
            Ok((went, tip))
        }
        _ => Err(moved()),
    }
}

/// Brings the tracker here and the remote's to one commit, both with everything that either had.
pub fn sync(session: &Session, remote: &Remote, pushing: Pushing, limit: Duration) -> Result<Synced> {
    let deadline = Deadline::after(limit);
    let mut done = Synced { remote: Some(remote.name.clone()), ..Synced::default() };
    let mut tries = Tries::default();
    let claims = format!("{CLAIMS}*");
    loop {
        let listing = remote.list(&[&claims], deadline.ask())?;
        tries.saw(&listing);
        done.news.add(gather(session, remote, &listing, deadline)?);
        done.news.add(join_seen(session, remote)?);
        let tip = session.store.tip()?.ok_or_else(|| session.absence())?;
        done.commit = tip.0.clone();
        if pushing == Pushing::No || listing.shared.as_ref() == Some(&tip) {
            if listing.shared.is_some() {
                remember(session, remote, listing.shared.as_ref().unwrap_or(&tip))?;
            }
            publish_here(session, &tip)?;
            if pushing == Pushing::Yes {
                settle(session, remote, &listing, &tip, deadline)?;
            }
            return Ok(done);
        }
        let needed = session.view()?.state.format().min_writer;
        if needed > FORMAT {
            // What a later version made is not this one's to spread.
            return Err(StoreError::TooNew { needed, readable: true }.into());
        }
        let going = count(session, &tip, listing.shared.as_ref())?;
        let push = send(session, remote, &tip, deadline)?;
        if push == Push::Done {
            done.went += going;
            remember(session, remote, &tip)?;
            publish_here(session, &tip)?;
            settle(session, remote, &listing, &tip, deadline)?;
            return Ok(done);
        }
        tries.failed(remote, push, deadline)?;
    }
}

/// Fetches and joins what the remote has.
pub fn gather(session: &Session, remote: &Remote, listing: &Listing, deadline: Deadline) -> Result<News> {
    let sources = bring(session, remote, listing, deadline)?;
    check_rewritten(session, remote, listing.shared.as_ref())?;
    let mut news = News::default();
    for theirs in &sources {
        news.add(join_whole(session, remote, theirs, deadline)?);
    }
    Ok(news)
}

/// Joins what others pushed to this repository, where there is no remote to ask.
pub fn sync_here(session: &Session) -> Result<Option<Synced>> {
    let shared = session.store.remote_ref()?;
    let Some(theirs) = session.store.other_ref(&shared)?.filter(|_| shared != session.store.ref_name()) else {
        return Ok(None);
    };
    let news = join(session, &theirs, PUSHED_HERE)?;
    let tip = session.store.tip()?.ok_or_else(|| session.absence())?;
    publish_here(session, &tip)?;
    Ok(Some(Synced { remote: None, news, went: 0, commit: tip.0 }))
}

/// Joins what was fetched from other remotes, by whatever means.
fn join_seen(session: &Session, remote: &Remote) -> Result<News> {
    let mut news = News::default();
    for (name, theirs) in session.store.seen_remotes()? {
        if name == remote.name {
            continue;
        }
        let from = Remote::called(session, &name)?;
        let joined = check_rewritten(session, &from, Some(&theirs)).and_then(|()| join(session, &theirs, &name));
        match joined {
            Ok(joined) => news.add(joined),
            // This sync is with another remote: what is wrong with that one must not keep it.
            Err(error) => session.notice(format!("left out what was seen of {name}: {}", error.message)),
        }
    }
    let shared = session.store.remote_ref()?;
    if shared != session.store.ref_name()
        && let Some(theirs) = session.store.other_ref(&shared)?
    {
        match join(session, &theirs, PUSHED_HERE) {
            Ok(joined) => news.add(joined),
            Err(error) => session.notice(format!("left out {PUSHED_HERE}: {}", error.message)),
        }
    }
    Ok(news)
}

/// Refuses a remote whose tracker does not build on what was last seen there: somebody put another in its place.
fn check_rewritten(session: &Session, remote: &Remote, theirs: Option<&CommitId>) -> Result<()> {
    let store = &session.store;
    if let Some(theirs) = theirs.filter(|theirs| matches!(store.kind_of(theirs), Some(kind) if kind != "commit")) {
        let message = format!("{} of {} is not a commit: {theirs}", remote.shared, remote.name);
        return Err(Error::new(Class::Outside, "remote_unusable", message)
            .hint(format!("git cat-file -p {}", theirs.short()))
            .details(serde_json::json!({ "remote": remote.name, "object": theirs.0, "why": "is not a commit" })));
    }
    let Some(last) = Record::of(session, &remote.name).synced() else { return Ok(()) };
    let Some(theirs) = theirs else {
        session.notice(format!("the tracker is gone from {}; a sync puts it back", remote.name));
        return Ok(());
    };
    let here = store.tip()?;
    let known = |id: &CommitId| here.as_ref().is_some_and(|tip| ancestry::is_ancestor(store, id, tip).unwrap_or(false));
    if !known(&last) || ancestry::is_ancestor(store, &last, theirs).unwrap_or(false) {
        return Ok(());
    }
    if known(theirs) {
        session.notice(format!("{} has lost changes that were there; a sync puts them back", remote.name));
        return Ok(());
    }
    let message = format!(
        "the tracker of {} does not build on what was last seen there: it was {last}, it is {theirs}, which jit merge takes in",
        remote.name
    );
    Err(Error::new(Class::Outside, "remote_rewritten", message)
        .hint(format!("git log {}..{}", last.short(), theirs.short()))
        .details(serde_json::json!({ "remote": remote.name, "was": last.0, "is": theirs.0 })))
}

/// Commits that `tip` has and the remote lacks.
fn count(session: &Session, tip: &CommitId, theirs: Option<&CommitId>) -> Result<usize> {
    let known: Vec<CommitId> =
        theirs.filter(|theirs| session.store.info(theirs).is_ok()).cloned().into_iter().collect();
    Ok(ancestry::between(&session.store, tip, &known)?.len())
}

/// Pushes a commit. A push whose answer was lost is settled by asking for the ref again.
pub(super) fn send(session: &Session, remote: &Remote, tip: &CommitId, deadline: Deadline) -> Result<Push> {
    let update = Update { from: tip.0.clone(), to: remote.shared.clone(), expected: None };
    let (answer, said) = match remote.push(&[update], false, deadline.transfer()) {
        Ok(pushed) => (Ok(pushed.of(&remote.shared)), pushed.said),
        Err(why) => (Err(why), Vec::new()),
    };
    match answer {
        Ok(push @ Push::Denied(_)) => Err(remote.denied(&remote.shared, &push, &said)),
        Ok(Push::Unanswered) | Err(StoreError::Git { .. }) => {
            let now = remote.list(&[], deadline.ask())?.shared;
            let there = |now: &CommitId| ancestry::is_ancestor(&session.store, tip, now).unwrap_or(false);
            match (now.is_some_and(|now| there(&now)), answer) {
                (true, _) => Ok(Push::Done),
                (false, Err(why)) => Err(remote.unreachable(why).hint(format!("jit remote check {}", remote.name))),
                (false, Ok(_)) => Ok(Push::Busy),
            }
        }
        Ok(push) => Ok(push),
        Err(why) => Err(why.into()),
    }
}

/// Remembers that the remote holds `commit`, and that it is part of the tracker here.
pub fn remember(session: &Session, remote: &Remote, commit: &CommitId) -> Result<()> {
    remote.remember_refspec(session)?;
    point_seen(session, remote, commit);
    let record = Record {
        synced: Some(commit.0.clone()),
        fetched_at: Some(session.now()),
        known: Some(commit.0.clone()),
        ..Record::of(session, &remote.name)
    };
    record.keep(session);
    Ok(())
}

/// Where this clone is a remote of others, gives them what it has.
fn publish_here(session: &Session, tip: &CommitId) -> Result<()> {
    let shared = session.store.remote_ref()?;
    if shared != session.store.ref_name() && session.store.other_ref(&shared)?.is_some() {
        // Who fetches from here gets it with the next sync then.
        if let Err(why) = point(session, &shared, tip) {
            session.notice(format!("{shared} stays as it was: {}", why.message));
        }
    }
    Ok(())
}

/// Writes down what was seen of a remote's tracker. What the tracker here holds does not rest on it.
pub(super) fn point_seen(session: &Session, remote: &Remote, commit: &CommitId) {
    let seen = session.store.seen_ref(&remote.name);
    if point(session, &seen, commit).is_err() && session.store.remove_old_lock(&seen) {
        // A killed git had left it.
        let _ = point(session, &seen, commit);
    }
}

/// Points a ref to a commit, from what it holds now. Somebody who is faster is right too.
fn point(session: &Session, name: &str, commit: &CommitId) -> Result<()> {
    let old = session.store.other_ref(name)?;
    if old.as_ref() == Some(commit) {
        return Ok(());
    }
    let (author, email) = session.author();
    let old = old.as_ref().map(|old| old.0.as_str());
    match session.store.git().update_ref(name, &commit.0, old, "jit sync", (&author, &email)) {
        Err(why) if session.store.other_ref(name)?.as_ref().map(|now| now.0.as_str()) == old => Err(why.into()),
        _ => Ok(()),
    }
}
