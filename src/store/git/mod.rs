//! Commits in a git repository. Only this folder names gix.

mod blobs;
mod housekeeping;
mod incoming;
mod locate;
mod objects;
mod odb;
mod other_refs;
mod pack;
mod queue;
mod ref_lock;
mod refs;
mod sharing;
mod tree;
mod work_tree;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use crate::domain::time::Timestamp;
use crate::git_process::Git;
use crate::steps;

use super::message::Trailers;
use super::{
    Backend, CommitId, CommitInfo, EntryKind, NewCommit, StoreError, StoreResult, Tree, Turn, Unpublished, Walk,
    ancestry,
};

pub use housekeeping::ObjectCount;
pub use incoming::Incoming;
pub use objects::Durability;
pub use refs::check_name as check_ref_name;
pub use tree::GitTree;
pub use work_tree::Head;

use objects::{Moved, Writer};
use odb::Objects;
use refs::Refs;
use sharing::Sharing;

/// The ref that holds the tracker unless `jit.ref` names another.
pub const DEFAULT_REF: &str = "refs/jit";

/// The ref under which remotes share the tracker unless `jit.remoteRef` names another.
pub const DEFAULT_REMOTE_REF: &str = "refs/tracker/jit";

/// A git repository with a tracker, or with room for one.
pub struct GitStore {
    objects: Rc<Objects>,
    common_dir: PathBuf,
    state_dir: PathBuf,
    refs: Refs,
    durability: Durability,
    sharing: Sharing,
    /// The commits at which a shallow clone ends.
    cut: RefCell<Option<Rc<BTreeSet<ObjectId>>>>,
}

impl GitStore {
    /// Opens the repository that `start` lies in, or the one git's environment variables name.
    ///
    /// `git_dir` is the value of `GIT_DIR`, if it is set.
    pub fn open(start: &Path, git_dir: Option<&Path>) -> StoreResult<Self> {
        Self::open_at(start, git_dir, None)
    }

    /// Opens it as [`GitStore::open`] does, with another ref than the configured one.
    pub fn open_at(start: &Path, git_dir: Option<&Path>, ref_name: Option<&str>) -> StoreResult<Self> {
        let repo = locate::open(start, git_dir)?;
        let common_dir = locate::absolute(repo.common_dir());
        let config = repo.config_snapshot();
        let text = |key: &str| config.string(key).map(|value| value.to_str_lossy().into_owned());
        let reftable = match text("extensions.refStorage").as_deref() {
            None | Some("files") => false,
            Some("reftable") => true,
            Some(other) => {
                return Err(StoreError::Unsupported(format!("refs kept as `{other}` (extensions.refStorage)")));
            }
        };
        let name = ref_name.map(str::to_owned).or_else(|| text("jit.ref")).unwrap_or_else(|| DEFAULT_REF.to_owned());
        let durability = Durability::parse(text("jit.fsync").as_deref())?;
        let sharing = Sharing::parse(text("core.sharedRepository").as_deref());
        let state_dir = common_dir.join("jit");
        let git = Git::in_repository(&common_dir);
        let refs = Refs::new(&common_dir, &state_dir, &name, reftable.then_some(git), (durability, sharing))?;
        let objects = Rc::new(Objects::new(repo));
        Ok(Self { objects, common_dir, state_dir, refs, durability, sharing, cut: RefCell::default() })
    }

    fn repo(&self) -> &gix::Repository {
        self.objects.repo()
    }

    /// The value of a configuration key of git.
    pub fn config(&self, key: &str) -> Option<String> {
        self.repo().config_snapshot().string(key).map(|value| value.to_str_lossy().into_owned())
    }

    /// The name of the ref that holds the tracker.
    pub fn ref_name(&self) -> &str {
        self.refs.name()
    }

    /// The folder that all work trees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The folder of local state, which all work trees share and no fetch writes to.
    pub fn local_state(&self) -> &Path {
        &self.state_dir
    }

    /// Folders in which something changes when the tracker's ref does.
    pub fn folders_of_ref(&self) -> Vec<PathBuf> {
        self.refs.folders()
    }

    /// The top of the work tree; `None` in a bare repository.
    pub fn work_tree(&self) -> Option<PathBuf> {
        self.repo().workdir().map(locate::absolute)
    }

    /// git, to be run on this repository and work tree.
    pub fn git(&self) -> Git {
        let git_dir = locate::absolute(self.repo().git_dir());
        Git::in_work_tree(&git_dir, self.work_tree().as_deref())
    }

    /// Short names of refs that git would confuse with the tracker's when a person types `jit`.
    pub fn ambiguous_names(&self) -> Vec<String> {
        let taken = |name: &str| self.repo().try_find_reference(name).ok().flatten().is_some();
        ["refs/heads/jit", "refs/tags/jit", "refs/remotes/jit/HEAD"]
            .into_iter()
            .filter(|name| taken(name))
            .map(str::to_owned)
            .collect()
    }

    /// Writes the content of a file as an object, over a damaged one if need be.
    pub fn write_again(&self, content: Vec<u8>) -> StoreResult<()> {
        let mut writer = Writer::new(&self.objects, self.durability, self.sharing);
        writer.replace_blob(content)?;
        writer.write_out(&self.git())
    }

    /// Points the ref to a commit whatever it holds, to mend one that is broken.
    pub fn set_ref(&self, commit: &Unpublished) -> StoreResult<()> {
        self.refs.set(commit)
    }

    /// Commit ids the tracker's ref held before, newest first, from its reflog.
    pub fn earlier_tips(&self) -> Vec<CommitId> {
        self.refs.earlier_tips()
    }

    fn object_id(&self, id: &CommitId) -> StoreResult<ObjectId> {
        ObjectId::from_hex(id.0.as_bytes()).map_err(|_| StoreError::NoRevision(id.to_string()))
    }

    /// The commits from `from` back to `end`, which is left out, when there is no merge on the way and `end`
    /// is met. Each is read once.
    fn straight_back_to(&self, from: &CommitId, end: &CommitId) -> Option<Vec<CommitInfo>> {
        let mut commits = Vec::new();
        let mut next = from.clone();
        while next != *end {
            let info = self.info(&next).ok()?;
            let [parent] = info.parents.as_slice() else { return None };
            next = parent.clone();
            commits.push(info);
        }
        Some(commits)
    }

    /// The commits that a shallow clone has without their parents.
    fn cut(&self) -> Rc<BTreeSet<ObjectId>> {
        let read = || {
            let text = std::fs::read_to_string(self.common_dir.join("shallow")).unwrap_or_default();
            Rc::new(text.lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect())
        };
        self.cut.borrow_mut().get_or_insert_with(read).clone()
    }

    /// Looks anew at what a fetch may have changed.
    pub fn look_again(&self) {
        self.cut.take();
    }

    /// Whether a shallow clone has cut off a part of the tracker's history.
    pub fn is_cut_short(&self) -> bool {
        let is_tracker = |id: &ObjectId| {
            self.info(&CommitId(id.to_string())).is_ok_and(|info| Trailers::parse(&info.message).command.is_some())
        };
        self.cut().iter().any(is_tracker)
    }

    /// Whether this is a partial clone, in which any object may be missing.
    pub fn is_partial(&self) -> bool {
        self.config("extensions.partialClone").is_some()
            || self.remotes().iter().any(|name| self.config(&format!("remote.{name}.promisor")).is_some())
    }

    /// The names of the remotes, sorted.
    pub fn remotes(&self) -> Vec<String> {
        self.repo().remote_names().iter().map(|name| name.to_str_lossy().into_owned()).collect()
    }

    /// Every value of a configuration key of git that may have several.
    pub fn config_values(&self, key: &str) -> Vec<String> {
        let snapshot = self.repo().config_snapshot();
        let values = snapshot.plumbing().strings(key).unwrap_or_default();
        values.iter().map(|value| value.to_str_lossy().into_owned()).collect()
    }

    fn describe(&self, id: ObjectId, data: &[u8]) -> StoreResult<CommitInfo> {
        let object = format!("commit {id}");
        let unreadable = |why: String| StoreError::Unreadable(super::codec::unreadable(&object, why));
        let commit = gix::objs::CommitRef::from_bytes(data, id.kind()).map_err(|why| unreadable(why.to_string()))?;
        let message = commit.message.to_str_lossy().into_owned();
        let committed = || {
            let seconds = commit.committer().ok()?.time().ok()?.seconds;
            Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
        };
        let time = Trailers::parse(&message)
            .time
            .or_else(committed)
            .ok_or_else(|| unreadable("its time cannot be read".to_owned()))?;
        let id_of = |parent: ObjectId| CommitId(parent.to_string());
        // What a shallow clone cut off is as good as never been, as it is for git.
        let parents = if self.cut().contains(&id) { Vec::new() } else { commit.parents().map(id_of).collect() };
        Ok(CommitInfo { id: CommitId(id.to_string()), parents, message, time })
    }

    /// What stands at the paths that `moves` lead away from.
    fn moved(&self, base: ObjectId, moves: Vec<(String, String)>) -> StoreResult<Vec<Moved>> {
        let tree = GitTree::new(self.objects.clone(), base);
        // Nothing but a file is moved: it is a file that will stand there.
        let found = moves.into_iter().filter_map(|(from, to)| match tree.entry(&from) {
            Ok(entry) => {
                entry.filter(|entry| entry.kind == EntryKind::File).map(|entry| Ok(Moved { id: entry.id, from, to }))
            }
            Err(why) => Some(Err(why.into())),
        });
        found.collect()
    }

    /// Makes the objects of a commit in memory.
    fn build(&self, commit: NewCommit<'_>) -> StoreResult<(Writer<'_>, Unpublished)> {
        let mut writer = Writer::new(&self.objects, self.durability, self.sharing);
        let base = commit.parent.map(|parent| self.tree_of(parent)).transpose()?;
        let parents = commit.parent.into_iter().chain(&commit.joined).map(|id| self.object_id(id));
        let parents = parents.collect::<StoreResult<Vec<ObjectId>>>()?;
        let moved = base.map(|base| self.moved(base, commit.moves)).transpose()?.unwrap_or_default();
        let tree = writer.tree(base, commit.files, moved)?;
        let id = writer.commit(tree, parents, &commit.author, commit.time, &commit.message)?;
        let subject = commit.message.lines().next().unwrap_or("").to_owned();
        let (id, parent) = (CommitId(id.to_string()), commit.parent.cloned());
        Ok((writer, Unpublished { id, parent, subject, author: commit.author, time: commit.time }))
    }

    fn tree_of(&self, commit: &CommitId) -> StoreResult<ObjectId> {
        let id = self.object_id(commit)?;
        let object = self.objects.read(&id).ok().filter(|object| object.0 == gix::objs::Kind::Commit);
        let tree = object.and_then(|(_, data)| gix::objs::CommitRefIter::from_bytes(&data, id.kind()).tree_id().ok());
        tree.ok_or_else(|| {
            let why = "is missing or damaged";
            StoreError::Unreadable(super::codec::unreadable(&format!("commit {id}"), why))
        })
    }
}

impl Backend for GitStore {
    type Tree = GitTree;

    fn tip(&self) -> StoreResult<Option<CommitId>> {
        self.refs.read()
    }

    fn tree(&self, commit: &CommitId) -> StoreResult<GitTree> {
        Ok(GitTree::new(self.objects.clone(), self.tree_of(commit)?))
    }

    fn info(&self, commit: &CommitId) -> StoreResult<CommitInfo> {
        let id = self.object_id(commit)?;
        match self.objects.read(&id) {
            Ok((gix::objs::Kind::Commit, data)) => self.describe(id, &data),
            _ => Err(StoreError::NoRevision(commit.to_string())),
        }
    }

    fn walk(
        &self,
        from: &CommitId,
        hidden: Option<&CommitId>,
        visit: &mut dyn FnMut(CommitInfo) -> StoreResult<Walk>,
    ) -> StoreResult<()> {
        if let Some(hidden) = hidden {
            return match self.straight_back_to(from, hidden) {
                Some(commits) => {
                    for info in commits {
                        if visit(info)? == Walk::Stop {
                            break;
                        }
                    }
                    Ok(())
                }
                None => ancestry::walk(&|id| self.info(id), from, std::slice::from_ref(hidden), visit),
            };
        }
        // A history without merges is followed from parent to parent, each commit read once.
        let mut info = self.info(from)?;
        loop {
            let parent = match info.parents.as_slice() {
                [] => None,
                [parent] => Some(parent.clone()),
                _ => return ancestry::walk(&|id| self.info(id), &info.id, &[], visit),
            };
            if visit(info)? == Walk::Stop {
                return Ok(());
            }
            let Some(parent) = parent else { return Ok(()) };
            info = self.info(&parent).map_err(|_| missing_commit(&parent))?;
        }
    }

    fn resolve(&self, revision: &str) -> StoreResult<CommitId> {
        let id = self
            .repo()
            .rev_parse_single(revision)
            .ok()
            .and_then(|id| id.object().ok()?.peel_to_kind(gix::objs::Kind::Commit).ok())
            .map(|commit| commit.id);
        id.map(|id| CommitId(id.to_string())).ok_or_else(|| StoreError::NoRevision(revision.to_owned()))
    }

    fn state_dir(&self) -> Option<&Path> {
        Some(&self.state_dir)
    }

    fn queue(&self) -> StoreResult<Box<dyn Turn>> {
        if !self.state_dir.is_dir() {
            // A failure shows itself when the queue is taken.
            let _ = std::fs::create_dir_all(&self.state_dir);
            self.sharing.folder(&self.state_dir);
        }
        Ok(Box::new(queue::wait(&self.state_dir)?))
    }

    fn write(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished> {
        let (writer, unpublished) = self.build(commit)?;
        writer.write_out(&self.git())?;
        steps::reached("objects-written");
        Ok(unpublished)
    }

    fn same_files(&self, one: &CommitId, other: &CommitId) -> StoreResult<bool> {
        Ok(self.tree_of(one)? == self.tree_of(other)?)
    }

    fn imagine(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished> {
        let (writer, unpublished) = self.build(commit)?;
        writer.keep_in_mind();
        Ok(unpublished)
    }

    fn publish(&self, commit: Unpublished) -> StoreResult<CommitId> {
        self.refs.swap(&commit)?;
        Ok(commit.id)
    }
}

fn missing_commit(id: &CommitId) -> StoreError {
    StoreError::Unreadable(super::codec::unreadable(&format!("commit {id}"), "is missing: the history is not whole"))
}
