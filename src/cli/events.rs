//! `jit events`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::domain::event::Event;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::name::Actor;
use crate::domain::table::Entry;
use crate::domain::time::{Timestamp, parse_moment};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::event::{EventDoc, Events as Found, Follow};
use crate::session::{Session, View};
use crate::store::CommitId;
use crate::store::history::{Wanted, events_between, last_events};

use super::common::{FilterArg, table};

/// Read the event log
#[derive(Subcommand, Debug)]
pub enum Events {
    Tail(Tail),
    Query(Query),
}

/// Show the newest events, oldest first
///
/// What merges set anew (`issue.merged`) is left out: `jit events query --type issue.merged` shows it. With --json one object a line. Reads as many commits as hold the events asked for.
#[derive(Args, Debug)]
pub struct Tail {
    /// How many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Go on with events as they come
    #[arg(short, long)]
    follow: bool,
}

/// Show the events that fit, oldest first
///
/// What merges set anew (`issue.merged`) is shown with `--type issue.merged`. With --json one object a line. A filter
/// chooses issues as they are now. Reads the commits back to --since, or to the beginning; with --issue only messages,
/// and the events of the commits that name the issue; with --filter also the index.
#[derive(Args, Debug)]
pub struct Query {
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
    /// Not before: a span back from now (`1h`), a day or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Not after
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// At most this many, the newest; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
}

impl Events {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Events::Tail(tail) => tail.run(session),
            Events::Query(query) => query.run(session),
        }
    }
}

impl Tail {
    fn run(self, session: &Session) -> Result<Report> {
        let tip = session.view()?.commit;
        let found = find(session, &tip, self.limit, None, &mut wanted_unasked)?;
        if self.follow {
            return follow(session, tip, found.events);
        }
        // What a tail leaves out is what it was asked to leave out.
        Ok(Report::Events(Found { truncated: false, ..found }))
    }
}

impl Query {
    fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let issue = self.issue.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?;
        let moment = |flag: &str, text: &Option<String>| -> Result<Option<Timestamp>> {
            let time = text.as_deref().map(|text| parse_moment(text, session.now())).transpose();
            time.map_err(|why| Error::usage(format!("{flag}: {why}")))
        };
        let (since, until) = (moment("--since", &self.since)?, moment("--until", &self.until)?);
        let id: Option<IssueId> = issue.map(|issue| issue.id);
        let about = self.about(session, &view)?;
        let found = find(session, &view.commit, self.limit, id, &mut |event| {
            if since.is_some_and(|since| event.ts < since) {
                return Wanted::NoMore;
            }
            let fits = until.is_none_or(|until| event.ts <= until)
                && about.as_ref().is_none_or(|about| event.issue.is_some_and(|id| about.contains(&id)))
                && self.actor.as_ref().is_none_or(|actor| event.actor == *actor)
                && (!self.types.is_empty() || wanted_unasked(event) == Wanted::Yes)
                && (self.types.is_empty() || self.types.iter().any(|name| name_fits(name, &event.event)));
            if fits { Wanted::Yes } else { Wanted::No }
        })?;
        Ok(Report::Events(found))
    }

    /// The issues that the filter accepts as they are now.
    fn about(&self, session: &Session, view: &View) -> Result<Option<BTreeSet<IssueId>>> {
        let Some(filter) = self.filter.read(session)? else { return Ok(None) };
        let table = table(session, &view.state)?;
        Ok(Some(table.issues().filter(|issue| filter.accepts(*issue)).map(Entry::id).collect()))
    }
}

/// Whether an event's name is `wanted`, which may end in `*`.
fn name_fits(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == wanted,
    }
}

/// Every event but what a merge sets anew, which its own events told already.
pub fn wanted_unasked(event: &Event) -> Wanted {
    if event.event == "issue.merged" { Wanted::No } else { Wanted::Yes }
}

fn find(
    session: &Session,
    tip: &CommitId,
    limit: usize,
    issue: Option<IssueId>,
    wanted: &mut dyn FnMut(&Event) -> Wanted,
) -> Result<Found> {
    // One more than asked for tells whether there are more.
    let count = if limit == 0 { usize::MAX } else { limit.saturating_add(1) };
    let mut found = last_events(&session.store, tip, count, issue, wanted)?;
    let truncated = limit > 0 && found.len() > limit;
    if truncated {
        found.remove(0);
    }
    let events = found.into_iter().map(|(commit, event)| EventDoc::new(&commit, event)).collect();
    Ok(Found { events, truncated })
}

/// Events as they come: the command ends when its reader does.
fn follow(session: &Session, tip: CommitId, first: Vec<EventDoc>) -> Result<Report> {
    let mut session = session.reopen()?;
    let mut tip = tip;
    let mut ready = Some(first).filter(|events| !events.is_empty());
    let mut failed = false;
    let batches = std::iter::from_fn(move || {
        if failed {
            return None;
        }
        if let Some(events) = ready.take() {
            return Some(Ok(events));
        }
        let next = next(&session, &tip).and_then(|(now, events)| {
            tip = now;
            // A handle that lives long loses sight of new packs.
            session = session.reopen()?;
            Ok(events)
        });
        failed = next.is_err();
        Some(next)
    });
    Ok(Report::Follow(Follow { batches: Box::new(batches) }))
}

/// Waits for the tracker to move and gives the events that came.
fn next(session: &Session, tip: &CommitId) -> Result<(CommitId, Vec<EventDoc>)> {
    while !session.await_change(tip, Duration::from_secs(60))? {}
    let now = session.reopen()?.view()?.commit;
    let mut events = Vec::new();
    for recorded in events_between(&session.store, Some(tip), &now)? {
        let told = recorded.events.into_iter().filter(|event| wanted_unasked(event) == Wanted::Yes);
        events.extend(told.map(|event| EventDoc::new(&recorded.info.id, event)));
    }
    Ok((now, events))
}
