//! Doing what the brain has decided: one change of the tracker, then the processes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::domain::draft::Draft;
use crate::domain::id::{EventId, IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::ops::agent::{self, End};
use crate::domain::ops::claim::{Elsewhere, Terms};
use crate::domain::refusal::Decision;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Outcome;
use crate::error::{Class, Result};
use crate::processes::{self, Word as Tell};
use crate::session::Manners;
use crate::store::StoreError;
use crate::sync::Remote;
use crate::sync::claims::{self, Wish, publish_end};
use crate::worktree;

use super::assignment::{Assignment, Place};
use super::config::{Agent, Name};
use super::plan::{Action, Ended};
use super::round::{Coordinator, OVERDUE, Tracked, runner_of};
use super::runner::GRACE;
use super::start;

/// What is recorded as the command of these changes.
const COMMAND: &str = "coordinator";
/// How often it is looked whether agents have ended.
const LOOK: Duration = Duration::from_millis(10);

impl Coordinator {
    /// Carries actions out, in their order.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>, remote: Option<&Remote>) -> Result<()> {
        let (mut changes, mut wanted, mut over) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Kill { token, why } => self.tell_to_end(token, why),
                Action::Forget { token } => over.push(token),
                Action::Dispatch { issue, agent } => wanted.extend(self.terms(issue, &agent)),
                change => changes.push(change),
            }
        }
        if let Some(remote) = remote {
            changes.retain(|change| !self.is_kept_remotely(change, remote));
        }
        let local = if remote.is_none() { wanted.as_slice() } else { &[] };
        let state = self.change(&changes, local)?;
        for token in over {
            self.forget(token, &*state);
        }
        if let Some(remote) = remote {
            self.claim_on(remote, &wanted);
        }
        Ok(())
    }

    /// Records what was decided, and starts the agents whose issues could be had. Gives the state afterwards.
    fn change(&mut self, changes: &[Action], wanted: &[(Name, IssueId, Terms)]) -> Result<Box<dyn Snapshot>> {
        if changes.is_empty() && wanted.is_empty() {
            return Ok(Box::new(self.session.view()?.state));
        }
        let most = self.loaded.config.dispatch_rules.max_attempts;
        let terms: Vec<(IssueId, Terms)> = wanted.iter().map(|(_, id, terms)| (*id, terms.clone())).collect();
        let mut claimed = Vec::new();
        let change = self.session.change(COMMAND, &Manners::default(), |draft| {
            let mut subjects = Vec::new();
            for change in changes {
                // An issue that cannot be read holds nothing else up.
                if let Ok(Some(issue)) = apply(draft, change, most) {
                    subjects.push(issue);
                }
            }
            claimed = agent::dispatch(draft, &terms)?;
            subjects.extend(&claimed);
            Ok(subjects)
        })?;
        self.seen = Some(change.commit.clone());
        changes.iter().for_each(|change| self.tell(change));
        publish_end(&self.session, &change);
        for (agent, id, terms) in wanted.iter().filter(|(_, id, _)| claimed.contains(id)) {
            if let Some(issue) = change.state.issue(*id).map_err(StoreError::from)? {
                self.launch(agent, &issue, terms);
            }
        }
        Ok(Box::new(change.state))
    }

    fn tell(&self, change: &Action) {
        match change {
            Action::TakeBack { issue, reason, .. } => self.say(format!("{}: {reason}", issue.short())),
            Action::LeaveToPeople { issue } => self.say(format!("{}: needs attention", issue.short())),
            _ => {}
        }
    }

    /// Claims issues one by one for all clones, and starts their agents.
    fn claim_on(&mut self, _remote: &Remote, wanted: &[(Name, IssueId, Terms)]) {
        for (agent, id, terms) in wanted {
            let claimed = claims::claim(&self.session, Wish::Remote, &Manners::default(), &IdPrefix::from(*id), terms);
            match claimed {
                Ok(change) => {
                    if let Some(issue) = change.issue() {
                        self.launch(agent, &issue, terms);
                    }
                }
                Err(error) if error.class == Class::Outside => {
                    // The others would fail as well, each after its own wait.
                    self.problem("remote", error.message);
                    return;
                }
                // Somebody else was faster: that is as it should be.
                Err(_) => {}
            }
        }
    }

    /// Whether nothing is to be recorded here of a change, because the remote has the say: a lease that is renewed
    /// there first, or one that was renewed by its holder.
    fn is_kept_remotely(&mut self, change: &Action, remote: &Remote) -> bool {
        let issue_of = |id: &IssueId, token: &EventId| -> Option<Issue> {
            let issue = self.session.view().ok()?.state.issue(*id).ok()??;
            issue.claim.as_ref().filter(|claim| claim.token == *token)?.remote.as_ref()?;
            Some(issue)
        };
        match change {
            Action::Keep { issue, token } => {
                let Some(held) = issue_of(issue, token) else { return false };
                if let Err(error) = claims::heartbeat(&self.session, &Manners::default(), &IdPrefix::from(held.id)) {
                    self.problem("remote", error.message);
                }
                true
            }
            Action::TakeBack { issue, token, end: End::Stalled, .. } => match issue_of(issue, token) {
                Some(held) => claims::is_held_on(&self.session, remote, &held).unwrap_or(true),
                None => false,
            },
            _ => false,
        }
    }

    fn agent(&self, name: &Name) -> Option<&Agent> {
        self.loaded.config.agent_pool.iter().find(|agent| agent.id == *name)
    }

    /// On which terms an agent gets an issue.
    fn terms(&self, issue: IssueId, name: &Name) -> Option<(Name, IssueId, Terms)> {
        let agent = self.agent(name)?;
        let place = match agent.worktree {
            true => worktree::usual_place(&self.session.store, issue).ok()?,
            false => self.home.checkout.clone(),
        };
        let worktree = Some(place.to_string_lossy().into_owned());
        let elsewhere = Some(Elsewhere { keeper: Some(self.own.clone()), worktree });
        let terms = Terms::local(agent.actor(), Some(self.loaded.config.stall_timeout()));
        Some((name.clone(), issue, Terms { elsewhere, ..terms }))
    }

    /// Starts the agent that has just got an issue.
    fn launch(&mut self, name: &Name, issue: &Issue, terms: &Terms) {
        let (Some(agent), Some(claim)) = (self.agent(name), &issue.claim) else { return };
        let mut words = agent.words();
        words.push(issue.id.to_string());
        let path = terms.elsewhere.as_ref().and_then(|elsewhere| elsewhere.worktree.as_ref()).map(PathBuf::from);
        let assignment = Assignment {
            token: claim.token,
            issue: issue.id,
            agent: name.clone(),
            actor: terms.holder.clone(),
            keeper: self.own.clone(),
            at: claim.at,
            words,
            dir: self.home.checkout.clone(),
            log: self.home.log(name, issue.id),
            worktree: path.filter(|_| agent.worktree).map(|path| Place {
                path,
                git_dir: self.session.store.git_dir(),
                checkout: self.session.store.work_tree(),
            }),
        };
        let started = start::start(&self.session, &self.home, &assignment, &agent.env);
        self.say(format!("{} {} goes to {name}", issue.id.short(), issue.title));
        match started {
            Ok(child) => {
                self.started += 1;
                self.track(assignment, Some(child));
            }
            Err(why) => {
                start::note_failure(&self.home, &assignment, &why);
                self.track(assignment, None);
            }
        }
    }

    /// Takes a process into care. One that was started by somebody else is no child of this one.
    pub(super) fn track(&mut self, assignment: Assignment, child: Option<std::process::Child>) {
        let token = assignment.token;
        self.signs.begin(token, Instant::now());
        start::tell_when_gone(&self.home, token, child, self.wakes.clone());
        self.tracked.insert(token, Tracked { assignment, gone: false, told: None });
    }

    /// Has a process end, with everything it started.
    pub(super) fn tell_to_end(&mut self, token: EventId, why: Ended) {
        let Some(process) = self.tracked.get_mut(&token).filter(|process| process.told.is_none()) else { return };
        process.told = Some((Instant::now(), why));
        let runner = runner_of(&self.home, token).and_then(processes::process).filter(|_| self.home.lives(token));
        if let Some(runner) = runner {
            processes::tell(runner, Tell::End);
        }
    }
}

impl Coordinator {
    /// Ends every agent, with everything it started, and gives its work back.
    pub(super) fn end_agents(&mut self) -> Result<()> {
        let tokens: Vec<EventId> = self.tracked.keys().copied().collect();
        for token in &tokens {
            self.tell_to_end(*token, Ended::Superseded);
        }
        let begun = Instant::now();
        while self.tracked.keys().any(|token| self.home.lives(*token)) {
            if begun.elapsed() > GRACE + OVERDUE {
                self.end_overdue();
            }
            std::thread::sleep(LOOK);
        }
        let most = self.loaded.config.dispatch_rules.max_attempts;
        let held: Vec<(IssueId, EventId)> =
            self.tracked.values().map(|process| (process.assignment.issue, process.assignment.token)).collect();
        let change = self.session.change(COMMAND, &Manners::default(), |draft| {
            let mut given_back = Vec::new();
            for (issue, token) in &held {
                let (end, reason) = (End::Released(Outcome::Abandoned), "the coordinator was stopped with its agents");
                if agent::take_back(draft, *issue, *token, &end, (reason, most))? {
                    given_back.push(*issue);
                }
            }
            Ok(given_back)
        })?;
        publish_end(&self.session, &change);
        for token in tokens {
            self.forget(token, &change.state);
        }
        self.session.refresh_mirror();
        Ok(())
    }
}

/// Decides one change of an issue. Gives the issue when there was something to change.
fn apply(draft: &mut Draft<'_>, change: &Action, most: u32) -> Decision<Option<IssueId>> {
    let (id, done) = match change {
        Action::Keep { issue, token } => (*issue, agent::keep(draft, *issue, *token)?),
        Action::TakeBack { issue, token, end, reason } => {
            (*issue, agent::take_back(draft, *issue, *token, end, (reason, most))?)
        }
        Action::LeaveToPeople { issue } => (*issue, agent::leave_to_people(draft, *issue, most)?),
        Action::Dispatch { .. } | Action::Kill { .. } | Action::Forget { .. } => return Ok(None),
    };
    Ok(done.then_some(id))
}
