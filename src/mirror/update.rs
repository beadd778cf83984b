//! Bringing the mirror up to date: the files that differ, the events that came, then the stamp.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::file_lock::{self, FileLock, LockError};
use crate::progress::Progress;
use crate::steps;
use crate::store::codec::{decode, encode};
use crate::store::git::{GitStore, GitTree};
use crate::store::layout::{CONFIG_FILE, ISSUES, issue_path};
use crate::store::snapshot::{TreeSnapshot, read_file};
use crate::store::{Backend, CommitId, Difference, StoreError, Tree, by_issue, issue_of_path, transact};

use super::files::{OnDisk, WriteBehind};
use super::stamp::Stamp;
use super::{Consumed, Mirror, MirrorError, MirrorResult};

/// All gate definitions.
pub(super) const GATES_JSON: &str = "gates.json";
/// The lock that keeps processes from working on the mirror together.
const LOCK: &str = ".lock";
/// How long to wait for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A blob's id.
pub(super) type Id = <GitTree as Tree>::Id;

/// What bringing the mirror up to date did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Files written or removed.
    pub written: usize,
    /// Files found changed by hand, and kept.
    pub kept: Vec<String>,
}

/// How to treat what stands in the mirror.
#[derive(Default)]
pub struct Manner<'a> {
    /// Hand edits that were just taken into the tracker.
    pub consumed: Option<&'a Consumed>,
    /// Look at every file, not only at those that changed in the tracker.
    pub whole: bool,
    /// Drop hand edits.
    pub discard: bool,
}

impl Mirror {
    /// Brings the mirror to the tracker's tip. Costs the files that differ.
    pub fn update(&self, store: &GitStore, manner: &Manner<'_>, progress: &dyn Progress) -> MirrorResult<Update> {
        store.tip()?.ok_or(StoreError::NotInitialised)?;
        self.ensure_folders()?;
        let _lock = self.lock()?;
        let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
        let stamp = self.stamp()?;
        let current = stamp.as_ref().is_some_and(|stamp| stamp.shows(&tip));
        if current && !manner.whole && manner.consumed.is_none() {
            return Ok(Update::default());
        }
        if stamp.is_none() {
            self.ensure_excluded()?;
        }
        let new = transact::open(store, &tip)?;
        let old = match &stamp {
            // A commit that is gone tells nothing: then every file is looked at.
            Some(stamp) if !manner.whole => transact::open(store, &stamp.commit_id()).ok(),
            _ => None,
        };
        let mut run = Run::new(self, store, stamp, &tip, manner);
        run.intend()?;
        run.issues(old.as_ref(), &new, progress)?;
        run.shared(old.as_ref(), &new)?;
        steps::reached("mirror-issue");
        run.events()?;
        steps::reached("mirror-events");
        run.finish()
    }
}

impl Mirror {
    fn lock(&self) -> MirrorResult<FileLock> {
        let path = self.dir.join(LOCK);
        file_lock::lock(&path, PATIENCE).map_err(|why| match why {
            LockError::Busy => MirrorError::Busy,
            LockError::Io(source) => MirrorError::Io { path, source },
        })
    }

    /// The stamp, read while nobody writes it.
    pub(super) fn locked_stamp(&self) -> MirrorResult<Option<Stamp>> {
        if !self.dir.is_dir() {
            return Ok(None);
        }
        let _lock = self.lock()?;
        self.stamp()
    }
}

/// One run of bringing the mirror up to date.
pub(super) struct Run<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) store: &'a GitStore,
    pub(super) manner: &'a Manner<'a>,
    pub(super) stamp: Stamp,
    fresh: bool,
    pub(super) tip: CommitId,
    /// States that files may show besides the one before the change.
    earlier: Vec<TreeSnapshot<GitTree>>,
    pub(super) report: Update,
    /// Writes files beside the rest of the work, when they are many.
    behind: Option<WriteBehind>,
}

/// So many files are worth a thread of their own.
const MANY: usize = 16;

impl<'a> Run<'a> {
    fn new(
        mirror: &'a Mirror,
        store: &'a GitStore,
        stamp: Option<Stamp>,
        tip: &CommitId,
        manner: &'a Manner<'a>,
    ) -> Self {
        let fresh = stamp.is_none();
        let stamp = stamp.unwrap_or_else(|| Stamp::new(tip));
        let shown = (manner.whole && !fresh).then_some(&stamp.commit);
        let earlier = stamp.pending.iter().chain(shown);
        let earlier = earlier.filter_map(|id| transact::open(store, &CommitId(id.clone())).ok()).collect();
        let (tip, report) = (tip.clone(), Update::default());
        Self { mirror, store, manner, stamp, fresh, tip, earlier, report, behind: None }
    }

    /// Writes down what is about to be done, so that a process that finds the work half done can tell
    /// its traces from hand edits.
    fn intend(&mut self) -> MirrorResult<()> {
        if !self.fresh {
            if !self.stamp.pending.contains(&self.tip.0) {
                self.stamp.pending.push(self.tip.0.clone());
            }
            self.mirror.put_stamp(&self.stamp)?;
        }
        steps::reached("mirror-intent");
        Ok(())
    }

    fn issues(
        &mut self,
        old: Option<&TreeSnapshot<GitTree>>,
        new: &TreeSnapshot<GitTree>,
        progress: &dyn Progress,
    ) -> MirrorResult<()> {
        let changes = match old {
            Some(old) => {
                let changed = by_issue(old.tree().diff(new.tree(), ISSUES)?).into_iter();
                let path = |id| issue_path(id, new.format().fanout);
                let changed = changed.map(|(id, (old, new))| Difference { path: path(id), old, new });
                self.with_edited(changed.collect(), old, new)?
            }
            None => self.every_issue(new)?,
        };
        if changes.len() >= MANY {
            self.behind = Some(self.mirror.write_behind());
        }
        progress.begin("mirror", changes.len());
        for Difference { path, old, new: new_id } in changes {
            progress.step();
            let Some(id) = issue_of_path(&path) else { continue };
            let content = match &new_id {
                // What cannot be read is left to `jit fsck`; the rest goes on.
                Some(blob) => match new.tree().read(&path, blob).and_then(|bytes| living(&path, bytes)) {
                    Ok(content) => content,
                    Err(_) => continue,
                },
                None => None,
            };
            let file = format!("issues/{id}.json");
            let before = self.ours_before(&file, id, old)?;
            let known = new_id.is_some() || !before.is_empty();
            self.replace(&file, &before, content.as_deref(), new, known)?;
        }
        progress.end();
        Ok(())
    }

    /// Adds the issues whose files were edited by hand, or whose edits were just taken in.
    fn with_edited(
        &self,
        mut changes: Vec<Difference<Id>>,
        old: &TreeSnapshot<GitTree>,
        new: &TreeSnapshot<GitTree>,
    ) -> MirrorResult<Vec<Difference<Id>>> {
        let consumed = self.manner.consumed.into_iter().flat_map(|consumed| consumed.keys());
        for file in self.stamp.kept.keys().chain(consumed).filter(|file| file.starts_with("issues/")) {
            let Some(id) = issue_of_path(file) else { continue };
            if changes.iter().any(|change| issue_of_path(&change.path) == Some(id)) {
                continue;
            }
            let at = |snapshot: &TreeSnapshot<GitTree>| issue_entry(snapshot, id);
            let path = issue_path(id, new.format().fanout);
            changes.push(Difference { path, old: at(old)?, new: at(new)? });
        }
        Ok(changes)
    }

    /// Every issue of the tracker, and every file of the mirror that is not an issue of it any more.
    fn every_issue(&self, new: &TreeSnapshot<GitTree>) -> MirrorResult<Vec<Difference<Id>>> {
        let mut changes = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        collect(new.tree(), ISSUES, &mut |path, id| {
            known.extend(issue_of_path(&path));
            changes.push(Difference { path, old: None, new: Some(id) });
        })?;
        for name in self.mirror.issue_files()? {
            if let Some(id) = issue_of_path(&name).filter(|id| !known.contains(id)) {
                changes.push(Difference { path: format!("{ISSUES}/{id}.json"), old: None, new: None });
            }
        }
        Ok(changes)
    }

    /// The contents that this program may have put into an issue's file itself: the version before, those
    /// of runs that ended half way, and the one that a kept edit was based on.
    fn ours_before(&self, file: &str, id: IssueId, old: Option<Id>) -> MirrorResult<Vec<Id>> {
        let mut ours: Vec<Id> = old.into_iter().collect();
        for snapshot in &self.earlier {
            ours.extend(issue_entry(snapshot, id)?);
        }
        if let Some(base) = self.stamp.kept.get(file)
            && let Ok(base) = transact::open(self.store, &CommitId(base.clone()))
        {
            ours.extend(issue_entry(&base, id)?);
        }
        Ok(ours)
    }

    /// Puts `content` in place of a file, unless somebody changed that file by hand.
    fn replace(
        &mut self,
        file: &str,
        before: &[Id],
        content: Option<&[u8]>,
        new: &TreeSnapshot<GitTree>,
        known: bool,
    ) -> MirrorResult<()> {
        let found = self.mirror.look(file)?;
        let same = match (&found, content) {
            (OnDisk::File(there), Some(content)) => there == content,
            (OnDisk::Absent, None) => true,
            _ => false,
        };
        if same {
            self.stamp.kept.remove(file);
            return Ok(());
        }
        if !self.is_ours(file, &found, before, new, known) {
            if !known {
                return Ok(());
            }
            let base = if self.fresh { self.tip.0.clone() } else { self.stamp.commit.clone() };
            self.stamp.kept.entry(file.to_owned()).or_insert(base);
            self.report.kept.push(file.to_owned());
            return Ok(());
        }
        self.stamp.kept.remove(file);
        self.report.written += 1;
        match content {
            Some(content) => match &self.behind {
                Some(behind) => {
                    behind.put(file, content);
                    Ok(())
                }
                None => self.mirror.put(file, content),
            },
            None => self.mirror.remove(file),
        }
    }

    /// Whether what stands there may be overwritten.
    fn is_ours(&self, file: &str, found: &OnDisk, before: &[Id], new: &TreeSnapshot<GitTree>, known: bool) -> bool {
        let content = match found {
            OnDisk::Absent => return true,
            OnDisk::Other => return false,
            OnDisk::File(content) => content,
        };
        // What belongs to no issue of the tracker was never the mirror's to discard.
        let discard = self.manner.discard && known;
        if discard || self.manner.consumed.and_then(|taken| taken.get(file)) == Some(content) {
            return true;
        }
        let id = new.tree().id_of(content);
        if before.contains(&id) {
            return true;
        }
        if self.stamp.kept.contains_key(file) {
            return false;
        }
        // Nothing is remembered of this file: an earlier version of the issue is in the object database,
        // an edit is not.
        before.is_empty() && new.tree().read(file, &id).is_ok()
    }

    /// `gates.json` and `config.json`.
    fn shared(&mut self, old: Option<&TreeSnapshot<GitTree>>, new: &TreeSnapshot<GitTree>) -> MirrorResult<()> {
        for file in [GATES_JSON, CONFIG_FILE] {
            let render = |snapshot: &TreeSnapshot<GitTree>| render_shared(file, snapshot);
            let content = render(new)?;
            let previous = old.map(render).transpose()?.flatten();
            let edited = self.manner.consumed.is_some() || self.stamp.kept.contains_key(file);
            if old.is_some() && previous == content && !edited {
                continue;
            }
            let base = self.stamp.kept.get(file).map(|base| CommitId(base.clone()));
            let base = base.and_then(|base| transact::open(self.store, &base).ok());
            let earlier = self.earlier.iter().chain(&base).filter_map(|snapshot| render(snapshot).ok().flatten());
            let before: Vec<Id> = earlier.chain(previous).map(|content| new.tree().id_of(&content)).collect();
            self.replace(file, &before, content.as_deref(), new, true)?;
        }
        Ok(())
    }

    fn finish(mut self) -> MirrorResult<Update> {
        self.behind.take().map_or(Ok(()), WriteBehind::finish)?;
        self.stamp.commit.clone_from(&self.tip.0);
        self.stamp.tracker = self.store.ref_name().to_owned();
        self.stamp.pending.clear();
        self.mirror.put_stamp(&self.stamp)?;
        steps::reached("mirror-stamped");
        Ok(self.report)
    }
}

/// The bytes of an issue's document, or nothing for a tombstone. Damaged documents are refused.
fn living(path: &str, bytes: Vec<u8>) -> Result<Option<Vec<u8>>, crate::domain::snapshot::Unreadable> {
    let issue: Issue = decode(path, &bytes)?;
    Ok(issue.deleted.is_none().then_some(bytes))
}

/// Hands out every file below `folder`.
pub(super) fn collect(
    tree: &GitTree,
    folder: &str,
    visit: &mut dyn FnMut(String, Id),
) -> Result<(), crate::domain::snapshot::Unreadable> {
    for entry in tree.list(folder)? {
        let path = format!("{folder}/{}", entry.name);
        match entry.kind {
            crate::store::EntryKind::Folder => collect(tree, &path, visit)?,
            crate::store::EntryKind::File => visit(path, entry.id),
            crate::store::EntryKind::Other => {}
        }
    }
    Ok(())
}

/// The content of `gates.json` or `config.json` in the mirror.
pub(super) fn render_shared(file: &str, snapshot: &TreeSnapshot<GitTree>) -> MirrorResult<Option<Vec<u8>>> {
    if file == CONFIG_FILE {
        return Ok(read_file(snapshot.tree(), CONFIG_FILE)?);
    }
    let mut gates = BTreeMap::new();
    for key in snapshot.gate_keys()? {
        // A definition that cannot be read is left out, as `jit gate list` does.
        if let Ok(Some(gate)) = snapshot.gate(&key) {
            gates.insert(key, gate);
        }
    }
    Ok(Some(encode(&gates)))
}

/// The blob of an issue in a state.
pub(super) fn issue_entry(snapshot: &TreeSnapshot<GitTree>, id: IssueId) -> MirrorResult<Option<Id>> {
    Ok(snapshot.tree().entry(&issue_path(id, snapshot.format().fanout))?.map(|entry| entry.id))
}
