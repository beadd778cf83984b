//! Which issue a commit is for, before it says so itself.

use crate::domain::draft::resolve;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::error::Result;
use crate::session::{Session, View};
use crate::store::StoreError;
use crate::worktree::BRANCH;

/// What a commit may be for.
pub enum AtHand {
    /// No issue that anybody could tell.
    None,
    /// This one.
    One(Box<Issue>),
    /// So many that it must say which.
    Several(usize),
}

impl From<Option<Issue>> for AtHand {
    fn from(issue: Option<Issue>) -> Self {
        issue.map_or(AtHand::None, |issue| AtHand::One(Box::new(issue)))
    }
}

/// The issue of the branch `jit/<short-id>`, else the one that the acting agent holds, when it holds exactly one.
///
/// Reads the list of held issues, unless the branch says it.
pub fn issue(session: &Session, view: &View) -> Result<AtHand> {
    let named = session.store.branch().and_then(|branch| branch.strip_prefix(BRANCH)?.parse::<IdPrefix>().ok());
    if let Some(prefix) = named
        && let Ok(issue) = resolve(&view.state, &prefix)
    {
        return Ok(Some(issue).into());
    }
    let (actor, _) = session.actor(None)?;
    let held = view.state.held().map_err(StoreError::from)?;
    let held: Vec<IssueId> =
        held.issues().filter(|issue| issue.holder() == Some(actor.as_str())).map(|issue| issue.id()).collect();
    let issue = |id: &IssueId| view.state.issue(*id).map_err(StoreError::from);
    match held.as_slice() {
        [] => Ok(AtHand::None),
        [one] => Ok(issue(one)?.into()),
        several => {
            // The token in the environment tells which of them this process works for.
            let token = session.claim_token()?;
            for id in several.iter().filter(|_| token.is_some()) {
                let found = issue(id)?.filter(|issue| issue.claim.as_ref().map(|claim| claim.token) == token);
                if found.is_some() {
                    return Ok(found.into());
                }
            }
            Ok(AtHand::Several(several.len()))
        }
    }
}
