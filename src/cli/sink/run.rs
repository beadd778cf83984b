//! `jit sink run`.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use clap::Args;

use crate::domain::name::SinkName;
use crate::environment::interrupted;
use crate::error::Result;
use crate::report::sink::{Delivered, DeliveredTo, Told};
use crate::report::{Report, reader_is_gone};
use crate::session::Session;
use crate::sinks::{Sinks, follow, once};

/// Deliver what has happened to sinks
///
/// In order, each event at least once: after a kill the last one may come again, with the same id. By itself it ends when
/// everything is delivered, and exits 10 when something was not taken in three tries. With --follow it goes on with what
/// comes; what fails is tried again, after a second, then twice as long each time, up to five minutes. Reads the commits
/// that a sink has not had yet, with their events.
#[derive(Args, Debug)]
pub struct Run {
    /// Only these sinks
    #[arg(value_name = "NAME")]
    names: Vec<SinkName>,
    /// Deliver what waits, and end (the default)
    #[arg(long, conflicts_with = "follow")]
    once: bool,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// End when stdin ends: whoever started this is gone then
    #[arg(long, hide = true, requires = "follow")]
    with_parent: bool,
}

impl Run {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let sinks = Sinks::of(session);
        for name in &self.names {
            sinks.get(name)?.require_trust(session)?;
        }
        session.view()?;
        if self.follow {
            return self.follow(session);
        }
        let names = if self.names.is_empty() { sinks.names() } else { self.names };
        let mut all = Vec::new();
        for name in names {
            all.push(match sinks.get(&name).and_then(|sink| once(session, &sink, interrupted())) {
                Ok((delivered, error)) => DeliveredTo { name, delivered, error },
                Err(error) => DeliveredTo { name, delivered: 0, error: Some(error.in_a_line()) },
            });
        }
        Ok(Report::Delivered(Delivered {
            count: all.len(),
            delivered: all.iter().map(|sink| sink.delivered).sum(),
            sinks: all,
        }))
    }

    /// Delivers for as long as somebody wants it.
    fn follow(self, session: &Session) -> Result<Report> {
        let stop = interrupted();
        if self.with_parent {
            std::thread::spawn(move || {
                let mut rest = Vec::new();
                let _ = io::stdin().lock().read_to_end(&mut rest);
                stop.store(true, Ordering::Relaxed);
            });
        }
        let (session, json) = (session.reopen()?, session.wants_json());
        Ok(Report::Lines(Box::new(move |out| {
            follow(&session, &self.names, stop, &mut |word| match word {
                Some((sink, word)) => tell(&Told::new(sink, word), json, out),
                None if reader_is_gone() => Err(io::ErrorKind::BrokenPipe.into()),
                None => Ok(()),
            })?;
            Ok(Ok(()))
        })))
    }
}

fn tell(word: &Told, json: bool, out: &mut dyn Write) -> io::Result<()> {
    match json {
        true => serde_json::to_writer(&mut *out, word)?,
        false => write!(out, "{}", word.line())?,
    }
    out.write_all(b"\n")?;
    out.flush()
}
