//! `jit gate trust`.

use clap::Args;

use crate::domain::draft::require_gates;
use crate::domain::name::GateKey;
use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::gates::trust;
use crate::report::Report;
use crate::report::gate_run::{Trusted, TrustedGate};
use crate::session::Session;
use crate::store::StoreError;

/// Agree that the commands of gates may run on this machine
///
/// Prints each command as it stands in the tracker, and agrees to exactly that text: when it changes you are asked
/// again. What you define here yourself you have agreed to. Reads the definitions.
#[derive(Args, Debug)]
pub struct Trust {
    /// The gate (default: all)
    key: Option<GateKey>,
    /// Only show what has been agreed to, and what not
    #[arg(short, long)]
    list: bool,
}

impl Trust {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let keys = match &self.key {
            Some(key) => {
                require_gates(&view.state, [key])?;
                vec![key.clone()]
            }
            None => view.state.gate_keys().map_err(StoreError::from)?,
        };
        let mut trust = trust(session);
        let (actor, _) = session.actor(None)?;
        let mut gates = Vec::new();
        for key in keys {
            let Some(gate) = view.state.gate(&key).map_err(StoreError::from)? else { continue };
            if gate.check.command.is_none() {
                continue;
            }
            let before = gate.check.texts().all(|text| trust.covers(text));
            if !self.list {
                trust.agree(gate.check.texts(), &actor, session.now())?;
            }
            let check = gate.check;
            let (command, env_key) = (check.command.unwrap_or_default(), check.env_key);
            gates.push(TrustedGate {
                gate: key,
                command,
                env_key,
                trusted: before || !self.list,
                new: !before && !self.list,
            });
        }
        Ok(Report::Trusted(Trusted { count: gates.len(), gates }))
    }
}
