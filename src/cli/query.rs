//! `jit query` and `jit ready`.

use clap::{Args, Subcommand};

use crate::domain::filter::Filter;
use crate::domain::name::Actor;
use crate::domain::query::{Criteria, Sort, is_claimable, start_gates};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Priority, State};
use crate::domain::table::{Entry, Table};
use crate::error::Result;
use crate::report::Report;
use crate::report::list::{IssueList, Questions};
use crate::session::{Session, View};
use crate::store::StoreError;

use super::at::AtArg;
use super::common::FilterArg;
use super::issue::list::listing;

/// List issues by state, priority, assignee and the like
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
/// Ready issues that nothing blocks and no gate holds back, and those whose claim ran out, by priority, then age. A
/// named agent does not see what is meant for somebody else. Reads the index and the definitions of gates.
#[derive(Args, Debug)]
pub struct Ready {
    #[command(flatten)]
    limit: Limit,
}

/// List blocked issues, and what blocks them
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Blocked {
    #[command(flatten)]
    limit: Limit,
}

/// List the issues assigned to an actor
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct Assignee {
    /// The actor
    actor: Actor,
    #[command(flatten)]
    limit: Limit,
}

/// List the issues in a state
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct OfState {
    /// The state
    state: State,
    #[command(flatten)]
    limit: Limit,
}

/// List the issues of a priority
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct OfPriority {
    /// The priority
    priority: Priority,
    #[command(flatten)]
    limit: Limit,
}

/// List the questions that wait for a person, the oldest first
///
/// Reads the index, and the issues that have one.
#[derive(Args, Debug)]
pub struct OpenQuestions {
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

/// List every issue
///
/// Reads the index.
#[derive(Args, Debug)]
pub struct All {
    #[command(flatten)]
    limit: Limit,
}

/// Which of them are listed, and how many.
#[derive(Args, Clone, Debug)]
struct Limit {
    #[command(flatten)]
    filter: FilterArg,
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    /// With --json, give whole issues instead of rows
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    at: AtArg,
}

impl Query {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let only = |criteria: Criteria, limit: Limit| {
            let show_blockers = criteria.blocked;
            let mut list = select(session, limit.at.view(session)?, limit, |issue| criteria.accepts(issue))?;
            list.show_blockers = show_blockers;
            Ok(Report::List(list))
        };
        match self {
            Query::Ready(ready) => ready.run(session),
            Query::Blocked(Blocked { limit }) => only(Criteria { blocked: true, ..Criteria::default() }, limit),
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
            Query::Questions(OpenQuestions { filter, at }) => {
                let filter = filter.read(session)?;
                let view = at.view(session)?;
                let table = session.table(&view.state)?;
                Ok(Report::Questions(questions(&view, &table, filter.as_ref())?))
            }
        }
    }
}

impl Ready {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let (actor, named) = session.actor(None)?;
        let view = self.limit.at.view(session)?;
        let clock = self.limit.at.clock(session, &view)?;
        // What is meant for somebody else is no work for a named agent.
        let meant = |issue: Entry<'_>| {
            !named || issue.holder().is_some() || issue.assignee().is_none_or(|name| name == actor.as_str())
        };
        let starts = start_gates(&view.state).map_err(StoreError::from)?;
        select(session, view, self.limit, |issue| is_claimable(issue, clock, &starts) && meant(issue)).map(Report::List)
    }
}

fn select(session: &Session, view: View, limit: Limit, wanted: impl Fn(Entry<'_>) -> bool) -> Result<IssueList> {
    let filter = limit.filter.read(session)?;
    let table = session.table(&view.state)?;
    let fits = |issue: Entry<'_>| filter.as_ref().is_none_or(|filter| filter.accepts(issue));
    listing(view, &table, Sort::Priority, (limit.limit, limit.full), |issue| wanted(issue) && fits(issue))
}

/// The questions that wait for a person, about issues that the filter accepts. Reads the issues that have one.
pub fn questions(view: &View, table: &Table, filter: Option<&Filter>) -> Result<Questions> {
    let mut issues = Vec::new();
    let fits = |entry: &Entry<'_>| filter.is_none_or(|filter| filter.accepts(*entry));
    for entry in table.issues().filter(|entry| entry.has_question()).filter(fits) {
        issues.extend(view.state.issue(entry.id()).map_err(StoreError::from)?);
    }
    Ok(Questions::of(&issues))
}
