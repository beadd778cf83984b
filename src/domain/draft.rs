//! Where a command decides: a snapshot, the events decided so far, and their effect.

use std::rc::Rc;

use uuid::Uuid;

use super::apply::apply_to_issue;
use super::event::{Body, Event};
use super::id::{EventId, IdPrefix, IssueId};
use super::issue::{Extra, Issue};
use super::name::{Actor, GateKey, OpId};
use super::refusal::{Decision, Named, Refusal};
use super::snapshot::{Overlay, Snapshot};
use super::table::Entry;
use super::time::Timestamp;

/// Gives out fresh ids. The one source of randomness, handed in from the border.
pub trait Ids {
    /// A random UUID (version 4), for an issue.
    fn random(&mut self) -> Uuid;
    /// A UUID that sorts by time (version 7), for an event at `now`.
    fn ordered(&mut self, now: Timestamp) -> Uuid;
}

/// Who acts, when and from where. Everything a decision knows besides the snapshot.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who acts.
    pub actor: Actor,
    /// Whether the actor was named (`--as`, `$JIT_AGENT`, `jit.agent`) and so is held to its own claims.
    pub named: bool,
    /// The claim token in the environment.
    pub token: Option<EventId>,
    /// The claim that the work tree was made for: its issue and its token. It speaks for that issue alone.
    pub work: Option<(IssueId, EventId)>,
    /// Whether a living claim of somebody else is overridden.
    pub force: bool,
    /// The machine.
    pub host: Option<String>,
    /// The top of the work tree.
    pub worktree: Option<String>,
    /// The caller's key for this operation.
    pub op_id: Option<OpId>,
    /// What the machine's clock says: leases are judged by it.
    pub clock: Timestamp,
    /// The time of the events: the clock, or one millisecond after the newest parent when that is later.
    pub now: Timestamp,
}

impl Context {
    /// The token of the claim under which the caller works on `issue`, where it has one.
    pub fn token_for(&self, issue: IssueId) -> Option<EventId> {
        self.token.or_else(|| self.work.filter(|(id, _)| *id == issue).map(|(_, token)| token))
    }
}

/// A decision in the making.
pub struct Draft<'a> {
    /// Who acts, and when.
    pub context: &'a Context,
    ids: &'a mut dyn Ids,
    state: Overlay,
    events: Vec<Event>,
    undoing: Option<EventId>,
}

impl<'a> Draft<'a> {
    /// Begins a decision on `base`.
    pub fn new(base: Rc<dyn Snapshot>, context: &'a Context, ids: &'a mut dyn Ids) -> Self {
        Self { context, ids, state: Overlay::new(base), events: Vec::new(), undoing: None }
    }

    /// From now on events are opposites of this one; with `None` of none.
    pub fn undoing(&mut self, event: Option<EventId>) {
        self.undoing = event;
    }

    /// The state with everything decided so far.
    pub fn state(&self) -> &Overlay {
        &self.state
    }

    /// What was decided so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Ends the decision.
    pub fn finish(self) -> (Vec<Event>, Overlay) {
        (self.events, self.state)
    }

    /// A fresh issue id.
    pub fn new_issue_id(&mut self) -> IssueId {
        IssueId::new(self.ids.random())
    }

    /// Decides that something happened to `issue`, as the acting actor.
    pub fn emit(&mut self, issue: impl Into<Option<IssueId>>, body: Body) -> Decision {
        let event = Event {
            id: EventId::new(self.ids.ordered(self.context.now)),
            ts: self.context.now,
            event: body.name().to_owned(),
            issue: issue.into(),
            actor: self.context.actor.clone(),
            data: body.to_data(),
            op_id: self.context.op_id.clone(),
            undoes: self.undoing,
            extra: Extra::new(),
        };
        self.take_in(&event, &body)?;
        self.events.push(event);
        Ok(())
    }

    fn take_in(&mut self, event: &Event, body: &Body) -> Decision {
        match body {
            Body::GateDefined(gate) => self.state.put_gate(gate.key.clone(), Some(gate.clone())),
            Body::GateUndefined(gate) => self.state.put_gate(gate.gate.clone(), None),
            Body::ConfigChanged(change) => {
                let mut settings = self.state.settings()?;
                settings.set(&change.key, change.value.clone());
                self.state.put_settings(settings);
            }
            Body::TrackerInitialized(_) | Body::TrackerRearranged(_) => {}
            _ => {
                let before = event.issue.map(|id| self.state.issue(id)).transpose()?.flatten();
                let after =
                    apply_to_issue(before, event, body).expect("decide emits events only for issues it has looked up");
                self.state.put_issue(after);
            }
        }
        Ok(())
    }

    /// The issue with this id as it stands in the draft; refused when it is missing or deleted.
    pub fn issue(&self, id: IssueId) -> Decision<Issue> {
        let issue = self.state.issue(id)?.ok_or_else(|| Refusal::IssueNotFound(id.into()))?;
        match issue.deleted {
            Some(deletion) => Err(Refusal::IssueDeleted { id, by: deletion.by, at: deletion.at }),
            None => Ok(issue),
        }
    }

    /// The issue that `prefix` names.
    pub fn resolve(&self, prefix: &IdPrefix) -> Decision<Issue> {
        resolve(&self.state, prefix)
    }

    /// The issues that `prefixes` name, each once, in the order given.
    pub fn resolve_all(&self, prefixes: &[IdPrefix]) -> Decision<Vec<Issue>> {
        let mut issues: Vec<Issue> = Vec::new();
        for prefix in prefixes {
            let issue = self.resolve(prefix)?;
            if !issues.iter().any(|known| known.id == issue.id) {
                issues.push(issue);
            }
        }
        Ok(issues)
    }
}

/// Finds the one issue that `prefix` names, living or deleted: one that lives goes first.
pub fn resolve_any(snapshot: &dyn Snapshot, prefix: &IdPrefix) -> Decision<IssueId> {
    match resolve(snapshot, prefix) {
        Err(Refusal::IssueDeleted { id, .. }) => Ok(id),
        found => found.map(|issue| issue.id),
    }
}

/// Finds the one living issue that `prefix` names. Costs one branch of the fan-out and the issue.
pub fn resolve(snapshot: &dyn Snapshot, prefix: &IdPrefix) -> Decision<Issue> {
    let ids = match prefix.whole() {
        Some(id) => vec![id],
        None => snapshot.ids_with_prefix(prefix)?,
    };
    let mut found = Vec::new();
    let mut tombstone = None;
    for id in ids {
        match snapshot.issue(id)? {
            Some(issue) if issue.deleted.is_none() => found.push(issue),
            Some(issue) => tombstone = Some(issue),
            None => {}
        }
    }
    match (found.pop(), found.is_empty(), tombstone) {
        (Some(issue), true, _) => Ok(issue),
        (Some(last), false, _) => {
            found.push(last);
            let candidates = found.iter().map(Named::from).collect();
            Err(Refusal::AmbiguousPrefix { prefix: prefix.clone(), candidates })
        }
        (None, _, Some(Issue { id, deleted: Some(deletion), .. })) => {
            Err(Refusal::IssueDeleted { id, by: deletion.by, at: deletion.at })
        }
        (None, ..) => Err(Refusal::IssueNotFound(prefix.clone())),
    }
}

/// Refuses gate keys that nobody defined, with the nearest defined ones.
pub fn require_gates<'k>(snapshot: &dyn Snapshot, keys: impl IntoIterator<Item = &'k GateKey>) -> Decision {
    let mut missing = Vec::new();
    for key in keys {
        if snapshot.gate(key)?.is_none() {
            missing.push((key.clone(), nearest_gates(key, &snapshot.gate_keys()?)));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Refusal::GateNotFound { keys: missing }) }
}

/// The keys most like `key`, at most three, the nearest first.
fn nearest_gates(key: &GateKey, known: &[GateKey]) -> Vec<GateKey> {
    let mut scored: Vec<(f64, &GateKey)> =
        known.iter().map(|other| (strsim::jaro_winkler(key.as_str(), other.as_str()), other)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().filter(|(score, _)| *score >= 0.8).take(3).map(|(_, key)| key.clone()).collect()
}

impl From<&Issue> for Named {
    fn from(issue: &Issue) -> Self {
        Self { id: issue.id, title: issue.title.to_string(), state: issue.state }
    }
}

impl From<Entry<'_>> for Named {
    fn from(issue: Entry<'_>) -> Self {
        Self { id: issue.id(), title: issue.title().to_owned(), state: issue.state() }
    }
}
