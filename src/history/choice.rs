//! Which events are meant.

use std::collections::BTreeSet;

use crate::domain::event::{Body, Event};
use crate::domain::filter::Filter;
use crate::domain::id::IssueId;
use crate::domain::name::{Actor, perhaps};
use crate::domain::table::Entry;
use crate::error::Result;
use crate::session::{Session, View};

/// Which events are meant: those that fit everything that is said.
#[derive(Debug, Default)]
pub struct Choice {
    /// About this issue.
    pub issue: Option<IssueId>,
    /// Of one of these names, or beginnings of names that end in `*`. Empty for all that tell something new.
    pub types: Vec<String>,
    /// About an issue that fits.
    pub filter: Option<Filter>,
    /// By this actor.
    pub actor: Option<Actor>,
}

impl Choice {
    /// The issues that the filter accepts as they are in a state, deleted ones too; `None` without a filter. Reads the
    /// index where there is a filter.
    pub fn about(&self, session: &Session, view: &View) -> Result<Option<BTreeSet<IssueId>>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        let table = session.table(&view.state)?;
        Ok(Some(table.known().filter(|issue| filter.accepts(*issue)).map(Entry::id).collect()))
    }

    /// Whether an event is meant, given what [`Choice::about`] gave.
    pub fn accepts(&self, event: &Event, about: Option<&BTreeSet<IssueId>>) -> bool {
        about.is_none_or(|about| event.issue.is_some_and(|id| about.contains(&id)))
            && self.issue.is_none_or(|issue| event.issue == Some(issue))
            && self.actor.as_ref().is_none_or(|actor| event.actor == *actor)
            && match self.types.as_slice() {
                [] => !event.is_retold(),
                types => types.iter().any(|name| event.is_called(name)),
            }
    }
}

/// Says what is wrong with the name of an event, or the beginning of names, that there is not.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    let known = || Body::NAMES.iter().copied();
    let fits = |known: &str| match name.strip_suffix('*') {
        Some(beginning) => known.starts_with(beginning),
        None => known == name,
    };
    if known().any(fits) {
        return Ok(());
    }
    Err(format!("no event is called `{name}`{}", perhaps(name, known())))
}
