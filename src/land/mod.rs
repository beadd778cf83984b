//! Landing: code gets onto a branch that counts, and its issues are done, in one step or not at all.
//!
//! INVARIANT: the branch and the tracker move by one push, or by one transaction of refs, each from the value that
//! was looked at. So an end at any point leaves both where they were, or both moved; and the next run says so.

mod decide;
mod here;
mod there;
mod underway;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::IssueId;
use crate::domain::text::quoted;
use crate::error::{Class, Error, Result};
use crate::git_process::{Git, Named};
use crate::hooks::Protected;
use crate::progress::Echo;
use crate::session::{Session, View};
use crate::store::CommitId;
use crate::sync::{self, PATIENCE, Remote};
use crate::verify::{Asked, examine_and_run};

use decide::{Record, record_of};
use underway::Underway;

/// So many commits back it is looked whether one of a landed branch was not recorded.
const LOOKED_AT: &str = "200";

/// What is to land.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The branch; the one that is checked out when none is named.
    pub branch: Option<String>,
    /// The branch to land on.
    pub onto: Option<String>,
    /// The remote; the one that is meant when none is named.
    pub remote: Option<String>,
    /// Whether code and tracker may move one after the other, where the remote cannot move both.
    pub not_atomic: bool,
}

/// What has landed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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

/// Lands a branch, as often as it takes.
pub fn land(session: &Session, wanted: &Wanted, echo: &Arc<dyn Echo>) -> Result<Landed> {
    let given = wanted.branch.clone().filter(|branch| branch != "HEAD");
    let branch = match given.or_else(|| session.store.branch()) {
        Some(branch) => branch.strip_prefix("refs/heads/").unwrap_or(&branch).to_owned(),
        None => {
            return Err(Error::new(Class::Refused, "no_branch", "no branch is checked out").hint("git branch"));
        }
    };
    let given = wanted.remote.as_deref();
    let remote = match sync::choose(session, given)? {
        Some(name) => Some(Remote::called(session, &name)?),
        None if session.store.remotes().is_empty() => None,
        None => Some(Remote::meant(session, given)?),
    };
    let onto = match (&wanted.onto, &remote) {
        (Some(onto), _) => onto.strip_prefix("refs/heads/").unwrap_or(onto).to_owned(),
        (None, remote) => target(session, remote.as_ref())?,
    };
    let landing = Landing { session, branch, onto, not_atomic: wanted.not_atomic, echo };
    match remote {
        Some(remote) => there::land(&landing, &remote),
        None => here::land(&landing),
    }
}

/// The branch to land on when none is named: what the remote has checked out, else main or master.
fn target(session: &Session, remote: Option<&Remote>) -> Result<String> {
    let git = session.store.git();
    if let Some(remote) = remote {
        let known = git.default_branch(&remote.name)?;
        let asked = || git.head_of(&remote.name, PATIENCE).map_err(|why| remote.unreachable(why));
        if let Some(branch) = known.map_or_else(asked, |known| Ok(Some(known)))? {
            return Ok(branch);
        }
    } else {
        for name in ["main", "master"] {
            if git.rev_parse(&format!("refs/heads/{name}"))?.is_some() {
                return Ok(name.to_owned());
            }
        }
    }
    Err(Error::new(Class::Usage, "which_branch", "it is not clear on which branch to land")
        .hint("jit land --onto BRANCH"))
}

/// A landing on its way.
struct Landing<'l> {
    session: &'l Session,
    branch: String,
    onto: String,
    not_atomic: bool,
    echo: &'l Arc<dyn Echo>,
}

/// The two commits of a landing.
struct Heads {
    /// The newest commit of the branch.
    tip: String,
    /// The target's, from which it moves.
    target: String,
}

/// What a landing finds when it looks.
enum Found {
    /// Everything has landed and is recorded.
    Already(Vec<IssueId>),
    /// The code has landed, and the tracker does not say so.
    Unrecorded(Record),
    /// It is fit to land.
    Fit(Record),
}

impl Landing<'_> {
    fn git(&self) -> Git {
        self.session.store.git()
    }

    /// The newest commit of the branch.
    fn tip(&self) -> Result<String> {
        let tip = self.git().rev_parse(&format!("refs/heads/{}^{{commit}}", self.branch))?;
        tip.ok_or_else(|| {
            Error::new(Class::NotFound, "no_branch", format!("there is no branch {}", self.branch)).hint("git branch")
        })
    }

    fn no_target(&self) -> Error {
        Error::new(Class::NotFound, "no_branch", format!("there is no branch {} to land on", self.onto))
            .hint("jit land --onto BRANCH")
    }

    /// Looks at what is to land: it must build on the target, and the very tree that lands must have every gate of its
    /// issues passed. Missing ones are run.
    fn look(&self, heads: &Heads) -> Result<Found> {
        let git = self.git();
        let session = self.session;
        let landed = git.builds_on(&heads.target, &heads.tip)?;
        if !landed && !git.builds_on(&heads.tip, &heads.target)? {
            let message =
                format!("{} does not build on {}, which is at {}", self.branch, self.onto, short(&heads.target));
            return Err(Error::new(Class::Refused, "not_fast_forward", message).hint(format!(
                "git rebase {} {}",
                short(&heads.target),
                self.branch
            )));
        }
        let commits = match landed {
            true => git.commits(&["-n", LOOKED_AT, &heads.tip])?,
            false => git.commits(&[&heads.tip, "--not", &heads.target])?,
        };
        let Some(newest) = commits.first() else { return Ok(Found::Already(Vec::new())) };
        let view = session.view()?;
        if landed {
            let (open, recorded) = match Underway::of(session, &heads.tip) {
                // Cut off between the code and the tracker: it is known what was to be recorded.
                Some(issues) => (decide::not_landed(&view, &issues)?, Vec::new()),
                None => decide::unrecorded(session, &view, &commits)?,
            };
            if open.is_empty() {
                Underway::end(session, &heads.tip);
                return Ok(Found::Already(recorded));
            }
            let named = Named { issues: open, ..newest.clone() };
            self.check(&view, &named, heads)?;
            return Ok(Found::Unrecorded(record_of(session, &named, &self.onto)?));
        }
        let named = Named { issues: issues_of(&commits), ..newest.clone() };
        self.check(&view, &named, heads)?;
        let mut record = record_of(session, &named, &self.onto)?;
        record.commits = commits;
        Ok(Found::Fit(record))
    }

    /// Refuses what a hub would not take onto a protected branch, by the tracker as it will be.
    fn check_protected(&self, heads: &Heads, record: &Record, (_, commit): &Prepared) -> Result<()> {
        let view = self.session.view_at(commit.id.clone())?;
        let Some(protected) = Protected::of(&view)?.filter(|protected| protected.covers(&self.onto)) else {
            return Ok(());
        };
        let asked = protected.check(self.session, &view, &self.onto, &record.commits);
        asked.map_err(|error| self.with_range(error.hint("jit verify RANGE --run"), heads))
    }

    /// Names the commits in a hint that speaks of some range, and the branch in one that speaks of the work tree.
    fn with_range(&self, mut error: Error, heads: &Heads) -> Error {
        let here = self.session.store.branch().as_ref() == Some(&self.branch);
        error.hint = error.hint.map(|hint| match hint.starts_with("jit gate") && !here {
            true => format!("git switch {}; {hint}", quoted(&self.branch)),
            false => hint.replace("RANGE", &format!("{}..{}", short(&heads.target), self.branch)),
        });
        error
    }

    fn check(&self, view: &View, named: &Named, heads: &Heads) -> Result<()> {
        let asked = Asked { finish_trees: true, unnamed: true };
        let rows = examine_and_run(self.session, view, std::slice::from_ref(named), &asked, self.echo)?;
        let Some(row) = rows.iter().find(|row| !row.ok) else { return Ok(()) };
        let message = format!("{} may not land on {}: {}", self.branch, self.onto, row.line());
        let error = Error::new(Class::Refused, "not_fit_to_land", message)
            .hint(row.way_out())
            .details(serde_json::json!({ "branch": self.branch, "onto": self.onto, "commit": row }));
        Err(self.with_range(error, heads))
    }

    fn done(&self, remote: Option<&Remote>, heads: &Heads, issues: Vec<IssueId>, already: bool) -> Result<Landed> {
        Ok(Landed {
            branch: self.branch.clone(),
            onto: self.onto.clone(),
            remote: remote.map(|remote| remote.name.clone()),
            commit: heads.tip.clone(),
            issues,
            already,
            tracker: self.session.view()?.commit.0,
        })
    }
}

/// The issues that commits name, each once, those of the newest commit first.
fn issues_of(commits: &[Named]) -> Vec<String> {
    let mut issues: Vec<String> = Vec::new();
    for name in commits.iter().flat_map(|commit| &commit.issues) {
        if !issues.contains(name) {
            issues.push(name.clone());
        }
    }
    issues
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// A commit of the tracker that nothing points to yet.
type Prepared = (CommitId, crate::store::Unpublished);
