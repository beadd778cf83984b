//! What lists, counts and queries need of every issue, row by row, without the documents.
//!
//! A table is derived: built from the documents, kept in the index, and never the truth. Dependencies are
//! numbers of rows, so that what blocks an issue is a look into a neighbour, not a search.

mod put;
mod row;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::id::IssueId;
use super::issue::Claim;
use super::snapshot::Unreadable;
use super::state::{GateStatus, Priority, State};
use super::time::Timestamp;

pub use put::Summary;
use row::{FAILED, NO_NAME, NO_TIME, QUESTION, RELEASES};
pub use row::{Row, Span};

/// What is known of the issue of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Others wait for it, but it is not in the tracker.
    Absent,
    /// It was here and no longer is.
    Removed,
    /// Its document cannot be read: nobody can say that it is finished.
    Unreadable,
    /// A tombstone.
    Deleted,
    /// It is here.
    Living,
}

impl Presence {
    const ALL: [Self; 5] = [Self::Absent, Self::Removed, Self::Unreadable, Self::Deleted, Self::Living];
}

/// The parts of a table as they are kept in a file.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// A row an issue.
    pub rows: Vec<Row>,
    /// Labels, gates and dependencies, one after the other.
    pub lists: Vec<u32>,
    /// Titles and the marks of plans, one after the other.
    pub text: String,
    /// Labels, gate keys and actors, each once.
    pub names: Vec<String>,
    /// What was passed over.
    pub damaged: Vec<Unreadable>,
}

/// A summary of every issue.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Columns,
    /// So many rows at the beginning are in the order of their ids.
    sorted: usize,
    /// Where the rows after those are.
    added: BTreeMap<[u8; 16], u32>,
    /// The numbers of names, once something was put in.
    numbers: Option<BTreeMap<String, u32>>,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    table: &'t Table,
    number: u32,
    row: &'t Row,
}

impl Table {
    /// A table of columns that were kept; `None` when they do not fit together.
    pub fn from_columns(columns: Columns) -> Option<Self> {
        columns.fit_together().then(|| Self { sorted: columns.rows.len(), columns, ..Self::default() })
    }

    /// The parts of a table whose rows are in the order of their ids, as [`Table::compact`] makes it.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The row with this number.
    ///
    /// # Panics
    /// When there is none: numbers come from rows of the same table.
    pub fn row(&self, number: u32) -> Entry<'_> {
        Entry { table: self, number, row: &self.columns.rows[number as usize] }
    }

    /// Every row, also those of issues that are not here.
    pub fn rows(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..).zip(&self.columns.rows).map(|(number, row)| Entry { table: self, number, row })
    }

    /// The issues that are here.
    pub fn issues(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows().filter(|entry| entry.presence() == Presence::Living)
    }

    /// The issues that are here, and those that were deleted.
    pub fn known(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows().filter(|entry| matches!(entry.presence(), Presence::Living | Presence::Deleted))
    }

    /// The row of an issue.
    pub fn find(&self, id: IssueId) -> Option<Entry<'_>> {
        self.number_of(&id.bytes()).map(|number| self.row(number))
    }

    fn number_of(&self, id: &[u8; 16]) -> Option<u32> {
        let found = self.columns.rows[..self.sorted].binary_search_by(|row| row.id.cmp(id)).ok();
        found.map(number).or_else(|| self.added.get(id).copied())
    }

    /// What was passed over.
    pub fn damaged(&self) -> &[Unreadable] {
        &self.columns.damaged
    }

    /// How many issues could not be read.
    pub fn unreadable(&self) -> usize {
        self.rows().filter(|entry| entry.presence() == Presence::Unreadable).count()
    }
}

fn number(position: usize) -> u32 {
    u32::try_from(position).expect("a table has less than 2^32 rows, names and characters")
}

impl Columns {
    /// Whether every number in the columns points to something.
    fn fit_together(&self) -> bool {
        let within = |span: Span, len: usize| span.start as usize + span.len as usize <= len;
        let (lists, names, rows) = (self.lists.len(), self.names.len(), self.rows.len());
        let name = |number: u32| number == NO_NAME || (number as usize) < names;
        let fits = |row: &Row| {
            let spans = [row.labels, row.gates, row.dependencies];
            let title = row.title.start as usize;
            spans.iter().all(|span| within(*span, lists))
                && self.text.get(title..title + row.title.len as usize).is_some()
                && row.labels.of(&self.lists).iter().all(|number| (*number as usize) < names)
                && row.gates.len.is_multiple_of(2)
                && row
                    .gates
                    .of(&self.lists)
                    .chunks_exact(2)
                    .all(|gate| (gate[0] as usize) < names && (gate[1] as usize) < GateStatus::ALL.len())
                && row.dependencies.of(&self.lists).iter().all(|number| (*number as usize) < rows)
                && name(row.assignee)
                && name(row.holder)
                && (row.plan == NO_NAME || line(&self.text, row.plan).is_some())
                && usize::from(row.presence) < Presence::ALL.len()
                && usize::from(row.state) < State::ALL.len()
                && usize::from(row.priority) < Priority::ALL.len()
        };
        self.rows.iter().all(fits) && self.rows.is_sorted_by(|a, b| a.id < b.id)
    }
}

impl<'t> Entry<'t> {
    /// The number of the row.
    pub fn number(self) -> u32 {
        self.number
    }

    /// The id.
    pub fn id(self) -> IssueId {
        IssueId::new(Uuid::from_bytes(self.row.id))
    }

    /// What is known of the issue.
    pub fn presence(self) -> Presence {
        Presence::ALL[usize::from(self.row.presence)]
    }

    /// The title.
    pub fn title(self) -> &'t str {
        self.row.title.text(&self.table.columns.text)
    }

    /// The stored state.
    pub fn state(self) -> State {
        State::ALL[usize::from(self.row.state)]
    }

    /// The priority.
    pub fn priority(self) -> Priority {
        Priority::ALL[usize::from(self.row.priority)]
    }

    /// The labels, sorted.
    pub fn labels(self) -> impl Iterator<Item = &'t str> {
        self.row.labels.of(&self.table.columns.lists).iter().filter_map(move |number| self.name(*number))
    }

    /// The gates, sorted by key, with what is known of each.
    pub fn gates(self) -> impl Iterator<Item = (&'t str, GateStatus)> {
        let gates = self.row.gates.of(&self.table.columns.lists).chunks_exact(2);
        gates.filter_map(move |gate| Some((self.name(gate[0])?, *GateStatus::ALL.get(gate[1] as usize)?)))
    }

    /// What it waits for, in the order of ids, also what is not in the tracker.
    pub fn dependencies(self) -> impl Iterator<Item = Entry<'t>> {
        self.row.dependencies.of(&self.table.columns.lists).iter().map(move |number| self.table.row(*number))
    }

    /// Who it is meant for.
    pub fn assignee(self) -> Option<&'t str> {
        self.name(self.row.assignee)
    }

    /// Who holds it.
    pub fn holder(self) -> Option<&'t str> {
        self.name(self.row.holder)
    }

    /// When the lease of its claim ends.
    pub fn lease_end(self) -> Option<Timestamp> {
        time(self.row.lease_end)
    }

    /// Whether it is held by a claim whose lease ran out before `clock`.
    pub fn is_lease_expired(self, clock: Timestamp) -> bool {
        self.lease_end().is_some_and(|end| Claim::ends_before(end, clock))
    }

    /// When it was created.
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_millis(self.row.created_at)
    }

    /// When it last changed.
    pub fn updated_at(self) -> Timestamp {
        Timestamp::from_millis(self.row.updated_at)
    }

    /// When it became done, while it is.
    pub fn completed_at(self) -> Option<Timestamp> {
        time(self.row.completed_at)
    }

    /// Whether it has a question that waits for a person.
    pub fn has_question(self) -> bool {
        self.row.flags & QUESTION != 0
    }

    /// Whether work on it failed since it was last put forward.
    pub fn has_failed(self) -> bool {
        self.row.flags & FAILED != 0
    }

    /// What it is called in the plan that made it: `KEY`, or `NAME/KEY`.
    pub fn plan(self) -> Option<&'t str> {
        line(&self.table.columns.text, self.row.plan)
    }

    /// Whether those that wait for it may go on; see [`super::issue::Issue::releases_dependents`].
    pub fn releases_dependents(self) -> bool {
        self.row.flags & RELEASES != 0
    }

    /// The dependencies that hold it up and that can be named: none when it is finished.
    pub fn blockers(self) -> impl Iterator<Item = Entry<'t>> {
        self.dependencies().filter(move |dependency| {
            !self.state().is_finished()
                && dependency.presence() == Presence::Living
                && !dependency.releases_dependents()
        })
    }

    /// Whether its dependencies hold it up. One that cannot be read does.
    pub fn is_blocked(self) -> bool {
        !self.state().is_finished()
            && self.dependencies().any(|dependency| match dependency.presence() {
                Presence::Living => !dependency.releases_dependents(),
                Presence::Unreadable => true,
                Presence::Absent | Presence::Removed | Presence::Deleted => false,
            })
    }

    fn name(self, number: u32) -> Option<&'t str> {
        self.table.columns.names.get(number as usize).map(String::as_str)
    }
}

/// The line of a text that begins at a place.
fn line(text: &str, start: u32) -> Option<&str> {
    text.get(start as usize..)?.split_once('\n').map(|(line, _)| line)
}

fn time(millis: i64) -> Option<Timestamp> {
    (millis != NO_TIME).then(|| Timestamp::from_millis(millis))
}
