//! One tracker for many clones: fetching, joining and pushing by plain git.
//!
//! INVARIANT: nothing here moves the local ref but [`take_in`] (which joins) and an ordinary change, and nothing
//! moves the remote's but a push that adds to what is there. So an end at any point loses nothing, and the next sync
//! goes on from what it finds.

mod bring;
mod check;
pub mod claims;
mod record;
mod remote;
mod round;
mod standing;
mod tries;

use std::time::{Duration, Instant};

use crate::domain::event::{Body, Event};
use crate::domain::id::IssueId;
use crate::domain::name::Actor;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::take_in::{Taken, take_in};
use crate::store::{Backend, CommitId, CommitInfo, StoreError, ancestry, events, vet};

pub use bring::{adopt, fetch_again};
pub use check::{Finding, check};
pub use record::Record;
pub use remote::{Listing, Remote, choose};
pub use round::{Pushing, Synced, fetch, gather, push, remember, sync, sync_here};
pub use standing::{Standing, look_for_news, shared_with, standing};
pub use tries::Tries;

/// How long a sync goes on while others keep moving the remote.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How much was joined, and what gave way.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Commits that came.
    pub came: usize,
    /// Whether a merge was made.
    pub merged: bool,
    /// Claims that gave way to others.
    pub lost: Vec<(IssueId, Actor)>,
    /// Other values that gave way.
    pub overridden: usize,
}

impl News {
    /// Takes in what another joining brought.
    pub fn add(&mut self, other: News) {
        self.came += other.came;
        self.merged |= other.merged;
        self.lost.extend(other.lost);
        self.overridden += other.overridden;
    }
}

/// Joins the history of `theirs` into the tracker. `from` says in the reflog where it came from.
///
/// What comes is looked at first: see [`vet`].
pub fn join(session: &Session, theirs: &CommitId, from: &str) -> Result<News> {
    let store = &session.store;
    let tip = store.tip()?.ok_or_else(|| session.absence())?;
    if ancestry::is_ancestor(store, theirs, &tip).unwrap_or(false) {
        return Ok(News::default());
    }
    vet::vet(store, Some(&tip), theirs).map_err(|why| unusable(why, from, theirs))?;
    let came = ancestry::between(store, theirs, std::slice::from_ref(&tip))?;
    let lost = lost_elsewhere(session, &came, &tip)?;
    let (author, subject) = (session.author(), format!("taken in from {from}"));
    let forward = |id: &CommitId, parent: Option<&CommitId>| {
        let (parent, author, subject) = (parent.cloned(), author.clone(), subject.clone());
        Ok(crate::store::Unpublished { id: id.clone(), parent, subject, author, time: session.now() })
    };
    let (_, taken) = take_in(store, theirs, &forward)?;
    let mut news = News { came: came.len(), lost, ..News::default() };
    if let Taken::Merged(events) = taken {
        news.merged = true;
        events.iter().for_each(|event| note(&mut news, event));
    }
    Ok(news)
}

/// The claims of the tracker here that gave way in merges which others made and which came now.
fn lost_elsewhere(session: &Session, came: &[CommitInfo], tip: &CommitId) -> Result<Vec<(IssueId, Actor)>> {
    let mut lost = Vec::new();
    for merge in came.iter().filter(|info| info.parents.len() > 1) {
        let events = events::all(&session.store.tree(&merge.id)?, &merge.id).map_err(StoreError::from)?;
        lost.extend(events.iter().filter_map(|event| match event.body() {
            Ok(Some(Body::ClaimLost(claim))) => Some((event.issue?, claim)),
            _ => None,
        }));
    }
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let state = session.view_at(tip.clone())?.state;
    let mut known = Vec::new();
    for (id, claim) in lost {
        let issue = state.issue(id).map_err(StoreError::from)?;
        if issue.and_then(|issue| issue.claim).is_some_and(|held| held.token == claim.token) {
            known.push((id, claim.by));
        }
    }
    Ok(known)
}

fn note(news: &mut News, event: &Event) {
    match (event.issue, event.body()) {
        (Some(id), Ok(Some(Body::ClaimLost(lost)))) => news.lost.push((id, lost.by)),
        (_, Ok(Some(Body::TrackerMerged(_) | Body::MergeCompleted(_)))) => {}
        (_, Ok(Some(body))) if body.is_note() => news.overridden += 1,
        _ => {}
    }
}

/// Says that what came from a remote cannot be used; the tracker here stays as it is.
pub fn unusable(why: StoreError, from: &str, commit: &CommitId) -> Error {
    match why {
        StoreError::Unreadable(unreadable) => {
            let message = format!("{from} has a tracker that cannot be taken in: {unreadable}");
            Error::new(Class::Outside, "remote_unusable", message)
                .hint(format!("git log {}", commit.short()))
                .details(serde_json::json!({ "remote": from, "object": unreadable.object, "why": unreadable.why }))
        }
        other => other.into(),
    }
}

/// Until when something is tried.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Instant,
    /// What a transfer may take that is on its way: who is in a hurry gives it no more.
    transfer: Duration,
}

/// Nothing is tried for longer than this.
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);
/// From here on nobody is in a hurry.
const NO_HURRY: Duration = Duration::from_secs(60);
/// How long objects may be on their way when nobody is in a hurry.
const TRANSFER: Duration = Duration::from_secs(60 * 60);

impl Deadline {
    /// So long from now.
    pub fn after(span: Duration) -> Self {
        let transfer = if span < NO_HURRY { Duration::ZERO } else { TRANSFER };
        Self { end: Instant::now() + span.min(LONGEST), transfer }
    }

    /// What is left.
    pub fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// What a question may take: after a long transfer there is still time to ask.
    pub fn ask(self) -> Duration {
        self.left().max(self.transfer.min(NO_HURRY))
    }

    /// What a transfer of objects may take.
    pub fn transfer(self) -> Duration {
        self.left().max(self.transfer)
    }
}
