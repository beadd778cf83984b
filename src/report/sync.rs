//! What came from other clones, and what went to them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::name::Actor;
use crate::error::Class;

use super::Render;
use super::text::{Text, clean};

/// What was joined into the tracker.
#[derive(Serialize, JsonSchema)]
pub struct News {
    /// Commits that came.
    pub came: usize,
    /// Whether a merge was made.
    pub merged: bool,
    /// Claims that gave way to others.
    pub claims_lost: Vec<LostClaim>,
    /// Other values that gave way; `jit conflicts` lists them.
    pub overridden: usize,
}

/// A claim that gave way.
#[derive(Serialize, JsonSchema)]
pub struct LostClaim {
    /// The issue.
    pub issue: IssueId,
    /// Who held it.
    pub by: Actor,
}

/// A sync that is through.
#[derive(Serialize, JsonSchema)]
pub struct Synced {
    /// The remote; `null` when only what others had pushed here was taken in.
    pub remote: Option<String>,
    /// What came.
    #[serde(flatten)]
    pub joined: News,
    /// Commits that went.
    pub went: usize,
    /// The commit that both hold now.
    pub commit: String,
}

impl Render for Synced {
    fn human(&self, text: &mut Text) {
        let name = self.remote.as_deref().unwrap_or("here");
        let merged = if self.joined.merged { ", merged" } else { "" };
        let line = format!("{name}: {} came, {} went{merged}; at {}", self.joined.came, self.went, short(&self.commit));
        text.line(&line);
    }
}

/// A tracker that was fetched.
#[derive(Serialize, JsonSchema)]
pub struct Fetched {
    /// The remote.
    pub remote: String,
    /// The commit of its tracker; `null` when it has none.
    pub commit: Option<String>,
    /// How many commits of it are not part of the tracker here.
    pub new: usize,
}

impl Render for Fetched {
    fn human(&self, text: &mut Text) {
        match &self.commit {
            Some(commit) => text.line(&format!("{}: {} new, at {}", self.remote, self.new, short(commit))),
            None => text.line(&format!("{}: no tracker", self.remote)),
        };
    }
}

/// A tracker that was pushed.
#[derive(Serialize, JsonSchema)]
pub struct Pushed {
    /// The remote.
    pub remote: String,
    /// Commits that went.
    pub went: usize,
    /// The commit it holds now.
    pub commit: String,
}

impl Render for Pushed {
    fn human(&self, text: &mut Text) {
        text.line(&format!("{}: {} went; at {}", self.remote, self.went, short(&self.commit)));
    }
}

/// Histories that were joined.
#[derive(Serialize, JsonSchema)]
pub struct Joined {
    /// What came.
    #[serde(flatten)]
    pub joined: News,
    /// The commit of the tracker.
    pub commit: String,
}

impl Render for Joined {
    fn human(&self, text: &mut Text) {
        let merged = if self.joined.merged { ", merged" } else { "" };
        text.line(&format!("{} came{merged}; at {}", self.joined.came, short(&self.commit)));
    }
}

/// What was found about a remote.
#[derive(Serialize, JsonSchema)]
pub struct Checked {
    /// The remote.
    pub remote: String,
    /// Whether nothing is in the way.
    pub ok: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// How many.
    pub count: usize,
}

/// One thing that was looked at.
#[derive(Serialize, JsonSchema)]
pub struct Check {
    /// What.
    pub check: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Render for Checked {
    fn human(&self, text: &mut Text) {
        for check in &self.checks {
            let word = if check.ok { "ok " } else { "bad" };
            text.line(&format!("{word}  {:<10}  {}", check.check, clean(&check.found)));
        }
    }

    fn complaint(&self) -> Option<String> {
        let bad = self.checks.iter().find(|check| !check.ok)?;
        let hint = bad.hint.as_ref().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
        Some(format!("{} cannot share the tracker as it is: {}{hint}", self.remote, clean(&bad.found)))
    }

    fn exit_code(&self) -> u8 {
        if self.ok { 0 } else { Class::Outside.exit_code() }
    }
}

/// The first characters of a commit's id.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
