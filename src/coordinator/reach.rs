//! Where issues are claimed: here, or on a remote, which is then kept in step.

use std::time::{Duration, Instant};

use crate::domain::snapshot::Snapshot;
use crate::sync::{Pushing, Remote, shared_with, sync};

use super::round::Coordinator;

/// How long a sync may keep everything else waiting.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// Where issues are claimed.
pub enum Reach {
    /// Here alone.
    Here,
    /// On a remote, for all its clones.
    Remote(Remote),
    /// On a remote that cannot be asked: nothing is handed out.
    Nowhere,
}

impl Coordinator {
    /// Where issues are claimed now. Where that is a remote, it is synced with when the last time is long enough ago.
    pub(super) fn reach(&mut self, state: &dyn Snapshot) -> Reach {
        let wanted = match self.loaded.config.sync {
            Some(wanted) => wanted,
            None => {
                let scope = state.settings().ok().and_then(|settings| settings.claims_remotely());
                scope.unwrap_or_else(|| shared_with(&self.session))
            }
        };
        if !wanted {
            self.problems.remove("remote");
            return Reach::Here;
        }
        match Remote::meant(&self.session, None) {
            Ok(remote) if self.sync(&remote) => Reach::Remote(remote),
            Ok(_) => Reach::Nowhere,
            Err(error) => {
                self.problem("remote", error.message);
                Reach::Nowhere
            }
        }
    }

    /// Syncs with the remote, when that is due. Whether it went through the last time.
    fn sync(&mut self, remote: &Remote) -> bool {
        // One that hangs would otherwise take up all the time there is.
        let pause = self.loaded.config.sync_interval() * 2u32.pow(self.sync_failures.min(5));
        if self.synced.is_some_and(|at| at.elapsed() < pause) {
            return self.sync_failures == 0;
        }
        let synced = sync(&self.session, remote, Pushing::Yes, SYNC_PATIENCE);
        self.synced = Some(Instant::now());
        match synced {
            Ok(_) => {
                self.sync_failures = 0;
                self.problems.remove("remote");
            }
            Err(error) => self.remote_failed(error.message),
        }
        self.sync_failures == 0
    }

    /// The remote did not do what it was asked: it is let be for a while.
    pub(super) fn remote_failed(&mut self, why: String) {
        self.sync_failures = self.sync_failures.saturating_add(1);
        self.synced = Some(Instant::now());
        self.problem("remote", why);
    }
}
