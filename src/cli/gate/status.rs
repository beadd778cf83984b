//! `jit gate status`.

use clap::Args;

use crate::cli::at::AtArg;
use crate::domain::id::IdPrefix;
use crate::domain::standing::{Standing, standings};
use crate::error::Result;
use crate::report::Report;
use crate::report::gate::{GateRow, GateStatus};
use crate::session::Session;
use crate::store::StoreError;

/// Show what is known of each gate of an issue
///
/// Says by whom, when, on which tree, and whether that is another than the one at hand. Reads the issue and
/// the definitions of its gates; runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Status {
    /// The issue
    id: IdPrefix,
    #[command(flatten)]
    at: AtArg,
}

impl Status {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let issue = session.resolve(&view.state, &self.id)?;
        let standings = standings(&view.state, &issue).map_err(StoreError::from)?;
        let tree = session.store.evidence()?.tree;
        let passed = standings.iter().all(Standing::holds);
        let rows = standings.into_iter().map(|standing| {
            let judged = standing.verdict.tree.as_ref();
            let stale = judged.zip(tree.as_ref()).map(|(judged, here)| judged != here);
            GateRow {
                stage: standing.stage(),
                outdated: standing.is_outdated(),
                gate: standing.key,
                verdict: standing.verdict,
                stale,
            }
        });
        let gates: Vec<GateRow> = rows.collect();
        Ok(Report::GateStatus(GateStatus { id: issue.id, tree, passed, count: gates.len(), gates }))
    }
}
