//! Which events are meant, as arguments say it.

use clap::Args;

use crate::cli::common::FilterArg;
use crate::domain::id::IdPrefix;
use crate::domain::name::Actor;
use crate::error::{Error, Result};
use crate::history::{Choice, check_name};
use crate::session::{Session, View};

/// Which events are meant, as arguments say it.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    #[command(flatten)]
    types: TypesArg,
    /// About this issue
    #[arg(long, value_name = "ID")]
    issue: Option<IdPrefix>,
    #[command(flatten)]
    filter: FilterArg,
    /// By this actor
    #[arg(long)]
    actor: Option<Actor>,
}

/// Names of events, as arguments say them.
#[derive(Args, Debug)]
pub struct TypesArg {
    /// Events of this name (`issue.claimed`, or `claim.*`); may be given several times
    #[arg(long = "type", value_name = "NAME")]
    types: Vec<String>,
}

impl TypesArg {
    /// The names. Refuses one that no event has.
    pub fn read(self) -> Result<Vec<String>> {
        for name in &self.types {
            check_name(name).map_err(|why| Error::usage(format!("--type: {why}")).hint("jit help event-names"))?;
        }
        Ok(self.types)
    }
}

impl ChoiceArgs {
    /// What the arguments mean in a state.
    pub fn read(self, session: &Session, view: &View) -> Result<Choice> {
        let issue = self.issue.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?;
        let filter = self.filter.read(session)?;
        Ok(Choice { issue: issue.map(|issue| issue.id), types: self.types.read()?, filter, actor: self.actor })
    }
}
