//! `jit issue`.

pub mod assign;
pub mod claim;
pub mod claim_next;
pub mod conditions;
pub mod create;
pub mod delete;
pub mod history;
pub mod list;
pub mod show;
pub mod talk;
pub mod update;

use clap::Subcommand;

use crate::error::Result;
use crate::report::Report;
use crate::session::Session;

/// Create, find, change and claim issues
#[derive(Subcommand, Debug)]
pub enum Issue {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Update(update::Update),
    Claim(claim::Claim),
    ClaimNext(claim_next::ClaimNext),
    Heartbeat(claim::Heartbeat),
    Release(claim::Release),
    Ask(talk::Ask),
    Answer(talk::Answer),
    Assign(assign::Assign),
    Unassign(assign::Unassign),
    Comment(talk::Comment),
    Log(history::Log),
    Diff(history::Diff),
    Delete(delete::Delete),
    Reject(delete::Reject),
    #[command(hide = true)]
    Done(update::Done),
}

impl Issue {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Issue::Create(command) => command.run(session),
            Issue::List(command) => command.run(session),
            Issue::Show(command) => command.run(session),
            Issue::Update(command) => command.run(session),
            Issue::Claim(command) => command.run(session),
            Issue::ClaimNext(command) => command.run(session),
            Issue::Heartbeat(command) => command.run(session),
            Issue::Release(command) => command.run(session),
            Issue::Ask(command) => command.run(session),
            Issue::Answer(command) => command.run(session),
            Issue::Assign(command) => command.run(session),
            Issue::Unassign(command) => command.run(session),
            Issue::Comment(command) => command.run(session),
            Issue::Log(command) => command.run(session),
            Issue::Diff(command) => command.run(session),
            Issue::Delete(command) => command.run(session),
            Issue::Reject(command) => command.run(session),
            Issue::Done(command) => command.run(session),
        }
    }
}
