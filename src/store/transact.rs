//! The transaction: the one way in which the tracker changes.
//!
//! Take the writers' queue, read the tip, decide, write a commit, swap the ref, leave the queue. When
//! the swap is lost to a writer outside the queue, decide again on the new tip.
//!
//! INVARIANT: what is checked and what is written stand on the same snapshot; correctness rests on the
//! swap alone, the queue gives order and speed.

use std::rc::Rc;
use std::time::Duration;

use crate::domain::draft::{Context, Draft, Ids};
use crate::domain::event::{Body, Event, Rearranged};
use crate::domain::id::IssueId;
use crate::domain::limits::{ISSUE_BYTES, OBJECT_BYTES};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::{Overlay, Read, Snapshot};
use crate::domain::table::Table;
use crate::domain::time::Timestamp;
use crate::domain::{gate, id, issue, name, settings};
use crate::steps;

use super::codec::encode;
use super::index::Home;
use super::layout::{CONFIG_FILE, EVENTS, FORMAT, FORMAT_FILE, Format, ISSUES, gate_path, issue_path};
use super::snapshot::TreeSnapshot;
use super::{
    Backend, CommitId, CommitInfo, FileChange, NewCommit, StoreError, StoreResult, Tree, Unpublished, events, history,
    message,
};

/// Who wants to change something, and as part of what.
pub struct Request<'a> {
    /// The command, as `issue claim`: recorded with the commit.
    pub command: &'a str,
    /// The request in full, to tell whether a repeated operation id stands for the same one.
    pub words: &'a str,
    /// Who acts. Its `now` is set anew on each attempt.
    pub context: Context,
    /// Name and address for the commit.
    pub author: (String, String),
    /// The clock.
    pub clock: &'a dyn Fn() -> Timestamp,
}

/// A change that was made, or an earlier one found again by its operation id.
pub struct Change {
    /// The commit that holds it; when nothing had to change, the tip.
    pub commit: CommitId,
    /// Its events; empty when nothing had to change.
    pub events: Vec<Event>,
    /// The issues the command was about, in its own order.
    pub subjects: Vec<IssueId>,
    /// The state after it.
    pub state: Overlay,
    /// Whether this is the result of an earlier operation, found by its id.
    pub replayed: bool,
    /// How far the newest event before it lay ahead of this machine's clock, when that was much.
    pub clock_lag: Option<Duration>,
}

impl Change {
    /// The first of the issues it was about, as it is after it.
    pub fn issue(&self) -> Option<issue::Issue> {
        self.state.issue(*self.subjects.first()?).ok().flatten()
    }
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Failure {
    /// The rules are against it.
    Refused(Refusal),
    /// The store could not.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(unreadable) => Self::Store(StoreError::Unreadable(unreadable)),
            refusal => Self::Refused(refusal),
        }
    }
}

/// How often a lost swap is decided again before giving up.
const ATTEMPTS: usize = 1000;
/// How far events may lie ahead of this machine's clock before it is reported.
const CLOCK_LAG: Duration = Duration::from_secs(5 * 60);

/// Decides and commits a change of an existing tracker.
///
/// `decide` may be called more than once, each time on a fresh draft. Nothing is written when it
/// refuses or decides no events.
pub fn transact<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    mut decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
) -> Result<Change, Failure> {
    in_turn(store, request, ids, None, &mut decide)
}

fn in_turn<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    fanout: Option<u8>,
    decide: &mut dyn FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
) -> Result<Change, Failure> {
    let _turn = store.queue()?;
    steps::reached("queued");
    for _ in 0..ATTEMPTS {
        let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
        let base = Base::at(store, tip.clone(), fanout)?;
        if let Some(op_id) = &request.context.op_id
            && let Some(earlier) = history::operation(store, &tip, op_id)?
        {
            return earlier_change(store, request, &earlier);
        }
        match attempt(store, request, ids, decide, base) {
            Err(Failure::Store(StoreError::Moved)) => {}
            other => return other,
        }
    }
    Err(StoreError::Busy { what: "the tracker's ref, which others kept moving".to_owned(), age: None, file: None }
        .into())
}

/// Puts issues into folders so many levels deep; less deep is not a reason to move them. What they say stays.
pub fn rearrange<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    fanout: u8,
) -> Result<Change, Failure> {
    in_turn(store, request, ids, Some(fanout), &mut |_| Ok(Vec::new()))
}

/// Decides as [`transact`] does and writes the commit, which nothing points to yet. Gives the tip that it builds on, and
/// the commit; that tip itself when there is nothing to change.
pub fn prepare<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    mut decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
) -> Result<(CommitId, Unpublished), Failure> {
    let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
    let base = Base::at(store, tip.clone(), None)?;
    let thought = think(request, ids, &mut decide, base)?;
    if thought.events.is_empty() {
        let (author, time) = (request.author.clone(), thought.now);
        let same = Unpublished { id: tip.clone(), parent: Some(tip.clone()), subject: String::new(), author, time };
        return Ok((tip, same));
    }
    let unpublished = write(store, request, &thought)?;
    Ok((tip, unpublished))
}

/// Decides as [`transact`] does, and writes nothing. Gives the tip on which it was decided.
pub fn rehearse<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    decide: impl FnOnce(&mut Draft<'_>) -> Decision<()>,
) -> Result<CommitId, Failure> {
    let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
    let base = Base::at(store, tip.clone(), None)?;
    let context = request.context.clone();
    let mut draft = Draft::new(base.snapshot.clone(), &context, ids);
    decide(&mut draft)?;
    let (events, state) = draft.finish();
    // What would be too large is so already now.
    files(&state, &events, &base)?;
    Ok(tip)
}

/// Decides and commits the beginning of a tracker. [`StoreError::Moved`] when there is one already.
pub fn begin<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    mut decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
) -> Result<Change, Failure> {
    let _turn = store.queue()?;
    attempt(store, request, ids, &mut decide, Base::none())
}

/// What a change builds on.
pub(super) struct Base {
    tip: Option<CommitId>,
    newest: Option<Timestamp>,
    snapshot: Rc<dyn Snapshot>,
    format: Format,
    /// Whether the events of the tip are in a folder, which must go.
    many_events: bool,
    /// The fan-out that issues are moved to, and the moves.
    deeper: Option<u8>,
    moves: Vec<(String, String)>,
}

impl Base {
    /// Before there is anything.
    pub(super) fn none() -> Self {
        Self {
            tip: None,
            newest: None,
            snapshot: Rc::new(Nothing),
            format: Format::new(),
            many_events: false,
            deeper: None,
            moves: Vec::new(),
        }
    }

    /// The state.
    pub(super) fn snapshot(&self) -> Rc<dyn Snapshot> {
        self.snapshot.clone()
    }

    /// The files that move.
    pub(super) fn moves(&self) -> Vec<(String, String)> {
        self.moves.clone()
    }

    /// The state in the commit `tip`, which must be one that this version may write.
    pub(super) fn at<B: Backend>(store: &B, tip: CommitId, fanout: Option<u8>) -> StoreResult<Self> {
        let snapshot = Rc::new(open(store, &tip)?);
        let format = snapshot.format().clone();
        if format.min_writer > FORMAT {
            return Err(StoreError::TooNew { needed: format.min_writer, readable: true });
        }
        let deeper = fanout.filter(|fanout| *fanout > format.fanout);
        let moves = deeper.map_or(Ok(Vec::new()), |to| moves(&snapshot, to))?;
        let many_events = snapshot.tree().mark(EVENTS)?.is_some();
        let newest = Some(store.info(&tip)?.time);
        Ok(Self { tip: Some(tip), newest, snapshot, format, many_events, deeper, moves })
    }
}

fn attempt<B: Backend>(
    store: &B,
    request: &Request<'_>,
    ids: &mut dyn Ids,
    decide: &mut dyn FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    base: Base,
) -> Result<Change, Failure> {
    let thought = think(request, ids, decide, base)?;
    let commit = match (thought.events.is_empty(), &thought.base.tip) {
        (true, Some(tip)) => tip.clone(),
        _ => store.publish(write(store, request, &thought)?)?,
    };
    let Thought { events, subjects, state, clock_lag, .. } = thought;
    Ok(Change { commit, events, subjects, state, replayed: false, clock_lag })
}

/// A change that was decided.
struct Thought {
    base: Base,
    events: Vec<Event>,
    subjects: Vec<IssueId>,
    state: Overlay,
    now: Timestamp,
    clock_lag: Option<Duration>,
}

fn think(
    request: &Request<'_>,
    ids: &mut dyn Ids,
    decide: &mut dyn FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    base: Base,
) -> Result<Thought, Failure> {
    let clock = (request.clock)();
    let earliest = base.newest.map(|newest| newest.plus(Duration::from_millis(1)));
    let now = earliest.map_or(clock, |earliest| earliest.max(clock));
    let context = Context { now, clock, ..request.context.clone() };
    let clock_lag = base.newest.map(|newest| newest.since(clock)).filter(|lag| *lag > CLOCK_LAG);

    let mut draft = Draft::new(base.snapshot.clone(), &context, ids);
    let subjects = decide(&mut draft)?;
    if let Some(to) = base.deeper {
        draft.emit(None, Body::TrackerRearranged(Rearranged { from: base.format.fanout, to }))?;
    }
    let (events, state) = draft.finish();
    steps::reached("decided");
    Ok(Thought { base, events, subjects, state, now, clock_lag })
}

/// Writes the commit of a change that was decided.
fn write<B: Backend>(store: &B, request: &Request<'_>, thought: &Thought) -> Result<Unpublished, Failure> {
    let Thought { base, events, subjects, state, now, .. } = thought;
    let files = files(state, events, base)?;
    let message = message::compose(events, request.command, request.words, subjects);
    let (author, moves, parent) = (request.author.clone(), base.moves.clone(), base.tip.as_ref());
    Ok(store.write(NewCommit { parent, joined: Vec::new(), files, moves, message, author, time: *now })?)
}

/// From where to where the issues go that are to stand `fanout` folders deep.
pub(super) fn moves<T: Tree>(snapshot: &TreeSnapshot<T>, fanout: u8) -> Read<Vec<(String, String)>> {
    let mut moves = Vec::new();
    for path in snapshot.issue_paths()? {
        if let Some(id) = id::issue_of_path(&path) {
            moves.push((path, issue_path(id, fanout)));
        }
    }
    Ok(moves)
}

/// The files that differ after a change.
pub(super) fn files(state: &Overlay, events: &[Event], base: &Base) -> Result<Vec<FileChange>, Failure> {
    let first = base.tip.is_none();
    let format = &Format { fanout: base.deeper.unwrap_or(base.format.fanout), ..base.format.clone() };
    let mut files = Vec::new();
    for issue in state.changed_issues().values() {
        files.push(FileChange::put(issue_path(issue.id, format.fanout), encode(issue)));
    }
    for (key, gate) in state.changed_gates() {
        files.push(FileChange { path: gate_path(key), content: gate.as_ref().map(encode) });
    }
    if let Some(settings) = state.changed_settings() {
        files.push(FileChange::put(CONFIG_FILE, encode(settings)));
    } else if first {
        files.push(FileChange::put(CONFIG_FILE, encode(&settings::Settings::default())));
    }
    if first || base.deeper.is_some() {
        files.push(FileChange::put(FORMAT_FILE, encode(format)));
    }
    files.extend(events::write(events, base.many_events));
    // INVARIANT: nothing is written that this program would refuse to read.
    for file in &files {
        let limit = if file.path.starts_with(ISSUES) { ISSUE_BYTES } else { OBJECT_BYTES };
        if let Some(size) = file.content.as_ref().map(Vec::len).filter(|size| *size > limit) {
            let what = format!("{} with {size} bytes", file.path);
            return Err(Refusal::TooLarge { what, limit: format!("{limit} bytes") }.into());
        }
    }
    Ok(files)
}

/// Gives the result of an operation that was carried out before under the same operation id.
fn earlier_change<B: Backend>(store: &B, request: &Request<'_>, info: &CommitInfo) -> Result<Change, Failure> {
    let trailers = message::Trailers::parse(&info.message);
    let command = trailers.command.unwrap_or_default();
    let snapshot = TreeSnapshot::open(store.tree(&info.id)?)?;
    let events = events::all(snapshot.tree(), &info.id).map_err(StoreError::from)?;
    let same = command == request.command
        && trailers.request == Some(message::fingerprint(request.words.as_bytes()))
        && events.iter().all(|event| event.actor == request.context.actor);
    if let Some(op_id) = request.context.op_id.as_ref().filter(|_| !same) {
        return Err(Refusal::OpIdReused { op_id: op_id.clone(), command }.into());
    }
    Ok(Change {
        commit: info.id.clone(),
        events,
        subjects: trailers.subjects,
        state: Overlay::new(Rc::new(snapshot)),
        replayed: true,
        clock_lag: None,
    })
}

/// Opens the state in a commit.
pub fn open<B: Backend>(store: &B, commit: &CommitId) -> StoreResult<TreeSnapshot<B::Tree>> {
    let state = TreeSnapshot::open(store.tree(commit)?)?;
    Ok(match store.state_dir() {
        Some(dir) => state.with_index(Home { dir: dir.to_owned(), keep: None }),
        None => state,
    })
}

/// The state before there is any.
struct Nothing;

impl Snapshot for Nothing {
    fn issue(&self, _: id::IssueId) -> Read<Option<issue::Issue>> {
        Ok(None)
    }
    fn ids_with_prefix(&self, _: &id::IdPrefix) -> Read<Vec<id::IssueId>> {
        Ok(Vec::new())
    }
    fn gate(&self, _: &name::GateKey) -> Read<Option<gate::Gate>> {
        Ok(None)
    }
    fn gate_keys(&self) -> Read<Vec<name::GateKey>> {
        Ok(Vec::new())
    }
    fn settings(&self) -> Read<settings::Settings> {
        Ok(settings::Settings::default())
    }
    fn table(&self) -> Read<Rc<Table>> {
        Ok(Rc::default())
    }
}
