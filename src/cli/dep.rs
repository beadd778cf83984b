//! `jit dep`.

use clap::{Args, Subcommand};

use crate::domain::id::IdPrefix;
use crate::domain::ops::dep;
use crate::error::Result;
use crate::report::Report;
use crate::session::Session;

use super::common::{Answer, Force};

/// Say which issue waits for which
#[derive(Subcommand, Debug)]
pub enum Dep {
    Add(Add),
    Rm(Rm),
}

/// Make an issue wait for others
///
/// A cycle is refused and named in full. Reads what the new dependencies reach.
#[derive(Args, Debug)]
pub struct Add {
    /// The issue that waits
    from: IdPrefix,
    /// The issues it waits for
    #[arg(required = true)]
    to: Vec<IdPrefix>,
    #[command(flatten)]
    force: Force,
}

/// Make an issue no longer wait for others
///
/// Reads the issues named.
#[derive(Args, Debug)]
#[command(alias = "remove")]
pub struct Rm {
    /// The issue that waits
    from: IdPrefix,
    /// The issues it no longer waits for
    #[arg(required = true)]
    to: Vec<IdPrefix>,
    #[command(flatten)]
    force: Force,
}

impl Dep {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Dep::Add(Add { from, to, force }) => {
                let change = session
                    .change("dep add", &force.manners(), |draft| dep::add(draft, &from, &to).map(|id| vec![id]))?;
                Answer::quiet("added dependencies of").report(session, &change)
            }
            Dep::Rm(Rm { from, to, force }) => {
                let change = session
                    .change("dep rm", &force.manners(), |draft| dep::remove(draft, &from, &to).map(|id| vec![id]))?;
                Answer::quiet("removed dependencies of").report(session, &change)
            }
        }
    }
}
