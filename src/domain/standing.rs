//! How the gates of an issue stand: which verdicts count, and for which tree.

use super::gate::Check;
use super::issue::{Issue, Verdict};
use super::name::GateKey;
use super::refusal::NamedGate;
use super::snapshot::{Read, Snapshot};
use super::state::{GateStatus, Stage, State};

/// A gate of an issue with what is asked and what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The gate.
    pub key: GateKey,
    /// What is asked: as it was when the issue was claimed, else as it is defined. `None` when nobody defines
    /// the gate any more.
    pub check: Option<Check>,
    /// What is known.
    pub verdict: Verdict,
}

impl Standing {
    /// The command that judges, if one does.
    pub fn command(&self) -> Option<&str> {
        self.check.as_ref()?.command.as_deref()
    }

    /// When the gate is asked.
    pub fn stage(&self) -> Stage {
        self.check.as_ref().map_or_else(Stage::default, |check| check.stage)
    }

    /// Whether the gate is passed, by the check that is asked for now.
    pub fn holds(&self) -> bool {
        self.verdict.status == GateStatus::Passed && !self.is_outdated()
    }

    /// Whether it is passed, but by another command than the one that is asked for now.
    pub fn is_outdated(&self) -> bool {
        let Some(check) = self.check.as_ref().filter(|check| check.command.is_some()) else { return false };
        self.verdict.status == GateStatus::Passed && !self.verdict.overridden && !self.verdict.is_of(check)
    }

    /// Whether the gate holds for `tree`. The word of a person holds for any, unless `strict`; that of a machine, and
    /// the word of a person in its place, only for the tree it was given on.
    pub fn holds_for(&self, tree: Option<&str>, strict: bool) -> bool {
        let by_machine = self.check.as_ref().is_some_and(|check| check.auto || check.command.is_some());
        let any_tree = !strict && !by_machine;
        self.holds() && (any_tree || (tree.is_some() && self.verdict.tree.as_deref() == tree))
    }

    /// As it is named in a refusal.
    pub fn named(&self) -> NamedGate {
        NamedGate {
            key: self.key.clone(),
            status: self.verdict.status,
            outdated: self.is_outdated(),
            runs: self.command().is_some(),
        }
    }
}

/// How the gates of `issue` stand. Reads the definition of each.
pub fn standings(state: &dyn Snapshot, issue: &Issue) -> Read<Vec<Standing>> {
    issue.gates.iter().map(|(key, verdict)| standing(state, issue, key, verdict)).collect()
}

/// How one gate stands.
pub fn standing(state: &dyn Snapshot, issue: &Issue, key: &GateKey, verdict: &Verdict) -> Read<Standing> {
    let defined = state.gate(key)?;
    let claim = issue.claim.as_ref().map(|claim| &claim.gates);
    // Once an issue is done, what it was claimed with counts, whatever the gate asks of others since.
    let done = (issue.state == State::Done).then_some(issue.last_claim.as_ref()).flatten().map(|claim| &claim.gates);
    let frozen = claim.or(done).and_then(|gates| gates.get(key));
    Ok(Standing {
        key: key.clone(),
        check: frozen.cloned().or_else(|| defined.map(|gate| gate.check)),
        verdict: verdict.clone(),
    })
}
