//! Joining two versions of an issue that grew out of one.
//!
//! Every rule is total, so a merge never stops to ask, and looks at what the sides say, not at which is which. What
//! gives way is kept in a note, an event that changes nothing.
//!
//! | what | rule |
//! | --- | --- |
//! | changed on one side | that side |
//! | a single value changed on both | the later change |
//! | what is remembered of a plan | field by field, see `planned.rs` |
//! | labels, dependencies, context, gates, commits | what either added; a removal wins over an entry left alone, a change over a removal |
//! | state and claim | see `lifecycle.rs` |
//! | a finished issue | keeps the dependencies and gates it was finished with |
//! | comments | all of them, by time |

mod blame;
mod field;
mod lifecycle;
mod planned;
mod repair;
mod way_back;

use serde_json::Value;

use super::event::{Body, Dropped};
use super::issue::{Comment, Extra, Issue, WatchedField};
use super::state::GateStatus;

pub use blame::{Stamp, Touched};
pub use field::Fields;
pub use repair::{break_cycles, closes_circle, fit};
pub use way_back::way_back;

use lifecycle::Life;

/// One side of a merge: the issue there, and what happened to it since the sides parted.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The issue.
    pub issue: &'a Issue,
    /// Who changed what.
    pub touched: &'a Touched,
}

/// Joins two versions of one issue. Gives the issue, and notes of what gave way.
///
/// `base` is the version that both grew out of; `None` when each side made the issue by itself.
pub fn merge_issue(base: Option<&Issue>, a: Side<'_>, b: Side<'_>) -> (Issue, Vec<Body>) {
    if a.issue == b.issue || base == Some(b.issue) {
        return (a.issue.clone(), Vec::new());
    }
    if base == Some(a.issue) {
        return (b.issue.clone(), Vec::new());
    }
    let mut fields = Fields::new(a.touched.clone(), b.touched.clone(), a.stamp(), b.stamp());
    let life = Life::merge(base, a, b, &mut fields);
    let mut issue = plain_fields(base, a, b, &mut fields);
    issue.assignee = life.assignee(base, a, b, &mut fields);
    fields.notes.extend(life.notes.iter().cloned());
    collections(base, a, b, &mut fields, &life, &mut issue);
    life.enter(base, a, b, &mut issue);
    see(base, a, b, &mut issue);
    let newest = [a.issue, b.issue].into_iter().max_by_key(|issue| (issue.updated_at, issue.updated_by.to_string()));
    if let Some(newest) = newest {
        issue.updated_at = newest.updated_at;
        issue.updated_by = newest.updated_by.clone();
    }
    fit(base, &mut issue, &mut fields.notes);
    (issue, fields.notes)
}

impl Side<'_> {
    /// When the issue last changed on this side: for what no event tells of.
    fn stamp(&self) -> Stamp {
        Stamp { at: self.issue.updated_at, event: None, by: self.issue.updated_by.clone() }
    }
}

/// The fields that hold one value each. The rest is as on side `a`, to be set by others.
fn plain_fields(base: Option<&Issue>, a: Side<'_>, b: Side<'_>, fields: &mut Fields) -> Issue {
    let (x, y) = (a.issue, b.issue);
    let mut issue = x.clone();
    issue.title = fields.value("title", base.map(|issue| &issue.title), &x.title, &y.title);
    issue.description =
        fields.value("description", base.map(|issue| &issue.description), &x.description, &y.description);
    issue.priority = fields.value("priority", base.map(|issue| &issue.priority), &x.priority, &y.priority);
    issue.question = fields.value("question", base.map(|issue| &issue.question), &x.question, &y.question);
    issue.landed = fields.value("landed", base.map(|issue| &issue.landed), &x.landed, &y.landed);
    let first = if (x.created_at, x.created_by.as_str()) <= (y.created_at, y.created_by.as_str()) { x } else { y };
    let first = base.unwrap_or(first);
    (issue.created_at, issue.created_by) = (first.created_at, first.created_by.clone());
    let none = Extra::new();
    issue.extra = fields.map("", base.map_or(&none, |issue| &issue.extra), &x.extra, &y.extra, |_, _| None);
    issue
}

fn collections(base: Option<&Issue>, a: Side<'_>, b: Side<'_>, fields: &mut Fields, life: &Life, issue: &mut Issue) {
    let (x, y) = (a.issue, b.issue);
    let blank;
    let base = match base {
        Some(base) => base,
        None => {
            blank = blank_of(x);
            &blank
        }
    };
    issue.labels = field::set(&base.labels, &x.labels, &y.labels);
    issue.commits = field::set(&base.commits, &x.commits, &y.commits);
    issue.context = match planned::agree(&base.context, &x.context, &y.context, fields) {
        Some((x, y)) => fields.map("context.", &base.context, &x, &y, |_, _| None),
        None => fields.map("context.", &base.context, &x.context, &y.context, |_, _| None),
    };
    issue.comments = union(&x.comments, &y.comments);
    match life.finisher(a, b) {
        // INVARIANT: done means that every gate passed, and nothing was left to wait for.
        Some((winner, loser)) => {
            issue.dependencies.clone_from(&winner.dependencies);
            issue.gates.clone_from(&winner.gates);
            fields.notes.extend(too_late(base, winner, loser));
        }
        None => {
            issue.dependencies = field::set(&base.dependencies, &x.dependencies, &y.dependencies);
            issue.gates = fields.map("gates.", &base.gates, &x.gates, &y.gates, |x, y| {
                // What somebody has judged says more than that nobody has.
                match (x.status == GateStatus::Pending, y.status == GateStatus::Pending) {
                    (true, false) => Some(false),
                    (false, true) => Some(true),
                    _ => None,
                }
            });
        }
    }
}

/// What `loser` added to an issue that `winner` had finished.
fn too_late<'a>(base: &'a Issue, winner: &'a Issue, loser: &'a Issue) -> impl Iterator<Item = Body> + 'a {
    let dependencies = loser.dependencies.iter().filter(|id| !base.dependencies.contains(id));
    let dependencies = dependencies.filter(|id| !winner.dependencies.contains(id));
    let dependencies = dependencies.map(|id| ("dependencies", Value::from(id.to_string())));
    let changed = loser.gates.iter().filter(|(key, verdict)| base.gates.get(*key) != Some(*verdict));
    let missing = changed.filter(|(key, verdict)| match winner.gates.get(*key) {
        None => true,
        Some(known) => known != *verdict && verdict.status == GateStatus::Failed,
    });
    let gates = missing.map(|(key, _)| ("gates", Value::from(key.as_str())));
    dependencies.chain(gates).map(|(field, value)| {
        Body::MergeDropped(Dropped { field: field.to_owned(), value, why: "finished".to_owned() })
    })
}

/// An issue with nothing in it, for two that were made apart.
fn blank_of(issue: &Issue) -> Issue {
    let mut blank = issue.clone();
    blank.labels.clear();
    blank.commits.clear();
    blank.context.clear();
    blank.comments.clear();
    blank.dependencies.clear();
    blank.gates.clear();
    blank
}

/// The comments of both, by time; each once.
fn union(a: &[Comment], b: &[Comment]) -> Vec<Comment> {
    if a == b {
        return a.to_vec();
    }
    let mut all: Vec<Comment> = a.iter().chain(b).cloned().collect();
    all.sort_by(|x, y| (x.at, x.id, &x.text).cmp(&(y.at, y.id, &y.text)));
    all.dedup_by_key(|comment| comment.id);
    all
}

/// Writes down, with a claim, what its holder has not seen of the joined issue.
fn see(base: Option<&Issue>, a: Side<'_>, b: Side<'_>, issue: &mut Issue) {
    let Some(claim) = &issue.claim else { return };
    let token = claim.token;
    let held = |side: &Issue| side.claim.as_ref().is_some_and(|held| held.token == token);
    let by = claim.by.clone();
    let acted = |side: Side<'_>| side.touched.acted(&by).filter(|_| held(side.issue)).cloned();
    // Where the holder worked last it has seen what there was.
    let at = match (acted(a), acted(b)) {
        (Some(x), Some(y)) => Some(if x >= y { a.issue } else { b.issue }),
        (Some(_), None) => Some(a.issue),
        (None, Some(_)) => Some(b.issue),
        (None, None) => base.filter(|base| held(base)),
    };
    let at = at.or_else(|| [a.issue, b.issue].into_iter().find(|side| held(side)));
    let Some(at) = at else { return };
    let mut unseen = std::collections::BTreeMap::new();
    for field in WatchedField::ALL {
        let recorded = at.claim.as_ref().and_then(|claim| claim.unseen.get(field.name()).cloned());
        let known = recorded.unwrap_or_else(|| at.watched(field));
        if known != issue.watched(field) {
            unseen.insert(field.name().to_owned(), known);
        }
    }
    if let Some(claim) = &mut issue.claim {
        claim.unseen = unseen;
    }
}
