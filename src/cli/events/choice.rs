//! Which events are meant.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::common::{FilterArg, table};
use crate::domain::event::{Body, Event};
use crate::domain::filter::Filter;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::name::{Actor, nearest};
use crate::domain::table::Entry;
use crate::error::{Error, Result};
use crate::session::{Session, View};
use crate::store::history::Wanted;

/// Which events are meant, as arguments say it.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Of this name (`issue.claimed`, or `claim.*`); may be given several times
    #[arg(long = "type", value_name = "NAME")]
    types: Vec<String>,
    /// About this issue
    #[arg(long, value_name = "ID")]
    issue: Option<IdPrefix>,
    #[command(flatten)]
    filter: FilterArg,
    /// By this actor
    #[arg(long)]
    actor: Option<Actor>,
}

/// Which events are meant.
#[derive(Debug, Default)]
pub struct Choice {
    /// About this issue.
    pub issue: Option<IssueId>,
    types: Vec<String>,
    filter: Option<Filter>,
    actor: Option<Actor>,
}

impl ChoiceArgs {
    /// What the arguments mean in a state.
    pub fn read(self, session: &Session, view: &View) -> Result<Choice> {
        let issue = self.issue.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?;
        let filter = self.filter.read(session)?;
        for name in &self.types {
            check_type(name)?;
        }
        Ok(Choice { issue: issue.map(|issue| issue.id), types: self.types, filter, actor: self.actor })
    }
}

impl Choice {
    /// The issues that the filter accepts as they are in a state, deleted ones too; `None` without a filter.
    pub fn about(&self, session: &Session, view: &View) -> Result<Option<BTreeSet<IssueId>>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        let table = table(session, &view.state)?;
        Ok(Some(table.known().filter(|issue| filter.accepts(*issue)).map(Entry::id).collect()))
    }

    /// Whether an event is meant, given what [`Choice::about`] gave.
    pub fn accepts(&self, event: &Event, about: Option<&BTreeSet<IssueId>>) -> bool {
        about.is_none_or(|about| event.issue.is_some_and(|id| about.contains(&id)))
            && self.issue.is_none_or(|issue| event.issue == Some(issue))
            && self.actor.as_ref().is_none_or(|actor| event.actor == *actor)
            && match self.types.as_slice() {
                [] => wanted_unasked(event) == Wanted::Yes,
                types => types.iter().any(|name| event.is_called(name)),
            }
    }
}

/// Refuses the name of an event that there is not, also where only its beginning is given.
pub fn check_type(name: &str) -> Result<()> {
    let known = || Body::NAMES.iter().copied();
    let fits = |known: &str| match name.strip_suffix('*') {
        Some(beginning) => known.starts_with(beginning),
        None => known == name,
    };
    if known().any(fits) {
        return Ok(());
    }
    let way = nearest(name, known()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Err(Error::usage(format!("--type: no event is called `{name}`{way}")).hint("jit help event-names lists them"))
}

/// Every event but what a merge sets anew, which its own events told already.
pub fn wanted_unasked(event: &Event) -> Wanted {
    if event.event == "issue.merged" { Wanted::No } else { Wanted::Yes }
}
