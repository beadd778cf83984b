//! `jit gate pass` and `fail`: verdicts given by hand.

use clap::Args;

use crate::cli::common::{Answer, Force};
use crate::domain::event::Judgement;
use crate::domain::id::IdPrefix;
use crate::domain::limits::check_text;
use crate::domain::name::{Actor, GateKey};
use crate::domain::ops::verdict::{Given, judge};
use crate::error::Result;
use crate::report::Report;
use crate::session::{Manners, Session};

/// Record that a gate of an issue has passed
///
/// The verdict holds the tree of the work tree at hand. A gate that the issue lacks is put on it first;
/// the last gate of a gated issue completes it. A gate with a command gets its verdict from `jit gate run`; with
/// --force and a --note it is passed by hand all the same, and shown so. Reads the issue and the definition; runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Judge {
    /// The issue
    id: IdPrefix,
    /// The gate
    key: GateKey,
    /// Who gives the verdict; allowed also on an issue that somebody else holds
    #[arg(long, value_name = "ACTOR")]
    by: Option<Actor>,
    /// A remark
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    note: Option<String>,
    #[command(flatten)]
    force: Force,
}

/// Record that a gate of an issue has failed
///
/// Reads the issue; runs git to look at the work tree.
#[derive(Args, Debug)]
pub struct Fail {
    #[command(flatten)]
    judge: Judge,
}

impl Judge {
    /// Runs the command.
    pub fn run(self, session: &Session, passed: bool) -> Result<Report> {
        check_text("a note", self.note.as_deref().unwrap_or_default())?;
        let head = session.store.evidence()?;
        let judgement = Judgement::by_hand(self.key, head.tree, head.commit, self.note);
        let given = Given { passed, completes: true, by_other: self.by.is_some(), judgement };
        let manners = Manners { by: self.by, ..self.force.manners() };
        let command = if passed { "gate pass" } else { "gate fail" };
        let change = session.change(command, &manners, |draft| judge(draft, &self.id, &given).map(|id| vec![id]))?;
        let verb = if passed { "passed for" } else { "failed for" };
        Answer::quiet(verb).rest(format!(": {}", given.judgement.gate)).report(session, &change)
    }
}

impl Fail {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        self.judge.run(session, false)
    }
}
