//! `jit gate trust`.

use clap::Args;

use crate::domain::draft::require_gates;
use crate::domain::gate::Check;
use crate::domain::id::IdPrefix;
use crate::domain::name::GateKey;
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::standings;
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
    /// The gates as they were frozen when this issue was claimed, if their definitions have changed since
    #[arg(long, value_name = "ID")]
    issue: Option<IdPrefix>,
    /// Only show what has been agreed to, and what not
    #[arg(short, long)]
    list: bool,
}

impl Trust {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let mut trust = trust(session);
        let (actor, _) = session.actor(None)?;
        let mut gates = Vec::new();
        for (key, check) in self.checks(session)? {
            let before = trust.covers(&check);
            if !self.list {
                trust.agree([&check], &actor, session.now())?;
            }
            gates.push(TrustedGate {
                gate: key,
                command: check.command.unwrap_or_default(),
                workdir: check.workdir,
                env_key: check.env_key,
                trusted: before || !self.list,
                new: !before && !self.list,
            });
        }
        Ok(Report::Trusted(Trusted { count: gates.len(), gates }))
    }

    /// What the gates in question run.
    fn checks(&self, session: &Session) -> Result<Vec<(GateKey, Check)>> {
        let view = session.view()?;
        let mut all = Vec::new();
        if let Some(prefix) = &self.issue {
            let issue = session.resolve(&view.state, prefix)?;
            let asked = standings(&view.state, &issue).map_err(StoreError::from)?;
            all.extend(asked.into_iter().filter_map(|standing| Some((standing.key, standing.check?))));
        } else {
            for key in view.state.gate_keys().map_err(StoreError::from)? {
                all.extend(view.state.gate(&key).map_err(StoreError::from)?.map(|gate| (key, gate.check)));
            }
        }
        if let Some(wanted) = &self.key {
            all.retain(|(key, _)| key == wanted);
            if all.is_empty() {
                require_gates(&view.state, [wanted])?;
            }
        }
        all.retain(|(_, check)| check.command.is_some());
        Ok(all)
    }
}
