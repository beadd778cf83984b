//! Signs of life: an agent that lives prints, or uses the processor.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Pid;

use crate::domain::id::EventId;
use crate::processes::{Listed, below, listed, process};

/// Less processor time than this between two looks is what a process uses that only sleeps.
const USED: Duration = Duration::from_millis(20);

/// What was last seen of one process.
#[derive(Debug)]
struct Seen {
    at: Instant,
    printed: Option<SystemTime>,
    used: Duration,
}

/// When each agent last showed a sign of life.
#[derive(Debug, Default)]
pub struct Signs {
    seen: BTreeMap<EventId, Seen>,
    looked: Option<Instant>,
}

impl Signs {
    /// An agent has begun, or was found again.
    pub fn begin(&mut self, token: EventId, now: Instant) {
        self.seen.insert(token, Seen { at: now, printed: None, used: Duration::ZERO });
    }

    /// It has shown one.
    pub fn show(&mut self, token: EventId, now: Instant) {
        if let Some(seen) = self.seen.get_mut(&token) {
            seen.at = now;
        }
    }

    /// It is gone.
    pub fn end(&mut self, token: EventId) {
        self.seen.remove(&token);
    }

    /// How long it has shown none.
    pub fn silent(&self, token: EventId, now: Instant) -> Duration {
        self.seen.get(&token).map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen.at))
    }

    /// Looks for signs, when the last look is long enough ago. Each agent has the process that runs it, and a file whose
    /// time tells when it last printed.
    pub fn look(
        &mut self,
        agents: impl Iterator<Item = (EventId, Option<u32>, PathBuf)>,
        now: Instant,
        pause: Duration,
    ) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < pause) {
            return;
        }
        self.looked = Some(now);
        let mut processes: Option<Vec<Listed>> = None;
        for (token, runner, file) in agents {
            let Some(seen) = self.seen.get_mut(&token) else { continue };
            let printed = fs::metadata(file).ok().and_then(|meta| meta.modified().ok());
            let used = match runner.and_then(process) {
                Some(runner) => used_by(processes.get_or_insert_with(listed), runner),
                None => Duration::ZERO,
            };
            // What has ended takes its time along, unless somebody waited for it.
            if printed != seen.printed || used > seen.used + USED || used + USED < seen.used {
                *seen = Seen { at: now, printed, used };
            }
        }
    }
}

/// The processor time of a process and everything below it.
fn used_by(listed: &[Listed], runner: Pid) -> Duration {
    let ids = below(listed, runner);
    listed.iter().filter(|process| process.id == runner || ids.contains(&process.id)).map(|process| process.used).sum()
}
