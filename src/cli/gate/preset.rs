//! `jit gate preset`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::domain::gate::Gate;
use crate::domain::ops::gate::define;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::gates::preset::{PRESETS, Preset as Kind};
use crate::gates::trust;
use crate::report::Report;
use crate::report::gate_run::{Applied, PresetGate, PresetRow, Presets};
use crate::session::{Manners, Session};
use crate::store::StoreError;

/// Gates for common kinds of projects
#[derive(Subcommand, Debug)]
pub enum Preset {
    List(List),
    Apply(Apply),
}

/// List the presets, and what they would define here
///
/// Reads the files at the top of the work tree, not the tracker.
#[derive(Args, Debug)]
pub struct List {}

/// Define the gates of a preset, as they fit this repository
///
/// A gate that has no command yet gets one; one that has another command stays as it is, unless --replace says
/// otherwise. All in one commit. Reads the files at the top of the work tree and the definitions.
#[derive(Args, Debug)]
pub struct Apply {
    /// rust, python, node or go
    name: String,
    /// Put them also in the place of other commands
    #[arg(long)]
    replace: bool,
    /// Only say what would be defined
    #[arg(long)]
    dry_run: bool,
}

impl Preset {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Preset::List(List {}) => list(session),
            Preset::Apply(command) => command.run(session),
        }
    }
}

fn top(session: &Session) -> Result<PathBuf> {
    session
        .store
        .work_tree()
        .ok_or_else(|| Error::new(Class::NotFound, "no_work_tree", "this repository has no work tree"))
}

fn list(session: &Session) -> Result<Report> {
    let top = top(session)?;
    let rows = PRESETS.iter().map(|preset| PresetRow {
        preset: preset.name.to_owned(),
        about: preset.about.to_owned(),
        fits: preset.fits(&top),
        gates: preset.gates(&top),
    });
    let presets: Vec<PresetRow> = rows.collect();
    Ok(Report::Presets(Presets { count: presets.len(), presets }))
}

impl Apply {
    fn run(self, session: &Session) -> Result<Report> {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let preset = Kind::find(&self.name).ok_or_else(|| {
            Error::new(Class::NotFound, "no_preset", format!("no preset is called `{}`", self.name))
                .hint(format!("one of {}", names.join(", ")))
        })?;
        let top = top(session)?;
        let gates = preset.gates(&top);
        if gates.is_empty() {
            let files = preset.known_by.join(", ");
            let message = format!("there is nothing here that the preset {} knows; it looks at {files}", preset.name);
            return Err(Error::new(Class::NotFound, "preset_does_not_fit", message).hint("jit gate preset list"));
        }
        let mut done = Vec::new();
        if self.dry_run {
            let view = session.view()?;
            for gate in &gates {
                let before = view.state.gate(&gate.key).map_err(StoreError::from)?;
                done.push(self.row(gate, before.as_ref()));
            }
        } else {
            session.change("gate preset apply", &Manners::default(), |draft| {
                done.clear();
                for gate in &gates {
                    let before = draft.state().gate(&gate.key)?;
                    let row = self.row(gate, before.as_ref());
                    if matches!(row.outcome.as_str(), "defined" | "replaced") {
                        define(draft, &joined(gate, before), true)?;
                    }
                    done.push(row);
                }
                Ok(Vec::new())
            })?;
            let (actor, _) = session.actor(None)?;
            let taken = gates.iter().zip(&done).filter(|(_, row)| row.outcome != "kept");
            trust(session).agree(taken.map(|(gate, _)| &gate.check), &actor, session.now())?;
        }
        let preset = preset.name.to_owned();
        Ok(Report::Applied(Applied { preset, dry_run: self.dry_run, count: done.len(), gates: done }))
    }

    /// What becomes of a gate.
    fn row(&self, gate: &Gate, before: Option<&Gate>) -> PresetGate {
        let outcome = match before {
            None => "defined",
            Some(before) if before.check == gate.check => "unchanged",
            Some(before) if self.replace || before.check.command.is_none() => "replaced",
            Some(_) => "kept",
        };
        let command = gate.check.command.clone().unwrap_or_default();
        PresetGate { gate: gate.key.clone(), stage: gate.check.stage, command, outcome: outcome.to_owned() }
    }
}

/// The gate with the words that somebody has found for it already.
fn joined(gate: &Gate, before: Option<Gate>) -> Gate {
    match before {
        Some(before) => {
            Gate { title: before.title, description: before.description, extra: before.extra, ..gate.clone() }
        }
        None => gate.clone(),
    }
}
