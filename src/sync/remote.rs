//! Which remote, and what it holds.

use std::time::Duration;

use crate::error::{Class, Error, Result};
use crate::git_process::{Fetch, Git, Push, Pushed, Update};
use crate::session::Session;
use crate::store::{CommitId, StoreError};

/// Where a plain clone keeps its own tracker; it can be fetched, not pushed to.
pub const OWN: &str = "refs/jit";

/// A remote that shares trackers.
pub struct Remote {
    /// Its name.
    pub name: String,
    /// The ref of the shared tracker there.
    pub shared: String,
    git: Git,
}

/// What a remote holds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The shared tracker.
    pub shared: Option<CommitId>,
    /// The remote's own tracker, when it is a clone that somebody works in.
    pub own: Option<CommitId>,
    /// Everything else that was asked for: ref and object.
    pub others: Vec<(String, String)>,
}

/// The remotes with which the tracker was shared.
pub fn shared_remotes(session: &Session) -> Vec<String> {
    let mut remotes = session.store.remotes();
    let shared = |name: &str| session.store.other_ref(&session.store.seen_ref(name)).is_ok_and(|seen| seen.is_some());
    remotes.retain(|name| shared(name));
    remotes
}

/// The remote that is meant: `given`, else `JIT_REMOTE`; else of those that share the tracker, or of all where none
/// does, `origin` or the only one. `None` when there is no remote, or several of which none is meant.
pub fn choose(session: &Session, given: Option<&str>) -> Result<Option<String>> {
    let remotes = session.store.remotes();
    let given = given.map(str::to_owned).or_else(|| session.environment.remote.clone()?.into_string().ok());
    match given {
        Some(name) if !remotes.contains(&name) => {
            Err(Error::new(Class::NotFound, "no_remote", format!("no remote is called `{name}`")).hint("git remote -v"))
        }
        Some(name) => Ok(Some(name)),
        None => {
            let shared = shared_remotes(session);
            let among = if shared.is_empty() { remotes } else { shared };
            let only = among.first().filter(|_| among.len() == 1);
            Ok(among.iter().find(|name| *name == "origin").or(only).cloned())
        }
    }
}

impl Remote {
    /// The remote that is meant; an error when there is none.
    pub fn meant(session: &Session, given: Option<&str>) -> Result<Self> {
        match choose(session, given)? {
            Some(name) => Self::called(session, &name),
            None if session.store.remotes().is_empty() => {
                Err(Error::new(Class::Outside, "no_remote", "this repository has no remote")
                    .hint("git remote add origin URL"))
            }
            None => {
                Err(Error::new(Class::Usage, "which_remote", "there are several remotes, and none is called origin")
                    .hint("name one: jit sync REMOTE, or set JIT_REMOTE"))
            }
        }
    }

    /// The remote of this name.
    pub fn called(session: &Session, name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), shared: session.store.remote_ref()?, git: session.store.git() })
    }

    /// What the remote holds now: its trackers, and the refs below or at `more`.
    pub fn list(&self, more: &[&str], limit: Duration) -> Result<Listing> {
        let patterns = [&[self.shared.as_str(), OWN][..], more].concat();
        let refs = self.git.list_remote(&self.name, &patterns, limit).map_err(|why| self.unreachable(why))?;
        let mut listing = Listing::default();
        for (id, name) in refs {
            match name.as_str() {
                name if name == self.shared => listing.shared = Some(CommitId(id)),
                OWN => listing.own = Some(CommitId(id)),
                _ => listing.others.push((name, id)),
            }
        }
        Ok(listing)
    }

    /// Fetches refs with everything they need.
    pub fn fetch(&self, refspecs: &[String], how: Fetch, limit: Duration) -> Result<()> {
        self.git.fetch(&self.name, refspecs, how, limit).map_err(|why| self.unreachable(why))
    }

    /// Pushes refs, all of them or, without `atomic`, those that go.
    pub fn push(&self, updates: &[Update], atomic: bool, limit: Duration) -> std::result::Result<Pushed, StoreError> {
        self.git.push(&self.name, updates, atomic, limit)
    }

    /// Has plain `git fetch` bring the news of the tracker too. Never onto the tracker itself.
    pub fn remember_refspec(&self, session: &Session) -> Result<()> {
        let refspec = format!("+{}:{}", self.shared, session.store.seen_ref(&self.name));
        let key = format!("remote.{}.fetch", self.name);
        if session.store.config_values(&key).contains(&refspec) {
            return Ok(());
        }
        Ok(self.git.config_add(&key, &refspec)?)
    }

    /// Says that nobody answered.
    pub fn unreachable(&self, why: StoreError) -> Error {
        match why {
            StoreError::Git { message, .. } => {
                let message = format!("the remote {} could not be asked: git says: {message}", self.name);
                Error::new(Class::Outside, "remote_unreachable", message)
                    .hint(format!("jit remote check {}", self.name))
                    .retryable()
            }
            other => other.into(),
        }
    }

    /// Says that the remote does not want a ref.
    pub fn denied(&self, name: &str, push: &Push, said: &[String]) -> Error {
        let words = match push {
            Push::Denied(reason) => reason.clone(),
            _ => "no reason was given".to_owned(),
        };
        let rule = said.iter().map(|line| format!("\n    {line}")).collect::<String>();
        let message = format!("{} refuses {name}: {words}{rule}", self.name);
        let hint = match said.is_empty() {
            true => format!("jit remote check {}; git config jit.remoteRef names another ref", self.name),
            false => format!("jit remote check {}", self.name),
        };
        Error::new(Class::Outside, "remote_refused", message)
            .hint(hint)
            .details(serde_json::json!({ "remote": self.name, "ref": name, "reason": words, "said": said }))
    }
}
