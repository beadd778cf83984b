//! Commits, and whether they are what their issues ask.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Class;
use crate::verify::Row;

use super::Render;
use super::text::{Text, clean, counted};

/// Commits that were looked at, newest first.
#[derive(Serialize, JsonSchema)]
pub struct Verified {
    /// Whether all are as asked.
    pub ok: bool,
    /// The commits.
    pub commits: Vec<Row>,
    /// How many.
    pub count: usize,
}

impl Verified {
    /// The report of these commits.
    pub fn new(commits: Vec<Row>) -> Self {
        Self { ok: commits.iter().all(|row| row.ok), count: commits.len(), commits }
    }
}

impl Render for Verified {
    fn human(&self, text: &mut Text) {
        for row in &self.commits {
            let word = if row.ok { "ok  " } else { "bad " };
            text.line(&format!("{word}  {}", clean(&row.line())));
        }
    }

    fn complaint(&self) -> Option<String> {
        let bad: Vec<&Row> = self.commits.iter().filter(|row| !row.ok).collect();
        let first = bad.first()?;
        Some(format!("{} of {} failed the check\nhint: {}", bad.len(), counted(self.count, "commit"), first.way_out()))
    }

    fn confirmation(&self) -> Option<String> {
        self.commits.is_empty().then(|| "there are no commits in that range".to_owned())
    }

    fn exit_code(&self) -> u8 {
        if self.ok { 0 } else { Class::Refused.exit_code() }
    }
}
