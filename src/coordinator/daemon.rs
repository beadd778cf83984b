//! The daemon around the brain: it waits, and has rounds done.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::environment::on_end_asked;
use crate::error::{Class, Error, Result};
use crate::file_lock::{self, FileLock, LockError};
use crate::session::Session;
use crate::store::{Backend, StoreError};
use crate::watch::watch;

use super::deliver::Deliverer;
use super::home::Home;
use super::round::{Coordinator, Message};

/// What a coordinator that runs tells of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Its process.
    pub pid: u32,
    /// Its name.
    pub name: Actor,
    /// Where its checkout was when it began.
    #[serde(default)]
    pub checkout: PathBuf,
    /// Since when it runs.
    pub since: Timestamp,
    /// Whether it has had its first round.
    pub looked: bool,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

/// The wish that it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// With its agents.
    pub kill_agents: bool,
}

impl Home {
    /// What the coordinator that runs tells of itself.
    pub fn told(&self) -> Option<Told> {
        serde_json::from_slice(&fs::read(self.told_file()).ok()?).ok()
    }

    fn told_file(&self) -> PathBuf {
        self.dir.join("daemon.json")
    }

    /// Where the wish that it ends is put.
    pub fn wish_file(&self) -> PathBuf {
        self.dir.join("stop.json")
    }

    /// The wish that it ends, where there is one.
    pub fn wish(&self) -> Option<Wish> {
        serde_json::from_slice(&fs::read(self.wish_file()).ok()?).ok()
    }

    /// Whether a coordinator runs.
    pub fn is_at_work(&self) -> bool {
        file_lock::is_held(&self.lock_file())
    }

    /// The right to work for this checkout, which one process has at a time.
    pub fn enter(&self) -> Result<FileLock> {
        self.make()?;
        let lock = file_lock::lock(&self.lock_file(), BRIEFLY).map_err(|why| match why {
            LockError::Busy => {
                let pid = self.told().map_or_else(String::new, |told| format!(" (PID: {})", told.pid));
                Error::new(Class::Exists, "coordinator_running", format!("a coordinator is already running here{pid}"))
                    .hint("jit coordinator status")
            }
            LockError::Io(why) => Error::from(StoreError::io("taking the coordinator's place")(why)),
        })?;
        // What the one before has left tells of nobody any more.
        let _ = fs::remove_file(self.told_file());
        let _ = fs::remove_file(self.wish_file());
        Ok(lock)
    }
}

/// Long enough for somebody who only looks.
const BRIEFLY: Duration = Duration::from_millis(200);
/// How often it looks for a wish to stop where the system does not tell.
const SELDOM: Duration = Duration::from_secs(2);
/// A log of its own grows to this many bytes, and begins anew.
const LARGEST_LOG: u64 = 10 << 20;
/// After a round that failed the next one waits this long, twice as long after each further one.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Why the daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Stopped,
    /// The repository is no longer where it was.
    Moved,
}

/// A coordinator that goes on until it is asked to end.
pub struct Daemon {
    coordinator: Coordinator,
    messages: Receiver<Message>,
    told: Told,
    deliverer: Deliverer,
    failures: u32,
    _lock: FileLock,
    /// The file of the lock and the checkout, to notice that one of them was moved.
    place: [(u64, u64); 2],
}

impl Daemon {
    /// Takes the coordinator's place, and reads the configuration.
    pub fn begin(session: &Session) -> Result<Self> {
        let home = Home::of(session);
        let lock = home.enter()?;
        let loaded = home.load(session)?;
        let (wakes, messages) = mpsc::channel();
        let coordinator = Coordinator::begin(session, home, loaded, wakes)?;
        let (pid, name) = (std::process::id(), coordinator.own.clone());
        let checkout = coordinator.home.checkout.clone();
        let told = Told { pid, name, checkout, since: session.now(), looked: false, problems: Vec::new() };
        let home = &coordinator.home;
        home.write_json(&home.told_file(), &told)?;
        let place = place(home).unwrap_or_default();
        Ok(Self { coordinator, messages, told, deliverer: Deliverer::default(), failures: 0, _lock: lock, place })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.told.pid
    }

    /// Works until somebody asks it to end.
    pub fn run(mut self) -> Result<End> {
        let home = self.coordinator.home.clone();
        let wakes = self.coordinator.wakes.clone();
        let asked = wakes.clone();
        on_end_asked(move || asked.send(Message::Stop).unwrap_or_default())
            .map_err(StoreError::io("listening to signals"))?;
        let mut folders = self.coordinator.session.store.folders_of_ref();
        folders.push(self.coordinator.session.store.git_dir());
        folders.push(home.dir.clone());
        folders.extend(home.config_file().parent().map(PathBuf::from));
        let _watch = watch(&folders, move || wakes.send(Message::Changed).unwrap_or_default());
        self.coordinator.say(format!("{} begins, process {}", self.told.name, self.told.pid));
        loop {
            if place(&home) != Some(self.place) {
                self.coordinator
                    .say("the repository is no longer where it was: jit coordinator start, where it is now");
                return Ok(End::Moved);
            }
            if let Some(wish) = home.wish() {
                return self.end(wish);
            }
            let pause = self.round();
            match self.deliverer.look_after(&self.coordinator.session, &home) {
                Some(problem) => self.coordinator.problem("sinks", problem),
                None if self.deliverer.is_well() => drop(self.coordinator.problems.remove("sinks")),
                None => {}
            }
            self.tell();
            if self.wait(pause) {
                return self.end(home.wish().unwrap_or_default());
            }
        }
    }

    /// One round; what fails is told, and tried again.
    fn round(&mut self) -> Duration {
        match self.coordinator.round() {
            Ok(pause) => {
                self.failures = 0;
                self.coordinator.problems.remove("round");
                pause
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.coordinator.problem("round", error.message);
                let longest = self.coordinator.poll_interval();
                (AFTER_FAILURE * 2u32.saturating_pow(self.failures.min(8))).min(longest.max(AFTER_FAILURE))
            }
        }
    }

    /// Waits until something is to be done, `pause` at most. Whether it was asked to end.
    fn wait(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut message = match self.messages.recv_timeout(left.min(SELDOM)) {
                Ok(message) => message,
                // A wish to stop does not wait for the next round, though nothing tells of it.
                Err(RecvTimeoutError::Timeout) if left > SELDOM && self.coordinator.home.wish().is_none() => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            };
            let mut matters = false;
            // All that has come by now is one reason to look.
            loop {
                match message {
                    Message::Stop => return true,
                    Message::Ended(_) => matters = true,
                    Message::Changed => {}
                }
                match self.messages.try_recv() {
                    Ok(next) => message = next,
                    Err(_) => break,
                }
            }
            // Much happens in a repository that is nothing to the coordinator, its own changes among them.
            if matters || self.coordinator.has_news() || self.coordinator.home.wish().is_some() {
                return false;
            }
        }
    }

    /// Tells what has changed about it.
    fn tell(&mut self) {
        let problems = self.coordinator.problems_told();
        if problems != self.told.problems || !self.told.looked {
            self.told = Told { problems, looked: true, ..self.told.clone() };
            let home = &self.coordinator.home;
            // It is told again the next time.
            if home.write_json(&home.told_file(), &self.told).is_err() {
                self.told.problems.clear();
            }
        }
        let own_log = self.coordinator.home.own_log();
        if fs::metadata(&own_log).is_ok_and(|log| log.len() > LARGEST_LOG) {
            // It is written to its end, wherever that is.
            let _ = File::options().write(true).open(own_log).and_then(|log| log.set_len(0));
        }
    }

    /// Ends, with the agents where that is wished.
    fn end(mut self, wish: Wish) -> Result<End> {
        let home = self.coordinator.home.clone();
        if wish.kill_agents {
            self.coordinator.end_agents()?;
        }
        self.coordinator.say("ends");
        let _ = fs::remove_file(home.wish_file());
        let _ = fs::remove_file(home.told_file());
        Ok(End::Stopped)
    }
}

/// What the paths of the lock and of the checkout lead to.
fn place(home: &Home) -> Option<[(u64, u64); 2]> {
    let number = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    Some([number(&home.lock_file())?, number(&home.checkout)?])
}

impl Coordinator {
    /// Whether anything has changed that a round would look at.
    fn has_news(&self) -> bool {
        let tip = self.session.store.tip();
        tip.map_or(true, |tip| tip != self.seen) || !self.home.text().is_ok_and(|text| text == self.loaded.text)
    }
}
