//! `jit issue comment`, `ask` and `answer`.

use clap::Args;

use crate::cli::common::{self, Force, text_or_stdin};
use crate::domain::id::IdPrefix;
use crate::domain::ops::talk;
use crate::error::Result;
use crate::report::Report;
use crate::session::{Manners, Session};

/// Add a comment
///
/// Anybody may, also on an issue that somebody else holds. Reads the issue.
#[derive(Args, Debug)]
pub struct Comment {
    /// The issue
    id: IdPrefix,
    /// The text, or `-` to read it from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,
}

impl Comment {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let text = text_or_stdin(session, &self.text)?;
        let change = session.change("issue comment", &Manners::default(), |draft| {
            talk::comment(draft, &self.id, &text).map(|id| vec![id])
        })?;
        common::Answer::quiet("commented on").report(session, &change)
    }
}

/// Park an issue with a question for a person
///
/// Its claim ends; the question shows in `jit status` and `jit query questions`. Reads the issue.
#[derive(Args, Debug)]
pub struct Ask {
    /// The issue
    id: IdPrefix,
    /// The question, or `-` to read it from stdin
    #[arg(allow_hyphen_values = true)]
    question: String,
    #[command(flatten)]
    force: Force,
}

impl Ask {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let question = text_or_stdin(session, &self.question)?;
        let change = session.change("issue ask", &self.force.manners(), |draft| {
            talk::ask(draft, &self.id, &question).map(|id| vec![id])
        })?;
        common::Answer::quiet("parked").report(session, &change)
    }
}

/// Answer the question of an issue, which is then ready again
///
/// Reads the issue.
#[derive(Args, Debug)]
pub struct Answer {
    /// The issue
    id: IdPrefix,
    /// The answer, or `-` to read it from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,
}

impl Answer {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let text = text_or_stdin(session, &self.text)?;
        let change = session.change("issue answer", &Manners::default(), |draft| {
            talk::answer(draft, &self.id, &text).map(|id| vec![id])
        })?;
        common::Answer::quiet("answered").report(session, &change)
    }
}
