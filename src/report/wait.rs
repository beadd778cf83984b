//! What waiting has come to.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::state::State;

use super::Render;
use super::text::Text;

/// The issues that were waited for.
#[derive(Serialize, JsonSchema)]
pub struct Waited {
    /// The issues, in the order in which they were named.
    pub issues: Vec<WaitedIssue>,
    /// How many.
    pub count: usize,
}

/// An issue that was waited for.
#[derive(Serialize, JsonSchema)]
pub struct WaitedIssue {
    /// Its id.
    pub id: IssueId,
    /// The first eight characters of it.
    pub short_id: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: State,
    /// Whether that is one of those waited for.
    pub reached: bool,
}

impl WaitedIssue {
    /// An issue as it is.
    pub fn new(issue: &Issue, reached: bool) -> Self {
        Self { id: issue.id, short_id: issue.id.short(), title: issue.title.to_string(), state: issue.state, reached }
    }
}

impl Render for Waited {
    fn human(&self, text: &mut Text) {
        for issue in self.issues.iter().filter(|issue| issue.reached) {
            text.line(&issue.id.to_string());
        }
    }
}
