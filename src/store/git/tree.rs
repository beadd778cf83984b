//! The tree of a commit, read object by object.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::tree::{EntryMode, EntryRef};
use gix::objs::{Kind, TreeRefIter};

use crate::domain::snapshot::{Read, Unreadable};
use crate::store::codec::unreadable;
use crate::store::{Difference, Entry, EntryKind, Tree};

use super::odb::Objects;

/// The files of a commit in a repository. Folders that were looked into are remembered.
pub struct GitTree {
    objects: Rc<Objects>,
    root: ObjectId,
    folders: RefCell<BTreeMap<String, Option<Rc<Vec<u8>>>>>,
}

impl GitTree {
    /// The tree `root`.
    pub fn new(objects: Rc<Objects>, root: ObjectId) -> Self {
        Self { objects, root, folders: RefCell::default() }
    }

    /// The raw content of the folder at `path`; `None` when there is no such folder.
    fn folder(&self, path: &str) -> Read<Option<Rc<Vec<u8>>>> {
        if let Some(known) = self.folders.borrow().get(path) {
            return Ok(known.clone());
        }
        if self.root.is_empty_tree() {
            // Not every repository has an object for it.
            return Ok((path.is_empty()).then(Rc::default));
        }
        let id = match path {
            "" => Some(self.root),
            _ => self.entry(path)?.filter(|entry| entry.kind == EntryKind::Folder).map(|entry| entry.id),
        };
        let content = match id {
            Some(id) => Some(self.object(path, &id, Kind::Tree)?),
            None => None,
        };
        self.folders.borrow_mut().insert(path.to_owned(), content.clone());
        Ok(content)
    }

    fn object(&self, path: &str, id: &ObjectId, kind: Kind) -> Read<Rc<Vec<u8>>> {
        let (found, content) = self.objects.read(id).map_err(|why| unreadable(&name(path, id), why))?;
        if found != kind {
            return Err(unreadable(&name(path, id), format!("is a {found}, not a {kind}")));
        }
        Ok(content)
    }

    fn entries<'a>(&self, path: &'a str, content: &'a [u8]) -> impl Iterator<Item = Read<EntryRef<'a>>> + use<'a> {
        TreeRefIter::from_bytes(content, self.root.kind())
            .map(move |entry| entry.map_err(|why| unreadable(path, format!("is a damaged folder: {why}"))))
    }
}

fn name(path: &str, id: &ObjectId) -> String {
    if path.is_empty() { id.to_string() } else { format!("{path} ({id})") }
}

fn entry_kind(mode: EntryMode) -> EntryKind {
    match mode.kind() {
        gix::objs::tree::EntryKind::Tree => EntryKind::Folder,
        gix::objs::tree::EntryKind::Blob => EntryKind::File,
        _ => EntryKind::Other,
    }
}

impl Tree for GitTree {
    type Id = ObjectId;

    fn empty(&self) -> Self {
        Self::new(self.objects.clone(), ObjectId::empty_tree(self.root.kind()))
    }

    fn entry(&self, path: &str) -> Read<Option<Entry<ObjectId>>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(content) = self.folder(folder)? else { return Ok(None) };
        for entry in self.entries(folder, &content) {
            let entry = entry?;
            if entry.filename == name {
                let kind = entry_kind(entry.mode);
                return Ok(Some(Entry { name: name.to_owned(), kind, id: entry.oid.to_owned() }));
            }
        }
        Ok(None)
    }

    fn list(&self, path: &str) -> Read<Vec<Entry<ObjectId>>> {
        let Some(content) = self.folder(path)? else { return Ok(Vec::new()) };
        self.entries(path, &content)
            .map(|entry| {
                let entry = entry?;
                Ok(Entry {
                    name: entry.filename.to_str_lossy().into_owned(),
                    kind: entry_kind(entry.mode),
                    id: entry.oid.to_owned(),
                })
            })
            .collect()
    }

    fn read(&self, path: &str, id: &ObjectId) -> Read<Vec<u8>> {
        let content = self.object(path, id, Kind::Blob)?;
        Ok(Rc::try_unwrap(content).unwrap_or_else(|shared| (*shared).clone()))
    }

    fn id_of(&self, content: &[u8]) -> ObjectId {
        super::objects::hash(self.objects.repo(), Kind::Blob, content)
            .unwrap_or_else(|_| ObjectId::null(self.root.kind()))
    }

    fn diff(&self, newer: &Self, path: &str) -> Read<Vec<Difference<ObjectId>>> {
        let mut found = Vec::new();
        compare(self, newer, path, &mut found)?;
        Ok(found)
    }

    fn mark(&self, path: &str) -> Read<Option<String>> {
        Ok(self.entry(path)?.filter(|entry| entry.kind == EntryKind::Folder).map(|entry| entry.id.to_string()))
    }

    fn since(&self, path: &str, mark: &str) -> Read<Vec<Difference<ObjectId>>> {
        let id = ObjectId::from_hex(mark.as_bytes()).map_err(|why| unreadable(mark, why.to_string()))?;
        if self.entry(path)?.is_some_and(|entry| entry.id == id) {
            return Ok(Vec::new());
        }
        let old = Self::new(self.objects.clone(), self.root);
        let content = old.object(path, &id, Kind::Tree)?;
        old.folders.borrow_mut().insert(path.to_owned(), Some(content));
        old.diff(self, path)
    }
}

/// Collects the paths that differ below `path`, looking only into folders that differ themselves.
///
/// Both lists are in git's order, so they are walked side by side. What is a file here and a folder there
/// stands at two places and is told as two differences.
fn compare(old: &GitTree, new: &GitTree, path: &str, found: &mut Vec<Difference<ObjectId>>) -> Result<(), Unreadable> {
    let content = |tree: &GitTree| Ok(tree.folder(path)?.unwrap_or_default());
    let (before, after) = (content(old)?, content(new)?);
    let (mut before, mut after) = (old.entries(path, &before).peekable(), new.entries(path, &after).peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return Ok(()),
            (Some(Err(why)), _) | (_, Some(Err(why))) => return Err(why.clone()),
            (Some(Ok(_)), None) => Ordering::Less,
            (None, Some(Ok(_))) => Ordering::Greater,
            (Some(Ok(was)), Some(Ok(is))) => was.cmp(is),
        };
        let was = if order.is_le() { before.next().transpose()? } else { None };
        let is = if order.is_ge() { after.next().transpose()? } else { None };
        let same = was.zip(is).is_some_and(|(was, is)| was.oid == is.oid && was.mode.kind() == is.mode.kind());
        let Some(either) = was.or(is).filter(|_| !same) else { continue };
        let path = format!("{path}/{}", either.filename.to_str_lossy());
        if either.mode.is_tree() {
            compare(old, new, &path, found)?;
        } else {
            let file = |entry: Option<EntryRef<'_>>| {
                entry.filter(|entry| entry_kind(entry.mode) == EntryKind::File).map(|entry| entry.oid.to_owned())
            };
            found.push(Difference { path, old: file(was), new: file(is) });
        }
    }
}
