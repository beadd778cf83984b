//! `jit issue delete` and `reject`.

use clap::Args;

use crate::cli::common::{Answer, Force};
use crate::domain::id::IdPrefix;
use crate::domain::ops::issue::{delete, reject};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::session::{Manners, Session};

/// Delete an issue; a tombstone and its history stay
///
/// Refused while others depend on it, unless forced: then they no longer do. Reads the index, to find them.
#[derive(Args, Debug)]
pub struct Delete {
    /// The issue
    id: IdPrefix,
    /// Also when others depend on it, or somebody else holds it
    #[arg(long)]
    force: bool,
}

impl Delete {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let manners = Manners { force: self.force, ..Manners::default() };
        let change = session.change("issue delete", &manners, |draft| delete(draft, &self.id).map(|id| vec![id]))?;
        Answer::quiet("deleted").report(session, &change)
    }
}

/// Reject an issue: it will not be done, and holds nothing up
///
/// Reads the issue.
#[derive(Args, Debug)]
pub struct Reject {
    /// The issue
    id: IdPrefix,
    /// Why
    #[arg(long, allow_hyphen_values = true)]
    reason: String,
    #[command(flatten)]
    force: Force,
}

impl Reject {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        if self.reason.trim().is_empty() || self.reason.len() > 10_000 {
            return Err(Error::usage("a reason has 1 to 10000 bytes"));
        }
        let change = session.change("issue reject", &self.force.manners(), |draft| {
            reject(draft, &self.id, &self.reason).map(|id| vec![id])
        })?;
        if change.events.is_empty() {
            session
                .notice("it was rejected before, and the reason is the one given then; jit issue comment adds to it");
        }
        Answer::quiet("rejected").report(session, &change)
    }
}
