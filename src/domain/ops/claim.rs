//! Claims: taking an issue up, keeping it, giving it back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Claimed, Holder, Released, Renewal};
use crate::domain::gate::Check;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::{Claim, Issue, Published};
use crate::domain::name::{Actor, GateKey};
use crate::domain::query::is_up_for_work;
use crate::domain::refusal::{Decision, Named, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Outcome, State};

use super::authorize;
use super::ownership::{check_not_superseded, overridden};
use super::state::check_gates;

/// What is asked of a claim.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who is to hold the issue.
    pub holder: Actor,
    /// The length of the lease; `None` for the shared setting.
    pub ttl: Option<Duration>,
    /// The claim on the remote that stands behind this one.
    pub remote: Option<Published>,
    /// The highest fencing number that is known from elsewhere.
    pub passed: u64,
    /// Where the holder works, and who watches over the claim, when that is not said by where it is made.
    pub elsewhere: Option<Elsewhere>,
}

/// A claim for somebody who works elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Who watches over the claim, when it is not the holder itself.
    pub keeper: Option<Actor>,
    /// The holder's work tree.
    pub worktree: Option<String>,
}

impl Terms {
    /// A claim by `holder`, made here.
    pub fn local(holder: Actor, ttl: Option<Duration>) -> Self {
        Self { holder, ttl, remote: None, passed: 0, elsewhere: None }
    }
}

/// Claims the issue that `prefix` names.
///
/// Reads the issue and its dependencies. Exactly one of any number of racing claims finds the issue free.
pub fn claim(draft: &mut Draft<'_>, prefix: &IdPrefix, terms: &Terms) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    let id = issue.id;
    if let Some(held) = &issue.claim {
        if held.by == terms.holder && draft.context.token_for(id) == Some(held.token) {
            return renew(draft, id, held, None).map(|()| id);
        }
        free(draft, &issue, held, &terms.holder)?;
    }
    let held = issue.claim.is_some() && issue.state == State::InProgress;
    if !held && !matches!(issue.state, State::Open | State::Ready) {
        return Err(Refusal::NotClaimable { id, state: issue.state });
    }
    take(draft, id, terms)?;
    Ok(id)
}

/// Puts an earlier claim out of the way: its lease ran out, or it is overruled.
fn free(draft: &mut Draft<'_>, issue: &Issue, held: &Claim, holder: &Actor) -> Decision {
    if held.is_expired(draft.context.clock) && issue.state == State::InProgress {
        let ended = Holder { by: held.by.clone(), generation: held.generation };
        return draft.emit(issue.id, Body::ClaimExpired(ended));
    }
    if draft.context.force {
        return draft.emit(issue.id, overridden(held));
    }
    let (id, claim) = (issue.id, Box::new(held.clone()));
    if held.by == *holder {
        Err(Refusal::AlreadyHeld { id, claim })
    } else {
        Err(Refusal::ClaimedByOther { id, claim, actor: holder.clone(), to_claim: true })
    }
}

/// Makes the claim. The issue must be free.
pub(super) fn take(draft: &mut Draft<'_>, id: IssueId, terms: &Terms) -> Decision {
    let issue = draft.issue(id)?;
    if let Some(assignee) = issue.assignee.as_ref().filter(|assignee| **assignee != terms.holder)
        && issue.claim.is_none()
        && !draft.context.force
    {
        return Err(Refusal::AssignedToOther { id, assignee: assignee.clone() });
    }
    let blockers = draft.state().blockers(&issue)?;
    if !blockers.is_empty() {
        let by = blockers.iter().map(Named::from).collect();
        return Err(Refusal::Blocked { id, to: State::InProgress, by });
    }
    check_gates(draft, &issue, State::InProgress)?;
    let ttl = match terms.ttl.or(draft.state().settings()?.claim_ttl()) {
        None => lease_at_hand(draft, terms)?,
        ttl => ttl,
    };
    let worktree = terms.elsewhere.as_ref().map_or(&draft.context.worktree, |elsewhere| &elsewhere.worktree);
    let claimed = Claimed {
        by: terms.holder.clone(),
        from: issue.state,
        generation: issue.last_claim.as_ref().map_or(0, |last| last.generation).max(terms.passed).saturating_add(1),
        expires_at: ttl.map(|ttl| draft.context.now.plus(ttl)),
        ttl_ms: ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        host: draft.context.host.clone(),
        worktree: worktree.clone(),
        keeper: terms.elsewhere.as_ref().and_then(|elsewhere| elsewhere.keeper.clone()),
        remote: terms.remote.clone(),
        gates: frozen(draft, &issue)?,
    };
    draft.emit(id, Body::IssueClaimed(claimed))
}

/// The lease of the claim that the caller works under, as its token in the environment says. What an agent claims
/// besides ends like that by itself, when nobody renews it any more.
fn lease_at_hand(draft: &Draft<'_>, terms: &Terms) -> Decision<Option<Duration>> {
    let Some(token) = draft.context.token else { return Ok(None) };
    let table = draft.state().table()?;
    for held in table.issues().filter(|issue| issue.holder() == Some(terms.holder.as_str())) {
        if let Some(claim) = draft.issue(held.id())?.claim.filter(|claim| claim.token == token) {
            return Ok(claim.ttl_ms.map(Duration::from_millis));
        }
    }
    Ok(None)
}

/// What the gates of `issue` ask, as it is defined now.
fn frozen(draft: &Draft<'_>, issue: &Issue) -> Decision<BTreeMap<GateKey, Check>> {
    let mut gates = BTreeMap::new();
    for key in issue.gates.keys() {
        gates.extend(draft.state().gate(key)?.map(|gate| (key.clone(), gate.check)));
    }
    Ok(gates)
}

/// Claims the first of `candidates` that is still free, in the order given.
///
/// Reads candidates until one can be had. Refused with [`Refusal::NothingReady`] when none can.
pub fn claim_next(draft: &mut Draft<'_>, candidates: &[IssueId], terms: &Terms) -> Decision<IssueId> {
    for id in candidates {
        let Ok(Some(issue)) = draft.state().issue(*id) else { continue };
        if is_available(draft, &issue, &terms.holder)? {
            if let Some(held) = &issue.claim {
                free(draft, &issue, held, &terms.holder)?;
            }
            take(draft, *id, terms)?;
            return Ok(*id);
        }
    }
    Err(Refusal::NothingReady)
}

/// Whether `holder` may take up `issue` unasked: released for work, not blocked, not meant for another.
fn is_available(draft: &Draft<'_>, issue: &Issue, holder: &Actor) -> Decision<bool> {
    let meant_for_other = issue.meant_for().is_some_and(|assignee| assignee != holder);
    // A dependency that cannot be read holds the issue up, and nothing else.
    Ok(issue.deleted.is_none()
        && is_up_for_work(issue, draft.context.clock)
        && !meant_for_other
        && draft.state().blockers(issue).is_ok_and(|blockers| blockers.is_empty())
        && check_gates(draft, issue, State::InProgress).is_ok())
}

/// Renews the lease of a claim. Quiet when the claim has none. `object` says so on the remote, where it was told.
pub fn heartbeat(draft: &mut Draft<'_>, prefix: &IdPrefix, object: Option<&str>) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    let Some(claim) = &issue.claim else {
        check_not_superseded(draft, &issue)?;
        return Err(Refusal::NotClaimed(issue.id));
    };
    authorize(draft, &issue)?;
    renew(draft, issue.id, claim, object)?;
    Ok(issue.id)
}

fn renew(draft: &mut Draft<'_>, id: IssueId, claim: &Claim, object: Option<&str>) -> Decision {
    let Some(ttl) = claim.ttl_ms else { return Ok(()) };
    let expires_at = Some(draft.context.now.plus(Duration::from_millis(ttl)));
    draft.emit(id, Body::ClaimRenewed(Renewal { expires_at, object: object.map(str::to_owned) }))
}

/// Gives a claim back: the issue is ready for the next.
///
/// Quiet when the issue was held before and is not any more.
pub fn release(draft: &mut Draft<'_>, prefix: &IdPrefix, outcome: Outcome, reason: Option<&str>) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    authorize(draft, &issue)?;
    match (&issue.claim, &issue.last_claim) {
        (Some(claim), _) => {
            let released = Released {
                by: claim.by.clone(),
                generation: claim.generation,
                outcome,
                reason: reason.map(str::to_owned),
            };
            draft.emit(issue.id, Body::IssueReleased(released))?;
        }
        (None, Some(_)) => {}
        (None, None) => return Err(Refusal::NotClaimed(issue.id)),
    }
    Ok(issue.id)
}
