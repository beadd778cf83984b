//! Taking in issues from elsewhere, whole or sketched.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::{Body, Imported};
use crate::domain::gate::Gate;
use crate::domain::graph::cycle;
use crate::domain::id::IssueId;
use crate::domain::invariants::broken;
use crate::domain::issue::{Extra, Issue, Verdict};
use crate::domain::limits;
use crate::domain::name::{Actor, GateKey, Label, Title};
use crate::domain::refusal::{Decision, Named, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Priority, State};
use crate::domain::time::Timestamp;

/// What is to be taken in.
#[derive(Clone, Debug)]
pub enum Item {
    /// An issue as another tracker has it.
    Issue(Box<Issue>),
    /// The beginning of an issue.
    Sketch(Box<Sketch>),
    /// The definition of a gate.
    Gate(Gate),
}

impl Item {
    /// The id of an issue that has one.
    pub fn id(&self) -> Option<IssueId> {
        match self {
            Item::Issue(issue) => Some(issue.id),
            Item::Sketch(sketch) => sketch.id,
            Item::Gate(_) => None,
        }
    }

    /// Whether it is an issue that carries a gate of this key.
    pub fn carries(&self, gate: &str) -> bool {
        match self {
            Item::Issue(issue) => issue.gates.keys().any(|key| key.as_str() == gate),
            Item::Sketch(sketch) => sketch.gates.iter().any(|key| key.as_str() == gate),
            Item::Gate(_) => false,
        }
    }
}

/// What somebody wrote down of an issue; only the title must be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of an issue")]
pub struct Sketch {
    pub id: Option<IssueId>,
    pub title: Title,
    #[serde(default)]
    pub description: String,
    pub state: Option<State>,
    pub priority: Option<Priority>,
    #[serde(default)]
    pub labels: BTreeSet<Label>,
    pub assignee: Option<Actor>,
    #[serde(default)]
    pub dependencies: BTreeSet<IssueId>,
    /// The keys of its gates; none is judged yet.
    #[serde(default)]
    pub gates: BTreeSet<GateKey>,
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    pub created_at: Option<Timestamp>,
    pub created_by: Option<Actor>,
}

/// What taking in came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Issues that are new.
    pub issues: usize,
    /// Issues that were there already.
    pub skipped: usize,
    /// Gates that are new.
    pub gates: usize,
}

/// Takes all of `items` in, or none. Each comes with its line, for messages.
///
/// An issue that is there already in the same form counts as taken in. One that is there in another form is
/// refused, or passed over with `skip_existing`. Gates that are defined already stay as they are.
pub fn load(draft: &mut Draft<'_>, items: &[(usize, Item)], skip_existing: bool) -> Decision<Loaded> {
    let mut loaded = Loaded::default();
    let mut issues: BTreeMap<IssueId, (usize, Issue)> = BTreeMap::new();
    for (line, item) in items {
        let issue = match item {
            Item::Gate(gate) => {
                loaded.gates += usize::from(define(draft, *line, gate)?);
                continue;
            }
            Item::Issue(issue) => (**issue).clone(),
            Item::Sketch(sketch) => whole(draft, sketch),
        };
        check(*line, &issue)?;
        let id = issue.id;
        if let Some((first, _)) = issues.insert(id, (*line, issue)) {
            return Err(invalid(*line, format!("the issue {id} stands in line {first} already")));
        }
    }
    let new = only_new(draft, issues, skip_existing, &mut loaded)?;
    check_surroundings(draft, &new)?;
    loaded.issues = new.len();
    for (id, (_, issue)) in new {
        draft.emit(id, Body::IssueImported(Imported { document: Box::new(issue) }))?;
    }
    Ok(loaded)
}

fn invalid(line: usize, why: impl Into<String>) -> Refusal {
    Refusal::Invalid { what: format!("line {line}"), why: why.into() }
}

/// Defines a gate unless its key is defined. Whether it was new.
fn define(draft: &mut Draft<'_>, line: usize, gate: &Gate) -> Decision<bool> {
    if draft.state().gate(&gate.key)?.is_some() {
        return Ok(false);
    }
    super::gate::define(draft, gate, false).map_err(|why| match why {
        Refusal::Invalid { what, why } => invalid(line, format!("{what}: {why}")),
        other => other,
    })?;
    Ok(true)
}

fn whole(draft: &mut Draft<'_>, sketch: &Sketch) -> Issue {
    let (now, actor) = (draft.context.now, draft.context.actor.clone());
    Issue {
        id: sketch.id.unwrap_or_else(|| draft.new_issue_id()),
        title: sketch.title.clone(),
        description: sketch.description.clone(),
        state: sketch.state.unwrap_or(State::Open),
        priority: sketch.priority.unwrap_or(Priority::Normal),
        labels: sketch.labels.clone(),
        assignee: sketch.assignee.clone(),
        claim: None,
        last_claim: None,
        ended_claims: BTreeSet::new(),
        ended_tickets: BTreeSet::new(),
        dependencies: sketch.dependencies.clone(),
        gates: sketch.gates.iter().map(|key| (key.clone(), Verdict::pending())).collect(),
        context: sketch.context.clone(),
        comments: Vec::new(),
        commits: BTreeSet::new(),
        question: None,
        failures: None,
        created_at: sketch.created_at.unwrap_or(now),
        created_by: sketch.created_by.clone().unwrap_or_else(|| actor.clone()),
        updated_at: now,
        updated_by: actor,
        completed_at: (sketch.state == Some(State::Done)).then_some(now),
        archived_from: None,
        landed: None,
        deleted: None,
        extra: Extra::new(),
    }
}

/// Refuses an issue that no tracker could hold.
fn check(line: usize, issue: &Issue) -> Decision {
    limits::check_issue(issue).map_err(|why| match why {
        Refusal::TooLarge { what, limit } => invalid(line, format!("{what}; the limit is {limit}")),
        Refusal::Invalid { what, why } => invalid(line, format!("{what}: {why}")),
        other => other,
    })?;
    if issue.deleted.is_some() {
        return Err(invalid(line, "the issue was deleted; a tombstone is not taken in"));
    }
    match broken(issue).into_iter().next() {
        Some(fault) => Err(invalid(line, fault)),
        None => Ok(()),
    }
}

/// Those of `issues` that the tracker does not have.
fn only_new(
    draft: &Draft<'_>,
    mut issues: BTreeMap<IssueId, (usize, Issue)>,
    skip_existing: bool,
    loaded: &mut Loaded,
) -> Decision<BTreeMap<IssueId, (usize, Issue)>> {
    let mut different = Vec::new();
    let mut known = Vec::new();
    for (id, (_, issue)) in &issues {
        let Some(there) = draft.state().issue(*id)? else { continue };
        known.push(*id);
        if there != *issue && !skip_existing {
            different.push(Named::from(&there));
        }
    }
    if !different.is_empty() {
        return Err(Refusal::IssuesExist { issues: different });
    }
    loaded.skipped = known.len();
    known.iter().for_each(|id| drop(issues.remove(id)));
    Ok(issues)
}

/// Refuses issues that wait for one another or for what is not there, and gates nobody defined.
fn check_surroundings(draft: &Draft<'_>, issues: &BTreeMap<IssueId, (usize, Issue)>) -> Decision {
    let mut keys: BTreeSet<&GateKey> = BTreeSet::new();
    for (line, issue) in issues.values() {
        keys.extend(issue.gates.keys());
        for on in &issue.dependencies {
            if issues.contains_key(on) {
                continue;
            }
            let there = draft.state().issue(*on)?;
            if there.is_none_or(|there| there.deleted.is_some()) {
                return Err(invalid(*line, format!("depends on {on}, which is neither here nor in the tracker")));
            }
        }
    }
    require_gates(draft.state(), keys)?;
    // INVARIANT: what is in the tracker waits for nothing new, so a circle lies among the new issues.
    let edges = issues.iter().flat_map(|(id, (_, issue))| issue.dependencies.iter().map(move |on| (*id, *on)));
    match cycle(edges) {
        None => Ok(()),
        Some(way) => {
            let named = |id: &IssueId| issues.get(id).map(|(_, issue)| Named::from(issue));
            Err(Refusal::Cycle { path: way.iter().filter_map(named).collect() })
        }
    }
}
