//! How this tracker stands to what was last seen of a remote. No remote is asked.

use crate::domain::id::IssueId;
use crate::domain::snapshot::Snapshot;
use crate::domain::table::Entry;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::session::{Session, View};
use crate::store::{Backend, CommitId, StoreError, ancestry};

use super::remote::shared_remotes;
use super::{Record, choose, join};

/// How this tracker stands to what was last seen of a remote.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The remote.
    pub remote: String,
    /// Commits here that the remote lacks.
    pub ahead: usize,
    /// Commits of the remote that are not joined yet.
    pub behind: usize,
    /// Issues whose claim the remote does not know.
    pub unpublished: Vec<IssueId>,
    /// When the remote was last asked.
    pub fetched_at: Option<Timestamp>,
}

/// How the tracker stands to the remote that is meant when none is named; `None` when it was never shared.
pub fn standing(session: &Session, view: &View) -> Result<Option<Standing>> {
    let Some(remote) = choose(session, None).ok().flatten() else { return Ok(None) };
    let store = &session.store;
    let Some(seen) = store.other_ref(&store.seen_ref(&remote))? else { return Ok(None) };
    if store.info(&seen).is_err() {
        return Ok(None);
    }
    let count = |from: &CommitId, hidden: &CommitId| -> Result<usize> {
        if from == hidden {
            return Ok(0);
        }
        Ok(ancestry::between(store, from, std::slice::from_ref(hidden))?.len())
    };
    let (ahead, behind) = (count(&view.commit, &seen)?, count(&seen, &view.commit)?);
    let mut unpublished = Vec::new();
    if ahead > 0 {
        let there = session.view_at(seen)?.state;
        for id in view.state.held().map_err(StoreError::from)?.issues().map(Entry::id) {
            let token = |state: &dyn Snapshot| -> Result<_> {
                let issue = state.issue(id).map_err(StoreError::from)?;
                Ok(issue.and_then(|issue| issue.claim).map(|claim| claim.token))
            };
            let token_here = token(&view.state)?;
            if token_here.is_some() && token_here != token(&there)? {
                unpublished.push(id);
            }
        }
    }
    let fetched_at = Record::of(session, &remote).fetched_at;
    Ok(Some(Standing { remote, ahead, behind, unpublished, fetched_at }))
}

/// Whether the tracker was shared with a remote that is still one.
pub fn shared_with(session: &Session) -> bool {
    !shared_remotes(session).is_empty()
}

/// Looks whether something was fetched, or pushed here, that is not joined yet: joins it where that is wanted, and
/// says so once otherwise. Costs a look at a folder.
pub fn look_for_news(session: &Session) {
    let mut sources = session.store.lately_seen();
    sources.extend(session.store.lately_pushed().map(|pushed| (PUSHED.to_owned(), pushed)));
    for (name, commit) in sources {
        // A hint that cannot be given is none.
        let _ = look_at(session, &name, &commit);
    }
}

/// How the record is called of what others pushed to this repository: no remote can be called so.
const PUSHED: &str = "pushed here..";

fn look_at(session: &Session, name: &str, commit: &CommitId) -> Result<()> {
    let mut record = Record::of(session, name);
    if record.known.as_deref() == Some(commit.0.as_str()) {
        return Ok(());
    }
    let Some(tip) = session.store.tip()? else { return Ok(()) };
    if !ancestry::is_ancestor(&session.store, commit, &tip)? {
        let settings = session.view_at(tip)?.state.settings().map_err(StoreError::from)?;
        let trusted = match record.synced() {
            Some(last) => ancestry::is_ancestor(&session.store, &last, commit).unwrap_or(false),
            None => true,
        };
        let what =
            if name == PUSHED { "others have pushed changes here".to_owned() } else { format!("{name} has news") };
        if settings.syncs_by_itself() && trusted {
            match join(session, commit, name) {
                Ok(news) => session.notice(format!("{what}: {} came", news.came)),
                Err(error) => session.notice(format!("{what} that cannot be joined: {}", error.message)),
            }
        } else {
            session.notice(format!("{what}: jit sync"));
        }
    }
    record.known = Some(commit.0.clone());
    record.keep(session);
    Ok(())
}
