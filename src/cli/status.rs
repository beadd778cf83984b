//! `jit status`.

use clap::Args;

use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::report::Report;
use crate::report::status::{Shared, Status as Overview};
use crate::session::Session;
use crate::store::StoreError;
use crate::sync;

use super::common::table;
use super::query::questions;

/// Show the state of work at a glance
///
/// Counts by stored state; blocked ones are counted under their state too. Reads the index, and
/// issues with open questions; with a remote also the commits that it and this tracker do not share.
#[derive(Args, Debug)]
pub struct Status {}

impl Status {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let table = table(session, &view.state)?;
        let questions = questions(&view, &table)?;
        let mut overview = Overview::of(&table, questions, &view.commit.0);
        overview.remote = sync::standing(session, &view)?.map(Shared::from);
        for completion in &mut overview.recent_completions {
            let issue = view.state.issue(completion.id).map_err(StoreError::from)?;
            completion.landed = issue.and_then(|issue| issue.landed);
        }
        Ok(Report::Status(overview))
    }
}
