//! Many objects at once: one pack instead of a file each.
//!
//! The format is git's pack version 2, objects whole, without deltas; `git gc` finds those later. git
//! itself indexes the pack and puts it in place.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::objs::Kind;

use crate::store::{StoreError, StoreResult};

/// A change of this many objects goes into one pack.
pub const WORTH_A_PACK: usize = 200;

/// The bytes of a pack with these objects, closed by the hash that `hash` names.
pub fn build<'o>(
    hash: gix::hash::Kind,
    objects: impl ExactSizeIterator<Item = (Kind, &'o [u8])>,
) -> StoreResult<Vec<u8>> {
    let internal = |why: String| StoreError::Internal(anyhow::anyhow!("packing objects: {why}"));
    let count = u32::try_from(objects.len()).map_err(|_| internal("too many".to_owned()))?;
    let mut pack = Vec::new();
    pack.extend(b"PACK");
    pack.extend(2_u32.to_be_bytes());
    pack.extend(count.to_be_bytes());
    for (kind, data) in objects {
        entry_header(&mut pack, kind, data.len());
        let mut encoder = ZlibEncoder::new(&mut pack, Compression::fast());
        encoder.write_all(data).and_then(|()| encoder.finish().map(drop)).map_err(|why| internal(why.to_string()))?;
    }
    let mut hasher = gix::hash::hasher(hash);
    hasher.update(&pack);
    let sum = hasher.try_finalize().map_err(|why| internal(why.to_string()))?;
    pack.extend(sum.as_slice());
    Ok(pack)
}

/// Type and size: three bits and four, then seven bits of the size a byte, the lowest first.
fn entry_header(pack: &mut Vec<u8>, kind: Kind, size: usize) {
    let number: u8 = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut rest = size >> 4;
    let more = |rest: usize| if rest > 0 { 0x80 } else { 0 };
    let low = |bits: usize, mask: usize| u8::try_from(bits & mask).unwrap_or(0);
    pack.push(more(rest) | number << 4 | low(size, 0x0f));
    while rest > 0 {
        let byte = low(rest, 0x7f);
        rest >>= 7;
        pack.push(more(rest) | byte);
    }
}
