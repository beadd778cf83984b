//! `jit events` and `jit watch`.

mod choice;

use clap::{Args, Subcommand};

use crate::domain::event::Event;
use crate::domain::id::IssueId;
use crate::domain::time::{Timestamp, parse_moment};
use crate::error::{Error, Result};
use crate::history::{self, Choice, Told};
use crate::report::event::{EventDoc, Events as Found, Follow};
use crate::report::{Report, reader_is_gone};
use crate::session::Session;
use crate::store::CommitId;
use crate::store::history::{Wanted, last_events};

use super::at::AtArg;
use choice::ChoiceArgs;

pub use choice::TypesArg;

/// Read the event log
#[derive(Subcommand, Debug)]
pub enum Events {
    Tail(Tail),
    Query(Query),
}

/// Show the newest events, oldest first
///
/// Values that merges set (`issue.merged`) are left out: `jit events query --type issue.merged` shows it. With --json one
/// object per line. Reads as many commits as hold the events asked for; with --filter also the index.
#[derive(Args, Debug)]
pub struct Tail {
    /// How many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Keep printing events as they come
    #[arg(short, long, conflicts_with = "at")]
    follow: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    at: AtArg,
}

/// Show the events that fit, oldest first
///
/// What merges set anew (`issue.merged`) is shown with `--type issue.merged`. With --json one object per line; its `cursor`
/// is what to give to --since-cursor to go on after it, or null while its commit has more events to come. A filter
/// chooses issues as they are now. Reads the commits back to --since or the cursor, or to the beginning; with --issue only
/// messages, and the events of the commits that name the issue; with --filter also the index.
#[derive(Args, Debug)]
pub struct Query {
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Not before: a span back from now (`1h`), a day or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Not after
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// All that came after this one, each event once: the cursor of an earlier event, or a commit of the tracker
    #[arg(long, value_name = "CURSOR", conflicts_with_all = ["since", "until", "limit"])]
    since_cursor: Option<String>,
    /// At most this many, the newest; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    at: AtArg,
}

/// Show events as they come
///
/// Begins with what happens next, or with what came after a cursor. Woken by the system when the tracker changes. With
/// --json one object per line. Reads the commits that are new; with --filter also the index.
#[derive(Args, Debug)]
pub struct Watch {
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Begin with what came after this one: the cursor of an earlier event, or a commit of the tracker
    #[arg(long, value_name = "CURSOR")]
    since_cursor: Option<String>,
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
        let view = self.at.view(session)?;
        let choice = self.choice.read(session, &view)?;
        let about = choice.about(session, &view)?;
        let wanted = &mut |event: &Event| Wanted::if_so(choice.accepts(event, about.as_ref()));
        let found = find(session, &view.commit, self.limit, choice.issue, wanted)?;
        if self.follow {
            return follow(session, found.events, &view.commit, choice);
        }
        // What a tail leaves out is what it was asked to leave out.
        Ok(Report::Events(Found { truncated: false, ..found }))
    }
}

impl Query {
    fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let choice = self.choice.read(session, &view)?;
        if let Some(cursor) = &self.since_cursor {
            let start = history::resolve(session, cursor, &view.commit)?;
            return Ok(shown(Vec::new(), history::since(session, &start, &view.commit, choice)?));
        }
        let moment = |flag: &str, text: &Option<String>| -> Result<Option<Timestamp>> {
            let time = text.as_deref().map(|text| parse_moment(text, session.now())).transpose();
            time.map_err(|why| Error::usage(format!("{flag}: {why}")))
        };
        let (since, until) = (moment("--since", &self.since)?, moment("--until", &self.until)?);
        let about = choice.about(session, &view)?;
        let found = find(session, &view.commit, self.limit, choice.issue, &mut |event| {
            if since.is_some_and(|since| event.ts < since) {
                return Wanted::NoMore;
            }
            Wanted::if_so(until.is_none_or(|until| event.ts <= until) && choice.accepts(event, about.as_ref()))
        })?;
        let mut found = found;
        if until.is_some() {
            // What came after that was not told: nobody goes on from the tip.
            found.events.iter_mut().for_each(|event| event.cursor = None);
        }
        Ok(Report::Events(found))
    }
}

impl Watch {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = session.view()?;
        let choice = self.choice.read(session, &view)?;
        let start = match &self.since_cursor {
            Some(cursor) => history::resolve(session, cursor, &view.commit)?,
            None => view.commit,
        };
        follow(session, Vec::new(), &start, choice)
    }
}

/// Events that are there, and those that come after a commit, until the reader goes away.
fn follow(session: &Session, first: Vec<EventDoc>, start: &CommitId, choice: Choice) -> Result<Report> {
    Ok(shown(first, history::follow(session, start, choice, || !reader_is_gone())?))
}

fn shown(first: Vec<EventDoc>, batches: impl Iterator<Item = Result<Vec<Told>>> + 'static) -> Report {
    let documents = |batch: Vec<Told>| batch.into_iter().map(EventDoc::from).collect();
    let first = (!first.is_empty()).then_some(Ok(first));
    Report::Follow(Follow {
        batches: Box::new(first.into_iter().chain(batches.map(move |batch| batch.map(documents)))),
    })
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
    // Everything up to the tip was looked at: who goes on does so from there.
    let last = found.len();
    let document = |(at, (commit, event)): (usize, (CommitId, Event))| {
        let cursor = (at + 1 == last).then(|| tip.0.clone());
        EventDoc { cursor, ..EventDoc::new(&commit, event) }
    };
    Ok(Found { events: found.into_iter().enumerate().map(document).collect(), truncated })
}
