//! `jit gate`, and `jit registry` for the definitions.

use clap::{Args, Subcommand};

use crate::domain::event::Judgement;
use crate::domain::gate::Gate as Definition;
use crate::domain::id::IdPrefix;
use crate::domain::issue::Extra;
use crate::domain::name::{Actor, GateKey};
use crate::domain::ops::gate;
use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::report::Report;
use crate::report::gate::{GateDoc, GateRow, GateStatus, Gates};
use crate::report::issue::keys;
use crate::session::{Manners, Session};
use crate::store::StoreError;

use super::common::{Answer, Force};

/// Define gates and judge them
#[derive(Subcommand, Debug)]
pub enum Gate {
    Define(Define),
    Undefine(Undefine),
    List(List),
    Show(Show),
    Add(Add),
    Rm(Rm),
    Pass(Judge),
    Fail(Fail),
    Status(Status),
}

/// The definitions under another name.
#[derive(Subcommand, Debug)]
pub enum Registry {
    Add(Define),
    List(List),
    Show(Show),
    #[command(alias = "rm")]
    Remove(Undefine),
}

/// Define a gate
///
/// Reads the definition of that key, if there is one.
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
}

/// Take the definition of a gate away
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
pub struct List {}

/// Show the definition of a gate
///
/// Reads that definition.
#[derive(Args, Debug)]
pub struct Show {
    /// The key
    key: GateKey,
}

/// Put gates on an issue
///
/// Reads the issue and the definitions named.
#[derive(Args, Debug)]
pub struct Add {
    /// The issue
    id: IdPrefix,
    /// The keys
    #[arg(required = true)]
    keys: Vec<GateKey>,
    #[command(flatten)]
    force: Force,
}

/// Take gates off an issue
///
/// Reads the issue.
#[derive(Args, Debug)]
#[command(alias = "remove")]
pub struct Rm {
    /// The issue
    id: IdPrefix,
    /// The keys
    #[arg(required = true)]
    keys: Vec<GateKey>,
    #[command(flatten)]
    force: Force,
}

/// Record that a gate of an issue has passed
///
/// The verdict holds the tree of the work tree at hand. A gate that the issue lacks is put on it first;
/// the last gate of a gated issue completes it. Reads the issue; runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Judge {
    /// The issue
    id: IdPrefix,
    /// The gate
    key: GateKey,
    /// Who judges; such a judge may judge what somebody else holds
    #[arg(long, value_name = "ACTOR")]
    by: Option<Actor>,
    /// A remark
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    note: Option<String>,
    #[command(flatten)]
    force: Force,
}

/// Record that a gate of an issue has failed
///
/// Reads the issue; runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Fail {
    #[command(flatten)]
    judge: Judge,
}

/// Show what is known of each gate of an issue
///
/// Says by whom, when, on which tree, and whether that is another than the one at hand. Reads the issue;
/// runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Status {
    /// The issue
    id: IdPrefix,
}

impl Gate {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Gate::Define(command) => command.run(session),
            Gate::Undefine(command) => command.run(session),
            Gate::List(command) => command.run(session),
            Gate::Show(command) => command.run(session),
            Gate::Add(Add { id, keys: gates, force }) => {
                let change = session
                    .change("gate add", &force.manners(), |draft| gate::add(draft, &id, &gates).map(|id| vec![id]))?;
                Answer::quiet("put gates on").rest(format!(": {}", keys(&gates))).report(session, &change)
            }
            Gate::Rm(Rm { id, keys: gates, force }) => {
                let change = session
                    .change("gate rm", &force.manners(), |draft| gate::remove(draft, &id, &gates).map(|id| vec![id]))?;
                Answer::quiet("took gates off").rest(format!(": {}", keys(&gates))).report(session, &change)
            }
            Gate::Pass(command) => command.run(session, true),
            Gate::Fail(command) => command.judge.run(session, false),
            Gate::Status(command) => command.run(session),
        }
    }
}

impl Registry {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Registry::Add(command) => command.run(session),
            Registry::List(command) => command.run(session),
            Registry::Show(command) => command.run(session),
            Registry::Remove(command) => command.run(session),
        }
    }
}

impl Define {
    fn run(self, session: &Session) -> Result<Report> {
        let definition = Definition {
            key: self.key,
            title: self.title,
            description: self.desc,
            auto: self.auto,
            extra: Extra::new(),
        };
        session.change("gate define", &Manners::default(), |draft| {
            gate::define(draft, &definition).map(|()| Vec::new())
        })?;
        let said = Some(format!("defined {}", definition.key));
        Ok(Report::Gate(GateDoc { gate: definition, defined: true, said }))
    }
}

impl Undefine {
    fn run(self, session: &Session) -> Result<Report> {
        let mut before = None;
        session.change("gate undefine", &Manners::default(), |draft| {
            before = draft.state().gate(&self.key)?;
            gate::undefine(draft, &self.key).map(|()| Vec::new())
        })?;
        let said = Some(format!("undefined {}", self.key));
        let extra = Extra::new();
        let gone = Definition { key: self.key, title: String::new(), description: String::new(), auto: false, extra };
        Ok(Report::Gate(GateDoc { gate: before.unwrap_or(gone), defined: false, said }))
    }
}

impl List {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
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
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        crate::domain::draft::require_gates(&view.state, [&self.key])?;
        let gate = view.state.gate(&self.key).map_err(StoreError::from)?.expect("the gate was just found");
        Ok(Report::Gate(GateDoc { gate, defined: true, said: None }))
    }
}

impl Judge {
    fn run(self, session: &Session, passed: bool) -> Result<Report> {
        crate::domain::limits::check_text("a note", self.note.as_deref().unwrap_or_default())?;
        let head = session.store.evidence()?;
        let judgement = Judgement { gate: self.key, tree: head.tree, commit: head.commit, note: self.note };
        let verdict = gate::Verdict { passed, by_other: self.by.is_some(), judgement };
        let manners = Manners { by: self.by, ..self.force.manners() };
        let command = if passed { "gate pass" } else { "gate fail" };
        let change =
            session.change(command, &manners, |draft| gate::judge(draft, &self.id, &verdict).map(|id| vec![id]))?;
        let verb = if passed { "passed for" } else { "failed for" };
        Answer::quiet(verb).rest(format!(": {}", verdict.judgement.gate)).report(session, &change)
    }
}

impl Status {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let issue = session.resolve(&view.state, &self.id)?;
        let tree = session.store.evidence()?.tree;
        let passed = issue.outstanding_gates().next().is_none();
        let rows = issue.gates.into_iter().map(|(gate, verdict)| {
            let stale = verdict.tree.as_ref().zip(tree.as_ref()).map(|(judged, here)| judged != here);
            GateRow { gate, verdict, stale }
        });
        let gates: Vec<GateRow> = rows.collect();
        Ok(Report::GateStatus(GateStatus { id: issue.id, tree, passed, count: gates.len(), gates }))
    }
}
