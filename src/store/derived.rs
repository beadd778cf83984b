//! Files that can be derived again: read without trust, written to the side and renamed into place.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::domain::time::Timestamp;

/// How the names of files begin that are not yet in place.
pub const TEMPORARY: &str = "tmp_index_";

/// Opens a file; `None` when there is none, or something else. Never waits, as a pipe would have it.
pub fn open(path: &Path) -> Option<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().is_ok_and(|meta| meta.is_file()).then_some(file)
}

/// How long before `now` a file was written: no time at all when that lies ahead, `None` when there is none.
pub fn age(path: &Path, now: Timestamp) -> Option<Duration> {
    let written = fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    Some(now.system().duration_since(written).unwrap_or_default())
}

/// Writes a file in one step. Its folder is made where it is missing, and says who may read the file.
pub fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        // As open as the folder around it: in a shared repository that is more than the umask allows.
        let around = fs::metadata(folder.parent().unwrap_or(folder))?.permissions();
        fs::set_permissions(folder, around)?;
    }
    let mode = fs::metadata(folder)?.permissions().mode() & 0o666;
    let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    let mut out = BufWriter::new(file);
    content(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path).map_err(|why| why.error)?;
    Ok(())
}
