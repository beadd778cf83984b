//! What a landing in two steps has begun, for whoever comes after it was cut off.

use serde::{Deserialize, Serialize};

use crate::domain::id::IssueId;
use crate::error::Result;
use crate::session::Session;
use crate::store::{StoreError, derived};

/// A landing whose code may be there, and whose tracker is not.
#[derive(Serialize, Deserialize)]
pub struct Underway {
    /// The newest commit.
    tip: String,
    /// The issues to be recorded.
    issues: Vec<IssueId>,
}

impl Underway {
    /// Writes down what is about to land.
    pub fn begin(session: &Session, tip: &str, issues: &[IssueId]) -> Result<()> {
        let underway = Self { tip: tip.to_owned(), issues: issues.to_vec() };
        let text = serde_json::to_vec(&underway).expect("ids are text");
        derived::write(&path(session, tip), |out| out.write_all(&text))
            .map_err(|source| StoreError::Io { doing: "writing down what lands".to_owned(), source }.into())
    }

    /// The issues that were to be recorded with this commit.
    pub fn of(session: &Session, tip: &str) -> Option<Vec<IssueId>> {
        let underway: Self = serde_json::from_slice(&std::fs::read(path(session, tip)).ok()?).ok()?;
        (underway.tip == tip).then_some(underway.issues)
    }

    /// It is through.
    pub fn end(session: &Session, tip: &str) {
        let _ = std::fs::remove_file(path(session, tip));
    }
}

fn path(session: &Session, tip: &str) -> std::path::PathBuf {
    session.store.local_state().join("landings").join(format!("{tip}.json"))
}
