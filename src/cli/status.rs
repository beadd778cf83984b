//! `jit status`.

use clap::Args;

use crate::domain::graph::Graph;
use crate::error::Result;
use crate::report::Report;
use crate::report::status::Status as Overview;
use crate::session::Session;

use super::common::scan;

/// Show the state of work at a glance
///
/// Counts by stored state; blocked ones are counted under their state too. Reads every issue.
#[derive(Args, Debug)]
pub struct Status {}

impl Status {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let graph = Graph::of_scan(scan(session, &view.state)?);
        Ok(Report::Status(Overview::of(&graph, &view.commit.0)))
    }
}
