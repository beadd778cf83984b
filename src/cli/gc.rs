//! `jit gc`.

use clap::Args;

use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::report::Report;
use crate::report::admin::{Collected, Fanout};
use crate::session::{Manners, Session};
use crate::store::StoreError;
use crate::store::layout::roomy_fanout;

/// Tidy up: folders that hold too many issues, loose objects, leftovers
///
/// A tracker that has outgrown its folders of issues gets a level more of them, in one commit. Then git packs
/// what is loose (`git gc`), and the index is brought up to date. A tracker that is written to does the daily
/// part of this by itself. Reads the index; git reads what it packs.
#[derive(Args, Debug)]
pub struct Gc {
    /// Only what is needed, and nothing when another process is at it
    #[arg(long)]
    auto: bool,
}

impl Gc {
    /// Whether this is work in the background, which writes nothing into any work tree.
    pub fn in_background(&self) -> bool {
        self.auto
    }

    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let before = session.store.count_objects()?;
        let mut fanout = None;
        crate::gates::tidy(session);
        if self.auto {
            session.store.tidy_in_background()?;
        } else {
            fanout = deepen(session)?;
            let tidied = session.store.tidy_now();
            if let (Some(Fanout { to, .. }), Err(_)) = (fanout, &tidied) {
                // What was done before stays done.
                session.notice(format!("issues now stand {to} folders deep"));
            }
            tidied?;
            // Packs came and went under this handle: another one looks again, and leaves its index.
            let session = session.reopen()?;
            session.view()?.state.table().map_err(StoreError::from)?;
        }
        let after = session.store.count_objects()?;
        Ok(Report::Collected(Collected::new(fanout, before, after)))
    }
}

/// Adds levels of folders when there are too many issues in each.
fn deepen(session: &Session) -> Result<Option<Fanout>> {
    let view = session.view()?;
    let from = view.state.format().fanout;
    let issues = view.state.table().map_err(StoreError::from)?.rows().count();
    let to = roomy_fanout(issues);
    if to <= from {
        return Ok(None);
    }
    session.rearrange("gc", &Manners::default(), to)?;
    Ok(Some(Fanout { from, to }))
}
