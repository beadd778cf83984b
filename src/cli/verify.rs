//! `jit verify`.

use clap::Args;

use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::verify::Verified;
use crate::session::Session;
use crate::verify::{Asked, examine, examine_and_run};

/// Check that commits are what their issues ask
///
/// Every commit in the range must name its issue in a trailer `Jit-Issue`, and the gates must hold for the
/// commit's tree by recorded evidence: those of the stage `commit` for each commit, those of the stage `finish` for
/// the newest commit of each issue. A single revision stands for that commit alone. Exits 0 or 4. Reads the issues
/// named, the definitions of their gates, and the commits that hold their verdicts.
#[derive(Args, Debug)]
pub struct Verify {
    /// The commits, as for git log: main..HEAD
    range: String,
    /// Run what is missing, each in a clean work tree of that commit, and record what passes
    #[arg(long)]
    run: bool,
    /// Pass over merges
    #[arg(long)]
    no_merges: bool,
}

impl Verify {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let git = session.store.git();
        let no_range = || {
            let message = format!("`{}` names no commits", self.range);
            Error::new(Class::NotFound, "no_revision", message).hint("jit verify main..HEAD")
        };
        if self.range.starts_with(['-', '^']) || self.range.chars().any(char::is_whitespace) {
            return Err(no_range());
        }
        let view = session.view()?;
        // Both ends must be there: git would take a file of that name for an answer.
        let mut ends = self.range.split("..").map(|end| end.trim_matches('.')).filter(|end| !end.is_empty()).peekable();
        if ends.peek().is_none() {
            return Err(no_range());
        }
        for end in ends {
            if git.rev_parse(&format!("{end}^{{commit}}")).ok().flatten().is_none() {
                return Err(no_range());
            }
        }
        let mut args = vec![self.range.as_str()];
        if !self.range.contains("..") {
            args.push("--no-walk");
        }
        if self.no_merges {
            args.push("--no-merges");
        }
        let commits = git.commits(&args)?;
        let asked = Asked { finish_trees: true, unnamed: false };
        let rows = if self.run {
            examine_and_run(session, &view, &commits, &asked, &session.echo)?
        } else {
            examine(session, &view, &commits, &asked)?
        };
        Ok(Report::Verified(Verified::new(rows)))
    }
}
