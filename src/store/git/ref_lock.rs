//! The lock file of the tracker's ref.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::steps;
use crate::store::{CommitId, StoreError, StoreResult};

use super::objects::Durability;
use super::refs::Refs;

/// How long to wait for a lock that somebody else holds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ref's lock file, made in one step from a file that already holds the new value.
///
/// That file, the marker, carries a kernel lock as long as its process lives. So a lock file of a dead
/// process is told from a living one's, and from one of git's, by whoever comes next.
#[must_use]
pub(super) struct RefLock {
    marker: PathBuf,
    /// Open, and locked in the kernel, until the value is dropped.
    file: File,
    lock: PathBuf,
    taken: bool,
}

impl RefLock {
    pub(super) fn take(refs: &Refs, value: &CommitId) -> StoreResult<Self> {
        let doing = || format!("locking {}", refs.name);
        refs.clear_dead_locks();
        let mut held = Self::mark(refs, value).map_err(StoreError::io(doing()))?;
        steps::reached("marker-written");
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match link(&held.marker, &held.lock) {
                Ok(()) => {
                    held.taken = true;
                    return Ok(held);
                }
                Err(why) if why.kind() == ErrorKind::AlreadyExists => refs.clear_dead_locks(),
                // Somebody looked between the making of the marker and its locking, and cleared it away.
                Err(why) if why.kind() == ErrorKind::NotFound && !held.marker.exists() => {
                    held = Self::mark(refs, value).map_err(StoreError::io(doing()))?;
                    continue;
                }
                Err(why) if why.kind() == ErrorKind::NotFound => {
                    let folder = held.lock.parent().unwrap_or(&held.lock);
                    fs::create_dir_all(folder).map_err(StoreError::io(doing()))?;
                    continue;
                }
                Err(source) => return Err(StoreError::Io { doing: doing(), source }),
            }
            if start.elapsed() > PATIENCE {
                let age = fs::metadata(&held.lock).and_then(|lock| lock.modified()).ok();
                let age = age.and_then(|modified| modified.elapsed().ok());
                let owner = fs::metadata(&held.lock).map(|lock| lock.uid());
                let owner = owner.map_or_else(|_| String::new(), |uid| format!(", owned by user {uid}"));
                let what = format!("{} (the file {}{owner})", refs.name, held.lock.display());
                return Err(StoreError::Busy { what, age, file: Some(held.lock.clone()) });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Makes the marker and locks it.
    fn mark(refs: &Refs, value: &CommitId) -> std::io::Result<Self> {
        let folder = refs.markers();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            refs.sharing.folder(&folder);
        }
        let prefix = format!("{}~", refs.name.replace('/', "%"));
        let mut made = loop {
            let made = tempfile::Builder::new().prefix(&prefix).rand_bytes(8).tempfile_in(&folder)?;
            match made.as_file().try_lock() {
                Ok(()) => break made,
                // Somebody took it for a dead one's in the moment before it was locked.
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(why)) => return Err(why),
            }
        };
        made.write_all(format!("{value}\n").as_bytes())?;
        made.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        refs.sharing.file(made.path());
        if refs.durability != Durability::Off {
            made.as_file().sync_data()?;
        }
        let (file, marker) = made.keep().map_err(|why| why.error)?;
        Ok(Self { marker, file, lock: lock_path(&refs.loose), taken: false })
    }

    /// Makes the lock file the ref.
    pub(super) fn commit(mut self, refs: &Refs) -> StoreResult<()> {
        let doing = || format!("moving {}", refs.name);
        // INVARIANT: what is renamed over the ref is this process's own value, whatever became of the queue.
        if !self.is_ours() {
            self.taken = false;
            return Err(StoreError::Moved);
        }
        let moved = fs::rename(&self.lock, &refs.loose).or_else(|why| {
            // An empty folder of that name is what is left of refs below it; git clears it away too.
            match fs::remove_dir(&refs.loose) {
                Ok(()) => fs::rename(&self.lock, &refs.loose),
                Err(_) => Err(why),
            }
        });
        moved.map_err(StoreError::io(doing()))?;
        self.taken = false;
        if refs.durability != Durability::Off
            && let Some(folder) = refs.loose.parent()
        {
            // The ref has moved: to report a failing sync as a failed change would be untrue.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// Whether the lock file is the one this process made.
    fn is_ours(&self) -> bool {
        let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (self.file.metadata(), fs::symlink_metadata(&self.lock)) {
            (Ok(marker), Ok(lock)) if same(&marker, &lock) => true,
            // Where files have one name only, the lock is a copy.
            (Ok(_), Ok(_)) => matches!((fs::read(&self.marker), fs::read(&self.lock)), (Ok(a), Ok(b)) if a == b),
            _ => false,
        }
    }
}

impl Drop for RefLock {
    fn drop(&mut self) {
        if self.taken && self.is_ours() {
            let _ = fs::remove_file(&self.lock);
        }
        let _ = fs::remove_file(&self.marker);
    }
}

/// The file that git and this program take before they move a ref.
pub(super) fn lock_path(loose: &Path) -> PathBuf {
    PathBuf::from(format!("{}.lock", loose.display()))
}

impl Refs {
    /// Where writers leave their markers, one a writer.
    fn markers(&self) -> PathBuf {
        self.state_dir.join("locks")
    }

    /// Removes what killed writers left: their markers, and lock files that are one with a marker.
    pub fn clear_dead_locks(&self) {
        for entry in fs::read_dir(self.markers()).into_iter().flatten().flatten() {
            let (marker, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(file) = File::open(&marker) else { continue };
            if file.try_lock().is_err() {
                continue;
            }
            if let Some((refname, _)) = name.split_once('~') {
                let loose = self.common_dir.join(refname.replace('%', "/"));
                let mut dead = RefLock { marker, file, lock: lock_path(&loose), taken: true };
                dead.taken = fs::metadata(&dead.marker).is_ok_and(|meta| meta.len() > 0);
                drop(dead);
            } else {
                let _ = fs::remove_file(marker);
            }
        }
    }
}

/// Gives `from` a second name, or copies it where the file system knows no such thing.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(from, to) {
        Err(why) if matches!(why.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let content = fs::read(from)?;
            OpenOptions::new().write(true).create_new(true).open(to)?.write_all(&content)
        }
        other => other,
    }
}
