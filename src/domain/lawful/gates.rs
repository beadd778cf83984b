//! What is lawful about gates: definitions, what an issue carries, verdicts.

use crate::domain::event::{Body, Event, Judgement, Override, Overruled};
use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::standing::standing;
use crate::domain::table::Entry;

use super::{Judge, Judged, breaks, is_person};

impl Judge<'_> {
    /// Whether `key` is taken off lawfully: not by the holder who must pass it, and not unsaid.
    pub(super) fn gate_removed(&self, issue: &Issue, key: &GateKey) -> Judged {
        if !issue.last_claim.as_ref().is_some_and(|claim| claim.gates.contains_key(key)) {
            return Ok(());
        }
        let said = |body: &Body| matches!(body, Body::GateOverridden(over) if over.gate == *key && over.what == Override::Removed);
        self.not_by_holder(issue, key)?;
        match self.said_before(issue.id, said) {
            true => Ok(()),
            false => breaks("gate-frozen", format!("{key} was taken off a claimed issue without gate.overridden")),
        }
    }

    /// What a gate asks is changed for a holder only together with its definition, and by somebody else.
    pub(super) fn gate_overridden(&self, issue: &Issue, over: &Overruled) -> Judged {
        let Some(check) = &over.check else { return Ok(()) };
        self.not_by_holder(issue, &over.gate)?;
        let defines = |event: &Event| matches!(event.body(), Ok(Some(Body::GateDefined(gate))) if gate.key == over.gate && gate.check == *check);
        match over.what == Override::Redefined && self.all.iter().any(defines) {
            true => Ok(()),
            false => breaks("gate-frozen", format!("{} asks what it is defined to ask", over.gate)),
        }
    }

    pub(super) fn not_by_holder(&self, issue: &Issue, key: &GateKey) -> Judged {
        let holds = issue.claim.as_ref().is_some_and(|claim| claim.by == self.event.actor);
        match holds && !is_person(&self.event.actor) {
            true => breaks("gate-frozen", format!("{} must pass {key}, and would weaken it", self.event.actor)),
            false => Ok(()),
        }
    }

    pub(super) fn gate_defined(&self, gate: &Gate) -> Judged {
        if let Some(fault) = gate.check.fault() {
            return breaks("lawful", fault);
        }
        let Some(before) = self.state.gate(&gate.key)?.filter(|before| before.check != gate.check) else {
            return Ok(());
        };
        for id in self.carriers(&before.key, |issue| issue.holder().is_some())? {
            let Some(issue) = self.state.issue(id)? else { continue };
            let frozen = issue.claim.as_ref().and_then(|claim| claim.gates.get(&gate.key));
            if frozen.is_none_or(|check| *check == gate.check) {
                continue;
            }
            self.not_by_holder(&issue, &gate.key)?;
            let said = |event: &Event| {
                event.issue == Some(id)
                    && matches!(event.body(), Ok(Some(Body::GateOverridden(over))) if over.gate == gate.key)
            };
            if !self.all.iter().any(said) {
                let why = format!("{} asks something else of {id}, without gate.overridden", gate.key);
                return breaks("gate-frozen", why);
            }
        }
        Ok(())
    }

    pub(super) fn gate_undefined(&self, key: &GateKey) -> Judged {
        match self.carriers(key, |issue| !issue.state().is_finished())?.first() {
            Some(id) => breaks("lawful", format!("{id} still carries the gate {key}")),
            None => Ok(()),
        }
    }

    fn carriers(&self, key: &GateKey, wanted: impl Fn(Entry<'_>) -> bool) -> Read<Vec<IssueId>> {
        let table = self.state.table()?;
        let carries = |issue: &Entry<'_>| issue.gates().any(|(name, _)| name == key.as_str());
        Ok(table.issues().filter(|issue| wanted(*issue)).filter(carries).map(Entry::id).collect())
    }

    pub(super) fn verdict(&self, issue: &Issue, judgement: &Judgement, passed: bool) -> Judged {
        let key = &judgement.gate;
        if issue.state.is_finished() && !passed {
            return breaks("lawful", "a finished issue keeps its verdicts");
        }
        let Some(verdict) = issue.gates.get(key) else {
            return breaks("lawful", format!("the issue has no gate {key}"));
        };
        let standing = standing(self.state, issue, key, verdict)?;
        match &judgement.run {
            Some(run) if (run.exit_code == 0) != passed => {
                breaks("verdict", format!("{key} ended with {}, which is not such a verdict", run.exit_code))
            }
            Some(run) => {
                let check = standing.check.unwrap_or_default();
                match check.is_run_by(Some(&run.command), run.workdir.as_deref()) {
                    true => Ok(()),
                    false => breaks("verdict", format!("{key} was judged by another command than it asks for")),
                }
            }
            None if passed && standing.command().is_some() => {
                let said = |body: &Body| matches!(body, Body::GateOverridden(over) if over.gate == *key && over.what == Override::PassedByHand);
                match judgement.overridden && self.said_before(issue.id, said) {
                    true => Ok(()),
                    false => breaks("verdict", format!("{key} is judged by a command, and was passed by hand")),
                }
            }
            None => Ok(()),
        }
    }
}
