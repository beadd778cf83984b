//! Trying again: how long to pause, and why it did not work in the end.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::draft::Ids;
use crate::environment::RandomIds;
use crate::error::{Class, Error, Result};
use crate::git_process::Push;
use crate::store::CommitId;

use super::Deadline;
use super::remote::{Listing, Remote};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So often a remote may refuse a push that should fit before it is taken for one that hides its ref.
const HIDDEN: usize = 4;

/// What the tries of a sync came to, to tell why it is not through.
#[derive(Default)]
pub struct Tries {
    last: Option<Option<CommitId>>,
    count: usize,
    /// How often the remote had moved since the try before.
    moves: usize,
    /// Tries since it last moved.
    still: usize,
}

impl Tries {
    /// Takes in what the remote holds at the beginning of a try.
    pub fn saw(&mut self, listing: &Listing) {
        if self.last.as_ref().is_some_and(|last| *last != listing.shared) {
            self.moves += 1;
            self.still = 0;
        }
        self.last = Some(listing.shared.clone());
    }

    /// Pauses before the next try, a little longer each time; or says why there is none.
    pub fn failed(&mut self, remote: &Remote, push: Push, deadline: Deadline) -> Result<()> {
        self.count += 1;
        self.still += 1;
        let name = &remote.name;
        let hidden = push == Push::Moved && self.still >= HIDDEN && matches!(self.last, Some(None));
        if hidden {
            let message = format!("{name} has {} and does not show it", remote.shared);
            return Err(Error::new(Class::Outside, "remote_hides_tracker", message).hint(
                "show it there: git config --add uploadpack.hideRefs '!refs/tracker', or choose another jit.remoteRef",
            ));
        }
        let random = RandomIds::default().random();
        let most = Duration::from_millis(20 << self.count.min(7)).min(LONGEST_PAUSE);
        let pause = most.mul_f64(0.25 + 0.75 * share(random));
        if deadline.left() > pause {
            std::thread::sleep(pause);
            return Ok(());
        }
        let (code, message, hint) = match (self.moves, self.still > 3) {
            (0, _) => (
                "remote_stuck",
                format!(
                    "{name} did not move and took no push in {} tries: a lock is left there, or rights are missing",
                    self.count
                ),
                format!("jit remote check {name}"),
            ),
            (_, false) => (
                "remote_contended",
                format!("{name} kept moving: {} others were faster in {} tries", self.moves, self.count),
                "the same command again, when fewer write".to_owned(),
            ),
            (_, true) => (
                "remote_stuck",
                format!("{name} moved {} times and then took no push any more: a lock may be left there", self.moves),
                format!("jit remote check {name}"),
            ),
        };
        Err(Error::new(Class::Outside, code, message).hint(hint).retryable())
    }
}

/// A random share between 0 and 1.
fn share(random: Uuid) -> f64 {
    f64::from(random.as_fields().0) / f64::from(u32::MAX)
}
