//! Files of the mirror: reading without following links, writing with atomic renames.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use super::{Mirror, MirrorError, MirrorResult};

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing.
    Absent,
    /// A file with this content.
    File(Vec<u8>),
    /// Something else: a link, a folder.
    Other,
}

/// Files that wait to be written.
const WAITING: usize = 64;

/// Writes files while their owner does something else: making a file is mostly waiting for the kernel.
///
/// INVARIANT: nothing is written any more once this is gone.
pub(super) struct WriteBehind {
    files: Option<mpsc::SyncSender<(String, Vec<u8>)>>,
    work: Option<thread::JoinHandle<MirrorResult<()>>>,
}

impl WriteBehind {
    /// Leaves a file to be written. What goes wrong is told at the end.
    pub(super) fn put(&self, name: &str, content: &[u8]) {
        if let Some(files) = &self.files {
            // Nobody takes it when an earlier file could not be written: then the end says so.
            let _ = files.send((name.to_owned(), content.to_vec()));
        }
    }

    /// Waits until every file is written.
    pub(super) fn finish(mut self) -> MirrorResult<()> {
        self.wait()
    }

    fn wait(&mut self) -> MirrorResult<()> {
        self.files = None;
        self.work.take().map_or(Ok(()), |work| work.join().expect("writing files does not panic"))
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        // Whoever did not ask for the outcome has met a worse one.
        let _ = self.wait();
    }
}

impl Mirror {
    /// Looks at a file of the mirror.
    pub(super) fn look(&self, name: &str) -> MirrorResult<OnDisk> {
        let path = self.dir.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => fs::read(&path).map(OnDisk::File),
            Ok(_) => Ok(OnDisk::Other),
            Err(why) => Err(why),
        };
        match found {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(OnDisk::Absent),
            other => other.map_err(|source| MirrorError::Io { path, source }),
        }
    }

    /// Writes a file of the mirror in one step.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> MirrorResult<()> {
        let path = self.dir.join(name);
        write_atomically(&path, content).map_err(|source| MirrorError::Io { path, source })
    }

    /// Begins to write files of the mirror beside other work.
    pub(super) fn write_behind(&self) -> WriteBehind {
        let (files, waiting) = mpsc::sync_channel::<(String, Vec<u8>)>(WAITING);
        let mirror = self.clone();
        let work =
            thread::spawn(move || waiting.into_iter().try_for_each(|(name, content)| mirror.put(&name, &content)));
        WriteBehind { files: Some(files), work: Some(work) }
    }

    /// Takes a file of the mirror away. Quiet when it is gone.
    pub(super) fn remove(&self, name: &str) -> MirrorResult<()> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(MirrorError::Io { path, source: why }),
            _ => Ok(()),
        }
    }

    /// Makes sure that the mirror's folders are plain folders, so that no link leads a write elsewhere.
    pub(super) fn ensure_folders(&self) -> MirrorResult<()> {
        for path in [self.dir.clone(), self.dir.join("issues")] {
            let io = |source| MirrorError::Io { path: path.clone(), source };
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Err(MirrorError::NotAFolder(path)),
                Err(why) if why.kind() == ErrorKind::NotFound => fs::create_dir_all(&path).map_err(io)?,
                Err(why) => return Err(io(why)),
            }
        }
        Ok(())
    }

    /// Keeps git from seeing the mirror: its folder goes into the repository's own exclude file.
    pub(super) fn ensure_excluded(&self) -> MirrorResult<()> {
        let Some(path) = &self.exclude else { return Ok(()) };
        let io = |source| MirrorError::Io { path: path.clone(), source };
        let line = format!("/{}/", super::FOLDER);
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == ErrorKind::NotFound => String::new(),
            Err(why) => return Err(io(why)),
        };
        if text.lines().any(|known| known.trim() == line) {
            return Ok(());
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        write_atomically(path, format!("{text}{gap}{line}\n").as_bytes()).map_err(io)
    }
}

/// Writes a new file beside `path` and renames it there.
pub(super) fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(path);
    let mut file =
        tempfile::Builder::new().prefix(".tmp-").permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map_err(|why| why.error)?;
    Ok(())
}
