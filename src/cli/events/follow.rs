//! Events after a cursor, each once: those that are there, and those that come.
//!
//! A cursor is a commit, and stands for everything in its history. A line carries one when everything that was printed
//! up to it, and nothing else, is that history; while two histories that were joined are told one after the other, no
//! commit stands for just what was told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Class, Error, Result};
use crate::report::event::{EventDoc, Follow};
use crate::report::{Report, reader_is_gone};
use crate::session::{Session, View};
use crate::store::history::{commits_between, commits_since};
use crate::store::{Backend, CommitId, CommitInfo, events};

use super::choice::Choice;

/// How often it is looked whether anybody still reads what comes.
const LOOK_AT_READER: Duration = Duration::from_secs(2);

/// What has been told: the history of these commits.
pub struct Cursor {
    ends: BTreeSet<CommitId>,
}

impl Cursor {
    /// Everything up to a commit.
    pub fn at(commit: &CommitId) -> Self {
        Self { ends: BTreeSet::from([commit.clone()]) }
    }

    /// Goes on to a commit whose parents have been told. Gives the commit, when it stands for all that has been told.
    fn pass(&mut self, info: &CommitInfo) -> Option<String> {
        for parent in &info.parents {
            self.ends.remove(parent);
        }
        self.ends.insert(info.id.clone());
        (self.ends.len() == 1).then(|| info.id.0.clone())
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

/// Every event after a cursor up to `tip`, the oldest first. Commits are read as they are printed.
pub fn since(session: &Session, cursor: &str, tip: &CommitId, choice: Choice) -> Result<Report> {
    let start = resolve(session, cursor, tip)?;
    let session = session.reopen()?;
    let about = choice.about(&session, &session.view_at(tip.clone())?)?;
    let mut passed = Cursor::at(&start);
    let commits = commits_between(&session.store, Some(&start), tip)?.into_iter();
    let batches = commits.map(move |info| told(&session, &info, &mut passed, &choice, about.as_ref()));
    Ok(Report::Follow(Follow { batches: Box::new(batches) }))
}

/// The events of a commit that are meant; the last carries the cursor.
fn told(
    session: &Session,
    info: &CommitInfo,
    passed: &mut Cursor,
    choice: &Choice,
    about: Option<&BTreeSet<crate::domain::id::IssueId>>,
) -> Result<Vec<EventDoc>> {
    let mut documents = Vec::new();
    events::each(&session.store.tree(&info.id)?, &info.id, &mut |event| {
        if choice.accepts(&event, about) {
            documents.push(EventDoc::new(&info.id, event));
        }
    })
    .map_err(crate::store::StoreError::from)?;
    let cursor = passed.pass(info);
    if let Some(last) = documents.last_mut() {
        last.cursor = cursor;
    }
    Ok(documents)
}

/// Events as they come, after `first`: the command ends when its reader does.
pub fn follow(session: &Session, cursor: Cursor, first: Vec<EventDoc>, choice: Choice) -> Result<Report> {
    let mut session = session.reopen()?;
    let mut cursor = cursor;
    let mut tip = cursor.ends.first().cloned().expect("a cursor begins at a commit");
    let mut ready = Some(first).filter(|events| !events.is_empty());
    let mut failed = false;
    let batches = std::iter::from_fn(move || {
        if failed {
            return None;
        }
        if let Some(events) = ready.take() {
            return Some(Ok(events));
        }
        let next = next(&session, &tip, &mut cursor, &choice).transpose()?.and_then(|(now, events)| {
            tip = now;
            // A handle that lives long loses sight of new packs.
            session = session.reopen()?;
            Ok(events)
        });
        failed = next.is_err();
        Some(next)
    });
    Ok(Report::Follow(Follow { batches: Box::new(batches) }))
}

/// Where the tracker has come to, and the events on the way.
type News = (CommitId, Vec<EventDoc>);

/// Waits for the tracker to move and gives the events that came; `None` when nobody reads them any more.
fn next(session: &Session, tip: &CommitId, cursor: &mut Cursor, choice: &Choice) -> Result<Option<News>> {
    while !session.await_change(tip, LOOK_AT_READER)? {
        if reader_is_gone() {
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
    let mut documents = Vec::new();
    for info in commits {
        documents.extend(told(&session, &info, cursor, choice, about.as_ref())?);
    }
    Ok(Some((now, documents)))
}
