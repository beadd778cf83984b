//! Applying a plan: its issues are made, or changed where the plan was edited since it was last applied.

mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Edit, NewIssue};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::limits;
use crate::domain::plan::{BASE, Base, Field, MARK, Misfit, Plan};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::table::Entry;

use super::state::{Finish, set_state};
use super::{dep, gate, issue, talk};
use resolve::{Resolver, Wish};

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
    let wishes = Resolver::new(draft, plan, &ids).wishes()?;
    let mut known_wishes: BTreeMap<usize, Known> = BTreeMap::new();
    let mut refused = Refused::default();
    // What is let go goes first, so that an edge may be turned round.
    for (number, wish) in wishes.iter().enumerate().filter(|(_, wish)| known.contains_key(wish.planned.key.as_str())) {
        let issue = draft.issue(wish.id)?;
        let before = issue.context.get(BASE).and_then(|base| parse(base));
        if before.as_ref() == Some(&wish.base) {
            continue;
        }
        // Where nothing is remembered, the plan is right about values, and adds to what there are several of.
        let before = before.unwrap_or_default();
        let edited = issue::change(draft, &issue, &edit(wish, &before)).and_then(|()| let_go(draft, wish, &before));
        refused.note(number, edited)?;
        known_wishes.insert(number, Known { changes: changed(&before, &wish.base), before });
    }
    refused.end()?;
    let mut outcome = Outcome::default();
    for (number, wish) in wishes.iter().enumerate().filter(|(_, wish)| !known.contains_key(wish.planned.key.as_str())) {
        refused.note(number, create(draft, wish))?;
    }
    refused.end()?;
    for (number, Known { before, .. }) in &known_wishes {
        let wish = &wishes[*number];
        let taken = take_up(draft, wish, before).map_err(|refusal| placed(refusal, *number, wish));
        refused.note(*number, taken)?;
    }
    refused.end()?;
    for (number, wish) in wishes.iter().enumerate() {
        let known_as = known_wishes.get(&number);
        let (action, changes) = match (known.contains_key(wish.planned.key.as_str()), known_as) {
            (false, _) => (Action::Created, Vec::new()),
            (true, Some(known)) => (Action::Updated, known.changes.clone()),
            (true, None) => (Action::Unchanged, Vec::new()),
        };
        let parent_is_new = known_as.is_none_or(|known| known.before.parent != wish.base.parent);
        if action != Action::Unchanged && parent_is_new {
            let joined = join_parent(draft, wish).map_err(|refusal| placed(refusal, number, wish));
            refused.note(number, joined)?;
        }
        outcome.issues.push(Applied { key: wish.planned.key.to_string(), id: wish.id, action, changes });
    }
    refused.end()?;
    let keys: BTreeSet<&str> = plan.issues.iter().map(|planned| planned.key.as_str()).collect();
    outcome.missing = known.into_iter().filter(|(key, _)| !keys.contains(key.as_str())).collect();
    Ok(outcome)
}

/// What rules are against, of one step for all issues: each is told, not only the first.
#[derive(Default)]
struct Refused {
    rules: Vec<(usize, Refusal)>,
    misfits: Vec<Misfit>,
}

impl Refused {
    /// Keeps what was said of an issue. What is no matter of the plan ends it at once.
    fn note(&mut self, number: usize, outcome: Decision) -> Decision {
        match outcome {
            Ok(()) => {}
            Err(Refusal::Plan(misfits)) => self.misfits.extend(misfits),
            Err(refusal @ Refusal::Unreadable(_)) => return Err(refusal),
            Err(refusal) => self.rules.push((number, refusal)),
        }
        Ok(())
    }

    /// Refuses the plan when a step was refused: what comes after it would only complain of that.
    fn end(&mut self) -> Decision {
        if !self.misfits.is_empty() {
            return Err(Refusal::Plan(std::mem::take(&mut self.misfits)));
        }
        match self.rules.is_empty() {
            true => Ok(()),
            false => Err(Refusal::OfPlan(std::mem::take(&mut self.rules))),
        }
    }
}

/// The living issues that carry marks of this plan, by key. Of several with one key the oldest counts.
fn known(draft: &Draft<'_>, plan: &Plan) -> Decision<BTreeMap<String, IssueId>> {
    let table = draft.state().table()?;
    let mut marked: Vec<(&str, Entry<'_>)> =
        table.issues().filter_map(|issue| Some((plan.key_in(issue.plan()?)?, issue))).collect();
    marked.sort_by_key(|(_, issue)| std::cmp::Reverse((issue.created_at(), issue.id())));
    Ok(marked.into_iter().map(|(key, issue)| (key.to_owned(), issue.id())).collect())
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
        gates: planned.gates.iter().cloned().collect(),
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

/// An issue that the plan made before, and of which it says something else now.
struct Known {
    before: Base,
    changes: Vec<Field>,
}

/// A circle by way of what is in the tracker is a mistake of the plan, at this issue.
fn placed(refusal: Refusal, number: usize, wish: &Wish<'_>) -> Refusal {
    match refusal {
        Refusal::Cycle { path } => {
            let way: Vec<String> = path.iter().map(|issue| issue.title.clone()).collect();
            let field = if wish.planned.depends_on.is_empty() { Field::Parent } else { Field::DependsOn };
            let why = format!("that would be a cycle: {}", way.join(" → "));
            Refusal::Plan(vec![Misfit { issue: number, field, item: None, why }])
        }
        other => other,
    }
}

/// Takes on what the plan has that it did not have before.
fn take_up(draft: &mut Draft<'_>, wish: &Wish<'_>, before: &Base) -> Decision {
    let now = &wish.base;
    let added: Decision<Vec<Issue>> = now.waits_for.difference(&before.waits_for).map(|id| draft.issue(*id)).collect();
    let issue = draft.issue(wish.id)?;
    dep::add_edges(draft, &issue, &added?)?;
    let new: Vec<_> = now.gates.difference(&before.gates).cloned().collect();
    gate::add(draft, &wish.id.into(), &new)?;
    let issue = draft.issue(wish.id)?;
    let state = match (before.ready, now.ready) {
        (false, true) if issue.state == State::Open => Some(State::Ready),
        (true, false) if issue.state == State::Ready => Some(State::Open),
        _ => None,
    };
    if let Some(state) = state {
        set_state(draft, &issue, state, &Finish::default())?;
    }
    if before.assignee != now.assignee {
        talk::assign(draft, &wish.id.into(), now.assignee.as_ref())?;
    }
    Ok(())
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

/// Lets go of what the plan no longer has. What is no longer there anyway is passed over.
fn let_go(draft: &mut Draft<'_>, wish: &Wish<'_>, before: &Base) -> Decision {
    let (id, now) = (IdPrefix::from(wish.id), &wish.base);
    let issue = draft.issue(wish.id)?;
    let gone: Vec<IdPrefix> = before
        .waits_for
        .difference(&now.waits_for)
        .filter(|on| issue.dependencies.contains(*on))
        .map(|on| IdPrefix::from(*on))
        .collect();
    dep::remove(draft, &id, &gone)?;
    let parent = before.parent.filter(|parent| now.parent != Some(*parent));
    if let Some(parent) = parent.map(|parent| draft.state().issue(parent)).transpose()?.flatten()
        && parent.deleted.is_none()
        && parent.dependencies.contains(&wish.id)
    {
        dep::remove(draft, &parent.id.into(), std::slice::from_ref(&id))?;
    }
    let gates: Vec<_> =
        before.gates.difference(&now.gates).filter(|key| issue.gates.contains_key(*key)).cloned().collect();
    gate::remove(draft, &id, &gates).map(drop)
}
