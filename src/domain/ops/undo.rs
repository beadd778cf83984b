//! Undoing: for each event the opposite one, where it has one and nothing since rests on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::apply::apply_to_issue;
use crate::domain::draft::Draft;
use crate::domain::event::{Body, Edge, Edit, Empty, Event, GateRef};
use crate::domain::gate::Gate;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::{Actor, GateKey};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{GateStatus, Outcome, State};
use crate::domain::table::Entry;

use super::state::{Finish, set_state};
use super::{claim, config, dep, gate, issue, talk};

/// Undoes events of one commit, the last first. `before` is the state that the commit builds on. Gives the issues.
///
/// Refused, all of it, when one of them has no opposite, or when what it did was changed again. What only tells of a
/// rule that was overruled on the way goes with the rest. Reads the issues that the events are about, and what the
/// opposite changes need.
pub fn undo(draft: &mut Draft<'_>, events: &[Event], before: &dyn Snapshot) -> Decision<Vec<IssueId>> {
    let mut issues: Vec<IssueId> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut bodies = Vec::new();
    for event in events.iter().rev() {
        let Ok(Some(body)) = event.body() else {
            return Err(final_for_all(event, "it is of a later version", "jit --version"));
        };
        issues.extend(event.issue.filter(|id| seen.insert(*id)));
        bodies.push((event, body));
    }
    let created: Vec<(&Event, IssueId)> = bodies
        .iter()
        .filter(|(_, body)| matches!(body, Body::IssueCreated(_)))
        .filter_map(|(event, _)| Some((*event, event.issue?)))
        .collect();
    let made: BTreeSet<IssueId> = created.iter().map(|(_, id)| *id).collect();
    let accompanies = |body: &Body| {
        let is_side = matches!(body, Body::ClaimOverridden(_) | Body::ClaimExpired(_) | Body::GateOverridden(_));
        is_side && events.len() > 1
    };
    for (event, body) in &bodies {
        draft.undoing(Some(event.id));
        match event.issue {
            // What happened to an issue in the commit that made it goes with the issue.
            Some(id) if made.contains(&id) => {}
            _ if accompanies(body) => {}
            Some(id) => of_issue(draft, event, body, id, before)?,
            None => of_tracker(draft, event, body, before)?,
        }
    }
    uncreate(draft, events, created)?;
    draft.undoing(None);
    Ok(issues)
}

/// The refusal for an event without an opposite.
fn final_for_all(event: &Event, why: &str, instead: impl Into<String>) -> Refusal {
    Refusal::NotUndoable {
        event: event.event.clone(),
        issue: event.issue,
        why: why.to_owned(),
        instead: instead.into(),
    }
}

fn changed_since(issue: IssueId, field: &str, now: impl Into<Value>) -> Refusal {
    Refusal::ChangedSince { issue: Some(issue), field: field.to_owned(), now: now.into() }
}

fn of_issue(draft: &mut Draft<'_>, event: &Event, body: &Body, id: IssueId, before: &dyn Snapshot) -> Decision {
    if let Body::IssueDeleted(_) = body {
        return restore(draft, id);
    }
    let issue = draft.issue(id)?;
    let earlier = || -> Decision<Issue> {
        before.issue(id)?.ok_or_else(|| final_for_all(event, "what was before it is not known", "jit issue log"))
    };
    let (short, prefix) = (id.short(), IdPrefix::from(id));
    let stays = |why: &str, instead: String| Err(final_for_all(event, why, instead));
    match body {
        Body::IssueRestored(_) => issue::delete(draft, &prefix).map(drop),
        Body::IssueUpdated(edit) => unedit(draft, &issue, edit, &earlier()?),
        Body::IssueStateChanged(change) => reset_state(draft, event, &issue, (change.from, change.to)),
        Body::IssueCompleted(ended) => reset_state(draft, event, &issue, (ended.from, State::Done)),
        Body::IssueRejected(ended) => reset_state(draft, event, &issue, (ended.from, State::Rejected)),
        Body::IssueClaimed(claimed) => match &issue.claim {
            Some(live) if live.token == event.id => {
                claim::release(draft, &prefix, Outcome::Handoff, Some("undone"))?;
                let issue = draft.issue(id)?;
                set_state(
                    draft,
                    &issue,
                    if claimed.from == State::Open { State::Open } else { State::Ready },
                    &Finish::default(),
                )
            }
            live => {
                Err(changed_since(id, "claim", live.as_ref().map_or(Value::Null, |claim| claim.by.as_str().into())))
            }
        },
        Body::IssueAssigned(assignment) => reassign(draft, &issue, Some(&assignment.assignee), earlier()?.assignee),
        Body::IssueUnassigned(_) => reassign(draft, &issue, None, earlier()?.assignee),
        Body::DepAdded(edge) if !issue.dependencies.contains(&edge.on) => {
            Err(changed_since(id, "dependencies", Value::Null))
        }
        Body::DepAdded(edge) => dep::remove(draft, &prefix, &[edge.on.into()]).map(drop),
        Body::DepRemoved(edge) if issue.dependencies.contains(&edge.on) => {
            Err(changed_since(id, "dependencies", edge.on.to_string()))
        }
        Body::DepRemoved(edge) => {
            let on = draft.issue(edge.on)?;
            dep::add_edges(draft, &issue, &[on])
        }
        Body::GateAdded(GateRef { gate: key, .. }) => ungate(draft, &issue, key),
        Body::GateRemoved(GateRef { gate: key, .. }) if issue.gates.contains_key(key) => {
            Err(changed_since(id, &format!("gates.{key}"), "attached"))
        }
        Body::GateRemoved(GateRef { gate: key, .. }) => gate::add(draft, &prefix, std::slice::from_ref(key)).map(drop),
        Body::IssueReleased(_) | Body::AgentStalled(_) | Body::ClaimExpired(_) => {
            stays("a claim that has ended does not come back", format!("jit issue claim {short}"))
        }
        Body::IssueAsked(_) => stays("a question is answered", format!("jit issue answer {short} \"…\"")),
        Body::IssueAnswered(_) => stays("an answer stays said", format!("jit issue ask {short} \"…\"")),
        Body::IssueCommented(_) => stays("what was said stays said", format!("jit issue comment {short} \"…\"")),
        Body::GatePassed(judged) => stays("a verdict is evidence", format!("jit gate fail {short} {}", judged.gate)),
        Body::GateFailed(judged) => stays("a verdict is evidence", format!("jit gate run {short} {}", judged.gate)),
        Body::IssueImported(_) => stays("it was taken in from elsewhere", format!("jit issue show {short}")),
        _ => stays("it tells of what has happened", format!("jit issue log {short}")),
    }
}

fn of_tracker(draft: &mut Draft<'_>, event: &Event, body: &Body, before: &dyn Snapshot) -> Decision {
    let changed = |field: String, now: Value| Err(Refusal::ChangedSince { issue: None, field, now });
    match body {
        Body::ConfigChanged(change) => {
            let now = draft.state().settings()?.get(&change.key).cloned();
            if now != change.value {
                return changed(format!("config.{}", change.key), now.unwrap_or_default());
            }
            let earlier = before.settings()?.get(&change.key).cloned();
            config::set(draft, &change.key, earlier.as_ref())
        }
        Body::GateDefined(defined) => {
            let now = draft.state().gate(&defined.key)?;
            match before.gate(&defined.key)? {
                _ if now.as_ref() != Some(defined) => {
                    changed(format!("gate.{}", defined.key), now.map_or(Value::Null, |gate| gate.title.into()))
                }
                Some(earlier) => gate::define(draft, &earlier, true),
                None => gate::undefine(draft, &defined.key),
            }
        }
        Body::GateUndefined(gone) => redefine(draft, event, before.gate(&gone.gate)?),
        Body::TrackerMerged(_) => Err(final_for_all(event, "histories that were joined stay so", "jit conflicts")),
        _ => Err(final_for_all(event, "it is how the tracker is kept", "jit log")),
    }
}

fn redefine(draft: &mut Draft<'_>, event: &Event, earlier: Option<Gate>) -> Decision {
    match earlier {
        Some(gate) => gate::define(draft, &gate, false),
        None => Err(final_for_all(event, "what was before it is not known", "jit gate define")),
    }
}

/// Makes a tombstone an issue again, without what is no longer there: gates nobody defines, issues that are gone or
/// that have come to wait for it.
fn restore(draft: &mut Draft<'_>, id: IssueId) -> Decision {
    let issue = draft.state().issue(id)?.ok_or_else(|| Refusal::IssueNotFound(id.into()))?;
    if issue.deleted.is_none() {
        return Err(changed_since(id, "deleted", Value::Null));
    }
    draft.emit(id, Body::IssueRestored(Empty {}))?;
    for on in &issue.dependencies {
        let there = draft.state().issue(*on)?.filter(|on| on.deleted.is_none());
        let stays = match there.map(|on| dep::check_no_cycle(draft, &issue, &on)) {
            None | Some(Err(Refusal::Cycle { .. })) => false,
            Some(checked) => checked.map(|()| true)?,
        };
        if !stays {
            draft.emit(id, Body::DepRemoved(Edge { on: *on }))?;
        }
    }
    for key in issue.gates.keys().filter(|_| !issue.state.is_finished()) {
        if draft.state().gate(key)?.is_none() {
            draft.emit(id, Body::GateRemoved(GateRef::new(key)))?;
        }
    }
    Ok(())
}

/// Deletes issues that one commit made and that are as it left them: those first that no other of them waits for.
fn uncreate(draft: &mut Draft<'_>, events: &[Event], created: Vec<(&Event, IssueId)>) -> Decision {
    if created.is_empty() {
        return Ok(());
    }
    let mut told: BTreeMap<IssueId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        event.issue.into_iter().for_each(|id| told.entry(id).or_default().push(event));
    }
    // What each waits for of them, and how many of them wait for it (Kahn's algorithm). There is no circle.
    let mut waited_for: BTreeMap<IssueId, usize> = created.iter().map(|(_, id)| (*id, 0)).collect();
    let mut waits: BTreeMap<IssueId, Vec<IssueId>> = BTreeMap::new();
    for (event, id) in &created {
        let issue = draft.issue(*id)?;
        if !is_as_made(&issue, told.get(id).map_or(&[], Vec::as_slice)) {
            let why = format!("the issue was worked on since, last by {} at {}", issue.updated_by, issue.updated_at);
            return Err(final_for_all(event, &why, format!("jit issue log {}", id.short())));
        }
        let on: Vec<IssueId> = issue.dependencies.into_iter().filter(|on| waited_for.contains_key(on)).collect();
        on.iter().for_each(|on| *waited_for.entry(*on).or_default() += 1);
        waits.insert(*id, on);
    }
    let others = waiting_for(draft, &waited_for)?;
    let made_by: BTreeMap<IssueId, &Event> = created.into_iter().map(|(event, id)| (id, event)).collect();
    let mut free: Vec<IssueId> = waited_for.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        draft.undoing(made_by.get(&id).map(|event| event.id));
        let issue = draft.issue(id)?;
        issue::bury(draft, &issue, others.get(&id).map_or(&[], Vec::as_slice))?;
        for on in waits.remove(&id).unwrap_or_default() {
            let left = waited_for.entry(on).or_default();
            *left -= 1;
            if *left == 0 {
                free.push(on);
            }
        }
    }
    Ok(())
}

/// The issues that wait for some, by what they wait for; without those that are among these themselves.
fn waiting_for(draft: &Draft<'_>, some: &BTreeMap<IssueId, usize>) -> Decision<BTreeMap<IssueId, Vec<IssueId>>> {
    let mut waiting: BTreeMap<IssueId, Vec<IssueId>> = BTreeMap::new();
    let table = draft.state().table()?;
    for issue in table.issues().filter(|issue| !some.contains_key(&issue.id())) {
        for on in issue.dependencies().map(Entry::id).filter(|on| some.contains_key(on)) {
            waiting.entry(on).or_default().push(issue.id());
        }
    }
    Ok(waiting)
}

/// Whether an issue says what it said after the commit with these events about it, which made it.
fn is_as_made(issue: &Issue, events: &[&Event]) -> bool {
    let mut made = None;
    for event in events {
        let Ok(Some(body)) = event.body() else { return false };
        made = match apply_to_issue(made, event, &body) {
            Ok(after) => Some(after),
            Err(_) => return false,
        };
    }
    let updated = (issue.updated_at, issue.updated_by.clone());
    made.is_some_and(|made| Issue { updated_at: updated.0, updated_by: updated.1, ..made } == *issue)
}

/// Gives the fields of an edit the values they had. Each must be as the edit left it.
fn unedit(draft: &mut Draft<'_>, issue: &Issue, edit: &Edit, earlier: &Issue) -> Decision {
    let id = issue.id;
    if edit.title.as_ref().is_some_and(|title| *title != issue.title) {
        return Err(changed_since(id, "title", issue.title.as_str()));
    }
    if edit.description.as_ref().is_some_and(|text| *text != issue.description) {
        return Err(changed_since(id, "description", issue.description.as_str()));
    }
    if edit.priority.is_some_and(|priority| priority != issue.priority) {
        return Err(changed_since(id, "priority", issue.priority.as_str()));
    }
    let gone = edit.labels_added.iter().any(|label| !issue.labels.contains(label));
    if gone || edit.labels_removed.iter().any(|label| issue.labels.contains(label)) {
        let labels: Vec<&str> = issue.labels.iter().map(|label| label.as_str()).collect();
        return Err(changed_since(id, "labels", labels));
    }
    let set = edit.context_set.iter().map(|(key, value)| (key, Some(value)));
    let unset = edit.context_unset.iter().map(|key| (key, None));
    let mut back = Edit {
        title: edit.title.as_ref().map(|_| earlier.title.clone()),
        description: edit.description.as_ref().map(|_| earlier.description.clone()),
        priority: edit.priority.map(|_| earlier.priority),
        labels_added: edit.labels_removed.clone(),
        labels_removed: edit.labels_added.clone(),
        ..Edit::default()
    };
    for (key, value) in set.chain(unset) {
        let now = issue.context.get(key);
        if now != value {
            return Err(changed_since(
                id,
                &format!("context.{key}"),
                now.map_or(Value::Null, |now| now.as_str().into()),
            ));
        }
        match earlier.context.get(key) {
            Some(value) => drop(back.context_set.insert(key.clone(), value.clone())),
            None => drop(back.context_unset.insert(key.clone())),
        }
    }
    issue::change(draft, issue, &back)
}

/// Brings an issue that is in the state `to` back to `from`; to ready where that needs a claim that has ended.
fn reset_state(draft: &mut Draft<'_>, event: &Event, issue: &Issue, (from, to): (State, State)) -> Decision {
    if issue.state != to {
        return Err(changed_since(issue.id, "state", issue.state.as_str()));
    }
    if from == State::Archived {
        let why = "putting it away again would not tell from which state";
        return Err(final_for_all(event, why, format!("jit issue update {} --state archived", issue.id.short())));
    }
    let claim_is_gone = from.may_be_claimed() && issue.claim.is_none();
    let back = if claim_is_gone { State::Ready } else { from };
    if !to.may_become(back) {
        let why = format!("what is {to} does not become {back}");
        return Err(final_for_all(event, &why, format!("jit issue update {} --state ready", issue.id.short())));
    }
    set_state(draft, issue, back, &Finish::default())?;
    // Whoever held it holds it no more, so it is meant for nobody by that.
    let holder = issue.last_claim.as_ref().map(|claim| &claim.by);
    if claim_is_gone && issue.assignee.is_some() && issue.assignee.as_ref() == holder {
        talk::assign(draft, &issue.id.into(), None)?;
    }
    Ok(())
}

fn reassign(draft: &mut Draft<'_>, issue: &Issue, now: Option<&Actor>, earlier: Option<Actor>) -> Decision {
    if issue.assignee.as_ref() != now {
        let now = issue.assignee.as_ref().map_or(Value::Null, |actor| actor.as_str().into());
        return Err(changed_since(issue.id, "assignee", now));
    }
    talk::assign(draft, &issue.id.into(), earlier.as_ref()).map(drop)
}

/// Takes a gate off again that nobody has judged.
fn ungate(draft: &mut Draft<'_>, issue: &Issue, key: &GateKey) -> Decision {
    match issue.gates.get(key) {
        None => Err(changed_since(issue.id, &format!("gates.{key}"), Value::Null)),
        Some(verdict) if verdict.status == GateStatus::Pending => {
            gate::remove(draft, &issue.id.into(), std::slice::from_ref(key)).map(drop)
        }
        Some(verdict) => Err(changed_since(issue.id, &format!("gates.{key}"), verdict.status.as_str())),
    }
}
