//! Full-text search: the texts of all issues in a database of SQLite (FTS5), ranked by it.
//!
//! The file `search-2` in the folder of local state reflects one folder of issues, which it names. A search brings it to
//! the state it looks at by the difference of the two, as the index is.
//!
//! INVARIANT: the database is never the truth. What is missing, of another version, or noticed by SQLite as damaged is made anew; where it
//! cannot be used at all, the texts go into memory for this one search. A search of the past leaves no trace in it.

mod database;

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::plan::BASE;
use crate::domain::search::{Query, apart};
use crate::domain::snapshot::{Read, Snapshot};

use super::index::differences;
use super::layout::ISSUES;
use super::snapshot::TreeSnapshot;
use super::{StoreError, StoreResult, Tree};

use database::Database;

/// Where the texts are kept. The number is the version of the form.
const FILE: &str = "search-2";

/// An issue that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The issue.
    pub id: IssueId,
    /// How well it fits; more is better.
    pub score: f64,
    /// Where it was found: `title`, `description`, `comments` or `context`.
    pub field: &'static str,
    /// The place, with what was found between [`BEGIN`] and [`END`].
    pub excerpt: String,
}

/// Stands before what was found.
pub const BEGIN: char = '\u{1}';
/// Stands after it.
pub const END: char = '\u{2}';

/// Where the texts are kept, and whether they may be kept there.
pub struct Home {
    /// The folder of local state.
    pub dir: PathBuf,
    /// Whether the state is the present one.
    pub keep: bool,
}

/// Which issues are wanted.
pub type Wanted<'w> = &'w dyn Fn(IssueId) -> bool;

/// What a search has come to.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The best hits.
    pub hits: Vec<Hit>,
    /// How many there are in all.
    pub total: usize,
    /// Issues that could not be read, and so not be searched.
    pub unread: Vec<IssueId>,
}

/// The texts of an issue that are searched.
struct Texts {
    title: String,
    description: String,
    comments: String,
    context: String,
}

impl Texts {
    /// The texts of an issue; `None` for a tombstone.
    fn of(issue: &Issue) -> Option<Self> {
        if issue.deleted.is_some() {
            return None;
        }
        // Characters that print nothing part words, and two of them mark what was found.
        let plain = |text: &str| apart(&text.replace(|c: char| c.is_control() && c != '\n', " ")).into_owned();
        let comments: Vec<&str> = issue.comments.iter().map(|comment| comment.text.as_str()).collect();
        let context = issue.context.iter().filter(|(key, _)| *key != BASE);
        Some(Self {
            title: apart(issue.title.as_str()).into_owned(),
            description: plain(&issue.description),
            comments: plain(&comments.join("\n\n")),
            context: plain(&context.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join("\n")),
        })
    }
}

/// The issues that fit a query and are `wanted` (`None` for all), the best first, at most `limit` of them.
///
/// Costs the issues that differ from those that were searched last; without a database all of them.
pub fn search<T: Tree>(
    state: &TreeSnapshot<T>,
    home: Option<&Home>,
    query: &Query,
    wanted: Option<Wanted<'_>>,
    limit: usize,
) -> StoreResult<Found> {
    let Some(mark) = state.tree().mark(ISSUES)? else { return Ok(Found::default()) };
    let reflects = format!("{} {mark}", state.format().fanout);
    if let Some(home) = home {
        let path = home.dir.join(FILE);
        for _ in 0..2 {
            let database = Database::open(&path);
            match database
                .and_then(|database| kept(state, database, &reflects, home.keep, &|db| db.search(query, wanted, limit)))
            {
                Ok(found) => return Ok(found),
                // Somebody else is writing, or it cannot be written: that is not a reason to throw it away.
                Err(why) if !database::is_damaged(&why) => break,
                Err(_) => drop(std::fs::remove_file(&path)),
            }
        }
    }
    let database = Database::in_memory().map_err(internal)?;
    fill(state, &database, &reflects).map_err(internal)?;
    database.search(query, wanted, limit).map_err(internal)
}

fn internal(why: rusqlite::Error) -> StoreError {
    StoreError::Internal(anyhow::Error::new(why).context("searching"))
}

/// Asks a database that is kept, brought to `state`; what that changed stays in it where it is to be kept.
fn kept<T: Tree>(
    state: &TreeSnapshot<T>,
    database: Database,
    reflects: &str,
    keep: bool,
    ask: &dyn Fn(&Database) -> rusqlite::Result<Found>,
) -> rusqlite::Result<Found> {
    database.begin_reading()?;
    if database.reflects()?.as_deref() == Some(reflects) && database.unread()?.is_empty() {
        return ask(&database);
    }
    database.roll_back()?;
    database.begin_writing()?;
    // Another process may have been faster.
    let known = database.reflects()?;
    if known.as_deref() != Some(reflects) {
        catch_up(state, &database, known.as_deref(), reflects)?;
    }
    // What could not be read may be mended by now.
    for id in database.unread()? {
        take_in(state, &database, id)?;
    }
    let found = ask(&database)?;
    if keep {
        database.commit()?
    } else {
        database.roll_back()?
    }
    Ok(found)
}

/// Brings the texts from what the database reflects to `state`.
fn catch_up<T: Tree>(
    state: &TreeSnapshot<T>,
    database: &Database,
    known: Option<&str>,
    reflects: &str,
) -> rusqlite::Result<()> {
    let fanout = state.format().fanout.to_string();
    let before = known.and_then(|known| known.split_once(' ')).filter(|(depth, _)| *depth == fanout);
    let Some(news) = before.and_then(|(_, mark)| differences(state, mark)) else {
        database.clear()?;
        return fill(state, database, reflects);
    };
    for id in news {
        take_in(state, database, id)?;
    }
    database.set_reflects(reflects)
}

/// Puts the texts of an issue into the database as they are now, or notes that they cannot be read.
fn take_in<T: Tree>(state: &TreeSnapshot<T>, database: &Database, id: IssueId) -> rusqlite::Result<()> {
    match state.issue(id) {
        Ok(issue) => database.put(id, issue.as_ref().and_then(Texts::of).as_ref()),
        Err(_) => database.put_unread(id),
    }
}

fn fill<T: Tree>(state: &TreeSnapshot<T>, database: &Database, reflects: &str) -> rusqlite::Result<()> {
    let filled = state.each_issue(&mut |issue: Read<Issue>| {
        let put = match issue {
            Ok(issue) => Texts::of(&issue).map_or(Ok(()), |texts| database.put(issue.id, Some(&texts))),
            Err(why) => why.issue().map_or(Ok(()), |id| database.put_unread(id)),
        };
        match put {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => ControlFlow::Break(why),
        }
    });
    match filled {
        ControlFlow::Continue(()) => database.set_reflects(reflects),
        ControlFlow::Break(why) => Err(why),
    }
}
