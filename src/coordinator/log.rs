//! What an agent prints, kept in a file that does not grow without end.
//!
//! INVARIANT: writing never fails for the caller. What a full disk does not take is counted, and said once there is room
//! again: an agent is not ended for the sake of its log.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A log grows to this many bytes, and is then put aside.
const LARGEST: u64 = 10 << 20;
/// So many older parts of it are kept: `.1` is the newest.
const PARTS: u32 = 2;

/// A log that is being written.
pub struct Log {
    path: PathBuf,
    largest: u64,
    file: Option<File>,
    size: u64,
    lost: u64,
}

impl Log {
    /// Goes on with the log at `path`, which is made when there is none.
    pub fn open(path: &Path) -> Self {
        let mut log = Self { path: path.to_owned(), largest: LARGEST, file: None, size: 0, lost: 0 };
        log.reopen();
        log
    }

    fn reopen(&mut self) {
        if let Some(folder) = self.path.parent() {
            let _ = fs::create_dir_all(folder);
        }
        // An agent may print what is not for everybody.
        self.file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path).ok();
        self.size = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
    }

    /// Adds to the end.
    pub fn put(&mut self, bytes: &[u8]) {
        if self.size >= self.largest {
            self.put_aside();
        }
        if self.lost > 0 {
            let said = format!("\n[jit: {} bytes could not be written here]\n", self.lost);
            if !self.write(said.as_bytes()) {
                self.lost += bytes.len() as u64;
                return;
            }
            self.lost = 0;
        }
        if !self.write(bytes) {
            self.lost += bytes.len() as u64;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.file.is_none() {
            self.reopen();
        }
        let Some(file) = &mut self.file else { return false };
        let written = file.write_all(bytes).is_ok();
        if written {
            self.size += bytes.len() as u64;
        }
        written
    }

    /// Begins a new part. Where the parts cannot be moved (the repository was), the log begins anew in its place.
    fn put_aside(&mut self) {
        let part = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        for number in (1..PARTS).rev() {
            let _ = fs::rename(part(number), part(number + 1));
        }
        match fs::rename(&self.path, part(1)) {
            Ok(()) => self.reopen(),
            Err(_) => {
                let _ = self.file.as_ref().map(|file| file.set_len(0));
                self.size = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_a_few_parts_of_limited_size() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let path = dir.path().join("agent/x.log");
        let mut log = Log { largest: 100, ..Log::open(&path) };
        for number in 0..100 {
            log.put(format!("line {number:04}\n").as_bytes());
        }
        let mut names: Vec<_> = fs::read_dir(dir.path().join("agent")).expect("it is there").flatten().collect();
        names.sort_by_key(fs::DirEntry::file_name);
        let sizes: Vec<u64> = names.iter().map(|name| name.metadata().expect("it is there").len()).collect();
        assert_eq!(names.len(), 3);
        assert!(sizes.iter().all(|size| *size <= 110), "{sizes:?}");
        assert!(fs::read_to_string(&path).expect("text").ends_with("line 0099\n"));
    }

    #[test]
    fn what_does_not_fit_on_the_disk_is_counted_and_told_later() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let path = dir.path().join("x.log");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a link can be made");
        let mut log = Log::open(&path);
        log.put(b"lost");
        log.put(b"too");
        fs::remove_file(&path).expect("it is there");
        log.file = None;
        log.put(b"here again\n");
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(text, "\n[jit: 7 bytes could not be written here]\nhere again\n");
    }
}
