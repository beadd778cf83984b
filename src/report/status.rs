//! The state of work at a glance.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::issue::Landed;
use crate::domain::query::{Sort, first};
use crate::domain::state::State;
use crate::domain::table::{Entry, Table};
use crate::domain::time::Timestamp;
use crate::sync::Standing;

use super::Render;
use super::list::{QuestionRow, Questions};
use super::sync::short;
use super::text::{Text, clean, counted};

/// Completions that are listed.
const RECENT: usize = 5;

/// The state of work.
#[derive(Serialize, JsonSchema)]
pub struct Status {
    /// Issues by stored state, and how many are blocked.
    pub counts: Counts,
    /// The newest completions, newest first.
    pub recent_completions: Vec<Completion>,
    /// Questions that wait for a person, oldest first.
    pub questions: Vec<QuestionRow>,
    /// How the tracker stands to its remote; `null` when it is not shared.
    pub remote: Option<Shared>,
    /// How many more issues there are that could not be read.
    pub unreadable: usize,
    /// The commit of the tracker.
    pub commit: String,
}

/// How the tracker stands to what was last seen of a remote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Shared {
    /// The remote.
    pub remote: String,
    /// Commits here that the remote lacks.
    pub ahead: usize,
    /// Commits of the remote that are not joined yet.
    pub behind: usize,
    /// Issues whose claim the remote does not know.
    pub unpublished_claims: Vec<IssueId>,
    /// When the remote was last asked.
    pub fetched_at: Option<Timestamp>,
}

impl From<Standing> for Shared {
    fn from(standing: Standing) -> Self {
        let Standing { remote, ahead, behind, unpublished, fetched_at } = standing;
        Self { remote, ahead, behind, unpublished_claims: unpublished, fetched_at }
    }
}

/// Issues by stored state, and how many are blocked.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// Open.
    pub open: usize,
    /// Ready.
    pub ready: usize,
    /// In progress.
    pub in_progress: usize,
    /// Not finished, and held up by a dependency; these are counted under their stored state too.
    pub blocked: usize,
    /// Done.
    pub done: usize,
    /// Gated.
    pub gated: usize,
    /// Rejected.
    pub rejected: usize,
    /// Archived.
    pub archived: usize,
}

impl Counts {
    /// Counts the issues of a table.
    pub fn of(table: &Table) -> Self {
        let mut counts = Self::default();
        for issue in table.issues() {
            *match issue.state() {
                State::Open => &mut counts.open,
                State::Ready => &mut counts.ready,
                State::InProgress => &mut counts.in_progress,
                State::Gated => &mut counts.gated,
                State::Done => &mut counts.done,
                State::Rejected => &mut counts.rejected,
                State::Archived => &mut counts.archived,
            } += 1;
            counts.blocked += usize::from(issue.is_blocked());
        }
        counts
    }

    /// Each count with its name.
    pub fn all(&self) -> [(&'static str, usize); 8] {
        [
            ("open", self.open),
            ("ready", self.ready),
            ("in_progress", self.in_progress),
            ("gated", self.gated),
            ("done", self.done),
            ("rejected", self.rejected),
            ("archived", self.archived),
            ("blocked", self.blocked),
        ]
    }
}

/// A finished issue.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Completion {
    /// The issue.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// Its title.
    pub title: String,
    /// When it was finished.
    pub at: Timestamp,
    /// Where its work landed; `null` when it did not, or not by `jit land`.
    pub landed: Option<Landed>,
}

impl Status {
    /// Counts the issues of a table.
    pub fn of(table: &Table, questions: Questions, commit: &str) -> Self {
        let counts = Counts::of(table);
        let mut completed: Vec<Entry<'_>> = table.issues().filter(|issue| issue.completed_at().is_some()).collect();
        first(&mut completed, Sort::Completed, Some(RECENT));
        let recent = completed.into_iter().filter_map(|issue| {
            Some(Completion {
                id: issue.id(),
                short_id: issue.id().short(),
                title: issue.title().to_owned(),
                at: issue.completed_at()?,
                landed: None,
            })
        });
        Self {
            counts,
            recent_completions: recent.collect(),
            questions: questions.questions,
            remote: None,
            unreadable: table.unreadable(),
            commit: commit.to_owned(),
        }
    }
}

impl Render for Status {
    fn human(&self, text: &mut Text) {
        let counts = &self.counts;
        let mut line = format!(
            "Open: {}  Ready: {}  In Progress: {}  Blocked: {}  Done: {}",
            counts.open, counts.ready, counts.in_progress, counts.blocked, counts.done
        );
        let rest = [("Gated", counts.gated), ("Rejected", counts.rejected), ("Archived", counts.archived)];
        for (name, count) in rest.into_iter().filter(|(_, count)| *count > 0) {
            line.push_str(&format!("  {name}: {count}"));
        }
        let heading = text.strong("Recent completions:");
        text.line(&line).line("").line(&heading);
        for done in &self.recent_completions {
            let landed = done.landed.as_ref().map_or_else(String::new, |landed| {
                format!(", landed on {} as {}", clean(&landed.branch), clean(short(&landed.commit)))
            });
            let line = format!("  - {} ({}{landed})", clean(&done.title), text.ago(done.at));
            text.line(&line);
        }
        if let Some(remote) = &self.remote {
            let fetched =
                remote.fetched_at.map_or_else(|| "never asked".to_owned(), |at| format!("asked {}", text.ago(at)));
            let claims = match remote.unpublished_claims.len() {
                0 => String::new(),
                count => format!(", {} not published", counted(count, "claim")),
            };
            let line =
                format!("{}: {} ahead, {} behind{claims} ({fetched})", remote.remote, remote.ahead, remote.behind);
            text.line("").line(&line);
        }
        if !self.questions.is_empty() {
            let heading = text.strong("Questions:");
            text.line("").line(&heading);
            for question in &self.questions {
                let id = text.id(&question.short_id);
                text.line(&format!("  - {id} {} ({})", clean(&question.text), question.by));
            }
        }
    }
}
