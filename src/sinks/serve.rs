//! Delivering to sinks: what waits, or for as long as somebody wants it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::domain::event::Event;
use crate::domain::name::SinkName;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::store::Backend;

use super::{Delivery, Position, Sink, Sinks, deliver};

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

/// What is told of a sink while events are delivered.
#[derive(Clone, Debug)]
pub enum Word {
    /// It took an event.
    Delivered(Box<Event>),
    /// It did not: how often by now, where an event was tried, and why.
    Failed(Option<u32>, String),
}

/// Delivers what waits for one sink. How many events were taken, and why the next one was not.
///
/// Waits for the turn of the sink: whoever has it may have looked before the newest event was there.
pub fn once(session: &Session, sink: &Sink, stop: &AtomicBool) -> Result<(usize, Option<String>)> {
    let (mut total, mut tried) = (0, 0);
    loop {
        match deliver(session, sink, IN_LINE, stop, &mut |_| {})? {
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
        pause(BRIEFLY * 2_u32.pow(tried - 1), stop);
    }
}

/// Delivers to the sinks named, or to all, with a thread for each, until `stop` is set; sets it itself when `tell`
/// gives an error, and gives that back. `tell` is called with each word, and now and then with none.
pub fn follow<E>(
    session: &Session,
    names: &[SinkName],
    stop: &'static AtomicBool,
    tell: &mut dyn FnMut(Option<(SinkName, Word)>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let (sinks, opener) = (Sinks::of(session), session.opener());
    let (sender, words) = channel();
    let mut threads: BTreeMap<SinkName, JoinHandle<()>> = BTreeMap::new();
    let mut result = Ok(());
    while !stop.load(Ordering::Relaxed) {
        for name in sinks.names().into_iter().filter(|name| names.is_empty() || names.contains(name)) {
            if threads.get(&name).is_none_or(JoinHandle::is_finished) {
                let (opener, sender, own) = (opener.clone(), sender.clone(), name.clone());
                threads.insert(name, std::thread::spawn(move || serve(&opener, &own, &sender, stop)));
            }
        }
        result = pass_on(&words, stop, tell);
        if result.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    }
    for thread in threads.into_values() {
        let _ = thread.join();
    }
    result
}

/// Passes on what the threads tell, for a while.
fn pass_on<E>(
    words: &Receiver<(SinkName, Word)>,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Option<(SinkName, Word)>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let until = Instant::now() + SELDOM;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        match words.recv_timeout(LOOK) {
            Ok(word) => tell(Some(word))?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
    tell(None)
}

/// Serves one sink until it is taken away, or the work is to end.
fn serve(
    open: &(impl Fn() -> Result<Session> + Send),
    name: &SinkName,
    words: &Sender<(SinkName, Word)>,
    stop: &AtomicBool,
) {
    let tell = |word| drop(words.send((name.clone(), word)));
    let mut said = None;
    while !stop.load(Ordering::Relaxed) {
        match open().and_then(|session| round(&session, name, &tell, stop)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                // What goes on being wrong is told once.
                let why = error.in_a_line();
                if said.as_ref() != Some(&why) {
                    tell(Word::Failed(None, why.clone()));
                }
                said = Some(why);
                pause(SELDOM, stop);
            }
        }
    }
}

/// Delivers what there is and waits for more. `false` when the sink is gone.
fn round(session: &Session, name: &SinkName, tell: &dyn Fn(Word), stop: &AtomicBool) -> Result<bool> {
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
    let taken = &mut |event: &Event| tell(Word::Delivered(Box::new(event.clone())));
    match deliver(session, &sink, Duration::ZERO, stop, taken)? {
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
        Delivery::Failed(_, why, failures) => tell(Word::Failed(Some(failures), why)),
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
