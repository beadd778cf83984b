//! Reading hand edits, with the versions they are based on.

use std::collections::BTreeMap;

use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::ops::import::{Edit, Edited};
use crate::domain::settings::Settings;
use crate::domain::snapshot::Snapshot;
use crate::store::codec::{decode, decode_issue, unreadable};
use crate::store::git::{GitStore, GitTree};
use crate::store::layout::CONFIG_FILE;
use crate::store::snapshot::TreeSnapshot;
use crate::store::{StoreError, issue_of_path, transact};

use super::event_log::EVENTS;
use super::files::OnDisk;
use super::stamp::Stamp;
use super::update::GATES_JSON;
use super::{Consumed, Mirror, MirrorResult};

/// Hand edits, ready to be decided on.
#[derive(Debug, Default)]
pub struct Edits {
    /// One a file.
    pub edits: Vec<Edit>,
    /// The contents they were read from.
    pub consumed: Consumed,
    /// Changed files that hold nothing that can be taken in.
    pub refused: Vec<String>,
}

impl Mirror {
    /// Reads every file that was changed by hand.
    pub fn edits(&self, store: &GitStore) -> MirrorResult<Edits> {
        let status = self.status(store)?;
        let mut edits = Edits { refused: status.foreign, ..Edits::default() };
        let Some(stamp) = self.locked_stamp()? else { return Ok(edits) };
        for file in status.edited {
            match self.look(&file)? {
                OnDisk::File(content) if file != EVENTS => {
                    let edited = read_edit(store, &stamp, &file, &content)?;
                    edits.edits.push(Edit { file: format!("{}/{file}", super::FOLDER), edited });
                    edits.consumed.insert(file, content);
                }
                _ => edits.refused.push(file),
            }
        }
        Ok(edits)
    }
}

fn read_edit(store: &GitStore, stamp: &Stamp, file: &str, content: &[u8]) -> MirrorResult<Edited> {
    let base = transact::open(store, &stamp.base_of(file))?;
    Ok(match file {
        GATES_JSON => {
            let now: BTreeMap<GateKey, Gate> = decode(file, content)?;
            Edited::Gates { base: gates(&base)?, now }
        }
        CONFIG_FILE => {
            let now: Settings = decode(file, content)?;
            Edited::Settings { base: base.settings()?, now }
        }
        _ => {
            let (base, now) = issue(&base, file, content)?;
            Edited::Issue { base: Box::new(base), now: Box::new(now) }
        }
    })
}

fn gates(snapshot: &TreeSnapshot<GitTree>) -> MirrorResult<BTreeMap<GateKey, Gate>> {
    let mut gates = BTreeMap::new();
    for key in snapshot.gate_keys()? {
        gates.extend(snapshot.gate(&key)?.map(|gate| (key, gate)));
    }
    Ok(gates)
}

fn issue(snapshot: &TreeSnapshot<GitTree>, file: &str, content: &[u8]) -> MirrorResult<(Issue, Issue)> {
    let gone = || StoreError::Unreadable(unreadable(file, "is not an issue of the tracker"));
    let id: IssueId = issue_of_path(file).ok_or_else(gone)?;
    let base = snapshot.issue(id)?.ok_or_else(gone)?;
    Ok((base, decode_issue(file, id, content)?))
}
