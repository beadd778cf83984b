//! The most urgent issue, claimed in this repository alone.

use crate::domain::filter::Filter;
use crate::domain::id::IssueId;
use crate::domain::ops::claim::{Terms, claim_next};
use crate::domain::query::{Sort, first, is_claimable, start_gates};
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::state::Priority;
use crate::domain::table::Entry;
use crate::domain::time::Timestamp;
use crate::error::{Class, Error, Result};
use crate::session::{Manners, Session};
use crate::store::transact::Change;
use crate::store::{CommitId, StoreError};

use super::held_here;

/// How often a claim is tried on a fresh list, and how long that is, before the list is made inside the
/// queue, where it is certain to be fresh. Nearly always one of the first few can be had.
const OPTIMISTIC: [Option<usize>; 3] = [Some(100), None, None];

/// Claims the first of what can be claimed here that the filter accepts; what clones hold which push to this
/// repository is left out. The commit is the one up to which it is certain that nothing can be had.
pub fn claim_next_here(
    session: &Session,
    manners: &Manners,
    terms: &Terms,
    filter: Option<&Filter>,
) -> Result<(CommitId, Result<Change>)> {
    for count in OPTIMISTIC {
        let view = session.view()?;
        session.table(&view.state)?;
        let held = held_here(session, &view.state)?;
        let found = candidates(&view.state, session.now(), filter, count).map_err(StoreError::from)?;
        let is_cut = count == Some(found.len());
        let ids: Vec<IssueId> = found.into_iter().map(|(id, _)| id).filter(|id| !held.contains(id)).collect();
        let outcome =
            session.change("issue claim-next", manners, |draft| claim_next(draft, &ids, terms).map(|id| vec![id]));
        let nothing = |error: &Error| error.class == Class::Nothing;
        let stale = || session.view().is_ok_and(|now| now.commit != view.commit);
        if !outcome.as_ref().is_err_and(nothing) || !(is_cut || stale()) {
            return Ok((view.commit, outcome));
        }
    }
    let view = session.view()?;
    let held = held_here(session, &view.state)?;
    let outcome = session.change("issue claim-next", manners, |draft| {
        let found = candidates(draft.state(), session.now(), filter, None)?;
        let ids: Vec<IssueId> = found.into_iter().map(|(id, _)| id).filter(|id| !held.contains(id)).collect();
        claim_next(draft, &ids, terms).map(|id| vec![id])
    });
    Ok((view.commit, outcome))
}

/// What can be claimed in a state of what the filter accepts, in the order of work: the first `count`, or all. Reads the
/// index and the definitions of gates.
pub fn candidates(
    state: &dyn Snapshot,
    clock: Timestamp,
    filter: Option<&Filter>,
    count: Option<usize>,
) -> Read<Vec<(IssueId, Priority)>> {
    let (table, starts) = (state.table()?, start_gates(state)?);
    let fits =
        |issue: &Entry<'_>| is_claimable(*issue, clock, &starts) && filter.is_none_or(|filter| filter.accepts(*issue));
    let mut issues: Vec<Entry<'_>> = table.issues().filter(fits).collect();
    first(&mut issues, Sort::Priority, count);
    Ok(issues.into_iter().map(|issue| (issue.id(), issue.priority())).collect())
}
