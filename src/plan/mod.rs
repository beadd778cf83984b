//! Plans as people and agents write them: JSON or YAML in, a [`Plan`] with the place of each part out.

mod read;

use std::collections::BTreeMap;

use crate::document::Place;
use crate::domain::plan::{Field, Plan};

pub use read::read;

/// A plan, and where each part of it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// The plan.
    pub plan: Plan,
    /// Where fields and their items stand: by issue, field and item.
    places: BTreeMap<(usize, Field, Option<usize>), Place>,
    /// Where each issue begins.
    issues: Vec<Place>,
}

impl Document {
    /// Where an item of a field of an issue stands, or what is nearest around it.
    pub fn place(&self, issue: usize, field: Field, item: Option<usize>) -> Place {
        let known = |item| self.places.get(&(issue, field, item)).copied();
        let around = || self.issues.get(issue).copied();
        known(item).or_else(|| known(None)).or_else(around).unwrap_or(Place { line: 1, column: 1 })
    }
}

/// Something that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// On which part: `issues[3].title`.
    pub path: String,
    /// What is wrong.
    pub why: String,
}
