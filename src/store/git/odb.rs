//! Reading objects: from what this process knows already, from loose files, from packs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};
use gix::ObjectId;
use gix::objs::Kind;
use gix::odb::pack::cache::lru::MemoryCappedHashmap;
use gix::prelude::{FindExt, HeaderExt};

use crate::domain::limits::OBJECT_BYTES;

use super::objects::loose_path;

/// Bytes of objects that are remembered: enough for a change and its mirror, little beside a scan.
const REMEMBERED: usize = 2 << 20;
/// Bytes of packed objects that are kept because others are stored as differences from them.
const CHAINS: usize = 32 << 20;
/// After this many misses packs are asked first; what is not in them is still found in a file.
const MANY_MISSES: u32 = 16;
/// No header of a loose object is longer.
const LONGEST_HEADER: usize = 64;

/// An object's kind and content.
pub type Object = (Kind, Rc<Vec<u8>>);

/// The objects of a repository. Objects never change, so what was read or written once is kept.
pub struct Objects {
    repo: gix::Repository,
    loose: PathBuf,
    known: RefCell<BTreeMap<ObjectId, Object>>,
    room: Cell<usize>,
    /// How many objects in a row were in no file of their own.
    misses: Cell<u32>,
}

impl Objects {
    /// The objects of `repo`.
    pub fn new(mut repo: gix::Repository) -> Self {
        // Documents of one kind are alike, so packs hold them in long chains of differences.
        repo.objects.set_pack_cache(|| Box::new(MemoryCappedHashmap::new(CHAINS)));
        let loose = repo.objects.store_ref().path().to_owned();
        Self { repo, loose, known: RefCell::default(), room: Cell::new(REMEMBERED), misses: Cell::new(0) }
    }

    /// The repository.
    pub fn repo(&self) -> &gix::Repository {
        &self.repo
    }

    /// The folder of loose objects.
    pub fn folder(&self) -> &PathBuf {
        &self.loose
    }

    /// Keeps an object in mind, as long as there is room.
    pub fn remember(&self, id: ObjectId, object: Object) {
        let left = self.room.get().checked_sub(object.1.len());
        if let Some(left) = left {
            self.room.set(left);
            self.known.borrow_mut().insert(id, object);
        }
    }

    /// Keeps an object in mind that is nowhere else.
    pub fn insist_on(&self, id: ObjectId, object: Object) {
        self.known.borrow_mut().insert(id, object);
    }

    /// The object called `id`. The size it claims is checked before anything of that size is made.
    pub fn read(&self, id: &ObjectId) -> Result<Object, String> {
        if let Some(known) = self.known.borrow().get(id) {
            return Ok(known.clone());
        }
        let loose = if self.misses.get() < MANY_MISSES { self.read_loose(id) } else { None };
        self.misses.set(if loose.is_some() { 0 } else { self.misses.get().saturating_add(1) });
        let object = match loose {
            Some(read) => read.map_err(|why| format!("cannot be read: {why}"))?,
            None => self.read_packed(id)?,
        };
        let object = (object.0, Rc::new(object.1));
        self.remember(*id, object.clone());
        Ok(object)
    }

    fn read_packed(&self, id: &ObjectId) -> Result<(Kind, Vec<u8>), String> {
        let mut buffer = Vec::new();
        // gix itself refuses to take much memory for one object; see `locate`.
        match self.repo.objects.find(id, &mut buffer).map(|found| found.kind) {
            Ok(kind) => check_size(buffer.len()).map(|()| (kind, buffer)),
            Err(why) => {
                let size = self.repo.objects.header(id).map_or(0, |header| header.size());
                check_size(usize::try_from(size).unwrap_or(usize::MAX))?;
                Err(format!("cannot be read: {why}"))
            }
        }
    }

    /// The object in its own file; `None` when there is no such file here.
    fn read_loose(&self, id: &ObjectId) -> Option<Result<(Kind, Vec<u8>), String>> {
        let read = std::fs::File::open(loose_path(&self.loose, id)).and_then(|file| {
            let mut bytes = Vec::with_capacity(1024);
            // What is compressed is hardly longer than what it holds.
            file.take(OBJECT_BYTES as u64 + 4096).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => Some(inflate(&bytes)),
            Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(why) => Some(Err(why.to_string())),
        }
    }
}

/// For gix's tree editor, so that it finds what is known already.
impl gix::prelude::Find for Objects {
    fn try_find<'a>(&self, id: &gix::oid, buffer: &'a mut Vec<u8>) -> gix::Result<Option<gix::objs::Data<'a>>> {
        let (kind, content) = match self.read(&id.to_owned()) {
            Ok(object) => object,
            Err(_) => return self.repo.objects.try_find(id, buffer),
        };
        buffer.clear();
        buffer.extend_from_slice(&content);
        Ok(Some(gix::objs::Data { kind, object_hash: id.kind(), data: buffer }))
    }
}

fn check_size(size: usize) -> Result<(), String> {
    if size > OBJECT_BYTES {
        return Err(format!("has {size} bytes, more than {OBJECT_BYTES}"));
    }
    Ok(())
}

/// Unpacks a loose object: `KIND SIZE\0CONTENT`, compressed.
fn inflate(bytes: &[u8]) -> Result<(Kind, Vec<u8>), String> {
    let damaged = |why: &str| format!("is damaged: {why}");
    let mut stream = Decompress::new(true);
    let mut start = [0; LONGEST_HEADER];
    step(&mut stream, bytes, &mut start, FlushDecompress::None).map_err(|why| damaged(&why.to_string()))?;
    let got = usize::try_from(stream.total_out()).unwrap_or(usize::MAX);
    let (kind, size, header) =
        gix::objs::decode::loose_header(&start[..got]).map_err(|why| damaged(&why.to_string()))?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    check_size(size)?;
    // One byte more than it claims, to see whether it is longer.
    let mut content = vec![0; size + 1];
    let first = (got - header).min(size + 1);
    content[..first].copy_from_slice(&start[header..header + first]);
    let mut filled = first;
    while filled <= size {
        let read = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let before = stream.total_out();
        let status = step(&mut stream, &bytes[read..], &mut content[filled..], FlushDecompress::Finish)
            .map_err(|why| damaged(&why.to_string()))?;
        let more = usize::try_from(stream.total_out() - before).unwrap_or(usize::MAX);
        filled += more;
        if status == Status::StreamEnd || more == 0 {
            break;
        }
    }
    if filled != size {
        return Err(damaged("it is not as long as it claims"));
    }
    content.truncate(size);
    Ok((kind, content))
}

fn step(stream: &mut Decompress, input: &[u8], output: &mut [u8], flush: FlushDecompress) -> io::Result<Status> {
    stream.decompress(input, output, flush).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory can be written");
        encoder.finish().expect("memory can be written")
    }

    #[test]
    fn a_loose_object_is_unpacked_whatever_its_size() {
        for size in [0, 1, 55, 56, 57, 63, 64, 65, 1000, 100_000] {
            let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let mut whole = format!("blob {size}\0").into_bytes();
            whole.extend(&content);
            assert_eq!(inflate(&packed(&whole)), Ok((Kind::Blob, content)), "{size}");
        }
    }

    #[test]
    fn a_loose_object_that_lies_about_its_size_is_refused() {
        for lie in
            ["blob 2147483648\0x", "blob 99999999999999999999\0x", "blob 2\0x", "blob 1\0xyz", "blob x\0", "", "blob 3"]
        {
            assert!(inflate(&packed(lie.as_bytes())).is_err(), "{lie:?}");
        }
        assert!(inflate(b"").is_err() && inflate(b"rubbish").is_err());
        let whole = packed(b"blob 1000\0x");
        assert!(inflate(&whole[..whole.len() - 3]).is_err());
    }
}
