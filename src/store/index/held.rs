//! The issues that somebody holds: few among many, and asked for with every commit of the code.
//!
//! They stand in a table of their own, `held-1`, in the form of the index and kept by the same rules: it names the
//! folder of issues it reflects, and what differs since is read from the documents.

use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::table::{Summary, Table};
use crate::store::Tree;
use crate::store::layout::ISSUES;
use crate::store::snapshot::TreeSnapshot;

use super::file::{self, Header};
use super::{Home, differences};

const HELD: &str = "held-1";
/// When more issues differ than this, the index is as quick.
const FEW: usize = 200;

/// A summary of every issue that somebody holds in `state`.
///
/// Costs the issues that became different since the last call; else what the index costs.
pub fn held<T: Tree>(state: &TreeSnapshot<T>, home: &Home) -> Read<Table> {
    let Some(mark) = state.tree().mark(ISSUES)? else { return Ok(Table::default()) };
    let (path, fanout) = (home.dir.join(HELD), state.format().fanout);
    let kept = file::read(&path).filter(|kept| kept.header.fanout == fanout && kept.header.base.is_none());
    let mut table = Table::default();
    match kept {
        Some(kept) if kept.header.mark == mark => return Ok(kept.table),
        Some(kept) if catch_up(state, &kept.header.mark, &kept.table, &mut table).is_some() => {}
        _ => {
            let all = super::table(state, home)?;
            table = Table::default();
            all.issues().filter(|issue| issue.holder().is_some()).for_each(|issue| table.put(&Summary::from(issue)));
            // What could not be read may be held: it is looked at again the next time.
            if !all.damaged().is_empty() {
                return Ok(table);
            }
        }
    }
    let table = table.compact();
    if home.keep.is_some() {
        file::write(&path, &Header::new(&mark, fanout, None), &table);
    }
    Ok(table)
}

/// Puts into `table` what was held in the folder `mark`, as it stands now. `None` when that cannot be told.
fn catch_up<T: Tree>(state: &TreeSnapshot<T>, mark: &str, before: &Table, table: &mut Table) -> Option<()> {
    let news = differences(state, mark).filter(|news| news.len() <= FEW)?;
    before.issues().filter(|issue| !news.contains(&issue.id())).for_each(|issue| table.put(&Summary::from(issue)));
    for id in news {
        match state.issue(id).ok()? {
            Some(issue) if issue.claim.is_some() => table.put(&Summary::from(&issue)),
            _ => {}
        }
    }
    Some(())
}
