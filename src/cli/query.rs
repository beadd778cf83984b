//! `jit query` and `jit ready`.

use clap::{Args, Subcommand};

use crate::domain::graph::Graph;
use crate::domain::issue::Issue;
use crate::domain::name::Actor;
use crate::domain::query::{Criteria, Sort, claimable, sort};
use crate::domain::state::{Priority, State};
use crate::error::Result;
use crate::report::Report;
use crate::report::list::Questions;
use crate::session::Session;

use super::common::scan;
use super::issue::list::listing;

/// Ask for issues by what they are
#[derive(Subcommand, Debug)]
pub enum Query {
    Ready(Ready),
    Blocked(Blocked),
    Assignee(Assignee),
    State(OfState),
    Priority(OfPriority),
    Questions(OpenQuestions),
    All(All),
}

/// List what can be claimed now, the most urgent first
///
/// Ready issues that nothing blocks, and those whose claim ran out, by priority, then age. A named agent
/// does not see what is meant for somebody else. Reads every issue.
#[derive(Args, Debug)]
pub struct Ready {
    #[command(flatten)]
    limit: Limit,
}

/// List what dependencies hold up, and which
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct Blocked {
    #[command(flatten)]
    limit: Limit,
}

/// List what is meant for an actor
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct Assignee {
    /// The actor
    actor: Actor,
    #[command(flatten)]
    limit: Limit,
}

/// List the issues in a state
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct OfState {
    /// The state
    state: State,
    #[command(flatten)]
    limit: Limit,
}

/// List the issues of a priority
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct OfPriority {
    /// The priority
    priority: Priority,
    #[command(flatten)]
    limit: Limit,
}

/// List the questions that wait for a person, the oldest first
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct OpenQuestions {}

/// List every issue
///
/// Reads every issue.
#[derive(Args, Debug)]
pub struct All {
    #[command(flatten)]
    limit: Limit,
}

/// How many are listed.
#[derive(Args, Clone, Copy, Debug)]
struct Limit {
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    /// With --json, give whole issues instead of rows
    #[arg(long)]
    full: bool,
}

impl Query {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let only = |criteria: Criteria, limit: Limit| {
            select(session, limit, false, |graph| {
                let accepted = graph.issues().filter(|issue| criteria.accepts(issue, graph.is_blocked(issue)));
                accepted.cloned().collect()
            })
        };
        match self {
            Query::Ready(ready) => ready.run(session),
            Query::Blocked(Blocked { limit }) => select(session, limit, true, |graph| {
                graph.issues().filter(|issue| graph.is_blocked(issue)).cloned().collect()
            }),
            Query::Assignee(Assignee { actor, limit }) => {
                only(Criteria { assignee: Some(actor), ..Criteria::default() }, limit)
            }
            Query::State(OfState { state, limit }) => {
                only(Criteria { states: vec![state], ..Criteria::default() }, limit)
            }
            Query::Priority(OfPriority { priority, limit }) => {
                only(Criteria { priorities: vec![priority], ..Criteria::default() }, limit)
            }
            Query::All(All { limit }) => only(Criteria::default(), limit),
            Query::Questions(OpenQuestions {}) => {
                let view = session.view()?;
                Ok(Report::Questions(Questions::of(&scan(session, &view.state)?.issues)))
            }
        }
    }
}

impl Ready {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let (actor, named) = session.actor(None)?;
        select(session, self.limit, false, |graph| {
            let mut issues = claimable(graph, session.now());
            // What is meant for somebody else is no work for a named agent.
            let meant =
                |issue: &Issue| issue.claim.is_some() || issue.assignee.as_ref().is_none_or(|name| *name == actor);
            issues.retain(|issue| !named || meant(issue));
            issues
        })
    }
}

fn select(
    session: &Session,
    limit: Limit,
    show_blockers: bool,
    choose: impl FnOnce(&Graph) -> Vec<Issue>,
) -> Result<Report> {
    let view = session.view()?;
    let graph = Graph::of_scan(scan(session, &view.state)?);
    let mut issues = choose(&graph);
    sort(&mut issues, Sort::Priority);
    let mut list = listing(&view, &graph, issues, limit.limit, limit.full);
    list.show_blockers = show_blockers;
    Ok(Report::List(list))
}
