//! `jit issue show`.

use clap::Args;
use serde_json::Value;

use crate::cli::at::AtArg;
use crate::domain::event::Event;
use crate::domain::id::IdPrefix;
use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::event::EventDoc;
use crate::report::issue::{Fields, IssueDoc, IssueRef, Shown, ShownIssue};
use crate::report::list::field;
use crate::session::{Session, View};
use crate::store::StoreError;
use crate::store::history;

/// Events that are shown.
const EVENTS: usize = 5;

/// Show issues in full
///
/// Reads the issues and their dependencies; the form for people also the last events, through the list
/// of commits by issue.
#[derive(Args, Debug)]
pub struct Show {
    /// The issues
    #[arg(required = true, value_name = "ID")]
    ids: Vec<IdPrefix>,
    /// Print only this field; with dots a part of it (`claim.by`)
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Print only these fields
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "field")]
    fields: Vec<String>,
    #[command(flatten)]
    at: AtArg,
}

impl Show {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        let mut docs = Vec::new();
        for id in &self.ids {
            let issue = session.resolve(&view.state, id)?;
            let blockers = view.state.blockers(&issue).map_err(StoreError::from)?;
            docs.push(IssueDoc::new(issue, blockers.iter().map(IssueRef::from).collect(), &view.commit.0));
        }
        let names: Vec<String> = self.field.into_iter().chain(self.fields).collect();
        if !names.is_empty() {
            return fields(&docs, &names);
        }
        let many = docs.len() > 1;
        let issues: Result<Vec<ShownIssue>> = docs.into_iter().map(|doc| shown(session, &view, doc)).collect();
        Ok(Report::Issues(Shown { issues: issues?, many }))
    }
}

fn fields(docs: &[IssueDoc], names: &[String]) -> Result<Report> {
    let [doc] = docs else {
        return Err(Error::usage("--field and --fields take one issue at a time"));
    };
    let document = serde_json::to_value(doc).expect("issues have only text keys");
    let mut found = Vec::new();
    for name in names {
        let value = field(&document, name).ok_or_else(|| {
            let known: Vec<&str> =
                document.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
            Error::usage(format!("an issue has no field `{name}`")).hint(format!("one of {}", known.join(", ")))
        });
        // A part of something that is absent is absent too.
        let head = name.split('.').next().unwrap_or(name);
        let value = match value {
            Err(_) if name.contains('.') && document.get(head).is_some() => Value::Null,
            value => value?.clone(),
        };
        found.push((name.clone(), value));
    }
    Ok(Report::Fields(Fields { fields: found }))
}

fn shown(session: &Session, view: &View, doc: IssueDoc) -> Result<ShownIssue> {
    if session.wants_json() {
        return Ok(ShownIssue { doc, dependencies: Vec::new(), events: Vec::new(), more_events: false });
    }
    let mut dependencies = Vec::new();
    for id in &doc.issue.dependencies {
        dependencies.extend(view.state.issue(*id).map_err(StoreError::from)?.iter().map(IssueRef::from));
    }
    let (events, more_events) = last_events(session, view, &doc.issue)?;
    Ok(ShownIssue { doc, dependencies, events, more_events })
}

/// The newest events of an issue, and whether there are older ones.
fn last_events(session: &Session, view: &View, issue: &Issue) -> Result<(Vec<EventDoc>, bool)> {
    let mut is_new = |event: &Event| history::Wanted::if_so(!event.is_retold());
    let found = history::last_events(&session.store, &view.commit, EVENTS + 1, Some(issue.id), &mut is_new)?;
    let more = found.len() > EVENTS;
    let shown = found.into_iter().skip(usize::from(more));
    Ok((shown.map(|(commit, event)| EventDoc::new(&commit, event)).collect(), more))
}
