//! `jit sink`.

mod run;

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use crate::domain::name::{Actor, SinkName};
use crate::domain::time::parse_duration;
use crate::error::{Class, Error, Result};
use crate::gates::trust;
use crate::history::resolve;
use crate::report::Report;
use crate::report::sink::{SinkDoc, SinkList};
use crate::session::{Session, View};
use crate::sinks::{Position, Sink as Place, Sinks, TIMEOUT_MS, Target, pending, skip};

use super::common::{FilterArg, read_text};
use super::events::TypesArg;

/// Deliver events elsewhere: to commands and over HTTP
#[derive(Subcommand, Debug)]
pub enum Sink {
    Add(Add),
    List(List),
    Rm(Rm),
    Skip(Skip),
    Run(run::Run),
}

/// Add a sink: a command that takes events on stdin, or an address that takes them by POST
///
/// A sink is local to this repository. Adding it is also the consent to run or call it from this machine. It begins with
/// what happens next. Reads the tip.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("target").required(true).args(["exec", "url"])))]
pub struct Add {
    /// The name: letters, digits, `.`, `_` and `-`
    name: SinkName,
    /// A command for `sh -c`, once for each event: the event on stdin; exit 0 means that it was taken
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    exec: Option<String>,
    /// An address, with a POST for each event: an answer from 200 to 299 means that it was taken
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    types: TypesArg,
    #[command(flatten)]
    filter: FilterArg,
    /// Events by this actor
    #[arg(long)]
    actor: Option<Actor>,
    /// Sign what is sent over HTTP with the first line of this file, or of stdin with `-`
    #[arg(long, value_name = "FILE", requires = "url")]
    secret_file: Option<String>,
    /// How long a delivery may take (default: 30s)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Begin after this one: the cursor of an earlier event, or a commit of the tracker
    #[arg(long, value_name = "CURSOR")]
    since_cursor: Option<String>,
    /// Replace the sink of the same name; without --since-cursor it keeps its position
    #[arg(long)]
    replace: bool,
}

/// List the sinks, how far each has come, and what went wrong
///
/// Reads the commits that each has not had yet, with their events.
#[derive(Args, Debug)]
pub struct List {}

/// Remove a sink
///
/// Reads nothing of the tracker.
#[derive(Args, Debug)]
pub struct Rm {
    /// The name
    name: SinkName,
}

/// Skip the event that a sink does not take
///
/// Reads the commits up to that event.
#[derive(Args, Debug)]
pub struct Skip {
    /// The name
    name: SinkName,
}

impl Sink {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Sink::Add(add) => add.run(session),
            Sink::List(List {}) => list(session),
            Sink::Rm(Rm { name }) => {
                let sinks = Sinks::of(session);
                let sink = sinks.get(&name).ok();
                if !sinks.has(&name) {
                    sinks.get(&name)?;
                }
                let _turn = sinks.turn_to_change(&name)?;
                let position = Position::read(&sinks.position_file(&name)).unwrap_or_default();
                sinks.remove(&name)?;
                let gone = sink.map(|sink| SinkDoc::new(&sink, &position, None));
                Ok(Report::Sinks(SinkList::of(gone.into_iter().collect(), format!("removed {name}"))))
            }
            Sink::Skip(Skip { name }) => {
                let sink = Sinks::of(session).get(&name)?;
                let said = match skip(session, &sink)? {
                    Some(event) => format!("{name} passes over one {event}"),
                    None => format!("nothing waits to be delivered to {name}"),
                };
                shown(session, &sink, said)
            }
            Sink::Run(run) => run.run(session),
        }
    }
}

impl Add {
    fn run(self, session: &Session) -> Result<Report> {
        self.filter.read(session)?;
        let secret = self.secret_file.as_deref().map(|file| read_text(session, file)).transpose()?;
        let secret = secret.map(|text| text.lines().next().unwrap_or_default().trim().to_owned());
        if secret.as_deref() == Some("") {
            return Err(Error::usage("--secret-file: its first line is empty"));
        }
        let target = match (self.exec, self.url) {
            (Some(command), _) if command.trim().is_empty() => {
                return Err(Error::usage("--exec: the command is empty"));
            }
            (Some(command), _) => Target::Exec(command),
            (None, Some(url)) => Target::Url(url),
            (None, None) => return Err(Error::usage("a sink has a command or an address")),
        };
        target.check().map_err(|why| Error::usage(format!("--url: {why}")))?;
        if self.timeout.is_some_and(|span| span.is_zero()) {
            return Err(Error::usage("--timeout: a delivery takes some time"));
        }
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let mut sink = Place {
            name: self.name,
            target,
            types: self.types.read()?,
            filter: self.filter.filter,
            actor: self.actor,
            secret,
            timeout_ms: self.timeout.map_or(TIMEOUT_MS, millis),
        };
        let sinks = Sinks::of(session);
        let is_there = sinks.has(&sink.name);
        if is_there && !self.replace {
            let message = format!("there is a sink called {} already; --replace puts this in its place", sink.name);
            return Err(Error::new(Class::Exists, "sink_exists", message).hint("jit sink list"));
        }
        let _turn = sinks.turn_to_change(&sink.name)?;
        if sink.secret.is_none() && matches!(sink.target, Target::Url(_)) {
            // What was signed goes on being signed.
            sink.secret = sinks.get(&sink.name).ok().and_then(|before| before.secret);
        }
        let view = session.view()?;
        let mut position = match &self.since_cursor {
            Some(cursor) => Position::at(&resolve(session, cursor, &view.commit)?),
            None if is_there => kept(session, &sinks, &sink, &view)?,
            None => Position::at(&view.commit),
        };
        position.clear_failure();
        let (actor, _) = session.actor(None)?;
        trust(session).agree([&sink.check()], &actor, session.now())?;
        sinks.put(&sink, &position)?;
        let said = format!("added {}; jit sink run delivers, and so does the coordinator", sink.name);
        shown(session, &sink, said)
    }
}

/// The position of a sink that is replaced. Refuses one from which nothing can be delivered.
fn kept(session: &Session, sinks: &Sinks, sink: &Place, view: &View) -> Result<Position> {
    let position = Position::read(&sinks.position_file(&sink.name))
        .and_then(|position| pending(session, sink, &position, view).map(|_| position));
    position.map_err(|error| {
        let message = format!("{}; with --since-cursor it begins after a commit", error.message);
        Error { message, ..error }.hint("jit log")
    })
}

/// One sink as it stands.
fn shown(session: &Session, sink: &Place, said: String) -> Result<Report> {
    Ok(Report::Sinks(SinkList::of(vec![document(session, sink)], said)))
}

/// A sink with how far it has come, and what is wrong with it.
fn document(session: &Session, sink: &Place) -> SinkDoc {
    let position = Position::read(&Sinks::of(session).position_file(&sink.name));
    let pending = position.as_ref().map_err(Error::in_a_line).and_then(|position| {
        let view = session.view().map_err(|why| why.in_a_line())?;
        pending(session, sink, position, &view).map_err(|why| why.in_a_line())
    });
    let wrong = sink.require_trust(session).err().map(|why| why.in_a_line()).or(pending.as_ref().err().cloned());
    let mut document = SinkDoc::new(sink, &position.unwrap_or_default(), pending.ok());
    document.error = wrong.or(document.error);
    document
}

fn list(session: &Session) -> Result<Report> {
    let sinks = Sinks::of(session);
    let mut documents = Vec::new();
    for name in sinks.names() {
        match sinks.get(&name) {
            Ok(sink) => documents.push(document(session, &sink)),
            Err(error) => session.notice(error.in_a_line()),
        }
    }
    Ok(Report::Sinks(SinkList::of(documents, String::new())))
}
