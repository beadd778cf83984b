//! `jit issue log` and `jit issue diff`.

use clap::Args;

use crate::cli::at::AtArg;
use crate::domain::draft::{resolve, resolve_any};
use crate::domain::id::{IdPrefix, IssueId};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::event::EventDoc;
use crate::report::history::{self as report, Step, changed_fields, patch};
use crate::session::Session;
use crate::store::history::events_about;
use crate::store::layout::issue_path;
use crate::store::snapshot::read_file;
use crate::store::{CommitId, StoreError, Walk, transact};

/// Show the changes of an issue, newest first
///
/// Reads the list of commits by issue and their events about it; with -p also the two versions of the issue of each that
/// is shown.
#[derive(Args, Debug)]
pub struct Log {
    /// The issue
    id: IdPrefix,
    /// Show what changed in the stored document
    #[arg(short, long)]
    patch: bool,
    /// At most this many changes; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 0, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    at: AtArg,
}

/// Events before which an issue has no history.
const CREATION: [&str; 2] = ["issue.created", "issue.imported"];

impl Log {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        // A deleted issue has a history too.
        let id = resolve_any(&view.state, &self.id)?;
        let mut changes: Vec<Step> = Vec::new();
        let mut total = 0;
        events_about(&session.store, &view.commit, id, &mut |recorded| {
            let info = &recorded.info;
            let created = recorded.events.iter().any(|event| CREATION.contains(&event.event.as_str()));
            let next = if created { Walk::Stop } else { Walk::On };
            total += 1;
            if self.limit > 0 && changes.len() == self.limit {
                return Ok(next);
            }
            let patch = match self.patch {
                true => {
                    let before = match info.parents.first() {
                        Some(parent) => document(session, parent, id)?,
                        None => String::new(),
                    };
                    Some(patch(&before, &document(session, &info.id, id)?))
                }
                false => None,
            };
            let events = recorded.events.iter().map(|event| EventDoc::new(&info.id, event.clone())).collect();
            changes.push(Step { commit: info.id.0.clone(), events, patch });
            Ok(next)
        })?;
        let count = changes.len();
        Ok(Report::History(report::History { id, count, total, truncated: count < total, changes }))
    }
}

/// The stored document of an issue in a commit; empty when it is not there.
fn document(session: &Session, commit: &CommitId, id: IssueId) -> std::result::Result<String, StoreError> {
    let state = transact::open(&session.store, commit)?;
    let bytes = read_file(state.tree(), &issue_path(id, state.format().fanout))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

/// Show what differs in an issue between two commits of the tracker
///
/// Reads the issue in both.
#[derive(Args, Debug)]
pub struct Diff {
    /// The issue
    id: IdPrefix,
    /// From which commit or time to which, as FROM..TO; the tracker's tip where one is left out
    #[arg(value_name = "REV..REV")]
    range: String,
}

impl Diff {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let (from, to) = self.range.split_once("..").ok_or_else(|| {
            Error::usage(format!("`{}` is not a range", self.range))
                .hint("write it as REV..REV, like refs/jit~3..refs/jit")
        })?;
        let view = session.view()?;
        let commit = |revision: &str| match revision {
            "" => Ok(view.commit.clone()),
            revision => session.view_of(revision).map(|view| view.commit),
        };
        let (from, to) = (commit(from)?, commit(to)?);
        let id = [&view.commit, &to, &from]
            .into_iter()
            .find_map(|commit| {
                let state = transact::open(&session.store, commit).ok()?;
                resolve(&state, &self.id).ok()
            })
            .map(|issue| issue.id);
        let id = match id {
            Some(id) => id,
            None => session.resolve(&view.state, &self.id)?.id,
        };
        let (before, after) = (document(session, &from, id)?, document(session, &to, id)?);
        let value = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
        Ok(Report::Diff(report::Diff {
            id,
            from: from.0,
            to: to.0,
            changes: changed_fields(&value(&before), &value(&after)),
            patch: patch(&before, &after),
        }))
    }
}
