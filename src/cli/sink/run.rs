//! `jit sink run`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Args;

use crate::domain::name::SinkName;
use crate::environment::interrupted;
use crate::error::{Error, Result};
use crate::report::sink::{Delivered, DeliveredTo, Told};
use crate::report::{Report, reader_is_gone};
use crate::session::Session;
use crate::sinks::{Delivery, Position, Sink, Sinks, deliver};
use crate::store::Backend;

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

/// How often each delivery is tried in one run.
const TRIES: u32 = 3;
/// How long a run waits for another that delivers to the same sink.
const IN_LINE: Duration = Duration::from_secs(60);
/// How long it waits before the second try, and twice as long before the third.
const BRIEFLY: Duration = Duration::from_millis(200);
/// How often it is looked whether the work is to end.
const LOOK: Duration = Duration::from_millis(200);
/// How long one session is used while nothing happens.
const LONG: Duration = Duration::from_secs(60);
/// How often it is looked whether there are other sinks.
const SELDOM: Duration = Duration::from_secs(2);

impl Run {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let sinks = Sinks::of(session);
        for name in &self.names {
            sinks.get(name)?.require_trust(session)?;
        }
        session.view()?;
        if self.follow {
            return Ok(follow(session, sinks, self));
        }
        let names = if self.names.is_empty() { sinks.names() } else { self.names };
        let mut all = Vec::new();
        for name in names {
            all.push(match sinks.get(&name).and_then(|sink| once(session, &sink)) {
                Ok((delivered, error)) => DeliveredTo { name, delivered, error },
                Err(error) => DeliveredTo { name, delivered: 0, error: Some(error.message) },
            });
        }
        Ok(Report::Delivered(Delivered { count: all.iter().map(|sink| sink.delivered).sum(), sinks: all }))
    }
}

/// Delivers what waits. How many events were taken, and why the next one was not.
///
/// Waits for the turn of the sink: whoever has it may have looked before the newest event was there.
fn once(session: &Session, sink: &Sink) -> Result<(usize, Option<String>)> {
    let (mut total, mut tried) = (0, 0);
    loop {
        match deliver(session, sink, IN_LINE, interrupted(), &mut |_| {})? {
            Delivery::Done(count) => return Ok((total + count, None)),
            Delivery::Stopped(count) => return Ok((total + count, Some("it was interrupted".to_owned()))),
            Delivery::Taken => return Ok((total, Some("somebody else delivers to it all the time".to_owned()))),
            Delivery::Changed => return Ok((total, Some("it was changed meanwhile".to_owned()))),
            Delivery::Failed(count, why, _) => {
                total += count;
                // Each event has its own tries.
                tried = if count > 0 { 1 } else { tried + 1 };
                if tried >= TRIES {
                    return Ok((total, Some(why)));
                }
            }
        }
        pause(BRIEFLY * 2_u32.pow(tried - 1), interrupted());
    }
}

/// Delivers for as long as somebody wants it, with a thread for each sink.
fn follow(session: &Session, sinks: Sinks, run: Run) -> Report {
    let stop = interrupted();
    if run.with_parent {
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = io::stdin().lock().read_to_end(&mut rest);
            stop.store(true, Ordering::Relaxed);
        });
    }
    let (opener, json) = (session.opener(), session.wants_json());
    Report::Lines(Box::new(move |out| {
        let (sender, told) = channel();
        let mut threads: BTreeMap<SinkName, JoinHandle<()>> = BTreeMap::new();
        while !stop.load(Ordering::Relaxed) && !reader_is_gone() {
            let wanted = sinks.names().into_iter().filter(|name| run.names.is_empty() || run.names.contains(name));
            for name in wanted {
                if threads.get(&name).is_none_or(JoinHandle::is_finished) {
                    let (opener, sender, own) = (opener.clone(), sender.clone(), name.clone());
                    threads.insert(name, std::thread::spawn(move || serve(&opener, &own, &sender, stop)));
                }
            }
            tell(&told, json, out)?;
        }
        stop.store(true, Ordering::Relaxed);
        for thread in threads.into_values() {
            let _ = thread.join();
        }
        Ok(Ok(()))
    }))
}

/// Prints what the threads tell, for a while.
fn tell(told: &Receiver<Told>, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let until = Instant::now() + SELDOM;
    while Instant::now() < until && !interrupted().load(Ordering::Relaxed) {
        match told.recv_timeout(LOOK) {
            Ok(word) => {
                match json {
                    true => serde_json::to_writer(&mut *out, &word)?,
                    false => write!(out, "{}", word.line())?,
                }
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
    Ok(())
}

/// Serves one sink until it is taken away, or the work is to end.
fn serve(open: &(impl Fn() -> Result<Session> + Send), name: &SinkName, told: &Sender<Told>, stop: &AtomicBool) {
    let mut said = None;
    while !stop.load(Ordering::Relaxed) {
        let served = open().and_then(|session| round(&session, name, told, stop));
        let problem = match served {
            Ok(true) => None,
            Ok(false) => return,
            Err(error) => Some(error),
        };
        if let Some(error) = problem {
            // What goes on being wrong is told once.
            if said.as_deref() != Some(error.message.as_str()) {
                let _ = told.send(Told::failed(name, None, &error.message));
            }
            said = Some(error.message);
            pause(SELDOM, stop);
        }
    }
}

/// Delivers what there is and waits for more. `false` when the sink is gone.
fn round(session: &Session, name: &SinkName, told: &Sender<Told>, stop: &AtomicBool) -> Result<bool> {
    let sinks = Sinks::of(session);
    let sink = match sinks.get(name) {
        Err(Error { code: "sink_not_found", .. }) => return Ok(false),
        sink => sink?,
    };
    let position = Position::read(&sinks.position_file(name))?;
    if let Some(left) = position.retry_at.map(|at| at.since(session.now())).filter(|left| !left.is_zero()) {
        pause(left.min(SELDOM), stop);
        return Ok(true);
    }
    let tip = session.store.tip()?;
    let word = |event: &crate::domain::event::Event| drop(told.send(Told::delivered(name, event)));
    match deliver(session, &sink, Duration::ZERO, stop, &mut |event| word(event))? {
        Delivery::Stopped(_) | Delivery::Changed => {}
        Delivery::Done(_) => {
            let Some(tip) = tip else { return Ok(true) };
            let mut left = LONG;
            while !left.is_zero() && !stop.load(Ordering::Relaxed) && sinks.get(name).is_ok_and(|now| now == sink) {
                if session.await_change(&tip, SELDOM)? {
                    break;
                }
                left = left.saturating_sub(SELDOM);
            }
        }
        Delivery::Taken => pause(SELDOM, stop),
        Delivery::Failed(_, why, failures) => {
            let _ = told.send(Told::failed(name, Some(failures), &why));
        }
    }
    Ok(true)
}

/// Waits, but not when the work is to end.
fn pause(mut left: Duration, stop: &AtomicBool) {
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        let part = left.min(LOOK);
        std::thread::sleep(part);
        left = left.saturating_sub(part);
    }
}
