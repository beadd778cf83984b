//! Putting issues into a table.

use std::collections::BTreeSet;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::plan::MARK;
use crate::domain::snapshot::Unreadable;
use crate::domain::state::{GateStatus, Priority, State};
use crate::domain::time::Timestamp;

use super::row::{FAILED, NO_NAME, NO_TIME, QUESTION, RELEASES};
use super::{Entry, Presence, Row, Span, Table, number};

/// What a table holds of an issue.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of an issue, or of a row")]
pub struct Summary<'a> {
    pub id: IssueId,
    pub presence: Presence,
    pub title: &'a str,
    pub state: State,
    pub priority: Priority,
    pub labels: Vec<&'a str>,
    pub gates: Vec<(&'a str, GateStatus)>,
    pub dependencies: Vec<IssueId>,
    pub assignee: Option<&'a str>,
    pub holder: Option<&'a str>,
    pub lease_end: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    pub releases_dependents: bool,
    pub has_question: bool,
    pub has_failed: bool,
    pub plan: Option<&'a str>,
}

impl<'a> From<&'a Issue> for Summary<'a> {
    fn from(issue: &'a Issue) -> Self {
        Self {
            id: issue.id,
            presence: if issue.deleted.is_some() { Presence::Deleted } else { Presence::Living },
            title: issue.title.as_str(),
            state: issue.state,
            priority: issue.priority,
            labels: issue.labels.iter().map(|label| label.as_str()).collect(),
            gates: issue.gates.iter().map(|(key, verdict)| (key.as_str(), verdict.status)).collect(),
            dependencies: issue.dependencies.iter().copied().collect(),
            assignee: issue.assignee.as_ref().map(|actor| actor.as_str()),
            holder: issue.claim.as_ref().map(|claim| claim.by.as_str()),
            lease_end: issue.claim.as_ref().and_then(|claim| claim.expires_at),
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            completed_at: issue.completed_at,
            releases_dependents: issue.releases_dependents(),
            has_question: issue.question.is_some(),
            has_failed: issue.failures.is_some(),
            plan: issue.context.get(MARK).map(String::as_str).filter(|mark| !mark.contains('\n')),
        }
    }
}

impl<'a> From<Entry<'a>> for Summary<'a> {
    fn from(entry: Entry<'a>) -> Self {
        Self {
            id: entry.id(),
            presence: entry.presence(),
            title: entry.title(),
            state: entry.state(),
            priority: entry.priority(),
            labels: entry.labels().collect(),
            gates: entry.gates().collect(),
            dependencies: entry.dependencies().map(Entry::id).collect(),
            assignee: entry.assignee(),
            holder: entry.holder(),
            lease_end: entry.lease_end(),
            created_at: entry.created_at(),
            updated_at: entry.updated_at(),
            completed_at: entry.completed_at(),
            releases_dependents: entry.releases_dependents(),
            has_question: entry.has_question(),
            has_failed: entry.has_failed(),
            plan: entry.plan(),
        }
    }
}

impl Table {
    /// Puts an issue in place of what was known of it.
    pub fn put(&mut self, issue: &Summary<'_>) {
        let place = self.place(issue.id);
        let labels: Vec<u32> = issue.labels.iter().map(|label| self.name(label)).collect();
        let gates: Vec<u32> = issue.gates.iter().flat_map(|(key, status)| [self.name(key), *status as u32]).collect();
        let dependencies: Vec<u32> = issue.dependencies.iter().map(|id| self.place(*id)).collect();
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let time = |time: Option<Timestamp>| time.map_or(NO_TIME, Timestamp::millis);
        let row = Row {
            created_at: issue.created_at.millis(),
            updated_at: issue.updated_at.millis(),
            completed_at: time(issue.completed_at),
            lease_end: time(issue.lease_end),
            title: self.text(issue.title),
            labels: self.list(&labels),
            gates: self.list(&gates),
            dependencies: self.list(&dependencies),
            assignee: issue.assignee.map_or(NO_NAME, |name| self.name(name)),
            holder: issue.holder.map_or(NO_NAME, |name| self.name(name)),
            presence: issue.presence as u8,
            state: issue.state as u8,
            priority: issue.priority as u8,
            flags: flag(issue.releases_dependents, RELEASES)
                | flag(issue.has_question, QUESTION)
                | flag(issue.has_failed, FAILED),
            plan: issue.plan.map_or(NO_NAME, |mark| self.line(mark)),
            ..Row::empty(issue.id.bytes())
        };
        self.columns.rows[place as usize] = row;
    }

    /// Notes that nothing is known of an issue but this.
    pub fn mark(&mut self, id: IssueId, presence: Presence) {
        let place = self.place(id);
        self.columns.rows[place as usize] = Row { presence: presence as u8, ..Row::empty(id.bytes()) };
    }

    /// Notes what was passed over. Issues that are not here for this reason count as unreadable.
    pub fn set_damaged(&mut self, damaged: Vec<Unreadable>) {
        for id in damaged.iter().filter_map(Unreadable::issue) {
            let present = self.find(id).map_or(Presence::Absent, Entry::presence);
            if matches!(present, Presence::Absent | Presence::Removed) {
                self.mark(id, Presence::Unreadable);
            }
        }
        self.columns.damaged = damaged;
    }

    /// The same table without what is no longer needed, its rows in the order of their ids.
    pub fn compact(&self) -> Self {
        let mut ids: Vec<Entry<'_>> = self.rows().collect();
        ids.sort_unstable_by_key(|entry| entry.row.id);
        let known = |entry: &&Entry<'_>| entry.presence() != Presence::Absent;
        let waited_for: BTreeSet<u32> =
            ids.iter().filter(known).flat_map(|entry| entry.dependencies()).map(Entry::number).collect();
        ids.retain(|entry| known(&entry) || waited_for.contains(&entry.number()));
        let mut compact = Self::default();
        compact.columns.rows = ids.iter().map(|entry| Row::empty(entry.row.id)).collect();
        compact.sorted = compact.columns.rows.len();
        for entry in ids.iter().filter(known) {
            compact.put(&Summary::from(*entry));
        }
        compact.columns.damaged.clone_from(&self.columns.damaged);
        compact
    }

    /// The number of the row of `id`, made where it is missing.
    fn place(&mut self, id: IssueId) -> u32 {
        let bytes = id.bytes();
        if let Some(known) = self.number_of(&bytes) {
            return known;
        }
        let place = number(self.columns.rows.len());
        self.columns.rows.push(Row::empty(bytes));
        // As long as ids come in order, the rows stay sorted.
        let in_order = self.sorted == place as usize
            && self.sorted.checked_sub(1).is_none_or(|last| self.columns.rows[last].id < bytes);
        if in_order {
            self.sorted += 1;
        } else {
            self.added.insert(bytes, place);
        }
        place
    }

    fn text(&mut self, text: &str) -> Span {
        let start = number(self.columns.text.len());
        self.columns.text.push_str(text);
        Span { start, len: number(text.len()) }
    }

    /// Where a line begins that was added to the text.
    fn line(&mut self, text: &str) -> u32 {
        let start = self.text(text).start;
        self.columns.text.push('\n');
        start
    }

    fn list(&mut self, numbers: &[u32]) -> Span {
        let start = number(self.columns.lists.len());
        self.columns.lists.extend(numbers);
        Span { start, len: number(numbers.len()) }
    }

    /// The number of a name, made where it is missing.
    fn name(&mut self, name: &str) -> u32 {
        let names = &mut self.columns.names;
        let numbers =
            self.numbers.get_or_insert_with(|| (0..).zip(names.iter()).map(|(at, name)| (name.clone(), at)).collect());
        if let Some(known) = numbers.get(name) {
            return *known;
        }
        let next = number(names.len());
        names.push(name.to_owned());
        numbers.insert(name.to_owned(), next);
        next
    }
}
