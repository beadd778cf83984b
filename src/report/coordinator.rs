//! The coordinator and its agents.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::issue::Claim;
use crate::domain::name::Actor;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::error::Class;

use super::Render;
use super::text::{Text, clean, span};

/// A configuration that was written.
#[derive(Serialize, JsonSchema)]
pub struct Written {
    /// The file.
    pub path: String,
}

impl Render for Written {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        Some(format!("wrote {}; put in the commands of your agents, then jit coordinator start", self.path))
    }
}

/// A coordinator that was started.
#[derive(Serialize, JsonSchema)]
pub struct Began {
    /// Its process.
    pub pid: u32,
    /// Whether it was running before.
    pub already_running: bool,
    /// How it ended, when it was started to stay: `stopped`, or `moved` with the repository.
    pub ended: Option<String>,
}

impl Render for Began {
    fn human(&self, text: &mut Text) {
        match (&self.ended, self.already_running) {
            (Some(_), _) => {}
            (None, false) => drop(text.line(&format!("Coordinator started (PID: {})", self.pid))),
            (None, true) => drop(text.line(&format!("Coordinator is already running (PID: {})", self.pid))),
        }
    }

    fn exit_code(&self) -> u8 {
        if self.ended.as_deref() == Some("moved") { Class::Outside.exit_code() } else { 0 }
    }
}

/// A coordinator that was stopped.
#[derive(Serialize, JsonSchema)]
pub struct Stopped {
    /// Whether one was running.
    pub was_running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// How many of its agents go on.
    pub agents_running: usize,
    /// How many of its agents were ended.
    pub agents_ended: usize,
}

impl Render for Stopped {
    fn human(&self, text: &mut Text) {
        text.line(if self.was_running { "Coordinator stopped" } else { "Coordinator is not running" });
    }

    fn confirmation(&self) -> Option<String> {
        match (self.agents_running, self.agents_ended) {
            (0, 0) => None,
            (0, ended) => Some(format!("agents ended, their work given back: {ended}")),
            (running, _) => Some(format!("agents that go on: {running}; the next start finds them")),
        }
    }
}

/// One round.
#[derive(Serialize, JsonSchema)]
pub struct Round {
    /// How many agents were started.
    pub started: usize,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

impl Render for Round {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        Some(format!("agents started: {}", self.started))
    }

    fn complaint(&self) -> Option<String> {
        self.problems.first().cloned()
    }

    fn exit_code(&self) -> u8 {
        if self.problems.is_empty() { 0 } else { Class::Outside.exit_code() }
    }
}

/// A unit for systemd that was written.
#[derive(Serialize, JsonSchema)]
pub struct Service {
    /// The file.
    pub path: String,
    /// The unit's name.
    pub unit: String,
}

impl Render for Service {
    fn human(&self, text: &mut Text) {
        text.line(&self.path);
    }

    fn confirmation(&self) -> Option<String> {
        Some(format!("systemctl --user daemon-reload && systemctl --user enable --now {}", self.unit))
    }
}

/// The state of a coordinator.
#[derive(Serialize, JsonSchema)]
pub struct Status {
    /// Whether it runs.
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// As whom it acts.
    pub name: Option<Actor>,
    /// The pool.
    pub agents: Vec<AgentRow>,
    /// How much work there is.
    pub queue: Queue,
    /// The file of the configuration.
    pub config: String,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

/// An agent of the pool.
#[derive(Serialize, JsonSchema)]
pub struct AgentRow {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub agent_type: String,
    /// As whom it acts.
    pub actor: Actor,
    /// How many issues it takes at a time.
    pub max_concurrent: u32,
    /// How many of its processes live.
    pub running: usize,
}

/// How much work there is.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct Queue {
    /// Ready issues that can be claimed now.
    pub ready: usize,
    /// Issues in progress.
    pub in_progress: usize,
    /// Issues that were left to people after too many failures.
    pub needs_attention: usize,
}

impl Render for Status {
    fn human(&self, text: &mut Text) {
        match self.pid {
            Some(pid) => text.line(&format!("Status: Running (PID: {pid})")),
            None => text.line("Status: Not running"),
        };
        text.line(&format!("Agent pool: {} agents", self.agents.len()));
        for agent in &self.agents {
            let (id, kind, most) = (&agent.id, &agent.agent_type, agent.max_concurrent);
            text.line(&format!("  - {id} (type: {kind}, max_concurrent: {most})"));
        }
        text.line("").line("Work queue:");
        text.line(&format!("  Ready: {}", self.queue.ready));
        text.line(&format!("  In Progress: {}", self.queue.in_progress));
        if self.queue.needs_attention > 0 {
            text.line(&format!("  Needs Attention: {}", self.queue.needs_attention));
        }
        if !self.problems.is_empty() {
            text.line("").line("Problems:");
            for problem in &self.problems {
                text.line(&format!("  - {}", clean(problem)));
            }
        }
    }
}

/// Who holds issues.
#[derive(Serialize, JsonSchema)]
pub struct Agents {
    /// The holders, by name.
    pub agents: Vec<Holder>,
    /// How many.
    pub count: usize,
}

/// A holder of issues.
#[derive(Serialize, JsonSchema)]
pub struct Holder {
    /// Who.
    pub actor: String,
    /// The issues, the longest held first.
    pub issues: Vec<Held>,
}

/// An issue that somebody holds.
#[derive(Serialize, JsonSchema)]
pub struct Held {
    /// The issue.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: State,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When the lease ends; `null` for a claim that lasts until it is released.
    pub lease_ends_at: Option<Timestamp>,
    /// The holder's machine.
    pub host: Option<String>,
    /// The holder's work tree.
    pub worktree: Option<String>,
    /// The coordinator that watches over it.
    pub keeper: Option<Actor>,
    /// Whether its process lives; `null` for one that this checkout's coordinator did not start.
    pub alive: Option<bool>,
}

impl Render for Agents {
    fn human(&self, text: &mut Text) {
        text.line("Active agents:");
        if self.agents.is_empty() {
            text.line("").line("(none)");
        }
        for holder in &self.agents {
            let name = text.strong(&clean(&holder.actor));
            text.line("").line(&name);
            for held in &holder.issues {
                let lease = match held.lease_ends_at {
                    None => String::new(),
                    Some(end) if Claim::ends_before(end, text.now) => ", lease over".to_owned(),
                    Some(end) => format!(", lease {}", span(end.since(text.now))),
                };
                let gated = if held.state == State::Gated { ", gated" } else { "" };
                let (id, ago) = (text.id(&held.short_id), text.ago(held.claimed_at));
                text.line(&format!("  - {id} | {} (claimed {ago}{lease}{gated})", clean(&held.title)));
            }
        }
    }
}
