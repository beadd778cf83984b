//! Delivering to one sink what it has not had yet.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::filter;
use crate::error::{Class, Error, Result};
use crate::history::Choice;
use crate::session::{Session, View};
use crate::store::{Backend, CommitInfo, StoreError, ancestry, events};

use super::send::{Carrier, scratch_name};
use super::{Position, Sink, Sinks};

/// After a failure the next try waits this long, twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// But not longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What came of delivering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Everything is delivered: so many events.
    Done(usize),
    /// So many were delivered, and the next one failed: why, and how often by now.
    Failed(usize, String, u32),
    /// So many were delivered, and it was told to stop.
    Stopped(usize),
    /// Somebody else delivers to it.
    Taken,
    /// It is no longer what it was, or gone.
    Changed,
}

/// Delivers what a sink has not had yet, in order, until all is delivered or one event fails.
///
/// Waits for its turn, at most `patience`. `told` is called after each event. The position is written down after each,
/// so that after a kill at most one event is delivered again. Reads the commits since the position, with their events.
pub fn deliver(
    session: &Session,
    sink: &Sink,
    patience: Duration,
    stop: &AtomicBool,
    told: &mut dyn FnMut(&Event),
) -> Result<Delivery> {
    sink.require_trust(session)?;
    let sinks = Sinks::of(session);
    let Some(_turn) = sinks.turn(&sink.name, patience)? else { return Ok(Delivery::Taken) };
    if sinks.get(&sink.name).ok().as_ref() != Some(sink) {
        return Ok(Delivery::Changed);
    }
    sinks.sweep(&scratch_name(&sink.name));
    let dir = place(session);
    let carrier = Carrier::new(sink, &dir, sinks.folder());
    let file = sinks.position_file(&sink.name);
    let mut position = Position::read(&file)?;
    let view = session.view()?;
    let choice = choice(sink, session)?;
    let about = choice.about(session, &view)?;
    let mut delivered = 0;
    for info in news(session, &position, &view)? {
        let all = events::all(&session.store.tree(&info.id)?, &info.id).map_err(StoreError::from)?;
        for (at, event) in all.iter().enumerate().skip(position.done_in(&info.id)) {
            if stop.load(Ordering::Relaxed) {
                return Ok(Delivery::Stopped(delivered));
            }
            if choice.accepts(event, about.as_ref()) {
                if let Err(why) = carrier.send(event, &document(&info, event), stop) {
                    if stop.load(Ordering::Relaxed) {
                        return Ok(Delivery::Stopped(delivered));
                    }
                    position.failures = position.failures.saturating_add(1);
                    position.retry_at = Some(session.now().plus(pause(position.failures)));
                    position.error = Some(why.clone());
                    position.write(&file)?;
                    return Ok(Delivery::Failed(delivered, why, position.failures));
                }
                delivered += 1;
                position.delivered += 1;
                told(event);
                position.pass_event(&info.id, at + 1);
                position.write(&file)?;
            }
        }
        position.pass_commit(&info);
    }
    // What nobody wanted is passed too, once for all of it.
    position.clear_failure();
    position.write(&file)?;
    Ok(Delivery::Done(delivered))
}

/// How long to wait after so many failures.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// Passes the event that fails over. Gives its name.
pub fn skip(session: &Session, sink: &Sink) -> Result<Option<String>> {
    let sinks = Sinks::of(session);
    let _turn = sinks.turn_to_change(&sink.name)?;
    let file = sinks.position_file(&sink.name);
    let mut position = Position::read(&file)?;
    let view = session.view()?;
    let choice = choice(sink, session)?;
    let about = choice.about(session, &view)?;
    for info in news(session, &position, &view)? {
        let all = events::all(&session.store.tree(&info.id)?, &info.id).map_err(StoreError::from)?;
        let next = all
            .iter()
            .enumerate()
            .skip(position.done_in(&info.id))
            .find(|(_, event)| choice.accepts(event, about.as_ref()));
        if let Some((at, event)) = next {
            position.pass_event(&info.id, at + 1);
            position.write(&file)?;
            return Ok(Some(event.event.clone()));
        }
        position.pass_commit(&info);
    }
    Ok(None)
}

/// How many events wait to be delivered.
pub fn pending(session: &Session, sink: &Sink, position: &Position, view: &View) -> Result<usize> {
    let choice = choice(sink, session)?;
    let about = choice.about(session, view)?;
    let mut count = 0;
    for info in news(session, position, view)? {
        let all = events::all(&session.store.tree(&info.id)?, &info.id).map_err(StoreError::from)?;
        count +=
            all.iter().skip(position.done_in(&info.id)).filter(|event| choice.accepts(event, about.as_ref())).count();
    }
    Ok(count)
}

/// The commits that are not dealt with, parents before children.
fn news(session: &Session, position: &Position, view: &View) -> Result<Vec<CommitInfo>> {
    let ends = position.commits();
    for end in &ends {
        let there = session.store.info(end).is_ok() && ancestry::is_ancestor(&session.store, end, &view.commit)?;
        if !there {
            let message = format!("the sink has come to {}, which is not in the history of the tracker", end.short());
            return Err(Error::new(Class::NotFound, "unknown_cursor", message)
                .hint("add the sink again, with --replace and --since-cursor COMMIT: it begins where you say"));
        }
    }
    let mut commits = ancestry::between(&session.store, &view.commit, &ends)?;
    commits.reverse();
    Ok(commits)
}

/// The document that is delivered: an event as `jit events query --json` prints it.
fn document(info: &CommitInfo, event: &Event) -> Vec<u8> {
    let mut document = serde_json::to_value(event).expect("events have only text keys");
    if let Some(fields) = document.as_object_mut() {
        fields.entry("op_id").or_insert(serde_json::Value::Null);
        fields.entry("undoes").or_insert(serde_json::Value::Null);
        fields.insert("commit".to_owned(), info.id.0.clone().into());
        fields.insert("cursor".to_owned(), serde_json::Value::Null);
    }
    let mut bytes = serde_json::to_vec(&document).expect("documents have only text keys");
    bytes.push(b'\n');
    bytes
}

/// Which events a sink wants. Spans of time in its filter are reckoned from now.
fn choice(sink: &Sink, session: &Session) -> Result<Choice> {
    let parse = |text: &String| filter::parse(text, session.now());
    let filter = sink.filter.as_ref().map(parse).transpose();
    let filter = filter.map_err(|fault| Error::usage(format!("the filter of the sink {}, {fault}", sink.name)))?;
    Ok(Choice { issue: None, types: sink.types.clone(), filter, actor: sink.actor.clone() })
}

/// Where commands run: at the top of the work tree, or in the repository's own folder.
fn place(session: &Session) -> PathBuf {
    session.store.work_tree().unwrap_or_else(|| session.store.common_dir().to_owned())
}
