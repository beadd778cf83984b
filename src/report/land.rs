//! What has landed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;

use super::Render;
use super::sync::short;
use super::text::{Text, clean};

/// What has landed.
#[derive(Serialize, JsonSchema)]
pub struct Landed {
    /// The branch.
    pub branch: String,
    /// The branch it landed on.
    pub onto: String,
    /// The remote; `null` when it landed here.
    pub remote: Option<String>,
    /// The newest commit.
    pub commit: String,
    /// The issues that its commits name, done by now.
    pub issues: Vec<IssueId>,
    /// Whether it had landed before, and nothing was left to do.
    pub already: bool,
    /// The commit of the tracker.
    pub tracker: String,
}

impl Render for Landed {
    fn human(&self, text: &mut Text) {
        text.line(&self.commit);
    }

    fn confirmation(&self) -> Option<String> {
        let place = self.remote.as_ref().map_or_else(|| self.onto.clone(), |remote| format!("{remote}/{}", self.onto));
        let issues: Vec<String> = self.issues.iter().map(IssueId::short).collect();
        let done = if issues.is_empty() { String::new() } else { format!("; done: {}", issues.join(" ")) };
        let verb = if self.already { "had landed" } else { "landed" };
        Some(format!("{} {verb} on {} as {}{done}", clean(&self.branch), clean(&place), short(&self.commit)))
    }
}
