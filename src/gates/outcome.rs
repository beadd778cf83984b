//! What comes of a gate.

use std::path::PathBuf;

use crate::domain::event::{Judgement, Ran};
use crate::domain::gate::Check;
use crate::domain::name::GateKey;
use crate::store::git::Head;

/// How a verdict was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The command ran.
    Ran,
    /// An equal run had passed already, for this issue or another.
    Reused,
    /// The issue has this verdict already.
    Recorded,
}

/// What is known in the end.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The gate passed or failed.
    Given {
        /// Which.
        passed: bool,
        /// The run.
        ran: Ran,
    },
    /// There is none, and why.
    None(String),
}

/// What came of one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The gate.
    pub gate: GateKey,
    /// What it asks.
    pub check: Check,
    /// How the verdict was come by.
    pub how: How,
    /// The verdict.
    pub verdict: Verdict,
    /// The end of what the command printed, when it ran, and the file with more of it.
    pub output: Option<(String, PathBuf)>,
}

impl Outcome {
    /// The verdict as it is recorded; `None` where there is nothing to record.
    pub fn judgement(&self, head: &Head) -> Option<(bool, Judgement)> {
        let Verdict::Given { passed, ran } = &self.verdict else { return None };
        let judgement = Judgement {
            gate: self.gate.clone(),
            tree: head.tree.clone(),
            commit: head.commit.clone(),
            note: None,
            run: Some(ran.clone()),
            overridden: false,
        };
        (self.how != How::Recorded).then_some((*passed, judgement))
    }
}
