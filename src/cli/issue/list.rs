//! `jit issue list`.

use std::rc::Rc;

use clap::{Args, ValueEnum};

use crate::cli::at::AtArg;
use crate::domain::query::{Sort, first};
use crate::domain::snapshot::Snapshot;
use crate::domain::table::{Entry, Table};
use crate::error::Result;
use crate::report::Report;
use crate::report::issue::{IssueDoc, IssueRef};
use crate::report::list::{Full, IssueList};
use crate::session::{Session, View};

use super::conditions::Conditions;

/// List issues, one per line
///
/// Every condition given must hold. Reads the index; with --full also the issues listed.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    conditions: Conditions,
    /// The order
    #[arg(long, value_enum, default_value_t)]
    sort: Order,
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    /// With --json, give whole issues instead of rows
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    at: AtArg,
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

impl From<Order> for Sort {
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
        let criteria = self.conditions.read(session)?;
        let view = self.at.view(session)?;
        let table = session.table(&view.state)?;
        let list = listing(view, &table, self.sort.into(), (self.limit, self.full), |issue| criteria.accepts(issue));
        list.map(Report::List)
    }
}

/// The issues that are `wanted`, in order, at most `limit` of them (0 for all), and in `full` if so asked.
pub fn listing(
    view: View,
    table: &Rc<Table>,
    sort: Sort,
    (limit, full): (usize, bool),
    wanted: impl Fn(Entry<'_>) -> bool,
) -> Result<IssueList> {
    let mut issues: Vec<Entry<'_>> = table.issues().filter(|issue| wanted(*issue)).collect();
    let total = issues.len();
    first(&mut issues, sort, (limit > 0).then_some(limit));
    let numbers = issues.iter().map(|issue| issue.number()).collect();
    let full = full.then(|| -> Full { Box::new(move |issue| document(&view, issue)) });
    Ok(IssueList { full, numbers, table: table.clone(), total, show_blockers: false })
}

/// An issue in full. Read while the list is written: a list may be long.
fn document(view: &View, entry: Entry<'_>) -> Option<IssueDoc> {
    let issue = view.state.issue(entry.id()).ok()??;
    Some(IssueDoc::new(issue, entry.blockers().map(IssueRef::from).collect(), &view.commit.0))
}
