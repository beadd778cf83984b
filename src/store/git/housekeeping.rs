//! Keeping the object database small while many write: now and then, in the background, by git.
//!
//! Each change leaves some seven loose objects. When they have become many, one process in the
//! background has git roll them up into a pack, together with the small packs of earlier rounds
//! (`git repack --geometric`), so that there are ever few of both. That looks at what is new, not at the
//! whole repository; once an hour `git gc --auto` does the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::file_lock::{self, LockError};
use crate::store::{StoreError, StoreResult, derived};

use super::GitStore;

/// Loose objects spread evenly over 256 folders, of which one is counted.
const COUNTED: &str = "17";
/// So many loose objects are worth a pack. git itself waits for 6,700; a fleet writes thousands while the
/// work is under way.
const MANY: usize = 12;
/// So many are too many while somebody is packing: writers then take a breath, so that the packing keeps up.
const TOO_MANY: usize = 28;
const BREATH: Duration = Duration::from_millis(100);
/// `git gc --auto` is started no more often than this.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long `jit gc` waits for the process in the background.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a write that was killed leaves here is taken away after this time.
const STALE: Duration = PAUSE;

impl GitStore {
    /// Starts `PROGRAM gc --auto` in the background when there are many loose objects.
    ///
    /// Where git's configuration says `gc.auto 0`, nothing is done. Costs a look into one folder. Not to be
    /// called by whoever holds the writers' queue.
    pub fn tidy_up(&self, program: &Path) {
        let loose = self.loose_here();
        if loose <= MANY || !self.would_help(loose) {
            return;
        }
        if !file_lock::is_held(&self.tidying()) {
            self.git().start_tidying(program, self.common_dir());
        } else if loose > TOO_MANY {
            std::thread::sleep(BREATH);
        }
    }

    /// Loose objects in one of the folders.
    fn loose_here(&self) -> usize {
        let folder = self.objects.folder().join(COUNTED);
        fs::read_dir(folder).map_or(0, |entries| entries.take(40 * MANY).count())
    }

    /// Whether there are many more than were left the last time, or that is long ago.
    fn would_help(&self, loose: usize) -> bool {
        if self.config("gc.auto").is_some_and(|limit| limit.trim() == "0") {
            return false;
        }
        let left = fs::read_to_string(self.tidied()).ok().and_then(|left| left.trim().parse::<usize>().ok());
        left.is_none_or(|left| loose > left + MANY) || is_older(&self.tidied(), PAUSE)
    }

    fn tidied(&self) -> PathBuf {
        self.state_dir.join("tidied")
    }

    fn tidying(&self) -> PathBuf {
        self.state_dir.join("tidying")
    }

    /// What the process in the background does: nothing when another is at it, or when there is no need.
    pub fn tidy_in_background(&self) -> StoreResult<()> {
        let Ok(_lock) = file_lock::lock(&self.tidying(), Duration::ZERO) else { return Ok(()) };
        let loose = self.loose_here();
        if loose <= MANY || !self.would_help(loose) {
            return Ok(());
        }
        let long_ago = is_older(&self.tidied(), PAUSE);
        let partial = self.config("extensions.partialClone").is_some();
        // What git cannot roll up here is left to `git gc`.
        let rolled_up = !partial && self.git().roll_up().is_ok();
        let outcome = if long_ago || !rolled_up { self.git().gc(&["--auto", "--quiet"]) } else { Ok(()) };
        self.leave_note();
        outcome
    }

    /// Lets git tidy up everything, and takes away what killed processes left beside it.
    pub fn tidy_now(&self) -> StoreResult<()> {
        let _lock = file_lock::lock(&self.tidying(), PATIENCE).map_err(|why| match why {
            LockError::Busy => StoreError::Busy {
                what: "the tidying up, which another process does".to_owned(),
                age: None,
                file: None,
            },
            LockError::Io(source) => StoreError::Io { doing: "tidying up".to_owned(), source },
        })?;
        self.git().gc(&["--quiet"])?;
        self.leave_note();
        Ok(())
    }

    /// Remembers what was left: objects that belong to nothing stay, however often git is asked.
    fn leave_note(&self) {
        self.sweep();
        // Without the note git is asked once more than needed.
        let _ = derived::write(&self.tidied(), |out| write!(out, "{}", self.loose_here()));
    }

    /// Takes away files of an index that were never put in place.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.state_dir).into_iter().flatten().flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(derived::TEMPORARY);
            if ours && is_older(&entry.path(), STALE) {
                // Somebody else may have been faster.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// How many objects and packs there are, and how much room they take.
    pub fn count_objects(&self) -> StoreResult<ObjectCount> {
        let text = self.git().count_objects()?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        let bytes = (field("size") + field("size-pack") + field("size-garbage")) * 1024;
        Ok(ObjectCount { loose: field("count"), packs: field("packs"), bytes })
    }
}

/// What `git count-objects` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    /// Loose objects.
    pub loose: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes on disk of both.
    pub bytes: u64,
}

/// Whether a file was last written longer than `age` ago, or is not there.
fn is_older(path: &Path, age: Duration) -> bool {
    let written = fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    written.elapsed().is_ok_and(|since| since > age)
}
