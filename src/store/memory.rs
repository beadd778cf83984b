//! Commits kept in memory: for laws and simulations.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use uuid::Uuid;

use crate::domain::snapshot::Read;

use super::message::Trailers;
use super::{
    Backend, CommitId, CommitInfo, Difference, Entry, EntryKind, FileChange, NewCommit, StoreError, StoreResult, Tree,
    Turn, Unpublished, Walk, ancestry,
};

type Files = BTreeMap<String, Vec<u8>>;

type Commits = BTreeMap<CommitId, (CommitInfo, Rc<Files>)>;

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tip: Rc<RefCell<Option<CommitId>>>,
    commits: Rc<RefCell<Commits>>,
}

/// The files of a commit in memory.
#[derive(Clone)]
pub struct MemoryTree(Rc<Files>);

struct NoTurn;
impl Turn for NoTurn {}

impl MemoryStore {
    /// A store with a ref of its own and the same commits, as if everything had been fetched.
    pub fn apart(&self) -> Self {
        Self { tip: Rc::new(RefCell::new(self.tip.borrow().clone())), commits: self.commits.clone() }
    }

    /// From now on knows the commits of `other` too, and the other way round.
    pub fn share_with(&mut self, other: &Self) {
        other.commits.borrow_mut().append(&mut self.commits.borrow_mut());
        self.commits = other.commits.clone();
    }

    fn commit(&self, id: &CommitId) -> StoreResult<(CommitInfo, Rc<Files>)> {
        self.commits.borrow().get(id).cloned().ok_or_else(|| StoreError::NoRevision(id.to_string()))
    }
}

impl Backend for MemoryStore {
    type Tree = MemoryTree;

    fn tip(&self) -> StoreResult<Option<CommitId>> {
        Ok(self.tip.borrow().clone())
    }

    fn tree(&self, commit: &CommitId) -> StoreResult<MemoryTree> {
        Ok(MemoryTree(self.commit(commit)?.1))
    }

    fn info(&self, commit: &CommitId) -> StoreResult<CommitInfo> {
        Ok(self.commit(commit)?.0)
    }

    fn walk(
        &self,
        from: &CommitId,
        hidden: Option<&CommitId>,
        visit: &mut dyn FnMut(CommitInfo) -> StoreResult<Walk>,
    ) -> StoreResult<()> {
        ancestry::walk(&|id| self.info(id), from, hidden.map_or(&[], std::slice::from_ref), visit)
    }

    fn resolve(&self, revision: &str) -> StoreResult<CommitId> {
        self.commit(&CommitId(revision.to_owned())).map(|(info, _)| info.id)
    }

    fn state_dir(&self) -> Option<&Path> {
        None
    }

    fn queue(&self) -> StoreResult<Box<dyn Turn>> {
        Ok(Box::new(NoTurn))
    }

    fn write(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished> {
        let mut files: Files = match commit.parent {
            Some(parent) => (*self.commit(parent)?.1).clone(),
            None => Files::new(),
        };
        for FileChange { path, content } in commit.files {
            match content {
                Some(content) => files.insert(path, content),
                None => {
                    files.retain(|file, _| file.strip_prefix(&path).is_none_or(|rest| !rest.starts_with('/')));
                    files.remove(&path)
                }
            };
        }
        for (from, to) in commit.moves {
            files.remove(&from).and_then(|content| files.insert(to, content));
        }
        let parents: Vec<CommitId> = commit.parent.into_iter().chain(&commit.joined).cloned().collect();
        let identity = format!("{parents:?}\n{}\n{files:?}", commit.message);
        let id = CommitId(Uuid::new_v5(&Uuid::NAMESPACE_OID, identity.as_bytes()).simple().to_string());
        let subject = commit.message.lines().next().unwrap_or("").to_owned();
        let time = Trailers::parse(&commit.message).time.unwrap_or(commit.time);
        let info = CommitInfo { id: id.clone(), parents, message: commit.message, time };
        self.commits.borrow_mut().insert(id.clone(), (info, Rc::new(files)));
        Ok(Unpublished { id, parent: commit.parent.cloned(), subject, author: commit.author, time: commit.time })
    }

    fn same_files(&self, one: &CommitId, other: &CommitId) -> StoreResult<bool> {
        Ok(self.commit(one)?.1 == self.commit(other)?.1)
    }

    fn imagine(&self, commit: NewCommit<'_>) -> StoreResult<Unpublished> {
        self.write(commit)
    }

    fn publish(&self, commit: Unpublished) -> StoreResult<CommitId> {
        let mut tip = self.tip.borrow_mut();
        if *tip != commit.parent {
            return Err(StoreError::Moved);
        }
        *tip = Some(commit.id.clone());
        Ok(commit.id)
    }
}

impl Tree for MemoryTree {
    type Id = Vec<u8>;

    fn empty(&self) -> Self {
        Self(Rc::default())
    }

    fn entry(&self, path: &str) -> Read<Option<Entry<Vec<u8>>>> {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        Ok(self.0.get(path).map(|content| Entry { name, kind: EntryKind::File, id: content.clone() }))
    }

    fn list(&self, path: &str) -> Read<Vec<Entry<Vec<u8>>>> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut entries: Vec<Entry<Vec<u8>>> = Vec::new();
        for (file, content) in self.0.range(below.clone()..) {
            let Some(rest) = file.strip_prefix(&below) else { break };
            let (name, kind) = match rest.split_once('/') {
                Some((folder, _)) => (folder, EntryKind::Folder),
                None => (rest, EntryKind::File),
            };
            if entries.last().is_none_or(|last| last.name != name) {
                entries.push(Entry { name: name.to_owned(), kind, id: content.clone() });
            }
        }
        Ok(entries)
    }

    fn read(&self, _path: &str, id: &Vec<u8>) -> Read<Vec<u8>> {
        Ok(id.clone())
    }

    fn id_of(&self, content: &[u8]) -> Vec<u8> {
        content.to_vec()
    }

    fn diff(&self, newer: &Self, path: &str) -> Read<Vec<Difference<Vec<u8>>>> {
        let below = format!("{path}/");
        let paths: std::collections::BTreeSet<&String> = self.0.keys().chain(newer.0.keys()).collect();
        Ok(paths
            .into_iter()
            .filter(|path| path.starts_with(&below) && self.0.get(*path) != newer.0.get(*path))
            .map(|path| Difference {
                path: path.clone(),
                old: self.0.get(path).cloned(),
                new: newer.0.get(path).cloned(),
            })
            .collect())
    }

    fn mark(&self, path: &str) -> Read<Option<String>> {
        let name = format!("{:?}", self.list(path)?);
        Ok((!self.list(path)?.is_empty()).then(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()))
    }

    fn since(&self, path: &str, _mark: &str) -> Read<Vec<Difference<Vec<u8>>>> {
        Err(super::codec::unreadable(path, "has no name to tell it by"))
    }
}
