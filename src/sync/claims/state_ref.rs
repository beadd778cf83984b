//! Claims on a remote that takes no claim refs: the tracker's own ref decides, which is slower and just as certain.

use crate::domain::draft::Ids;
use crate::domain::id::IssueId;
use crate::domain::issue::{Issue, Published};
use crate::domain::ops::claim::{self, Terms};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::Outcome as End;
use crate::environment::RandomIds;
use crate::error::Result;
use crate::git_process::{Push, Update};
use crate::session::Manners;
use crate::store::StoreError;
use crate::store::ancestry::is_ancestor;
use crate::sync::bring::bring;
use crate::sync::round::{remember, send};
use crate::sync::tries::Tries;
use crate::sync::{Pushing, join, sync};

use super::{Attempt, Decide, Outcome, claim_ref, taken};

impl Attempt<'_> {
    /// Makes the claim here and pushes it onto a state in which the issue is free.
    ///
    /// INVARIANT: a claim that the remote holds is never joined with one's own living claim: the earlier of both would
    /// win then, and not the one that was told that it has won.
    pub(super) fn by_state_ref(&self, decide: &Decide<'_>) -> Result<Outcome> {
        let session = self.session;
        let nonce = RandomIds::default().random().to_string();
        let terms = Terms { remote: Some(Published { nonce, object: None }), ..self.terms.clone() };
        let change = session.change(self.command, self.manners, |draft| decide(draft, &terms).map(|id| vec![id]))?;
        let Some(id) = change.subjects.first().copied() else { return Ok(Outcome::Won(Box::new(change))) };
        match self.push_claim(id) {
            Ok(None) => Ok(Outcome::Won(Box::new(change))),
            Ok(Some(theirs)) if self.command == "issue claim" => Err(taken(&theirs, &self.terms.holder)),
            Ok(Some(_)) => Ok(Outcome::Beaten),
            Err(error) => Err(self.give_back(id, "the remote could not be told").map_or_else(|two| two, |()| error)),
        }
    }

    /// Makes a claim in place of one that may be living: first in the tracker, where everybody sees that it was
    /// overruled, then in the ticket, which is over by then.
    pub(super) fn overrule(&self, id: IssueId, passed: u64, decide: &Decide<'_>) -> Result<Outcome> {
        let (session, remote) = (self.session, self.remote);
        let ticket = self.ticket(id, passed)?;
        let object = session.store.write_blob(ticket.encode())?;
        let published = Published { nonce: ticket.nonce.clone(), object: Some(object.clone()) };
        let terms = Terms { remote: Some(published), passed, ..self.terms.clone() };
        let change = session.change(self.command, self.manners, |draft| decide(draft, &terms).map(|id| vec![id]))?;
        if let Err(error) = sync(session, remote, Pushing::Yes, self.deadline.left()) {
            return Err(self.give_back(id, "the remote could not be told").map_or_else(|two| two, |()| error));
        }
        // The sync has taken the old ticket away. Without a new one the claim is safe by the tracker alone.
        let update = Update { from: object, to: claim_ref(id), expected: Some(String::new()) };
        let _ = remote.push(&[update], false, self.deadline.transfer());
        Ok(Outcome::Won(Box::new(change)))
    }

    /// Pushes the claim of an issue; or gives it up, where the remote's issue is not free, and says how that stands.
    fn push_claim(&self, id: IssueId) -> Result<Option<Issue>> {
        let (session, remote) = (self.session, self.remote);
        let mut tries = Tries::default();
        loop {
            let listing = remote.list(&[], self.deadline.ask())?;
            tries.saw(&listing);
            for theirs in bring(session, remote, &listing, self.deadline)? {
                let there = session.view_at(theirs.clone())?.state.issue(id).map_err(StoreError::from)?;
                let held = |issue: &Issue| issue.claim.is_some() || issue.state.is_finished();
                if let Some(there) = there.filter(held)
                    && !is_ancestor(&session.store, &theirs, &session.view()?.commit)?
                {
                    self.give_back(id, "another clone was faster")?;
                    join(session, &theirs, &remote.name)?;
                    return Ok(Some(there));
                }
                join(session, &theirs, &remote.name)?;
            }
            let tip = session.view()?.commit;
            match send(session, remote, &tip, self.deadline)? {
                Push::Done => {
                    remember(session, remote, &tip)?;
                    return Ok(None);
                }
                push => tries.failed(remote, push, self.deadline)?,
            }
        }
    }

    /// Gives the claim up here: one that nobody else knows of is no claim for all.
    fn give_back(&self, id: IssueId, why: &str) -> Result<()> {
        let manners = Manners { actor: Some(self.terms.holder.clone()), by: None, force: true };
        self.session.change("issue release", &manners, |draft| {
            claim::release(draft, &id.into(), End::Abandoned, Some(why)).map(|id| vec![id])
        })?;
        Ok(())
    }
}
