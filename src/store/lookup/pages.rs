//! A sorted list in pages of 4 KiB, each with a checksum, searched without reading all of it.
//!
//! The first page is the header. Numbers are in the byte order of the machine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::store::{CommitId, derived};

const PAGE: usize = 4096;
/// Reads differently in another byte order, and says which file this is.
const MAGIC: u64 = u64::from_ne_bytes(*b"jithist2");
/// Records in a page.
const A_PAGE: usize = (PAGE - 16) / size_of::<Record>();
/// Bytes of a commit's id, at most.
const ID: usize = 32;

/// A commit under a number.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Record {
    /// The number.
    number: u64,
    /// When the commit was made, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Its id, and zeros up to the end.
    id: [u8; ID],
}

impl Record {
    /// `None` for a commit whose id is of no known form.
    pub fn new(number: u64, time: i64, commit: &CommitId) -> Option<Self> {
        if !matches!(commit.0.len(), 40 | 64) {
            return None;
        }
        let mut id = [0; ID];
        for (byte, digits) in id.iter_mut().zip(commit.0.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self { number, time, id })
    }

    /// The commit, whose id has so many bytes.
    fn commit(&self, length: usize) -> Option<CommitId> {
        Some(CommitId(self.id.get(..length)?.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Header {
    magic: u64,
    records: u64,
    /// The checksum of the header of the list that this one adds to, and whether there is one.
    base: u32,
    has_base: u32,
    upto_length: u32,
    upto: [u8; 2 * ID],
    /// The checksum of all before it.
    sum: u32,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Page {
    sum: u32,
    records: u32,
    spare: u64,
    entries: [Record; A_PAGE],
}

fn checked(sum: u32, bytes: &[u8]) -> Option<()> {
    (crc32fast::hash(bytes) == sum).then_some(())
}

/// A list on disk.
pub struct Pages {
    file: File,
    header: Header,
    upto: String,
}

impl Pages {
    /// Opens a list; `None` when there is none that can be used.
    pub fn open(path: &Path) -> Option<Self> {
        let file = derived::open(path)?;
        let mut header = Header::new_zeroed();
        file.read_exact_at(header.as_mut_bytes(), 0).ok()?;
        let bytes = header.as_bytes();
        checked(header.sum, &bytes[..bytes.len() - 4])?;
        let pages = header.records.div_ceil(A_PAGE as u64);
        let whole = (pages + 1).checked_mul(PAGE as u64)?;
        if header.magic != MAGIC || file.metadata().ok()?.len() != whole {
            return None;
        }
        let upto = header.upto.get(..header.upto_length as usize)?;
        let upto = String::from_utf8(upto.to_vec()).ok()?;
        Some(Self { file, header, upto })
    }

    /// The commit up to which the list goes.
    pub fn upto(&self) -> &str {
        &self.upto
    }

    /// How many records there are.
    pub fn len(&self) -> u64 {
        self.header.records
    }

    /// Tells this list from others.
    pub fn sum(&self) -> u32 {
        self.header.sum
    }

    /// The list that this one adds to.
    pub fn base(&self) -> Option<u32> {
        (self.header.has_base == 1).then_some(self.header.base)
    }

    fn page(&self, number: u64) -> Option<Page> {
        let mut page = Page::new_zeroed();
        self.file.read_exact_at(page.as_mut_bytes(), (number + 1) * PAGE as u64).ok()?;
        checked(page.sum, &page.as_bytes()[4..])?;
        // Every page but the last is full.
        let left = self.header.records.checked_sub(number * A_PAGE as u64)?;
        (u64::from(page.records) == left.min(A_PAGE as u64)).then_some(page)
    }

    fn pages(&self) -> u64 {
        self.header.records.div_ceil(A_PAGE as u64)
    }

    /// The commits under `number`, each with its time in milliseconds since the Unix epoch; `None` when a page is damaged.
    pub fn find(&self, number: u64) -> Option<Vec<(i64, CommitId)>> {
        // The first page that ends at the number or after it.
        let (mut low, mut high) = (0, self.pages());
        while low < high {
            let middle = low + (high - low) / 2;
            let page = self.page(middle)?;
            let last = page.entries[page.records as usize - 1].number;
            if last < number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut found = Vec::new();
        for at in low..self.pages() {
            let page = self.page(at)?;
            let entries = &page.entries[..page.records as usize];
            for record in entries.iter().filter(|record| record.number == number) {
                found.push((record.time, record.commit(self.upto.len() / 2)?));
            }
            if entries.last().is_some_and(|last| last.number > number) {
                break;
            }
        }
        Some(found)
    }

    /// Every record; `None` when a page is damaged.
    pub fn read(&self) -> Option<Vec<Record>> {
        let mut records = Vec::new();
        for number in 0..self.pages() {
            let page = self.page(number)?;
            records.extend(&page.entries[..page.records as usize]);
        }
        Some(records)
    }
}

/// Writes a list that goes up to the commit `upto`, to the side and then into place.
pub fn write(path: &Path, mut records: Vec<Record>, upto: &CommitId, base: Option<u32>) -> io::Result<()> {
    records.sort_unstable_by_key(|record| (record.number, record.time, record.id));
    let mut header = Header::new_zeroed();
    header.magic = MAGIC;
    header.records = records.len() as u64;
    (header.base, header.has_base) = (base.unwrap_or(0), u32::from(base.is_some()));
    header.upto_length = u32::try_from(upto.0.len()).map_err(io::Error::other)?;
    let room = header.upto.get_mut(..upto.0.len()).ok_or_else(|| io::Error::other("no commit's id"))?;
    room.copy_from_slice(upto.0.as_bytes());
    header.sum = crc32fast::hash(&header.as_bytes()[..size_of::<Header>() - 4]);

    derived::write(path, |out| {
        out.write_all(header.as_bytes())?;
        out.write_all(&[0; PAGE - size_of::<Header>()])?;
        for chunk in records.chunks(A_PAGE) {
            let mut page = Page::new_zeroed();
            page.entries[..chunk.len()].copy_from_slice(chunk);
            page.records = u32::try_from(chunk.len()).map_err(io::Error::other)?;
            page.sum = crc32fast::hash(&page.as_bytes()[4..]);
            out.write_all(page.as_bytes())?;
        }
        Ok(())
    })
}
