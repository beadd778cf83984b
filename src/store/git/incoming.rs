//! Objects that were pushed and are not taken yet: git keeps them apart while the hook `pre-receive` looks at them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::store::{StoreError, StoreResult};

use super::GitStore;

/// A repository that sees what is here and what was pushed. It has no refs.
pub struct Incoming {
    /// Its objects.
    pub store: GitStore,
    /// Where it stands, until this is dropped.
    pub folder: TempDir,
}

impl Incoming {
    /// Sees the objects of `store`, and those in the folder `quarantine`.
    pub fn open(store: &GitStore, quarantine: &Path) -> StoreResult<Self> {
        let io = |source| StoreError::Io { doing: "looking at what was pushed".to_owned(), source };
        fs::create_dir_all(&store.state_dir).map_err(io)?;
        sweep(&store.state_dir);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&store.state_dir).map_err(io)?;
        let dir = folder.path();
        fs::create_dir_all(dir.join("objects/info")).map_err(io)?;
        fs::create_dir_all(dir.join("refs")).map_err(io)?;
        fs::write(dir.join("HEAD"), "ref: refs/heads/none\n").map_err(io)?;
        // The kind of its objects, and nothing else, is as it is there.
        let hash = store.repo().object_hash();
        let version = if hash == gix::hash::Kind::Sha1 { 0 } else { 1 };
        let format = if version == 0 { String::new() } else { format!("[extensions]\n\tobjectFormat = {hash}\n") };
        let config = format!("[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{format}");
        fs::write(dir.join("config"), config).map_err(io)?;
        let quarantine = store.common_dir.join(quarantine);
        let alternates = [quarantine.as_path(), store.objects.folder()];
        let lines: Vec<String> = alternates.iter().map(|path| quoted(&path.to_string_lossy())).collect();
        fs::write(dir.join("objects/info/alternates"), lines.concat()).map_err(io)?;
        let opened = GitStore::open_at(dir, Some(dir), Some(store.ref_name()))?;
        Ok(Self { store: opened, folder })
    }
}

/// How the folders are called.
const PREFIX: &str = "tmp_incoming_";
/// Nothing takes this long to be looked at.
const LONG_AGO: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes away what killed processes left.
fn sweep(state_dir: &Path) {
    for entry in fs::read_dir(state_dir).into_iter().flatten().flatten() {
        let old = || entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && old().is_some_and(|age| age > LONG_AGO) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A line of an alternates file.
fn quoted(path: &str) -> String {
    match path.contains(['"', '\\', '\n', '#']) {
        true => format!("\"{}\"\n", path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")),
        false => format!("{path}\n"),
    }
}
