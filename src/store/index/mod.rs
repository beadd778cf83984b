//! The index: a table of every issue kept in a file, so that lists need not read the documents.
//!
//! Two files stand in the folder of local state. `index-1` holds a whole table, `changes-1` the rows that
//! became different since. Each is written to the side and renamed into place, carries a checksum, and
//! names the folder of issues it reflects by that folder's id. A reader that finds the tracker moved on
//! compares the two folders, reads the issues that differ, and writes `changes-1` anew when they were many;
//! when they have become a good part of the whole, it writes `index-1`.
//!
//! INVARIANT: the index is never the truth. What is missing, damaged, of another version or does not
//! fit is read from the documents instead; failing to write it is not a failure.

mod file;
mod held;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::domain::id::IssueId;
use crate::domain::snapshot::{Read, Snapshot, Unreadable};
use crate::domain::table::{Presence, Summary, Table};

use super::layout::{ISSUES, issue_path};
use super::snapshot::TreeSnapshot;
use super::{Difference, Tree, by_issue, issue_of_path};

use file::{Header, Kept};

pub(super) use held::held;

/// Where the index is kept. The number is the version of the form, so that two versions of this program
/// keep out of each other's way.
const WHOLE: &str = "index-1";
const CHANGES: &str = "changes-1";
/// Where the index of a tracker is, and whether it may be written.
#[derive(Clone, Debug)]
pub struct Home {
    /// The folder of local state.
    pub dir: PathBuf,
    /// When what was read is written down for the next reader; `None` for never.
    pub keep: Option<Thrift>,
}

/// When it pays to write the index.
#[derive(Clone, Copy, Debug)]
pub struct Thrift {
    /// So many issues that became different are worth writing down.
    pub worth_keeping: usize,
    /// As long as no more issues differ from the whole table, or than one in `PART` of all, only these
    /// are written.
    pub few: usize,
}

/// See [`Thrift::few`].
const PART: usize = 20;

impl Default for Thrift {
    fn default() -> Self {
        Self { worth_keeping: 16, few: 1000 }
    }
}

impl Home {
    fn whole(&self) -> PathBuf {
        self.dir.join(WHOLE)
    }

    fn changes(&self) -> PathBuf {
        self.dir.join(CHANGES)
    }
}

/// The summary of every issue in `state`.
///
/// Costs the size of the index and the issues that differ from it; without one, every issue.
pub(super) fn table<T: Tree>(state: &TreeSnapshot<T>, home: &Home) -> Read<Table> {
    let Some(mark) = state.tree().mark(ISSUES)? else { return Ok(state.read_table()) };
    let fanout = state.format().fanout;
    if let Some(table) = Loaded::read(home, fanout).and_then(|loaded| loaded.catch_up(state, home, &mark)) {
        return Ok(table);
    }
    let table = state.read_table();
    if home.keep.is_some() && is_plain(state, &table) {
        file::write(&home.whole(), &Header::new(&mark, fanout, None), &table);
    }
    Ok(table)
}

/// Whether all that could not be read are issues in their places: those are looked at again each time.
fn is_plain<T: Tree>(state: &TreeSnapshot<T>, table: &Table) -> bool {
    table.damaged().iter().all(|damaged| stands_in_place(state, damaged.path()).is_some())
}

/// The issue that belongs at `path`.
fn stands_in_place<T: Tree>(state: &TreeSnapshot<T>, path: &str) -> Option<IssueId> {
    issue_of_path(path).filter(|id| issue_path(*id, state.format().fanout) == path)
}

/// The index as it was found.
struct Loaded {
    table: Table,
    /// The folder that the table reflects.
    mark: String,
    /// Names the whole table that the changes belong to.
    base: u32,
    /// The issues that are different from the whole table.
    changed: Vec<IssueId>,
}

impl Loaded {
    /// Reads the index. One of another fan-out is of no use: what did not move would stand in the wrong place.
    fn read(home: &Home, fanout: u8) -> Option<Self> {
        let Kept { header, table, sum } = file::read(&home.whole()).filter(|kept| kept.header.fanout == fanout)?;
        let mut loaded = Self { table, mark: header.mark, base: sum, changed: Vec::new() };
        if let Some(Kept { header, table, .. }) = file::read(&home.changes())
            && header.base == Some(sum)
        {
            loaded.mark = header.mark;
            for row in table.rows().filter(|row| row.presence() != Presence::Absent) {
                loaded.table.put(&Summary::from(row));
                loaded.changed.push(row.id());
            }
            loaded.table.set_damaged(table.damaged().to_vec());
        }
        Some(loaded)
    }

    /// Brings the table to `state`, whose folder of issues is `mark`. `None` when that cannot be done.
    fn catch_up<T: Tree>(mut self, state: &TreeSnapshot<T>, home: &Home, mark: &str) -> Option<Table> {
        let moved = self.mark != mark;
        let mut news = if moved { differences(state, &self.mark)? } else { BTreeSet::new() };
        let keep = home.keep.filter(|thrift| moved && news.len() >= thrift.worth_keeping);
        // What could not be read may have been mended since.
        news.extend(self.table.damaged().iter().filter_map(Unreadable::issue));
        let mut damaged = Vec::new();
        for id in &news {
            match state.issue(*id) {
                Ok(Some(issue)) => self.table.put(&Summary::from(&issue)),
                Ok(None) => self.table.mark(*id, Presence::Removed),
                // A folder that cannot be read hides more than this one issue.
                Err(why) if stands_in_place(state, why.path()).is_none() => return None,
                Err(why) => {
                    self.table.mark(*id, Presence::Unreadable);
                    damaged.push(why);
                }
            }
        }
        self.table.set_damaged(damaged);
        if let Some(thrift) = keep {
            self.changed.extend(news);
            self.keep(home, thrift, mark, state.format().fanout);
        }
        Some(self.table)
    }

    fn keep(&mut self, home: &Home, thrift: Thrift, mark: &str, fanout: u8) {
        self.changed.sort_unstable();
        self.changed.dedup();
        if self.changed.len() > thrift.few.max(self.table.rows().count() / PART) {
            self.table = self.table.compact();
            return file::write(&home.whole(), &Header::new(mark, fanout, None), &self.table);
        }
        let mut changes = Table::default();
        for row in self.changed.iter().filter_map(|id| self.table.find(*id)) {
            changes.put(&Summary::from(row));
        }
        changes.set_damaged(self.table.damaged().to_vec());
        file::write(&home.changes(), &Header::new(mark, fanout, Some(self.base)), &changes.compact());
    }
}

/// The issues that may differ from those in the folder called `mark`. `None` when that cannot be told, or
/// when something stands where no issue belongs.
pub(super) fn differences<T: Tree>(state: &TreeSnapshot<T>, mark: &str) -> Option<BTreeSet<IssueId>> {
    let differences = state.tree().since(ISSUES, mark).ok()?;
    let misplaced = |difference: &Difference<T::Id>| {
        stands_in_place(state, &difference.path).is_none() && !matches!(state.look_at(&difference.path), Ok(None))
    };
    if differences.iter().any(misplaced) {
        return None;
    }
    Some(by_issue(differences).into_keys().collect())
}
