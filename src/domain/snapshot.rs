//! Reading one state of the tracker: point look-ups and scans, without saying where from.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::id::{IdPrefix, IssueId, issue_of_path};
use super::issue::Issue;
use super::name::GateKey;
use super::settings::Settings;
use super::table::{Entry, Summary, Table};

/// A stored object that cannot be used, and why. Reads of everything else go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The object: its path in the tracker's tree, or its id.
    pub object: String,
    /// What is wrong with it.
    pub why: String,
}

impl Unreadable {
    /// The path of the object, where it has one.
    pub fn path(&self) -> &str {
        self.object.split(' ').next().unwrap_or(&self.object)
    }

    /// The issue whose document this is, as its path says.
    pub fn issue(&self) -> Option<IssueId> {
        issue_of_path(self.path())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.why)
    }
}

/// The result of a look-up.
pub type Read<T> = Result<T, Unreadable>;

/// One state of the tracker.
///
/// Look-ups cost what they touch. [`Snapshot::table`] and what rests on it read the index, and the issues
/// that changed since it was made; without one, every issue.
pub trait Snapshot {
    /// The issue with this id, tombstones included.
    fn issue(&self, id: IssueId) -> Read<Option<Issue>>;
    /// The ids that begin with `prefix`, tombstones included.
    fn ids_with_prefix(&self, prefix: &IdPrefix) -> Read<Vec<IssueId>>;
    /// The definition of a gate.
    fn gate(&self, key: &GateKey) -> Read<Option<Gate>>;
    /// The keys of all defined gates, sorted.
    fn gate_keys(&self) -> Read<Vec<GateKey>>;
    /// The shared settings.
    fn settings(&self) -> Read<Settings>;
    /// A summary of every issue.
    fn table(&self) -> Read<Rc<Table>>;

    /// The issues that wait for `id`, in the order of their ids.
    fn dependents(&self, id: IssueId) -> Read<Vec<IssueId>> {
        let table = self.table()?;
        let waits = |issue: &Entry<'_>| issue.dependencies().any(|dependency| dependency.id() == id);
        let mut ids: Vec<IssueId> = table.issues().filter(waits).map(Entry::id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The dependencies of `issue` that hold it up. None when it is finished.
    fn blockers(&self, issue: &Issue) -> Read<Vec<Issue>> {
        if issue.state.is_finished() {
            return Ok(Vec::new());
        }
        let mut blockers = Vec::new();
        for id in &issue.dependencies {
            if let Some(dependency) = self.issue(*id)?
                && !dependency.releases_dependents()
            {
                blockers.push(dependency);
            }
        }
        Ok(blockers)
    }
}

/// A snapshot with changes on top that are not written yet. Clones share the snapshot below.
#[derive(Clone)]
pub struct Overlay {
    base: Rc<dyn Snapshot>,
    read: RefCell<BTreeMap<IssueId, Option<Issue>>>,
    issues: BTreeMap<IssueId, Issue>,
    gates: BTreeMap<GateKey, Option<Gate>>,
    settings: Option<Settings>,
}

impl Overlay {
    /// Lays an empty overlay over `base`.
    pub fn new(base: Rc<dyn Snapshot>) -> Self {
        Self { base, read: RefCell::default(), issues: BTreeMap::new(), gates: BTreeMap::new(), settings: None }
    }

    /// Puts an issue in place.
    pub fn put_issue(&mut self, issue: Issue) {
        self.issues.insert(issue.id, issue);
    }

    /// Puts a gate definition in place, or takes it away.
    pub fn put_gate(&mut self, key: GateKey, gate: Option<Gate>) {
        self.gates.insert(key, gate);
    }

    /// Puts the settings in place.
    pub fn put_settings(&mut self, settings: Settings) {
        self.settings = Some(settings);
    }

    /// The issues that were put in place.
    pub fn changed_issues(&self) -> &BTreeMap<IssueId, Issue> {
        &self.issues
    }

    /// The gates that were put in place or taken away.
    pub fn changed_gates(&self) -> &BTreeMap<GateKey, Option<Gate>> {
        &self.gates
    }

    /// The settings, if they were put in place.
    pub fn changed_settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }
}

impl Snapshot for Overlay {
    fn issue(&self, id: IssueId) -> Read<Option<Issue>> {
        if let Some(issue) = self.issues.get(&id) {
            return Ok(Some(issue.clone()));
        }
        if let Some(issue) = self.read.borrow().get(&id) {
            return Ok(issue.clone());
        }
        let issue = self.base.issue(id)?;
        self.read.borrow_mut().insert(id, issue.clone());
        Ok(issue)
    }

    fn ids_with_prefix(&self, prefix: &IdPrefix) -> Read<Vec<IssueId>> {
        let mut ids: BTreeSet<IssueId> = self.base.ids_with_prefix(prefix)?.into_iter().collect();
        ids.extend(self.issues.keys().filter(|id| prefix.matches(**id)));
        Ok(ids.into_iter().collect())
    }

    fn gate(&self, key: &GateKey) -> Read<Option<Gate>> {
        match self.gates.get(key) {
            Some(gate) => Ok(gate.clone()),
            None => self.base.gate(key),
        }
    }

    fn gate_keys(&self) -> Read<Vec<GateKey>> {
        let mut keys: BTreeSet<GateKey> = self.base.gate_keys()?.into_iter().collect();
        for (key, gate) in &self.gates {
            match gate {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok(keys.into_iter().collect())
    }

    fn settings(&self) -> Read<Settings> {
        self.settings.clone().map_or_else(|| self.base.settings(), Ok)
    }

    fn table(&self) -> Read<Rc<Table>> {
        let table = self.base.table()?;
        if self.issues.is_empty() {
            return Ok(table);
        }
        let mut table = (*table).clone();
        for issue in self.issues.values() {
            table.put(&Summary::from(issue));
        }
        Ok(Rc::new(table))
    }
}
