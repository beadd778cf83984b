//! Getting what a remote has.

use crate::error::Result;
use crate::git_process::Fetch;
use crate::session::Session;
use crate::store::{Backend, CommitId, StoreError, vet};

use super::remote::{Listing, Remote};
use super::round::remember;
use super::{Deadline, News, join, unusable};

/// Takes over the tracker of a remote in a repository that has none. False when the remote has none either.
pub fn adopt(session: &Session, remote: &Remote) -> Result<bool> {
    let deadline = Deadline::after(super::PATIENCE);
    let listing = remote.list(&[], deadline.ask())?;
    let Some(theirs) = bring(session, remote, &listing, deadline)?.into_iter().next() else { return Ok(false) };
    let adopted = vet::vet(&session.store, None, &theirs);
    if let (Err(StoreError::Unreadable(_)), true) = (&adopted, session.store.is_partial()) {
        let refspec = format!("+{}:{}", remote.shared, session.store.seen_ref(&remote.name));
        remote.fetch(&[refspec], Fetch::Again, deadline.transfer())?;
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
pub fn fetch_again(session: &Session, remote: &Remote) -> Result<bool> {
    let deadline = Deadline::after(super::PATIENCE);
    if remote.list(&[], deadline.ask())?.shared.is_none() {
        return Ok(false);
    }
    let refspec = format!("+{}:{}", remote.shared, session.store.seen_ref(&remote.name));
    remote.fetch(&[refspec], Fetch::Again, deadline.transfer())?;
    Ok(true)
}

/// Fetches what is not here yet. Gives the commits to be joined.
pub(super) fn bring(
    session: &Session,
    remote: &Remote,
    listing: &Listing,
    deadline: Deadline,
) -> Result<Vec<CommitId>> {
    let store = &session.store;
    let seen = store.seen_ref(&remote.name);
    let mut refspecs = Vec::new();
    if let Some(shared) = &listing.shared
        && store.other_ref(&seen)?.as_ref() != Some(shared)
    {
        refspecs.push(format!("+{}:{seen}", remote.shared));
    }
    if let Some(own) = listing.own.as_ref().filter(|own| store.info(own).is_err()) {
        refspecs.push(own.0.clone());
    }
    if !refspecs.is_empty() {
        let mut fetched = remote.fetch(&refspecs, Fetch::Missing, deadline.transfer());
        // The remote has just answered: another process here may be at the same ref.
        for pause in [5, 20, 50, 100, 200] {
            if fetched.is_ok() || listing.shared.is_none() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(pause));
            fetched = remote.fetch(&refspecs, Fetch::Missing, deadline.transfer());
        }
        if fetched.is_err() && listing.own.is_some() {
            // Not every remote gives out objects by their ids: then by the name.
            let by_name = refspecs.iter().map(|spec| if spec.contains(':') { spec.clone() } else { "refs/jit".into() });
            remote.fetch(&by_name.collect::<Vec<_>>(), Fetch::Missing, deadline.transfer())?;
        } else {
            fetched?;
        }
        store.look_again();
    }
    if store.is_cut_short() {
        remote.fetch(&[format!("+{}:{seen}", remote.shared)], Fetch::Past, deadline.transfer())?;
        store.look_again();
    }
    // The ref may have moved on between the asking and the fetching.
    let shared = if listing.shared.is_some() { store.other_ref(&seen)? } else { None };
    Ok(shared.into_iter().chain(listing.own.clone()).collect())
}

/// Joins a commit of the remote; where objects of it are missing here, as in a partial clone, after fetching all.
pub(super) fn join_whole(session: &Session, remote: &Remote, theirs: &CommitId, deadline: Deadline) -> Result<News> {
    let joined = join(session, theirs, &remote.name);
    let partial = session.store.is_partial();
    match joined {
        Err(error) if partial && error.code == "remote_unusable" => {
            let refspec = format!("+{}:{}", remote.shared, session.store.seen_ref(&remote.name));
            remote.fetch(&[refspec], Fetch::Again, deadline.transfer())?;
            join(&session.reopen()?, theirs, &remote.name)
        }
        joined => joined,
    }
}
