//! Plans: a break-down of work written in one document, with keys of its own in place of ids.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::IssueId;
use super::name::{Actor, GateKey, Label, PlanKey, Title};
use super::state::Priority;

/// The context key under which an issue remembers its place in a plan: `KEY`, or `NAME/KEY`.
pub const MARK: &str = "plan.key";
/// The context key under which an issue remembers what the plan last said of it.
pub const BASE: &str = "plan.base";
/// How the context keys begin that belong to plans.
pub const RESERVED: &str = "plan.";

/// Work broken down into issues that know each other by key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Plan {
    /// Tells the keys of this plan from those of others. A plan that is applied again under the same name changes
    /// what it made before.
    #[serde(default)]
    pub name: Option<PlanKey>,
    /// The issues, in any order.
    pub issues: Vec<Planned>,
}

/// An issue of a plan.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Planned {
    /// What the issue is called in this plan: letters, digits, `.`, `_` and `-`.
    pub key: PlanKey,
    /// One line of up to 500 characters.
    pub title: Title,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// How urgent it is; `normal` when left out.
    #[serde(default = "normal")]
    pub priority: Priority,
    /// Whether it is released for work.
    #[serde(default)]
    pub ready: bool,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeSet<Label>,
    /// The keys of gates that are defined in the tracker.
    #[serde(default)]
    pub gates: Vec<GateKey>,
    /// What must be finished first: keys of this plan, or ids of issues.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// The issue this one is a part of, and which waits for it: a key of this plan, or an id.
    #[serde(default)]
    pub parent: Option<String>,
    /// Who it is meant for: `type:name`.
    #[serde(default)]
    pub assignee: Option<Actor>,
    /// Free keys and values for tools; keys that begin with `plan.` are taken.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

fn normal() -> Priority {
    Priority::Normal
}

impl Plan {
    /// How an issue of this plan remembers its key.
    pub fn mark(&self, key: &PlanKey) -> String {
        match &self.name {
            Some(name) => format!("{name}/{key}"),
            None => key.to_string(),
        }
    }

    /// The key in a mark of this plan; `None` for marks of others.
    pub fn key_in<'m>(&self, mark: &'m str) -> Option<&'m str> {
        match (&self.name, mark.split_once('/')) {
            (Some(name), Some((other, key))) if name.as_str() == other => Some(key),
            (None, None) => Some(mark),
            _ => None,
        }
    }
}

/// The field of an issue in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the fields of `Planned`")]
pub enum Field {
    Key,
    Title,
    Description,
    Priority,
    Ready,
    Labels,
    Gates,
    DependsOn,
    Parent,
    Assignee,
    Context,
}

impl Field {
    /// Every field, in the order of the document.
    pub const ALL: [Field; 11] = [
        Self::Key,
        Self::Title,
        Self::Description,
        Self::Priority,
        Self::Ready,
        Self::Labels,
        Self::Gates,
        Self::DependsOn,
        Self::Parent,
        Self::Assignee,
        Self::Context,
    ];

    /// The field's name in a document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Title => "title",
            Self::Description => "description",
            Self::Priority => "priority",
            Self::Ready => "ready",
            Self::Labels => "labels",
            Self::Gates => "gates",
            Self::DependsOn => "depends_on",
            Self::Parent => "parent",
            Self::Assignee => "assignee",
            Self::Context => "context",
        }
    }
}

/// Something in a plan that does not fit the tracker, or the rest of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The issue, by its number in the plan.
    pub issue: usize,
    /// The field.
    pub field: Field,
    /// Which of the field's items.
    pub item: Option<usize>,
    /// What is wrong.
    pub why: String,
}

/// What a plan said of an issue when it was last applied, so that applying it again changes just what was edited.
/// Long texts are kept as fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of `Planned`")]
pub struct Base {
    pub title: String,
    pub description: String,
    pub priority: Option<Priority>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gates: BTreeSet<GateKey>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    /// What it waits for by the plan: its dependencies, and the issues whose parent it is.
    pub waits_for: BTreeSet<IssueId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// The parent, where it is not an issue of the plan.
    pub parent: Option<IssueId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Actor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// A short text that is equal for equal texts.
pub fn fingerprint(text: &str) -> String {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string();
    digest[..16].to_owned()
}
