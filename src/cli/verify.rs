//! `jit verify`.

use clap::Args;

use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::verify::Verified;
use crate::session::Session;
use crate::store::StoreError;
use crate::verify::{Asked, examine, examine_and_run};

/// Check that commits meet what their issues require
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
    /// Skip merges
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
        if self.range.is_empty() || self.range.starts_with(['-', '^']) || self.range.chars().any(char::is_whitespace) {
            return Err(no_range());
        }
        let view = session.view()?;
        let mut args = vec![self.range.as_str()];
        let is_range = ["..", "^!", "^@", "^-"].iter().any(|mark| self.range.contains(mark));
        if !is_range {
            args.push("--no-walk");
        }
        if self.no_merges {
            args.push("--no-merges");
        }
        let commits = git.commits(&args).map_err(|why| match why {
            StoreError::Git { .. } => no_range(),
            why => why.into(),
        })?;
        if commits.is_empty() && !is_range && !self.no_merges {
            return Err(no_range());
        }
        let asked = Asked { finish_trees: true, unnamed: false };
        let rows = if self.run {
            examine_and_run(session, &view, &commits, &asked, &session.echo)?
        } else {
            examine(session, &view, &commits, &asked)?
        };
        Ok(Report::Verified(Verified::new(rows)))
    }
}
