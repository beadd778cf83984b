//! Whether events that somebody else has made are ones that the rules allow: what a hub asks of every commit.
//!
//! What can be read from the events and the state before them is judged. Whether a command really ran, and who sat at
//! the keyboard, cannot.

mod gates;

use std::collections::BTreeMap;

use super::apply::apply_to_issue;
use super::draft::require_gates;
use super::event::{Body, Claimed, Event};
use super::gate::Check;
use super::id::IssueId;
use super::invariants::broken;
use super::issue::{Claim, Issue};
use super::name::{Actor, GateKey};
use super::refusal::Refusal;
use super::settings::Known;
use super::snapshot::{Overlay, Snapshot, Unreadable};
use super::standing::standings;
use super::state::{Stage, State};
use super::time::Timestamp;

/// How many fencing numbers a claim may leave out. Each stands for a claim elsewhere that nobody told of; a number at
/// the end of all would leave none for those to come.
pub const NUMBERS_LEFT_OUT: u64 = 1000;

/// A rule that an event breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The rule's name.
    pub rule: &'static str,
    /// How it is broken.
    pub why: String,
}

impl From<Unreadable> for Broken {
    fn from(unreadable: Unreadable) -> Self {
        Self { rule: "well-formed", why: unreadable.to_string() }
    }
}

type Judged<T = ()> = Result<T, Broken>;

fn breaks<T>(rule: &'static str, why: impl Into<String>) -> Judged<T> {
    Err(Broken { rule, why: why.into() })
}

/// Judges the events of one commit, in their order, and applies them to `state`, which is the state before it.
///
/// `clock` is the judge's own. Reads the issues that the events are about and what these wait for; for a gate that
/// changes what it asks, every issue.
pub fn judge(state: &mut Overlay, events: &[Event], first: bool, clock: Timestamp) -> Judged {
    for (at, event) in events.iter().enumerate() {
        let body = match event.body() {
            Ok(Some(body)) => body,
            Ok(None) => return breaks("known-event", format!("{} is an event of a later version", event.event)),
            Err(why) => return breaks("well-formed", format!("{}: {why}", event.event)),
        };
        let judge = Judge { state, event, earlier: &events[..at], all: events, clock };
        judge.event(&body, first)?;
        apply(state, event, &body)?;
    }
    Ok(())
}

fn apply(state: &mut Overlay, event: &Event, body: &Body) -> Judged {
    match body {
        Body::GateDefined(gate) => state.put_gate(gate.key.clone(), Some(gate.clone())),
        Body::GateUndefined(gate) => state.put_gate(gate.gate.clone(), None),
        Body::ConfigChanged(change) => {
            let mut settings = state.settings()?;
            settings.set(&change.key, change.value.clone());
            state.put_settings(settings);
        }
        Body::TrackerInitialized(_) | Body::TrackerRearranged(_) => {}
        _ => {
            let before = event.issue.map(|id| state.issue(id)).transpose()?.flatten();
            match apply_to_issue(before, event, body) {
                Ok(after) => state.put_issue(after),
                Err(_) => return breaks("lawful", format!("{} does not fit the issue before it", event.event)),
            }
        }
    }
    Ok(())
}

struct Judge<'j> {
    state: &'j Overlay,
    event: &'j Event,
    earlier: &'j [Event],
    all: &'j [Event],
    clock: Timestamp,
}

impl Judge<'_> {
    fn event(&self, body: &Body, first: bool) -> Judged {
        match body {
            Body::TrackerInitialized(_) if first => Ok(()),
            Body::TrackerInitialized(_) => breaks("lawful", "a tracker begins once"),
            Body::TrackerRearranged(_) => Ok(()),
            Body::ConfigChanged(change) => match (Known::find(&change.key), &change.value) {
                (Some(known), Some(value)) => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    known.parse(&text).map(drop).or_else(|why| breaks("lawful", format!("{}: {why}", change.key)))
                }
                _ => Ok(()),
            },
            Body::GateDefined(gate) => self.gate_defined(gate),
            Body::GateUndefined(gate) => self.gate_undefined(&gate.gate),
            Body::IssueCreated(new) if matches!(new.state, State::Open | State::Ready) => {
                self.are_defined(new.gates.iter())
            }
            Body::IssueCreated(_) => breaks("lawful", "an issue begins as open or ready"),
            Body::IssueImported(new) => match broken(&new.document).into_iter().next() {
                Some(fault) => breaks("lawful", fault),
                None => Ok(()),
            },
            body if body.is_note() || matches!(body, Body::IssueMerged(_)) => {
                breaks("lawful", format!("{} belongs to a merge", self.event.event))
            }
            Body::IssueRestored(_) => self.restored(),
            _ => self.about_issue(body),
        }
    }

    fn restored(&self) -> Judged {
        match self.event.issue.map(|id| self.state.issue(id)).transpose()?.flatten() {
            Some(issue) if issue.deleted.is_some() => Ok(()),
            _ => breaks("lawful", "only what was deleted is restored"),
        }
    }

    /// The issue that the event is about.
    fn issue(&self) -> Judged<Issue> {
        let id = self.event.issue;
        match id.map(|id| self.state.issue(id)).transpose()?.flatten() {
            Some(issue) if issue.deleted.is_none() => Ok(issue),
            _ => breaks("lawful", format!("{} is about no living issue", self.event.event)),
        }
    }

    fn about_issue(&self, body: &Body) -> Judged {
        let issue = self.issue()?;
        match body {
            Body::IssueStateChanged(change) => self.transition(&issue, change.from, change.to),
            Body::IssueCompleted(ended) => self.completed(&issue, ended.from),
            Body::IssueRejected(ended) => self.transition(&issue, ended.from, State::Rejected),
            Body::IssueClaimed(claimed) => self.claimed(&issue, claimed),
            Body::IssueReleased(released) => {
                self.matches(&issue, &released.by, released.generation)?;
                self.may_touch(&issue)
            }
            Body::ClaimExpired(holder) => self.expired(&self.matches(&issue, &holder.by, holder.generation)?),
            Body::AgentStalled(stalled) => {
                let claim = self.matches(&issue, &stalled.by, stalled.generation)?;
                match issue.state {
                    State::InProgress if claim.keeper.as_ref() == Some(&self.event.actor) => Ok(()),
                    State::InProgress => self.expired(&claim),
                    state => breaks("lawful", format!("nobody stalls on an issue that is {state}")),
                }
            }
            Body::ClaimOverridden(holder) => self.matches(&issue, &holder.by, holder.generation).map(drop),
            Body::ClaimRenewed(_) if issue.claim.is_none() => breaks("lawful", "nobody holds the issue"),
            Body::ClaimRenewed(_) | Body::IssueAsked(_) | Body::IssueDeleted(_) => self.may_touch(&issue),
            Body::IssueAnswered(_) if issue.question.is_none() => breaks("lawful", "there is no question to answer"),
            Body::DepAdded(_) | Body::DepRemoved(_) | Body::GateAdded(_) | Body::GateRemoved(_)
                if issue.state.is_finished() && !matches!(body, Body::DepRemoved(_)) =>
            {
                breaks("lawful", "a finished issue keeps its dependencies and gates")
            }
            Body::DepAdded(edge) => match self.state.issue(edge.on)? {
                Some(_) => Ok(()),
                None => breaks("lawful", format!("it depends on {}, which does not exist", edge.on)),
            },
            Body::GateAdded(gate) => {
                self.are_defined(std::iter::once(&gate.gate))?;
                let Some(check) = &gate.check else { return Ok(()) };
                self.not_by_holder(&issue, &gate.gate)?;
                let defined = self.state.gate(&gate.gate)?.map(|gate| gate.check);
                match defined.as_ref() == Some(check) && !issue.gates.contains_key(&gate.gate) {
                    true => Ok(()),
                    false => breaks("gate-frozen", format!("{} is put on as it is defined, once", gate.gate)),
                }
            }
            Body::GateOverridden(over) => self.gate_overridden(&issue, over),
            Body::IssueLanded(_) if issue.state != State::Done => breaks("lawful", "what has landed is done"),
            Body::GateRemoved(gate) => self.gate_removed(&issue, &gate.gate),
            Body::GatePassed(judgement) => self.verdict(&issue, judgement, true),
            Body::GateFailed(judgement) => self.verdict(&issue, judgement, false),
            Body::GateVerified(judgement) => match &judgement.run {
                Some(run) if run.exit_code != 0 => breaks("verdict", format!("{} did not pass", judgement.gate)),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn transition(&self, issue: &Issue, from: State, to: State) -> Judged {
        if issue.state != from || !from.may_become(to) {
            return breaks("lawful", format!("an issue that is {} does not become {to} from {from}", issue.state));
        }
        match to {
            State::Done => return breaks("lawful", "an issue is done by issue.completed"),
            State::InProgress if issue.claim.is_none() => return breaks("lawful", "work begins with a claim"),
            State::Gated => self.is_unblocked(issue)?,
            _ => {}
        }
        self.may_touch(issue)
    }

    fn completed(&self, issue: &Issue, from: State) -> Judged {
        if issue.state != from || !(from.may_become(State::Done)) {
            return breaks("lawful", format!("an issue that is {} is not completed from {from}", issue.state));
        }
        self.is_unblocked(issue)?;
        match standings(self.state, issue)?.iter().find(|standing| !standing.holds()) {
            Some(standing) => breaks("gates", format!("it is done, and {} is not passed", standing.key)),
            None => Ok(()),
        }
    }

    fn is_unblocked(&self, issue: &Issue) -> Judged {
        match self.state.blockers(issue)?.first() {
            Some(blocker) => breaks("lawful", format!("it waits for {}, which is {}", blocker.id, blocker.state)),
            None => Ok(()),
        }
    }

    fn claimed(&self, issue: &Issue, claimed: &Claimed) -> Judged {
        if let Some(held) = &issue.claim
            && !self.said_before(issue.id, |body| matches!(body, Body::ClaimOverridden(_)))
        {
            return breaks("claim-living", format!("{} holds the issue", held.by));
        }
        let was_held =
            self.said_before(issue.id, |body| matches!(body, Body::ClaimOverridden(_) | Body::ClaimExpired(_)));
        let free = issue.state.may_become(State::InProgress) || (issue.state == State::InProgress && was_held);
        if issue.state != claimed.from || !free {
            return breaks("lawful", format!("an issue that is {} cannot be claimed", issue.state));
        }
        let last = issue.last_claim.as_ref().map_or(0, |last| last.generation);
        if claimed.generation <= last {
            return breaks("fencing", format!("the number {} was given out, the last is {last}", claimed.generation));
        }
        if claimed.generation > last.saturating_add(NUMBERS_LEFT_OUT) {
            return breaks("fencing", format!("the number {} is far from the last, {last}", claimed.generation));
        }
        self.is_unblocked(issue)?;
        let standings = standings(self.state, issue)?;
        let held_back = standings.iter().find(|standing| standing.stage() == Stage::Start && !standing.holds());
        if let Some(standing) = held_back {
            return breaks("gates", format!("it is claimed, and {} is not passed", standing.key));
        }
        let mut asked: BTreeMap<GateKey, Check> = BTreeMap::new();
        for key in issue.gates.keys() {
            asked.extend(self.state.gate(key)?.map(|gate| (key.clone(), gate.check)));
        }
        if asked != claimed.gates {
            return breaks("gate-frozen", "a claim takes its gates as they are defined");
        }
        Ok(())
    }

    /// Whether the lease of a claim has run out, by the event's time and the judge's clock.
    fn expired(&self, claim: &Claim) -> Judged {
        match claim.expires_at {
            Some(end) if Claim::ends_before(end, self.event.ts) && end <= self.clock => Ok(()),
            Some(end) => breaks("claim-living", format!("the lease of {} runs until {end}", claim.by)),
            None => breaks("claim-living", format!("the claim of {} has no lease that could end", claim.by)),
        }
    }

    /// The living claim, which must be the one that the event names.
    fn matches(&self, issue: &Issue, by: &Actor, generation: u64) -> Judged<Claim> {
        match &issue.claim {
            Some(claim) if claim.by == *by && claim.generation == generation => Ok(claim.clone()),
            _ => breaks("lawful", format!("{by} does not hold the issue by number {generation}")),
        }
    }

    /// Whether the actor may change the state of an issue: its holder, who watches over the claim, a person, or whoever
    /// overrules it.
    fn may_touch(&self, issue: &Issue) -> Judged {
        let Some(claim) = &issue.claim else { return Ok(()) };
        let actor = &self.event.actor;
        let overrules = || self.said_before(issue.id, |body| matches!(body, Body::ClaimOverridden(_)));
        if claim.by == *actor || claim.keeper.as_ref() == Some(actor) || is_person(actor) || overrules() {
            return Ok(());
        }
        breaks("claim-living", format!("{} holds the issue, and {actor} is not its holder", claim.by))
    }

    /// Whether an earlier event of the commit says something about the issue.
    fn said_before(&self, id: IssueId, what: impl Fn(&Body) -> bool) -> bool {
        let about = self.earlier.iter().filter(|event| event.issue == Some(id));
        about.filter_map(|event| event.body().ok().flatten()).any(|body| what(&body))
    }

    fn are_defined<'k>(&self, keys: impl Iterator<Item = &'k GateKey>) -> Judged {
        match require_gates(self.state, keys) {
            Ok(()) => Ok(()),
            Err(Refusal::Unreadable(unreadable)) => Err(unreadable.into()),
            Err(_) => breaks("lawful", "it names a gate that nobody defined"),
        }
    }
}

/// Whether an actor is a person: people may act on what others hold.
fn is_person(actor: &Actor) -> bool {
    actor.as_str().starts_with("human:")
}
