//! `jit undo`.

use std::collections::BTreeSet;

use clap::Args;

use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::name::Actor;
use crate::domain::ops;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::event::EventDoc;
use crate::report::undo::Undone;
use crate::session::Session;
use crate::store::message::Trailers;
use crate::store::{Backend, CommitId, CommitInfo, StoreResult, Walk, events};

use super::common::Force;

/// Take a change back, by the opposite change in a new commit
///
/// Without an argument the newest change that the acting actor made and that is not undone yet; so undo after undo
/// goes further back. Undoing an undo does it again. Refused, with the reason, where what was changed was changed
/// again, where something rests on it, and for what has no opposite: verdicts, comments, claims that ended. Reads the
/// messages of the commits since, the events to be undone, and the issues they are about.
#[derive(Args, Debug)]
pub struct Undo {
    /// An event by its id, or all events of a commit of the tracker
    #[arg(value_name = "EVENT|COMMIT")]
    what: Option<String>,
    /// Show what would be undone, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    force: Force,
}

/// Events of one commit that are to be undone.
struct Target {
    info: CommitInfo,
    events: Vec<Event>,
}

impl Undo {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        if session.done_before(&view.commit)?.is_some() {
            return again(session, &self.force, &view.commit);
        }
        let (actor, _) = session.actor(None)?;
        let wanted = match self.what.as_deref() {
            None => Wanted::Newest(actor),
            Some(text) => match text.parse::<EventId>() {
                Ok(event) => Wanted::Event(event),
                Err(_) => Wanted::Commit(session.store.resolve(text)?),
            },
        };
        let mut tip = view.commit;
        for _ in 0..TRIES {
            match self.attempt(session, &wanted, &tip) {
                Err(error) => {
                    // Somebody may have undone it meanwhile: what is to be undone is then something else.
                    let now = session.view()?.commit;
                    if now == tip {
                        return Err(error);
                    }
                    tip = now;
                }
                done => return done,
            }
        }
        self.attempt(session, &wanted, &tip)
    }

    fn attempt(&self, session: &Session, wanted: &Wanted, tip: &CommitId) -> Result<Report> {
        let manners = self.force.manners();
        let Some(target) = find(session, tip, wanted)? else { return Err(nothing(wanted)) };
        let undone: Vec<EventDoc> =
            target.events.iter().map(|event| EventDoc::new(&target.info.id, event.clone())).collect();
        let parent = target.info.parents.first().unwrap_or(&target.info.id).clone();
        let before = session.view_at(parent)?;
        let mut said = Vec::new();
        let commit = if self.dry_run {
            session.rehearse("undo", &manners, |draft| {
                ops::undo::undo(draft, &target.events, &before.state)?;
                said = draft.events().to_vec();
                Ok(())
            })
        } else {
            let change =
                session.change("undo", &manners, |draft| ops::undo::undo(draft, &target.events, &before.state));
            change.map(|change| {
                crate::sync::claims::publish_end(session, &change);
                said.clone_from(&change.events);
                change.commit
            })
        };
        let commit = commit.map_err(|error| match wanted {
            Wanted::Newest(_) if ["not_undoable", "changed_since"].contains(&error.code) => {
                let hint = error.hint.clone().map_or_else(String::new, |hint| format!("{hint}; "));
                error.hint(format!("{hint}jit undo COMMIT takes back an earlier change (jit log)"))
            }
            _ => error,
        })?;
        Ok(Report::Undone(Undone::new(undone, said, &commit, self.dry_run)))
    }
}

/// How often it is looked anew for what is to be undone, while others change the tracker.
const TRIES: usize = 20;

/// What an earlier operation with the same key came to. Refused when that was another request.
fn again(session: &Session, force: &Force, tip: &CommitId) -> Result<Report> {
    let change = session.change("undo", &force.manners(), |_| Ok(Vec::new()))?;
    let mut undone = Vec::new();
    for id in change.events.iter().filter_map(|event| event.undoes) {
        if undone.iter().all(|known: &EventDoc| known.id != id) {
            undone.extend(by_id(session, tip, id)?);
        }
    }
    Ok(Report::Undone(Undone::new(undone, change.events, &change.commit, false)))
}

/// An event by its id.
fn by_id(session: &Session, tip: &CommitId, id: EventId) -> Result<Option<EventDoc>> {
    let mut found = None;
    session.store.walk(tip, None, &mut |info| {
        if id.time().is_none_or(|time| info.time == time) {
            let all = events::all(&session.store.tree(&info.id)?, &info.id)?;
            found = all.into_iter().find(|event| event.id == id).map(|event| EventDoc::new(&info.id, event));
        }
        let passed = id.time().is_some_and(|time| info.time < time);
        Ok(if found.is_some() || passed { Walk::Stop } else { Walk::On })
    })?;
    Ok(found)
}

/// What is to be undone.
enum Wanted {
    /// The newest change of an actor that is not undone yet.
    Newest(Actor),
    /// One event.
    Event(EventId),
    /// The events of a commit.
    Commit(CommitId),
}

fn nothing(wanted: &Wanted) -> Error {
    let (code, message) = match wanted {
        Wanted::Newest(actor) => ("nothing_to_undo", format!("{actor} has made no change that is not undone already")),
        Wanted::Event(event) => ("event_not_found", format!("the tracker has no event {event}")),
        Wanted::Commit(commit) => {
            ("commit_not_found", format!("{} is no commit in the history of the tracker", commit.short()))
        }
    };
    Error::new(Class::NotFound, code, message).hint("jit log lists the changes, jit events query --json their events")
}

/// The events that are wanted, without those that are undone already: none of them left for what is.
fn find(session: &Session, tip: &CommitId, wanted: &Wanted) -> Result<Option<Target>> {
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
    Ok(found)
}

/// The events of a commit that are wanted and stand.
fn target(info: CommitInfo, all: &[Event], wanted: &Wanted, undone: &BTreeSet<EventId>) -> StoreResult<Option<Target>> {
    let named = |event: &&Event| match wanted {
        Wanted::Event(id) => event.id == *id,
        Wanted::Newest(_) | Wanted::Commit(_) => true,
    };
    let named: Vec<&Event> = all.iter().filter(named).collect();
    let events: Vec<Event> =
        named.iter().filter(|event| !undone.contains(&event.id)).map(|event| (*event).clone()).collect();
    // A change that was named and is undone already is found, with nothing left to do.
    let is_there = if matches!(wanted, Wanted::Newest(_)) { !events.is_empty() } else { !named.is_empty() };
    Ok(is_there.then_some(Target { info, events }))
}
