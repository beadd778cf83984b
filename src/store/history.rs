//! The past: events and versions, read from the chain of commits.

use std::collections::BTreeSet;

use crate::domain::event::{Body, Event, Judgement, Ran};
use crate::domain::gate::Check;
use crate::domain::id::IssueId;
use crate::domain::name::{GateKey, OpId};
use crate::domain::time::Timestamp;

use super::lookup::{self, Key};
use super::{Backend, CommitId, CommitInfo, StoreResult, Walk, events, message};

/// A commit of the tracker with its events, oldest first.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The commit.
    pub info: CommitInfo,
    /// Its events.
    pub events: Vec<Event>,
}

/// Hands out the commits in the history of `tip` that hold events about an issue, each with these, newest
/// first, while `visit` wants more.
pub fn events_about<B: Backend>(
    store: &B,
    tip: &CommitId,
    issue: IssueId,
    visit: &mut dyn FnMut(Recorded) -> StoreResult<Walk>,
) -> StoreResult<()> {
    for commit in lookup::commits(store, tip, Key::Issue(issue))? {
        let events = events::about(&store.tree(&commit)?, &commit, issue)?;
        if !events.is_empty() && visit(Recorded { info: store.info(&commit)?, events })? == Walk::Stop {
            break;
        }
    }
    Ok(())
}

/// The commit, in the history of `tip`, that was made under a caller's key.
pub fn operation<B: Backend>(store: &B, tip: &CommitId, op_id: &OpId) -> StoreResult<Option<CommitInfo>> {
    for commit in lookup::commits(store, tip, Key::Operation(op_id))? {
        let info = store.info(&commit)?;
        if message::Trailers::parse(&info.message).op_id.as_deref() == Some(op_id.as_str()) {
            return Ok(Some(info));
        }
    }
    Ok(None)
}

/// Whether a gate holds for a tree, when the event says so, and what was judged.
pub fn judgement(event: &Event) -> Option<(bool, Judgement)> {
    match event.body() {
        Ok(Some(Body::GatePassed(judgement) | Body::GateVerified(judgement))) => Some((true, judgement)),
        Ok(Some(Body::GateFailed(judgement))) => Some((false, judgement)),
        _ => None,
    }
}

/// The newest verdict under a key of evidence that `wanted` accepts: whether the gate held, and the event.
pub fn evidence<B: Backend>(
    store: &B,
    tip: &CommitId,
    key: &str,
    wanted: &mut dyn FnMut(&Event, &Judgement) -> bool,
) -> StoreResult<Option<(bool, Event, Judgement)>> {
    for commit in lookup::commits(store, tip, Key::Evidence(key))? {
        for event in events::all(&store.tree(&commit)?, &commit)?.into_iter().rev() {
            if let Some((passed, judgement)) = judgement(&event)
                && wanted(&event, &judgement)
            {
                return Ok(Some((passed, event, judgement)));
            }
        }
    }
    Ok(None)
}

/// The newest verdict on a tree, by hand or by the command, that counts for an issue: whether the gate held, and the
/// event.
///
/// What the command found counts for every issue. What somebody said counts for the one it was said of: where a
/// command judges only that it failed, or that it passes in place of the command.
pub fn newest_verdict<B: Backend>(
    store: &B,
    tip: &CommitId,
    issue: IssueId,
    asked: (&GateKey, &Check),
    tree: &str,
) -> StoreResult<Option<(bool, Event, Judgement)>> {
    let (gate, check) = asked;
    let (command, workdir) = (check.command.as_deref(), check.workdir.as_deref());
    let same = |judgement: &Judgement| judgement.gate == *gate && judgement.tree.as_deref() == Some(tree);
    let by_hand = &mut |event: &Event, judgement: &Judgement| {
        let counts = command.is_none() || judgement.overridden || event.event == "gate.failed";
        same(judgement) && judgement.run.is_none() && event.issue == Some(issue) && counts
    };
    let said = evidence(store, tip, &message::evidence_key(gate, None, None, tree), by_hand)?;
    let by_command = &mut |_: &Event, judgement: &Judgement| {
        let is_same = |run: &Ran| check.is_run_by(Some(&run.command), run.workdir.as_deref());
        same(judgement) && judgement.run.as_ref().is_some_and(is_same)
    };
    let found = match command {
        Some(_) => evidence(store, tip, &message::evidence_key(gate, command, workdir, tree), by_command)?,
        None => None,
    };
    Ok(said.into_iter().chain(found).max_by_key(|(_, event, _)| (event.ts, event.id)))
}

/// The newest `count` events that `wanted` accepts, oldest first, each with its commit.
pub fn last_events<B: Backend>(
    store: &B,
    from: &CommitId,
    count: usize,
    issue: Option<IssueId>,
    wanted: &mut dyn FnMut(&Event) -> Wanted,
) -> StoreResult<Vec<(CommitId, Event)>> {
    let mut found = Vec::new();
    if count == 0 {
        return Ok(found);
    }
    let mut take = |commit: &CommitId, events: Vec<Event>| {
        for event in events.into_iter().rev() {
            match wanted(&event) {
                Wanted::Yes => found.push((commit.clone(), event)),
                Wanted::No => {}
                Wanted::NoMore => return Walk::Stop,
            }
            if found.len() == count {
                return Walk::Stop;
            }
        }
        Walk::On
    };
    if let Some(issue) = issue {
        events_about(store, from, issue, &mut |recorded| Ok(take(&recorded.info.id, recorded.events)))?;
    } else {
        // Of a commit with many events only as many files are read as are needed.
        store.walk(from, None, &mut |info| {
            let tree = store.tree(&info.id)?;
            for part in events::parts(&tree)?.iter().rev() {
                if take(&info.id, events::read(&tree, part, &info.id)?) == Walk::Stop {
                    return Ok(Walk::Stop);
                }
            }
            Ok(Walk::On)
        })?;
    }
    found.reverse();
    Ok(found)
}

/// What a history held at some time.
pub enum Past {
    /// It had come to this commit.
    At {
        /// The newest commit then.
        commit: CommitId,
        /// How many other histories there were that it did not hold, and that were joined with it later.
        beside: usize,
    },
    /// It begins later: then.
    Before(Timestamp),
}

/// The newest commit in the history of `tip` that is not younger than `time`. Reads the messages of those that are.
pub fn as_of<B: Backend>(store: &B, tip: &CommitId, time: Timestamp) -> StoreResult<Past> {
    // What the younger commits build on, and what there was of it at that time.
    let mut ends = BTreeSet::from([tip.clone()]);
    let mut newest = None;
    let mut beginning = time;
    store.walk(tip, None, &mut |info| {
        if info.time <= time {
            newest = Some(info.id);
            return Ok(Walk::Stop);
        }
        beginning = info.time;
        ends.remove(&info.id);
        ends.extend(info.parents);
        Ok(Walk::On)
    })?;
    let Some(commit) = newest else { return Ok(Past::Before(beginning)) };
    let mut beside = 0;
    for end in ends.iter().filter(|end| **end != commit) {
        let mut apart = false;
        store.walk(end, Some(&commit), &mut |_| {
            apart = true;
            Ok(Walk::Stop)
        })?;
        beside += usize::from(apart);
    }
    Ok(Past::At { commit, beside })
}

/// What a search for events thinks of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is wanted.
    Yes,
    /// It is not.
    No,
    /// It is not, and neither is any older one.
    NoMore,
}

impl Wanted {
    /// Wanted, or not, when what is older may still be.
    pub fn if_so(wanted: bool) -> Self {
        if wanted { Self::Yes } else { Self::No }
    }
}

/// The events after `since` up to `to`, oldest first. With `None`, from the beginning.
pub fn events_between<B: Backend>(store: &B, since: Option<&CommitId>, to: &CommitId) -> StoreResult<Vec<Recorded>> {
    let recorded = |info: CommitInfo| Ok(Recorded { events: events::all(&store.tree(&info.id)?, &info.id)?, info });
    commits_between(store, since, to)?.into_iter().map(recorded).collect()
}

/// The commits after `since` up to `to`, oldest first. With `None`, from the beginning.
pub fn commits_between<B: Backend>(store: &B, since: Option<&CommitId>, to: &CommitId) -> StoreResult<Vec<CommitInfo>> {
    let mut found = Vec::new();
    store.walk(to, since, &mut |info| {
        found.push(info);
        Ok(Walk::On)
    })?;
    found.reverse();
    Ok(found)
}

/// The commits after `since` up to `to`, oldest first. `None` when `to` does not build on `since`, or when that
/// cannot be told: a commit that is gone tells nothing.
pub fn commits_since<B: Backend>(store: &B, since: &CommitId, to: &CommitId) -> Option<Vec<CommitInfo>> {
    if since == to {
        return Some(Vec::new());
    }
    let commits = commits_between(store, Some(since), to).ok()?;
    commits.iter().any(|commit| commit.parents.contains(since)).then_some(commits)
}
