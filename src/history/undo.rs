//! Finding what is to be undone.

use std::collections::BTreeSet;

use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::name::Actor;
use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::message::Trailers;
use crate::store::{Backend, CommitId, CommitInfo, StoreResult, Walk, events};

/// What is to be undone.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The newest change of an actor that is not undone yet.
    Newest(Actor),
    /// One event.
    Event(EventId),
    /// The events of a commit.
    Commit(CommitId),
}

impl Wanted {
    /// Says that it is not there.
    fn missing(&self) -> Error {
        let (code, message) = match self {
            Wanted::Newest(actor) => {
                ("nothing_to_undo", format!("{actor} has made no change that is not undone already"))
            }
            Wanted::Event(event) => ("event_not_found", format!("the tracker has no event {event}")),
            Wanted::Commit(commit) => {
                ("commit_not_found", format!("{} is not a commit in the history of the tracker", commit.short()))
            }
        };
        Error::new(Class::NotFound, code, message).hint("jit log")
    }
}

/// Events of one commit that are to be undone.
#[derive(Clone, Debug)]
pub struct Target {
    /// The commit.
    pub info: CommitInfo,
    /// Those of its events that are wanted and stand; none when all are undone already.
    pub events: Vec<Event>,
}

/// The events that are wanted, without those that are undone already. Reads the messages of the commits since, and the
/// events of those that undo.
pub fn find(session: &Session, tip: &CommitId, wanted: &Wanted) -> Result<Target> {
    // What is undone, by an undo that is not undone itself: the newest is seen first.
    let mut undone: BTreeSet<EventId> = BTreeSet::new();
    let mut found = None;
    session.store.walk(tip, None, &mut |info| {
        let trailers = Trailers::parse(&info.message);
        let is_undo = trailers.command.as_deref() == Some("undo");
        if let Wanted::Event(event) = wanted
            && event.time().is_some_and(|time| info.time < time)
        {
            return Ok(Walk::Stop);
        }
        let here = match wanted {
            Wanted::Newest(actor) => trailers.actor.as_deref() == Some(actor.as_str()) && !is_undo,
            Wanted::Event(event) => event.time().is_none_or(|time| info.time == time),
            Wanted::Commit(commit) => info.id == *commit,
        };
        if !here && !is_undo {
            return Ok(Walk::On);
        }
        let all = events::all(&session.store.tree(&info.id)?, &info.id)?;
        if here && let Some(target) = target(info, &all, wanted, &undone)? {
            found = Some(target);
            return Ok(Walk::Stop);
        }
        let opposites = all.iter().filter(|event| !undone.contains(&event.id)).filter_map(|event| event.undoes);
        let opposites: Vec<EventId> = opposites.collect();
        undone.extend(opposites);
        Ok(Walk::On)
    })?;
    found.ok_or_else(|| wanted.missing())
}

/// The events of a commit that are wanted and stand.
fn target(info: CommitInfo, all: &[Event], wanted: &Wanted, undone: &BTreeSet<EventId>) -> StoreResult<Option<Target>> {
    let named = |event: &&Event| match wanted {
        Wanted::Event(id) => event.id == *id,
        Wanted::Newest(_) | Wanted::Commit(_) => true,
    };
    let named: Vec<&Event> = all.iter().filter(named).collect();
    let standing = named.iter().filter(|event| !undone.contains(&event.id));
    let events: Vec<Event> = standing.map(|event| (*event).clone()).collect();
    // A change that was named and is undone already is found, with nothing left to do.
    let is_there = if matches!(wanted, Wanted::Newest(_)) { !events.is_empty() } else { !named.is_empty() };
    Ok(is_there.then_some(Target { info, events }))
}

/// An event by its id, with its commit. Reads the messages of the commits since, and the events of those of its time.
pub fn with_id(session: &Session, tip: &CommitId, id: EventId) -> Result<Option<(CommitId, Event)>> {
    let mut found = None;
    session.store.walk(tip, None, &mut |info| {
        if id.time().is_none_or(|time| info.time == time) {
            let all = events::all(&session.store.tree(&info.id)?, &info.id)?;
            found = all.into_iter().find(|event| event.id == id).map(|event| (info.id, event));
        }
        let passed = id.time().is_some_and(|time| info.time < time);
        Ok(if found.is_some() || passed { Walk::Stop } else { Walk::On })
    })?;
    Ok(found)
}
