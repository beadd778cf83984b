//! Filters: one language to say which issues are meant, wherever issues are chosen.
//!
//! ```text
//! state:ready AND (priority:high OR label:area/*) AND NOT blocked
//! ```
//!
//! A filter is asked row by row of the table, so it reads no documents.

mod lex;
mod parse;

use std::fmt;

use super::name::one_of;
use super::state::{GateStatus, Priority, State};
use super::table::Entry;
use super::text::shortened;
use super::time::Timestamp;

pub use parse::{FIELDS, FLAGS, parse};

/// Which issues are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every one of these must hold.
    All(Vec<Filter>),
    /// One of these must hold.
    Any(Vec<Filter>),
    /// This must not hold.
    Not(Box<Filter>),
    /// One condition.
    Is(Condition),
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The stored state.
    State(State),
    /// The priority; more is more urgent.
    Priority(Order, Priority),
    /// A label.
    Label(Pattern),
    /// Whom it is meant for; nobody without a pattern.
    Assignee(Option<Pattern>),
    /// Who holds it; nobody without a pattern.
    Holder(Option<Pattern>),
    /// A gate, and what is known of it.
    Gate(Pattern, Option<GateStatus>),
    /// What it is called in a plan; of no plan without a pattern.
    Plan(Option<Pattern>),
    /// The beginning of the id.
    Id(String),
    /// A part of the title, in small letters.
    Title(String),
    /// A time.
    Time(When, Moment),
    /// Something that is so or not.
    Flag(Flag),
}

/// What is compared with a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// The same text.
    Exact(String),
    /// A text that fits: `*` for anything, `?` for one character.
    Glob(glob::Pattern),
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `=`
    Same,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
}

/// Which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it was created.
    Created,
    /// When it last changed.
    Updated,
    /// When it became done.
    Completed,
}

/// A stretch of time to compare with: a day, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    order: Order,
    start: Timestamp,
    /// The first moment after it.
    end: Timestamp,
}

/// Something that is so or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// A dependency holds it up.
    Blocked,
    /// Somebody holds it.
    Claimed,
    /// It is meant for nobody.
    Unassigned,
    /// It has a question that waits for a person.
    Question,
    /// Work on it failed since it was last put forward.
    Failed,
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The character at which it is wrong; the first is 1.
    pub at: usize,
    /// What is wrong.
    pub why: String,
}

impl Fault {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }

    /// Says what is known instead, the one_of first where one is near.
    fn unknown<'k>(at: usize, why: &str, given: &str, known: impl Iterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.collect();
        Self::new(at, format!("{}; {}", shortened(why, 120), one_of(given, &known)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at, self.why)
    }
}

impl Filter {
    /// Whether `issue` is meant.
    pub fn accepts(&self, issue: Entry<'_>) -> bool {
        match self {
            Filter::All(all) => all.iter().all(|filter| filter.accepts(issue)),
            Filter::Any(any) => any.iter().any(|filter| filter.accepts(issue)),
            Filter::Not(filter) => !filter.accepts(issue),
            Filter::Is(condition) => condition.holds(issue),
        }
    }
}

impl Condition {
    fn holds(&self, issue: Entry<'_>) -> bool {
        match self {
            Condition::State(state) => issue.state() == *state,
            // The most urgent is the first of them.
            Condition::Priority(order, priority) => order.holds(priority, &issue.priority()),
            Condition::Label(pattern) => issue.labels().any(|label| pattern.fits(label)),
            Condition::Assignee(pattern) => somebody_fits(pattern.as_ref(), issue.assignee()),
            Condition::Holder(pattern) => somebody_fits(pattern.as_ref(), issue.holder()),
            Condition::Gate(pattern, status) => {
                issue.gates().any(|(key, known)| pattern.fits(key) && status.is_none_or(|status| status == known))
            }
            Condition::Plan(pattern) => somebody_fits(pattern.as_ref(), issue.plan()),
            Condition::Id(prefix) => {
                let id = issue.id().to_string();
                id.starts_with(prefix) || id.replace('-', "").starts_with(prefix)
            }
            Condition::Title(part) => issue.title().to_lowercase().contains(part),
            Condition::Time(when, moment) => match when {
                When::Created => moment.holds(Some(issue.created_at())),
                When::Updated => moment.holds(Some(issue.updated_at())),
                When::Completed => moment.holds(issue.completed_at()),
            },
            Condition::Flag(flag) => match flag {
                Flag::Blocked => issue.is_blocked(),
                Flag::Claimed => issue.holder().is_some(),
                Flag::Unassigned => issue.assignee().is_none(),
                Flag::Question => issue.has_question(),
                Flag::Failed => issue.has_failed(),
            },
        }
    }
}

fn somebody_fits(pattern: Option<&Pattern>, name: Option<&str>) -> bool {
    match (pattern, name) {
        (None, name) => name.is_none(),
        (Some(_), None) => false,
        (Some(pattern), Some(name)) => pattern.fits(name),
    }
}

impl Pattern {
    /// Reads a pattern: `*` stands for anything, `?` for one character.
    pub fn read(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?']) {
            return Ok(Pattern::Exact(text.to_owned()));
        }
        // Of the signs of a pattern only these two mean something: labels and names may hold the others.
        let glob = glob::Pattern::new(&text.replace('[', "[[]"));
        glob.map(Pattern::Glob).map_err(|why| format!("`{text}` is not a pattern: {}", why.msg))
    }

    /// Whether a text fits.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Pattern::Exact(exact) => exact == text,
            Pattern::Glob(glob) => glob.matches(text),
        }
    }
}

impl Order {
    /// Whether `value` stands so to `to`.
    fn holds<T: Ord>(self, value: &T, to: &T) -> bool {
        match self {
            Order::Same => value == to,
            Order::More => value > to,
            Order::AtLeast => value >= to,
            Order::Less => value < to,
            Order::AtMost => value <= to,
        }
    }

    fn turned(self) -> Self {
        match self {
            Order::Same => Order::Same,
            Order::More => Order::Less,
            Order::AtLeast => Order::AtMost,
            Order::Less => Order::More,
            Order::AtMost => Order::AtLeast,
        }
    }
}

impl Moment {
    fn holds(&self, time: Option<Timestamp>) -> bool {
        let Some(time) = time else { return false };
        match self.order {
            Order::Same => time >= self.start && time < self.end,
            Order::More => time >= self.end,
            Order::AtLeast => time >= self.start,
            Order::Less => time < self.start,
            Order::AtMost => time < self.end,
        }
    }
}
