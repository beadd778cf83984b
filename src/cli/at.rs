//! `--at`: looking at the tracker as it was.

use clap::Args;

use crate::domain::time::{Timestamp, parse_moment};
use crate::error::Result;
use crate::session::{Session, View};
use crate::store::Backend;

/// Which state is looked at.
#[derive(Args, Clone, Debug, Default)]
pub struct AtArg {
    /// As of a commit of the tracker, a day (`2026-01-31`), a span ago (`2h`) or a time; see jit help times
    #[arg(long, value_name = "REV|WHEN", allow_hyphen_values = true)]
    pub at: Option<String>,
}

impl AtArg {
    /// The state; the present one without the argument.
    pub fn view(&self, session: &Session) -> Result<View> {
        match &self.at {
            Some(when) => session.view_of(when),
            None => session.view(),
        }
    }

    /// The time by which leases are judged in that state: the one asked for, or that of the commit asked for.
    pub fn clock(&self, session: &Session, view: &View) -> Result<Timestamp> {
        let Some(when) = &self.at else { return Ok(session.now()) };
        match parse_moment(when, session.now()) {
            Ok(time) => Ok(time),
            Err(_) => Ok(session.store.info(&view.commit)?.time),
        }
    }
}
