//! What the mirror remembers of itself: which commit it shows.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::store::CommitId;
use crate::store::codec::encode;

use super::files::OnDisk;
use super::{Mirror, MirrorError, MirrorResult};

/// The stamp's file, and the version of its form.
const FILE: &str = ".stamp.json";
const VERSION: u32 = 2;

/// Which commit the mirror shows, and how far that is certain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    version: u32,
    /// The ref the commit was read from.
    #[serde(rename = "ref")]
    pub tracker: String,
    /// The commit that all files show, but for `kept` ones.
    pub commit: String,
    /// Commits that were being written when a process ended: files may show one of these instead.
    pub pending: Vec<String>,
    /// Files changed by hand, with the commit they showed before.
    pub kept: BTreeMap<String, String>,
    /// What the event log was when it was last written.
    pub events: LogStamp,
}

/// The event log as it was last written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogStamp {
    /// The commit whose events are the last in it.
    pub commit: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, in nanoseconds, as the file system says.
    pub modified_ns: i128,
}

/// A stamp longer than this is written as a new file: one short write cannot be torn, a long one can.
const IN_PLACE: usize = 2048;

impl Stamp {
    /// A stamp for a mirror that shows `commit`.
    pub fn new(commit: &CommitId) -> Self {
        Self { version: VERSION, commit: commit.0.clone(), ..Self::default() }
    }

    /// The commit that all files show.
    pub fn commit_id(&self) -> CommitId {
        CommitId(self.commit.clone())
    }

    /// Whether everything is known to be as in `tip`, and nobody has edited anything.
    pub fn shows(&self, tip: &CommitId) -> bool {
        self.commit == tip.0 && self.pending.is_empty() && self.kept.is_empty()
    }

    /// The commit on which a hand edit of `file` is based.
    pub fn base_of(&self, file: &str) -> CommitId {
        CommitId(self.kept.get(file).unwrap_or(&self.commit).clone())
    }
}

impl Mirror {
    /// The stamp; `None` when there is none that can be used.
    pub(super) fn stamp(&self) -> MirrorResult<Option<Stamp>> {
        let OnDisk::File(content) = self.look(FILE)? else { return Ok(None) };
        Ok(serde_json::from_slice::<Stamp>(&content).ok().filter(|stamp| stamp.version == VERSION))
    }

    /// The commit of the ref `tracker` that the mirror shows, as far as its stamp says.
    pub fn shown(&self, tracker: &str) -> Option<CommitId> {
        self.stamp().ok().flatten().filter(|stamp| stamp.tracker == tracker).map(|stamp| stamp.commit_id())
    }

    /// Writes the stamp, over an earlier one in place: it is written twice a change, and a new file
    /// each time would cost more than all the rest of the mirror.
    ///
    /// A kill cannot tear one short write. What a power failure tears is no JSON, so that every file is
    /// looked at again.
    pub(super) fn put_stamp(&self, stamp: &Stamp) -> MirrorResult<()> {
        let path = self.dir().join(FILE);
        let mut content = encode(stamp);
        let there = fs::symlink_metadata(&path).ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
        let Some(length) = there.filter(|length| *length <= IN_PLACE as u64 && content.len() <= IN_PLACE) else {
            return self.put(FILE, &content);
        };
        // White space after a document is not a part of it, so the file need never be cut.
        let length = usize::try_from(length).unwrap_or(0);
        content.resize(content.len().max(length), b'\n');
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(&content));
        written.map_err(|source| MirrorError::Io { path, source })
    }

    /// Whether the mirror shows `tip` as far as its stamp says. Costs one small file.
    pub fn shows(&self, tip: &CommitId) -> bool {
        matches!(self.stamp(), Ok(Some(stamp)) if stamp.shows(tip))
    }
}
