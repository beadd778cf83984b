//! What the tracker says of a landing.

use crate::domain::draft::{Draft, resolve};
use crate::domain::event::{Body, Judgement, Landing};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::ops::state::{Finish, set_state};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::standings;
use crate::domain::state::State;
use crate::error::Result;
use crate::git_process::Named;
use crate::session::{Manners, Session, View};
use crate::store::{StoreError, history};

use super::Prepared;

/// What is to be recorded.
pub struct Record {
    /// The issues.
    pub issues: Vec<IssueId>,
    /// The commits that land.
    pub commits: Vec<Named>,
    /// Verdicts on the tree that lands, for gates whose own verdict is another.
    verdicts: Vec<(IssueId, Judgement)>,
    landing: Landing,
}

/// What has to be recorded of a commit that lands. Reads the evidence of gates whose own verdict is on another tree.
pub fn record_of(session: &Session, named: &Named, onto: &str) -> Result<Record> {
    let view = session.view()?;
    let mut record = Record {
        issues: Vec::new(),
        commits: Vec::new(),
        verdicts: Vec::new(),
        landing: Landing { commit: named.commit.clone(), branch: onto.to_owned() },
    };
    for issue in issues(&view, named)? {
        for standing in standings(&view.state, &issue).map_err(StoreError::from)? {
            let Some(check) = standing.check.as_ref().filter(|_| !standing.holds()) else { continue };
            let asked = (&standing.key, check);
            let found = history::newest_verdict(&session.store, &view.commit, issue.id, asked, &named.tree)?;
            record.verdicts.extend(found.filter(|(passed, ..)| *passed).map(|(.., judgement)| (issue.id, judgement)));
        }
        record.issues.push(issue.id);
    }
    Ok(record)
}

/// Of the issues that landed commits name, those at work that do not say so; and those that do. Commits from before
/// another landing are that one's, and what somebody else holds is theirs.
pub fn unrecorded(session: &Session, view: &View, commits: &[Named]) -> Result<(Vec<String>, Vec<IssueId>)> {
    let (actor, _) = session.actor(None)?;
    let (mut open, mut recorded) = (Vec::new(), Vec::new());
    for commit in commits {
        for name in &commit.issues {
            // An issue that is gone, or of another tracker, is nothing to be recorded.
            let found = name.parse::<IdPrefix>().ok().and_then(|id| resolve(&view.state, &id).ok());
            let Some(issue) = found else { continue };
            let mine = issue.claim.as_ref().is_none_or(|claim| claim.by == actor);
            match &issue.landed {
                Some(landed) if landed.commit == commit.commit => recorded.push(issue.id),
                None if mine && matches!(issue.state, State::InProgress | State::Gated) => open.push(name.clone()),
                _ => {}
            }
        }
        if !recorded.is_empty() {
            break;
        }
    }
    Ok((open, recorded))
}

/// Of these issues, those that do not say that they have landed.
pub fn not_landed(view: &View, issues: &[IssueId]) -> Result<Vec<String>> {
    let mut open = Vec::new();
    for id in issues {
        let issue = view.state.issue(*id).map_err(StoreError::from)?;
        let waits = issue.is_some_and(|issue| issue.landed.is_none() && issue.deleted.is_none());
        open.extend(waits.then(|| id.to_string()));
    }
    Ok(open)
}

fn issues(view: &View, named: &Named) -> Result<Vec<Issue>> {
    let mut issues: Vec<Issue> = Vec::new();
    for name in &named.issues {
        let prefix: IdPrefix = name.parse().map_err(crate::error::Error::usage)?;
        let issue = resolve(&view.state, &prefix)?;
        if !issues.iter().any(|known| known.id == issue.id) {
            issues.push(issue);
        }
    }
    Ok(issues)
}

impl Record {
    /// Makes the commit of the tracker that says that the issues are done and have landed; nothing points to it yet.
    pub fn prepare(&self, session: &Session) -> Result<Prepared> {
        session.prepare("land", &Manners::default(), |draft| self.decide(draft))
    }

    /// Says so in the tracker.
    pub fn make(&self, session: &Session) -> Result<()> {
        session.change("land", &Manners::default(), |draft| self.decide(draft))?;
        Ok(())
    }

    fn decide(&self, draft: &mut Draft<'_>) -> Decision<Vec<IssueId>> {
        for (id, judgement) in &self.verdicts {
            draft.emit(*id, Body::GatePassed(judgement.clone()))?;
        }
        for id in &self.issues {
            let issue = draft.issue(*id)?;
            match issue.state {
                State::Done => {}
                State::Rejected | State::Archived => {
                    return Err(Refusal::Transition { id: *id, from: issue.state, to: State::Done });
                }
                _ => set_state(draft, &issue, State::Done, &Finish::default())?,
            }
            let known = issue.landed.as_ref().is_some_and(|landed| landed.commit == self.landing.commit);
            if !known {
                draft.emit(*id, Body::IssueLanded(self.landing.clone()))?;
            }
        }
        Ok(self.issues.clone())
    }
}
