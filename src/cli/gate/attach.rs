//! `jit gate add` and `rm`.

use clap::Args;

use crate::cli::common::{Answer, Force};
use crate::domain::id::IdPrefix;
use crate::domain::name::GateKey;
use crate::domain::ops::gate;
use crate::error::Result;
use crate::report::Report;
use crate::report::issue::keys;
use crate::session::Session;

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

/// Remove gates from an issue
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

impl Add {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let Add { id, keys: gates, force } = self;
        let change =
            session.change("gate add", &force.manners(), |draft| gate::add(draft, &id, &gates).map(|id| vec![id]))?;
        Answer::quiet("put gates on").rest(format!(": {}", keys(&gates))).report(session, &change)
    }
}

impl Rm {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let Rm { id, keys: gates, force } = self;
        let change =
            session.change("gate rm", &force.manners(), |draft| gate::remove(draft, &id, &gates).map(|id| vec![id]))?;
        Answer::quiet("took gates off").rest(format!(": {}", keys(&gates))).report(session, &change)
    }
}
