//! What issues remember of the plan that made them, when both sides have applied it again.

use std::collections::{BTreeMap, BTreeSet};

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
    let a_wins = fields.is_first_later(&format!("context.{BASE}"), x, y);
    let joined = joined(&before, &read(x)?, &read(y)?, a_wins);
    let text = serde_json::to_string(&joined).expect("what is remembered has only text keys");
    let with = |context: &Context| {
        let mut context = context.clone();
        context.insert(BASE.to_owned(), text.clone());
        context
    };
    Some((with(a), with(b)))
}

fn joined(was: &Base, a: &Base, b: &Base, a_wins: bool) -> Base {
    let keys: BTreeSet<&String> = a.context.keys().chain(b.context.keys()).collect();
    let value = |key: &String| one(&was.context.get(key), &a.context.get(key), &b.context.get(key), a_wins).cloned();
    Base {
        title: one(&was.title, &a.title, &b.title, a_wins),
        description: one(&was.description, &a.description, &b.description, a_wins),
        priority: one(&was.priority, &a.priority, &b.priority, a_wins),
        ready: one(&was.ready, &a.ready, &b.ready, a_wins),
        labels: set(&was.labels, &a.labels, &b.labels),
        gates: set(&was.gates, &a.gates, &b.gates),
        waits_for: set(&was.waits_for, &a.waits_for, &b.waits_for),
        parent: one(&was.parent, &a.parent, &b.parent, a_wins),
        assignee: one(&was.assignee, &a.assignee, &b.assignee, a_wins),
        context: keys.into_iter().filter_map(|key| Some((key.clone(), value(key)?))).collect(),
    }
}

/// One value: as it was changed on one side, or that of the side which wins.
fn one<T: PartialEq + Clone>(was: &T, a: &T, b: &T, a_wins: bool) -> T {
    let changed_on_a_alone = b == was;
    if a != was && (changed_on_a_alone || a_wins) { a.clone() } else { b.clone() }
}
