//! Replaying events: the state as the log says it is.

use std::collections::BTreeMap;

use super::apply::{Inapplicable, apply_to_issue};
use super::event::{Body, Event};
use super::gate::Gate;
use super::id::IssueId;
use super::issue::Issue;
use super::name::GateKey;
use super::settings::Settings;

/// A state built from nothing but events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// Every issue, tombstones included.
    pub issues: BTreeMap<IssueId, Issue>,
    /// Every gate definition.
    pub gates: BTreeMap<GateKey, Gate>,
    /// The shared settings.
    pub settings: Settings,
}

/// An event that does not fit the events before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Its data is not what its name promises.
    Malformed(String),
    /// It does not fit the state.
    Inapplicable(Inapplicable),
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "its data is not what its name promises: {why}"),
            Self::Inapplicable(Inapplicable::Creation) => f.write_str("the issue is there already"),
            Self::Inapplicable(Inapplicable::NoIssue(_)) => f.write_str("there is no such issue"),
            Self::Inapplicable(Inapplicable::Patch) => f.write_str("what it sets makes no issue"),
        }
    }
}

impl Replay {
    /// Takes in the next event. Events of names this version does not know change nothing.
    pub fn apply(&mut self, event: &Event) -> Result<(), Misfit> {
        let body = event.body().map_err(|why| Misfit::Malformed(why.to_string()))?;
        match body {
            None | Some(Body::TrackerInitialized(_) | Body::TrackerRearranged(_)) => {}
            Some(body) if body.is_note() => {}
            Some(Body::GateDefined(gate)) => {
                self.gates.insert(gate.key.clone(), gate);
            }
            Some(Body::GateUndefined(gate)) => {
                self.gates.remove(&gate.gate);
            }
            Some(Body::ConfigChanged(change)) => self.settings.set(&change.key, change.value),
            Some(body) => {
                let before = event.issue.and_then(|id| self.issues.get(&id).cloned());
                let issue = apply_to_issue(before, event, &body).map_err(Misfit::Inapplicable)?;
                self.issues.insert(issue.id, issue);
            }
        }
        Ok(())
    }
}
