//! `jit land`.

use clap::Args;

use crate::error::Result;
use crate::land::{self, Wanted};
use crate::report::Report;
use crate::session::Session;

/// Land a branch: move its code onto the target and finish its issues, in one step
///
/// The target must be an ancestor of the branch, and the very tree that lands must have every gate of the issues that
/// its commits name passed; missing ones are run in a clean work tree. Safe to repeat: after an interruption it goes on,
/// or says that all is done. Reads the commits that land, their issues, and the evidence of their gates.
#[derive(Args, Debug)]
pub struct Land {
    /// The branch (default: the one that is checked out)
    branch: Option<String>,
    /// The branch to land on (default: the remote's own, else main)
    #[arg(long, value_name = "TARGET")]
    onto: Option<String>,
    /// The remote (default: JIT_REMOTE, else origin, else the only one; without one the branch here)
    #[arg(long, value_name = "REMOTE")]
    remote: Option<String>,
    /// On a host that cannot move several refs together: first the code, then the tracker
    #[arg(long)]
    not_atomic: bool,
}

impl Land {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let wanted = Wanted { branch: self.branch, onto: self.onto, remote: self.remote, not_atomic: self.not_atomic };
        Ok(Report::Landed(land::land(session, &wanted, &session.echo)?))
    }
}
