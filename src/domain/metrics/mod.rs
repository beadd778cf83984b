//! Figures of how work goes: a fold over the events of a period of time.

mod spread;
mod stories;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::event::{Body, Event, Judgement};
use super::id::IssueId;
use super::name::{Actor, GateKey};
use super::state::Outcome;
use super::time::Timestamp;

pub use spread::Spread;
pub use stories::{Stories, Story};

/// How work went between two moments.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Issues that were made, or taken in.
    pub created: usize,
    /// Issues that became done.
    pub completed: usize,
    /// Issues that were rejected.
    pub rejected: usize,
    /// What became of claims.
    pub claims: Claims,
    /// Verdicts by gate.
    pub gates: BTreeMap<GateKey, Verdicts>,
    /// Work by who did it.
    pub agents: BTreeMap<Actor, Work>,
    /// What happened to each issue.
    pub stories: Stories,
    /// Who holds what, since when.
    held: BTreeMap<IssueId, (Actor, Timestamp)>,
}

/// What became of claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Claims {
    /// Claims that were made.
    pub made: usize,
    /// Given back by their holders.
    pub released: usize,
    /// Whose lease ran out.
    pub expired: usize,
    /// Whose holder fell silent.
    pub stalled: usize,
    /// Lost to another claim when histories were joined.
    pub lost: usize,
    /// Overruled by somebody else.
    pub overridden: usize,
}

impl Claims {
    /// Each count with its name.
    pub fn all(&self) -> [(&'static str, usize); 6] {
        [
            ("made", self.made),
            ("released", self.released),
            ("expired", self.expired),
            ("stalled", self.stalled),
            ("lost", self.lost),
            ("overridden", self.overridden),
        ]
    }
}

/// Verdicts on a gate.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    /// How often it passed.
    pub passed: usize,
    /// How often it failed.
    pub failed: usize,
    /// How often a verdict was used again, and nothing was run.
    pub reused: usize,
    /// How long each run took, in milliseconds.
    pub durations: Vec<u64>,
}

/// What somebody did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Work {
    /// Claims that were made.
    pub claimed: usize,
    /// Issues that became done while they were held.
    pub completed: usize,
    /// Given back as failed.
    pub failed: usize,
    /// Given back for others to go on.
    pub handed_off: usize,
    /// Given up.
    pub abandoned: usize,
    /// Claims that ended because the holder fell silent, or the lease ran out.
    pub silent: usize,
    /// Claims that gave way to another.
    pub lost: usize,
    /// Issues that are held at the end.
    pub holding: usize,
    /// How long issues were held, all together, in milliseconds.
    pub held_ms: u64,
}

impl Work {
    /// Each count with its name.
    pub fn all(&self) -> [(&'static str, usize); 8] {
        [
            ("claimed", self.claimed),
            ("completed", self.completed),
            ("failed", self.failed),
            ("handed_off", self.handed_off),
            ("abandoned", self.abandoned),
            ("silent", self.silent),
            ("lost", self.lost),
            ("holding", self.holding),
        ]
    }
}

impl Metrics {
    /// Says who holds what when the period begins.
    pub fn begin(&mut self, holders: BTreeMap<IssueId, Actor>, start: Timestamp) {
        self.held = holders.into_iter().map(|(issue, holder)| (issue, (holder, start))).collect();
    }

    /// Takes in the next event of the period that begins at `start`.
    pub fn take(&mut self, event: &Event, start: Timestamp) {
        let Ok(Some(body)) = event.body() else { return };
        let Some(issue) = event.issue else { return };
        self.stories.take(event, &body, issue);
        match &body {
            Body::IssueCreated(_) | Body::IssueImported(_) => self.created += 1,
            Body::IssueRejected(_) => self.rejected += 1,
            Body::GatePassed(judgement) => self.judged(judgement, true),
            Body::GateFailed(judgement) => self.judged(judgement, false),
            Body::ClaimOverridden(_) => self.claims.overridden += 1,
            Body::IssueCompleted(_) => self.completed += 1,
            _ => {}
        }
        self.claim(event, &body, issue, start);
    }

    fn judged(&mut self, judgement: &Judgement, passed: bool) {
        let verdicts = self.gates.entry(judgement.gate.clone()).or_default();
        *if passed { &mut verdicts.passed } else { &mut verdicts.failed } += 1;
        match &judgement.run {
            Some(run) if run.reused_from.is_some() => verdicts.reused += 1,
            Some(run) => verdicts.durations.push(run.duration_ms),
            None => {}
        }
    }

    fn work(&mut self, actor: &Actor) -> &mut Work {
        self.agents.entry(actor.clone()).or_default()
    }

    fn claim(&mut self, event: &Event, body: &Body, issue: IssueId, start: Timestamp) {
        let now = event.ts;
        match body {
            Body::IssueClaimed(claimed) => {
                self.end(issue, None, now, start);
                self.claims.made += 1;
                self.work(&claimed.by).claimed += 1;
                self.held.insert(issue, (claimed.by.clone(), now));
            }
            Body::IssueReleased(released) => {
                self.end(issue, Some(&released.by), now, start);
                self.claims.released += 1;
                let work = self.work(&released.by);
                *match released.outcome {
                    Outcome::Failed => &mut work.failed,
                    Outcome::Handoff => &mut work.handed_off,
                    Outcome::Abandoned => &mut work.abandoned,
                } += 1;
            }
            Body::AgentStalled(stalled) => {
                self.end(issue, Some(&stalled.by), now, start);
                self.claims.stalled += 1;
                self.work(&stalled.by).silent += 1;
            }
            Body::ClaimExpired(holder) => {
                self.end(issue, Some(&holder.by), now, start);
                self.claims.expired += 1;
                self.work(&holder.by).silent += 1;
            }
            Body::ClaimLost(lost) => {
                self.claims.lost += 1;
                self.work(&lost.by).lost += 1;
            }
            Body::IssueCompleted(ended) => {
                let holder = self.held.get(&issue).map(|(holder, _)| holder.clone());
                let holder = holder.or_else(|| ended.from.may_be_claimed().then(|| event.actor.clone()));
                self.end(issue, holder.as_ref(), now, start);
                if let Some(holder) = holder {
                    self.work(&holder).completed += 1;
                }
            }
            Body::IssueStateChanged(change) if change.to.may_be_claimed() => {}
            Body::IssueStateChanged(_) | Body::IssueRejected(_) | Body::IssueAsked(_) | Body::IssueDeleted(_) => {
                self.end(issue, None, now, start);
            }
            _ => {}
        }
    }

    /// Ends what is known of a claim. One that was made before the period began counts from there.
    fn end(&mut self, issue: IssueId, by: Option<&Actor>, now: Timestamp, start: Timestamp) {
        let held = self.held.remove(&issue).or_else(|| by.map(|by| (by.clone(), start)));
        if let Some((by, since)) = held {
            let millis = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            self.work(&by).held_ms += millis;
        }
    }

    /// Ends the period. `holders` are the claims that live at its end; those of which nothing was told were made before.
    pub fn finish(&mut self, holders: &BTreeMap<IssueId, Actor>, start: Timestamp, end: Timestamp) {
        for (issue, holder) in holders {
            self.work(holder).holding += 1;
            self.end(*issue, Some(holder), end, start);
        }
        self.held.clear();
    }
}
