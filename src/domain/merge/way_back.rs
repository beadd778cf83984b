//! How to take back what gave way in a merge: the command for it.

use serde_json::Value;

use crate::domain::event::{Body, Event, Overridden};
use crate::domain::id::IssueId;
use crate::domain::state::State;
use crate::domain::text::quoted;

/// Text up to so many characters stands in the command itself.
const SHORT: usize = 200;

/// The command that gives the value that lost its place again; `None` for an event that is no such note.
pub fn way_back(event: &Event, body: &Body) -> Option<String> {
    let id = event.issue.map(|id| id.short()).unwrap_or_default();
    Some(match body {
        Body::MergeOverridden(over) => match event.issue {
            Some(issue) => of_issue(event, issue, over),
            None => of_tracker(&over.field, &over.lost),
        },
        Body::MergeRestored(_) => format!("jit issue delete {id}"),
        Body::MergeCycleBroken(cycle) => match cycle.cycle.get(2) {
            Some(next) => {
                format!("jit dep rm {} {} && jit dep add {id} {}", cycle.on.short(), next.short(), cycle.on.short())
            }
            None => format!("jit dep add {id} {}", cycle.on.short()),
        },
        Body::MergeDropped(dropped) => {
            let value = quoted(&text(&dropped.value));
            match (dropped.field.as_str(), dropped.why.as_str()) {
                ("dependencies", "finished") => {
                    format!("jit issue update {id} --state ready && jit dep add {id} {value}")
                }
                ("gates", "finished") => format!("jit issue update {id} --state ready && jit gate add {id} {value}"),
                ("comments", _) => format!("jit events query --issue {id} --type issue.commented"),
                _ => format!("jit issue log {id}"),
            }
        }
        Body::ClaimLost(lost) => format!("jit issue claim-next --as {}", quoted(lost.by.as_str())),
        _ => return None,
    })
}

fn of_issue(event: &Event, issue: IssueId, over: &Overridden) -> String {
    let (id, field, lost) = (issue.short(), over.field.as_str(), &over.lost);
    let value = text(lost);
    let plain = quoted(&value);
    match field {
        "title" => format!("jit issue update {id} --title {plain}"),
        "description" if value.chars().count() > SHORT => {
            format!("jit conflicts --lost {} | jit issue update {id} --desc-file -", event.id)
        }
        "description" => format!("jit issue update {id} --desc {plain}"),
        "priority" => format!("jit issue update {id} --priority {plain}"),
        "state" => {
            let state = |value: &Value| value.as_str().and_then(|word| word.parse::<State>().ok());
            let direct = state(&over.kept).zip(state(lost)).is_some_and(|(from, to)| from.may_become(to));
            // What is over begins anew before it ends in another way.
            let first = if direct { String::new() } else { format!("jit issue update {id} --state ready && ") };
            format!("{first}jit issue update {id} --state {plain}")
        }
        "assignee" if lost.is_null() => format!("jit issue unassign {id}"),
        "assignee" => format!("jit issue assign {id} {plain}"),
        "question" if lost.is_null() => format!("jit issue answer {id} 'answered already'"),
        "question" => format!("jit issue ask {id} {}", quoted(&text(lost.get("text").unwrap_or(lost)))),
        field => match field.split_once('.') {
            Some(("context", key)) if lost.is_null() => {
                format!("jit issue update {id} --unset-context {}", quoted(key))
            }
            Some(("gates", key)) if lost.is_null() => format!("jit gate rm {id} {key}"),
            Some(("context", key)) => format!("jit issue update {id} --context {}", quoted(&format!("{key}={value}"))),
            Some(("gates", key)) => match lost.get("command").is_some_and(Value::is_string) {
                true => format!("jit gate run {id} {key}"),
                false => {
                    let verb =
                        if lost.get("status").and_then(Value::as_str) == Some("failed") { "fail" } else { "pass" };
                    format!("jit gate {verb} {id} {key}")
                }
            },
            _ => format!("jit conflicts --lost {}", event.id),
        },
    }
}

fn of_tracker(field: &str, lost: &Value) -> String {
    match field.split_once('.') {
        Some(("config", key)) if lost.is_null() => format!("jit config unset {key}"),
        Some(("config", key)) => format!("jit config set {key} {}", quoted(&text(lost))),
        Some(("gate", key)) if lost.is_null() => format!("jit gate undefine {key}"),
        Some(("gate", key)) => {
            let part = |name: &str| lost.get(name).filter(|value| !value.is_null()).map(text);
            let mut command =
                format!("jit gate define {key} --replace --title {}", quoted(&part("title").unwrap_or_default()));
            for (name, flag) in [
                ("description", "--desc"),
                ("command", "--command"),
                ("stage", "--stage"),
                ("workdir", "--workdir"),
                ("env_key", "--env-key"),
            ] {
                if let Some(value) = part(name).filter(|value| !value.is_empty()) {
                    command.push_str(&format!(" {flag} {}", quoted(&value)));
                }
            }
            if let Some(millis) = lost.get("timeout_ms").and_then(Value::as_u64) {
                command.push_str(&format!(" --timeout {millis}ms"));
            }
            if lost.get("auto").and_then(Value::as_bool) == Some(true) && part("command").is_none() {
                command.push_str(" --auto");
            }
            command
        }
        _ => "jit events query --type merge.overridden".to_owned(),
    }
}

/// A value as it is typed.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
