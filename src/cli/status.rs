//! `jit status`.

use clap::Args;

use crate::error::Result;
use crate::report::Report;
use crate::report::status::Status as Overview;
use crate::session::Session;

use super::common::table;
use super::query::questions;

/// Show the state of work at a glance
///
/// Counts by stored state; blocked ones are counted under their state too. Reads the index, and
/// issues with open questions.
#[derive(Args, Debug)]
pub struct Status {}

impl Status {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let table = table(session, &view.state)?;
        let questions = questions(&view, &table)?;
        Ok(Report::Status(Overview::of(&table, questions, &view.commit.0)))
    }
}
