//! `jit undo`.

use clap::Args;

use crate::domain::id::EventId;
use crate::domain::ops;
use crate::error::{Error, Result};
use crate::history::{Wanted, find, with_id};
use crate::report::Report;
use crate::report::event::EventDoc;
use crate::report::undo::Undone;
use crate::session::Session;
use crate::store::{Backend, CommitId};
use crate::sync::claims::publish_end;

use super::common::Force;

/// Undo a change, by making the opposite change in a new commit
///
/// Without an argument: the newest change that the acting actor made and that is not undone yet; each further undo
/// goes one change back. Undoing an undo redoes it. Refused, with the reason, where what was changed was changed
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

/// How often it is looked anew for what is to be undone, while others change the tracker.
const TRIES: usize = 20;

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
        let target = find(session, tip, wanted)?;
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
                publish_end(session, &change);
                said.clone_from(&change.events);
                change.commit
            })
        };
        let commit = commit.map_err(|error| match wanted {
            Wanted::Newest(_) if ["not_undoable", "changed_since"].contains(&error.code) => {
                let message = format!("{}; named by its commit, an earlier change is undone", error.message);
                Error { message, hint: error.hint.or_else(|| Some("jit log".to_owned())), ..error }
            }
            _ => error,
        })?;
        Ok(Report::Undone(Undone::new(undone, said, &commit, self.dry_run)))
    }
}

/// What an earlier operation with the same key came to. Refused when that was another request.
fn again(session: &Session, force: &Force, tip: &CommitId) -> Result<Report> {
    let change = session.change("undo", &force.manners(), |_| Ok(Vec::new()))?;
    let mut undone = Vec::new();
    for id in change.events.iter().filter_map(|event| event.undoes) {
        if undone.iter().all(|known: &EventDoc| known.id != id) {
            undone.extend(with_id(session, tip, id)?.map(|(commit, event)| EventDoc::new(&commit, event)));
        }
    }
    Ok(Report::Undone(Undone::new(undone, change.events, &change.commit, false)))
}
