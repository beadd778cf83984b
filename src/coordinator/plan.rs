//! The brain: what to do next, from the state of the tracker, the pool, what is running and the time. No I/O, no memory
//! of its own: asked twice the same it answers the same.
//!
//! INVARIANT: it never hands out an issue on which a process of ours is still at work, and never more issues to an agent
//! than that one takes at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::id::{EventId, IssueId};
use crate::domain::issue::{Claim, Issue, LEASE_ALLOWANCE_MS};
use crate::domain::name::Actor;
use crate::domain::ops::agent::End;
use crate::domain::query::{is_claimable, start_gates};
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::state::{Outcome, State};
use crate::domain::table::{Entry, Table};
use crate::domain::time::Timestamp;

use super::config::{Agent, Config, Name};

/// A process that the coordinator started, or found again, and the claim it works under.
#[derive(Clone, Debug)]
pub struct Running {
    /// The claim's token.
    pub token: EventId,
    /// The issue.
    pub issue: IssueId,
    /// The agent.
    pub agent: Name,
    /// As whom it acts.
    pub actor: Actor,
    /// The folder in which it works, as its claims name it.
    pub place: Option<String>,
    /// How its process is.
    pub life: Life,
}

/// How a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// It lives.
    Working {
        /// How long it has shown no sign of life: printed nothing, used no processor, said nothing about its issue.
        silent: Duration,
    },
    /// It was told to end, and lives.
    Ending,
    /// It is gone.
    Ended(Ended),
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signalled(i32),
    /// Before it began: why.
    NotStarted(String),
    /// Nobody knows how: whoever watched it was killed, or the machine was.
    Vanished,
    /// It was told to end because it had shown no sign of life for so long.
    Stalled(Duration),
    /// It was told to end because its claim had gone to somebody else.
    Superseded,
}

/// What is known besides the state.
pub struct Circumstances<'c> {
    /// The coordinator's own name.
    pub own: &'c Actor,
    /// The time.
    pub now: Timestamp,
    /// Whether leases of others can be judged: not just after the clock has jumped, and not by a state that is old.
    pub judges_leases: bool,
    /// Whether what others told a remote is known: their claims can then be judged.
    pub sees_remote: bool,
    /// Whether claims of this coordinator without a process are looked for: after a start.
    pub seeks_orphans: bool,
    /// Claims whose process lives, though nothing else can be read of it.
    pub alive: &'c BTreeSet<EventId>,
    /// Issues that are let be, and until when: those that came back without having failed, and those somebody else has.
    pub resting: &'c BTreeMap<IssueId, Timestamp>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Claim the issue for an agent, and start it.
    Dispatch {
        /// The issue.
        issue: IssueId,
        /// The agent.
        agent: Name,
    },
    /// Renew the lease of a claim whose process lives.
    Keep {
        /// The issue.
        issue: IssueId,
        /// The claim.
        token: EventId,
    },
    /// End a claim whose holder will not finish.
    TakeBack {
        /// The issue.
        issue: IssueId,
        /// The claim.
        token: EventId,
        /// How.
        end: End,
        /// Why.
        reason: String,
    },
    /// Take an issue that failed too often off the work that is handed out.
    LeaveToPeople {
        /// The issue.
        issue: IssueId,
    },
    /// Have a process end, with everything it started.
    Kill {
        /// Its claim.
        token: EventId,
        /// How that will be told.
        why: Ended,
    },
    /// Forget a process that is gone and whose claim is settled.
    Forget {
        /// Its claim.
        token: EventId,
    },
}

/// What to do now, and when to look again at the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// When something is due without a change of anything.
    pub wake: Option<Duration>,
}

/// Decides what to do.
///
/// Reads the index, the issues of `running`, those whose lease ran out, and those of the candidates that have failed.
pub fn plan(state: &dyn Snapshot, pool: &Config, running: &[Running], around: &Circumstances<'_>) -> Read<Plan> {
    let mut plan = Plan::default();
    for process in running {
        // One that cannot be read holds nothing else up; its process is let be.
        let issue = state.issue(process.issue).ok().flatten();
        watch_over(&mut plan, pool, process, issue.as_ref(), around.now);
    }
    let table = state.table()?;
    take_back_from_others(state, &table, running, around, &mut plan);
    hand_out(state, &table, pool, running, around, &mut plan)?;
    Ok(plan)
}

impl Plan {
    fn wake_after(&mut self, span: Duration) {
        self.wake = Some(self.wake.map_or(span, |known| known.min(span)));
    }
}

/// How the claim of a process stands.
enum Standing<'i> {
    InProgress(&'i Claim),
    /// It was given back, and the agent has claimed the issue anew by itself: a claim that nobody looks after.
    Anew(&'i Claim),
    Parked,
    Over,
    Anothers,
}

fn standing<'i>(process: &Running, issue: Option<&'i Issue>) -> Standing<'i> {
    match issue.and_then(|issue| issue.claim.as_ref().map(|claim| (issue, claim))) {
        Some((issue, claim)) if claim.token == process.token => match issue.state {
            State::InProgress => Standing::InProgress(claim),
            _ => Standing::Parked,
        },
        Some((_, claim)) if is_anew(claim, &process.actor, process.place.as_deref()) => Standing::Anew(claim),
        Some(_) => Standing::Anothers,
        None => Standing::Over,
    }
}

fn watch_over(plan: &mut Plan, pool: &Config, process: &Running, issue: Option<&Issue>, now: Timestamp) {
    let token = process.token;
    let standing = standing(process, issue);
    match &process.life {
        Life::Ending => {}
        Life::Ended(how) => {
            if let Standing::InProgress(claim) | Standing::Anew(claim) = standing {
                let end = match how {
                    Ended::Stalled(_) => End::Stalled,
                    _ => End::Released(Outcome::Failed),
                };
                let (issue, token) = (process.issue, claim.token);
                plan.actions.push(Action::TakeBack { issue, token, end, reason: told(how) });
            }
            plan.actions.push(Action::Forget { token });
        }
        Life::Working { .. } if matches!(standing, Standing::Anothers) => {
            plan.actions.push(Action::Kill { token, why: Ended::Superseded });
        }
        Life::Working { silent } => {
            let timeout = pool.stall_timeout();
            if *silent >= timeout {
                plan.actions.push(Action::Kill { token, why: Ended::Stalled(*silent) });
                return;
            }
            plan.wake_after(timeout - *silent);
            if let Standing::InProgress(claim) = standing {
                keep(plan, process, claim, timeout, now);
            }
        }
    }
}

/// Renews a lease of which less than half is left.
fn keep(plan: &mut Plan, process: &Running, claim: &Claim, timeout: Duration, now: Timestamp) {
    let Some(end) = claim.expires_at else { return };
    // A lease that was given before the configuration changed keeps its length.
    let half = claim.ttl_ms.map_or(timeout, Duration::from_millis).min(timeout) / 2;
    match end.since(now).checked_sub(half).filter(|left| !left.is_zero()) {
        Some(left) => plan.wake_after(left),
        None => plan.actions.push(Action::Keep { issue: process.issue, token: process.token }),
    }
}

/// The reason that is recorded.
fn told(how: &Ended) -> String {
    match how {
        Ended::Exited(0) => "the agent ended and left the issue in progress".to_owned(),
        Ended::Exited(code) => format!("the agent exited with {code}"),
        Ended::Signalled(signal) => format!("the agent was ended by signal {signal}"),
        Ended::NotStarted(why) => format!("the agent could not be started: {why}"),
        Ended::Vanished => "the agent is gone, and nobody saw it end".to_owned(),
        Ended::Stalled(silent) => {
            let whole = Duration::from_secs(silent.as_secs());
            format!("the agent showed no sign of life for {}", humantime::format_duration(whole))
        }
        Ended::Superseded => "the claim went to somebody else".to_owned(),
    }
}

/// Claims whose lease ran out, whoever holds them, and those that this coordinator made for processes it never started.
fn take_back_from_others(
    state: &dyn Snapshot,
    table: &Table,
    running: &[Running],
    around: &Circumstances<'_>,
    plan: &mut Plan,
) {
    let ours = |claim: &Claim| {
        around.alive.contains(&claim.token) || running.iter().any(|process| process.token == claim.token)
    };
    let anew = |issue: &Issue, claim: &Claim| {
        let on = |process: &&Running| process.issue == issue.id && lives(process);
        running.iter().filter(on).any(|process| is_anew(claim, &process.actor, process.place.as_deref()))
    };
    for entry in table.issues().filter(|entry| entry.state() == State::InProgress) {
        let Some(end) = entry.lease_end() else { continue };
        let expired = around.judges_leases && entry.is_lease_expired(around.now);
        if !expired && !around.seeks_orphans {
            // It is over once it cannot be a matter of clocks any more.
            let over = end.plus(Duration::from_millis(LEASE_ALLOWANCE_MS.unsigned_abs() + 1_000));
            plan.wake_after(over.since(around.now).max(Duration::from_secs(1)));
            continue;
        }
        let Ok(Some(issue)) = state.issue(entry.id()) else { continue };
        let others = |claim: &&Claim| !ours(claim) && !anew(&issue, claim);
        let Some(claim) = issue.claim.as_ref().filter(others) else { continue };
        let (end, reason) = if around.seeks_orphans && claim.keeper.as_ref() == Some(around.own) {
            let reason = "the coordinator ended before the agent was started".to_owned();
            (End::Released(Outcome::Abandoned), reason)
        } else if expired && (around.sees_remote || claim.remote.is_none()) {
            (End::Stalled, "the lease ran out".to_owned())
        } else {
            continue;
        };
        plan.actions.push(Action::TakeBack { issue: issue.id, token: claim.token, end, reason });
    }
}

/// Ready issues in the order of work, each for the agent with the most free slots that may take it.
fn hand_out(
    state: &dyn Snapshot,
    table: &Table,
    pool: &Config,
    running: &[Running],
    around: &Circumstances<'_>,
    plan: &mut Plan,
) -> Read<()> {
    let busy = |agent: &Agent| running.iter().filter(|process| process.agent == agent.id && lives(process)).count();
    let free = |agent: &Agent| (agent.max_concurrent as usize).saturating_sub(busy(agent));
    let mut slots: Vec<(&Agent, usize)> = pool.agent_pool.iter().map(|agent| (agent, free(agent))).collect();
    let none_free = |slots: &[(&Agent, usize)]| slots.iter().all(|(_, free)| *free == 0);
    if none_free(&slots) {
        return Ok(());
    }
    let starts = start_gates(state)?;
    let claimable = |entry: &Entry<'_>| entry.state() == State::Ready && is_claimable(*entry, around.now, &starts);
    let mut ready: Vec<Entry<'_>> = table.issues().filter(claimable).collect();
    let order = &pool.dispatch_rules.priority_order;
    let rank = |entry: &Entry<'_>| order.iter().position(|priority| *priority == entry.priority());
    ready.sort_unstable_by_key(|entry| (rank(entry), entry.created_at(), entry.id()));
    for entry in ready {
        if none_free(&slots) {
            break;
        }
        if running.iter().any(|process| process.issue == entry.id() && lives(process)) {
            continue;
        }
        if let Some(rest) = rest(state, pool, &entry, around) {
            match rest {
                Rest::ForGood => plan.actions.push(Action::LeaveToPeople { issue: entry.id() }),
                Rest::For(span) => plan.wake_after(span),
            }
            continue;
        }
        // The first of equals: the order of the configuration is the order of preference.
        let best = slots.iter_mut().filter(|(agent, free)| *free > 0 && may_take(agent, &entry)).rev();
        let Some((agent, free)) = best.max_by_key(|(_, free)| *free) else { continue };
        *free -= 1;
        plan.actions.push(Action::Dispatch { issue: entry.id(), agent: agent.id.clone() });
    }
    Ok(())
}

/// Whether a claim on its issue is one that an agent has made by itself, in the place where it works.
pub fn is_anew(claim: &Claim, actor: &Actor, place: Option<&str>) -> bool {
    claim.by == *actor && claim.keeper.is_none() && claim.worktree.as_deref() == place
}

fn lives(process: &Running) -> bool {
    !matches!(process.life, Life::Ended(_))
}

fn may_take(agent: &Agent, issue: &Entry<'_>) -> bool {
    let labelled = agent.labels.is_empty()
        || issue.labels().any(|label| agent.labels.iter().any(|wanted| wanted.as_str() == label));
    labelled && issue.assignee().is_none_or(|assignee| assignee == agent.actor().as_str())
}

/// Why a ready issue is not handed out yet.
enum Rest {
    /// A person has to look at it.
    ForGood,
    /// It is too early.
    For(Duration),
}

fn rest(state: &dyn Snapshot, pool: &Config, entry: &Entry<'_>, around: &Circumstances<'_>) -> Option<Rest> {
    let wait = |until: Timestamp| Some(until.since(around.now)).filter(|left| !left.is_zero()).map(Rest::For);
    if let Some(until) = around.resting.get(&entry.id()) {
        return wait(*until);
    }
    if !entry.has_failed() {
        return None;
    }
    let failures = state.issue(entry.id()).ok()??.failures?;
    if failures.count >= pool.dispatch_rules.max_attempts {
        return Some(Rest::ForGood);
    }
    let backoff = pool.backoff(failures.count);
    // A time of failure that lies ahead comes from a clock that was wrong.
    let last = failures.last.min(around.now);
    wait(last.plus(backoff))
}
