//! What became of a plan.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::ops::plan::{Action, Outcome};
use crate::domain::plan::Field;
use crate::domain::state::State;
use crate::domain::table::{Entry, Table};

use super::Render;
use super::graph::{Drawn, draw};
use super::text::{Text, clean, table as columns};

/// A plan that was applied, or would be.
#[derive(Serialize, JsonSchema)]
pub struct Applied {
    /// The plan's name.
    pub plan: Option<String>,
    /// Its issues, in its order.
    pub issues: Vec<AppliedIssue>,
    /// How many.
    pub count: usize,
    /// How many of them are new.
    pub created: usize,
    /// How many of them were changed.
    pub updated: usize,
    /// How many of them stay as they were.
    pub unchanged: usize,
    /// What the plan made before and no longer has; it stays as it is.
    pub missing: Vec<Missing>,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The commit that holds the result; for a dry run the one it was tried on.
    pub commit: String,
    #[serde(skip)]
    roots: Vec<IssueId>,
    #[serde(skip)]
    nodes: BTreeMap<IssueId, Node>,
}

/// An issue of a plan.
#[derive(Serialize, JsonSchema)]
pub struct AppliedIssue {
    /// Its key.
    pub key: String,
    /// Its id; `null` where a dry run would make it.
    pub id: Option<IssueId>,
    /// The first eight characters of it.
    pub short_id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: State,
    /// `created`, `updated` or `unchanged`.
    pub action: &'static str,
    /// The fields that were taken over, for one that was there.
    pub changes: Vec<&'static str>,
}

/// An issue that the plan no longer has.
#[derive(Serialize, JsonSchema)]
pub struct Missing {
    /// Its key.
    pub key: String,
    /// Its id.
    pub id: IssueId,
    /// Its title.
    pub title: String,
}

/// What is drawn of an issue.
struct Node {
    /// Before the title: what happens, and its key or id.
    head: String,
    action: Option<Action>,
    title: String,
    state: State,
    blocked: bool,
    changes: Vec<&'static str>,
    dependencies: Vec<IssueId>,
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Updated => "updated",
        Action::Unchanged => "unchanged",
    }
}

impl Applied {
    /// What became of a plan, in the state after it.
    pub fn new(
        plan: Option<String>,
        outcome: &Outcome,
        table: &Table,
        roots: Vec<IssueId>,
        (dry_run, commit): (bool, &str),
    ) -> Self {
        let title = |id| table.find(id).map_or_else(String::new, |entry| entry.title().to_owned());
        let issue = |issue: &crate::domain::ops::plan::Applied| {
            let id = (!dry_run || issue.action != Action::Created).then_some(issue.id);
            AppliedIssue {
                key: issue.key.clone(),
                id,
                short_id: id.as_ref().map(|id| id.short()),
                title: title(issue.id),
                state: table.find(issue.id).map_or(State::Open, Entry::state),
                action: word(issue.action),
                changes: issue.changes.iter().map(|field| Field::name(*field)).collect(),
            }
        };
        let count = |action: Action| outcome.issues.iter().filter(|issue| issue.action == action).count();
        let missing = |(key, id): &(String, IssueId)| Missing { key: key.clone(), id: *id, title: title(*id) };
        Self {
            plan,
            issues: outcome.issues.iter().map(issue).collect(),
            count: outcome.issues.len(),
            created: count(Action::Created),
            updated: count(Action::Updated),
            unchanged: count(Action::Unchanged),
            missing: outcome.missing.iter().map(missing).collect(),
            dry_run,
            commit: commit.to_owned(),
            nodes: if dry_run { nodes(outcome, table, &roots) } else { BTreeMap::new() },
            roots,
        }
    }
}

/// Everything that is drawn: the issues of the plan, and what they reach.
fn nodes(outcome: &Outcome, table: &Table, roots: &[IssueId]) -> BTreeMap<IssueId, Node> {
    let start: Vec<Entry<'_>> = roots.iter().filter_map(|id| table.find(*id)).collect();
    let by_id: BTreeMap<IssueId, &crate::domain::ops::plan::Applied> =
        outcome.issues.iter().map(|issue| (issue.id, issue)).collect();
    let node = |entry: Entry<'_>| {
        let applied = by_id.get(&entry.id());
        Node {
            head: applied.map_or_else(|| entry.id().short(), |issue| issue.key.clone()),
            action: applied.map(|issue| issue.action),
            title: entry.title().to_owned(),
            state: entry.state(),
            blocked: entry.is_blocked(),
            changes: applied.map(|issue| issue.changes.iter().map(|field| field.name()).collect()).unwrap_or_default(),
            dependencies: entry.dependencies().map(Entry::id).collect(),
        }
    };
    let reached = crate::domain::graph::within(table, &start, None).into_iter();
    reached.map(|entry| (entry.id(), node(entry))).collect()
}

impl Render for Applied {
    /// A line an issue; for a dry run the tree that would arise.
    fn human(&self, text: &mut Text) {
        if !self.dry_run {
            let id = |issue: &AppliedIssue| issue.id.map_or_else(String::new, |id| id.to_string());
            text.put(&columns(self.issues.iter().map(|issue| [issue.key.clone(), id(issue)])));
            return;
        }
        draw(text, &self.roots, None, |id, text| {
            let node = self.nodes.get(&id)?;
            let (sign, colour) = match node.action {
                Some(Action::Created) => ("+ ", AnsiColor::Green),
                Some(Action::Updated) => ("~ ", AnsiColor::Yellow),
                Some(Action::Unchanged) => ("= ", AnsiColor::White),
                None => ("  ", AnsiColor::White),
            };
            let head = text.paint(colour.on_default(), &format!("{sign}{}", clean(&node.head)));
            let changes = match node.changes.as_slice() {
                [] => String::new(),
                changes => format!("  ({})", changes.join(", ")),
            };
            let state = text.state(node.state, node.blocked);
            let line = format!("{head}  {}  [{state}]{changes}", clean(&node.title));
            Some(Drawn { line, below: node.dependencies.clone() })
        });
    }

    fn confirmation(&self) -> Option<String> {
        let would = if self.dry_run { "would be " } else { "" };
        let mut said =
            format!("{} {would}created, {} {would}updated, {} unchanged", self.created, self.updated, self.unchanged);
        for gone in &self.missing {
            said.push_str(&format!("\nno longer in the plan, and left as it is: {}  {}", gone.id.short(), gone.title));
        }
        Some(said)
    }
}
