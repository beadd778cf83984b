//! Getting verdicts: those that are known already, and the others by running commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::domain::event::{Event, Ran};
use crate::domain::gate::Check;
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::ops::verdict::{Given, record};
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::Standing;
use crate::environment::interrupted;
use crate::error::{Class, Error, Result};
use crate::progress::Echo;
use crate::session::{Manners, Session};
use crate::store::message::evidence_key;
use crate::store::{CommitId, StoreError, history};

use super::outcome::{How, Outcome, Verdict};
use super::place::Place;
use super::process::{self, Ended, Task};
use super::runs::{Run, Runs};
use super::tail::end_of;
use super::work::{Performed, Work, inside, passed_here, perform};

/// How long the command for a gate's environment may take.
const KEY_PATIENCE: Duration = Duration::from_secs(30);
/// Names the gates that are being run by the processes above, each as `ISSUE/KEY`.
const RUNNING: &str = "JIT_GATES_RUNNING";

/// What verdicts are got with.
pub struct Runner<'s> {
    /// The command at work.
    pub session: &'s Session,
    /// The commit of the tracker that shows earlier verdicts.
    pub tip: CommitId,
    /// Where commands run.
    pub place: &'s Place,
    /// The issue.
    pub issue: &'s Issue,
    /// Run also what is known.
    pub force: bool,
    /// How many commands run at a time.
    pub jobs: usize,
    /// Takes what they print.
    pub echo: Arc<dyn Echo>,
}

impl Runner<'_> {
    /// Gets the verdict of each gate. All must have a command, which the user has agreed to.
    pub fn run(&self, standings: &[Standing]) -> Result<Vec<Outcome>> {
        let mut outcomes: BTreeMap<GateKey, Outcome> = BTreeMap::new();
        let (mut works, mut needs) = (Vec::new(), Needs::default());
        for standing in standings {
            match self.look(standing, &mut needs)? {
                Looked::Settled(outcome) => drop(outcomes.insert(standing.key.clone(), outcome)),
                Looked::Open(work) => works.push(work),
            }
        }
        for outcome in self.run_all(works)? {
            outcomes.insert(outcome.gate.clone(), outcome);
        }
        // In the order in which they were asked for.
        Ok(standings.iter().filter_map(|standing| outcomes.remove(&standing.key)).collect())
    }

    /// Records what is new, in one change; `completes` as in [`Given`].
    pub fn record(&self, command: &str, manners: &Manners, outcomes: &[Outcome], completes: bool) -> Result<()> {
        let verdicts: Vec<(Given, &Check)> = outcomes
            .iter()
            .filter_map(|outcome| {
                let (passed, judgement) = outcome.judgement(&self.place.head)?;
                Some((Given { passed, completes, by_other: manners.by.is_some(), judgement }, &outcome.check))
            })
            .collect();
        if verdicts.is_empty() {
            return Ok(());
        }
        self.session.change(command, manners, |draft| {
            for (given, check) in &verdicts {
                record(draft, self.issue.id, given, check)?;
            }
            Ok(vec![self.issue.id])
        })?;
        Ok(())
    }

    /// Looks whether the verdict of a gate is known, or what must be run to know it.
    fn look(&self, standing: &Standing, needs: &mut Needs) -> Result<Looked> {
        let check = standing.check.clone().unwrap_or_default();
        let settled = |how, verdict| {
            Ok(Looked::Settled(Outcome {
                gate: standing.key.clone(),
                check: check.clone(),
                how,
                verdict,
                output: None,
            }))
        };
        let Some(tree) = self.place.head.tree.clone() else {
            let why = self.place.head.untold.clone();
            return settled(How::Ran, Verdict::None(why.unwrap_or_else(|| "no git tree is there".to_owned())));
        };
        let key = evidence_key(&standing.key, check.command.as_deref(), check.workdir.as_deref(), &tree);
        let mut work = Work {
            gate: standing.key.clone(),
            check: check.clone(),
            key,
            tree,
            environment: None,
            dir: Default::default(),
            variables: Vec::new(),
            force: self.force,
        };
        if check.env_key.is_some()
            && let Err(why) = self.equip(&mut work, needs)?
        {
            return settled(How::Ran, Verdict::None(why));
        }
        if let Some((how, ran)) = self.known(standing, &mut work)? {
            return settled(how, Verdict::Given { passed: true, ran });
        }
        match self.equip(&mut work, needs)? {
            Ok(()) => Ok(Looked::Open(work)),
            Err(why) => settled(How::Ran, Verdict::None(why)),
        }
    }

    /// Gives a work its folder, variables and environment, or says why that cannot be.
    fn equip(&self, work: &mut Work, needs: &mut Needs) -> Result<std::result::Result<(), String>> {
        if !work.variables.is_empty() {
            return Ok(Ok(()));
        }
        let running = self.session.environment.gates_running.clone().unwrap_or_default();
        let name = format!("{}/{}", self.issue.id, work.gate);
        if running.split(' ').any(|above| above == name) {
            return Ok(Err("it is being run already, by a process above this one".to_owned()));
        }
        let top = self.place.top(&self.session.store)?;
        work.dir = match &work.check.workdir {
            None => top.to_owned(),
            Some(dir) => match inside(top, dir) {
                Some(dir) => dir,
                None => return Ok(Err(format!("there is no folder {dir} in the work tree"))),
            },
        };
        work.variables = vec![
            ("JIT_ISSUE", self.issue.id.to_string().into()),
            ("JIT_GATE", work.gate.as_str().into()),
            ("JIT_STAGE", work.check.stage.as_str().into()),
            ("JIT_TREE", work.tree.clone().into()),
            ("JIT_CONTEXT_FILE", needs.context_file(self.issue, &self.runs())?.into()),
            (RUNNING, format!("{running} {name}").trim_start().into()),
        ];
        if let Some(command) = &work.check.env_key {
            match needs.environment(command, work) {
                Some(environment) => work.environment = Some(environment),
                None => return Ok(Err(format!("the key of its environment could not be had: {command}"))),
            }
        }
        Ok(Ok(()))
    }

    /// A verdict that is there already: the issue's own, one of this repository, or where the tracker says so, of
    /// another.
    fn known(&self, standing: &Standing, work: &mut Work) -> Result<Option<(How, Ran)>> {
        let verdict = &standing.verdict;
        if work.force {
            return Ok(None);
        }
        if !verdict.overridden && standing.holds_for(Some(&work.tree), true) && verdict.environment == work.environment
        {
            return Ok(Some((How::Recorded, ran(verdict, work))));
        }
        let (store, issue) = (&self.session.store, self.issue.id);
        let newest = history::newest_verdict(store, &self.tip, issue, (&work.gate, &work.check), &work.tree)?;
        match newest {
            // Known to be bad since, whatever was found before.
            Some((false, ..)) => {
                work.force = true;
                Ok(None)
            }
            newest => Ok(self.reused(work, newest.and_then(|(_, event, judgement)| Some((event, judgement.run?))))?),
        }
    }

    /// An equal run that passed: in this repository, or where the tracker says so, elsewhere.
    fn reused(&self, work: &Work, newest: Option<(Event, Ran)>) -> Result<Option<(How, Ran)>> {
        if let Some(run) = passed_here(&self.runs(), work) {
            return Ok(Some((How::Reused, run)));
        }
        let Some((event, run)) = newest.filter(|(_, run)| run.environment == work.environment) else { return Ok(None) };
        let view = self.session.view_at(self.tip.clone())?;
        let shared = view.state.settings().map_err(StoreError::from)?.reuse_is_shared();
        Ok(shared.then(|| (How::Reused, Ran { reused_from: run.reused_from.or(event.issue), ..run })))
    }

    fn runs(&self) -> Runs {
        Runs::new(self.session.store.local_state())
    }

    /// Runs commands, so many at a time. A tree that is another one afterwards takes the verdicts with it.
    fn run_all(&self, mut works: Vec<Work>) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while !works.is_empty() {
            // One at a time, each is asked whether it left the tree alone; together, all are.
            let rest = works.split_off(if self.jobs > 1 { works.len() } else { 1 });
            let batch = std::mem::replace(&mut works, rest);
            let all = self.run_batch(&batch);
            let moved = if all.iter().any(|one| one.ran) { self.place.moved(&self.session.store)? } else { None };
            for (mut one, work) in all.into_iter().zip(&batch) {
                if one.ran {
                    self.settle(&mut one.outcome, work, moved.as_deref());
                }
                outcomes.push(one.outcome);
            }
        }
        Ok(outcomes)
    }

    /// Takes a verdict back when the tree moved under it; keeps it for others when not.
    fn settle(&self, outcome: &mut Outcome, work: &Work, moved: Option<&str>) {
        let Verdict::Given { passed, ran } = &outcome.verdict else { return };
        match moved {
            Some(why) => outcome.verdict = Verdict::None(why.to_owned()),
            None => {
                let run = Run { passed: *passed, tree: work.tree.clone(), issue: self.issue.id, ran: ran.clone() };
                self.runs().keep(&work.key, &run);
            }
        }
    }

    /// Runs commands side by side, in the order of the works.
    fn run_batch(&self, batch: &[Work]) -> Vec<Performed> {
        let (next, runs) = (AtomicUsize::new(0), self.runs());
        let host = self.session.environment.host();
        let (sender, receiver) = mpsc::channel();
        let prefixed = self.jobs > 1 && batch.len() > 1;
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.clamp(1, batch.len()) {
                let (sender, echo, runs, host, next) = (sender.clone(), self.echo.clone(), &runs, &host, &next);
                scope.spawn(move || {
                    while let Some((at, work)) = next_of(batch, next) {
                        let label = prefixed.then(|| work.gate.to_string());
                        let result = perform(work, runs, host.as_deref(), echo.clone(), label, interrupted());
                        // The receiver outlives the threads.
                        let _ = sender.send((at, result));
                    }
                });
            }
        });
        drop(sender);
        let mut results: Vec<_> = receiver.iter().collect();
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// What a look at a gate gave.
enum Looked {
    /// The verdict is known, or cannot be had.
    Settled(Outcome),
    /// Something must be run.
    Open(Work),
}

/// What runs share, made when it is first needed.
#[derive(Default)]
struct Needs {
    context: Option<tempfile::NamedTempFile>,
    environments: BTreeMap<(String, PathBuf), Option<String>>,
}

impl Needs {
    /// The issue as a file, for commands that want to know more of it. Gone with this value.
    fn context_file(&mut self, issue: &Issue, runs: &Runs) -> Result<PathBuf> {
        if self.context.is_none() {
            let file = runs.scratch("context-").map_err(StoreError::io("writing the context file"))?;
            serde_json::to_writer_pretty(file.as_file(), issue).map_err(|why| {
                Error::new(Class::Outside, "context_file", format!("writing the context file: {why}"))
            })?;
            self.context = Some(file);
        }
        Ok(self.context.as_ref().map(|file| file.path().to_owned()).unwrap_or_default())
    }

    /// What the command for an environment prints in the folder of a work.
    fn environment(&mut self, command: &str, work: &Work) -> Option<String> {
        let known = self.environments.entry((command.to_owned(), work.dir.clone())).or_insert_with(|| {
            let task = Task { command, dir: &work.dir, variables: &work.variables, timeout: KEY_PATIENCE };
            let finished = process::run(&task, Arc::new(|_: &[u8]| {}), interrupted()).ok()?;
            (finished.ended == Ended::Exited(0)).then(|| end_of(&finished.output).trim().to_owned())
        });
        known.clone()
    }
}

fn next_of<'w>(batch: &'w [Work], next: &AtomicUsize) -> Option<(usize, &'w Work)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    batch.get(at).map(|work| (at, work))
}

/// The run behind a verdict of the issue.
fn ran(verdict: &crate::domain::issue::Verdict, work: &Work) -> Ran {
    Ran {
        command: work.check.command.clone().unwrap_or_default(),
        workdir: work.check.workdir.clone(),
        environment: verdict.environment.clone(),
        exit_code: verdict.exit_code.unwrap_or_default(),
        duration_ms: verdict.duration_ms.unwrap_or_default(),
        output_tail: verdict.output_tail.clone().unwrap_or_default(),
        host: verdict.host.clone(),
        reused_from: verdict.reused_from,
    }
}
