//! Events after a cursor, each once: those that are there, and those that come.
//!
//! A cursor is a commit, and stands for everything in its history. An event carries one when everything that was told
//! up to it, and nothing else, is that history; while two histories that were joined are told one after the other, no
//! commit stands for just what was told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::id::IssueId;
use crate::error::{Class, Error, Result};
use crate::session::{Session, View};
use crate::store::history::{commits_between, commits_since};
use crate::store::{Backend, CommitId, CommitInfo, StoreError, events};

use super::Choice;

/// How often it is looked whether anybody still wants what comes.
const LOOK: Duration = Duration::from_secs(2);

/// An event with the commit that holds it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The commit.
    pub commit: CommitId,
    /// The event.
    pub event: Event,
    /// The cursor after this event; `None` where no commit stands for just what was told.
    pub cursor: Option<CommitId>,
}

/// What has been told: the history of these commits.
#[derive(Clone, Debug)]
pub struct Cursor {
    ends: BTreeSet<CommitId>,
}

impl Cursor {
    /// Everything up to a commit.
    pub fn at(commit: &CommitId) -> Self {
        Self { ends: BTreeSet::from([commit.clone()]) }
    }

    /// Goes on to a commit whose parents have been told. Gives the commit, when it stands for all that has been told.
    fn pass(&mut self, info: &CommitInfo) -> Option<CommitId> {
        for parent in &info.parents {
            self.ends.remove(parent);
        }
        self.ends.insert(info.id.clone());
        (self.ends.len() == 1).then(|| info.id.clone())
    }
}

/// The commit that a cursor names, which must be in the history of `tip`.
pub fn resolve(session: &Session, cursor: &str, tip: &CommitId) -> Result<CommitId> {
    let unknown = |why: &str| {
        Error::new(Class::NotFound, "unknown_cursor", format!("the cursor {cursor} {why}"))
            .hint("begin anew: jit events query tells everything, and the cursor of its last line goes on from there")
    };
    let commit = session.store.resolve(cursor).map_err(|_| unknown("names no commit here"))?;
    match commits_since(&session.store, &commit, tip) {
        Some(_) => Ok(commit),
        None => Err(unknown("is not in the history of the tracker")),
    }
}

/// Every event after a commit up to `tip`, the oldest first, a batch a commit. Commits are read as they are asked for.
pub fn since(
    session: &Session,
    start: &CommitId,
    tip: &CommitId,
    choice: Choice,
) -> Result<impl Iterator<Item = Result<Vec<Told>>> + 'static> {
    let session = session.reopen()?;
    let about = choice.about(&session, &session.view_at(tip.clone())?)?;
    let mut passed = Cursor::at(start);
    let commits = commits_between(&session.store, Some(start), tip)?.into_iter();
    Ok(commits.map(move |info| told(&session, &info, &mut passed, &choice, about.as_ref())))
}

/// The events of a commit that are meant; the last carries the cursor.
fn told(
    session: &Session,
    info: &CommitInfo,
    passed: &mut Cursor,
    choice: &Choice,
    about: Option<&BTreeSet<IssueId>>,
) -> Result<Vec<Told>> {
    let mut found = Vec::new();
    events::each(&session.store.tree(&info.id)?, &info.id, &mut |event| {
        if choice.accepts(&event, about) {
            found.push(Told { commit: info.id.clone(), event, cursor: None });
        }
    })
    .map_err(StoreError::from)?;
    let cursor = passed.pass(info);
    if let Some(last) = found.last_mut() {
        last.cursor = cursor;
    }
    Ok(found)
}

/// Events as they come after a commit, for as long as they are wanted: in batches, the end is when nobody does.
pub fn follow(
    session: &Session,
    start: &CommitId,
    choice: Choice,
    is_wanted: impl Fn() -> bool + 'static,
) -> Result<impl Iterator<Item = Result<Vec<Told>>> + 'static> {
    let mut session = session.reopen()?;
    let (mut tip, mut cursor) = (start.clone(), Cursor::at(start));
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = next(&session, &tip, &mut cursor, &choice, &is_wanted).transpose()?.and_then(|(now, events)| {
            tip = now;
            // A handle that lives long loses sight of new packs.
            session = session.reopen()?;
            Ok(events)
        });
        failed = next.is_err();
        Some(next)
    }))
}

/// Where the tracker has come to, and the events on the way.
type News = (CommitId, Vec<Told>);

/// Waits for the tracker to move and gives the events that came; `None` when nobody wants them any more.
fn next(
    session: &Session,
    tip: &CommitId,
    cursor: &mut Cursor,
    choice: &Choice,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Option<News>> {
    while !session.await_change(tip, LOOK)? {
        if !is_wanted() {
            return Ok(None);
        }
    }
    let session = session.reopen()?;
    let View { commit: now, .. } = session.view()?;
    let commits = commits_since(&session.store, tip, &now).ok_or_else(|| {
        let message = format!("the tracker went from {} to {}, which does not build on it", tip.short(), now.short());
        Error::new(Class::Unexpected, "history_replaced", message).hint("jit fsck")
    })?;
    let about = choice.about(&session, &session.view_at(now.clone())?)?;
    let mut found = Vec::new();
    for info in commits {
        found.extend(told(&session, &info, cursor, choice, about.as_ref())?);
    }
    Ok(Some((now, found)))
}
