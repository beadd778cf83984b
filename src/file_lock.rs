//! Locks on files, held by the kernel: gone with their process, so that a kill leaves nothing to clean.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// A lock that is held until this is dropped.
#[must_use]
pub struct FileLock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug)]
pub enum LockError {
    /// Somebody held it the whole time.
    Busy,
    /// The system refused.
    Io(io::Error),
}

/// Locks the file at `path`, made with its folder when missing. Waits at most `patience`.
pub fn lock(path: &Path, patience: Duration) -> Result<FileLock, LockError> {
    let file = open(path).map_err(LockError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(FileLock { _file: file }),
        // Who does not wait does not stand in line either.
        Err(TryLockError::WouldBlock) if patience.is_zero() => Err(LockError::Busy),
        Err(TryLockError::WouldBlock) => wait_in_line(file, patience),
        Err(TryLockError::Error(why)) => Err(LockError::Io(why)),
    }
}

/// Whether somebody holds the lock on the file at `path`. A file that is not there is not locked.
pub fn is_held(path: &Path) -> bool {
    // Shared, so that those who only look are not in each other's way.
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    open().or_else(|why| match why.kind() {
        // A lock needs no more than reading, which is all that another user's file may allow.
        io::ErrorKind::PermissionDenied => File::open(path).map_err(|_| why),
        _ => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            open()
        }
    })
}

/// Waits in the kernel, which keeps the order of arrival and wakes at once. The thread exists because
/// that wait has no limit of its own.
fn wait_in_line(file: File, patience: Duration) -> Result<FileLock, LockError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let result = file.lock().map(|()| file);
        // When patience has run out nobody listens any more; the lock then ends with the file.
        let _ = sender.send(result);
    });
    match receiver.recv_timeout(patience) {
        Ok(Ok(file)) => Ok(FileLock { _file: file }),
        Ok(Err(why)) => Err(LockError::Io(why)),
        Err(_) => Err(LockError::Busy),
    }
}
