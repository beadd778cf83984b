//! Gates that a command judges: running them, evidence, and which commands may run at all.
//!
//! A run begins in a [`Place`], a work tree that holds exactly one git tree. It gives a verdict about that tree, or
//! none: when the command could not be started, was cut off, said that it cannot tell, or when the tree is
//! another one afterwards. Verdicts are recorded by one change of the tracker, after the runs: no lock is held
//! while a command runs.

mod outcome;
mod place;
pub mod preset;
mod process;
mod runner;
mod runs;
mod tail;
mod trust;
mod work;

pub use outcome::{How, Outcome, Verdict};
pub use place::{Place, sweep};
pub use runner::Runner;
pub use runs::Runs;
pub use trust::Trust;

use crate::domain::standing::Standing;
use crate::error::{Class, Error, Result};
use crate::session::Session;

/// What this user has agreed to run.
pub fn trust(session: &Session) -> Trust {
    Trust::open(session.store.local_state())
}

/// Refuses gates with a command that this user has not agreed to run here, with the text of the first.
pub fn require_trust(session: &Session, standings: &[Standing]) -> Result<()> {
    let trust = trust(session);
    for standing in standings {
        let texts: Vec<&str> = standing.check.iter().flat_map(|check| check.texts()).collect();
        let Some(text) = texts.iter().find(|text| !trust.covers(text)) else { continue };
        let key = &standing.key;
        let message =
            format!("the command of the gate {key} came from elsewhere, and you have not agreed to it:\n    {text}");
        return Err(Error::new(Class::Refused, "gate_not_trusted", message)
            .hint(format!("if you want it to run on this machine: jit gate trust {key}"))
            .details(serde_json::json!({ "gate": key, "commands": texts })));
    }
    Ok(())
}
