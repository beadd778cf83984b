//! Gates: their definitions, and which issues carry them.

use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::{Body, GateRef, Override, Overruled};
use crate::domain::gate::{Check, Gate};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::limits;
use crate::domain::name::{GateKey, TITLE_CHARS};
use crate::domain::refusal::{Decision, Named, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::table::Entry;

use super::authorize;

/// Defines a gate. Refused when its key is taken, unless it is to `replace` the present definition.
pub fn define(draft: &mut Draft<'_>, gate: &Gate, replace: bool) -> Decision {
    check(gate)?;
    match draft.state().gate(&gate.key)? {
        Some(before) if replace => redefine(draft, &before, gate),
        Some(_) => Err(Refusal::GateExists(gate.key.clone())),
        None => draft.emit(None, Body::GateDefined(gate.clone())),
    }
}

/// Puts a definition in the place of `before`. Quiet when they are equal.
///
/// Whoever holds an issue with the gate cannot change what it asks; others can, and the issue's events say so.
/// Reads the index and the held issues that carry the gate, when what it asks changes.
pub(super) fn redefine(draft: &mut Draft<'_>, before: &Gate, gate: &Gate) -> Decision {
    check(gate)?;
    if before == gate {
        return Ok(());
    }
    let mut overruled = Vec::new();
    if before.check != gate.check {
        for id in held_with(draft, &gate.key)? {
            let issue = draft.issue(id)?;
            if frozen(&issue, &gate.key).is_some_and(|check| *check != gate.check) {
                refuse_holder(draft, &issue, &gate.key)?;
                overruled.push(id);
            }
        }
    }
    draft.emit(None, Body::GateDefined(gate.clone()))?;
    for id in overruled {
        let check = Some(gate.check.clone());
        let overruled = Overruled { gate: gate.key.clone(), what: Override::Redefined, check };
        draft.emit(id, Body::GateOverridden(overruled))?;
    }
    Ok(())
}

/// Refuses a definition that is too large, has no title, or asks for what cannot be done.
fn check(gate: &Gate) -> Decision {
    limits::check_text("a gate's description", &gate.description)?;
    let invalid = |what: &str, why: String| Err(Refusal::Invalid { what: what.to_owned(), why });
    if gate.title.trim().is_empty() || gate.title.chars().count() > TITLE_CHARS {
        return invalid("the title", format!("a gate's title has 1 to {TITLE_CHARS} characters"));
    }
    match gate.check.fault() {
        Some(why) => invalid("the check", why),
        None if gate.check.command.is_some() && !gate.check.auto => {
            invalid("the check", "a gate with a command is judged by a machine: it is `auto`".to_owned())
        }
        None if gate.check.command.is_none() && gate.check.env_key.is_some() => {
            invalid("the check", "a key of the environment belongs to a command".to_owned())
        }
        None => Ok(()),
    }
}

/// The issues that somebody holds and that carry the gate.
fn held_with(draft: &Draft<'_>, key: &GateKey) -> Decision<Vec<IssueId>> {
    let table = draft.state().table()?;
    let held = table.issues().filter(|issue| issue.holder().is_some() && carries(*issue, key));
    Ok(held.map(Entry::id).collect())
}

fn carries(issue: Entry<'_>, key: &GateKey) -> bool {
    issue.gates().any(|(name, _)| name == key.as_str())
}

/// What the holder of `issue` must pass, if somebody holds it.
fn frozen<'i>(issue: &'i Issue, key: &GateKey) -> Option<&'i Check> {
    issue.claim.as_ref()?.gates.get(key)
}

/// Refuses a named actor who would weaken a gate of what it holds.
fn refuse_holder(draft: &Draft<'_>, issue: &Issue, key: &GateKey) -> Decision {
    let holds = issue.claim.as_ref().is_some_and(|claim| claim.by == draft.context.actor);
    match draft.context.named && holds {
        true => Err(Refusal::GateFrozen { id: issue.id, key: key.clone() }),
        false => Ok(()),
    }
}

/// Takes a gate's definition away. Refused while unfinished issues carry it.
pub fn undefine(draft: &mut Draft<'_>, key: &GateKey) -> Decision {
    require_gates(draft.state(), [key])?;
    let table = draft.state().table()?;
    let unfinished = table.issues().filter(|issue| !issue.state().is_finished() && carries(*issue, key));
    let users: Vec<Named> = unfinished.map(Named::from).collect();
    if !users.is_empty() {
        return Err(Refusal::GateInUse { key: key.clone(), by: users });
    }
    draft.emit(None, Body::GateUndefined(GateRef::new(key)))
}

/// Puts gates on an issue. Quiet for those it has.
pub fn add(draft: &mut Draft<'_>, prefix: &IdPrefix, keys: &[GateKey]) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    require_gates(draft.state(), keys)?;
    let new: Vec<&GateKey> = keys.iter().filter(|key| !issue.gates.contains_key(*key)).collect();
    if new.is_empty() {
        return Ok(issue.id);
    }
    authorize(draft, &issue)?;
    if issue.state.is_finished() {
        return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "gates" });
    }
    for gate in new {
        put_on(draft, &issue, gate)?;
    }
    limits::check_issue(&draft.issue(issue.id)?)?;
    Ok(issue.id)
}

/// Puts a gate on an issue. What others put on, the holder must pass.
pub(super) fn put_on(draft: &mut Draft<'_>, issue: &Issue, key: &GateKey) -> Decision {
    let by_other = issue.claim.as_ref().is_some_and(|claim| claim.by != draft.context.actor);
    let check = if by_other { draft.state().gate(key)?.map(|gate| gate.check) } else { None };
    draft.emit(issue.id, Body::GateAdded(GateRef { gate: key.clone(), check }))
}

/// Takes gates off an issue. Quiet for defined ones it does not have.
///
/// Whoever holds the issue cannot take off what it was claimed with; others can, and so can anybody once the claim
/// has ended. The events say so.
pub fn remove(draft: &mut Draft<'_>, prefix: &IdPrefix, keys: &[GateKey]) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    require_gates(draft.state(), keys.iter().filter(|key| !issue.gates.contains_key(*key)))?;
    let present: Vec<&GateKey> = keys.iter().filter(|key| issue.gates.contains_key(*key)).collect();
    if !present.is_empty() {
        authorize(draft, &issue)?;
        if issue.state.is_finished() {
            return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "gates" });
        }
    }
    for gate in present {
        if issue.last_claim.as_ref().is_some_and(|claim| claim.gates.contains_key(gate)) {
            refuse_holder(draft, &issue, gate)?;
            let overruled = Overruled { gate: gate.clone(), what: Override::Removed, check: None };
            draft.emit(issue.id, Body::GateOverridden(overruled))?;
        }
        draft.emit(issue.id, Body::GateRemoved(GateRef::new(gate)))?;
    }
    Ok(issue.id)
}
