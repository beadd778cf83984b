//! State and claim of an issue that changed on both sides: these go together, so one side's are taken as a whole.
//!
//! In this order:
//! 1. An issue deleted on one side and changed on the other stays.
//! 2. Finished wins over not finished, whatever is later: work that is over is not undone by somebody who did not know.
//! 3. A living claim that was made on a remote wins over one made unseen, by who did not know of it.
//!    Else the higher fencing number wins.
//! 4. A living claim wins over one that has ended; of two living ones the one that was made on a remote, where it was
//!    the only one, then the earlier, then the smaller token.
//! 5. Else the later change.

use crate::domain::apply::forget_ended;
use crate::domain::event::{Body, LostClaim, Overridden, Restored};
use crate::domain::id::EventId;
use crate::domain::issue::{Claim, Issue, LastClaim};
use crate::domain::name::Actor;
use crate::domain::state::State;

use super::Side;
use super::field::Fields;

/// What became of state and claim.
pub struct Life {
    a_wins: bool,
    /// Whether both sides changed them.
    contested: bool,
    /// Whether the winning side changed them.
    changed: bool,
    /// What gave way.
    pub notes: Vec<Body>,
}

/// What must differ for state or claim to count as changed. A lease that was renewed is no such change.
fn key(issue: &Issue) -> impl PartialEq + use<'_> {
    let token = |claim: &LastClaim| claim.token;
    (
        issue.state,
        issue.claim.as_ref().map(|claim| claim.token),
        issue.last_claim.as_ref().map(token),
        issue.deleted.as_ref(),
        issue.archived_from,
        issue.completed_at,
    )
}

fn generation(issue: &Issue) -> u64 {
    issue.last_claim.as_ref().map_or(0, |last| last.generation)
}

impl Life {
    /// Chooses the side whose state and claim stand.
    pub fn merge(base: Option<&Issue>, a: Side<'_>, b: Side<'_>, fields: &mut Fields) -> Self {
        let (x, y) = (a.issue, b.issue);
        let changed = |side: &Issue| base.is_none_or(|base| key(base) != key(side));
        let (x_changed, y_changed) = (changed(x), changed(y));
        let contested = x_changed && y_changed && key(x) != key(y);
        let a_wins = match (&x.deleted, &y.deleted) {
            (Some(one), Some(other)) => (one.at, one.by.as_str()) <= (other.at, other.by.as_str()),
            // That the other side changed something is certain: it would not be merged otherwise.
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) if !contested => x_changed,
            (None, None) => first_stands(base, x, y, fields),
        };
        let mut life =
            Self { a_wins, contested, changed: if a_wins { x_changed } else { y_changed }, notes: Vec::new() };
        life.take_notes(base, a, b, fields);
        life
    }

    fn sides<'i>(&self, a: Side<'i>, b: Side<'i>) -> (&'i Issue, &'i Issue) {
        if self.a_wins { (a.issue, b.issue) } else { (b.issue, a.issue) }
    }

    /// The side that finished the issue, and the other one.
    pub fn finisher<'i>(&self, a: Side<'i>, b: Side<'i>) -> Option<(&'i Issue, &'i Issue)> {
        let (winner, loser) = self.sides(a, b);
        (self.changed && winner.state.is_finished()).then_some((winner, loser))
    }

    /// Whom the issue is meant for: with a contested state that goes with it.
    pub fn assignee(&self, base: Option<&Issue>, a: Side<'_>, b: Side<'_>, fields: &mut Fields) -> Option<Actor> {
        match self.contested {
            true => self.sides(a, b).0.assignee.clone(),
            false => fields.value("assignee", base.map(|base| &base.assignee), &a.issue.assignee, &b.issue.assignee),
        }
    }

    fn take_notes(&mut self, base: Option<&Issue>, a: Side<'_>, b: Side<'_>, fields: &Fields) {
        let (winner, loser) = self.sides(a, b);
        if let (None, Some(gone)) = (&winner.deleted, &loser.deleted)
            && base.is_none_or(|base| base.deleted.is_none())
        {
            let restored = Restored { deleted_by: gone.by.clone(), deleted_at: gone.at };
            self.notes.push(Body::MergeRestored(restored));
            return;
        }
        if !self.contested {
            return;
        }
        let lost =
            loser.claim.as_ref().filter(|lost| winner.claim.as_ref().is_none_or(|held| held.token != lost.token));
        if let Some(lost) = lost {
            let to = winner.claim.as_ref().map_or(&winner.updated_by, |held| &held.by);
            self.notes.push(Body::ClaimLost(LostClaim {
                by: lost.by.clone(),
                generation: lost.generation,
                token: lost.token,
                to: to.clone(),
            }));
        } else if loser.state != winner.state && base.is_none_or(|base| base.state != loser.state) {
            let (x, y) = fields.stamps("state");
            let (kept_from, lost_from) = if self.a_wins { (x, y) } else { (y, x) };
            self.notes.push(Body::MergeOverridden(Overridden {
                field: "state".to_owned(),
                kept: winner.state.as_str().into(),
                lost: loser.state.as_str().into(),
                kept_from: kept_from.into(),
                lost_from: lost_from.into(),
            }));
        }
    }

    /// Puts state and claim into the joined issue.
    pub fn enter(self, base: Option<&Issue>, a: Side<'_>, b: Side<'_>, issue: &mut Issue) {
        let (winner, loser) = self.sides(a, b);
        issue.state = winner.state;
        issue.deleted.clone_from(&winner.deleted);
        issue.completed_at = winner.completed_at;
        issue.archived_from = winner.archived_from;
        issue.failures.clone_from(&winner.failures);
        if self.contested && winner.state == State::Archived && loser.state == State::Done {
            // It was put away by somebody who did not know that it was done.
            issue.archived_from = Some(State::Done);
            issue.completed_at = loser.completed_at;
        }
        claims(base, winner, loser, issue);
        if issue.state.is_finished() || issue.deleted.is_some() {
            issue.question = None;
            issue.failures = None;
        }
    }
}

/// Whether the state and claim of `x` stand, where both sides changed theirs.
fn first_stands(base: Option<&Issue>, x: &Issue, y: &Issue, fields: &Fields) -> bool {
    let was_finished = base.is_some_and(|base| base.state.is_finished());
    let later = || fields.is_first_later("state", x, y);
    match (x.state.is_finished(), y.state.is_finished()) {
        (true, false) if !was_finished => return true,
        (false, true) if !was_finished => return false,
        (false, false) => {}
        _ => return later(),
    }
    match (is_unseen_winner(x, y), is_unseen_winner(y, x)) {
        (true, false) => return true,
        (false, true) => return false,
        _ => {}
    }
    if generation(x) != generation(y) {
        return generation(x) > generation(y);
    }
    match (&x.claim, &y.claim) {
        (Some(one), Some(other)) if one.token != other.token => {
            let rank = |claim: &Claim| (claim.remote.is_none(), claim.at, claim.token);
            rank(one) <= rank(other)
        }
        (Some(_), None) if token(x) != token(y) => true,
        (None, Some(_)) if token(x) != token(y) => false,
        _ => later(),
    }
}

/// Whether `mine` is held by a claim that was made on a remote, of which `other` knows nothing, and `other` was not.
fn is_unseen_winner(mine: &Issue, other: &Issue) -> bool {
    let Some(claim) = mine.claim.as_ref().filter(|claim| claim.remote.is_some()) else { return false };
    let known = token(other) == Some(claim.token) || other.ended_claims.contains(&claim.token);
    let remote = other.last_claim.as_ref().is_some_and(|last| last.remote.is_some());
    !known && !remote
}

fn token(issue: &Issue) -> Option<EventId> {
    issue.last_claim.as_ref().map(|last| last.token)
}

/// The claim, what is remembered of it, and of those that ended.
fn claims(base: Option<&Issue>, winner: &Issue, loser: &Issue, issue: &mut Issue) {
    let mut newest = generation(winner).max(generation(loser));
    let outdone =
        generation(winner) == generation(loser) || (winner.claim.is_some() && generation(winner) < generation(loser));
    if outdone && token(winner).is_some() && token(winner) != token(loser) {
        // One number was given out twice, or a lower one stands: a higher one leaves both behind, and every ticket that bears it.
        newest = newest.saturating_add(1);
    }
    let (mine, other) = (winner.claim.as_ref(), loser.claim.as_ref());
    issue.claim = mine.map(|mine| match other.filter(|other| other.token == mine.token) {
        Some(other) => same_claim(base, mine, other),
        None => mine.clone(),
    });
    issue.last_claim = winner.last_claim.as_ref().or(loser.last_claim.as_ref()).cloned();
    // INVARIANT: fencing numbers only grow, whichever claim stands.
    if let Some(claim) = &mut issue.claim {
        claim.generation = newest;
    }
    if let Some(last) = &mut issue.last_claim {
        last.generation = newest;
        if let Some(claim) = &issue.claim {
            last.gates.clone_from(&claim.gates);
            last.remote.clone_from(&claim.remote);
        }
    }
    let mut ended = &winner.ended_claims | &loser.ended_claims;
    ended.extend([winner, loser].into_iter().filter_map(token));
    ended.retain(|ended| Some(*ended) != token(issue));
    issue.ended_claims = ended;
    let nonce = |issue: &Issue| Some(issue.last_claim.as_ref()?.remote.as_ref()?.nonce.clone());
    let mut tickets = &winner.ended_tickets | &loser.ended_tickets;
    tickets.extend([winner, loser].into_iter().filter_map(nonce));
    tickets.retain(|ended| Some(ended) != nonce(issue).as_ref());
    issue.ended_tickets = tickets;
    forget_ended(issue);
}

/// One claim as two sides know it: the longer lease, and every gate that was put on.
fn same_claim(base: Option<&Issue>, mine: &Claim, other: &Claim) -> Claim {
    let mut claim = mine.clone();
    claim.expires_at = match (mine.expires_at, other.expires_at) {
        (Some(one), Some(two)) => Some(one.max(two)),
        (one, two) => one.or(two),
    };
    if other.expires_at > mine.expires_at {
        claim.remote.clone_from(&other.remote);
    }
    let before = base.and_then(|base| base.claim.as_ref()).filter(|before| before.token == mine.token);
    let none = std::collections::BTreeMap::new();
    let before = before.map_or(&none, |before| &before.gates);
    for (key, check) in &other.gates {
        if mine.gates.get(key) == before.get(key) {
            claim.gates.insert(key.clone(), check.clone());
        }
    }
    claim.gates.retain(|key, _| other.gates.contains_key(key) || mine.gates.get(key) != before.get(key));
    claim
}
