//! Writing objects: first in memory, then to disk all at once.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::{Compress, Compression, FlushCompress, Status};
use gix::ObjectId;
use gix::objs::{Kind, Tree, TreeRef, WriteTo};
use rustix::fs::{Timespec, Timestamps};

use crate::domain::time::Timestamp;
use crate::git_process::Git;
use crate::store::{FileChange, StoreError, StoreResult};

use super::odb::Objects;
use super::pack::WORTH_A_PACK;
use super::sharing::Sharing;

/// How hard a change is pressed onto the disk before it counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Left to the system, as git does by default.
    Off,
    /// Objects are handed to the disk, then the ref and its folder are synced.
    Batch,
    /// Every object is synced by itself.
    Full,
}

impl Durability {
    /// Reads the configuration value `jit.fsync`.
    pub fn parse(text: Option<&str>) -> StoreResult<Self> {
        match text {
            None | Some("batch") => Ok(Self::Batch),
            Some("full") => Ok(Self::Full),
            Some("off") => Ok(Self::Off),
            Some(other) => Err(StoreError::BadConfig {
                key: "jit.fsync".to_owned(),
                value: other.to_owned(),
                why: "write off, batch or full".to_owned(),
            }),
        }
    }
}

/// A file that stands elsewhere afterwards.
pub struct Moved {
    /// Its content.
    pub id: ObjectId,
    /// Where it stands.
    pub from: String,
    /// Where it will stand.
    pub to: String,
}

fn parts(path: &str) -> impl Iterator<Item = &gix::bstr::BStr> {
    path.split('/').map(gix::bstr::BStr::new)
}

/// Objects of one change, not yet on disk.
pub struct Writer<'r> {
    objects: &'r Objects,
    durability: Durability,
    sharing: Sharing,
    new: BTreeMap<ObjectId, (Kind, Vec<u8>)>,
}

impl<'r> Writer<'r> {
    /// Begins a change.
    pub fn new(objects: &'r Objects, durability: Durability, sharing: Sharing) -> Self {
        Self { objects, durability, sharing, new: BTreeMap::new() }
    }

    fn add(&mut self, kind: Kind, data: Vec<u8>) -> StoreResult<ObjectId> {
        let id = hash(self.objects.repo(), kind, &data)?;
        self.new.insert(id, (kind, data));
        Ok(id)
    }

    /// Adds a file's content.
    pub fn blob(&mut self, content: Vec<u8>) -> StoreResult<ObjectId> {
        self.add(Kind::Blob, content)
    }

    /// Adds a file's content whose object is damaged: what stands in its place is taken away first.
    pub fn replace_blob(&mut self, content: Vec<u8>) -> StoreResult<ObjectId> {
        let id = self.add(Kind::Blob, content)?;
        let path = loose_path(self.objects.folder(), &id);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io { doing: format!("replacing the object {id}"), source: why })
            }
            _ => Ok(id),
        }
    }

    /// Puts `files` into the tree `base`, or into an empty one; content `None` takes a file away.
    pub fn tree(&mut self, base: Option<ObjectId>, files: Vec<FileChange>, moved: Vec<Moved>) -> StoreResult<ObjectId> {
        let internal = |why: String| StoreError::Internal(anyhow::anyhow!("editing a tree: {why}"));
        let root = match base {
            Some(id) => self.read_tree(id)?,
            None => Tree::empty(),
        };
        let kind = self.objects.repo().object_hash();
        let mut editor = gix::objs::tree::Editor::new(root, self.objects, kind);
        for Moved { id, from, to } in moved {
            editor.remove(parts(&from)).map_err(|why| internal(why.to_string()))?;
            editor.upsert(parts(&to), gix::objs::tree::EntryKind::Blob, id).map_err(|why| internal(why.to_string()))?;
        }
        for FileChange { path, content } in files {
            let parts = || parts(&path);
            match content {
                Some(content) => {
                    let blob = self.add(Kind::Blob, content)?;
                    editor
                        .upsert(parts(), gix::objs::tree::EntryKind::Blob, blob)
                        .map_err(|why| internal(why.to_string()))?;
                }
                None => {
                    editor.remove(parts()).map_err(|why| internal(why.to_string()))?;
                }
            }
        }
        let mut trees = Vec::new();
        let root = editor
            .write(|tree| {
                let mut data = Vec::new();
                tree.write_to(&mut data)?;
                let id = gix::objs::compute_hash(kind, Kind::Tree, &data).map_err(std::io::Error::other)?;
                trees.push((id, data));
                Ok::<_, std::io::Error>(id)
            })
            .map_err(|why| internal(why.to_string()))?;
        self.new.extend(trees.into_iter().map(|(id, data)| (id, (Kind::Tree, data))));
        Ok(root)
    }

    fn read_tree(&self, id: ObjectId) -> StoreResult<Tree> {
        let unreadable =
            |why: String| StoreError::Unreadable(crate::store::codec::unreadable(&format!("tree {id}"), why));
        let (_, data) = self.objects.read(&id).map_err(unreadable)?;
        let tree = TreeRef::from_bytes(&data, id.kind()).map_err(|why| unreadable(why.to_string()))?;
        Ok(tree.into())
    }

    /// Adds the commit itself.
    pub fn commit(
        &mut self,
        tree: ObjectId,
        parents: Vec<ObjectId>,
        author: &(String, String),
        time: Timestamp,
        message: &str,
    ) -> StoreResult<ObjectId> {
        let signature = gix::actor::Signature {
            name: author.0.as_str().into(),
            email: author.1.as_str().into(),
            time: gix::date::Time::new(time.seconds(), 0),
        };
        let commit = gix::objs::Commit {
            tree,
            parents: parents.into(),
            author: signature.clone(),
            committer: signature,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        let mut data = Vec::new();
        commit.write_to(&mut data).map_err(|why| StoreError::Internal(anyhow::anyhow!("writing a commit: {why}")))?;
        self.add(Kind::Commit, data)
    }

    /// Leaves everything in memory, for this process alone.
    pub fn keep_in_mind(self) {
        for (id, (kind, data)) in self.new {
            self.objects.insist_on(id, (kind, Rc::new(data)));
        }
    }

    /// Writes everything out: loose objects, or one pack when they are many.
    pub fn write_out(self, git: &Git) -> StoreResult<()> {
        if self.new.len() >= WORTH_A_PACK {
            let objects = self.new.values().map(|(kind, data)| (*kind, data.as_slice()));
            git.take_pack(&super::pack::build(self.objects.repo().object_hash(), objects)?)?;
            for (id, (kind, data)) in self.new {
                self.objects.remember(id, (kind, Rc::new(data)));
            }
            return Ok(());
        }
        let mut deflate = Compress::new(Compression::fast(), true);
        for (id, (kind, data)) in self.new {
            let path = loose_path(self.objects.folder(), &id);
            let keep = (self.durability, self.sharing);
            write_loose(&path, kind, &data, keep, &mut deflate)
                .map_err(StoreError::io(format!("writing the object {id}")))?;
            self.objects.remember(id, (kind, Rc::new(data)));
        }
        Ok(())
    }
}

/// The file of a loose object.
pub fn loose_path(objects: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    objects.join(&hex[..2]).join(&hex[2..])
}

/// Tells the kernel to set both times to its own clock.
const NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
    last_modification: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
};

/// The id of an object with this content.
pub fn hash(repo: &gix::Repository, kind: Kind, data: &[u8]) -> StoreResult<ObjectId> {
    gix::objs::compute_hash(repo.object_hash(), kind, data)
        .map_err(|why| StoreError::Internal(anyhow::anyhow!("hashing an object: {why}")))
}

/// Writes one object, unless it is there: then it is made young again, so that no running prune takes it.
///
/// The temporary file is called `tmp_obj_…`, as git's are, so that `git gc` clears away what a kill leaves.
fn write_loose(
    path: &Path,
    kind: Kind,
    data: &[u8],
    (durability, sharing): (Durability, Sharing),
    deflate: &mut Compress,
) -> std::io::Result<()> {
    if let Ok(file) = File::open(path) {
        // Failing to touch it leaves its age as it is, which matters only beside a prune.
        let _ = rustix::fs::futimens(&file, &NOW);
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let temporary =
        || tempfile::Builder::new().prefix("tmp_obj_").permissions(Permissions::from_mode(0o444)).tempfile_in(folder);
    let mut file = insist(folder, sharing, temporary)?;
    file.write_all(&pack(kind, data, deflate)?)?;
    hand_to_disk(file.as_file(), durability)?;
    file.persist(path).map_err(|why| why.error)?;
    Ok(())
}

/// The content of an object's file.
fn pack(kind: Kind, data: &[u8], deflate: &mut Compress) -> std::io::Result<Vec<u8>> {
    let mut whole = gix::objs::encode::loose_header(kind, data.len() as u64).to_vec();
    whole.extend_from_slice(data);
    deflate.reset();
    // The longest that data which cannot be compressed becomes, and room for the frame.
    let mut packed = Vec::with_capacity(whole.len() + whole.len() / 1000 + 256);
    loop {
        let read = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        match deflate.compress_vec(&whole[read..], &mut packed, FlushCompress::Finish)? {
            Status::StreamEnd => return Ok(packed),
            Status::Ok | Status::BufError => packed.reserve(4096),
        }
    }
}

/// Makes a file in `folder`, and the folder where it is missing: `git gc` takes empty ones away, also
/// between the making and the use.
fn insist<T>(folder: &Path, sharing: Sharing, make: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    for _ in 0..100 {
        match make() {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                sharing.folder(folder);
            }
            made => return made,
        }
    }
    make()
}

/// Starts or finishes bringing a file's content to the disk.
///
/// For [`Durability::Batch`] the kernel is told to begin writing; the sync of the ref that follows then
/// waits for it on file systems that order data before metadata, as git's own batch mode relies on.
fn hand_to_disk(file: &File, durability: Durability) -> std::io::Result<()> {
    match durability {
        Durability::Off => Ok(()),
        Durability::Batch => {
            #[cfg(target_os = "linux")]
            rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?;
            Ok(())
        }
        Durability::Full => file.sync_data(),
    }
}
