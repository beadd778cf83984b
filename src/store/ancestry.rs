//! Who descends from whom: walks over histories with merges.
//!
//! INVARIANT: a commit is younger than its parents, by at least a millisecond, so the order of time is one in which
//! children come before parents. A history that lies about its times is refused when it comes in; see [`super::vet`].

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use crate::domain::time::Timestamp;

use super::{Backend, CommitId, CommitInfo, StoreResult, Walk};

/// Reads what a commit says.
type Reader<'r> = &'r dyn Fn(&CommitId) -> StoreResult<CommitInfo>;

/// Commits in the order of their time, the youngest first, each once, with the marks that reached it.
struct Frontier<'r> {
    info: Reader<'r>,
    heap: BinaryHeap<(Timestamp, CommitId)>,
    waiting: BTreeMap<CommitId, (CommitInfo, u8)>,
}

impl<'r> Frontier<'r> {
    fn new(info: Reader<'r>) -> Self {
        Self { info, heap: BinaryHeap::new(), waiting: BTreeMap::new() }
    }

    fn add(&mut self, id: &CommitId, marks: u8) -> StoreResult<()> {
        if let Some((_, known)) = self.waiting.get_mut(id) {
            *known |= marks;
            return Ok(());
        }
        let info = (self.info)(id)?;
        self.heap.push((info.time, id.clone()));
        self.waiting.insert(id.clone(), (info, marks));
        Ok(())
    }

    fn next(&mut self) -> Option<(CommitInfo, u8)> {
        let (_, id) = self.heap.pop()?;
        self.waiting.remove(&id)
    }

    /// Whether what waits carries all of `marks`, each of it.
    fn all_carry(&self, marks: u8) -> bool {
        self.waiting.values().all(|(_, known)| known & marks == marks)
    }
}

/// Hands out the commits reachable from `from` and not from `hidden`, the youngest first, while `visit` wants more.
pub fn walk(
    info: Reader<'_>,
    from: &CommitId,
    hidden: &[CommitId],
    visit: &mut dyn FnMut(CommitInfo) -> StoreResult<Walk>,
) -> StoreResult<()> {
    const HIDDEN: u8 = 1;
    let mut frontier = Frontier::new(info);
    frontier.add(from, 0)?;
    for id in hidden {
        frontier.add(id, HIDDEN)?;
    }
    let mut seen = BTreeSet::new();
    while let Some((info, marks)) = frontier.next() {
        if seen.insert(info.id.clone()) {
            for parent in &info.parents {
                frontier.add(parent, marks)?;
            }
            if marks & HIDDEN == 0 && visit(info)? == Walk::Stop {
                break;
            }
        }
        if frontier.all_carry(HIDDEN) {
            break;
        }
    }
    Ok(())
}

/// The commits reachable from `from` and not from any of `hidden`, the youngest first.
pub fn between<B: Backend>(store: &B, from: &CommitId, hidden: &[CommitId]) -> StoreResult<Vec<CommitInfo>> {
    let mut found = Vec::new();
    walk(&|id| store.info(id), from, hidden, &mut |info| {
        found.push(info);
        Ok(Walk::On)
    })?;
    Ok(found)
}

/// A commit that was not made by this program tells its time in whole seconds.
const COARSE: Duration = Duration::from_secs(2);

/// Whether `newer` builds on `older`, or is the same.
pub fn is_ancestor<B: Backend>(store: &B, older: &CommitId, newer: &CommitId) -> StoreResult<bool> {
    if older == newer {
        return Ok(true);
    }
    let oldest = store.info(older)?.time.minus(COARSE);
    let mut found = false;
    walk(&|id| store.info(id), newer, &[], &mut |info| {
        found |= info.id == *older;
        Ok(if found || info.time < oldest { Walk::Stop } else { Walk::On })
    })?;
    Ok(found)
}

/// The youngest commits that both build on, in the order of their ids: several after a criss-cross, none when the
/// histories began apart.
///
/// The algorithm is that of `git merge-base --all`: paint what each side reaches, and stop where both colours meet.
pub fn merge_bases<B: Backend>(store: &B, one: &CommitId, other: &CommitId) -> StoreResult<Vec<CommitId>> {
    const ONE: u8 = 1;
    const OTHER: u8 = 2;
    /// Below a base that was found.
    const STALE: u8 = 4;
    let info = |id: &CommitId| store.info(id);
    let mut frontier = Frontier::new(&info);
    frontier.add(one, ONE)?;
    frontier.add(other, OTHER)?;
    let mut bases = BTreeSet::new();
    while !frontier.all_carry(STALE) {
        let Some((info, mut marks)) = frontier.next() else { break };
        if marks & (ONE | OTHER) == ONE | OTHER && marks & STALE == 0 {
            bases.insert(info.id.clone());
            marks |= STALE;
        }
        for parent in &info.parents {
            frontier.add(parent, marks)?;
        }
    }
    Ok(bases.into_iter().collect())
}
