//! A world for the coordinator's brain: agents that do what agents do, and people who come in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jit::coordinator::config::Config;
use jit::coordinator::plan::{Action, Circumstances, Ended, Life, Running, plan};
use jit::domain::draft::Draft;
use jit::domain::event::Edit;
use jit::domain::id::{EventId, IdPrefix, IssueId};
use jit::domain::issue::Issue;
use jit::domain::ops::agent;
use jit::domain::ops::claim::{self, Elsewhere, Terms};
use jit::domain::ops::issue::{self, Create, Update};
use jit::domain::ops::state::Finish;
use jit::domain::refusal::Decision;
use jit::domain::snapshot::Snapshot;
use jit::domain::state::{Outcome, Priority, State};
use jit::domain::time::Timestamp;
use jit::store::memory::MemoryTree;
use jit::store::snapshot::TreeSnapshot;
use jit::store::transact::open;

use super::memory::{World, actor, all_issues};
use super::random::Random;

/// What the coordinator is called.
pub const OWN: &str = "coordinator:x";
/// The lease, and how long an agent may be silent, in milliseconds.
const STALL: i64 = 600_000;
const BACKOFF: i64 = 30_000;
const TRIES: u32 = 3;

/// An agent's process, as the simulator knows it.
struct Process {
    issue: IssueId,
    agent: String,
    life: Life,
    /// How it will have ended, once it was told to.
    dying: Option<Ended>,
    /// When it last showed a sign of life.
    sign: i64,
    hangs: bool,
}

/// A tracker, a coordinator and its agents, under a clock of their own.
pub struct Game {
    pub world: World,
    pub config: Config,
    pub random: Random,
    processes: BTreeMap<EventId, Process>,
    resting: BTreeMap<IssueId, Timestamp>,
    /// Time that runs, whatever the clock says.
    running: i64,
    jumped: Option<i64>,
    seeks_orphans: bool,
    pub log: Vec<String>,
}

fn config() -> Config {
    let agents = r#"[
        {"id": "a", "agent_type": "bot", "command": "x", "max_concurrent": 2},
        {"id": "b", "agent_type": "bot", "command": "x", "max_concurrent": 1, "labels": ["docs"]},
        {"id": "c", "agent_type": "bot", "command": "x", "max_concurrent": 3, "labels": ["code", "docs"]}]"#;
    let rules = format!(
        r#"{{"priority_order": ["low", "critical", "high", "normal"], "stall_timeout_minutes": {}, "max_attempts": {TRIES}, "retry_backoff_secs": {}}}"#,
        STALL / 60_000,
        BACKOFF / 1000
    );
    Config::parse("c", &format!("{{\"agent_pool\": {agents}, \"dispatch_rules\": {rules}}}")).expect("it is valid")
}

impl Game {
    /// A game whose chances follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(),
            config: config(),
            random: Random(seed),
            processes: BTreeMap::new(),
            resting: BTreeMap::new(),
            running: 0,
            jumped: None,
            seeks_orphans: true,
            log: Vec::new(),
        }
    }

    /// The state at the tip.
    pub fn state(&self) -> TreeSnapshot<MemoryTree> {
        open(&self.world.store, &self.world.tip()).expect("the tip can be opened")
    }

    fn issue(&self, id: IssueId) -> Issue {
        self.state().issue(id).expect("readable").expect("there")
    }

    /// The time by the clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.clock)
    }

    /// Lets time pass.
    pub fn pass(&mut self, millis: i64) {
        self.world.clock += millis;
        self.running += millis;
    }

    /// Makes a change as somebody; gives the issues it was about, none when it was refused.
    pub fn change(
        &mut self,
        who: &str,
        mut decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    ) -> Vec<IssueId> {
        self.world.change(who, false, |draft| decide(draft)).map(|change| change.subjects).unwrap_or_default()
    }

    /// Makes an issue.
    pub fn create(&mut self) {
        let random = &mut self.random;
        let labels = [&[][..], &["docs"], &["code"], &["code", "docs"]][random.below(4)];
        let depends_on = match self.world.issues.last() {
            Some(last) if random.once_in(3) => vec![IdPrefix::from(*last)],
            _ => vec![],
        };
        let new = Create {
            title: format!("issue {}", self.world.issues.len()).parse().expect("a valid title"),
            description: String::new(),
            priority: Priority::ALL[random.below(4)],
            gates: [].into(),
            labels: labels.iter().map(|label| label.parse().expect("a valid label")).collect(),
            depends_on,
            blocks: vec![],
            ready: true,
            context: [].into(),
        };
        let made = self.change("human:p", |draft| issue::create(draft, &new).map(|id| vec![id]));
        self.world.issues.extend(made);
    }

    /// Something happens that is not the coordinator's doing.
    pub fn happen(&mut self, calm: bool) {
        let count = self.world.issues.len().max(1);
        let any = self.world.issues.get(self.random.below(count)).copied();
        match self.random.below(if calm { 5 } else { 16 }) {
            0..=3 => self.let_agents_work(calm),
            4 => self.pass(1000),
            5 | 6 => self.create(),
            7 => self.person_claims(any),
            8 => self.person_decides(any),
            9 => {
                // The coordinator is killed and started again; what it started is found again, or was never started.
                self.log.push("restarted".to_owned());
                self.seeks_orphans = true;
                self.resting.clear();
                let last = self.processes.last_key_value().map(|(token, process)| (*token, process.issue));
                if let Some((token, issue)) = last
                    && self.random.once_in(2)
                    && self.issue(issue).claim.is_some_and(|claim| claim.token == token)
                {
                    self.processes.remove(&token);
                }
            }
            10 => {
                let jump = [3_600_000, -3_600_000, 7_200_000][self.random.below(3)];
                self.world.clock = (self.world.clock + jump).max(0);
                self.jumped = Some(self.running);
                self.log.push(format!("the clock jumped by {jump}"));
            }
            11 => self.pass(STALL * 2),
            _ => self.pass(10_000),
        }
    }

    fn person_claims(&mut self, id: Option<IssueId>) {
        let Some(id) = id else { return };
        let lease = (!self.random.once_in(3)).then(|| Duration::from_millis(STALL as u64));
        let terms = Terms::local(actor("human:p"), lease);
        self.change("human:p", |draft| claim::claim(draft, &id.into(), &terms).map(|id| vec![id]));
    }

    fn person_decides(&mut self, id: Option<IssueId>) {
        let Some(id) = id else { return };
        let state = Some([State::Ready, State::Done, State::Open, State::Rejected][self.random.below(4)]);
        let update = Update { edit: Edit::default(), state };
        self.change("human:p", |draft| issue::update(draft, &[id.into()], &update, &Finish::default()));
    }

    fn let_agents_work(&mut self, calm: bool) {
        let tokens: Vec<EventId> = self.processes.keys().copied().collect();
        for token in tokens {
            let process = &self.processes[&token];
            let (id, name) = (process.issue, format!("bot:{}", process.agent));
            if let Some(how) = process.dying.clone() {
                // It takes its time.
                if self.random.once_in(2) {
                    self.processes.get_mut(&token).expect("it is there").life = Life::Ended(how);
                }
                continue;
            }
            if !matches!(process.life, Life::Working { .. }) || process.hangs {
                continue;
            }
            let prefix = IdPrefix::from(id);
            let ours = self.issue(id).claim.is_some_and(|claim| claim.token == token);
            let act = self.random.below(if calm { 4 } else { 9 });
            let done = Update { edit: Edit::default(), state: Some(State::Done) };
            let ended = match act {
                0 | 1 if ours => {
                    self.change(&name, |draft| {
                        issue::update(draft, std::slice::from_ref(&prefix), &done, &Finish::default())
                    });
                    Some(Ended::Exited(0))
                }
                0 | 1 => Some(Ended::Exited(5)),
                4 => Some(
                    [Ended::Exited(1), Ended::Exited(0), Ended::Signalled(9), Ended::Vanished][self.random.below(4)]
                        .clone(),
                ),
                5 if ours => {
                    let outcome = Outcome::ALL[self.random.below(3)];
                    self.change(&name, |draft| claim::release(draft, &prefix, outcome, None).map(|id| vec![id]));
                    None
                }
                7 if !ours => {
                    // It takes the issue up again by itself.
                    let terms = Terms::local(actor(&name), None);
                    self.change(&name, |draft| claim::claim(draft, &prefix, &terms).map(|id| vec![id]));
                    None
                }
                6 => {
                    self.processes.get_mut(&token).expect("it is there").hangs = true;
                    None
                }
                _ => {
                    self.processes.get_mut(&token).expect("it is there").sign = self.running;
                    None
                }
            };
            if let Some(how) = ended {
                self.processes.get_mut(&token).expect("it is there").life = Life::Ended(how);
            }
        }
    }

    fn running(&mut self) -> Vec<Running> {
        let (now, pool) = (self.running, &self.config.agent_pool);
        let running = self.processes.iter().map(|(token, process)| Running {
            token: *token,
            issue: process.issue,
            actor: actor(&format!("bot:{}", process.agent)),
            place: None,
            agent: pool.iter().find(|agent| agent.id.as_str() == process.agent).expect("it is in the pool").id.clone(),
            life: match &process.life {
                Life::Working { .. } => Life::Working { silent: Duration::from_millis((now - process.sign) as u64) },
                life => life.clone(),
            },
        });
        running.collect()
    }

    /// One round, and what must hold of it.
    pub fn round(&mut self) {
        let now = self.now();
        self.resting.retain(|_, until| *until > now);
        let judges = self.jumped.is_none_or(|at| self.running - at > STALL);
        let running = self.running();
        let state = self.state();
        let own = actor(OWN);
        let around = Circumstances {
            own: &own,
            now,
            judges_leases: judges,
            sees_remote: false,
            seeks_orphans: self.seeks_orphans,
            alive: &BTreeSet::new(),
            resting: &self.resting,
        };
        let decided = plan(&state, &self.config, &running, &around).expect("the state can be read");
        if self.random.once_in(8) {
            let again = plan(&state, &self.config, &running, &around);
            assert_eq!(again.as_ref(), Ok(&decided), "asked twice it says the same");
        }
        assert!(decided.wake.is_none_or(|wake| !wake.is_zero()), "there is no hurry that a round would not see to");
        self.seeks_orphans = false;
        for action in decided.actions {
            self.log.push(format!("{:?} {action:?}", self.now()));
            self.carry_out(action);
        }
        self.check(judges);
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Kill { token, why } => {
                let process = self.processes.get_mut(&token).expect("only what runs is ended");
                assert!(matches!(process.life, Life::Working { .. }), "nothing is ended twice");
                (process.life, process.dying) = (Life::Ending, Some(why));
            }
            Action::Forget { token } => {
                let process = self.processes.remove(&token).expect("only what is known is forgotten");
                assert!(matches!(process.life, Life::Ended(_)));
                let issue = self.issue(process.issue);
                if issue.state == State::Ready && issue.failures.is_none() {
                    self.resting.insert(issue.id, self.now().plus(Duration::from_millis(BACKOFF as u64)));
                }
            }
            Action::Dispatch { issue, agent } => self.dispatch(issue, agent.as_str()),
            Action::Keep { issue, token } => {
                self.change(OWN, |draft| agent::keep(draft, issue, token).map(|_| vec![issue]));
            }
            Action::TakeBack { issue, token, end, reason } => {
                let foreign = self.issue(issue).claim.is_some_and(|claim| claim.by == actor("human:p"));
                let fresh = self.jumped.is_none_or(|at| self.running - at > STALL);
                assert!(!foreign || fresh, "nobody loses a claim because the clock jumped");
                self.change(OWN, |draft| {
                    agent::take_back(draft, issue, token, &end, (&reason, TRIES)).map(|_| vec![issue])
                });
            }
            Action::LeaveToPeople { issue } => {
                let done = self.change(OWN, |draft| agent::leave_to_people(draft, issue, TRIES).map(|_| vec![issue]));
                assert_eq!(done, [issue]);
                assert_eq!(self.issue(issue).state, State::Open);
            }
        }
    }

    fn dispatch(&mut self, id: IssueId, agent: &str) {
        let alive = |process: &Process| !matches!(process.life, Life::Ended(_));
        let busy = self.processes.values().any(|process| process.issue == id && alive(process));
        assert!(!busy, "no two processes work on one issue");
        let issue = self.issue(id);
        let failures = issue.failures.as_ref().map_or(0, |failures| failures.count);
        assert!(failures < TRIES);
        let labels: Vec<&str> = issue.labels.iter().map(|label| label.as_str()).collect();
        assert!(agent == "a" || labels.contains(&"docs") || (agent == "c" && labels.contains(&"code")), "{labels:?}");
        let elsewhere = Some(Elsewhere { keeper: Some(actor(OWN)), worktree: None });
        let lease = Some(Duration::from_millis(STALL as u64));
        let terms = Terms { elsewhere, ..Terms::local(actor(&format!("bot:{agent}")), lease) };
        let claimed = self.change(OWN, |draft| agent::dispatch(draft, &[(id, terms.clone())]));
        assert_eq!(claimed, [id], "what the brain hands out can be had");
        let token = self.issue(id).claim.expect("it was claimed").token;
        let life = Life::Working { silent: Duration::ZERO };
        let process =
            Process { issue: id, agent: agent.to_owned(), life, dying: None, sign: self.running, hangs: false };
        self.processes.insert(token, process);
    }

    /// What holds after every round.
    fn check(&self, judged: bool) {
        let alive = |process: &&Process| !matches!(process.life, Life::Ended(_));
        for agent in &self.config.agent_pool {
            let busy = self.processes.values().filter(alive).filter(|process| process.agent == agent.id.as_str());
            assert!(busy.count() <= agent.max_concurrent as usize, "{} works on too much", agent.id);
        }
        for issue in all_issues(&self.state()) {
            let Some(claim) = &issue.claim else { continue };
            if let Some(process) = self.processes.get(&claim.token) {
                let works = matches!(process.life, Life::Working { .. });
                let held = issue.state == State::InProgress && works;
                assert!(!held || !claim.is_expired(self.now()), "a living agent keeps its lease: {claim:#?}");
            } else if issue.state == State::InProgress
                && (claim.keeper.is_some() || claim.by.as_str().starts_with("bot:"))
            {
                let anew = self.processes.values().any(|process| process.issue == issue.id);
                assert!(anew && claim.keeper.is_none(), "a claim of an agent has no process: {claim:#?}");
            } else if issue.state == State::InProgress && judged {
                assert!(!claim.is_expired(self.now()), "who fell silent was noticed");
            }
        }
    }

    /// Agents that only do their work bring everything to its end.
    pub fn finish(&mut self) {
        for _ in 0..2_000 {
            for process in self.processes.values_mut() {
                process.hangs = false;
            }
            self.happen(true);
            self.pass(60_000);
            self.round();
            let waits = |issue: &Issue| matches!(issue.state, State::Ready) && issue.claim.is_none();
            let state = self.state();
            let all = all_issues(&state);
            let held = all.iter().any(|issue| {
                issue.claim.as_ref().is_some_and(|claim| claim.keeper.is_some()) && issue.state == State::InProgress
            });
            let can = |issue: &&Issue| {
                waits(issue)
                    && state.blockers(issue).is_ok_and(|blockers| blockers.is_empty())
                    && issue.assignee.is_none()
            };
            if !held && self.processes.is_empty() && all.iter().filter(can).count() == 0 {
                return;
            }
        }
        panic!("it never comes to rest");
    }
}
