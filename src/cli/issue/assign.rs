//! `jit issue assign` and `unassign`.

use clap::Args;

use crate::cli::common::{Answer, Force};
use crate::domain::id::IdPrefix;
use crate::domain::name::Actor;
use crate::domain::ops::talk::assign;
use crate::error::Result;
use crate::report::Report;
use crate::session::Session;

/// Assign an issue to an actor: nobody else can claim it
///
/// Reads the issue.
#[derive(Args, Debug)]
pub struct Assign {
    /// The issue
    id: IdPrefix,
    /// The assignee
    actor: Actor,
    #[command(flatten)]
    force: Force,
}

impl Assign {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let change = session.change("issue assign", &self.force.manners(), |draft| {
            assign(draft, &self.id, Some(&self.actor)).map(|id| vec![id])
        })?;
        Answer::quiet("assigned").rest(format!(" to {}", self.actor)).report(session, &change)
    }
}

/// Remove the assignee of an issue
///
/// Reads the issue.
#[derive(Args, Debug)]
pub struct Unassign {
    /// The issue
    id: IdPrefix,
    #[command(flatten)]
    force: Force,
}

impl Unassign {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let change = session.change("issue unassign", &self.force.manners(), |draft| {
            assign(draft, &self.id, None).map(|id| vec![id])
        })?;
        Answer::quiet("unassigned").report(session, &change)
    }
}
