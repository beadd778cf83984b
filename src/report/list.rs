//! Issues, a line each.

use std::cell::Cell;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct};
use serde_json::Value;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::name::{Actor, Title};
use crate::domain::state::{Priority, State};
use crate::domain::table::{Entry, Table};
use crate::domain::time::Timestamp;

use super::Render;
use super::issue::{IssueDoc, IssueRef};
use super::text::{Text, clean, table};

/// The part of an issue that lists show.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssueRow<'t> {
    /// The id.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// The title.
    pub title: &'t str,
    /// The stored state.
    pub state: State,
    /// The priority.
    pub priority: Priority,
    /// The labels.
    pub labels: Vec<&'t str>,
    /// Who it is meant for.
    pub assignee: Option<&'t str>,
    /// Whether a dependency holds it up.
    pub blocked: bool,
    /// Which ones.
    pub blocked_by: Vec<IssueRef>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl<'t> IssueRow<'t> {
    /// The row of an issue.
    pub fn new(issue: Entry<'t>) -> Self {
        Self {
            id: issue.id(),
            short_id: issue.id().short(),
            title: issue.title(),
            state: issue.state(),
            priority: issue.priority(),
            labels: issue.labels().collect(),
            assignee: issue.assignee(),
            blocked: issue.is_blocked(),
            blocked_by: issue.blockers().map(IssueRef::from).collect(),
            created_at: issue.created_at(),
            updated_at: issue.updated_at(),
        }
    }
}

/// A list of issues.
pub struct IssueList {
    /// Where they stand.
    pub table: Rc<Table>,
    /// The numbers of their rows, cut to the number asked for.
    pub numbers: Vec<u32>,
    /// Gives the issue of a row in full, when that was asked for; `None` when it cannot be read.
    pub full: Option<Full>,
    /// How many there are in all.
    pub total: usize,
    /// Whether people see what holds each up.
    pub show_blockers: bool,
}

/// Reads the issue of a row.
pub type Full = Box<dyn Fn(Entry<'_>) -> Option<IssueDoc>>;

impl IssueList {
    /// The rows, made one by one: a list may be long.
    fn rows(&self) -> impl Iterator<Item = IssueRow<'_>> + Clone {
        self.numbers.iter().map(|number| IssueRow::new(self.table.row(*number)))
    }
}

/// The shape of a list as JSON; an [`IssueList`] writes it row by row.
#[derive(JsonSchema)]
pub struct ListDoc<T> {
    /// The issues.
    pub issues: Vec<T>,
    /// How many are given.
    pub count: usize,
    /// How many there are in all.
    pub total: usize,
    /// Whether some were left out.
    pub truncated: bool,
    /// How many more there are that could not be read.
    pub unreadable: usize,
}

/// The issues of a list, made one by one while they are written.
struct InTurn<'l> {
    list: &'l IssueList,
    /// How many could not be read.
    missed: Cell<usize>,
}

impl Serialize for InTurn<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(full) = &self.list.full else { return serializer.collect_seq(self.list.rows()) };
        let mut issues = serializer.serialize_seq(None)?;
        for number in &self.list.numbers {
            match full(self.list.table.row(*number)) {
                Some(issue) => issues.serialize_element(&issue)?,
                None => self.missed.set(self.missed.get() + 1),
            }
        }
        issues.end()
    }
}

impl Serialize for IssueList {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let issues = InTurn { list: self, missed: Cell::new(0) };
        let mut document = serializer.serialize_struct("ListDoc", 5)?;
        document.serialize_field("issues", &issues)?;
        let missed = issues.missed.get();
        document.serialize_field("count", &(self.numbers.len() - missed))?;
        document.serialize_field("total", &(self.total - missed))?;
        document.serialize_field("truncated", &(self.numbers.len() < self.total))?;
        document.serialize_field("unreadable", &(self.table.unreadable() + missed))?;
        document.end()
    }
}

impl Render for IssueList {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        let rows = self.rows().map(|row| {
            let words = if row.blocked { format!("{} (blocked)", row.state) } else { row.state.to_string() };
            let state = text.in_state(row.state, row.blocked, &words);
            let mut title = clean(row.title);
            for label in &row.labels {
                title.push_str(&format!(" [{label}]"));
            }
            if self.show_blockers {
                let ids: Vec<&str> = row.blocked_by.iter().map(|blocker| blocker.short_id.as_str()).collect();
                title.push_str(&format!("  waits for {}", ids.join(", ")));
            }
            [
                text.id(&row.short_id),
                state,
                row.priority.to_string(),
                title,
                row.assignee.unwrap_or_default().to_owned(),
            ]
        });
        let table = table(rows);
        text.put(&table);
    }

    fn confirmation(&self) -> Option<String> {
        let count = self.numbers.len();
        (count < self.total).then(|| format!("{count} of {} shown; -n 0 shows all", self.total))
    }
}

/// Issues that wait for a person's answer.
#[derive(Serialize, JsonSchema)]
pub struct Questions {
    /// The questions, the oldest first.
    pub questions: Vec<QuestionRow>,
    /// How many.
    pub count: usize,
}

/// A question.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct QuestionRow {
    /// The issue.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// The issue's title.
    pub title: Title,
    /// Who asks.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
    /// What is asked.
    pub text: String,
}

impl Questions {
    /// The questions among `issues`.
    pub fn of<'i>(issues: impl IntoIterator<Item = &'i Issue>) -> Self {
        let rows = issues.into_iter().filter_map(|issue| {
            let question = issue.question.clone()?;
            Some(QuestionRow {
                id: issue.id,
                short_id: issue.id.short(),
                title: issue.title.clone(),
                by: question.by,
                at: question.at,
                text: question.text,
            })
        });
        let mut questions: Vec<QuestionRow> = rows.collect();
        questions.sort_by_key(|question| (question.at, question.id));
        Self { count: questions.len(), questions }
    }
}

impl Render for Questions {
    fn human(&self, text: &mut Text) {
        for question in &self.questions {
            let id = text.id(&question.short_id);
            let asked = text.ago(question.at);
            let head = format!("{id}  {}  {} asked {asked}:", clean(question.title.as_str()), question.by);
            text.line(&head).block("    ", &question.text);
        }
    }
}

/// Reads a named field of a document: a top one, or with dots one further in.
pub fn field<'v>(document: &'v Value, name: &str) -> Option<&'v Value> {
    name.split('.').try_fold(document, |value, part| value.get(part))
}
