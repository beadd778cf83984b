//! What a coordinator does with issues: handing them to agents, keeping their claims, taking work back.
//!
//! Every function looks for the very claim it was told of, and is quiet when that has ended or gone to somebody else:
//! the coordinator may be late.

use std::time::Duration;

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Edit, Released, Renewal, Stalled, Transition};
use crate::domain::id::{EventId, IssueId};
use crate::domain::issue::{Claim, Issue};
use crate::domain::name::Label;
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Outcome, State};

use super::claim::{Terms, claim_next};

/// The label of issues that no agent should try again before a person has looked at them.
pub const NEEDS_ATTENTION: &str = "needs-attention";

/// How the work of a holder ended before its issue was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The work is given back.
    Released(Outcome),
    /// The holder fell silent.
    Stalled,
}

/// Claims issues for agents, each on its own terms. Gives those that could be had: losing one to somebody else is no
/// failure. Reads each issue and what it waits for.
pub fn dispatch(draft: &mut Draft<'_>, wanted: &[(IssueId, Terms)]) -> Decision<Vec<IssueId>> {
    let mut claimed = Vec::new();
    for (id, terms) in wanted {
        match claim_next(draft, &[*id], terms) {
            Ok(id) => claimed.push(id),
            Err(Refusal::NothingReady) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(claimed)
}

/// Renews the lease of a claim for its holder. Whether it still stands.
pub fn keep(draft: &mut Draft<'_>, id: IssueId, token: EventId) -> Decision<bool> {
    let Some((_, claim)) = held(draft, id, token)? else { return Ok(false) };
    if let Some(ttl) = claim.ttl_ms {
        let expires_at = Some(draft.context.now.plus(Duration::from_millis(ttl)));
        draft.emit(id, Body::ClaimRenewed(Renewal { expires_at, object: None }))?;
    }
    Ok(true)
}

/// Ends a claim whose holder will not finish, and after `most` failures leaves the issue to people. Whether it stood.
///
/// A gated issue is finished but for its gates: there the claim stays.
pub fn take_back(
    draft: &mut Draft<'_>,
    id: IssueId,
    token: EventId,
    end: &End,
    (reason, most): (&str, u32),
) -> Decision<bool> {
    let Some((issue, claim)) = held(draft, id, token)? else { return Ok(false) };
    if issue.state != State::InProgress {
        return Ok(false);
    }
    let (by, generation) = (claim.by, claim.generation);
    let body = match end {
        End::Stalled => Body::AgentStalled(Stalled { by, generation, reason: reason.to_owned() }),
        End::Released(outcome) => {
            let reason = Some(reason.to_owned());
            Body::IssueReleased(Released { by, generation, outcome: *outcome, reason })
        }
    };
    draft.emit(id, body)?;
    leave_to_people(draft, id, most)?;
    Ok(true)
}

/// Takes a ready issue off the work that is handed out, once `most` tries have failed. Whether that was so.
pub fn leave_to_people(draft: &mut Draft<'_>, id: IssueId, most: u32) -> Decision<bool> {
    let Ok(issue) = draft.issue(id) else { return Ok(false) };
    let failed = issue.failures.as_ref().map_or(0, |failures| failures.count);
    if issue.state != State::Ready || failed < most {
        return Ok(false);
    }
    draft.emit(id, Body::IssueStateChanged(Transition { from: State::Ready, to: State::Open }))?;
    let label: Label = NEEDS_ATTENTION.parse().expect("the label is well formed");
    if !issue.labels.contains(&label) {
        draft.emit(id, Body::IssueUpdated(Edit { labels_added: [label].into(), ..Edit::default() }))?;
    }
    Ok(true)
}

/// The issue and its claim, when that is the one with this token.
fn held(draft: &Draft<'_>, id: IssueId, token: EventId) -> Decision<Option<(Issue, Claim)>> {
    let issue = draft.state().issue(id)?.filter(|issue| issue.deleted.is_none());
    Ok(issue.and_then(|issue| {
        let claim = issue.claim.clone().filter(|claim| claim.token == token)?;
        Some((issue, claim))
    }))
}
