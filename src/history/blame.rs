//! Who set each part of an issue.
//!
//! From the newest change back, each part is ascribed to the commit where it first is what it is now: the commit has
//! it, and none of its parents does. Which of that commit's events it was is found by applying them one by one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::apply::apply_to_issue;
use crate::domain::draft::resolve_any;
use crate::domain::event::Event;
use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::name::perhaps;
use crate::domain::plan::BASE;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::session::{Session, View};
use crate::store::history::{Recorded, events_about};
use crate::store::{CommitId, StoreResult, Walk, transact};

/// Where a part of an issue comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The part: `title`, `labels.area/api`, `gates.review`.
    pub part: String,
    /// What it holds; `true` for a label, a dependency or a commit that is there, null where nothing is.
    pub value: Value,
    /// The event that set it.
    pub event: Event,
    /// The commit with that event.
    pub commit: CommitId,
}

/// What an issue says, part by part.
type Parts = BTreeMap<String, Value>;

/// Parts of which there is one.
const PLAIN: [&str; 9] =
    ["title", "description", "state", "priority", "assignee", "question", "landed", "deleted", "claim"];
/// Parts of which there are several, each with a name of its own after the dot.
const GROUPS: [&str; 5] = ["labels", "dependencies", "commits", "context", "gates"];

/// Where the parts of an issue come from, by name; only those named, or all when none is. One that is named and empty
/// comes from whoever emptied it. Reads the list of commits by issue, and the issue and the events of as many as it takes
/// to find where the oldest part comes from.
pub fn origins(session: &Session, view: &View, issue: &Issue, named: &[String]) -> Result<Vec<Origin>> {
    let named: Vec<String> = named.iter().map(|name| in_full(view, name)).collect();
    let mut open = wanted(issue, &named)?;
    let mut found = Vec::new();
    if open.is_empty() {
        return Ok(found);
    }
    events_about(&session.store, &view.commit, issue.id, &mut |recorded| {
        let parents = recorded.info.parents.iter();
        let before: StoreResult<Vec<Option<Issue>>> =
            parents.map(|parent| issue_in(session, parent, issue.id)).collect();
        let now = issue_in(session, &recorded.info.id, issue.id)?;
        found.extend(set_in(&recorded, &before?, now.as_ref(), &mut open));
        Ok(if open.is_empty() { Walk::Stop } else { Walk::On })
    })?;
    if let Some(never) = open.iter().find(|(_, value)| value.is_null()).map(|(part, _)| part) {
        let message = format!("the issue {} never had anything at `{never}`", issue.id.short());
        let hint = format!("jit blame {}", issue.id.short());
        return Err(Error::new(Class::NotFound, "field_not_found", message).hint(hint));
    }
    found.sort_by(|a: &Origin, b| a.part.cmp(&b.part));
    Ok(found)
}

/// The name of a part, with the whole id where it is a dependency that was shortened.
fn in_full(view: &View, name: &str) -> String {
    let prefix = name.strip_prefix("dependencies.").and_then(|prefix| prefix.parse().ok());
    let id = prefix.and_then(|prefix| resolve_any(&view.state, &prefix).ok());
    id.map_or_else(|| name.to_owned(), |id| format!("dependencies.{id}"))
}

/// The parts that are asked for: `gates` stands for all that begin with `gates.`. What the issue lacks now is null.
fn wanted(issue: &Issue, named: &[String]) -> Result<Parts> {
    let all = parts(issue);
    if named.is_empty() {
        return Ok(all);
    }
    let fits = |part: &str, name: &str| {
        let below = part.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        part == name || below
    };
    let mut wanted = Parts::new();
    for name in named {
        let there: Vec<_> = all.iter().filter(|(part, _)| fits(part, name)).collect();
        let group = name.split_once('.').map(|(group, _)| group);
        if there.is_empty() && (PLAIN.contains(&name.as_str()) || group.is_some_and(|group| GROUPS.contains(&group))) {
            wanted.insert(name.clone(), Value::Null);
        } else if there.is_empty() && !GROUPS.contains(&name.as_str()) {
            let known: Vec<&str> = PLAIN.into_iter().chain(GROUPS).collect();
            return Err(Error::usage(format!(
                "an issue has no field `{name}`{}",
                perhaps(name, known.iter().copied())
            ))
            .hint(format!("one of {}, or a part like gates.review", known.join(", "))));
        }
        wanted.extend(there.into_iter().map(|(part, value)| (part.clone(), value.clone())));
    }
    Ok(wanted)
}

fn issue_in(session: &Session, commit: &CommitId, id: IssueId) -> StoreResult<Option<Issue>> {
    Ok(transact::open(&session.store, commit)?.issue(id)?)
}

/// The parts of an issue that somebody can have set. What it lacks is left out.
fn parts(issue: &Issue) -> Parts {
    let mut parts = Parts::new();
    let document = serde_json::to_value(issue).expect("issues have only text keys");
    for field in PLAIN.into_iter().filter(|field| *field != "claim") {
        match document.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(value) => drop(parts.insert(field.to_owned(), value.clone())),
        }
    }
    if let Some(claim) = &issue.claim {
        parts.insert("claim".to_owned(), Value::from(claim.by.as_str()));
    }
    let mut several = |field: &str, entries: Vec<(String, Value)>| {
        parts.extend(entries.into_iter().map(|(key, value)| (format!("{field}.{key}"), value)));
    };
    let there = Value::Bool(true);
    several("labels", issue.labels.iter().map(|label| (label.to_string(), there.clone())).collect());
    several("dependencies", issue.dependencies.iter().map(|id| (id.to_string(), there.clone())).collect());
    several("commits", issue.commits.iter().map(|commit| (commit.clone(), there.clone())).collect());
    let context = issue.context.iter().filter(|(key, _)| *key != BASE);
    several("context", context.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect());
    let verdicts = issue.gates.iter().map(|(key, verdict)| {
        let at = verdict.at.map_or(Value::Null, |at| Value::from(at.to_string()));
        (key.to_string(), serde_json::json!({ "status": verdict.status, "at": at }))
    });
    several("gates", verdicts.collect());
    parts
}

/// What a part holds; null when it is not there.
fn held<'p>(parts: &'p Parts, part: &str) -> &'p Value {
    parts.get(part).unwrap_or(&Value::Null)
}

/// Takes out of `open` the parts that a commit set: it has them as they are now, and none of its parents does. One of
/// several that an issue did not have when it was made was not taken away by that.
fn set_in(recorded: &Recorded, before: &[Option<Issue>], now: Option<&Issue>, open: &mut Parts) -> Vec<Origin> {
    let Some(now) = now.map(parts) else { return Vec::new() };
    let older: Vec<Parts> = before.iter().flatten().map(parts).collect();
    let is_new = |part: &str, value: &Value| {
        held(&now, part) == value
            && older.iter().all(|older| held(older, part) != value)
            && !(older.is_empty() && value.is_null() && !PLAIN.contains(&part))
    };
    let set = open.iter().filter(|(part, value)| is_new(part, value));
    let new: Vec<(String, Value)> = set.map(|(part, value)| (part.clone(), value.clone())).collect();
    if new.is_empty() {
        return Vec::new();
    }
    let steps = replay(before.first().cloned().flatten(), &recorded.events);
    let otherwise = if older.is_empty() { recorded.events.first() } else { recorded.events.last() };
    new.into_iter()
        .filter_map(|(part, value)| {
            open.remove(&part);
            let event = event_that_set(&steps, &part, &value).or(otherwise)?.clone();
            Some(Origin { part, value, event, commit: recorded.info.id.clone() })
        })
        .collect()
}

/// Each event of a commit with the issue before and after it.
fn replay(mut issue: Option<Issue>, events: &[Event]) -> Vec<(&Event, Parts, Parts)> {
    let mut steps = Vec::new();
    for event in events {
        let Ok(Some(body)) = event.body() else { continue };
        let before = issue.as_ref().map(parts).unwrap_or_default();
        let Ok(after) = apply_to_issue(issue.clone(), event, &body) else { continue };
        steps.push((event, before, parts(&after)));
        issue = Some(after);
    }
    steps
}

/// The last event that made a part what it is.
fn event_that_set<'e>(steps: &[(&'e Event, Parts, Parts)], part: &str, value: &Value) -> Option<&'e Event> {
    let set = |(_, before, after): &&(&Event, Parts, Parts)| held(after, part) == value && held(before, part) != value;
    steps.iter().rev().find(set).map(|(event, ..)| *event)
}
