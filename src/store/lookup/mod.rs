//! Which commits have to do with an issue, an operation or a verdict, without walking the history.
//!
//! Two files stand in the folder of local state. `history-1` lists, sorted by key, the commits of the
//! history up to one of them, `recent-1` those that came since. A search looks the key up in both and
//! reads the messages of the commits that are newer still; when these are many it writes `recent-1` anew,
//! and when that has grown, `history-1`.
//!
//! INVARIANT: the lists are never the truth. They may name a commit too many, which its reader notices.
//! That none is missing rests on the checksum of each page, and on the commit up to which they go being
//! part of the history: where that does not hold, the history is walked.

mod pages;

use std::path::PathBuf;

use uuid::Uuid;

use crate::domain::id::IssueId;
use crate::domain::name::OpId;

use super::message::{self, Mentioned};
use super::{Backend, CommitId, CommitInfo, StoreResult, Walk, history};

use pages::{Pages, Record};

/// A commit after its time, in milliseconds since the Unix epoch: in the order of a walk.
type Dated = (i64, CommitId);

const ALL: &str = "history-1";
const RECENT: &str = "recent-1";
/// So many commits are worth writing down.
const WORTH_KEEPING: usize = 64;
/// The entries of `recent-1` are at most one in this many of all, or [`FEW`].
const PART: u64 = 20;
const FEW: u64 = 5000;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Commits with events of an issue.
    Issue(IssueId),
    /// The commit made under a caller's key.
    Operation(&'a OpId),
    /// Commits with a verdict under this key of evidence.
    Evidence(&'a str),
}

/// The number under which commits stand that may hold events of any issue.
const ANY: u64 = u64::MAX;

impl Key<'_> {
    /// The numbers under which commits stand that may have to do with this.
    fn numbers(self) -> Vec<u64> {
        match self {
            Key::Issue(id) => vec![of_issue(id.prefix()), ANY],
            Key::Operation(op_id) => vec![of_text(op_id.as_str())],
            Key::Evidence(key) => vec![of_text(key)],
        }
    }
}

fn of_issue(prefix: u32) -> u64 {
    u64::from(prefix)
}

fn of_text(key: &str) -> u64 {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()).as_u64_pair().0;
    // Apart from issues, which are small, and from `ANY`.
    (digest | 1 << 63) & !1
}

/// The numbers under which a commit stands.
fn numbers_of(info: &CommitInfo) -> Vec<u64> {
    let mut numbers = match message::mentioned(&info.message) {
        Mentioned::All(prefixes) => prefixes.into_iter().map(of_issue).collect(),
        Mentioned::Part => vec![ANY],
    };
    let trailers = message::Trailers::parse(&info.message);
    numbers.extend(trailers.op_id.iter().chain(&trailers.evidence).map(|key| of_text(key)));
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The commits in the history of `tip` that may have to do with `key`, newest first.
///
/// Costs a few pages of the lists, and the messages of the commits made since they were written: of all
/// commits where there are no lists.
pub fn commits<B: Backend>(store: &B, tip: &CommitId, key: Key<'_>) -> StoreResult<Vec<CommitId>> {
    let wanted = key.numbers();
    let lists = store.state_dir().and_then(|dir| Lists::open(dir.join(ALL), dir.join(RECENT)));
    if let Some(lists) = lists
        && let Some(commits) = history::commits_since(store, &lists.upto, tip)
        && let Some(older) = lists.find(&wanted)
    {
        let news: Vec<Numbered> = commits.iter().map(Numbered::of).collect();
        let found = choose(&news, &wanted).chain(older).collect();
        keep(store, tip, Some(&lists), &news);
        return Ok(newest_first(found));
    }
    let mut all = Vec::new();
    store.walk(tip, None, &mut |info| {
        all.push(Numbered::of(&info));
        Ok(Walk::On)
    })?;
    let found = choose(&all, &wanted).collect();
    keep(store, tip, None, &all);
    Ok(newest_first(found))
}

/// Commits in the order of a walk. What came by a merge is not newer than all that was listed before.
fn newest_first(mut found: Vec<Dated>) -> Vec<CommitId> {
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    found.into_iter().map(|(_, commit)| commit).collect()
}

/// A commit and the numbers under which it stands.
struct Numbered {
    commit: Dated,
    numbers: Vec<u64>,
}

impl Numbered {
    fn of(info: &CommitInfo) -> Self {
        Self { commit: (info.time.millis(), info.id.clone()), numbers: numbers_of(info) }
    }
}

fn choose<'n>(commits: &'n [Numbered], wanted: &'n [u64]) -> impl Iterator<Item = Dated> + 'n {
    let wanted = |commit: &&Numbered| commit.numbers.iter().any(|number| wanted.contains(number));
    commits.iter().filter(wanted).map(|numbered| numbered.commit.clone())
}

/// The two lists as they were found.
struct Lists {
    all: Pages,
    recent: Option<Pages>,
    upto: CommitId,
}

impl Lists {
    fn open(all: PathBuf, recent: PathBuf) -> Option<Self> {
        let all = Pages::open(&all)?;
        let recent = Pages::open(&recent).filter(|recent| recent.base() == Some(all.sum()));
        let upto = CommitId(recent.as_ref().unwrap_or(&all).upto().to_owned());
        Some(Self { all, recent, upto })
    }

    /// The commits under these numbers; `None` when a list is damaged.
    fn find(&self, wanted: &[u64]) -> Option<Vec<Dated>> {
        let mut found = Vec::new();
        for number in wanted {
            found.extend(self.all.find(*number)?);
            if let Some(recent) = &self.recent {
                found.extend(recent.find(*number)?);
            }
        }
        Some(found)
    }
}

/// Writes down what was found out, when it was much and `tip` is the tracker's. A failure is none: the next
/// search walks again.
fn keep<B: Backend>(store: &B, tip: &CommitId, lists: Option<&Lists>, news: &[Numbered]) {
    let Some(dir) = store.state_dir() else { return };
    let is_tip = || store.tip().is_ok_and(|now| now.as_ref() == Some(tip));
    if (lists.is_some() && news.len() < WORTH_KEEPING) || !is_tip() {
        return;
    }
    let mut records = Vec::new();
    for Numbered { commit: (time, commit), numbers } in news {
        records.extend(numbers.iter().filter_map(|number| Record::new(*number, *time, commit)));
    }
    let recent = lists.and_then(|lists| lists.recent.as_ref());
    let Some(older) = recent.map_or(Some(Vec::new()), Pages::read) else { return };
    records.extend(older);
    let kept = match lists {
        Some(lists) if records.len() as u64 <= FEW.max(lists.all.len() / PART) => {
            pages::write(&dir.join(RECENT), records, tip, Some(lists.all.sum()))
        }
        _ => {
            let Some(older) = lists.map_or(Some(Vec::new()), |lists| lists.all.read()) else { return };
            records.extend(older);
            pages::write(&dir.join(ALL), records, tip, None)
        }
    };
    drop(kept);
}
