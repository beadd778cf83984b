//! `jit sync`, `fetch`, `push` and `merge`.

use std::time::Duration;

use clap::Args;

use crate::domain::text::quoted;
use crate::domain::time::parse_duration;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::sync::{Fetched, Joined, LostClaim, Pushed, Synced as Done};
use crate::session::Session;
use crate::store::{Backend, CommitId};
use crate::sync::{self, News, PATIENCE, Pushing, Remote, Synced};

/// Sync this tracker with a remote's: both end at one commit, with everything that either had
///
/// Fetches, joins, pushes, and starts again when somebody else was faster. Nothing is overwritten: what both changed
/// is decided by rules, and `jit conflicts` shows what gave way. Exits 10 when the remote cannot be reached or
/// refuses. Reads what is new on either side.
#[derive(Args, Debug)]
pub struct Sync {
    /// The remote (default: JIT_REMOTE, else origin, else the only one)
    remote: Option<String>,
    /// Fetch and join only; leave the remote as it is
    #[arg(long)]
    no_push: bool,
    /// Give up after this long
    #[arg(long, value_name = "SPAN", value_parser = parse_duration, default_value = "2m")]
    timeout: Duration,
}

/// Fetch a remote's tracker, without joining it
///
/// It is kept in refs/jit-remotes/REMOTE; `jit sync` joins it. Reads the commits that are new.
#[derive(Args, Debug)]
pub struct Fetch {
    /// The remote (default: JIT_REMOTE, else origin, else the only one)
    remote: Option<String>,
}

/// Push the tracker to a remote that has nothing new
///
/// Exits 10 when the remote has what is missing here; `jit sync` joins it first. Reads the commits that go.
#[derive(Args, Debug)]
pub struct Push {
    /// The remote (default: JIT_REMOTE, else origin, else the only one)
    remote: Option<String>,
}

/// Join other trackers' histories into this one
///
/// They may have begun separately. Each is checked first, and refused if it is not a tracker. Reads what
/// differs.
#[derive(Args, Debug)]
pub struct Merge {
    /// The commits
    #[arg(required = true, value_name = "COMMIT")]
    commits: Vec<String>,
}

impl Sync {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let pushing = if self.no_push { Pushing::No } else { Pushing::Yes };
        let asked = sync::choose(session, self.remote.as_deref())?;
        if asked.is_none()
            && session.store.remotes().is_empty()
            && let Some(done) = sync::sync_here(session)?
        {
            return Ok(Report::Synced(tell(session, done)));
        }
        let remote = Remote::meant(session, self.remote.as_deref())?;
        let done = sync::sync(session, &remote, pushing, self.timeout)?;
        Ok(Report::Synced(tell(session, done)))
    }
}

impl Fetch {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let remote = Remote::meant(session, self.remote.as_deref())?;
        let (commit, new) = sync::fetch(session, &remote, PATIENCE)?;
        let commit = commit.map(|commit| commit.0);
        Ok(Report::Fetched(Fetched { remote: remote.name, commit, new }))
    }
}

impl Push {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let remote = Remote::meant(session, self.remote.as_deref())?;
        let (went, commit) = sync::push(session, &remote, PATIENCE)?;
        Ok(Report::Pushed(Pushed { remote: remote.name, went, commit: commit.0 }))
    }
}

impl Merge {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let ids = self.commits.iter().map(|name| session.store.resolve(name));
        let ids: Vec<CommitId> = ids.collect::<std::result::Result<_, _>>()?;
        let mut news = News::default();
        for (name, id) in self.commits.iter().zip(&ids) {
            news.add(sync::join(session, id, name).map_err(|error| no_tracker(error, name))?);
        }
        let commit = session.store.tip()?.ok_or_else(|| session.absence())?;
        Ok(Report::Joined(Joined { joined: joined(session, &news), commit: commit.0 }))
    }
}

/// A commit that a person names is the wrong one, not a remote's fault.
fn no_tracker(error: Error, name: &str) -> Error {
    match error.code {
        "remote_unusable" => Error::new(Class::Refused, "no_tracker", error.message)
            .hint(format!("git log --oneline {}", quoted(name)))
            .details(error.details),
        _ => error,
    }
}

fn tell(session: &Session, done: Synced) -> Done {
    let joined = joined(session, &done.news);
    Done { remote: done.remote, joined, went: done.went, commit: done.commit }
}

/// Says what gave way, with the next command for whom it concerns.
fn joined(session: &Session, news: &News) -> crate::report::sync::News {
    for (id, by) in &news.lost {
        session.notice(format!("{by} has lost the claim of {}: jit issue claim-next --as {by}", id.short()));
    }
    if news.overridden > 0 {
        session.notice(format!("values that gave way in the merge: {}; jit conflicts shows them", news.overridden));
    }
    let lost = news.lost.iter().map(|(id, by)| LostClaim { issue: *id, by: by.clone() });
    crate::report::sync::News {
        came: news.came,
        merged: news.merged,
        claims_lost: lost.collect(),
        overridden: news.overridden,
    }
}
