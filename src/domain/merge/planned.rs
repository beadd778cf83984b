//! What issues remember of the plan that made them, when both sides have applied it again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::plan::{BASE, Base};

use super::field::{Fields, set};

/// The context of an issue.
type Context = BTreeMap<String, String>;

/// The contexts of both sides, with one memory of the plan in both where each had changed it: field by field, as the
/// fields that it speaks of are joined.
pub fn agree(was: &Context, a: &Context, b: &Context, fields: &Fields) -> Option<(Context, Context)> {
    let (x, y) = (a.get(BASE)?, b.get(BASE)?);
    if x == y || was.get(BASE) == Some(x) || was.get(BASE) == Some(y) {
        return None;
    }
    let read = |text: &String| serde_json::from_str::<Base>(text).ok();
    let before = was.get(BASE).and_then(read).unwrap_or_default();
    let text = serde_json::to_string(&joined(&before, &read(x)?, &read(y)?, fields))
        .expect("what is remembered has only text keys");
    let with = |context: &Context| {
        let mut context = context.clone();
        context.insert(BASE.to_owned(), text.clone());
        context
    };
    Some((with(a), with(b)))
}

/// Each field goes the way of the issue's own: of two changes the one counts that is later there.
fn joined(was: &Base, a: &Base, b: &Base, fields: &Fields) -> Base {
    let keys: BTreeSet<&String> = a.context.keys().chain(b.context.keys()).collect();
    let kept = |key: &&String| Some(((*key).clone(), entry(fields, key, was, a, b)?));
    Base {
        title: one(fields, "title", &was.title, &a.title, &b.title),
        description: one(fields, "description", &was.description, &a.description, &b.description),
        priority: one(fields, "priority", &was.priority, &a.priority, &b.priority),
        ready: one(fields, "state", &was.ready, &a.ready, &b.ready),
        labels: set(&was.labels, &a.labels, &b.labels),
        gates: set(&was.gates, &a.gates, &b.gates),
        waits_for: set(&was.waits_for, &a.waits_for, &b.waits_for),
        parent: one(fields, &format!("context.{BASE}"), &was.parent, &a.parent, &b.parent),
        assignee: one(fields, "assignee", &was.assignee, &a.assignee, &b.assignee),
        context: keys.iter().filter_map(kept).collect(),
    }
}

/// One value: as it was changed on one side, or the later one.
fn one<T: PartialEq + Clone + Serialize>(fields: &Fields, field: &str, was: &T, a: &T, b: &T) -> T {
    let a_wins = b == was || (a != was && fields.is_first_later(field, a, b));
    if a_wins { a.clone() } else { b.clone() }
}

/// One key of the context, as [`Fields::map`] decides.
fn entry(fields: &Fields, key: &String, was: &Base, a: &Base, b: &Base) -> Option<String> {
    let (was, x, y) = (was.context.get(key), a.context.get(key), b.context.get(key));
    let is_removed = x.is_none() || y.is_none();
    match is_removed && x != was && y != was && !fields.removals_by_time {
        true => x.or(y).cloned(),
        false => one(fields, &format!("context.{key}"), &was, &x, &y).cloned(),
    }
}
