//! The processes under the coordinator's care: whether they live, what they show, and telling them to end.

use std::time::{Duration, Instant};

use crate::domain::id::EventId;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::Timestamp;
use crate::environment::system_clock;
use crate::processes::{self, Word as Tell};
use crate::store::derived;

use super::assignment::{Assignment, Word, ended};
use super::home::Home;
use super::plan::{Ended, Life, Running};
use super::round::Coordinator;
use super::signs::Look;
use super::start;

/// How long after it was told to end the process that runs an agent is ended itself.
const OVERDUE: Duration = Duration::from_secs(15);

/// A process under this coordinator's care.
#[derive(Debug)]
pub struct Tracked {
    /// What was written down.
    pub assignment: Assignment,
    /// Whether its process is gone.
    pub gone: bool,
    /// The process that runs it, where this coordinator started that.
    pub child: Option<u32>,
    /// When it was to be told to end, and why.
    pub told: Option<(Instant, Ended)>,
    /// Whether it could be told.
    pub heard: bool,
    /// The end of its lease, as it was last seen.
    pub lease: Option<Timestamp>,
}

impl Tracked {
    /// The end of the lease of its claim, while that stands.
    fn lease_in(&self, state: &dyn Snapshot) -> Option<Timestamp> {
        let issue = state.issue(self.assignment.issue).ok()??;
        issue.claim.filter(|claim| claim.token == self.assignment.token)?.expires_at
    }

    /// The process that runs the agent.
    pub fn runner(&self, home: &Home) -> Option<u32> {
        self.child.or_else(|| {
            home.reported(self.assignment.token).iter().find_map(|word| match word {
                Word::Runner(id) => Some(*id),
                _ => None,
            })
        })
    }
}

impl Coordinator {
    /// Takes a process into care. One that was started by somebody else is no child of this one.
    pub(super) fn track(&mut self, assignment: Assignment, child: Option<std::process::Child>) {
        let token = assignment.token;
        let id = child.as_ref().map(std::process::Child::id);
        let silent = if id.is_some() { Duration::ZERO } else { self.silent_since(token) };
        self.signs.begin(token, Instant::now(), silent, &self.home.sign_file(token));
        start::tell_when_gone(&self.home, token, child, self.wakes.clone());
        let told = std::fs::read_to_string(self.home.told_to_end_file(token)).ok();
        let told = told.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let told = told.map(|silent| (Instant::now(), Ended::Stalled(silent)));
        self.tracked.insert(token, Tracked { assignment, gone: false, child: id, told, heard: false, lease: None });
    }

    /// How long an agent that was found again has shown no sign of life, as far as is written down.
    fn silent_since(&self, token: EventId) -> Duration {
        let files = [self.home.run_file(token), self.home.sign_file(token)];
        files.iter().filter_map(|file| derived::age(file, system_clock())).min().unwrap_or(Duration::ZERO)
    }

    /// Has a process end, with everything it started.
    pub(super) fn tell_to_end(&mut self, token: EventId, why: Ended) {
        if let Some(process) = self.tracked.get_mut(&token).filter(|process| process.told.is_none()) {
            if let Ended::Stalled(silent) = &why {
                // Whoever settles it may be another; without this it is told as any other end.
                let _ = std::fs::write(self.home.told_to_end_file(token), silent.as_secs().to_string());
            }
            let words = match &why {
                Ended::Stalled(_) => "it shows no sign of life",
                _ => "it does not hold its claim any more",
            };
            let (issue, agent) = (process.assignment.issue, process.assignment.agent.clone());
            process.told = Some((Instant::now(), why));
            self.say(format!("{}: {agent} is ended: {words}", issue.short()));
            self.tell_again();
        }
    }

    /// Takes the holders' own events for signs of life: their leases run anew with each.
    pub(super) fn notice_holders(&mut self, state: &dyn Snapshot) {
        let now = Instant::now();
        for (token, process) in self.tracked.iter_mut().filter(|(_, process)| !process.gone) {
            let lease = process.lease_in(state);
            // The first look only tells what there is.
            if lease != process.lease && process.lease.is_some() {
                self.signs.show(*token, now, &self.home.sign_file(*token));
            }
            process.lease = lease;
        }
    }

    /// Takes note of leases that this coordinator itself has renewed: these are no signs of life.
    pub(super) fn note_leases(&mut self, state: &dyn Snapshot, kept: &[EventId]) {
        for token in kept {
            let Some(process) = self.tracked.get_mut(token) else { continue };
            process.lease = process.lease_in(state);
        }
    }

    /// The processes under this coordinator's care as they are now.
    pub(super) fn running(&mut self) -> Vec<Running> {
        let now = Instant::now();
        let Self { home, tracked, signs, loaded, alive, .. } = self;
        alive.retain(|token| home.lives(*token));
        for (token, process) in tracked.iter_mut().filter(|(_, process)| !process.gone) {
            process.gone = !home.lives(*token);
        }
        let living: Vec<EventId> =
            tracked.iter().filter(|(_, process)| !process.gone).map(|(token, _)| *token).collect();
        let timeout = loaded.config.stall_timeout();
        // Nobody is ended on an old look.
        let late = living.iter().any(|token| signs.silent(*token, now) >= timeout);
        let agents = living.iter().map(|token| Look {
            token: *token,
            runner: tracked[token].runner(home),
            printed: home.run_file(*token),
            kept: home.sign_file(*token),
        });
        signs.look(agents, now, if late { Duration::ZERO } else { timeout / 10 });
        let running = tracked.iter().map(|(token, process)| Running {
            token: *token,
            issue: process.assignment.issue,
            agent: process.assignment.agent.clone(),
            actor: process.assignment.actor.clone(),
            place: process.assignment.place(),
            life: match (process.gone, &process.told) {
                (true, told) => Life::Ended(how(home, *token, told.as_ref().map(|(_, why)| why))),
                (false, Some(_)) => Life::Ending,
                (false, None) => Life::Working { silent: signs.silent(*token, now) },
            },
        });
        running.collect()
    }

    /// Takes note of agents that cannot be started, until one begins, or the configuration is read anew.
    pub(super) fn note_unstarted(&mut self, running: &[Running]) {
        for one in running {
            match &one.life {
                Life::Ended(Ended::NotStarted(why)) => drop(self.unstarted.insert(one.agent.clone(), why.clone())),
                Life::Ended(_) => drop(self.unstarted.remove(&one.agent)),
                _ if !self.unstarted.contains_key(&one.agent) => {}
                _ => {
                    let words = self.home.reported(one.token);
                    if words.iter().any(|word| matches!(word, Word::Started { .. })) {
                        self.unstarted.remove(&one.agent);
                    }
                }
            }
        }
        let pool = &self.loaded.config.agent_pool;
        self.unstarted.retain(|name, _| pool.iter().any(|agent| agent.id == *name));
        let told: Vec<String> =
            self.unstarted.iter().map(|(name, why)| format!("{name} cannot be started: {why}")).collect();
        match told.is_empty() {
            true => drop(self.problems.remove("agents")),
            false => self.problem("agents", told.join("; ")),
        }
    }

    /// Tells those to end that could not be told before, and ends what was told long ago and did not.
    pub(super) fn tell_again(&mut self) {
        let Self { home, tracked, .. } = self;
        for process in tracked.values_mut().filter(|process| !process.gone && home.lives(process.assignment.token)) {
            let Some((told, _)) = process.told else { continue };
            let word = match (process.heard, told.elapsed() > OVERDUE) {
                (false, _) => Tell::End,
                (true, true) => Tell::Kill,
                (true, false) => continue,
            };
            process.heard = true;
            match process.runner(home).and_then(processes::process) {
                Some(runner) => processes::tell(runner, word),
                // It could not report itself: it carries the claim's token like everything it started.
                None => tell_carriers(process.assignment.token, word),
            }
        }
    }
}

/// How a process ended that is gone. What nobody watched to its end is ended with everything it started.
fn how(home: &Home, token: EventId, told: Option<&Ended>) -> Ended {
    let words = home.reported(token);
    let reported = ended(&words);
    if reported == Ended::Vanished {
        for word in &words {
            if let Word::Started { pid, began } = word
                && let Some(leader) = processes::process(*pid)
            {
                processes::kill_group(leader, *began);
            }
        }
        tell_carriers(token, Tell::Kill);
    }
    told.cloned().unwrap_or(reported)
}

/// Tells everything that was started under a claim.
fn tell_carriers(token: EventId, word: Tell) {
    let carriers = processes::carrying("JIT_CLAIM", &token.to_string());
    carriers.into_iter().for_each(|process| processes::tell(process, word));
}
