//! A table as a file: a line that tells what follows, the parts as they lie in memory, a checksum.
//!
//! Numbers are in the byte order of the machine. The first of them tells a file of another order, which is
//! then built anew.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use zerocopy::{FromZeros, IntoBytes};

use crate::domain::table::{Columns, Row, Table};
use crate::store::derived;

/// The version of the form.
const VERSION: u32 = 3;
/// Reads differently in another byte order.
const ORDER: u32 = 0x0102_0304;
/// No header is longer.
const LONGEST_HEADER: u64 = 4096;
/// Bytes of the checksum at the end.
const SUM: u64 = 4;

/// What stands before the parts of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    version: u32,
    /// The folder of issues that the table reflects.
    pub mark: String,
    /// How many folders deep issues stand in it.
    pub fanout: u8,
    /// The checksum of the whole table that these changes belong to; `None` for a whole table.
    pub base: Option<u32>,
    rows: u64,
    lists: u64,
    text: u64,
    names: u64,
    damaged: u64,
}

impl Header {
    /// The header of a table of the folder `mark`.
    pub fn new(mark: &str, fanout: u8, base: Option<u32>) -> Self {
        let (rows, lists, text, names, damaged) = (0, 0, 0, 0, 0);
        Self { version: VERSION, mark: mark.to_owned(), fanout, base, rows, lists, text, names, damaged }
    }

    /// The bytes that follow, without the checksum.
    fn length(&self) -> Option<u64> {
        let rows = self.rows.checked_mul(size_of::<Row>() as u64)?;
        let parts = [self.lists.checked_mul(4)?, self.text, self.names, self.damaged];
        parts.into_iter().try_fold(rows, u64::checked_add)
    }
}

/// A table that was kept.
pub struct Kept {
    /// What stood before it.
    pub header: Header,
    /// The table.
    pub table: Table,
    /// The checksum of the file, which tells it from others.
    pub sum: u32,
}

/// Reads a table; `None` when there is none that can be used.
pub fn read(path: &Path) -> Option<Kept> {
    let file = derived::open(path)?;
    let length = file.metadata().ok()?.len();
    let mut source = Summed { inner: file, sum: crc32fast::Hasher::new() };
    let mut start = [0_u32; 2];
    source.inner.read_exact(start.as_mut_bytes()).ok()?;
    let [order, header_length] = start;
    if order != ORDER || u64::from(header_length) > LONGEST_HEADER {
        return None;
    }
    let header: Header = serde_json::from_slice(&source.bytes(header_length.into())?).ok()?;
    // Only what the file can hold is made room for.
    let whole = header.length()?.checked_add(8 + u64::from(header_length) + SUM)?;
    if header.version != VERSION || whole != length {
        return None;
    }
    let mut rows = Row::new_vec_zeroed(usize::try_from(header.rows).ok()?).ok()?;
    source.read_exact(rows.as_mut_bytes()).ok()?;
    let mut lists = vec![0_u32; usize::try_from(header.lists).ok()?];
    source.read_exact(lists.as_mut_bytes()).ok()?;
    let text = String::from_utf8(source.bytes(header.text)?).ok()?;
    let names = source.bytes(header.names)?;
    let damaged = source.bytes(header.damaged)?;
    let sum = source.sum.finalize();
    let mut written = 0_u32;
    source.inner.read_exact(written.as_mut_bytes()).ok()?;
    if written != sum {
        return None;
    }
    let (names, damaged) = (serde_json::from_slice(&names).ok()?, serde_json::from_slice(&damaged).ok()?);
    let table = Table::from_columns(Columns { rows, lists, text, names, damaged })?;
    Some(Kept { header, table, sum })
}

/// Keeps a table. A failure leaves the file as it was.
pub fn write(path: &Path, header: &Header, table: &Table) {
    // The index saves time; the disk being full or read-only is for others to report.
    let _ = try_write(path, header.clone(), table.columns());
}

fn try_write(path: &Path, mut header: Header, columns: &Columns) -> io::Result<()> {
    let (names, damaged) = (serde_json::to_vec(&columns.names)?, serde_json::to_vec(&columns.damaged)?);
    header.rows = columns.rows.len() as u64;
    header.lists = columns.lists.len() as u64;
    header.text = columns.text.len() as u64;
    header.names = names.len() as u64;
    header.damaged = damaged.len() as u64;
    let line = serde_json::to_vec(&header)?;
    let line_length = u32::try_from(line.len()).map_err(io::Error::other)?;

    derived::write(path, |out| {
        let mut sum = crc32fast::Hasher::new();
        out.write_all([ORDER, line_length].as_bytes())?;
        let (rows, lists) = (columns.rows.as_bytes(), columns.lists.as_bytes());
        for part in [&line, rows, lists, columns.text.as_bytes(), &names, &damaged] {
            sum.update(part);
            out.write_all(part)?;
        }
        out.write_all(&sum.finalize().to_ne_bytes())
    })
}

/// A file that is summed up as it is read.
struct Summed {
    inner: File,
    sum: crc32fast::Hasher,
}

impl Summed {
    fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(into)?;
        self.sum.update(into);
        Ok(())
    }

    fn bytes(&mut self, length: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}
