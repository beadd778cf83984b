//! Joining two histories: the merge of two commits, and what it says.
//!
//! INVARIANT: a merge is a function of its two parents alone. Their order, the clock, who merges and where do not
//! matter, so that everybody who joins the same two commits makes the same commit.

mod shared;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use uuid::Uuid;

use crate::domain::apply::difference;
use crate::domain::event::{Body, Empty, Event, Merged, Rearranged};
use crate::domain::id::{EventId, IssueId};
use crate::domain::issue::{Extra, Issue};
use crate::domain::merge::{Side, Stamp, Touched, break_cycles, closes_circle, merge_issue};
use crate::domain::name::Actor;
use crate::domain::snapshot::{Overlay, Snapshot};
use crate::domain::standing::{Standing, standings};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

use super::codec::encode;
use super::layout::{EVENTS, FORMAT, FORMAT_FILE, ISSUES, issue_path};
use super::snapshot::TreeSnapshot;
use super::{
    Backend, CommitId, FileChange, NewCommit, StoreError, StoreResult, Tree, Unpublished, ancestry, by_issue, events,
    message, transact,
};

/// Who makes what a merge decides.
const ACTOR: &str = "jit:merge";
/// Name and address of a merge's author.
const AUTHOR: (&str, &str) = ("jit", "jit@localhost");
/// The command that a merge is recorded with.
const COMMAND: &str = "merge";
/// How often a criss-cross may lie within another before any one of its bases will do.
const DEPTH: usize = 10;

/// A merge that was thought out.
pub struct Joined {
    parents: [CommitId; 2],
    files: Vec<FileChange>,
    moves: Vec<(String, String)>,
    message: String,
    time: Timestamp,
    /// What it says.
    pub events: Vec<Event>,
}

impl Joined {
    /// The commit to be written.
    pub fn commit(&self) -> NewCommit<'_> {
        NewCommit {
            parent: Some(&self.parents[0]),
            joined: vec![self.parents[1].clone()],
            files: self.files.clone(),
            moves: self.moves.clone(),
            message: self.message.clone(),
            author: (AUTHOR.0.to_owned(), AUTHOR.1.to_owned()),
            time: self.time,
        }
    }
}

/// Thinks out the merge of two commits, of which neither builds on the other.
///
/// Reads what changed on either side since they parted: for issues that changed on one side their documents, for
/// those that changed on both also the events of both sides.
pub fn join<B: Backend>(store: &B, one: &CommitId, other: &CommitId) -> StoreResult<Joined> {
    join_within(store, one, other, DEPTH)
}

fn join_within<B: Backend>(store: &B, one: &CommitId, other: &CommitId, depth: usize) -> StoreResult<Joined> {
    let (p, q) = if one <= other { (one, other) } else { (other, one) };
    let bases = ancestry::merge_bases(store, p, q)?;
    let base = match bases.as_slice() {
        [] => None,
        [base] => Some(base.clone()),
        [first, ..] if depth == 0 => Some(first.clone()),
        [first, rest @ ..] => {
            let mut joined = first.clone();
            for next in rest {
                joined = imagine(store, &joined, next, depth - 1)?;
            }
            Some(joined)
        }
    };
    let parents = [p.clone(), q.clone()];
    let newest = store.info(p)?.time.max(store.info(q)?.time);
    let work = Work {
        base: base.as_ref().map(|base| transact::open(store, base)).transpose()?,
        p: writable(transact::open(store, p)?)?,
        q: writable(transact::open(store, q)?)?,
        news: OnceCell::new(),
        store,
        parents: &parents,
        time: newest.plus(std::time::Duration::from_millis(1)),
    };
    let whole = work.whole(bases)?;
    Ok(Joined { parents: parents.clone(), ..whole })
}

/// The merge of two bases, which stands nowhere: as git does for a criss-cross.
fn imagine<B: Backend>(store: &B, one: &CommitId, other: &CommitId, depth: usize) -> StoreResult<CommitId> {
    let joined = join_within(store, one, other, depth)?;
    let Unpublished { id, .. } = store.imagine(joined.commit())?;
    Ok(id)
}

fn writable<T: Tree>(state: TreeSnapshot<T>) -> StoreResult<TreeSnapshot<T>> {
    match state.format().min_writer {
        needed if needed > FORMAT => Err(StoreError::TooNew { needed, readable: true }),
        _ => Ok(state),
    }
}

/// What happened on one side.
#[derive(Default)]
struct News {
    issues: BTreeMap<IssueId, Touched>,
    shared: Touched,
}

struct Work<'w, B: Backend> {
    store: &'w B,
    base: Option<TreeSnapshot<B::Tree>>,
    p: TreeSnapshot<B::Tree>,
    q: TreeSnapshot<B::Tree>,
    parents: &'w [CommitId; 2],
    time: Timestamp,
    news: OnceCell<[News; 2]>,
}

/// What the issues of both sides became.
struct Issues {
    /// Those that are not as the first parent has them, with what they are there.
    changed: BTreeMap<IssueId, (Option<Issue>, Issue)>,
    /// What had to be decided.
    notes: Vec<(IssueId, Body)>,
    /// The issues that either side changed.
    touched: BTreeSet<IssueId>,
    /// Those that both did.
    joined: BTreeSet<IssueId>,
}

impl<B: Backend> Work<'_, B> {
    fn whole(self, bases: Vec<CommitId>) -> StoreResult<Joined> {
        let mut issues = self.issues()?;
        self.untie(&mut issues)?;
        self.complete(&mut issues)?;
        let format = self.format();
        let fields = self.fields()?;
        let mut files = Vec::new();
        let merged = Merged {
            parents: self.parents.iter().map(ToString::to_string).collect(),
            bases: bases.iter().map(ToString::to_string).collect(),
        };
        let mut bodies = vec![(None, Body::TrackerMerged(merged))];
        let mut moves = Vec::new();
        if format.fanout > self.p.format().fanout {
            moves = transact::moves(&self.p, format.fanout)?;
            let (from, to) = (self.p.format().fanout, format.fanout);
            bodies.push((None, Body::TrackerRearranged(Rearranged { from, to })));
        }
        if format != *self.p.format() {
            files.push(FileChange::put(FORMAT_FILE, encode(&format)));
        }
        let fields = self.gates(&issues, fields, &mut files, &mut bodies)?;
        let fields = self.settings(fields, &mut files, &mut bodies)?;
        bodies.extend(fields.notes.into_iter().map(|note| (None, note)));
        for (id, (before, after)) in &issues.changed {
            if let Some(patch) = difference(before.as_ref(), after) {
                files.push(FileChange::put(issue_path(*id, format.fanout), encode(after)));
                bodies.push((Some(*id), Body::IssueMerged(patch)));
            }
        }
        bodies.extend(issues.notes.into_iter().map(|(id, note)| (Some(id), note)));
        let events = self.events(bodies);
        files.extend(events::write(&events, self.p.tree().mark(EVENTS)?.is_some()));
        let message = message::compose(&events, COMMAND, COMMAND, &[]);
        Ok(Joined { parents: self.parents.clone(), files, moves, message, time: self.time, events })
    }

    /// Every issue that changed on either side.
    fn issues(&self) -> StoreResult<Issues> {
        let empty = self.p.tree().empty();
        let base = self.base.as_ref().map_or(&empty, |base| base.tree());
        let changed = |side: &TreeSnapshot<B::Tree>| -> StoreResult<BTreeSet<IssueId>> {
            Ok(by_issue(base.diff(side.tree(), ISSUES)?).into_keys().collect())
        };
        let (by_p, by_q) = (changed(&self.p)?, changed(&self.q)?);
        let mut issues =
            Issues { changed: BTreeMap::new(), notes: Vec::new(), touched: &by_p | &by_q, joined: &by_p & &by_q };
        for id in by_q {
            // A document that is gone on one side was never deleted, it is missing there.
            let (here, Some(there)) = (self.p.issue(id)?, self.q.issue(id)?) else { continue };
            let Some(p) = here.clone().filter(|_| by_p.contains(&id)) else {
                issues.changed.insert(id, (here, there));
                continue;
            };
            if p == there {
                continue;
            }
            let base = self.base.as_ref().map(|base| base.issue(id)).transpose()?.flatten();
            let [news_p, news_q] = self.news()?;
            let nothing = Touched::default();
            let side =
                |issue, news: &'_ News| (issue, news.issues.get(&id).cloned().unwrap_or_else(|| nothing.clone()));
            let ((x, touched_x), (y, touched_y)) = (side(&p, news_p), side(&there, news_q));
            let a = Side { issue: x, touched: &touched_x };
            let b = Side { issue: y, touched: &touched_y };
            let (merged, notes) = merge_issue(base.as_ref(), a, b);
            issues.notes.extend(notes.into_iter().map(|note| (id, note)));
            issues.changed.insert(id, (here, merged));
        }
        Ok(issues)
    }

    /// Takes out edges that closed a circle.
    fn untie(&self, issues: &mut Issues) -> StoreResult<()> {
        // Each circle has an edge that the first parent lacks, and one that the second lacks.
        let lacking = |side: &TreeSnapshot<B::Tree>| -> StoreResult<Vec<(IssueId, IssueId)>> {
            let mut lacking = Vec::new();
            for id in &issues.touched {
                let known = side.issue(*id)?.filter(|issue| issue.deleted.is_none());
                let known = known.map(|issue| issue.dependencies).unwrap_or_default();
                let now = match issues.changed.get(id) {
                    Some((_, merged)) => Some(merged.clone()),
                    None => self.p.issue(*id)?,
                };
                let now = now.filter(|issue| issue.deleted.is_none());
                let now = now.map(|issue| issue.dependencies).unwrap_or_default();
                lacking.extend(now.difference(&known).map(|on| (*id, *on)));
            }
            Ok(lacking)
        };
        let suspects = lacking(&self.p)?;
        if suspects.is_empty() || lacking(&self.q)?.is_empty() {
            return Ok(());
        }
        let mut state = Overlay::new(Rc::new(transact::open(self.store, &self.parents[0])?));
        for (_, merged) in issues.changed.values() {
            state.put_issue(merged.clone());
        }
        // Most merges close no circle: when an edge was added matters only then.
        if closes_circle(&state, &suspects)?.is_none() {
            return Ok(());
        }
        let news = self.news()?;
        let added = |(from, on): (IssueId, IssueId)| -> Option<Stamp> {
            news.iter().filter_map(|news| news.issues.get(&from)?.edge(on)).max().cloned()
        };
        for (id, broken) in break_cycles(&state, &suspects, &added)? {
            let Some(now) = state.issue(id)? else { continue };
            let entry = issues.changed.entry(id).or_insert_with(|| (Some(now.clone()), now));
            entry.1.dependencies.remove(&broken.on);
            issues.notes.push((id, Body::MergeCycleBroken(broken)));
        }
        Ok(())
    }

    /// Finishes issues whose last gates were passed on different sides.
    fn complete(&self, issues: &mut Issues) -> StoreResult<()> {
        let waits = |issue: &Issue| issue.state == State::Gated && issue.deleted.is_none();
        let gated = issues.changed.iter().filter(|(id, (_, now))| waits(now) && issues.joined.contains(*id));
        let gated: Vec<IssueId> = gated.map(|(id, _)| *id).collect();
        if gated.is_empty() {
            return Ok(());
        }
        let mut state = Overlay::new(Rc::new(transact::open(self.store, &self.parents[0])?));
        for (_, merged) in issues.changed.values() {
            state.put_issue(merged.clone());
        }
        for id in gated {
            let Some((_, issue)) = issues.changed.get_mut(&id) else { continue };
            let passed = standings(&state, issue)?.iter().all(Standing::holds);
            if passed && state.blockers(issue)?.is_empty() {
                issue.state = State::Done;
                issue.claim = None;
                issue.question = None;
                issue.completed_at = Some(self.time);
                issues.notes.push((id, Body::MergeCompleted(Empty {})));
            }
        }
        Ok(())
    }

    /// What happened on each side since they parted. Reads every event of both.
    fn news(&self) -> StoreResult<&[News; 2]> {
        if let Some(news) = self.news.get() {
            return Ok(news);
        }
        let [p, q] = self.parents;
        let read = |from: &CommitId, hidden: &CommitId| -> StoreResult<News> {
            let mut news = News::default();
            for info in ancestry::between(self.store, from, std::slice::from_ref(hidden))? {
                events::each(&self.store.tree(&info.id)?, &info.id, &mut |event| {
                    // An event that nobody can read is nobody's change.
                    let Ok(Some(body)) = event.body() else { return };
                    match event.issue {
                        Some(id) => news.issues.entry(id).or_default().note(&event, &body),
                        None => news.shared.note(&event, &body),
                    }
                })?;
            }
            Ok(news)
        };
        let news = [read(p, q)?, read(q, p)?];
        Ok(self.news.get_or_init(|| news))
    }

    /// Events with ids that follow from the parents.
    fn events(&self, bodies: Vec<(Option<IssueId>, Body)>) -> Vec<Event> {
        let [p, q] = self.parents;
        let event = |(n, (issue, body)): (usize, (Option<IssueId>, Body))| Event {
            id: EventId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{p} {q} {n}").as_bytes())),
            ts: self.time,
            event: body.name().to_owned(),
            issue,
            actor: actor(),
            data: body.to_data(),
            op_id: None,
            undoes: None,
            extra: Extra::new(),
        };
        bodies.into_iter().enumerate().map(event).collect()
    }
}

fn actor() -> Actor {
    ACTOR.parse().expect("a valid actor")
}
