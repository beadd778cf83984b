//! Comparing the mirror with the tracker, file by file.

use std::fs;

use crate::domain::id::IssueId;
use crate::store::git::{GitStore, GitTree};
use crate::store::layout::CONFIG_FILE;
use crate::store::snapshot::TreeSnapshot;
use crate::store::{Backend, CommitId, StoreError, Tree, issue_of_path, transact};

use super::event_log::{EVENTS, modified_ns};
use super::files::OnDisk;
use super::stamp::Stamp;
use super::update::{GATES_JSON, Id, collect, issue_entry, render_shared};
use super::{Mirror, MirrorError, MirrorResult};

/// How the mirror stands to the tracker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The commit the mirror shows; `None` when there is no mirror yet.
    pub shows: Option<CommitId>,
    /// The tracker's commit.
    pub tip: Option<CommitId>,
    /// Files changed by hand.
    pub edited: Vec<String>,
    /// Files that are gone.
    pub missing: Vec<String>,
    /// Files that are not the mirror's.
    pub foreign: Vec<String>,
}

impl Mirror {
    /// Compares every file with the commit it should show. Reads them all.
    pub fn status(&self, store: &GitStore) -> MirrorResult<Status> {
        let tip = store.tip()?.ok_or(StoreError::NotInitialised)?;
        let mut status = Status { tip: Some(tip), ..Status::default() };
        let Some(stamp) = self.locked_stamp()? else { return Ok(status) };
        status.shows = Some(stamp.commit_id());
        let shown = transact::open(store, &stamp.commit_id())?;
        self.compare_issues(store, &shown, &stamp, &mut status)?;
        for file in [GATES_JSON, CONFIG_FILE] {
            let base = transact::open(store, &stamp.base_of(file))?;
            match (self.look(file)?, render_shared(file, &base)?) {
                (OnDisk::File(there), Some(content)) if there == content => {}
                (OnDisk::Absent, Some(_)) => status.missing.push(file.to_owned()),
                (OnDisk::Absent, None) => {}
                _ => status.edited.push(file.to_owned()),
            }
        }
        match fs::symlink_metadata(self.dir.join(EVENTS)) {
            Ok(meta)
                if meta.is_file()
                    && (meta.len(), modified_ns(&meta)) == (stamp.events.size, stamp.events.modified_ns) => {}
            Ok(_) => status.edited.push(EVENTS.to_owned()),
            Err(_) => status.missing.push(EVENTS.to_owned()),
        }
        Ok(status)
    }

    fn compare_issues(
        &self,
        store: &GitStore,
        shown: &TreeSnapshot<GitTree>,
        stamp: &Stamp,
        status: &mut Status,
    ) -> MirrorResult<()> {
        let mut files = self.issue_files()?;
        let mut expected = Vec::new();
        collect(shown.tree(), crate::store::layout::ISSUES, &mut |path, id| expected.push((path, id)))?;
        for (path, id) in expected {
            let Some(issue) = issue_of_path(&path) else { continue };
            let file = format!("issues/{issue}.json");
            files.remove(&format!("{issue}.json"));
            let expected = self.own_versions(store, stamp, &file, issue, id)?;
            match self.look(&file)? {
                OnDisk::File(there) if expected.contains(&shown.tree().id_of(&there)) => {}
                // A tombstone has no file.
                OnDisk::Absent if is_tombstone(shown, issue) => {}
                OnDisk::Absent => status.missing.push(file),
                OnDisk::File(_) | OnDisk::Other => status.edited.push(file),
            }
        }
        status.foreign = files.into_iter().map(|name| format!("issues/{name}")).collect();
        Ok(())
    }

    /// The contents of a file that are no edit: the one the stamp tells of, and those of runs that ended
    /// half way. For a file that was edited before, the version the edit was based on.
    fn own_versions(
        &self,
        store: &GitStore,
        stamp: &Stamp,
        file: &str,
        issue: IssueId,
        shown: Id,
    ) -> MirrorResult<Vec<Id>> {
        let mut own = Vec::new();
        match stamp.kept.get(file) {
            Some(base) => own.extend(issue_entry(&transact::open(store, &CommitId(base.clone()))?, issue)?),
            None => own.push(shown),
        }
        for pending in stamp.pending.iter().filter_map(|id| transact::open(store, &CommitId(id.clone())).ok()) {
            own.extend(issue_entry(&pending, issue)?);
        }
        Ok(own)
    }

    /// The names in the folder of issues, but for temporary files.
    pub(super) fn issue_files(&self) -> MirrorResult<std::collections::BTreeSet<String>> {
        let path = self.dir.join("issues");
        let io = |source| MirrorError::Io { path: path.clone(), source };
        let mut names = std::collections::BTreeSet::new();
        for entry in fs::read_dir(&path).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.insert(name);
            }
        }
        Ok(names)
    }
}

fn is_tombstone(snapshot: &TreeSnapshot<GitTree>, id: crate::domain::id::IssueId) -> bool {
    use crate::domain::snapshot::Snapshot;
    matches!(snapshot.issue(id), Ok(Some(issue)) if issue.deleted.is_some())
}
