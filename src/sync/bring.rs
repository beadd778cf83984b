//! Getting what a remote has.

use crate::error::Result;
use crate::git_process::Fetch;
use crate::session::Session;
use crate::store::ancestry::is_ancestor;
use crate::store::{Backend, CommitId, StoreError, vet};

use super::remote::{Listing, OWN, Remote};
use super::round::{point_seen, remember};
use super::{Deadline, News, join, unusable};

/// Takes over the tracker of a remote in a repository that has none. False when the remote has none either.
pub fn adopt(session: &Session, remote: &Remote) -> Result<bool> {
    let deadline = Deadline::after(super::PATIENCE);
    let listing = remote.list(&[], deadline.ask())?;
    let Some(theirs) = bring(session, remote, &listing, deadline)?.into_iter().next() else { return Ok(false) };
    let adopted = vet::vet(&session.store, None, &theirs);
    if let (Err(StoreError::Unreadable(_)), true) = (&adopted, session.store.is_partial()) {
        remote.fetch(std::slice::from_ref(&remote.shared), Fetch::Again, deadline.transfer())?;
        vet::vet(&session.reopen()?.store, None, &theirs).map_err(|why| unusable(why, &remote.name, &theirs))?;
    } else {
        adopted.map_err(|why| unusable(why, &remote.name, &theirs))?;
    }
    let commit = session.existing(&theirs, None, format!("tracker adopted from {}", remote.name))?;
    let turn = session.store.queue()?;
    match session.store.publish(commit) {
        // Somebody was faster; what they made or adopted stands.
        Ok(_) | Err(StoreError::Moved) => {}
        Err(why) => return Err(why.into()),
    }
    drop(turn);
    if listing.shared.is_some() {
        remember(session, remote, &theirs)?;
    }
    Ok(true)
}

/// Fetches all objects of a remote's tracker again, also those that seem to be here. False when it has none.
pub fn fetch_again(remote: &Remote) -> Result<bool> {
    let deadline = Deadline::after(super::PATIENCE);
    if remote.list(&[], deadline.ask())?.shared.is_none() {
        return Ok(false);
    }
    remote.fetch(std::slice::from_ref(&remote.shared), Fetch::Again, deadline.transfer())?;
    Ok(true)
}

/// Fetches what is not here yet. Gives the commits to be joined.
///
/// git fetches objects alone: it moves no ref here, so that no process is in another's way, and a killed one leaves no
/// lock behind that counts.
pub(super) fn bring(
    session: &Session,
    remote: &Remote,
    listing: &Listing,
    deadline: Deadline,
) -> Result<Vec<CommitId>> {
    let store = &session.store;
    let tip = store.tip()?;
    let is_here = |id: &CommitId| {
        tip.as_ref().is_some_and(|tip| store.info(id).is_ok() && is_ancestor(store, id, tip).unwrap_or(false))
    };
    let mut wanted = Vec::new();
    if listing.shared.as_ref().is_some_and(|shared| !is_here(shared)) {
        wanted.push(remote.shared.clone());
    }
    if listing.own.as_ref().is_some_and(|own| !is_here(own)) {
        wanted.push(OWN.to_owned());
    }
    if !wanted.is_empty() {
        remote.fetch(&wanted, Fetch::Missing, deadline.transfer())?;
        store.look_again();
    }
    if let Some(shared) = &listing.shared {
        point_seen(session, remote, shared);
    }
    if store.is_cut_short() {
        remote.fetch(std::slice::from_ref(&remote.shared), Fetch::Past, deadline.transfer())?;
        store.look_again();
    }
    Ok(listing.shared.iter().chain(&listing.own).cloned().collect())
}

/// Joins a commit of the remote; where objects of it are missing here, as in a partial clone, after fetching all.
pub(super) fn join_whole(session: &Session, remote: &Remote, theirs: &CommitId, deadline: Deadline) -> Result<News> {
    let joined = join(session, theirs, &remote.name);
    let partial = session.store.is_partial();
    match joined {
        Err(error) if partial && error.code == "remote_unusable" => {
            remote.fetch(std::slice::from_ref(&remote.shared), Fetch::Again, deadline.transfer())?;
            join(&session.reopen()?, theirs, &remote.name)
        }
        joined => joined,
    }
}
