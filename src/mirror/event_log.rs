//! The event log of the mirror: one event a line, oldest first.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;

use crate::domain::time::Timestamp;
use crate::store::git::GitStore;
use crate::store::{Backend, CommitId, CommitInfo, StoreResult, Walk, events, history};

use super::files::OnDisk;
use super::stamp::LogStamp;
use super::update::Run;
use super::{MirrorError, MirrorResult};

/// The event log.
pub(super) const EVENTS: &str = "events.jsonl";

impl Run<'_> {
    /// Appends what came to the event log, or writes it anew. A log that is not as it was written, nor what
    /// a run that ended half way left, was changed by hand.
    pub(super) fn events(&mut self) -> MirrorResult<()> {
        let path = self.mirror.dir.join(EVENTS);
        let io = |source| MirrorError::Io { path: path.clone(), source };
        let there = fs::symlink_metadata(&path).ok();
        let known = &self.stamp.events;
        let untouched = there
            .as_ref()
            .is_some_and(|meta| meta.is_file() && (meta.len(), modified_ns(meta)) == (known.size, known.modified_ns));
        let since = CommitId(known.commit.clone());
        let news = untouched.then(|| history::commits_since(self.store, &since, &self.tip)).flatten();
        if let Some(news) = news {
            if let Some(oldest) = news.first().map(|oldest| oldest.time) {
                let mut file = OpenOptions::new().read(true).append(true).open(&path).map_err(io)?;
                let news = match self.store.info(&since)?.time < oldest {
                    true => news,
                    // A merge brought what happened earlier: the log goes on from there.
                    false => {
                        let end = end_of_older(&mut file, oldest).map_err(io)?;
                        file.set_len(end).map_err(io)?;
                        commits_from(self.store, &self.tip, oldest)?
                    }
                };
                file.write_all(&lines(self.store, &news)?).map_err(io)?;
            }
        } else {
            let whole = lines(self.store, &history::commits_between(self.store, None, &self.tip)?)?;
            if there.is_some() && !untouched && !self.manner.discard && !self.is_own_log(&whole)? {
                self.stamp.kept.entry(EVENTS.to_owned()).or_insert_with(|| since.0.clone());
                self.report.kept.push(EVENTS.to_owned());
                return Ok(());
            }
            self.mirror.put(EVENTS, &whole)?;
        }
        let meta = fs::symlink_metadata(&path).map_err(io)?;
        self.stamp.events = LogStamp { commit: self.tip.0.clone(), size: meta.len(), modified_ns: modified_ns(&meta) };
        self.stamp.kept.remove(EVENTS);
        Ok(())
    }

    /// Whether the log on disk is the beginning of one that this program has written, or was writing.
    fn is_own_log(&self, whole: &[u8]) -> MirrorResult<bool> {
        let OnDisk::File(there) = self.mirror.look(EVENTS)? else { return Ok(false) };
        if whole.starts_with(&there) {
            return Ok(true);
        }
        let earlier = self.stamp.pending.iter().chain([&self.stamp.events.commit, &self.stamp.commit]);
        for id in earlier {
            let commits = history::commits_between(self.store, None, &CommitId(id.clone()));
            if commits.and_then(|commits| lines(self.store, &commits)).is_ok_and(|whole| whole.starts_with(&there)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The commits in the history of `tip` that are not older than `oldest`, oldest first.
fn commits_from(store: &GitStore, tip: &CommitId, oldest: Timestamp) -> StoreResult<Vec<CommitInfo>> {
    let mut commits = Vec::new();
    store.walk(tip, None, &mut |info| {
        if info.time < oldest {
            return Ok(Walk::Stop);
        }
        commits.push(info);
        Ok(Walk::On)
    })?;
    commits.reverse();
    Ok(commits)
}

/// Where the lines of a log end that are older than `oldest`. Reads the log from its end.
fn end_of_older(file: &mut fs::File, oldest: Timestamp) -> std::io::Result<u64> {
    #[derive(serde::Deserialize)]
    struct Dated {
        ts: Timestamp,
    }
    let mut end = file.metadata()?.len();
    let mut rest: Vec<u8> = Vec::new();
    loop {
        // `rest` begins in the middle of a line, and at `end` in the file.
        while let Some(at) = rest.iter().rposition(|byte| *byte == b'\n') {
            let line = &rest[at + 1..];
            if !line.is_empty() && serde_json::from_slice::<Dated>(line).is_ok_and(|dated| dated.ts < oldest) {
                return Ok(end + rest.len() as u64 + 1);
            }
            rest.truncate(at);
        }
        if end == 0 {
            let first = serde_json::from_slice::<Dated>(&rest).is_ok_and(|dated| dated.ts < oldest);
            return Ok(if first { rest.len() as u64 + 1 } else { 0 });
        }
        let step = end.min(CHUNK);
        end -= step;
        file.seek(SeekFrom::Start(end))?;
        let mut chunk = Vec::new();
        file.take(step).read_to_end(&mut chunk)?;
        chunk.append(&mut rest);
        rest = chunk;
    }
}

/// Bytes of a log that are read at a time.
const CHUNK: u64 = 64 << 10;

/// When a file was written, in nanoseconds.
pub(super) fn modified_ns(meta: &fs::Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// The events of `commits`, a line each.
fn lines(store: &GitStore, commits: &[CommitInfo]) -> StoreResult<Vec<u8>> {
    let mut lines = Vec::new();
    for commit in commits {
        let tree = store.tree(&commit.id)?;
        events::each(&tree, &commit.id, &mut |event| {
            serde_json::to_writer(&mut lines, &event).expect("events have only text keys");
            lines.push(b'\n');
        })?;
    }
    Ok(lines)
}
