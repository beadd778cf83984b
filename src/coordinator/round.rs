//! One round: look at everything, ask the brain, do what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::domain::id::{EventId, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::Actor;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::session::{Caller, Session};
use crate::store::{CommitId, StoreError};
use crate::sync::claims;
use crate::worktree;

use super::care::Tracked;
use super::clock::Clock;
use super::config::Name;
use super::home::{GIT_AT_WORK, Home, Loaded};
use super::plan::{Circumstances, Plan, Running, plan};
use super::reach::Reach;
use super::signs::Signs;

/// A session is used for so long: a handle that lives long loses sight of new packs.
const FRESH: Duration = Duration::from_secs(1);
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
    pub(super) synced: Option<Instant>,
    pub(super) sync_failures: u32,
    pub(super) alive: BTreeSet<EventId>,
    tidied: Option<Instant>,
    /// Agents that could not be started when that was tried last, and why.
    pub(super) unstarted: BTreeMap<Name, String>,
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
        home.forget_old_logs(session.now());
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
            sync_failures: 0,
            alive: BTreeSet::new(),
            tidied: None,
            unstarted: BTreeMap::new(),
            started: 0,
            wakes,
            seen: None,
        };
        coordinator.alive = coordinator.home.living();
        for assignment in coordinator.home.known() {
            coordinator.alive.remove(&assignment.token);
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
        let mut view = self.session.view()?;
        let reach = self.reach(&view.state);
        if !matches!(reach, Reach::Here) {
            // A sync may have brought something.
            view = self.session.view()?;
        }
        self.notice_holders(&view.state);
        let running = self.running();
        self.note_unstarted(&running);
        let plan = self.plan(&view.state, &running, &reach)?;
        let (idle, wake) = (plan.actions.is_empty(), plan.wake);
        self.seen = Some(view.commit);
        self.carry_out(plan.actions, &reach)?;
        self.seeks_orphans = false;
        self.tidy_worktrees();
        self.tell_again();
        if !idle {
            self.session.refresh_mirror();
        }
        for notice in self.session.take_notices() {
            self.say(notice);
        }
        let mut pause = self.loaded.config.poll_interval();
        pause = wake.map_or(pause, |wake| pause.min(wake));
        if !matches!(reach, Reach::Here) {
            pause = pause.min(self.loaded.config.sync_interval());
        }
        if self.tracked.values().any(|process| process.told.is_some()) {
            pause = pause.min(AGAIN);
        }
        Ok(pause.max(SHORTEST))
    }

    /// How often everything is looked at.
    pub fn poll_interval(&self) -> Duration {
        self.loaded.config.poll_interval()
    }

    /// Reads the configuration where it was changed. One that is faulty is told of, and the last one stays.
    fn read_config(&mut self) {
        if self.home.text().is_ok_and(|text| text == self.loaded.text) {
            self.problems.remove("configuration");
            return;
        }
        match self.home.load(&self.session) {
            Ok(loaded) => {
                if loaded.text != self.loaded.text {
                    self.say("the configuration was read anew");
                    // It may be mended: the next try tells.
                    self.unstarted.clear();
                }
                self.loaded = loaded;
                self.problems.remove("configuration");
            }
            // It is read once git is through: then it can be told whether it came with a commit.
            Err(error) if error.code == GIT_AT_WORK && !self.home.is_lock_old(&self.session) => {}
            Err(error) => self.problem("configuration", format!("{}; the one before stays in force", error.message)),
        }
    }

    fn plan(&mut self, state: &dyn Snapshot, running: &[Running], reach: &Reach) -> Result<Plan> {
        let (now, config) = (self.session.now(), &self.loaded.config);
        self.resting.retain(|_, until| *until > now);
        if let Reach::Here = reach {
            // What clones have that push to this very repository.
            let held = claims::held_here(&self.session, state)?;
            self.resting.extend(held.into_iter().map(|id| (id, now.plus(config.poll_interval()))));
        }
        let around = Circumstances {
            own: &self.own,
            now,
            judges_leases: self.clock.look(now, Instant::now(), config.stall_timeout()),
            sees_remote: matches!(reach, Reach::Remote(_)),
            alive: &self.alive,
            seeks_orphans: self.seeks_orphans,
            resting: &self.resting,
        };
        Ok(plan(state, config, running, &around).map_err(StoreError::from)?)
    }

    /// Takes the worktrees away whose issues are finished and in which nothing is left.
    fn tidy_worktrees(&mut self) {
        // Also those of agents that have none any more.
        let worktrees = self.loaded.config.agent_pool.iter().any(|agent| agent.worktree)
            || worktree::usual_folder(&self.session.store).is_ok_and(|folder| folder.exists());
        if !worktrees || self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return;
        }
        self.tidied = Some(Instant::now());
        let (Ok(found), Ok(view)) = (worktree::list(&self.session.store.git()), self.session.view()) else { return };
        for found in found {
            let Some(acting) = found.acting.as_ref().filter(|acting| acting.keeper.as_ref() == Some(&self.own)) else {
                continue;
            };
            let in_use = self.tracked.values().any(|process| process.assignment.issue == acting.issue);
            let finished = view.state.issue(acting.issue).ok().flatten().is_some_and(|issue| is_over(&issue));
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
            let pause = self.loaded.config.backoff(1).max(BREATH);
            self.resting.insert(issue.id, self.session.now().plus(pause));
        }
        if assignment.worktree.is_some() && issue.is_none_or(|issue| is_over(&issue)) {
            self.tidied = None;
        }
        self.home.forget(token);
        self.signs.end(token);
    }

    /// What is wrong, in words.
    pub fn problems_told(&self) -> Vec<String> {
        self.problems.iter().map(|(about, what)| format!("{about}: {what}")).collect()
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

/// An issue that an agent gives back at once is not handed out again sooner.
const BREATH: Duration = Duration::from_secs(1);
/// How often what was told to end is looked at.
const AGAIN: Duration = Duration::from_millis(500);
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

/// Whether nobody works on an issue any more.
fn is_over(issue: &Issue) -> bool {
    issue.state.is_finished() || issue.deleted.is_some()
}
