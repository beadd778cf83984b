//! `jit gate`, and `jit registry` for the definitions.

mod attach;
mod define;
mod judge;
mod preset;
mod run;
mod status;
mod trust;

use clap::Subcommand;

use crate::error::Result;
use crate::report::Report;
use crate::session::Session;

/// Define gates and judge them
#[derive(Subcommand, Debug)]
pub enum Gate {
    Define(define::Define),
    Undefine(define::Undefine),
    List(define::List),
    Show(define::Show),
    Add(attach::Add),
    Rm(attach::Rm),
    Run(run::Run),
    Pass(judge::Judge),
    Fail(judge::Fail),
    Status(status::Status),
    Trust(trust::Trust),
    #[command(subcommand)]
    Preset(preset::Preset),
}

/// The definitions under another name.
#[derive(Subcommand, Debug)]
pub enum Registry {
    Add(define::Define),
    List(define::List),
    Show(define::Show),
    #[command(alias = "rm")]
    Remove(define::Undefine),
}

impl Gate {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Gate::Define(command) => command.run(session),
            Gate::Undefine(command) => command.run(session),
            Gate::List(command) => command.run(session),
            Gate::Show(command) => command.run(session),
            Gate::Add(command) => command.run(session),
            Gate::Rm(command) => command.run(session),
            Gate::Run(command) => command.run(session),
            Gate::Pass(command) => command.run(session, true),
            Gate::Fail(command) => command.run(session),
            Gate::Status(command) => command.run(session),
            Gate::Trust(command) => command.run(session),
            Gate::Preset(command) => command.run(session),
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
