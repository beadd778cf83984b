//! The words for each refusal of the rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::issue::Claim;
use crate::domain::name::GateKey;
use crate::domain::refusal::{Named, NamedGate, Refusal, Unseen};
use crate::domain::text::shortened;

use super::{Class, Error};

/// Names that are listed in a message before it says how many more there are.
const LISTED: usize = 3;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(unreadable) => crate::store::StoreError::Unreadable(unreadable).into(),
            refusal => not_found(&refusal)
                .or_else(|| against_rules(&refusal))
                .or_else(|| about_gates(&refusal))
                .or_else(|| about_the_past(&refusal))
                .or_else(|| lost(&refusal))
                .unwrap_or_else(|| invalid(&refusal)),
        }
    }
}

fn not_found(refusal: &Refusal) -> Option<Error> {
    let error = |code, message: String| Error::new(Class::NotFound, code, message);
    Some(match refusal {
        Refusal::IssueNotFound(prefix) => error("issue_not_found", format!("no issue has the id {prefix}"))
            .hint("jit list")
            .details(json!({ "id": prefix })),
        Refusal::IssueDeleted { id, by, at } => {
            error("issue_deleted", format!("the issue {} was deleted by {by} at {at}", id.short()))
                .hint(format!("jit issue log {}", id.short()))
                .details(json!({ "id": id, "by": by, "at": at }))
        }
        Refusal::GateNotFound { keys } => {
            let quoted = |key: &GateKey| format!("`{key}`");
            let names: Vec<String> = keys.iter().map(|(key, _)| quoted(key)).take(LISTED).collect();
            let near: BTreeSet<&GateKey> = keys.iter().flat_map(|(_, near)| near).collect();
            let near: Vec<String> = near.into_iter().map(quoted).take(LISTED).collect();
            let names = format!("{}{}", names.join(", "), more(keys.len()));
            let message = match near.is_empty() {
                true => format!("no gate is called {names}"),
                false => format!("no gate is called {names}; did you mean {}?", near.join(", ")),
            };
            let details: Vec<Value> = keys.iter().map(|(key, near)| json!({ "gate": key, "nearest": near })).collect();
            error("gate_not_found", message).hint("jit gate list").details(json!({ "gates": details }))
        }
        _ => return None,
    })
}

fn against_rules(refusal: &Refusal) -> Option<Error> {
    let error = |code, message: String| Error::new(Class::Refused, code, message);
    Some(match refusal {
        Refusal::Transition { id, from, to } => {
            let next: Vec<&str> = from.successors().iter().map(|state| state.as_str()).collect();
            error("transition_not_allowed", format!("the issue {} is {from}; it cannot become {to}", id.short()))
                .hint(format!("from {from} it can become {}; see jit help states", next.join(", ")))
                .details(json!({ "id": id, "from": from, "to": to, "allowed": next }))
        }
        Refusal::NotClaimable { id, state } => {
            error("not_claimable", format!("the issue {} is {state}; only open and ready issues are claimed", id.short()))
                .hint(format!("jit issue update {} --state ready", id.short()))
                .details(json!({ "id": id, "state": state }))
        }
        Refusal::Blocked { id, to, by } => {
            error("blocked", format!("the issue {} cannot become {to}: it waits for {}", id.short(), list(by)))
                .hint(format!("jit graph show {}", id.short()))
                .details(json!({ "id": id, "to": to, "blocked_by": named(by) }))
        }
        Refusal::Cycle { path } => {
            let way: Vec<String> = path.iter().map(|issue| issue.id.short()).collect();
            error("cycle", format!("that would be a cycle: {}", way.join(" → ")))
                .hint(format!("jit graph show {}", way[0]))
                .details(json!({ "path": named(path) }))
        }
        Refusal::Finished { id, state, what } => {
            error("finished", format!("the issue {} is {state}; its {what} stay as they are", id.short()))
                .hint(format!("jit issue update {} --state open", id.short()))
                .details(json!({ "id": id, "state": state }))
        }
        Refusal::HasDependents { id, by } => {
            error("has_dependents", format!("others depend on the issue {}: {}", id.short(), list(by)))
                .hint(format!("jit graph downstream {}", id.short()))
                .details(json!({ "id": id, "dependents": named(by) }))
        }
        Refusal::NotClaimed(id) => error("not_claimed", format!("nobody holds the issue {}", id.short()))
            .hint(format!("jit issue claim {}", id.short()))
            .details(json!({ "id": id })),
        Refusal::NoQuestion(id) => {
            error("no_question", format!("the issue {} has no open question", id.short()))
                .hint("jit query questions")
                .details(json!({ "id": id }))
        }
        Refusal::UnseenChanges { id, changes } => unseen(&id.short(), changes)
            .details(json!({ "id": id, "changes": changes.iter().map(|change| json!({ "field": change.field, "known": change.known, "now": change.now })).collect::<Vec<_>>() })),
        Refusal::EditNotAllowed { file, field, instead } => {
            error("edit_not_allowed", format!("`{field}` in {file} cannot be changed by editing the mirror"))
                .hint(instead.clone())
                .details(json!({ "file": file, "field": field }))
        }
        _ => return None,
    })
}

fn about_gates(refusal: &Refusal) -> Option<Error> {
    let error = |code, message: String| Error::new(Class::Refused, code, message);
    Some(match refusal {
        Refusal::GatesPending { id, gates, to } => {
            gates_pending(&id.short(), gates).details(json!({ "id": id, "to": to, "gates": pending(gates) }))
        }
        Refusal::GateRuns { id, key } => {
            let message = format!("the gate {key} of the issue {} gets its verdict by running its command", id.short());
            error("gate_runs", message)
                .hint(format!("jit gate run {} {key}", id.short()))
                .details(json!({ "id": id, "gate": key }))
        }
        Refusal::GateFrozen { id, key } => {
            let message = format!("you hold the issue {}, and it was claimed with the gate {key} as it is", id.short());
            error("gate_frozen", message)
                .hint(format!("pass it, or let somebody else decide: jit issue ask {} \"…\"", id.short()))
                .details(json!({ "id": id, "gate": key }))
        }
        Refusal::GateChanged { id, key } => {
            let message =
                format!("the gate {key} of the issue {} asks for something else than what was run", id.short());
            error("gate_changed", message)
                .hint(format!("jit gate run {} {key}", id.short()))
                .details(json!({ "id": id, "gate": key }))
        }
        Refusal::GateInUse { key, by } => error("gate_in_use", format!("issues carry the gate {key}: {}", list(by)))
            .hint(format!("jit list --filter gate:{key}"))
            .details(json!({ "gate": key, "issues": named(by) })),
        _ => return None,
    })
}

fn about_the_past(refusal: &Refusal) -> Option<Error> {
    let error = |code, message: String| Error::new(Class::Refused, code, message);
    Some(match refusal {
        Refusal::NotUndoable { event, issue, why, instead } => {
            let about = issue.map_or_else(String::new, |id| format!(" of the issue {}", id.short()));
            error("not_undoable", format!("{event}{about} is not undone: {why}"))
                .hint(instead.clone())
                .details(json!({ "event": event, "issue": issue, "why": why }))
        }
        Refusal::ChangedSince { issue, field, now } => {
            let (about, look) = match issue {
                Some(id) => (format!(" of the issue {}", id.short()), format!("jit blame {}", id.short())),
                None => (String::new(), "jit log".to_owned()),
            };
            error("changed_since", format!("`{field}`{about} was changed again since; it is not undone"))
                .hint(look)
                .details(json!({ "issue": issue, "field": field, "now": now }))
        }
        _ => return None,
    })
}

fn gates_pending(id: &str, gates: &[NamedGate]) -> Error {
    let name = |gate: &NamedGate| match gate.outdated {
        true => format!("{} (passed, but by another command than now)", gate.key),
        false => format!("{} ({})", gate.key, gate.status),
    };
    let names: Vec<String> = gates.iter().take(LISTED).map(name).collect();
    let more = more(gates.len());
    let way = |gate: &NamedGate| format!("jit gate {} {id} {}", if gate.runs { "run" } else { "pass" }, gate.key);
    let ways: Vec<String> = gates.iter().take(LISTED).map(way).collect();
    let message = format!("gates of the issue {id} are not passed: {}{more}", names.join(", "));
    Error::new(Class::Refused, "gates_pending", message).hint(ways.join("; "))
}

fn pending(gates: &[NamedGate]) -> Vec<Value> {
    let gate = |gate: &NamedGate| json!({ "gate": gate.key, "status": gate.status, "outdated": gate.outdated, "runs": gate.runs });
    gates.iter().map(gate).collect()
}

fn unseen(id: &str, changes: &[Unseen]) -> Error {
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    let message = format!("somebody changed the {} of the issue {id} since your last event on it", fields.join(", "));
    Error::new(Class::Refused, "unseen_changes", message)
}

fn lost(refusal: &Refusal) -> Option<Error> {
    let error = |code, message: String| Error::new(Class::Lost, code, message);
    Some(match refusal {
        Refusal::ClaimedByOther { id, claim, actor, to_claim } => {
            let until = claim.expires_at.map_or_else(String::new, |end| format!(", lease until {end}"));
            let way =
                if *to_claim { "jit issue claim-next".to_owned() } else { format!("jit issue show {}", id.short()) };
            let mut refused = error("claimed_by_other", format!("{} holds the issue {}{until}", claim.by, id.short()))
                .hint(way)
                .details(json!({ "id": id, "actor": actor, "claim": holder(claim) }));
            refused.retryable = claim.expires_at.is_some();
            refused
        }
        Refusal::AlreadyHeld { id, claim } => {
            let place = claim.worktree.as_deref().map_or_else(String::new, |tree| format!(" in {tree}"));
            let message =
                format!("{} holds the issue {} already, claimed at {}{place}", claim.by, id.short(), claim.at);
            error("already_held", message)
                .hint("to go on with that claim, set JIT_CLAIM to its token; otherwise jit issue claim-next")
                .details(json!({ "id": id, "claim": holder(claim) }))
        }
        Refusal::AssignedToOther { id, assignee } => {
            error("assigned_to_other", format!("the issue {} is meant for {assignee}", id.short()))
                .hint("jit ready")
                .details(json!({ "id": id, "assignee": assignee }))
        }
        Refusal::Superseded { id, by, generation } => {
            let message =
                format!("your claim on the issue {} has ended; the newest is number {generation}, by {by}", id.short());
            error("claim_superseded", message)
                .hint(format!("jit issue show {}", id.short()))
                .details(json!({ "id": id, "by": by, "generation": generation }))
        }
        Refusal::EditConflict { id, field, edited, now } => {
            let message =
                format!("`{field}` of the issue {} was edited in the mirror and changed in the tracker", id.short());
            error("edit_conflict", message)
                .hint(format!(
                    "make the file say what you want beside jit issue show {} --json, then jit mirror import",
                    id.short()
                ))
                .details(json!({ "id": id, "field": field, "edited": edited, "now": now }))
        }
        _ => return None,
    })
}

fn invalid(refusal: &Refusal) -> Error {
    let usage = |code, message: String| Error::new(Class::Usage, code, message);
    match refusal {
        Refusal::AmbiguousPrefix { prefix, candidates } => {
            usage("ambiguous_id", format!("{prefix} is the beginning of several issues: {}", list(candidates)))
                .hint("write more of the id")
                .details(json!({ "prefix": prefix, "candidates": named(candidates) }))
        }
        Refusal::TooLarge { what, limit } => {
            usage("too_large", format!("{what}: the limit is {limit}")).details(json!({ "limit": limit }))
        }
        Refusal::Plan(misfits) => {
            let whys: Vec<&str> = misfits.iter().map(|misfit| misfit.why.as_str()).collect();
            usage("invalid_plan", whys.join("; "))
        }
        Refusal::OfPlan(refused) => {
            let errors: Vec<Error> =
                refused.iter().take(LISTED).map(|(_, refusal)| Error::from(refusal.clone())).collect();
            let words: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
            let message = format!("{}{}", words.join("; "), more(refused.len()));
            let retryable = errors.iter().all(|error| error.retryable);
            let first = errors.into_iter().next().expect("a plan is refused for a reason");
            Error { message, retryable, ..first }
        }
        Refusal::Invalid { what, why } => usage("invalid_value", format!("{what}: {why}")),
        Refusal::OpIdReused { op_id, command } => usage(
            "op_id_reused",
            format!("the operation id `{op_id}` belongs to another request, an earlier `jit {command}`"),
        )
        .hint("use a new --op-id for every operation")
        .details(json!({ "op_id": op_id, "command": command })),
        Refusal::GateExists(key) => {
            Error::new(Class::Exists, "gate_exists", format!("the gate {key} is defined already"))
                .hint(format!("jit gate show {key}"))
                .details(json!({ "gate": key }))
        }
        Refusal::IssuesExist { issues } => {
            Error::new(Class::Exists, "issues_exist", format!("here already, and different: {}", list(issues)))
                .hint("the same command with --skip-existing")
                .details(json!({ "issues": named(issues) }))
        }
        Refusal::NothingReady => Error::new(Class::Nothing, "nothing_ready", "no issue can be claimed now")
            .hint("jit query blocked")
            .retryable(),
        other => Error::new(Class::Unexpected, "internal", format!("a refusal without words: {other:?}")),
    }
}

/// `3f2a91c0 Title (open), …`, at most [`LISTED`] of them.
fn list(issues: &[Named]) -> String {
    let names: Vec<String> = issues
        .iter()
        .take(LISTED)
        .map(|issue| format!("{} {} ({})", issue.id.short(), shortened(&issue.title, 40), issue.state))
        .collect();
    format!("{}{}", names.join(", "), more(issues.len()))
}

fn more(count: usize) -> String {
    if count > LISTED { format!(" and {} more", count - LISTED) } else { String::new() }
}

fn named(issues: &[Named]) -> Vec<Value> {
    issues
        .iter()
        .map(
            |issue| json!({ "id": issue.id, "short_id": issue.id.short(), "title": issue.title, "state": issue.state }),
        )
        .collect()
}

fn holder(claim: &Claim) -> Value {
    json!({
        "by": claim.by,
        "generation": claim.generation,
        "at": claim.at,
        "expires_at": claim.expires_at,
        "host": claim.host,
        "worktree": claim.worktree,
    })
}
