//! The fold: what an event does to the state.
//!
//! INVARIANT: state changes nowhere else. Replaying the events of a tracker from its first commit
//! through [`apply_to_issue`], [`Gate`](super::gate::Gate) definitions and settings gives its tip.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::event::{Body, Claimed, Edit, Event, Judgement, NewIssue, Patch, Renewal};
use super::gate::Check;
use super::id::IssueId;
use super::issue::{
    Claim, Comment, Deletion, ENDED_CLAIMS, Extra, Failures, Issue, Landed, LastClaim, Question, Verdict, WatchedField,
};
use super::name::GateKey;
use super::state::{GateStatus, Outcome, State};

/// Why an event cannot be applied: it does not fit the state before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inapplicable {
    /// The issue exists already, or the id is missing.
    Creation,
    /// There is no such issue.
    NoIssue(Option<IssueId>),
    /// What a merge set makes no issue.
    Patch,
}

/// Gives the issue after `event`. `before` is the issue the event names, if it exists.
pub fn apply_to_issue(before: Option<Issue>, event: &Event, body: &Body) -> Result<Issue, Inapplicable> {
    match (body, &before, event.issue) {
        (Body::IssueCreated(new), None, Some(id)) => return Ok(create(id, event, new)),
        (Body::IssueImported(new), None, Some(id)) if new.document.id == id => return Ok((*new.document).clone()),
        (Body::IssueCreated(_) | Body::IssueImported(_), _, _) => return Err(Inapplicable::Creation),
        (Body::IssueMerged(changes), before, Some(id)) => return patch(id, before.as_ref(), changes),
        _ => {}
    }
    let mut issue = before.ok_or(Inapplicable::NoIssue(event.issue))?;
    if body.is_note() {
        return Ok(issue);
    }
    let known = WatchedField::ALL.map(|field| issue.watched(field));
    change(&mut issue, event, body);
    issue.updated_at = event.ts;
    issue.updated_by = event.actor.clone();
    let Some(claim) = issue.claim.as_mut() else { return Ok(issue) };
    if claim.by == event.actor {
        renew(claim, event, body);
    } else {
        let mut unseen = std::mem::take(&mut claim.unseen);
        for (field, old) in WatchedField::ALL.into_iter().zip(known) {
            if issue.watched(field) != old {
                unseen.entry(field.name().to_owned()).or_insert(old);
            }
        }
        if let Some(claim) = issue.claim.as_mut() {
            claim.unseen = unseen;
        }
    }
    Ok(issue)
}

/// The document of an issue after a merge has set some of its fields.
fn patch(id: IssueId, before: Option<&Issue>, changes: &Patch) -> Result<Issue, Inapplicable> {
    let misfit = |_| Inapplicable::Patch;
    let mut fields = match before.map(serde_json::to_value).transpose().map_err(misfit)? {
        Some(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    fields.extend(changes.set.iter().map(|(field, value)| (field.clone(), value.clone())));
    fields.retain(|field, _| !changes.unset.contains(field));
    let issue: Issue = serde_json::from_value(Value::Object(fields)).map_err(misfit)?;
    if issue.id == id { Ok(issue) } else { Err(Inapplicable::Patch) }
}

/// What leads from one document of an issue to another, as [`apply_to_issue`] takes it; `None` when they are equal.
pub fn difference(before: Option<&Issue>, after: &Issue) -> Option<Patch> {
    let fields = |issue: &Issue| match serde_json::to_value(issue).expect("issues have only text keys") {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (before.map(fields).unwrap_or_default(), fields(after));
    let unset = old.keys().filter(|field| !new.contains_key(*field)).cloned().collect::<BTreeSet<_>>();
    let set: BTreeMap<String, Value> = new.into_iter().filter(|(field, value)| old.get(field) != Some(value)).collect();
    (!set.is_empty() || !unset.is_empty()).then_some(Patch { set, unset })
}

/// The holder has acted: the lease runs anew and everything counts as seen.
fn renew(claim: &mut Claim, event: &Event, body: &Body) {
    claim.unseen.clear();
    if let (Some(ttl), false) = (claim.ttl_ms, matches!(body, Body::IssueClaimed(_))) {
        claim.expires_at = Some(event.ts.plus(std::time::Duration::from_millis(ttl)));
    }
}

fn create(id: IssueId, event: &Event, new: &NewIssue) -> Issue {
    Issue {
        id,
        title: new.title.clone(),
        description: new.description.clone(),
        state: new.state,
        priority: new.priority,
        labels: new.labels.clone(),
        assignee: None,
        claim: None,
        last_claim: None,
        ended_claims: BTreeSet::new(),
        ended_tickets: BTreeSet::new(),
        dependencies: new.dependencies.clone(),
        gates: new.gates.iter().map(|key| (key.clone(), Verdict::pending())).collect(),
        context: new.context.clone(),
        comments: Vec::new(),
        commits: BTreeSet::new(),
        question: None,
        failures: None,
        created_at: event.ts,
        created_by: event.actor.clone(),
        updated_at: event.ts,
        updated_by: event.actor.clone(),
        completed_at: None,
        archived_from: None,
        landed: None,
        deleted: None,
        extra: Extra::new(),
    }
}

fn change(issue: &mut Issue, event: &Event, body: &Body) {
    match body {
        Body::IssueUpdated(edit) => change_fields(issue, edit),
        Body::IssueStateChanged(transition) => {
            enter(issue, event, transition.to);
            if transition.to == State::Ready {
                issue.failures = None;
            }
        }
        Body::IssueCompleted(_) => enter(issue, event, State::Done),
        Body::IssueRejected(_) => enter(issue, event, State::Rejected),
        Body::IssueClaimed(claimed) => claim(issue, event, claimed),
        Body::IssueReleased(released) => {
            if released.outcome == Outcome::Failed {
                fail(issue, event);
            }
            enter(issue, event, State::Ready);
        }
        Body::AgentStalled(_) => {
            fail(issue, event);
            enter(issue, event, State::Ready);
        }
        Body::ClaimExpired(_) => end_claim(issue),
        Body::ClaimRenewed(renewal) => prolong(issue, renewal),
        Body::IssueAsked(_) | Body::IssueAnswered(_) | Body::IssueCommented(_) => talk(issue, event, body),
        Body::IssueAssigned(assignment) => issue.assignee = Some(assignment.assignee.clone()),
        Body::IssueUnassigned(_) => issue.assignee = None,
        Body::IssueDeleted(_) => {
            issue.claim = None;
            issue.question = None;
            issue.deleted = Some(Deletion { by: event.actor.clone(), at: event.ts });
        }
        Body::IssueRestored(_) => restore(issue),
        Body::DepAdded(edge) => {
            issue.dependencies.insert(edge.on);
        }
        Body::DepRemoved(edge) => {
            issue.dependencies.remove(&edge.on);
        }
        Body::IssueLanded(landing) => {
            let (commit, branch) = (landing.commit.clone(), landing.branch.clone());
            issue.landed = Some(Landed { commit, branch, at: event.ts });
        }
        Body::CommitLinked(linked) => {
            issue.commits.insert(linked.commit.clone());
            issue.commits.retain(|commit| linked.replaces.as_ref() != Some(commit));
        }
        Body::GateAdded(_)
        | Body::GateRemoved(_)
        | Body::GateOverridden(_)
        | Body::GatePassed(_)
        | Body::GateFailed(_)
        | Body::GateVerified(_) => change_gates(issue, event, body),
        // What is left makes an issue, changes none, or tells of one.
        _ => {}
    }
}

fn talk(issue: &mut Issue, event: &Event, body: &Body) {
    match body {
        Body::IssueAsked(said) => {
            enter(issue, event, State::Open);
            issue.question = Some(Question { by: event.actor.clone(), at: event.ts, text: said.text.clone() });
            comment(issue, event, "question", &said.text);
        }
        Body::IssueAnswered(said) => {
            if issue.claim.is_none() {
                enter(issue, event, State::Ready);
            }
            issue.failures = None;
            issue.question = None;
            comment(issue, event, "answer", &said.text);
        }
        Body::IssueCommented(said) => comment(issue, event, "comment", &said.text),
        _ => {}
    }
}

fn change_gates(issue: &mut Issue, event: &Event, body: &Body) {
    match body {
        Body::GateAdded(gate) => {
            issue.gates.entry(gate.gate.clone()).or_insert_with(Verdict::pending);
            freeze(issue, &gate.gate, gate.check.as_ref());
        }
        Body::GateRemoved(gate) => {
            issue.gates.remove(&gate.gate);
            frozen(issue).for_each(|gates| drop(gates.remove(&gate.gate)));
        }
        Body::GateOverridden(overruled) => freeze(issue, &overruled.gate, overruled.check.as_ref()),
        Body::GatePassed(judgement) => judge(issue, event, judgement, GateStatus::Passed),
        Body::GateFailed(judgement) => judge(issue, event, judgement, GateStatus::Failed),
        // Evidence about a tree of the past: the issue stands as it does.
        _ => {}
    }
}

fn change_fields(issue: &mut Issue, edit: &Edit) {
    if let Some(title) = &edit.title {
        issue.title = title.clone();
    }
    if let Some(description) = &edit.description {
        issue.description.clone_from(description);
    }
    if let Some(priority) = edit.priority {
        issue.priority = priority;
    }
    issue.labels.retain(|label| !edit.labels_removed.contains(label));
    issue.labels.extend(edit.labels_added.iter().cloned());
    issue.context.retain(|key, _| !edit.context_unset.contains(key));
    let set: &BTreeMap<String, String> = &edit.context_set;
    issue.context.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// Pins what a gate asks of the present holder.
fn freeze(issue: &mut Issue, key: &GateKey, check: Option<&Check>) {
    let Some(check) = check.filter(|_| issue.claim.is_some()) else { return };
    for gates in frozen(issue) {
        gates.insert(key.clone(), check.clone());
    }
}

/// What the holder must pass, where it is remembered.
fn frozen(issue: &mut Issue) -> impl Iterator<Item = &mut BTreeMap<GateKey, Check>> {
    let claim = issue.claim.as_mut().map(|claim| &mut claim.gates);
    claim.into_iter().chain(issue.last_claim.as_mut().map(|claim| &mut claim.gates))
}

/// Makes a tombstone an issue again. Its claim ended when it was deleted.
fn restore(issue: &mut Issue) {
    issue.deleted = None;
    if issue.state == State::InProgress {
        issue.state = State::Ready;
    }
}

/// Counts a try that came to nothing.
fn fail(issue: &mut Issue, event: &Event) {
    let count = issue.failures.as_ref().map_or(0, |failures| failures.count);
    issue.failures = Some(Failures { count: count.saturating_add(1), last: event.ts });
}

/// Enters a state, with everything that goes with leaving the old one.
fn enter(issue: &mut Issue, event: &Event, to: State) {
    let from = issue.state;
    if !to.may_be_claimed() {
        if !to.is_finished() {
            end_claim(issue);
        }
        issue.claim = None;
    }
    if to.is_finished() {
        issue.question = None;
        issue.failures = None;
    }
    issue.archived_from = (to == State::Archived).then_some(from);
    issue.completed_at = match to {
        State::Done => Some(event.ts),
        State::Archived => issue.completed_at,
        _ => None,
    };
    issue.state = to;
}

/// Ends a claim without finishing: the issue is meant for nobody any more.
fn end_claim(issue: &mut Issue) {
    if let Some(claim) = issue.claim.take()
        && issue.assignee.as_ref() == Some(&claim.by)
    {
        issue.assignee = None;
    }
}

fn claim(issue: &mut Issue, event: &Event, claimed: &Claimed) {
    let (by, generation, token) = (claimed.by.clone(), claimed.generation, event.id);
    issue.claim = Some(Claim {
        by: by.clone(),
        generation,
        at: event.ts,
        expires_at: claimed.expires_at,
        ttl_ms: claimed.ttl_ms,
        token,
        host: claimed.host.clone(),
        worktree: claimed.worktree.clone(),
        keeper: claimed.keeper.clone(),
        remote: claimed.remote.clone(),
        gates: claimed.gates.clone(),
        unseen: BTreeMap::new(),
        extra: Extra::new(),
    });
    issue.assignee = Some(by.clone());
    let (remote, gates) = (claimed.remote.clone(), claimed.gates.clone());
    let ended = issue.last_claim.replace(LastClaim { by, generation, token, remote, gates });
    if let Some(ended) = ended {
        issue.ended_claims.insert(ended.token);
        issue.ended_tickets.extend(ended.remote.map(|remote| remote.nonce));
    }
    forget_ended(issue);
    issue.state = State::InProgress;
}

/// Keeps what is remembered of ended claims in bounds.
pub(in crate::domain) fn forget_ended(issue: &mut Issue) {
    while issue.ended_claims.len() > ENDED_CLAIMS {
        issue.ended_claims.pop_first();
    }
    while issue.ended_tickets.len() > ENDED_CLAIMS {
        issue.ended_tickets.pop_first();
    }
}

fn prolong(issue: &mut Issue, renewal: &Renewal) {
    let Some(claim) = issue.claim.as_mut() else { return };
    claim.expires_at = renewal.expires_at;
    if let (Some(remote), Some(_)) = (&mut claim.remote, &renewal.object) {
        remote.object.clone_from(&renewal.object);
        if let Some(last) = issue.last_claim.as_mut() {
            last.remote = Some(remote.clone());
        }
    }
}

fn comment(issue: &mut Issue, event: &Event, kind: &str, text: &str) {
    issue.comments.push(Comment {
        id: event.id,
        by: event.actor.clone(),
        at: event.ts,
        kind: kind.to_owned(),
        text: text.to_owned(),
        extra: Extra::new(),
    });
}

fn judge(issue: &mut Issue, event: &Event, judgement: &Judgement, status: GateStatus) {
    let verdict = issue.gates.entry(judgement.gate.clone()).or_insert_with(Verdict::pending);
    let run = judgement.run.as_ref();
    *verdict = Verdict {
        status,
        by: Some(event.actor.clone()),
        at: Some(event.ts),
        tree: judgement.tree.clone(),
        commit: judgement.commit.clone(),
        exit_code: run.map(|run| run.exit_code),
        duration_ms: run.map(|run| run.duration_ms),
        output_tail: run.map(|run| run.output_tail.clone()),
        note: judgement.note.clone(),
        command: run.map(|run| run.command.clone()),
        workdir: run.and_then(|run| run.workdir.clone()),
        environment: run.and_then(|run| run.environment.clone()),
        host: run.and_then(|run| run.host.clone()),
        reused_from: run.and_then(|run| run.reused_from),
        overridden: judgement.overridden,
        extra: std::mem::take(&mut verdict.extra),
    };
}
