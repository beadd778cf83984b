//! The writers' queue.

use std::path::Path;
use std::time::Duration;

use crate::file_lock::{self, FileLock, LockError};
use crate::store::{StoreError, StoreResult, Turn};

/// How long to wait for one's turn before giving up.
const PATIENCE: Duration = Duration::from_secs(60);

impl Turn for FileLock {}

/// Waits for one's turn, at most a minute.
pub fn wait(state_dir: &Path) -> StoreResult<FileLock> {
    file_lock::lock(&state_dir.join("queue"), PATIENCE).map_err(|why| match why {
        LockError::Busy => StoreError::Busy { what: "the writers' queue".to_owned(), age: Some(PATIENCE), file: None },
        LockError::Io(source) => StoreError::Io { doing: "taking the writers' queue".to_owned(), source },
    })
}
