//! `jit init`.

use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;

use crate::domain::ops::config::initialize;
use crate::environment::Environment;
use crate::error::Result;
use crate::git_process::Git;
use crate::report::Report;
use crate::report::admin::Initialised;
use crate::report::progress::Bar;
use crate::session::{BeginError, Caller, Session};
use crate::store::layout::FORMAT;
use crate::store::{Backend, StoreError};
use crate::sync::{self, Remote};

/// Create a tracker in this repository, or adopt its remote's
///
/// Outside a git repository one is made first. In a clone whose remote has a tracker, that one is
/// adopted. Safe to repeat. Reads the ref; asks the remote when there is no tracker yet.
#[derive(Args, Debug)]
pub struct Init {
    /// The remote whose tracker is adopted (default: JIT_REMOTE, else origin, else the only one)
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Create a separate tracker, without asking any remote
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
        if session.store.tip()?.is_none()
            && let lost @ StoreError::Lost = session.absence()
        {
            // Whoever is beginning one this very moment has a reflog before there is a ref.
            let _turn = session.store.queue()?;
            if session.store.tip()?.is_none() {
                return Err(lost.into());
            }
        }
        if session.store.tip()?.is_none() {
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
        let Some(name) = sync::choose(session, self.remote.as_deref())? else { return Ok(None) };
        let remote = Remote::called(session, &name)?;
        let adopted = sync::adopt(session, &remote).map_err(|why| match why.code {
            // That there is no tracker must be known, not assumed: two that begin apart are harder to follow.
            "remote_unreachable" => why.hint("jit init --no-remote"),
            _ => why,
        })?;
        Ok(adopted.then_some(name))
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
