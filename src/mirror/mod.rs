//! The mirror: the tracker as plain files, for people and tools that read files.
//!
//! INVARIANT: the mirror is written only from a loaded commit, file by file with atomic renames, and
//! stamped with that commit; a file that was changed by hand is never overwritten.

mod event_log;
mod files;
mod import;
mod stamp;
mod status;
mod update;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::snapshot::Unreadable;
use crate::store::StoreError;

pub use import::Edits;
pub use status::Status;
pub use update::{Manner, Update};

/// The folder at the top of a work tree.
pub const FOLDER: &str = ".jit";

/// The mirror of one work tree.
#[derive(Clone, Debug)]
pub struct Mirror {
    dir: PathBuf,
    /// The exclude file to which the folder is added, when the mirror stands in a work tree.
    exclude: Option<PathBuf>,
}

/// Why the mirror could not be brought up to date. The tracker itself is not touched by that.
#[derive(Debug)]
pub enum MirrorError {
    /// The folder, or one in it, is not a plain folder.
    NotAFolder(PathBuf),
    /// Another process works on it.
    Busy,
    /// The system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The tracker could not be read.
    Store(StoreError),
}

impl From<StoreError> for MirrorError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unreadable> for MirrorError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Store(unreadable.into())
    }
}

type MirrorResult<T> = Result<T, MirrorError>;

/// Files whose hand edits have just been taken in, with the content that was taken.
pub type Consumed = BTreeMap<String, Vec<u8>>;

impl Mirror {
    /// The mirror at the top of `work_tree`.
    pub fn in_work_tree(work_tree: &Path, common_dir: &Path) -> Self {
        Self { dir: work_tree.join(FOLDER), exclude: Some(common_dir.join("info/exclude")) }
    }

    /// A mirror in a folder of the user's choice.
    pub fn at(dir: PathBuf) -> Self {
        Self { dir, exclude: None }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl std::fmt::Display for MirrorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAFolder(path) => write!(f, "{} is not a plain folder", path.display()),
            Self::Busy => f.write_str("another process works on it"),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Store(StoreError::Unreadable(why)) => write!(f, "cannot use {why}"),
            Self::Store(why) => write!(f, "the tracker cannot be read: {why:?}"),
        }
    }
}
