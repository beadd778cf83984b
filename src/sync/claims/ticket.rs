//! What stands for a claim on the remote, and what is written down here while one is being made.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::id::{EventId, IssueId};
use crate::domain::issue::{Claim, Extra, Issue};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::git_process::Fetch;
use crate::session::Session;
use crate::store::StoreError;
use crate::store::codec::{decode, encode, unreadable};
use crate::sync::Deadline;
use crate::sync::remote::Remote;

/// Below it stands a ref for each claim.
pub const CLAIMS: &str = "refs/tracker/claims/";

/// Words with which a hub says that a rule of its own is against a claim.
pub const RULE: &str = "jit: rule claim";

/// The folder of claims that are being made.
const INTENTS: &str = "claims";

/// The ref that stands for the claim of an issue.
pub fn claim_ref(id: IssueId) -> String {
    format!("{CLAIMS}{id}")
}

/// The issue whose claim a ref stands for; `None` for another ref.
pub fn issue_of(name: &str) -> Option<IssueId> {
    name.strip_prefix(CLAIMS)?.parse().ok()
}

/// A claim as the remote keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The issue.
    pub issue: IssueId,
    /// Who holds it.
    pub by: Actor,
    /// The fencing number.
    pub generation: u64,
    /// When it was made.
    pub at: Timestamp,
    /// When the lease ends; `null` for a claim that lasts until it is released.
    pub expires_at: Option<Timestamp>,
    /// Random text, so that no two tickets are one object: two equal pushes would both go through.
    pub nonce: String,
}

impl Ticket {
    /// The content of the object.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the object of a claim ref.
    pub fn parse(name: &str, bytes: &[u8]) -> std::result::Result<Self, StoreError> {
        let ticket: Ticket = decode(name, bytes)?;
        if claim_ref(ticket.issue) == name {
            Ok(ticket)
        } else {
            Err(unreadable(name, "holds the claim of another issue").into())
        }
    }

    /// Whether the tracker has gone past this claim: it knows a newer one, or knows that this one has ended.
    pub fn is_over(&self, issue: &Issue) -> bool {
        let Some(last) = &issue.last_claim else { return false };
        if last.remote.as_ref().is_some_and(|remote| remote.nonce == self.nonce) {
            return issue.claim.as_ref().is_none_or(|claim| claim.token != last.token);
        }
        // A higher number of a claim that was made unseen says nothing: who made it did not know of this one.
        let passed = last.generation > self.generation && last.remote.is_some();
        let given_up = last.generation >= self.generation && self.is_withdrawn();
        passed || given_up || issue.ended_tickets.contains(&self.nonce)
    }

    /// Whether somebody holds the issue by it, as far as the tracker knows.
    pub fn holds(&self, issue: Option<&Issue>, clock: Timestamp) -> bool {
        !issue.is_some_and(|issue| self.is_over(issue)) && !self.is_expired(issue, clock)
    }

    /// Whether the lease ran out, as far as the ticket and the tracker know.
    pub fn is_expired(&self, issue: Option<&Issue>, clock: Timestamp) -> bool {
        let known = issue.and_then(|issue| issue.claim.as_ref());
        let known = known.filter(|claim| claim.remote.as_ref().is_some_and(|remote| remote.nonce == self.nonce));
        let ended = self.expires_at.is_some_and(|end| Claim::ends_before(end, clock));
        ended && known.is_none_or(|claim| claim.is_expired(clock))
    }

    /// The same claim with a lease that has ended: free for whoever comes next.
    pub fn withdrawn(&self) -> Self {
        Self { expires_at: Some(Timestamp::from_millis(0)), ..self.clone() }
    }

    /// Whether this is the same claim as `before`, with another lease.
    pub fn renews(&self, before: &Self) -> bool {
        (&self.nonce, &self.by, self.issue, self.at) == (&before.nonce, &before.by, before.issue, before.at)
            && self.generation >= before.generation
    }

    /// Whether nobody ever held the issue by it.
    fn is_withdrawn(&self) -> bool {
        self.expires_at == Some(Timestamp::from_millis(0))
    }

    /// As the tracker would show it.
    pub fn as_claim(&self) -> Claim {
        Claim {
            by: self.by.clone(),
            generation: self.generation,
            at: self.at,
            expires_at: self.expires_at,
            ttl_ms: None,
            token: EventId::new(uuid::Uuid::nil()),
            host: None,
            worktree: None,
            keeper: None,
            remote: None,
            gates: std::collections::BTreeMap::new(),
            unseen: std::collections::BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

/// Reads tickets, each a ref with its object. What is not here is fetched; what cannot be read, or is gone from the
/// remote, is left out.
pub fn read(session: &Session, remote: &Remote, refs: &[(String, String)], deadline: Deadline) -> Result<Vec<Ticket>> {
    let missing = refs.iter().filter(|(_, object)| session.store.read_blob(object).is_err());
    let missing: Vec<String> = missing.map(|(name, _)| name.clone()).collect();
    if !missing.is_empty() && remote.fetch(&missing, Fetch::Missing, deadline.transfer()).is_err() {
        // One that went away meanwhile spoils the fetch of all: then one by one.
        for name in &missing {
            let _ = remote.fetch(std::slice::from_ref(name), Fetch::Missing, deadline.transfer());
        }
    }
    let read = |(name, object): &(String, String)| Ticket::parse(name, &session.store.read_blob(object).ok()?).ok();
    Ok(refs.iter().filter_map(read).collect())
}

/// A claim that is being made: written down before the remote is asked, so that whoever comes after a kill knows that
/// the ticket is nobody's.
#[derive(Debug)]
pub struct Intent {
    path: PathBuf,
    /// Held as long as somebody is at it.
    _lock: File,
    /// What is being made.
    pub made: Made,
}

/// What is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// The remote.
    pub remote: String,
    /// The ref there.
    pub name: String,
    /// The ticket.
    pub ticket: Ticket,
    /// Its object.
    pub object: String,
}

impl Intent {
    /// Writes down that a ticket is about to be pushed.
    pub fn begin(session: &Session, remote: &Remote, name: &str, ticket: &Ticket, object: &str) -> Result<Self> {
        let made = Made {
            remote: remote.name.clone(),
            name: name.to_owned(),
            ticket: ticket.clone(),
            object: object.to_owned(),
        };
        let dir = session.store.local_state().join(INTENTS);
        let path = dir.join(format!("{}.json", ticket.nonce));
        let io = |source| StoreError::Io { doing: format!("writing {}", path.display()), source };
        std::fs::create_dir_all(&dir).map_err(io)?;
        // It comes into sight whole, and locked.
        let making = dir.join(format!("{}.tmp", ticket.nonce));
        let mut lock = File::create(&making).map_err(io)?;
        lock.lock().map_err(io)?;
        lock.write_all(&encode(&made)).map_err(io)?;
        std::fs::rename(&making, &path).map_err(io)?;
        Ok(Self { path, _lock: lock, made })
    }

    /// The claims of processes that ended in the middle.
    pub fn left(session: &Session) -> Vec<Self> {
        let entries = std::fs::read_dir(session.store.local_state().join(INTENTS)).into_iter().flatten().flatten();
        let left = entries.filter_map(|entry| {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                return None;
            }
            let lock = File::open(&path).ok()?;
            lock.try_lock().ok()?;
            match serde_json::from_slice(&std::fs::read(&path).ok()?) {
                Ok(made) => Some(Self { path, _lock: lock, made }),
                Err(_) => {
                    // Cut off before anything was pushed.
                    let _ = std::fs::remove_file(path);
                    None
                }
            }
        });
        left.collect()
    }

    /// It is through, or nothing came of it.
    pub fn end(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
