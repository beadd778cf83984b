//! The hook `pre-receive` of a hub: what clients cannot skip.
//!
//! The tracker's ref only grows, by commits that the rules allow. A claim ref goes from a living claim to nobody. Code
//! reaches protected branches only when its issues are finished.

use crate::domain::id::IssueId;
use crate::domain::lawful::NUMBERS_LEFT_OUT;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::session::{Session, View};
use crate::store::git::Incoming;
use crate::store::hub::{Verdict, check};
use crate::store::{Backend, CommitId, StoreError};
use crate::sync::claims::{CLAIMS, RULE, Ticket};

use super::push::{Protected, is_id};

/// A ref that is to move.
struct Move<'l> {
    old: Option<CommitId>,
    new: Option<CommitId>,
    name: &'l str,
}

/// Refuses a push that breaks a rule. `input` has a line for each ref that is to move: old, new, name.
pub fn before_receive(session: &Session, input: &str) -> Result<()> {
    let id = |text: &str| is_id(text).then(|| CommitId(text.to_owned()));
    let moves: Vec<Move<'_>> = input
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(Move { old: id(words.next()?), new: id(words.next()?), name: words.next()? })
        })
        .collect();
    let incoming = session.environment.quarantine.as_deref().map(|path| Incoming::open(&session.store, path));
    let incoming = incoming.transpose()?;
    let (over, _folder) = match incoming {
        Some(Incoming { store, folder }) => (session.over(store)?, Some(folder)),
        None => (session.reopen()?, None),
    };
    let hub = Hub { session, over };
    let shared = session.store.remote_ref()?;
    let mut tip = session.store.tip()?;
    for moved in moves.iter().filter(|moved| moved.name == shared || moved.name == session.store.ref_name()) {
        tip = Some(hub.tracker(moved)?);
    }
    let view = match &tip {
        Some(tip) => Some(hub.over.view_at(tip.clone())?),
        None => None,
    };
    for moved in &moves {
        if let Some(id) = moved.name.strip_prefix(CLAIMS) {
            hub.ticket(moved, id, view.as_ref())?;
        }
    }
    if let Some(view) = &view {
        hub.branches(&moves, view)?;
    }
    Ok(())
}

/// The repository that is pushed to.
struct Hub<'h> {
    session: &'h Session,
    /// The same, with the objects that were pushed.
    over: Session,
}

impl Hub<'_> {
    /// Judges what is pushed to the tracker's ref.
    fn tracker(&self, moved: &Move<'_>) -> Result<CommitId> {
        let Some(new) = &moved.new else {
            return Err(refused("tracker-stays", "the tracker is not taken away by a push", None));
        };
        if self.over.store.kind_of(new) != Some("commit") {
            return Err(refused("well-formed", "it is not a commit", Some(new)));
        }
        let judged = check(&self.over.store, moved.old.as_ref(), new, self.session.now(), &*self.session.progress);
        judged.map_err(|verdict| match verdict {
            Verdict::Broken(commit, broken) => refused(broken.rule, &broken.why, Some(&commit)),
            Verdict::Store(StoreError::TooNew { needed, .. }) => {
                refused("format", &format!("it needs format version {needed}, which this hub does not know"), None)
            }
            Verdict::Store(StoreError::Unreadable(why)) => refused("well-formed", &why.to_string(), None),
            Verdict::Store(why) => why.into(),
        })?;
        Ok(new.clone())
    }

    /// Judges what is done to a claim ref.
    fn ticket(&self, moved: &Move<'_>, id: &str, view: Option<&View>) -> Result<()> {
        let broken =
            |why: &str| Err(Error::new(Class::Refused, "push_refused", format!("{RULE}: {}: {why}", moved.name)));
        let Ok(id) = id.parse::<IssueId>() else { return broken("it names no issue") };
        let read = |object: &CommitId| {
            let bytes = self.over.store.read_blob(&object.0).ok()?;
            Ticket::parse(moved.name, &bytes).ok()
        };
        let issue = view.map(|view| view.state.issue(id)).transpose().map_err(StoreError::from)?.flatten();
        let new = match &moved.new {
            Some(object) => match read(object) {
                Some(ticket) => Some(ticket),
                None => return broken("it holds no claim"),
            },
            None => None,
        };
        let old = moved.old.as_ref().and_then(read);
        if let Some(old) = &old {
            // Whoever has recorded a claim does not give up its ticket: the claim ends first.
            let recorded = issue.as_ref().and_then(|issue| issue.claim.as_ref()?.remote.as_ref());
            let recorded = recorded.is_some_and(|remote| remote.nonce == old.nonce);
            let renewed =
                new.as_ref().is_some_and(|new| new.renews(old) && (!recorded || new.expires_at >= old.expires_at));
            if !renewed && old.holds(issue.as_ref(), self.session.now()) {
                return broken(&format!("{} holds the issue", old.by));
            }
            if new.as_ref().is_some_and(|new| !renewed && new.generation <= old.generation) {
                return broken("its number was given out");
            }
        }
        let last = issue.as_ref().and_then(|issue| issue.last_claim.as_ref()).map_or(0, |last| last.generation);
        let old = old.map(|old| old.generation);
        if let Some(new) = new {
            if old.is_none() && new.generation <= last {
                return broken("its number was given out");
            }
            if new.generation > last.max(old.unwrap_or(0)).saturating_add(NUMBERS_LEFT_OUT) {
                return broken("its number is far from the last");
            }
        }
        Ok(())
    }

    /// Judges commits that are pushed to protected branches, by the tracker as it will be.
    fn branches(&self, moves: &[Move<'_>], view: &View) -> Result<()> {
        let Some(protected) = Protected::of(view)? else { return Ok(()) };
        let git = self.session.store.git();
        for moved in moves {
            let Some(branch) = moved.name.strip_prefix("refs/heads/").filter(|branch| protected.covers(branch)) else {
                continue;
            };
            let Some(new) = &moved.new else { continue };
            let mut range = vec![new.0.clone(), "--not".to_owned()];
            match &moved.old {
                Some(old) => range.push(old.0.clone()),
                // A new branch: what no protected one has.
                None => {
                    let heads = git.refs_below("refs/heads/")?;
                    let heads = heads.into_iter().filter(|head| protected.covers(head));
                    range.extend(heads.map(|head| format!("refs/heads/{head}")));
                }
            }
            let args: Vec<&str> = range.iter().map(String::as_str).collect();
            protected.check(&self.over, view, branch, &git.commits(&args)?)?;
        }
        Ok(())
    }
}

fn refused(rule: &str, why: &str, commit: Option<&CommitId>) -> Error {
    let commit = commit.map_or_else(String::new, |commit| format!(" (commit {})", commit.short()));
    Error::new(Class::Refused, "push_refused", format!("jit: rule {rule}: {why}{commit}"))
}
