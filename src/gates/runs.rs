//! What was run in this repository: the end of each output, and verdicts that need not be found out again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::domain::event::Ran;
use crate::domain::id::IssueId;
use crate::domain::time::Timestamp;
use crate::file_lock::{self, FileLock, LockError};
use crate::store::derived;

/// Runs are forgotten after this time.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A run that gave a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Whether it passed.
    pub passed: bool,
    /// The tree it ran on.
    pub tree: String,
    /// The issue it was run for.
    pub issue: IssueId,
    /// The run.
    #[serde(flatten)]
    pub ran: Ran,
}

/// The folder of runs, which all work trees of a repository share.
#[derive(Clone, Debug)]
pub struct Runs {
    dir: PathBuf,
}

impl Runs {
    /// In the folder of local state.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("runs") }
    }

    /// The newest run under this key.
    pub fn find(&self, key: &str) -> Option<Run> {
        serde_json::from_slice(&fs::read(self.file(key, "json")).ok()?).ok()
    }

    /// Remembers a run. A failure is none: it will be run again.
    pub fn keep(&self, key: &str, run: &Run) {
        let bytes = serde_json::to_vec_pretty(run).expect("a run has only text keys");
        drop(derived::write(&self.file(key, "json"), |out| out.write_all(&bytes)));
    }

    /// Keeps the end of an output, and says where.
    pub fn keep_output(&self, key: &str, output: &[u8]) -> PathBuf {
        let file = self.file(key, "log");
        drop(fs::create_dir_all(&self.dir).and_then(|()| fs::write(&file, output)));
        file
    }

    /// The right to run what stands under this key, if no other process has it.
    pub fn turn(&self, key: &str) -> Result<FileLock, LockError> {
        file_lock::lock(&self.file(key, "lock"), Duration::ZERO)
    }

    /// A file for as long as it is used. What a kill leaves of it is forgotten like a run.
    pub fn scratch(&self, prefix: &str) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        let named = builder.prefix(prefix).suffix(".json");
        let here = fs::create_dir_all(&self.dir).and_then(|()| named.tempfile_in(&self.dir));
        here.or_else(|_| named.tempfile())
    }

    /// Forgets what is long ago.
    pub fn forget(&self, now: Timestamp) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            if derived::age(&entry.path(), now).is_some_and(|age| age > KEPT_FOR) && !file_lock::is_held(&entry.path())
            {
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    fn file(&self, key: &str, kind: &str) -> PathBuf {
        self.dir.join(format!("{key}.{kind}"))
    }
}
