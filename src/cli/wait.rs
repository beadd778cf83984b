//! `jit wait`.

use std::time::{Duration, Instant};

use clap::Args;

use crate::domain::draft::resolve_any;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::snapshot::Snapshot;
use crate::domain::state::State;
use crate::domain::time::parse_duration;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::wait::{Waited, WaitedIssue};
use crate::session::Session;
use crate::store::StoreError;

/// Wait until issues have reached a state
///
/// Prints the ids of those that have. Exits 7 on a timeout, and 4 as soon as one can no longer reach the state:
/// it was deleted, or ended otherwise. Woken by the system when the tracker changes; what happens in other clones is
/// seen once it has been fetched. Reads the issues named whenever the tracker has changed.
#[derive(Args, Debug)]
pub struct Wait {
    /// The issues
    #[arg(required = true, value_name = "ID")]
    ids: Vec<IdPrefix>,
    /// The state; any of several, with commas between them
    #[arg(short, long, value_delimiter = ',', default_value = "done", value_name = "STATE")]
    state: Vec<State>,
    /// Until one of the issues has reached it, instead of all
    #[arg(long)]
    any: bool,
    /// At most this long: `30s`, `10m`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// What has become of the issues.
struct Standing {
    issues: Vec<Issue>,
    /// Those that cannot come to the state any more.
    in_vain: Vec<Issue>,
}

impl Wait {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let started = Instant::now();
        let view = session.view()?;
        let mut ids: Vec<IssueId> = Vec::new();
        for prefix in &self.ids {
            let id = resolve_any(&view.state, prefix)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let (mut view, mut session) = (view, session.reopen()?);
        loop {
            let standing = self.standing(&ids, &view.state)?;
            if self.is_over(&standing) {
                return Ok(Report::Waited(self.waited(standing.issues)));
            }
            if standing.in_vain.len() >= if self.any { ids.len() } else { 1 } {
                return Err(self.in_vain(&standing));
            }
            let left = self.timeout.map(|most| most.saturating_sub(started.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(self.too_late(&standing));
            }
            // Without a limit it is looked again now and then all the same.
            session.await_change(&view.commit, left.unwrap_or(Duration::from_secs(60)))?;
            session = session.reopen()?;
            view = session.view()?;
        }
    }

    fn standing(&self, ids: &[IssueId], state: &dyn Snapshot) -> Result<Standing> {
        let mut standing = Standing { issues: Vec::new(), in_vain: Vec::new() };
        for id in ids {
            let issue = state.issue(*id).map_err(StoreError::from)?;
            let issue = issue.ok_or_else(|| {
                let message = format!("the issue {} is no longer in the tracker: its ref was moved back", id.short());
                Error::new(Class::Refused, "wait_in_vain", message).hint("jit fsck")
            })?;
            let ended = issue.deleted.is_some() || (issue.state.is_finished() && !self.is_there(&issue));
            if ended {
                standing.in_vain.push(issue.clone());
            }
            standing.issues.push(issue);
        }
        Ok(standing)
    }

    fn is_there(&self, issue: &Issue) -> bool {
        issue.deleted.is_none() && self.state.contains(&issue.state)
    }

    fn is_over(&self, standing: &Standing) -> bool {
        match self.any {
            true => standing.issues.iter().any(|issue| self.is_there(issue)),
            false => standing.issues.iter().all(|issue| self.is_there(issue)),
        }
    }

    fn waited(&self, issues: Vec<Issue>) -> Waited {
        let issues: Vec<WaitedIssue> =
            issues.into_iter().map(|issue| WaitedIssue::new(&issue, self.is_there(&issue))).collect();
        Waited { count: issues.len(), issues }
    }

    fn states(&self) -> String {
        self.state.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" or ")
    }

    fn in_vain(&self, standing: &Standing) -> Error {
        let issue = &standing.in_vain[0];
        let (short, states) = (issue.id.short(), self.states());
        let why = match issue.deleted {
            Some(_) => "was deleted".to_owned(),
            None => format!("is {}", issue.state),
        };
        Error::new(Class::Refused, "wait_in_vain", format!("the issue {short} {why}; it does not become {states}"))
            .hint(format!("jit issue log {short}"))
            .details(self.details(standing))
    }

    fn too_late(&self, standing: &Standing) -> Error {
        let waiting: Vec<String> = standing
            .issues
            .iter()
            .filter(|issue| !self.is_there(issue))
            .take(3)
            .map(|issue| format!("{} ({})", issue.id.short(), issue.state))
            .collect();
        let message = format!("timed out; not {} yet: {}", self.states(), waiting.join(", "));
        Error::new(Class::Nothing, "wait_timed_out", message).retryable().details(self.details(standing))
    }

    fn details(&self, standing: &Standing) -> serde_json::Value {
        let issues = standing.issues.iter().map(|issue| {
            let reached = self.is_there(issue);
            serde_json::json!({ "id": issue.id, "state": issue.state, "deleted": issue.deleted.is_some(), "reached": reached })
        });
        serde_json::json!({ "issues": issues.collect::<Vec<_>>(), "wanted": self.state })
    }
}
