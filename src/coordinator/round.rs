//! One round: look at everything, ask the brain, do what it says.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::session::{Caller, Session};
use crate::store::{CommitId, StoreError};
use crate::sync::{Pushing, Remote, shared_with, sync};
use crate::worktree;

use super::assignment::{Assignment, Word, ended};
use super::clock::Clock;
use super::home::{Home, Loaded};
use super::plan::{Circumstances, Ended, Life, Plan, Running, plan};
use super::signs::Signs;
use crate::processes::{self, Word as Tell};

/// A session is used for so long: a handle that lives long loses sight of new packs.
const FRESH: Duration = Duration::from_secs(1);
/// How long a sync may keep everything else waiting.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);
/// How long after it was told to end the process that runs an agent is ended itself.
pub(super) const OVERDUE: Duration = Duration::from_secs(15);
/// How often worktrees are looked at that are kept for their issues.
const TIDY: Duration = Duration::from_secs(60);

/// What wakes the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Something has changed: the tracker, the configuration, a wish to stop.
    Changed,
    /// A process has ended.
    Ended(EventId),
    /// The process was asked to end.
    Stop,
}

/// A process under this coordinator's care.
#[derive(Debug)]
pub struct Tracked {
    /// What was written down.
    pub assignment: Assignment,
    /// Whether its process is gone.
    pub gone: bool,
    /// When it was told to end, and why.
    pub told: Option<(Instant, Ended)>,
}

/// A coordinator at work.
pub struct Coordinator {
    /// Where it keeps what it needs to remember.
    pub home: Home,
    /// Its name.
    pub own: Actor,
    pub(super) session: Session,
    opened: Instant,
    pub(super) loaded: Loaded,
    /// What is wrong, by what it is about.
    pub(super) problems: BTreeMap<&'static str, String>,
    pub(super) tracked: BTreeMap<EventId, Tracked>,
    pub(super) resting: BTreeMap<IssueId, Timestamp>,
    seeks_orphans: bool,
    clock: Clock,
    pub(super) signs: Signs,
    synced: Option<(Instant, bool)>,
    tidied: Option<Instant>,
    /// How many agents it has started.
    pub started: usize,
    pub(super) wakes: Sender<Message>,
    /// The state that the last round left behind.
    pub(super) seen: Option<CommitId>,
}

impl Coordinator {
    /// Takes up the work of this checkout: finds the agents again that an earlier one has started.
    pub fn begin(session: &Session, home: Home, loaded: Loaded, wakes: Sender<Message>) -> Result<Self> {
        let own = home.own_name(session.environment.host().as_deref())?;
        let session = own_session(session, &own, &home)?;
        home.forget_old_logs(UNIX_EPOCH + Duration::from_millis(u64::try_from(session.now().millis()).unwrap_or(0)));
        let mut coordinator = Self {
            home,
            own,
            session,
            opened: Instant::now(),
            loaded,
            problems: BTreeMap::new(),
            tracked: BTreeMap::new(),
            resting: BTreeMap::new(),
            seeks_orphans: true,
            clock: Clock::new(),
            signs: Signs::default(),
            synced: None,
            tidied: None,
            started: 0,
            wakes,
            seen: None,
        };
        for assignment in coordinator.home.known() {
            coordinator.track(assignment, None);
        }
        Ok(coordinator)
    }

    /// Does everything there is to do now. Gives when to look again at the latest.
    pub fn round(&mut self) -> Result<Duration> {
        self.read_config();
        if self.opened.elapsed() > FRESH {
            self.session = self.session.reopen()?;
            self.opened = Instant::now();
        }
        let remote = self.remote();
        if let Some(remote) = &remote {
            self.sync(remote);
        }
        let view = self.session.view()?;
        let running = self.running();
        let plan = self.plan(&view.state, &running, remote.is_some())?;
        let idle = plan.actions.is_empty();
        let wake = plan.wake;
        self.seen = Some(view.commit);
        self.carry_out(plan.actions, remote.as_ref())?;
        self.seeks_orphans = false;
        self.tidy_worktrees();
        self.end_overdue();
        if !idle {
            self.session.refresh_mirror();
        }
        for notice in self.session.take_notices() {
            self.say(notice);
        }
        let mut pause = self.loaded.config.poll_interval();
        pause = wake.map_or(pause, |wake| pause.min(wake));
        if remote.is_some() {
            pause = pause.min(self.loaded.config.sync_interval());
        }
        Ok(pause.max(SHORTEST))
    }

    /// How often everything is looked at.
    pub fn poll_interval(&self) -> Duration {
        self.loaded.config.poll_interval()
    }

    /// Reads the configuration where it was changed. One that is faulty is told of, and the last one stays.
    fn read_config(&mut self) {
        let text = std::fs::read_to_string(self.home.config_file()).ok();
        if text.as_deref() == Some(&self.loaded.text) {
            self.problems.remove("configuration");
            return;
        }
        match self.home.load(&self.session) {
            Ok(loaded) => {
                if loaded.text != self.loaded.text {
                    self.say("the configuration was read anew");
                }
                self.loaded = loaded;
                self.problems.remove("configuration");
            }
            Err(error) => self.problem("configuration", format!("{}; the one before stays in force", error.message)),
        }
    }

    /// The remote through which issues are claimed, if so.
    fn remote(&mut self) -> Option<Remote> {
        let wanted = match self.loaded.config.sync {
            Some(wanted) => wanted,
            None => {
                let settings =
                    self.session.view().and_then(|view| Ok(view.state.settings().map_err(StoreError::from)?));
                let scope = settings.ok().and_then(|settings| settings.claims_remotely());
                scope.unwrap_or_else(|| shared_with(&self.session))
            }
        };
        if !wanted {
            self.problems.remove("remote");
            return None;
        }
        match Remote::meant(&self.session, None) {
            Ok(remote) => Some(remote),
            Err(error) => {
                self.problem("remote", error.message);
                None
            }
        }
    }

    /// Syncs with the remote, when the last time is long enough ago.
    fn sync(&mut self, remote: &Remote) {
        if self.synced.is_some_and(|(at, _)| at.elapsed() < self.loaded.config.sync_interval()) {
            return;
        }
        let synced = sync(&self.session, remote, Pushing::Yes, SYNC_PATIENCE);
        self.synced = Some((Instant::now(), synced.is_ok()));
        match synced {
            Ok(_) => drop(self.problems.remove("remote")),
            Err(error) => self.problem("remote", error.message),
        }
    }

    fn plan(&mut self, state: &dyn Snapshot, running: &[Running], shared: bool) -> Result<Plan> {
        let (now, config) = (self.session.now(), &self.loaded.config);
        self.resting.retain(|_, until| *until > now);
        let around = Circumstances {
            own: &self.own,
            now,
            judges_leases: self.clock.look(now, Instant::now(), config.stall_timeout()),
            sees_remote: shared && self.synced.is_some_and(|(_, went)| went),
            seeks_orphans: self.seeks_orphans,
            resting: &self.resting,
        };
        Ok(plan(state, config, running, &around).map_err(StoreError::from)?)
    }

    /// The processes under this coordinator's care as they are now.
    fn running(&mut self) -> Vec<Running> {
        let now = Instant::now();
        let Self { home, tracked, signs, loaded, .. } = self;
        for (token, process) in tracked.iter_mut().filter(|(_, process)| !process.gone) {
            process.gone = !home.lives(*token);
        }
        let living = tracked.values().filter(|process| !process.gone).map(|process| {
            let token = process.assignment.token;
            (token, runner_of(home, token), process.assignment.log.as_path())
        });
        signs.look(living, now, loaded.config.stall_timeout() / 10);
        let running = tracked.iter().map(|(token, process)| Running {
            token: *token,
            issue: process.assignment.issue,
            agent: process.assignment.agent.clone(),
            life: match (process.gone, &process.told) {
                (true, told) => Life::Ended(how(home, *token, told.as_ref().map(|(_, why)| why))),
                (false, Some(_)) => Life::Ending,
                (false, None) => Life::Working { silent: signs.silent(*token, now) },
            },
        });
        running.collect()
    }

    /// Ends what was told to end long ago and did not.
    pub(super) fn end_overdue(&mut self) {
        for (token, process) in self.tracked.iter().filter(|(_, process)| !process.gone) {
            if process.told.as_ref().is_some_and(|(at, _)| at.elapsed() > OVERDUE) {
                runner_of(&self.home, *token)
                    .and_then(processes::process)
                    .into_iter()
                    .for_each(|runner| processes::tell(runner, Tell::Kill));
                sweep(*token);
            }
        }
    }

    /// Takes the worktrees away whose issues are finished and in which nothing is left.
    fn tidy_worktrees(&mut self) {
        let worktrees = self.loaded.config.agent_pool.iter().any(|agent| agent.worktree);
        if !worktrees || self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return;
        }
        self.tidied = Some(Instant::now());
        let (Ok(found), Ok(view)) = (worktree::list(&self.session.store), self.session.view()) else { return };
        for found in found {
            let Some(acting) = found.acting.as_ref().filter(|acting| acting.keeper.as_ref() == Some(&self.own)) else {
                continue;
            };
            let in_use = self.tracked.values().any(|process| process.assignment.issue == acting.issue);
            let finished = view.state.issue(acting.issue).ok().flatten().is_some_and(|issue| issue.state.is_finished());
            if finished && !in_use {
                self.clear(&found);
            }
        }
    }

    /// Takes a worktree away, unless something in it is kept nowhere else.
    fn clear(&self, found: &worktree::Found) {
        let path = found.tree.path.display();
        match worktree::work_in(found) {
            Ok(None) => match worktree::remove(&self.session.store, found) {
                Ok(_) => self.say(format!("took the worktree {path} away")),
                Err(error) => self.say(format!("the worktree {path} stays: {}", error.message)),
            },
            Ok(Some(why)) => self.say(format!("the worktree {path} stays: it {why}")),
            Err(error) => self.say(format!("the worktree {path} stays: {}", error.message)),
        }
    }

    /// Settles what is left of an assignment whose process is gone and whose claim is over.
    pub(super) fn forget(&mut self, token: EventId, state: &dyn Snapshot) {
        let Some(process) = self.tracked.remove(&token) else { return };
        let assignment = process.assignment;
        let issue = state.issue(assignment.issue).ok().flatten();
        if let Some(issue) = &issue
            && issue.state == State::Ready
            && issue.failures.is_none()
        {
            // It came back in good order; whoever gave it back at once would do so again.
            self.resting.insert(issue.id, self.session.now().plus(self.loaded.config.backoff(1)));
        }
        if assignment.worktree.is_some() && issue.is_none_or(|issue| issue.state.is_finished()) {
            self.tidied = None;
        }
        self.home.forget(token);
        self.signs.end(token);
    }

    /// Notes something that is wrong, and says so once.
    pub(super) fn problem(&mut self, about: &'static str, what: String) {
        if self.problems.get(about) != Some(&what) {
            self.say(format!("{about}: {what}"));
            self.problems.insert(about, what);
        }
    }

    /// Says what has happened.
    pub(super) fn say(&self, text: impl AsRef<str>) {
        self.session.echo.line(&format!("{} {}", self.session.now(), text.as_ref()));
    }
}

/// However much is due, there is a breath between two looks that nothing has caused.
const SHORTEST: Duration = Duration::from_millis(10);

/// A session in which the coordinator acts, and nobody else who happens to be in the environment.
fn own_session(session: &Session, own: &Actor, home: &Home) -> Result<Session> {
    let mut environment = session.environment.clone();
    (environment.agent, environment.claim) = (None, None);
    environment.git_dir = environment.git_dir.map(|_| session.store.git_dir());
    environment.data_dir = environment.data_dir.and_then(|_| session.mirror()).map(|mirror| mirror.dir().to_owned());
    let caller = Caller {
        actor: Some(own.clone()),
        dir: Some(home.checkout.clone()),
        quiet: true,
        request: "coordinator".to_owned(),
        ..Caller::default()
    };
    let mut own = Session::open(environment, caller, session.progress.clone())?;
    own.echo = session.echo.clone();
    Ok(own)
}

/// The process that runs the agent.
pub(super) fn runner_of(home: &Home, token: EventId) -> Option<u32> {
    home.reported(token).iter().find_map(|word| match word {
        Word::Runner(id) => Some(*id),
        _ => None,
    })
}

/// How a process ended that is gone. What nobody watched to its end is ended with everything it started.
fn how(home: &Home, token: EventId, told: Option<&Ended>) -> Ended {
    let reported = ended(&home.reported(token));
    if reported == Ended::Vanished {
        sweep(token);
    }
    told.cloned().unwrap_or(reported)
}

/// Ends everything that was started under a claim.
pub(super) fn sweep(token: EventId) {
    processes::carrying("JIT_CLAIM", &token.to_string())
        .into_iter()
        .for_each(|process| processes::tell(process, Tell::Kill));
}
