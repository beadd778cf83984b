//! Snapshots and commits: how the tracker is kept.
//!
//! [`Backend`] is what a place that keeps commits must offer. [`git`] keeps them in a repository,
//! [`memory`] in this process. [`transact`] is the one way in which anything is written.

pub mod ancestry;
pub mod codec;
pub mod derived;
pub mod events;
pub mod exchange;
pub mod fsck;
pub mod git;
pub mod history;
pub mod hub;
pub mod index;
pub mod layout;
pub mod lookup;
pub mod memory;
pub mod merge;
pub mod message;
pub mod search;
pub mod snapshot;
pub mod take_in;
pub mod transact;
pub mod vet;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::id::IssueId;
use crate::domain::snapshot::{Read, Unreadable};
use crate::domain::time::Timestamp;

/// The id of a commit, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub String);

impl CommitId {
    /// The first ten digits, as people see it.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Anything else: a symbolic link, a submodule.
    Other,
}

/// An entry of a folder in a tree.
#[derive(Clone, Debug)]
pub struct Entry<I> {
    /// Its name; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// The id of its content.
    pub id: I,
}

/// The files of one commit.
pub trait Tree {
    /// What names a content: equal contents have equal ids.
    type Id: Clone + PartialEq;

    /// A tree beside this one with nothing in it.
    fn empty(&self) -> Self;

    /// The entry at `path`, segments separated by `/`.
    fn entry(&self, path: &str) -> Read<Option<Entry<Self::Id>>>;
    /// The entries of the folder at `path` in the order of the tree; none when there is no such folder.
    fn list(&self, path: &str) -> Read<Vec<Entry<Self::Id>>>;
    /// The content called `id`; `path` is for messages. Refused over [`crate::domain::limits::OBJECT_BYTES`].
    fn read(&self, path: &str, id: &Self::Id) -> Read<Vec<u8>>;
    /// The id that `content` has, or would have.
    fn id_of(&self, content: &[u8]) -> Self::Id;
    /// What differs between the folder at `path` here and in `newer`: path, entry here, entry there.
    fn diff(&self, newer: &Self, path: &str) -> Read<Vec<Difference<Self::Id>>>;
    /// A text that names the folder at `path` as it is; `None` where there is no such name.
    fn mark(&self, path: &str) -> Read<Option<String>>;
    /// What differs in the folder at `path` from what it was when [`Tree::mark`] gave `mark`.
    fn since(&self, path: &str, mark: &str) -> Read<Vec<Difference<Self::Id>>>;
}

/// A path at which two trees differ. The ids are those of files: anything else at the path, but for a
/// folder, is told with none.
#[derive(Clone, Debug)]
pub struct Difference<I> {
    /// Its path.
    pub path: String,
    /// Its content in the older tree.
    pub old: Option<I>,
    /// Its content in the newer tree.
    pub new: Option<I>,
}

/// A content before and now.
pub type Versions<I> = (Option<I>, Option<I>);

/// Differences by the issue whose document they are about. What only moved to another folder is left out.
pub fn by_issue<I: PartialEq>(differences: impl IntoIterator<Item = Difference<I>>) -> BTreeMap<IssueId, Versions<I>> {
    let mut issues: BTreeMap<IssueId, Versions<I>> = BTreeMap::new();
    for Difference { path, old, new } in differences {
        if let Some(id) = issue_of_path(&path) {
            let known = issues.entry(id).or_insert((None, None));
            known.0 = old.or(known.0.take());
            known.1 = new.or(known.1.take());
        }
    }
    issues.retain(|_, (before, after)| before.is_none() || before != after);
    issues
}

/// What a commit says besides its tree.
#[derive(Clone, Debug)]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// The commits it builds on.
    pub parents: Vec<CommitId>,
    /// The message.
    pub message: String,
    /// The time of its newest event, or where none is recorded the committer's time.
    pub time: Timestamp,
}

/// A file that a commit changes.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Its new content; `None` takes it away.
    pub content: Option<Vec<u8>>,
}

impl FileChange {
    /// A file with new content.
    pub fn put(path: impl Into<String>, content: Vec<u8>) -> Self {
        Self { path: path.into(), content: Some(content) }
    }
}

/// A commit to be written.
pub struct NewCommit<'a> {
    /// The commit it builds on; `None` for the first.
    pub parent: Option<&'a CommitId>,
    /// The other commits it builds on, for a merge.
    pub joined: Vec<CommitId>,
    /// The files that change, seen from `parent`.
    pub files: Vec<FileChange>,
    /// Files that move: from one path to another.
    pub moves: Vec<(String, String)>,
    /// The message.
    pub message: String,
    /// Name and address of the author.
    pub author: (String, String),
    /// The author's and committer's time.
    pub time: Timestamp,
}

/// A commit that is written but that nothing points to yet.
#[must_use = "a commit counts only once the ref points to it"]
pub struct Unpublished {
    /// Its id.
    pub id: CommitId,
    /// The commit it builds on.
    pub parent: Option<CommitId>,
    /// First line of the message, for the reflog.
    pub subject: String,
    /// Name and address of the author, for the reflog.
    pub author: (String, String),
    /// The committer's time, for the reflog.
    pub time: Timestamp,
}

/// Held by the one writer whose turn it is.
pub trait Turn {}

/// Where commits are kept.
pub trait Backend {
    /// The trees it gives out.
    type Tree: Tree + 'static;

    /// The commit the tracker's ref points to.
    fn tip(&self) -> StoreResult<Option<CommitId>>;
    /// The files of a commit.
    fn tree(&self, commit: &CommitId) -> StoreResult<Self::Tree>;
    /// What a commit says.
    fn info(&self, commit: &CommitId) -> StoreResult<CommitInfo>;
    /// Commits reachable from `from` and not from `hidden`, children before parents, while `visit` wants more.
    fn walk(
        &self,
        from: &CommitId,
        hidden: Option<&CommitId>,
        visit: &mut dyn FnMut(CommitInfo) -> StoreResult<Walk>,
    ) -> StoreResult<()>;
    /// The commit that `revision` names.
    fn resolve(&self, revision: &str) -> StoreResult<CommitId>;
    /// A folder for local files that can be derived again; `None` when there is no place for any.
    fn state_dir(&self) -> Option<&Path>;
    /// Waits for one's turn to write. The turn ends when the value is dropped.
    fn queue(&self) -> StoreResult<Box<dyn Turn>>;
    /// Writes a commit without pointing to it.
    fn write(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished>;
    /// Whether two commits have the same files.
    fn same_files(&self, one: &CommitId, other: &CommitId) -> StoreResult<bool>;
    /// Makes a commit that only this process knows, to reckon with.
    fn imagine(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished>;
    /// Points the ref to `commit` if it still points to the commit's parent: a compare-and-swap.
    fn publish(&self, commit: Unpublished) -> StoreResult<CommitId>;
}

/// Whether a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// To the next commit.
    On,
    /// No further.
    Stop,
}

/// The result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why the store did not do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// There is no git repository here.
    NoRepository(PathBuf),
    /// What is here looks like a git repository, and is not a usable one.
    Unopenable {
        /// Where.
        place: PathBuf,
        /// What was found wrong with it.
        why: String,
    },
    /// The repository belongs to another user.
    ForeignOwner(String),
    /// The repository is of a kind this program does not serve.
    Unsupported(String),
    /// There is no tracker here.
    NotInitialised,
    /// There was a tracker here: the ref is gone, its traces are not.
    Lost,
    /// A configuration key of git holds what cannot be used.
    BadConfig {
        /// The key.
        key: String,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The tracker's format is newer than this version can read or write.
    TooNew {
        /// The version that is needed.
        needed: u32,
        /// Whether reading is possible.
        readable: bool,
    },
    /// No commit has this name.
    NoRevision(String),
    /// The ref no longer points to the value that was read. The remedy is to decide again.
    Moved,
    /// A lock is held by somebody else. The remedy is to wait.
    Busy {
        /// What is locked.
        what: String,
        /// How long the lock is held, where known.
        age: Option<Duration>,
        /// The lock file, when it is one that its process can leave behind.
        file: Option<PathBuf>,
    },
    /// An object cannot be used.
    Unreadable(Unreadable),
    /// The system refused an operation on a file.
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// git, run as a child process, failed.
    Git {
        /// What was being done.
        doing: String,
        /// What git printed.
        message: String,
    },
    /// Something that should not happen.
    Internal(anyhow::Error),
}

impl StoreError {
    /// Wraps a system error with what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

pub use crate::domain::id::issue_of_path;
