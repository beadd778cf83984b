//! Waiting for the tracker to change.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::store::{Backend, CommitId};
use crate::watch::watch;

use super::Session;

/// How often the ref is read while the system tells of changes: in case it has missed one.
const SELDOM: Duration = Duration::from_secs(1);
/// How often it is read where the system cannot tell, once nothing has happened for a while.
const OFTEN: Duration = Duration::from_millis(40);

impl Session {
    /// Waits until the tracker is no longer at `tip`, at most `patience`. Whether it moved.
    pub fn await_change(&self, tip: &CommitId, patience: Duration) -> Result<bool> {
        let started = Instant::now();
        let (sender, changes) = channel();
        // Before the first look, so that nothing falls in between.
        let watch = watch(&self.store.folders_of_ref(), move || sender.send(()).unwrap_or_default());
        let longest = if watch.is_some() { SELDOM } else { OFTEN };
        let mut pause = if watch.is_some() { SELDOM } else { Duration::from_millis(5) };
        loop {
            if self.store.tip()?.as_ref() != Some(tip) {
                return Ok(true);
            }
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if let Err(RecvTimeoutError::Disconnected) = changes.recv_timeout(pause.min(left)) {
                std::thread::sleep(pause.min(left));
            }
            while changes.try_recv().is_ok() {}
            pause = (pause * 2).min(longest);
        }
    }
}
