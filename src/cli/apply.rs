//! `jit apply`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::domain::graph::roots;
use crate::domain::id::IssueId;
use crate::domain::limits::OBJECT_BYTES;
use crate::domain::ops::plan::{Action, Applied, Outcome, apply};
use crate::domain::plan::{Field, Misfit, Plan};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::plan::{self, Document, Problem};
use crate::report::Report;
use crate::report::plan::Applied as Shown;
use crate::session::Session;
use crate::store::transact::Change;
use crate::store::{CommitId, StoreError};

use super::common::{Force, name_of, read_bytes};
use super::contract::accepted;

/// Create the issues of a plan, all in one commit or none
///
/// A plan is a JSON or YAML document: {"name": "auth", "issues": [{"key": "model", "title": "…"}, …]}. An issue may
/// have a description, priority, labels, gates, an assignee, context, `ready: true`, what it depends on (keys of the
/// plan, or ids) and a parent, which waits for it. A plan that is applied again changes what was edited in it and leaves
/// everything else as it is; issues that are no longer in it stay. All mistakes are reported at once, by line. Reads
/// the index, the issues that the plan made before and those it refers to.
#[derive(Args, Debug)]
pub struct Apply {
    /// The file, or - for stdin
    #[arg(value_name = "PLAN", required_unless_present = "schema")]
    plan: Option<String>,
    /// Show what would be created or changed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the JSON Schema of plans
    #[arg(long, conflicts_with_all = ["plan", "dry_run", "force"])]
    pub schema: bool,
    #[command(flatten)]
    force: Force,
}

impl Apply {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let file = self.plan.as_deref().unwrap_or("-");
        let document = read(session, file)?;
        let mut refusal = None;
        let mut outcome = Outcome::default();
        let made = if self.dry_run {
            let mut state = None;
            let rehearsed = session.rehearse("apply", &self.force.manners(), |draft| {
                let applied = apply(draft, &document.plan);
                refusal = applied.as_ref().err().cloned();
                outcome = applied?;
                state = Some(draft.state().clone());
                Ok(())
            });
            rehearsed.map(|tip| (tip, state.expect("a rehearsal that went well has a state")))
        } else {
            let changed = session.change("apply", &self.force.manners(), |draft| {
                let applied = apply(draft, &document.plan);
                refusal = applied.as_ref().err().cloned();
                outcome = applied?;
                Ok(outcome.issues.iter().map(|issue| issue.id).collect())
            });
            changed.map(|change| {
                if change.replayed {
                    outcome = earlier(&document.plan, &change);
                }
                (change.commit, change.state)
            })
        };
        let (commit, state) = made.map_err(|error| match refusal {
            Some(Refusal::Plan(misfits)) => {
                let mut problems: Vec<Problem> = misfits.iter().map(|misfit| placed(&document, misfit)).collect();
                problems.sort();
                faulty(file, problems)
            }
            Some(Refusal::OfPlan(refused)) => against_rules(file, &document, refused, error),
            _ => error,
        })?;
        shown(&document.plan, &outcome, &state, (self.dry_run, &commit)).map(Report::Planned)
    }
}

/// What `jit apply --schema` prints. It needs no repository.
pub fn schema() -> Report {
    Report::Schema(accepted::<Plan>())
}

fn read(session: &Session, file: &str) -> Result<Document> {
    let bytes = read_bytes(session, file, OBJECT_BYTES as u64 + 1)?;
    if bytes.len() > OBJECT_BYTES {
        return Err(Error::new(Class::Usage, "too_large", format!("{file} holds more than {OBJECT_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Error::usage(format!("{file} is not valid UTF-8")))?;
    plan::read(&text).map_err(|problems| faulty(file, problems))
}

/// The problem that a misfit is, at its place in the document.
fn placed(document: &Document, misfit: &Misfit) -> Problem {
    let item = misfit.item.map_or_else(String::new, |item| format!("[{item}]"));
    Problem {
        place: document.place(misfit.issue, misfit.field, misfit.item),
        path: format!("issues[{}].{}{item}", misfit.issue, misfit.field.name()),
        why: misfit.why.clone(),
    }
}

/// The error that tells of every problem.
fn faulty(file: &str, problems: Vec<Problem>) -> Error {
    let name = name_of(file);
    let line = |problem: &Problem| match problem.path.as_str() {
        "" => format!("{name}:{}: {}", problem.place, problem.why),
        path => format!("{name}:{}: {path}: {}", problem.place, problem.why),
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    let details: Vec<_> = problems
        .iter()
        .map(|problem| {
            let (line, column) = (problem.place.line, problem.place.column);
            serde_json::json!({ "line": line, "column": column, "path": problem.path, "why": problem.why })
        })
        .collect();
    Error::new(Class::Usage, "invalid_plan", lines.join("\n"))
        .hint("jit apply --schema")
        .details(serde_json::json!({ "file": name, "problems": details }))
}

/// So many refusals are told.
const TOLD: usize = 100;

/// `error`, told of each issue to which rules do not let the plan be applied.
fn against_rules(file: &str, document: &Document, refused: Vec<(usize, Refusal)>, error: Error) -> Error {
    let name = name_of(file);
    let problem = |(number, refusal): (usize, Refusal)| {
        let place = document.place(number, Field::Key, None);
        let (key, error) = (document.plan.issues[number].key.as_str(), Error::from(refusal));
        let line = format!("{name}:{place}: issues[{number}] ({key}): {}", error.message);
        let details = serde_json::json!({
            "line": place.line, "column": place.column, "path": format!("issues[{number}]"), "key": key,
            "code": error.code, "why": error.message, "hint": error.hint, "details": error.details,
        });
        (line, details)
    };
    let rest = refused.len().saturating_sub(TOLD);
    let (mut lines, problems): (Vec<String>, Vec<_>) = refused.into_iter().take(TOLD).map(problem).unzip();
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    Error { message: lines.join("\n"), ..error }.details(serde_json::json!({ "file": name, "problems": problems }))
}

/// What an earlier operation came to that is not carried out again.
fn earlier(plan: &Plan, change: &Change) -> Outcome {
    let mut told: BTreeMap<IssueId, bool> = BTreeMap::new();
    for event in &change.events {
        if let Some(id) = event.issue {
            *told.entry(id).or_default() |= event.event == "issue.created";
        }
    }
    let issue = |(planned, id): (&crate::domain::plan::Planned, &IssueId)| {
        let action = match told.get(id) {
            Some(true) => Action::Created,
            Some(false) => Action::Updated,
            None => Action::Unchanged,
        };
        Applied { key: planned.key.to_string(), id: *id, action, changes: Vec::new() }
    };
    Outcome { issues: plan.issues.iter().zip(&change.subjects).map(issue).collect(), missing: Vec::new() }
}

fn shown(plan: &Plan, outcome: &Outcome, state: &dyn Snapshot, (dry_run, commit): (bool, &CommitId)) -> Result<Shown> {
    let table = state.table().map_err(StoreError::from)?;
    // A tree begins with what nobody of the plan waits for.
    let own: BTreeSet<IssueId> = outcome.issues.iter().map(|issue| issue.id).collect();
    let mut roots: Vec<IssueId> = roots(&table).iter().map(|entry| entry.id()).filter(|id| own.contains(id)).collect();
    if roots.is_empty() {
        roots = outcome.issues.iter().map(|issue| issue.id).collect();
    }
    let name = plan.name.as_ref().map(ToString::to_string);
    Ok(Shown::new(name, outcome, &table, roots, (dry_run, &commit.0)))
}
