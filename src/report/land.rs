//! What has landed.

use crate::domain::id::IssueId;
use crate::land::Landed;

use super::Render;
use super::sync::short;
use super::text::{Text, clean};

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
