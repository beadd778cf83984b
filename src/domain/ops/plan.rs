//! Applying a plan: its issues are made, or changed where the plan was edited since it was last applied.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::draft::{Draft, nearest, resolve};
use crate::domain::event::{Body, Edit, NewIssue};
use crate::domain::graph::cycle;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::limits;
use crate::domain::name;
use crate::domain::plan::{BASE, Base, Field, MARK, Misfit, Plan, Planned, fingerprint};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::table::Entry;

use super::state::{Finish, set_state};
use super::{dep, gate, issue, talk};

/// What was done with an issue of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Created,
    /// It was there, and the plan said something else of it.
    Updated,
    /// It was there, and the plan says what it said.
    Unchanged,
}

/// An issue of a plan after the plan was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its key.
    pub key: String,
    /// Its id.
    pub id: IssueId,
    /// What was done.
    pub action: Action,
    /// The fields of the plan that were taken over, for an issue that was there.
    pub changes: Vec<Field>,
}

/// What applying a plan came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The issues of the plan, in its order.
    pub issues: Vec<Applied>,
    /// Issues that the plan made before and no longer has, with their keys. They stay as they are.
    pub missing: Vec<(String, IssueId)>,
}

/// Applies a plan, all of it or nothing.
///
/// Issues that this plan made before are known by the mark they carry. Of these only what the plan says differently
/// than the last time is changed, so that what others did meanwhile stays. Reads the index, the issues known, what
/// the plan refers to, and for new dependencies of issues that are there what these reach.
pub fn apply(draft: &mut Draft<'_>, plan: &Plan) -> Decision<Outcome> {
    let known = known(draft, plan)?;
    let ids: Vec<IssueId> = plan
        .issues
        .iter()
        .map(|planned| known.get(planned.key.as_str()).copied().unwrap_or_else(|| draft.new_issue_id()))
        .collect();
    let wishes = Resolver { draft, plan, ids: &ids, misfits: Vec::new() }.wishes()?;
    let mut outcome = Outcome::default();
    let mut created = BTreeSet::new();
    for wish in &wishes {
        if !known.contains_key(wish.planned.key.as_str()) {
            create(draft, wish)?;
            created.insert(wish.id);
        }
    }
    for wish in &wishes {
        let (action, changes) = match created.contains(&wish.id) {
            true => (Action::Created, Vec::new()),
            false => {
                let changes = update(draft, wish)?;
                (if changes.is_empty() { Action::Unchanged } else { Action::Updated }, changes)
            }
        };
        if action != Action::Unchanged {
            join_parent(draft, wish)?;
        }
        outcome.issues.push(Applied { key: wish.planned.key.to_string(), id: wish.id, action, changes });
    }
    let has = |key: &str| plan.issues.iter().any(|planned| planned.key.as_str() == key);
    outcome.missing = known.into_iter().filter(|(key, _)| !has(key)).collect();
    Ok(outcome)
}

/// The living issues that carry marks of this plan, by key. Of several with one key the oldest counts.
fn known(draft: &Draft<'_>, plan: &Plan) -> Decision<BTreeMap<String, IssueId>> {
    let table = draft.state().table()?;
    let mut marked: Vec<(&str, Entry<'_>)> =
        table.issues().filter_map(|issue| Some((plan.key_in(issue.plan()?)?, issue))).collect();
    marked.sort_by_key(|(_, issue)| std::cmp::Reverse((issue.created_at(), issue.id())));
    Ok(marked.into_iter().map(|(key, issue)| (key.to_owned(), issue.id())).collect())
}

/// What a plan wants of an issue, with ids in place of keys.
struct Wish<'p> {
    planned: &'p Planned,
    id: IssueId,
    mark: String,
    base: Base,
}

/// Turns keys into ids, and collects what does not fit.
struct Resolver<'r, 'd, 'p> {
    draft: &'r Draft<'d>,
    plan: &'p Plan,
    ids: &'r [IssueId],
    misfits: Vec<Misfit>,
}

impl<'p> Resolver<'_, '_, 'p> {
    fn wishes(mut self) -> Decision<Vec<Wish<'p>>> {
        let mut waits_for: Vec<BTreeSet<IssueId>> = vec![BTreeSet::new(); self.ids.len()];
        let mut parents: Vec<Option<IssueId>> = vec![None; self.ids.len()];
        let plan = self.plan;
        for (number, planned) in plan.issues.iter().enumerate() {
            for (item, reference) in planned.depends_on.iter().enumerate() {
                let id = self.resolve(reference, (number, Field::DependsOn, Some(item)))?;
                waits_for[number].extend(id);
            }
            if let Some(reference) = &planned.parent
                && let Some(id) = self.resolve(reference, (number, Field::Parent, None))?
            {
                match self.number_of(id) {
                    Some(parent) => drop(waits_for[parent].insert(self.ids[number])),
                    None => parents[number] = Some(id),
                }
            }
            self.check_gates(number)?;
            if let Err(refusal) = limits::check_context(&planned.context) {
                self.misfit((number, Field::Context, None), words(&refusal));
            }
        }
        self.check_circles(&waits_for);
        if !self.misfits.is_empty() {
            return Err(Refusal::Plan(self.misfits));
        }
        let wish = |(number, planned): (usize, &'p Planned)| Wish {
            planned,
            id: self.ids[number],
            mark: plan.mark(&planned.key),
            base: base(planned, std::mem::take(&mut waits_for[number]), parents[number]),
        };
        Ok(plan.issues.iter().enumerate().map(wish).collect())
    }

    fn misfit(&mut self, (issue, field, item): (usize, Field, Option<usize>), why: String) {
        self.misfits.push(Misfit { issue, field, item, why });
    }

    fn number_of(&self, id: IssueId) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    /// The issue that a key of the plan or an id names.
    fn resolve(&mut self, reference: &str, at: (usize, Field, Option<usize>)) -> Decision<Option<IssueId>> {
        let keys = || self.plan.issues.iter().map(|planned| planned.key.as_str());
        if let Some(number) = keys().position(|key| key == reference) {
            return Ok(Some(self.ids[number]));
        }
        let near = name::nearest(reference, keys());
        let way = near.map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
        let Ok(prefix) = reference.parse::<IdPrefix>() else {
            self.misfit(at, format!("no issue of the plan has the key `{reference}`{way}"));
            return Ok(None);
        };
        match resolve(self.draft.state(), &prefix) {
            Ok(issue) => Ok(Some(issue.id)),
            Err(refusal @ Refusal::Unreadable(_)) => Err(refusal),
            Err(Refusal::IssueNotFound(_)) => {
                self.misfit(at, format!("`{reference}` is neither a key of the plan nor the id of an issue{way}"));
                Ok(None)
            }
            Err(refusal) => {
                self.misfit(at, words(&refusal));
                Ok(None)
            }
        }
    }

    fn check_gates(&mut self, number: usize) -> Decision {
        for (item, key) in self.plan.issues[number].gates.iter().enumerate() {
            if self.draft.state().gate(key)?.is_none() {
                let near: Vec<String> =
                    nearest(key, &self.draft.state().gate_keys()?).iter().map(|key| format!("`{key}`")).collect();
                let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
                self.misfit((number, Field::Gates, Some(item)), format!("no gate is called `{key}`{near}"));
            }
        }
        Ok(())
    }

    /// Tells of issues of the plan that wait for one another.
    fn check_circles(&mut self, waits_for: &[BTreeSet<IssueId>]) {
        let edges = self.ids.iter().zip(waits_for).flat_map(|(from, on)| on.iter().map(move |on| (*from, *on)));
        let Some(way) = cycle(edges) else { return };
        let mut numbers: Vec<usize> = way.iter().skip(1).filter_map(|id| self.number_of(*id)).collect();
        // Told from the issue that stands first in the plan.
        let first = numbers.iter().copied().min().unwrap_or(0);
        let at = numbers.iter().position(|number| *number == first).unwrap_or(0);
        numbers.rotate_left(at);
        numbers.push(first);
        let names: Vec<&str> = numbers.iter().map(|number| self.plan.issues[*number].key.as_str()).collect();
        self.misfit((first, Field::DependsOn, None), format!("that would be a cycle: {}", names.join(" → ")));
    }
}

/// A refusal in words, for one line of many.
fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::IssueDeleted { id, by, .. } => format!("the issue {} was deleted by {by}", id.short()),
        Refusal::AmbiguousPrefix { prefix, candidates } => {
            format!("{prefix} is the beginning of {} issues; write more of the id", candidates.len())
        }
        Refusal::Invalid { what, why } => format!("{what}: {why}"),
        _ => "cannot be used here".to_owned(),
    }
}

fn base(planned: &Planned, waits_for: BTreeSet<IssueId>, parent: Option<IssueId>) -> Base {
    Base {
        title: fingerprint(planned.title.as_str()),
        description: fingerprint(&planned.description),
        priority: Some(planned.priority),
        ready: planned.ready,
        labels: planned.labels.clone(),
        gates: planned.gates.clone(),
        waits_for,
        parent,
        assignee: planned.assignee.clone(),
        context: planned.context.iter().map(|(key, value)| (key.clone(), fingerprint(value))).collect(),
    }
}

impl Wish<'_> {
    /// What the issue remembers of the plan.
    fn memory(&self) -> [(String, String); 2] {
        let base = serde_json::to_string(&self.base).expect("a base has only text keys");
        [(MARK.to_owned(), self.mark.clone()), (BASE.to_owned(), base)]
    }
}

fn create(draft: &mut Draft<'_>, wish: &Wish<'_>) -> Decision {
    let planned = wish.planned;
    let new = NewIssue {
        title: planned.title.clone(),
        description: planned.description.clone(),
        state: if planned.ready { State::Ready } else { State::Open },
        priority: planned.priority,
        labels: planned.labels.clone(),
        dependencies: wish.base.waits_for.clone(),
        gates: planned.gates.clone(),
        context: planned.context.clone().into_iter().chain(wish.memory()).collect(),
    };
    draft.emit(wish.id, Body::IssueCreated(new))?;
    if let Some(assignee) = &planned.assignee {
        talk::assign(draft, &wish.id.into(), Some(assignee))?;
    }
    limits::check_issue(&draft.issue(wish.id)?)
}

/// Makes a parent outside of the plan wait.
fn join_parent(draft: &mut Draft<'_>, wish: &Wish<'_>) -> Decision {
    let Some(parent) = wish.base.parent else { return Ok(()) };
    let (parent, child) = (draft.issue(parent)?, draft.issue(wish.id)?);
    dep::add_edges(draft, &parent, &[child])
}

fn parse(base: &str) -> Option<Base> {
    serde_json::from_str(base).ok()
}

/// Takes over what the plan says differently than the last time. Gives the fields.
fn update(draft: &mut Draft<'_>, wish: &Wish<'_>) -> Decision<Vec<Field>> {
    let issue = draft.issue(wish.id)?;
    let before = issue.context.get(BASE).and_then(|base| parse(base));
    if before.as_ref() == Some(&wish.base) {
        return Ok(Vec::new());
    }
    // Where nothing is remembered, the plan is right about values, and adds to what there are several of.
    let before = before.unwrap_or_default();
    let changes = changed(&before, &wish.base);
    issue::change(draft, &issue, &edit(wish, &before))?;
    change_edges(draft, wish, &before)?;
    change_gates(draft, wish, &before)?;
    let issue = draft.issue(wish.id)?;
    if wish.base.ready && !before.ready && issue.state == State::Open {
        set_state(draft, &issue, State::Ready, &Finish::default())?;
    }
    if before.assignee != wish.base.assignee && issue.claim.is_none() {
        talk::assign(draft, &wish.id.into(), wish.base.assignee.as_ref())?;
    }
    Ok(changes)
}

/// The fields of which the plan says something else than before.
fn changed(before: &Base, now: &Base) -> Vec<Field> {
    let differs = [
        (Field::Title, before.title != now.title),
        (Field::Description, before.description != now.description),
        (Field::Priority, before.priority != now.priority),
        (Field::Ready, before.ready != now.ready),
        (Field::Labels, before.labels != now.labels),
        (Field::Gates, before.gates != now.gates),
        (Field::DependsOn, before.waits_for != now.waits_for),
        (Field::Parent, before.parent != now.parent),
        (Field::Assignee, before.assignee != now.assignee),
        (Field::Context, before.context != now.context),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

fn edit(wish: &Wish<'_>, before: &Base) -> Edit {
    let (planned, now) = (wish.planned, &wish.base);
    let set = planned.context.iter().filter(|(key, _)| before.context.get(*key) != now.context.get(*key));
    Edit {
        title: (before.title != now.title).then(|| planned.title.clone()),
        description: (before.description != now.description).then(|| planned.description.clone()),
        priority: now.priority.filter(|priority| before.priority != Some(*priority)),
        labels_added: now.labels.difference(&before.labels).cloned().collect(),
        labels_removed: before.labels.difference(&now.labels).cloned().collect(),
        context_set: set.map(|(key, value)| (key.clone(), value.clone())).chain(wish.memory()).collect(),
        context_unset: before.context.keys().filter(|key| !now.context.contains_key(*key)).cloned().collect(),
    }
}

fn change_edges(draft: &mut Draft<'_>, wish: &Wish<'_>, before: &Base) -> Decision {
    let (from, now) = (IdPrefix::from(wish.id), &wish.base);
    let gone: Vec<IdPrefix> = before.waits_for.difference(&now.waits_for).map(|id| IdPrefix::from(*id)).collect();
    dep::remove(draft, &from, &gone)?;
    if let Some(parent) = before.parent.filter(|parent| now.parent != Some(*parent))
        && draft.state().issue(parent)?.is_some_and(|parent| parent.deleted.is_none())
    {
        dep::remove(draft, &parent.into(), std::slice::from_ref(&from))?;
    }
    let added: Decision<Vec<Issue>> = now.waits_for.difference(&before.waits_for).map(|id| draft.issue(*id)).collect();
    let issue = draft.issue(wish.id)?;
    dep::add_edges(draft, &issue, &added?)
}

fn change_gates(draft: &mut Draft<'_>, wish: &Wish<'_>, before: &Base) -> Decision {
    let id = IdPrefix::from(wish.id);
    let issue = draft.issue(wish.id)?;
    let gone: Vec<_> =
        before.gates.difference(&wish.base.gates).filter(|key| issue.gates.contains_key(*key)).cloned().collect();
    let new: Vec<_> = wish.base.gates.difference(&before.gates).cloned().collect();
    gate::remove(draft, &id, &gone)?;
    gate::add(draft, &id, &new).map(drop)
}
