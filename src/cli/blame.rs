//! `jit blame`.

use clap::Args;

use crate::domain::draft::resolve_any;
use crate::domain::id::IdPrefix;
use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::history::origins;
use crate::report::Report;
use crate::report::blame::{Blame as Shown, Blamed};
use crate::session::Session;
use crate::store::StoreError;

use super::at::AtArg;

/// Show who set each field of an issue, when, and by which event
///
/// Labels, dependencies, gates and context keys stand one by one. Reads the list of commits by issue, and the issue
/// and the events of as many as it takes to find where the oldest field comes from.
#[derive(Args, Debug)]
pub struct Blame {
    /// The issue
    id: IdPrefix,
    /// Only these fields: `title`, or a part like `gates.review`; of an empty one, who emptied it
    #[arg(value_name = "FIELD")]
    fields: Vec<String>,
    #[command(flatten)]
    at: AtArg,
}

impl Blame {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let id = resolve_any(&view.state, &self.id)?;
        let issue = view.state.issue(id).map_err(StoreError::from)?.expect("what was found is there");
        let origins = origins(session, &view, &issue, &self.fields)?;
        let fields: Vec<Blamed> = origins.into_iter().map(Blamed::from).collect();
        Ok(Report::Blame(Shown { id: issue.id, count: fields.len(), fields }))
    }
}
