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
pub use place::Place;
pub use process::{Ended, Task, run as run_command};
pub use runner::Runner;
pub use trust::Trust;

use crate::domain::id::IssueId;
use crate::domain::standing::Standing;
use crate::error::{Class, Error, Result};
use crate::session::Session;

use runs::Runs;

/// Takes away what killed checks left, and forgets runs of long ago.
pub fn tidy(session: &Session) {
    place::sweep(&session.store);
    Runs::new(session.store.local_state()).forget(session.now());
}

/// What this user has agreed to run.
pub fn trust(session: &Session) -> Trust {
    Trust::open(session.store.local_state())
}

/// Refuses gates of an issue with a command that this user has not agreed to run here, with the text of the first.
pub fn require_trust(session: &Session, issue: IssueId, standings: &[Standing]) -> Result<()> {
    let trust = trust(session);
    let strange = |standing: &&Standing| standing.check.as_ref().is_some_and(|check| !trust.covers(check));
    let Some(standing) = standings.iter().find(strange) else { return Ok(()) };
    let texts: Vec<String> = standing.check.iter().flat_map(|check| check.texts()).map(as_shown).collect();
    let (key, text) = (&standing.key, texts.join("\n    "));
    let message = format!("you have not agreed to what the gate {key} runs, which came from elsewhere:\n    {text}");
    Err(Error::new(Class::Refused, "gate_not_trusted", message)
        .hint(format!("if you want it to run on this machine: jit gate trust {key} --issue {}", issue.short()))
        .details(serde_json::json!({ "gate": key, "commands": texts })))
}

/// A text that is run, with the folder where that is not the top.
fn as_shown((text, workdir): (&str, Option<&str>)) -> String {
    workdir.map_or_else(|| text.to_owned(), |dir| format!("(in {dir}) {text}"))
}
