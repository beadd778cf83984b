//! The fold: what an event does to the state.
//!
//! INVARIANT: state changes nowhere else. Replaying the events of a tracker from its first commit
//! through [`apply_to_issue`], [`Gate`](super::gate::Gate) definitions and settings gives its tip.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Body, Claimed, Edit, Event, Judgement, NewIssue};
use super::gate::Check;
use super::id::IssueId;
use super::issue::{Claim, Comment, Deletion, ENDED_CLAIMS, Extra, Issue, LastClaim, Question, Verdict, WatchedField};
use super::name::GateKey;
use super::state::{GateStatus, State};

/// Why an event cannot be applied: it does not fit the state before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inapplicable {
    /// The issue exists already, or the id is missing.
    Creation,
    /// There is no such issue.
    NoIssue(Option<IssueId>),
}

/// Gives the issue after `event`. `before` is the issue the event names, if it exists.
pub fn apply_to_issue(before: Option<Issue>, event: &Event, body: &Body) -> Result<Issue, Inapplicable> {
    match (body, &before, event.issue) {
        (Body::IssueCreated(new), None, Some(id)) => return Ok(create(id, event, new)),
        (Body::IssueImported(new), None, Some(id)) if new.document.id == id => return Ok((*new.document).clone()),
        (Body::IssueCreated(_) | Body::IssueImported(_), _, _) => return Err(Inapplicable::Creation),
        _ => {}
    }
    let mut issue = before.ok_or(Inapplicable::NoIssue(event.issue))?;
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
        dependencies: new.dependencies.clone(),
        gates: new.gates.iter().map(|key| (key.clone(), Verdict::pending())).collect(),
        context: new.context.clone(),
        comments: Vec::new(),
        commits: BTreeSet::new(),
        question: None,
        created_at: event.ts,
        created_by: event.actor.clone(),
        updated_at: event.ts,
        updated_by: event.actor.clone(),
        completed_at: None,
        archived_from: None,
        deleted: None,
        extra: Extra::new(),
    }
}

fn change(issue: &mut Issue, event: &Event, body: &Body) {
    match body {
        Body::IssueUpdated(edit) => change_fields(issue, edit),
        Body::IssueStateChanged(transition) => enter(issue, event, transition.to),
        Body::IssueCompleted(_) => enter(issue, event, State::Done),
        Body::IssueRejected(_) => enter(issue, event, State::Rejected),
        Body::IssueClaimed(claimed) => claim(issue, event, claimed),
        Body::IssueReleased(_) => enter(issue, event, State::Ready),
        Body::ClaimExpired(_) => end_claim(issue),
        Body::ClaimRenewed(renewal) => {
            if let Some(claim) = issue.claim.as_mut() {
                claim.expires_at = renewal.expires_at;
            }
        }
        Body::IssueAsked(said) => {
            enter(issue, event, State::Open);
            issue.question = Some(Question { by: event.actor.clone(), at: event.ts, text: said.text.clone() });
            comment(issue, event, "question", &said.text);
        }
        Body::IssueAnswered(said) => {
            if issue.claim.is_none() {
                enter(issue, event, State::Ready);
            }
            issue.question = None;
            comment(issue, event, "answer", &said.text);
        }
        Body::IssueCommented(said) => comment(issue, event, "comment", &said.text),
        Body::IssueAssigned(assignment) => issue.assignee = Some(assignment.assignee.clone()),
        Body::IssueUnassigned(_) => issue.assignee = None,
        Body::IssueDeleted(_) => {
            issue.claim = None;
            issue.question = None;
            issue.deleted = Some(Deletion { by: event.actor.clone(), at: event.ts });
        }
        Body::DepAdded(edge) => {
            issue.dependencies.insert(edge.on);
        }
        Body::DepRemoved(edge) => {
            issue.dependencies.remove(&edge.on);
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
        Body::ClaimOverridden(_)
        | Body::IssueCreated(_)
        | Body::IssueImported(_)
        | Body::TrackerInitialized(_)
        | Body::TrackerRearranged(_)
        | Body::ConfigChanged(_)
        | Body::GateDefined(_)
        | Body::GateUndefined(_) => {}
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
        gates: claimed.gates.clone(),
        unseen: BTreeMap::new(),
        extra: Extra::new(),
    });
    issue.assignee = Some(by.clone());
    let ended = issue.last_claim.replace(LastClaim { by, generation, token, gates: claimed.gates.clone() });
    issue.ended_claims.extend(ended.map(|ended| ended.token));
    while issue.ended_claims.len() > ENDED_CLAIMS {
        issue.ended_claims.pop_first();
    }
    issue.state = State::InProgress;
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
