//! Three-way merges of single values, sets and maps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{Body, Overridden};

use super::blame::{Stamp, Touched};

/// Merges field after field, and keeps notes of what gave way.
pub struct Fields {
    touched: [Touched; 2],
    /// For what no event tells of.
    otherwise: [Stamp; 2],
    /// What gave way.
    pub notes: Vec<Body>,
    /// Whether a removal stands before an earlier change.
    pub removals_by_time: bool,
}

impl Fields {
    /// Begins a merge of two sides.
    pub fn new(a: Touched, b: Touched, otherwise_a: Stamp, otherwise_b: Stamp) -> Self {
        Self { touched: [a, b], otherwise: [otherwise_a, otherwise_b], notes: Vec::new(), removals_by_time: false }
    }

    /// When a field changed on each side.
    pub fn stamps(&self, field: &str) -> (&Stamp, &Stamp) {
        let stamp = |side: usize| self.touched[side].field(field).unwrap_or(&self.otherwise[side]);
        (stamp(0), stamp(1))
    }

    /// One value: as it was changed on one side, or the later one.
    pub fn value<T: PartialEq + Clone + Serialize>(&mut self, field: &str, base: Option<&T>, a: &T, b: &T) -> T {
        if a == b || base == Some(b) {
            return a.clone();
        }
        if base == Some(a) {
            return b.clone();
        }
        let a_wins = self.is_first_later(field, a, b);
        self.decide(field, a, b, a_wins)
    }

    /// Whether the change on side `a` is the later one. Times that are equal leave it to the values.
    pub fn is_first_later(&self, field: &str, a: &impl Serialize, b: &impl Serialize) -> bool {
        let (x, y) = self.stamps(field);
        x.cmp(y).then_with(|| json(a).to_string().cmp(&json(b).to_string())).is_ge()
    }

    fn decide<T: Clone + Serialize>(&mut self, field: &str, a: &T, b: &T, a_wins: bool) -> T {
        let (x, y) = self.stamps(field);
        let (kept, lost, from, lost_from) = if a_wins { (a, b, x, y) } else { (b, a, y, x) };
        let note = Overridden {
            field: field.to_owned(),
            kept: json(kept),
            lost: json(lost),
            kept_from: from.into(),
            lost_from: lost_from.into(),
        };
        self.notes.push(Body::MergeOverridden(note));
        kept.clone()
    }

    /// A map, key by key. A change wins over a removal, or the later of the two where removals go by time; and the later of two
    /// changes. `prefer` may say that side `a` wins, or does not.
    pub fn map<K, V>(
        &mut self,
        prefix: &str,
        base: &BTreeMap<K, V>,
        a: &BTreeMap<K, V>,
        b: &BTreeMap<K, V>,
        prefer: impl Fn(&V, &V) -> Option<bool>,
    ) -> BTreeMap<K, V>
    where
        K: Ord + Clone + Display,
        V: PartialEq + Clone + Serialize,
    {
        let mut merged = BTreeMap::new();
        let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let (was, x, y) = (base.get(key), a.get(key), b.get(key));
            let value = match (x, y) {
                (x, y) if x == y => x.cloned(),
                (x, y) if y == was => x.cloned(),
                (x, y) if x == was => y.cloned(),
                (Some(x), Some(y)) => Some(match prefer(x, y) {
                    Some(true) => x.clone(),
                    Some(false) => y.clone(),
                    None => {
                        let field = format!("{prefix}{key}");
                        let a_wins = self.is_first_later(&field, x, y);
                        self.decide(&field, x, y, a_wins)
                    }
                }),
                // Changed here, taken away there.
                (x, y) => {
                    let field = format!("{prefix}{key}");
                    let (x, y) = (x.cloned(), y.cloned());
                    let a_wins = if self.removals_by_time { self.is_first_later(&field, &x, &y) } else { x.is_some() };
                    self.decide(&field, &x, &y, a_wins)
                }
            };
            merged.extend(value.map(|value| (key.clone(), value)));
        }
        merged
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// A set: what either side added, and what neither took away.
pub fn set<T: Ord + Clone>(base: &BTreeSet<T>, a: &BTreeSet<T>, b: &BTreeSet<T>) -> BTreeSet<T> {
    let kept = |item: &&T| (a.contains(*item) && b.contains(*item)) || !base.contains(*item);
    a.union(b).filter(kept).cloned().collect()
}
