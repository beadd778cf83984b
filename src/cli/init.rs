//! `jit init`.

use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;

use crate::domain::ops::config::initialize;
use crate::environment::Environment;
use crate::error::{Class, Error, Result};
use crate::git_process::Git;
use crate::report::Report;
use crate::report::admin::Initialised;
use crate::report::progress::Bar;
use crate::session::{BeginError, Caller, Session};
use crate::store::layout::FORMAT;
use crate::store::{Backend, CommitId, StoreError};

/// Begin a tracker in this repository
///
/// Outside a git repository one is made first. In a clone whose remote has a tracker, that one is
/// adopted. Safe to repeat. Reads the ref; asks the remote when there is no tracker yet.
#[derive(Args, Debug)]
pub struct Init {
    /// The remote whose tracker is adopted (default: JIT_REMOTE, else origin, else the only one)
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Begin a tracker of one's own without asking any remote
    #[arg(long, conflicts_with = "remote")]
    no_remote: bool,
}

impl Init {
    /// Opens the repository, or makes one.
    pub fn open(&self, environment: Environment, caller: Caller) -> Result<Session> {
        let progress = Rc::new(Bar::default());
        match Session::open(environment.clone(), caller.clone(), progress.clone()) {
            Err(error) if error.code == "no_repository" && environment.git_dir.is_none() => {
                let dir = caller.dir.clone().unwrap_or_else(|| PathBuf::from("."));
                Git::in_folder(&dir).init()?;
                let session = Session::open(environment, caller, progress)?;
                session.made_repository.set(true);
                Ok(session)
            }
            other => other,
        }
    }

    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let (mut created, mut adopted_from) = (false, None);
        if session.store.tip()?.is_none() {
            if let lost @ StoreError::Lost = session.absence() {
                return Err(lost.into());
            }
            adopted_from = if self.no_remote { None } else { self.adopt(session)? };
            if adopted_from.is_none() {
                created = begin(session)?;
            }
        }
        let view = session.view()?;
        for name in session.store.ambiguous_names() {
            session.notice(format!("git will find the name `jit` ambiguous: {name} exists; write refs/jit in full"));
        }
        Ok(Report::Initialised(Initialised {
            r#ref: session.store.ref_name().to_owned(),
            commit: view.commit.0,
            created,
            adopted_from,
            repository_created: session.made_repository.get(),
            mirror: session.mirror().map(|mirror| mirror.dir().display().to_string()),
        }))
    }

    /// Takes over the tracker of a remote, where there is one.
    fn adopt(&self, session: &Session) -> Result<Option<String>> {
        let git = session.store.git();
        let remotes = git.remotes()?;
        let given = self.remote.clone().or_else(|| session.environment.remote.clone()?.into_string().ok());
        let remote = match &given {
            Some(name) if !remotes.contains(name) => {
                return Err(Error::new(Class::NotFound, "no_remote", format!("no remote is called `{name}`"))
                    .hint("git remote -v"));
            }
            Some(name) => name.clone(),
            None => {
                match remotes.iter().find(|name| *name == "origin").or(remotes.first().filter(|_| remotes.len() == 1)) {
                    Some(name) => name.clone(),
                    None => return Ok(None),
                }
            }
        };
        let shared = session.store.remote_ref();
        match git.remote_has(&remote, &shared) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            // That there is no tracker must be known, not assumed: two beginnings do not go together.
            Err(why) => return Err(Error::from(why).hint("jit init --no-remote, to begin without it").retryable()),
        }
        let seen = format!("refs/jit-remotes/{remote}");
        git.fetch_ref(&remote, &shared, &seen)?;
        let id = git
            .rev_parse(&seen)?
            .ok_or_else(|| Error::new(Class::Outside, "git_failed", format!("{remote} did not send its tracker")))?;
        self.take_over(session, CommitId(id), &remote)?;
        git.config_add(&format!("remote.{remote}.fetch"), &format!("+{shared}:{seen}"))?;
        Ok(Some(remote))
    }

    /// Points the ref to a fetched tracker, after a look that it is one.
    fn take_over(&self, session: &Session, id: CommitId, remote: &str) -> Result<()> {
        let view = session.view_at(id)?;
        let commit = session.existing(&view.commit, None, format!("tracker adopted from {remote}"))?;
        let _turn = session.store.queue()?;
        match session.store.publish(commit) {
            // Somebody was faster; what they made or adopted stands.
            Ok(_) | Err(StoreError::Moved) => Ok(()),
            Err(why) => Err(why.into()),
        }
    }
}

/// Makes a new tracker. False when somebody was faster.
fn begin(session: &Session) -> Result<bool> {
    match session.begin("init", |draft| initialize(draft, FORMAT).map(|()| Vec::new())) {
        Ok(_) => Ok(true),
        Err(BeginError::Exists) => Ok(false),
        Err(BeginError::Other(error)) => Err(error),
    }
}
