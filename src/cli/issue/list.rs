//! `jit issue list`.

use clap::{Args, ValueEnum};

use crate::cli::common::scan;
use crate::domain::graph::Graph;
use crate::domain::issue::Issue;
use crate::domain::name::{Actor, Label};
use crate::domain::query::{self, Criteria, sort};
use crate::domain::state::{Priority, State};
use crate::error::Result;
use crate::report::Report;
use crate::report::issue::{IssueDoc, IssueRef};
use crate::report::list::{IssueList, IssueRow};
use crate::session::{Session, View};

/// List issues, a line each
///
/// Every condition given must hold. Reads every issue.
#[derive(Args, Debug)]
pub struct List {
    /// In this state; may be given several times
    #[arg(short, long)]
    state: Vec<State>,
    /// Of this priority; may be given several times
    #[arg(short, long)]
    priority: Vec<Priority>,
    /// With this label; may be given several times
    #[arg(short, long)]
    label: Vec<Label>,
    /// Meant for this actor
    #[arg(short, long)]
    assignee: Option<Actor>,
    /// Held up by a dependency
    #[arg(long)]
    blocked: bool,
    /// Meant for nobody
    #[arg(long)]
    unassigned: bool,
    /// The order
    #[arg(long, value_enum, default_value_t)]
    sort: Order,
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    /// With --json, give whole issues instead of rows
    #[arg(long)]
    full: bool,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Order {
    /// By priority, then age
    #[default]
    Priority,
    /// Oldest first
    Created,
    /// Last changed first
    Updated,
    /// By title
    Title,
    /// By state, then priority and age
    State,
}

impl From<Order> for query::Sort {
    fn from(order: Order) -> Self {
        match order {
            Order::Priority => Self::Priority,
            Order::Created => Self::Created,
            Order::Updated => Self::Updated,
            Order::Title => Self::Title,
            Order::State => Self::State,
        }
    }
}

impl List {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let criteria = Criteria {
            states: self.state,
            priorities: self.priority,
            labels: self.label,
            assignee: self.assignee,
            blocked: self.blocked,
            unassigned: self.unassigned,
        };
        let view = session.view()?;
        let graph = Graph::of_scan(scan(session, &view.state)?);
        let mut issues: Vec<Issue> =
            graph.issues().filter(|issue| criteria.accepts(issue, graph.is_blocked(issue))).cloned().collect();
        sort(&mut issues, self.sort.into());
        Ok(Report::List(listing(&view, &graph, issues, self.limit, self.full)))
    }
}

/// A list of `issues`, cut to `limit`.
pub fn listing(view: &View, graph: &Graph, mut issues: Vec<Issue>, limit: usize, full: bool) -> IssueList {
    let total = issues.len();
    if limit > 0 {
        issues.truncate(limit);
    }
    let blockers = |issue: &Issue| -> Vec<IssueRef> { graph.blockers(issue).map(IssueRef::from).collect() };
    let rows = issues.iter().map(|issue| IssueRow::new(issue, blockers(issue))).collect();
    let doc = |issue: &Issue| IssueDoc::new(issue.clone(), blockers(issue), &view.commit.0);
    let full = full.then(|| issues.iter().map(doc).collect());
    IssueList { rows, full, total, unreadable: graph.unreadable(), show_blockers: false }
}
