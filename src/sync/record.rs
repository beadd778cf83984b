//! What this repository remembers of each remote: a file a remote, in the folder of local state.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;
use crate::session::Session;
use crate::store::message::fingerprint;
use crate::store::{CommitId, derived};

/// The folder.
const FOLDER: &str = "remotes";

/// What is remembered of a remote. Losing it does no harm: then nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The remote's name.
    pub remote: String,
    /// The remote's tracker when both were last the same.
    pub synced: Option<String>,
    /// When the remote was last asked.
    pub fetched_at: Option<Timestamp>,
    /// What was seen of the remote's tracker and is known to be part of this one, or was told of.
    pub known: Option<String>,
    /// When the remote was last found to take no claim refs.
    pub refused_claims_at: Option<Timestamp>,
}

/// So long it is not asked again whether it takes claim refs.
const REFUSAL: std::time::Duration = std::time::Duration::from_secs(60 * 60);

impl Record {
    /// What is remembered of `remote`.
    pub fn of(session: &Session, remote: &str) -> Self {
        let read = std::fs::read(path(session, remote)).ok();
        let record = read.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        record
            .filter(|record| record.remote == remote)
            .unwrap_or_else(|| Self { remote: remote.to_owned(), ..Self::default() })
    }

    /// The remote's tracker when both were last the same.
    pub fn synced(&self) -> Option<CommitId> {
        self.synced.clone().map(CommitId)
    }

    /// Whether the remote was found not long ago to take no claim refs.
    pub fn refuses_claims(&self, now: Timestamp) -> bool {
        self.refused_claims_at.is_some_and(|at| now.since(at) < REFUSAL)
    }

    /// Remembers it. A failure costs knowledge, nothing else.
    pub fn keep(&self, session: &Session) {
        let text = serde_json::to_vec(self).expect("a record has only text keys");
        let _ = derived::write(&path(session, &self.remote), |out| out.write_all(&text));
    }
}

fn path(session: &Session, remote: &str) -> std::path::PathBuf {
    session.store.local_state().join(FOLDER).join(format!("{}.json", fingerprint(remote.as_bytes())))
}
