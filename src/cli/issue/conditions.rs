//! Conditions on issues, as options of lists and searches.

use clap::Args;

use crate::cli::common::FilterArg;
use crate::domain::name::{Actor, Label};
use crate::domain::query::Criteria;
use crate::domain::state::{Priority, State};
use crate::error::Result;
use crate::session::Session;

/// Every condition given must hold.
#[derive(Args, Debug)]
pub struct Conditions {
    /// In this state; may be given several times
    #[arg(short, long)]
    state: Vec<State>,
    /// Of this priority; may be given several times
    #[arg(short, long)]
    priority: Vec<Priority>,
    /// With this label; may be given several times
    #[arg(short, long)]
    label: Vec<Label>,
    /// Assigned to this actor
    #[arg(short, long)]
    assignee: Option<Actor>,
    /// Blocked by a dependency
    #[arg(long)]
    blocked: bool,
    /// Assigned to nobody
    #[arg(long)]
    unassigned: bool,
    #[command(flatten)]
    filter: FilterArg,
}

impl Conditions {
    /// What the options mean.
    pub fn read(self, session: &Session) -> Result<Criteria> {
        Ok(Criteria {
            filter: self.filter.read(session)?,
            states: self.state,
            priorities: self.priority,
            labels: self.label,
            assignee: self.assignee,
            blocked: self.blocked,
            unassigned: self.unassigned,
        })
    }
}
