//! `jit export`.

use std::ops::ControlFlow;

use clap::Args;

use crate::domain::snapshot::{Read, Snapshot, Unreadable};
use crate::domain::table::Presence;
use crate::error::Result;
use crate::report::Report;
use crate::session::{Session, View};
use crate::store::{StoreError, exchange};

use super::at::AtArg;
use super::common::FilterArg;

/// Write every gate and issue to stdout, one JSON document per line
///
/// `jit import` reads it. Deleted issues are left out. With a filter what the chosen issues wait for may be missing, and
/// an import then asks for it. Exits 1, after everything else is written, when
/// something could not be read. Reads the index and every issue.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    filter: FilterArg,
    #[command(flatten)]
    at: AtArg,
}

impl Export {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let filter = self.filter.read(session)?;
        let view = self.at.view(session)?;
        let table = session.table(&view.state)?;
        Ok(Report::Lines(Box::new(move |out| {
            let fits =
                |id| table.find(id).is_some_and(|entry| filter.as_ref().is_none_or(|filter| filter.accepts(entry)));
            let mut unreadable = gates(&view, out)?;
            let written = view.state.each_issue(&mut |issue| {
                let written = match issue {
                    Ok(issue) if issue.deleted.is_some() || (filter.is_some() && !fits(issue.id)) => Ok(()),
                    Ok(mut issue) => {
                        // What waits for a tombstone waits for nothing.
                        issue
                            .dependencies
                            .retain(|on| table.find(*on).is_none_or(|entry| entry.presence() != Presence::Deleted));
                        exchange::write_issue(out, &issue)
                    }
                    Err(why) => {
                        unreadable.get_or_insert(why);
                        Ok(())
                    }
                };
                written.map_or_else(ControlFlow::Break, ControlFlow::Continue)
            });
            if let ControlFlow::Break(why) = written {
                return Err(why);
            }
            Ok(unreadable.map_or(Ok(()), |why| Err(StoreError::Unreadable(why).into())))
        })))
    }
}

/// Writes the definitions of gates; gives the first that could not be read.
fn gates(view: &View, out: &mut dyn std::io::Write) -> std::io::Result<Option<Unreadable>> {
    let mut unreadable = None;
    let keys = view.state.gate_keys();
    let gates = keys.map(|keys| keys.iter().map(|key| view.state.gate(key)).collect::<Vec<Read<_>>>());
    for gate in gates.unwrap_or_else(|why| vec![Err(why)]) {
        match gate {
            Ok(Some(gate)) => exchange::write_gate(out, &gate)?,
            Ok(None) => {}
            Err(why) => drop(unreadable.get_or_insert(why)),
        }
    }
    Ok(unreadable)
}
