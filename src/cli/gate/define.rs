//! `jit gate define`, `undefine`, `list` and `show`.

use std::time::Duration;

use clap::Args;

use crate::cli::at::AtArg;
use crate::domain::draft::require_gates;
use crate::domain::gate::{Check, Gate};
use crate::domain::issue::Extra;
use crate::domain::name::GateKey;
use crate::domain::ops::gate;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Stage;
use crate::domain::text::quoted;
use crate::domain::time::parse_duration;
use crate::error::{Class, Error, Result};
use crate::gates::trust;
use crate::plugins;
use crate::report::Report;
use crate::report::gate::{GateDoc, Gates};
use crate::session::{Manners, Session};
use crate::store::{Backend, StoreError};

/// Define a gate
///
/// With a command the gate gets its verdict by running it: exit 0 passes, 75 says that it cannot tell, anything
/// else fails. Defining it here is also the consent to run it on this machine. Reads the definition of that key;
/// with --replace also the index and the held issues that carry the gate.
#[derive(Args, Debug)]
pub struct Define {
    /// The key: letters, digits, `.`, `_` and `-`
    key: GateKey,
    /// One line that says what the gate asks
    #[arg(short, long)]
    title: String,
    /// More about it
    #[arg(short, long = "desc", alias = "description", default_value = "", hide_default_value = true)]
    desc: String,
    /// A machine judges, not a person
    #[arg(long)]
    auto: bool,
    /// What judges: a command for `sh -c`, run in the work tree
    #[arg(short, long, value_name = "CMD", allow_hyphen_values = true)]
    command: Option<String>,
    /// A type of gate, instead of a command: the plugin jit-gate-TYPE judges
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "command")]
    kind: Option<String>,
    /// An argument for the plugin of the type; may be given several times
    #[arg(long = "arg", value_name = "ARG", requires = "kind", conflicts_with = "command", allow_hyphen_values = true)]
    args: Vec<String>,
    /// What it holds back: the claim (start), a commit, or done (finish)
    #[arg(long, default_value = "finish", value_name = "STAGE")]
    stage: Stage,
    /// End the command after this long: no verdict (default: 10m)
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Run it in this folder below the top of the work tree
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// A command, such as one that prints a compiler's version: when its output changes, the gate is run again
    #[arg(long, value_name = "CMD")]
    env_key: Option<String>,
    /// Replace the present definition
    #[arg(long)]
    replace: bool,
}

/// Remove the definition of a gate
///
/// Refused while unfinished issues carry it. Reads the index, to find them.
#[derive(Args, Debug)]
pub struct Undefine {
    /// The key
    key: GateKey,
}

/// List the defined gates
///
/// Reads the definitions.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    at: AtArg,
}

/// Show the definition of a gate
///
/// Reads that definition.
#[derive(Args, Debug)]
pub struct Show {
    /// The key
    key: GateKey,
    #[command(flatten)]
    at: AtArg,
}

impl Define {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        if self.workdir.as_deref().is_some_and(|dir| dir.starts_with('/')) {
            return Err(Error::usage("--workdir: a folder is named from the top of the work tree"));
        }
        let command = self.command(session)?;
        if command.is_none() && (self.timeout.is_some() || self.workdir.is_some() || self.env_key.is_some()) {
            return Err(Error::usage("--timeout, --workdir and --env-key belong to a command: --command or --type"));
        }
        let check = Check {
            auto: self.auto || command.is_some(),
            stage: self.stage,
            timeout_ms: self.timeout.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            workdir: self.workdir.map(|dir| dir.trim_end_matches('/').to_owned()),
            env_key: self.env_key,
            command,
        };
        let definition = Gate { key: self.key, title: self.title, description: self.desc, check, extra: Extra::new() };
        session.change("gate define", &Manners::default(), |draft| {
            gate::define(draft, &definition, self.replace).map(|()| Vec::new())
        })?;
        let (actor, _) = session.actor(None)?;
        trust(session).agree([&definition.check], &actor, session.now())?;
        let said = Some(format!("defined {}", definition.key));
        Ok(Report::Gate(document(session, definition, true, said)))
    }
}

impl Define {
    /// What judges: the command, or the plugin of the type with its arguments.
    fn command(&self, session: &Session) -> Result<Option<String>> {
        let Some(kind) = &self.kind else { return Ok(self.command.clone()) };
        let path = session.environment.path.as_deref();
        let program = plugins::gate_type(path, kind).ok_or_else(|| {
            Error::new(Class::NotFound, "plugin_not_found", format!("no program on PATH is called jit-gate-{kind}"))
                .hint("jit --help")
        })?;
        let quoted: Vec<String> = self.args.iter().map(|arg| quoted(arg)).collect();
        Ok(Some([&[program], quoted.as_slice()].concat().join(" ")))
    }
}

/// A definition with whether its command may run here.
fn document(session: &Session, gate: Gate, defined: bool, said: Option<String>) -> GateDoc {
    let trust = trust(session);
    let trusted = gate.check.command.is_some().then(|| trust.covers(&gate.check));
    GateDoc { gate, defined, trusted, said }
}

impl Undefine {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let mut before = None;
        let change = session.change("gate undefine", &Manners::default(), |draft| {
            before = draft.state().gate(&self.key)?;
            gate::undefine(draft, &self.key).map(|()| Vec::new())
        })?;
        if change.replayed
            && let Some(parent) = session.store.info(&change.commit)?.parents.first()
        {
            before = session.view_at(parent.clone())?.state.gate(&self.key).map_err(StoreError::from)?;
        }
        let said = Some(format!("undefined {}", self.key));
        let gone = || Gate {
            key: self.key.clone(),
            title: String::new(),
            description: String::new(),
            check: Check::default(),
            extra: Extra::new(),
        };
        Ok(Report::Gate(document(session, before.unwrap_or_else(gone), false, said)))
    }
}

impl List {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let mut gates = Vec::new();
        for key in view.state.gate_keys().map_err(StoreError::from)? {
            match view.state.gate(&key) {
                Ok(gate) => gates.extend(gate),
                Err(damaged) => session.notice(format!("passed over {damaged}; jit fsck says more")),
            }
        }
        Ok(Report::Gates(Gates { count: gates.len(), gates }))
    }
}

impl Show {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        require_gates(&view.state, [&self.key])?;
        let gate = view.state.gate(&self.key).map_err(StoreError::from)?.expect("the gate was just found");
        Ok(Report::Gate(document(session, gate, true, None)))
    }
}
