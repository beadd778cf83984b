//! Looking at everything: is each document whole, do they fit together, do the events tell the same story?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::domain::invariants::{broken, broken_together};
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::replay::Replay;
use crate::domain::snapshot::{Snapshot, Unreadable};
use crate::progress::Progress;

use super::layout::{CONFIG_FILE, EVENTS, EVENTS_FILE, FORMAT_FILE, GATES, ISSUES};
use super::snapshot::TreeSnapshot;
use super::{Backend, CommitId, EntryKind, StoreResult, Tree, events, transact};

/// What was read, and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Commits read.
    pub commits: usize,
    /// Events replayed.
    pub events: usize,
    /// Issues read, tombstones included.
    pub issues: usize,
    /// Object and what is wrong with it.
    pub problems: Vec<(String, String)>,
}

impl Findings {
    fn add(&mut self, object: impl Into<String>, problem: impl Into<String>) {
        self.problems.push((object.into(), problem.into()));
    }

    fn unreadable(&mut self, unreadable: Unreadable) {
        self.add(unreadable.object, unreadable.why);
    }
}

/// Checks the tracker at `tip` and its history. Reads every issue and every event.
pub fn check<B: Backend>(store: &B, tip: &CommitId, progress: &dyn Progress) -> StoreResult<Findings> {
    let mut findings = Findings::default();
    let state = transact::open(store, tip)?;
    check_root(&state, &mut findings);
    let gates = check_gates(&state, &mut findings);
    if let Err(why) = state.settings() {
        findings.unreadable(why);
    }
    // One of the two states is held whole: what the events say. The other is read past it.
    let mut replay = replay(store, tip, &mut findings, progress)?;
    let (mut living, mut tombstones) = (BTreeMap::new(), BTreeSet::new());
    let mut unreadable = BTreeSet::new();
    let _: ControlFlow<()> = state.each_issue(&mut |issue| {
        match issue {
            Ok(issue) => {
                findings.issues += 1;
                broken(&issue).into_iter().for_each(|fault| findings.add(issue.id.to_string(), fault));
                if let Some(replay) = &mut replay {
                    compare_issue(&issue, replay.issues.remove(&issue.id).as_ref(), &mut findings);
                }
                match issue.deleted {
                    Some(_) => drop(tombstones.insert(issue.id)),
                    None => drop(living.insert(issue.id, issue.dependencies)),
                }
            }
            Err(why) => {
                unreadable.extend(why.issue());
                findings.unreadable(why);
            }
        }
        ControlFlow::Continue(())
    });
    for (id, fault) in broken_together(&living, &tombstones) {
        findings.add(id.to_string(), fault);
    }
    if let Some(replay) = replay {
        for id in replay.issues.keys().filter(|id| !unreadable.contains(id)) {
            findings.add(id.to_string(), "is missing, but events tell of it");
        }
        compare(&state, &gates, &replay, &mut findings);
    }
    Ok(findings)
}

fn check_root<T: Tree>(state: &TreeSnapshot<T>, findings: &mut Findings) {
    let files = [FORMAT_FILE, CONFIG_FILE, EVENTS_FILE];
    match state.tree().list("") {
        Err(why) => findings.unreadable(why),
        Ok(entries) => {
            for entry in entries {
                let known = match entry.kind {
                    EntryKind::File => files.contains(&entry.name.as_str()),
                    EntryKind::Folder => [GATES, ISSUES, EVENTS].contains(&entry.name.as_str()),
                    EntryKind::Other => false,
                };
                if !known {
                    findings.add(entry.name, "does not belong into a tracker");
                }
            }
        }
    }
}

fn check_gates<T: Tree>(state: &TreeSnapshot<T>, findings: &mut Findings) -> Vec<GateKey> {
    let mut keys = Vec::new();
    match state.tree().list(GATES) {
        Err(why) => findings.unreadable(why),
        Ok(entries) => {
            for entry in entries {
                let path = format!("{GATES}/{}", entry.name);
                let key = entry.name.strip_suffix(".json").and_then(|key| key.parse::<GateKey>().ok());
                match key {
                    None => findings.add(path, "its name is not a gate's: a key and `.json`"),
                    Some(key) => match state.gate(&key) {
                        Err(why) => findings.unreadable(why),
                        Ok(_) => keys.push(key),
                    },
                }
            }
        }
    }
    keys
}

/// Replays every event from the first commit on; `None` when the history is not whole.
fn replay<B: Backend>(
    store: &B,
    tip: &CommitId,
    findings: &mut Findings,
    progress: &dyn Progress,
) -> StoreResult<Option<Replay>> {
    let mut chain = Vec::new();
    let mut next = Some(tip.clone());
    while let Some(id) = next {
        let Ok(info) = store.info(&id) else {
            findings.add(id.to_string(), "is missing: the history is not whole");
            return Ok(None);
        };
        next = info.parents.first().cloned();
        chain.push(info);
    }
    findings.commits = chain.len();
    progress.begin("replaying", chain.len());
    let mut replay = Replay::default();
    let mut whole = true;
    let mut newest = None;
    for info in chain.iter().rev() {
        progress.step();
        let mut youngest = newest;
        let read = store.tree(&info.id).and_then(|tree| {
            Ok(events::each(&tree, &info.id, &mut |event| {
                findings.events += 1;
                if newest.is_some_and(|newest| event.ts <= newest) {
                    findings.add(event.id.to_string(), format!("is not younger than the commit before {}", info.id));
                }
                if let Err(misfit) = replay.apply(&event) {
                    findings.add(event.id.to_string(), format!("does not fit what came before: {misfit}"));
                    whole = false;
                }
                youngest = youngest.max(Some(event.ts));
            })?)
        });
        if read.is_err() {
            findings.add(info.id.to_string(), "its events cannot be read");
            whole = false;
        }
        newest = youngest;
    }
    progress.end();
    Ok(whole.then_some(replay))
}

/// Compares an issue with what its events say.
fn compare_issue(issue: &Issue, replayed: Option<&Issue>, findings: &mut Findings) {
    match replayed {
        None => findings.add(issue.id.to_string(), "is stored, but no event made it"),
        Some(replayed) if replayed != issue => findings.add(issue.id.to_string(), "is not as its events say"),
        Some(_) => {}
    }
}

/// Compares gates and settings with what the events say.
fn compare<T: Tree>(state: &TreeSnapshot<T>, gates: &[GateKey], replay: &Replay, findings: &mut Findings) {
    for (key, gate) in &replay.gates {
        if gates.contains(key) && state.gate(key).ok().flatten().as_ref() != Some(gate) {
            findings.add(format!("{GATES}/{key}.json"), "is not as its events say");
        }
    }
    for key in replay.gates.keys().filter(|key| !gates.contains(key)) {
        findings.add(format!("{GATES}/{key}.json"), "is missing, but events tell of it");
    }
    for key in gates.iter().filter(|key| !replay.gates.contains_key(*key)) {
        findings.add(format!("{GATES}/{key}.json"), "is stored, but no event made it");
    }
    if state.settings().is_ok_and(|settings| settings != replay.settings) {
        findings.add(CONFIG_FILE, "is not as the events say");
    }
}
