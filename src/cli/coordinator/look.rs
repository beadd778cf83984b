//! `jit coordinator status` and `agents`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::coordinator::home::Home;
use crate::domain::id::EventId;
use crate::domain::ops::agent::NEEDS_ATTENTION;
use crate::domain::query::{is_claimable, start_gates};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::error::Result;
use crate::report::Report;
use crate::report::coordinator::{AgentRow, Agents as Holders, Held, Holder, Queue, Status as Overview};
use crate::session::Session;
use crate::store::StoreError;

/// Show whether a coordinator runs, its agents, and how much work there is
///
/// Reads the index, and what the coordinator tells of itself.
#[derive(Args, Debug)]
pub struct Status {}

/// List who holds which issues, people too
///
/// Works without a coordinator. Reads the list of held issues, and these.
#[derive(Args, Debug)]
pub struct Agents {}

impl Status {
    pub(super) fn run(self, session: &Session) -> Result<Report> {
        let home = Home::of(session);
        let told = home.told().filter(|_| home.is_at_work());
        let mut problems = told.as_ref().map(|told| told.problems.clone()).unwrap_or_default();
        let living = home.running();
        let config = match home.load(session) {
            Ok(loaded) => Some(loaded.config),
            Err(error) if error.code == "no_config" => None,
            Err(error) => {
                // Who runs has said so already, and goes on with the one before.
                match &told {
                    Some(_) => home.last(),
                    None => {
                        problems.push(error.message);
                        None
                    }
                }
            }
        };
        let agents = config.map(|config| config.agent_pool).unwrap_or_default().into_iter().map(|agent| AgentRow {
            running: living.iter().filter(|known| known.agent == agent.id).count(),
            actor: agent.actor(),
            id: agent.id.to_string(),
            agent_type: agent.agent_type.to_string(),
            max_concurrent: agent.max_concurrent,
        });
        Ok(Report::Coordinator(Overview {
            running: told.is_some(),
            pid: told.as_ref().map(|told| told.pid),
            since: told.as_ref().map(|told| told.since),
            name: told.map(|told| told.name),
            agents: agents.collect(),
            queue: queue(session)?,
            config: home.config_file().display().to_string(),
            problems,
        }))
    }
}

fn queue(session: &Session) -> Result<Queue> {
    let view = session.view()?;
    let table = session.table(&view.state)?;
    let starts = start_gates(&view.state).map_err(StoreError::from)?;
    let now = session.now();
    let mut queue = Queue::default();
    for issue in table.issues() {
        queue.ready += usize::from(issue.state() == State::Ready && is_claimable(issue, now, &starts));
        queue.in_progress += usize::from(issue.state() == State::InProgress);
        queue.needs_attention +=
            usize::from(issue.state() == State::Open && issue.labels().any(|label| label == NEEDS_ATTENTION));
    }
    Ok(queue)
}

impl Agents {
    pub(super) fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let home = Home::of(session);
        let mine: BTreeSet<EventId> = home.known().into_iter().map(|known| known.token).collect();
        let held = view.state.held().map_err(StoreError::from)?;
        let mut holders: BTreeMap<String, Vec<Held>> = BTreeMap::new();
        for entry in held.issues() {
            let Some(issue) = view.state.issue(entry.id()).map_err(StoreError::from)? else { continue };
            let Some(claim) = issue.claim else { continue };
            holders.entry(claim.by.to_string()).or_default().push(Held {
                id: issue.id,
                short_id: issue.id.short(),
                title: issue.title.to_string(),
                state: issue.state,
                claimed_at: claim.at,
                lease_ends_at: claim.expires_at,
                host: claim.host,
                worktree: claim.worktree,
                keeper: claim.keeper,
                alive: mine.contains(&claim.token).then(|| home.lives(claim.token)),
            });
        }
        let agents = holders.into_iter().map(|(actor, mut issues)| {
            issues.sort_by_key(|held| (held.claimed_at, held.id));
            Holder { actor, issues }
        });
        let agents: Vec<Holder> = agents.collect();
        Ok(Report::Holders(Holders { count: agents.len(), agents }))
    }
}
