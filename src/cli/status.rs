//! `jit status`.

use clap::Args;

use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::report::Report;
use crate::report::status::{Shared, Status as Overview};
use crate::session::Session;
use crate::store::StoreError;
use crate::sync;

use super::at::AtArg;
use super::query::questions;

/// Show the state of work at a glance
///
/// Counts by stored state; blocked ones are counted under their state too. Reads the index, and
/// issues with open questions; with a remote also the commits that it and this tracker do not share.
#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    at: AtArg,
}

impl Status {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let table = session.table(&view.state)?;
        let questions = questions(&view, &table, None)?;
        let mut overview = Overview::of(&table, questions, &view.commit.0);
        if self.at.at.is_none() {
            overview.remote = sync::standing(session, &view)?.map(Shared::from);
        }
        for completion in &mut overview.recent_completions {
            let issue = view.state.issue(completion.id).map_err(StoreError::from)?;
            completion.landed = issue.and_then(|issue| issue.landed);
        }
        Ok(Report::Status(overview))
    }
}
