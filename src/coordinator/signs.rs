//! Signs of life: an agent that lives prints, uses the processor, or says something about its issue.
//!
//! The last one is written down, so that whoever looks after the agent next goes on from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
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

/// Where signs of one agent are looked for.
pub struct Look {
    /// Its claim.
    pub token: EventId,
    /// The process that runs it.
    pub runner: Option<u32>,
    /// A file whose time tells when it last printed.
    pub printed: PathBuf,
    /// Where the last sign is written down.
    pub kept: PathBuf,
}

/// When each agent last showed a sign of life.
#[derive(Debug, Default)]
pub struct Signs {
    seen: BTreeMap<EventId, Seen>,
    looked: Option<Instant>,
}

impl Signs {
    /// An agent has begun, or was found again after it had been silent for so long.
    pub fn begin(&mut self, token: EventId, now: Instant, silent: Duration, kept: &Path) {
        let used = fs::read_to_string(kept).ok().and_then(|text| text.trim().parse().ok());
        let used = Duration::from_millis(used.unwrap_or(0));
        let at = now.checked_sub(silent).unwrap_or(now);
        self.seen.insert(token, Seen { at, printed: None, used });
    }

    /// It has shown one.
    pub fn show(&mut self, token: EventId, now: Instant, kept: &Path) {
        if let Some(seen) = self.seen.get_mut(&token) {
            seen.at = now;
            keep(kept, seen.used);
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

    /// Looks for signs, when the last look is long enough ago.
    pub fn look(&mut self, agents: impl Iterator<Item = Look>, now: Instant, pause: Duration) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < pause) {
            return;
        }
        self.looked = Some(now);
        let mut processes: Option<Vec<Listed>> = None;
        for look in agents {
            let Some(seen) = self.seen.get_mut(&look.token) else { continue };
            let printed = fs::metadata(&look.printed).ok().and_then(|meta| meta.modified().ok());
            let used = match look.runner.and_then(process) {
                Some(runner) => used_by(processes.get_or_insert_with(listed), runner),
                None => Duration::ZERO,
            };
            // When it was found again its last output was taken for what it is.
            let has_printed = seen.printed.is_some() && printed != seen.printed;
            seen.printed = printed;
            // What has ended takes its time along, unless somebody waited for it.
            let has_used = used > seen.used + USED || used + USED < seen.used;
            if has_printed || has_used {
                (seen.at, seen.used) = (now, used);
                if has_used {
                    keep(&look.kept, used);
                }
            }
        }
    }
}

/// Writes a sign down. Whoever comes next does without it where that fails.
fn keep(file: &Path, used: Duration) {
    let _ = fs::write(file, used.as_millis().to_string());
}

/// The processor time of a process and everything below it.
fn used_by(listed: &[Listed], runner: Pid) -> Duration {
    let ids = below(listed, runner);
    listed.iter().filter(|process| process.id == runner || ids.contains(&process.id)).map(|process| process.used).sum()
}
