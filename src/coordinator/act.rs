//! Doing what the brain has decided: one change of the tracker, then the processes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::domain::draft::Draft;
use crate::domain::id::{EventId, IdPrefix, IssueId};
use crate::domain::issue::{Claim, Issue};
use crate::domain::ops::agent::{self, End};
use crate::domain::ops::claim::{Elsewhere, Terms};
use crate::domain::refusal::Decision;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Outcome, State};
use crate::error::{Class, Error, Result};
use crate::session::{Manners, View};
use crate::store::{Backend, StoreError};
use crate::sync::Remote;
use crate::sync::claims::{self, publish_end};
use crate::worktree;

use super::assignment::{Assignment, Place};
use super::config::{Agent, Name};
use super::plan::{Action, Ended, is_anew};
use super::reach::Reach;
use super::round::Coordinator;
use super::start;

/// What is recorded as the command of these changes.
const COMMAND: &str = "coordinator";
/// How often it is looked whether agents have ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long agents may take to end, killed if need be.
const ENDING: Duration = Duration::from_secs(60);
/// How long one claim on a remote may hold everything else up.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);
/// How long an issue is let be that somebody else has: the next sync may tell who.
const LOST: Duration = Duration::from_secs(30);

impl Coordinator {
    /// Carries actions out, in their order.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>, reach: &Reach) -> Result<()> {
        let (mut changes, mut wanted, mut over) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Kill { token, why } => self.tell_to_end(token, why),
                Action::Forget { token } => over.push(token),
                Action::Dispatch { issue, agent } => wanted.extend(self.terms(issue, &agent)),
                change => changes.push(change),
            }
        }
        if let Reach::Remote(remote) = reach {
            changes.retain(|change| !self.is_for_remote(change, remote));
        }
        let here = matches!(reach, Reach::Here);
        let state = self.change(&changes, if here { &wanted } else { &[] })?;
        for token in over {
            // What could not be given back is tried again.
            if !self.stands(token, &*state) {
                self.forget(token, &*state);
            }
        }
        if let Reach::Remote(remote) = reach {
            self.claim_on(remote, &wanted);
        }
        Ok(())
    }

    /// Whether the claim of a process is still one that somebody is meant to work under.
    fn stands(&self, token: EventId, state: &dyn Snapshot) -> bool {
        let Some(process) = self.tracked.get(&token) else { return false };
        let issue = state.issue(process.assignment.issue).ok().flatten();
        let (actor, place) = (&process.assignment.actor, process.assignment.place());
        let held = |claim: Claim| claim.token == token || is_anew(&claim, actor, place.as_deref());
        issue.is_some_and(|issue| issue.state == State::InProgress && issue.claim.is_some_and(held))
    }

    /// Whether an agent of this coordinator is, or was just now, at work on an issue.
    fn has_worked_on(&self, issue: IssueId) -> bool {
        self.tracked.values().any(|process| process.assignment.issue == issue)
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
                // INVARIANT: each of these reads its issue before it records anything: what fails has recorded nothing.
                if let Ok(Some(issue)) = apply(draft, change, most) {
                    subjects.push(issue);
                }
            }
            claimed = agent::dispatch(draft, &terms)?;
            subjects.extend(&claimed);
            Ok(subjects)
        })?;
        // What others did between the look and the change was not looked at yet.
        let parents = self.session.store.info(&change.commit).map(|info| info.parents).unwrap_or_default();
        let looked_at = self.seen.as_ref() == Some(&change.commit) || parents.iter().eq(self.seen.iter());
        self.seen = looked_at.then(|| change.commit.clone());
        changes.iter().for_each(|change| self.tell(change));
        let kept = changes.iter().filter_map(|change| match change {
            Action::Keep { token, .. } => Some(*token),
            _ => None,
        });
        self.note_leases(&change.state, &kept.collect::<Vec<_>>());
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
    fn claim_on(&mut self, remote: &Remote, wanted: &[(Name, IssueId, Terms)]) {
        for (agent, id, terms) in wanted {
            let only = |view: &View| {
                Ok(view.state.issue(*id).ok().flatten().map(|issue| (*id, issue.priority)).into_iter().collect())
            };
            match claims::claim_next(&self.session, remote, &Manners::default(), terms, &only, CLAIM_PATIENCE) {
                Ok(change) => {
                    if let Some(issue) = change.issue() {
                        self.launch(agent, &issue, terms);
                    }
                }
                // The others would fail as well, each after its own wait.
                Err(error) if error.class == Class::Outside => return self.remote_failed(error.message),
                // Somebody else was faster, as it should be: the next in line gets its turn.
                Err(error) => {
                    if !matches!(error.class, Class::Nothing | Class::Lost) {
                        self.say(format!("{}: {}", id.short(), error.message));
                    }
                    self.resting.insert(*id, self.session.now().plus(LOST));
                }
            }
        }
    }

    /// Whether the remote has the say about a change: a lease that is renewed there first, or one of somebody else that
    /// was renewed there by its holder. A remote that fails has none.
    fn is_for_remote(&mut self, change: &Action, remote: &Remote) -> bool {
        let held = |id: &IssueId, token: &EventId| -> Option<Issue> {
            let issue = self.session.view().ok()?.state.issue(*id).ok()??;
            issue.claim.as_ref().filter(|claim| claim.token == *token)?.remote.as_ref()?;
            Some(issue)
        };
        match change {
            Action::Keep { issue, token } if self.sync_failures == 0 => {
                let Some(held) = held(issue, token) else { return false };
                match claims::heartbeat(&self.session, &Manners::default(), &IdPrefix::from(held.id)) {
                    Ok(change) => {
                        self.note_leases(&change.state, &[*token]);
                        true
                    }
                    Err(error) if error.class == Class::Outside => {
                        self.remote_failed(error.message);
                        false
                    }
                    // The claim is not on the remote any more: there is nothing to renew, and the next sync tells why.
                    Err(error) => {
                        self.say(format!("{}: {}", issue.short(), error.message));
                        true
                    }
                }
            }
            Action::TakeBack { issue, token, end: End::Stalled, .. } if !self.has_worked_on(*issue) => {
                let Some(held) = held(issue, token) else { return false };
                if self.sync_failures > 0 {
                    return true;
                }
                match claims::is_held_on(&self.session, remote, &held) {
                    Ok(is_held) => is_held,
                    Err(error) => {
                        self.remote_failed(error.message);
                        true
                    }
                }
            }
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

    /// Ends every agent, with everything it started, and gives its work back.
    pub(super) fn end_agents(&mut self) -> Result<()> {
        let tokens: Vec<EventId> = self.tracked.keys().copied().collect();
        for token in &tokens {
            self.tell_to_end(*token, Ended::Superseded);
        }
        let begun = Instant::now();
        while self.tracked.keys().any(|token| self.home.lives(*token)) {
            if begun.elapsed() > ENDING {
                let message = "agents cannot be ended: somebody else holds the files of their processes";
                return Err(Error::new(Class::Outside, "agents_live", message)
                    .hint("jit coordinator agents")
                    .retryable());
            }
            std::thread::sleep(LOOK);
            self.tell_again();
        }
        // What nobody saw end is ended here.
        self.running();
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
