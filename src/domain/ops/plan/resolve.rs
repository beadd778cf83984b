//! What a plan means in a tracker: keys and ids turned into issues, and everything that does not fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::draft::{Draft, resolve};
use crate::domain::graph::cycle;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::limits;
use crate::domain::name;
use crate::domain::plan::{Base, Field, Misfit, Plan, Planned, fingerprint};
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::snapshot::Snapshot;

/// Of so many mistakes it is looked what may have been meant.
const EXPLAINED: usize = 100;

/// What a plan wants of an issue, with ids in place of keys.
pub struct Wish<'p> {
    /// What the plan says.
    pub planned: &'p Planned,
    /// The issue.
    pub id: IssueId,
    /// What it remembers as its key.
    pub mark: String,
    /// What the plan says, in the form in which it is remembered.
    pub base: Base,
}

/// Turns keys into ids, and collects what does not fit.
pub struct Resolver<'r, 'd, 'p> {
    draft: &'r Draft<'d>,
    plan: &'p Plan,
    ids: &'r [IssueId],
    /// The numbers of the issues by key, and by id.
    keys: BTreeMap<&'p str, usize>,
    numbers: BTreeMap<IssueId, usize>,
    misfits: Vec<Misfit>,
}

impl<'r, 'd, 'p> Resolver<'r, 'd, 'p> {
    /// Prepares a plan whose issues have these ids.
    pub fn new(draft: &'r Draft<'d>, plan: &'p Plan, ids: &'r [IssueId]) -> Self {
        let keys = plan.issues.iter().enumerate().map(|(number, planned)| (planned.key.as_str(), number)).collect();
        let numbers = ids.iter().enumerate().map(|(number, id)| (*id, number)).collect();
        Self { draft, plan, ids, keys, numbers, misfits: Vec::new() }
    }

    /// What the plan wants, or everything that does not fit.
    pub fn wishes(mut self) -> Decision<Vec<Wish<'p>>> {
        let mut waits_for: Vec<BTreeSet<IssueId>> = vec![BTreeSet::new(); self.ids.len()];
        let mut parents: Vec<Option<IssueId>> = vec![None; self.ids.len()];
        let plan = self.plan;
        for (number, planned) in plan.issues.iter().enumerate() {
            for (item, reference) in planned.depends_on.iter().enumerate() {
                let id = self.resolve(reference, (number, Field::DependsOn, Some(item)))?;
                waits_for[number].extend(id);
            }
            if let Some(reference) = &planned.parent
                && let Some(id) = self.resolve(reference, (number, Field::Parent, None))?
            {
                match self.number_of(id) {
                    Some(parent) => drop(waits_for[parent].insert(self.ids[number])),
                    None => parents[number] = Some(id),
                }
            }
            self.check_gates(number)?;
            self.check_sizes(number);
        }
        for (number, on) in waits_for.iter().enumerate().filter(|(_, on)| on.len() > limits::COLLECTION) {
            let why = format!("it waits for {} issues; {} are the most", on.len(), limits::COLLECTION);
            self.misfit((number, Field::DependsOn, None), why);
        }
        self.check_circles(&waits_for);
        if !self.misfits.is_empty() {
            return Err(Refusal::Plan(self.misfits));
        }
        let wish = |(number, planned): (usize, &'p Planned)| Wish {
            planned,
            id: self.ids[number],
            mark: plan.mark(&planned.key),
            base: base(planned, std::mem::take(&mut waits_for[number]), parents[number]),
        };
        Ok(plan.issues.iter().enumerate().map(wish).collect())
    }

    fn misfit(&mut self, (issue, field, item): (usize, Field, Option<usize>), why: String) {
        self.misfits.push(Misfit { issue, field, item, why });
    }

    /// What may have been meant; of very many mistakes nobody reads that.
    fn perhaps<'k>(&self, given: &str, known: impl Iterator<Item = &'k str>) -> String {
        if self.misfits.len() < EXPLAINED { name::perhaps(given, known) } else { String::new() }
    }

    fn number_of(&self, id: IssueId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    /// The issue that a key of the plan or an id names.
    fn resolve(&mut self, reference: &str, at: (usize, Field, Option<usize>)) -> Decision<Option<IssueId>> {
        if let Some(number) = self.keys.get(reference) {
            return Ok(Some(self.ids[*number]));
        }
        let Ok(prefix) = reference.parse::<IdPrefix>() else {
            let way = self.perhaps(reference, self.keys.keys().copied());
            self.misfit(at, format!("no issue of the plan has the key `{reference}`{way}"));
            return Ok(None);
        };
        match resolve(self.draft.state(), &prefix) {
            Ok(issue) => Ok(Some(issue.id)),
            Err(refusal @ Refusal::Unreadable(_)) => Err(refusal),
            Err(Refusal::IssueNotFound(_)) => {
                let way = self.perhaps(reference, self.keys.keys().copied());
                self.misfit(at, format!("`{reference}` is neither a key of the plan nor the id of an issue{way}"));
                Ok(None)
            }
            Err(refusal) => {
                self.misfit(at, words(&refusal));
                Ok(None)
            }
        }
    }

    fn check_gates(&mut self, number: usize) -> Decision {
        for (item, key) in self.plan.issues[number].gates.iter().enumerate() {
            if self.draft.state().gate(key)?.is_none() {
                let known = self.draft.state().gate_keys()?;
                let way = self.perhaps(key.as_str(), known.iter().map(|key| key.as_str()));
                self.misfit((number, Field::Gates, Some(item)), format!("no gate is called `{key}`{way}"));
            }
        }
        Ok(())
    }

    /// Tells of what is larger than an issue may be.
    fn check_sizes(&mut self, number: usize) {
        let planned = &self.plan.issues[number];
        // What the issue remembers of the plan stands in its context too.
        let context: usize = planned.context.iter().map(|(key, value)| key.len() + value.len()).sum();
        let most = limits::CONTEXT_BYTES / 2;
        let sizes = [
            (Field::Description, planned.description.len(), limits::TEXT_BYTES, "bytes"),
            (Field::Context, context, most, "bytes"),
            (Field::Labels, planned.labels.len(), limits::COLLECTION, "labels"),
            (Field::Gates, planned.gates.len(), limits::COLLECTION, "gates"),
        ];
        for (field, size, most, what) in sizes.into_iter().filter(|(_, size, most, _)| size > most) {
            self.misfit((number, field, None), format!("{size} {what}; {most} are the most"));
        }
        if let Err(refusal) = limits::check_context(&self.plan.issues[number].context) {
            self.misfit((number, Field::Context, None), words(&refusal));
        }
    }

    /// Tells of issues of the plan that wait for one another.
    fn check_circles(&mut self, waits_for: &[BTreeSet<IssueId>]) {
        let edges = self.ids.iter().zip(waits_for).flat_map(|(from, on)| on.iter().map(move |on| (*from, *on)));
        let Some(way) = cycle(edges) else { return };
        let mut numbers: Vec<usize> = way.iter().skip(1).filter_map(|id| self.number_of(*id)).collect();
        // Told from the issue that stands first in the plan.
        let first = numbers.iter().copied().min().unwrap_or(0);
        let at = numbers.iter().position(|number| *number == first).unwrap_or(0);
        numbers.rotate_left(at);
        numbers.push(first);
        let names: Vec<&str> = numbers.iter().map(|number| self.plan.issues[*number].key.as_str()).collect();
        let why = format!("that would be a cycle: {}", names.join(" → "));
        // The first edge: said by the issue itself, or by the next one, whose parent it is.
        let (issue, next) = (&self.plan.issues[first], &self.plan.issues[numbers[1]]);
        match issue.depends_on.iter().position(|on| on == next.key.as_str()) {
            Some(item) => self.misfit((first, Field::DependsOn, Some(item)), why),
            None => self.misfit((numbers[1], Field::Parent, None), why),
        }
    }
}

/// A refusal in words, for one line of many.
fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::IssueDeleted { id, by, .. } => format!("the issue {} was deleted by {by}", id.short()),
        Refusal::AmbiguousPrefix { prefix, candidates } => {
            format!("{prefix} is the beginning of {} issues; write more of the id", candidates.len())
        }
        Refusal::Invalid { what, why } => format!("{what}: {why}"),
        _ => "cannot be used here".to_owned(),
    }
}

fn base(planned: &Planned, waits_for: BTreeSet<IssueId>, parent: Option<IssueId>) -> Base {
    Base {
        title: fingerprint(planned.title.as_str()),
        description: fingerprint(&planned.description),
        priority: Some(planned.priority),
        ready: planned.ready,
        labels: planned.labels.clone(),
        gates: planned.gates.iter().cloned().collect(),
        waits_for,
        parent,
        assignee: planned.assignee.clone(),
        context: planned.context.iter().map(|(key, value)| (key.clone(), fingerprint(value))).collect(),
    }
}
