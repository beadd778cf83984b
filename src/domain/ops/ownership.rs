//! Whose issue it is: named actors keep to what is theirs.

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Holder};
use crate::domain::issue::{Claim, Issue};
use crate::domain::refusal::{Decision, Refusal};

/// Refuses a change of an issue that somebody else holds, or that the caller held and lost.
///
/// A person without a named actor may act on anything. With `force` a living claim is overruled, and
/// the events say so.
pub fn authorize(draft: &mut Draft<'_>, issue: &Issue) -> Decision {
    let context = draft.context;
    if !context.named {
        return Ok(());
    }
    match &issue.claim {
        Some(claim) => match trespass(draft, issue, claim) {
            Some(_) if context.force => draft.emit(issue.id, overridden(claim)),
            Some(refusal) => Err(refusal),
            None => Ok(()),
        },
        None => check_not_superseded(draft, issue),
    }
}

/// The event that records that a claim was overruled.
pub(super) fn overridden(claim: &Claim) -> Body {
    Body::ClaimOverridden(Holder { by: claim.by.clone(), generation: claim.generation })
}

/// Why the caller may not touch an issue under `claim`, if so.
fn trespass(draft: &Draft<'_>, issue: &Issue, claim: &Claim) -> Option<Refusal> {
    let context = draft.context;
    if claim.by != context.actor && claim.keeper.as_ref() != Some(&context.actor) {
        return Some(Refusal::ClaimedByOther {
            id: issue.id,
            claim: Box::new(claim.clone()),
            actor: context.actor.clone(),
            to_claim: false,
        });
    }
    let superseded = context.token_for(issue.id).is_some_and(|token| token != claim.token);
    superseded.then(|| Refusal::Superseded { id: issue.id, by: claim.by.clone(), generation: claim.generation })
}

/// Refuses words of a named holder whose claim has ended: others may comment, it cannot know that it may.
pub(super) fn refuse_former_holder(draft: &Draft<'_>, issue: &Issue) -> Decision {
    let live = issue.claim.as_ref().map(|claim| claim.token);
    if draft.context.named && draft.context.token_for(issue.id).is_some_and(|token| Some(token) != live) {
        check_not_superseded(draft, issue)?;
    }
    Ok(())
}

/// Refuses a caller whose claim on this issue was ended by somebody else.
pub(super) fn check_not_superseded(draft: &Draft<'_>, issue: &Issue) -> Decision {
    match (&issue.last_claim, draft.context.token_for(issue.id)) {
        (Some(last), Some(token))
            if (last.token == token || issue.ended_claims.contains(&token)) && !issue.state.is_finished() =>
        {
            Err(Refusal::Superseded { id: issue.id, by: last.by.clone(), generation: last.generation })
        }
        _ => Ok(()),
    }
}
