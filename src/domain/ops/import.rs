//! Taking hand edits of the mirror in as ordinary changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::draft::Draft;
use crate::domain::event;
use crate::domain::gate::Gate;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::settings::{Known, Settings};
use crate::domain::snapshot::Snapshot;

use super::state::{Finish, set_state};
use super::{config, dep, gate, issue, talk};

/// A file that was changed by hand.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The file, for messages.
    pub file: String,
    /// What it said before and says now.
    pub edited: Edited,
}

/// What a file said before the edit, and what it says now.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each has the document before and after")]
pub enum Edited {
    /// One issue.
    Issue { base: Box<Issue>, now: Box<Issue> },
    /// All gate definitions.
    Gates { base: BTreeMap<GateKey, Gate>, now: BTreeMap<GateKey, Gate> },
    /// The shared settings.
    Settings { base: Settings, now: Settings },
}

/// Takes every edit in, or none.
///
/// An edit is joined with what changed in the tracker since the version it is based on: field by field,
/// refused where both changed the same field to different values.
pub fn import(draft: &mut Draft<'_>, edits: &[Edit]) -> Decision<Vec<IssueId>> {
    let mut touched = Vec::new();
    for edit in edits {
        match &edit.edited {
            Edited::Issue { base, now } => {
                import_issue(draft, &edit.file, base, now)?;
                touched.push(base.id);
            }
            Edited::Gates { base, now } => import_gates(draft, &edit.file, base, now)?,
            Edited::Settings { base, now } => import_settings(draft, &edit.file, base, now)?,
        }
    }
    Ok(touched)
}

fn import_issue(draft: &mut Draft<'_>, file: &str, base: &Issue, now: &Issue) -> Decision {
    check_untouched(file, base, now)?;
    let current = draft.issue(base.id)?;
    let edit = event::Edit {
        title: join(base, "title", &base.title, &now.title, &current.title)?,
        description: join(base, "description", &base.description, &now.description, &current.description)?,
        priority: join(base, "priority", &base.priority, &now.priority, &current.priority)?,
        labels_added: now.labels.difference(&base.labels).cloned().collect(),
        labels_removed: base.labels.difference(&now.labels).cloned().collect(),
        context_set: context_set(base, now, &current)?,
        context_unset: context_unset(base, now, &current)?,
    };
    let assignee = join(base, "assignee", &base.assignee, &now.assignee, &current.assignee)?;
    let state = join(base, "state", &base.state, &now.state, &current.state)?;
    let id = IdPrefix::from(base.id);
    let prefixes = |ids: BTreeSet<IssueId>| -> Vec<IdPrefix> { ids.into_iter().map(IdPrefix::from).collect() };
    let keys = |from: &Issue, to: &Issue| -> Vec<GateKey> {
        from.gates.keys().filter(|key| !to.gates.contains_key(*key)).cloned().collect()
    };

    issue::change(draft, &current, &edit)?;
    dep::remove(draft, &id, &prefixes(&base.dependencies - &now.dependencies))?;
    dep::add(draft, &id, &prefixes(&now.dependencies - &base.dependencies))?;
    gate::remove(draft, &id, &keys(base, now))?;
    gate::add(draft, &id, &keys(now, base))?;
    if let Some(assignee) = assignee {
        talk::assign(draft, &id, assignee.as_ref())?;
    }
    if let Some(state) = state {
        let current = draft.issue(base.id)?;
        set_state(draft, &current, state, &Finish::default())?;
    }
    Ok(())
}

/// The edited value where it is to be taken: changed by hand, and not otherwise meanwhile.
fn join<T: PartialEq + Clone + serde::Serialize>(
    issue: &Issue,
    field: &str,
    base: &T,
    edited: &T,
    current: &T,
) -> Decision<Option<T>> {
    if edited == base || edited == current {
        return Ok(None);
    }
    if current == base {
        return Ok(Some(edited.clone()));
    }
    let json = |value: &T| serde_json::to_value(value).unwrap_or(Value::Null);
    Err(Refusal::EditConflict { id: issue.id, field: field.to_owned(), edited: json(edited), now: json(current) })
}

fn context_set(base: &Issue, now: &Issue, current: &Issue) -> Decision<BTreeMap<String, String>> {
    let mut set = BTreeMap::new();
    for (key, value) in &now.context {
        let field = format!("context.{key}");
        let (before, there) = (base.context.get(key), current.context.get(key));
        if let Some(Some(value)) = join(base, &field, &before, &Some(value), &there)? {
            set.insert(key.clone(), value.clone());
        }
    }
    Ok(set)
}

fn context_unset(base: &Issue, now: &Issue, current: &Issue) -> Decision<BTreeSet<String>> {
    let mut unset = BTreeSet::new();
    for (key, value) in base.context.iter().filter(|(key, _)| !now.context.contains_key(*key)) {
        let field = format!("context.{key}");
        if join(base, &field, &Some(value), &None, &current.context.get(key))?.is_some() {
            unset.insert(key.clone());
        }
    }
    Ok(unset)
}

/// Refuses edits of what only commands change.
fn check_untouched(file: &str, base: &Issue, now: &Issue) -> Decision {
    let verdicts_kept = now.gates.iter().all(|(key, verdict)| match base.gates.get(key) {
        Some(before) => before == verdict,
        None => verdict.status == crate::domain::state::GateStatus::Pending,
    });
    let id = base.id.short();
    let checks = [
        (
            "claim",
            (&base.claim, &base.last_claim, &base.ended_claims) == (&now.claim, &now.last_claim, &now.ended_claims),
            format!("jit issue claim {id}"),
        ),
        ("comments", base.comments == now.comments, format!("jit issue comment {id} TEXT")),
        ("gates", verdicts_kept, format!("jit gate pass {id} KEY")),
        ("question", base.question == now.question, format!("jit issue ask {id} TEXT")),
        ("commits", base.commits == now.commits, "commits are linked by git hooks".to_owned()),
        ("deleted", base.deleted == now.deleted, format!("jit issue delete {id}")),
        (
            "created_at, updated_at, completed_at or their authors",
            (base.created_at, &base.created_by, base.updated_at, &base.updated_by)
                == (now.created_at, &now.created_by, now.updated_at, &now.updated_by)
                && (base.completed_at, base.archived_from) == (now.completed_at, now.archived_from),
            "these follow from what happens".to_owned(),
        ),
        ("unknown fields", base.extra == now.extra, "take them out of the file".to_owned()),
    ];
    match checks.into_iter().find(|(_, untouched, _)| !untouched) {
        Some((field, _, instead)) => {
            Err(Refusal::EditNotAllowed { file: file.to_owned(), field: field.to_owned(), instead })
        }
        None => Ok(()),
    }
}

fn import_gates(
    draft: &mut Draft<'_>,
    file: &str,
    base: &BTreeMap<GateKey, Gate>,
    now: &BTreeMap<GateKey, Gate>,
) -> Decision {
    for (key, gate) in now {
        let refuse = |field: &str, instead: &str| Refusal::EditNotAllowed {
            file: file.to_owned(),
            field: format!("{key}.{field}"),
            instead: instead.to_owned(),
        };
        if gate.key != *key {
            return Err(refuse("key", "name the entry and its key alike"));
        }
        match base.get(key) {
            Some(before) if before == gate => {}
            Some(before) => {
                check_gate_unmoved(draft, file, before)?;
                gate::redefine(draft, before, gate)?;
            }
            None => gate::define(draft, gate, false)?,
        }
    }
    for (key, before) in base.iter().filter(|(key, _)| !now.contains_key(*key)) {
        if draft.state().gate(key)?.is_some() {
            check_gate_unmoved(draft, file, before)?;
            gate::undefine(draft, key)?;
        }
    }
    Ok(())
}

/// Refuses an edit of a definition that changed in the tracker too.
fn check_gate_unmoved(draft: &Draft<'_>, file: &str, before: &Gate) -> Decision {
    if draft.state().gate(&before.key)?.as_ref() == Some(before) {
        return Ok(());
    }
    Err(Refusal::EditNotAllowed {
        file: file.to_owned(),
        field: before.key.to_string(),
        instead: format!("it changed in the tracker too: jit gate show {}", before.key),
    })
}

fn import_settings(draft: &mut Draft<'_>, file: &str, base: &Settings, now: &Settings) -> Decision {
    let keys: BTreeSet<&String> = base.iter().chain(now.iter()).map(|(key, _)| key).collect();
    for key in keys.into_iter().filter(|key| base.get(key) != now.get(key)) {
        let refuse = |why: String| Refusal::EditNotAllowed { file: file.to_owned(), field: key.clone(), instead: why };
        let current = draft.state().settings()?.get(key).cloned();
        if current.as_ref() != base.get(key) && current.as_ref() != now.get(key) {
            return Err(refuse(format!("it changed in the tracker too: jit config get {key}")));
        }
        if let Some(value) = now.get(key) {
            let known = Known::find(key).ok_or_else(|| refuse("jit config list shows the settings".to_owned()))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = known.parse(&text).map_err(refuse)?;
            config::set(draft, key, Some(&value))?;
        } else {
            config::set(draft, key, None)?;
        }
    }
    Ok(())
}
