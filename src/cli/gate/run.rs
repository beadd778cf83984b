//! `jit gate run`.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::common::Force;
use crate::domain::draft::{Draft, require_gates};
use crate::domain::event::Event;
use crate::domain::gate::Check;
use crate::domain::id::IdPrefix;
use crate::domain::issue::{Issue, Verdict};
use crate::domain::name::{Actor, GateKey};
use crate::domain::ops::authorize;
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::standing::{Standing, standing};
use crate::error::{Class, Error, Result};
use crate::gates::{How, Outcome, Place, Runner, Verdict as Found, require_trust};
use crate::report::Report;
use crate::report::gate_run::{GateRun, RunRow};
use crate::session::{Manners, Session};
use crate::store::history::judgement;

/// Run the commands of gates and record what they find
///
/// The verdict is the exit code: 0 when all passed, 4 when one failed, 10 when one could not run. What is known
/// already about this very tree, for any issue in any work tree, is not run again. The verdict holds the tree, the
/// exit code, the time it took and the end of the output. Reads the issue and the definitions of its gates; runs git
/// to look at the work tree, before and after.
#[derive(Args, Debug)]
pub struct Run {
    /// The issue
    id: IdPrefix,
    /// The gates (default: all of the issue that have a command)
    keys: Vec<GateKey>,
    /// All gates of the issue that have a command
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    /// Run them even when the verdict is known
    #[arg(long)]
    force: bool,
    /// Run so many at a time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Who gives the verdict; allowed also on an issue that somebody else holds
    #[arg(long, value_name = "ACTOR")]
    by: Option<Actor>,
}

impl Run {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let manners = Manners { by: self.by.clone(), ..Force::default().manners() };
        let (issue, standings, tip) = self.choose(session, &manners)?;
        if let Some(events) = session.done_before(&tip)? {
            // Another request under the same key is refused here.
            session.change("gate run", &manners, |_| Ok(Vec::new()))?;
            let rows: Vec<RunRow> = events.iter().filter_map(recorded).collect();
            let tree = events.iter().find_map(|event| judgement(event)?.1.tree);
            return Ok(Report::GateRun(GateRun::new(issue.id, tree, rows, false)));
        }
        require_trust(session, issue.id, &standings)?;
        let place = Place::here(&session.store)?;
        let runner = Runner {
            session,
            tip,
            place: &place,
            issue: &issue,
            force: self.force,
            jobs: usize::from(self.jobs),
            echo: session.echo.clone(),
        };
        let outcomes = runner.run(&standings)?;
        runner.record("gate run", &manners, &outcomes, true)?;
        // What went by is not shown twice, unless it went by mixed with other output.
        let shown = !session.is_quiet() && (self.jobs == 1 || outcomes.len() == 1);
        let rows = outcomes.iter().map(row).collect();
        Ok(Report::GateRun(GateRun::new(issue.id, place.head.tree.clone(), rows, shown)))
    }

    /// The issue and the gates to be run, as the tracker has them now. Refuses what could not be recorded.
    fn choose(&self, session: &Session, manners: &Manners) -> Result<(Issue, Vec<Standing>, crate::store::CommitId)> {
        let mut chosen = None;
        let tip = session.rehearse("gate run", manners, |draft| {
            let issue = draft.resolve(&self.id)?;
            if issue.state.is_finished() {
                return Err(Refusal::Finished { id: issue.id, state: issue.state, what: "verdicts" });
            }
            if manners.by.is_none() {
                authorize(draft, &issue)?;
            }
            let standings = self.standings(draft, &issue)?;
            chosen = Some((issue, standings));
            Ok(())
        })?;
        let (issue, standings) = chosen.expect("a rehearsal that was not refused has chosen");
        if let Some(manual) = standings.iter().find(|standing| standing.command().is_none()) {
            let key = &manual.key;
            let message = format!("the gate {key} has no command to run");
            return Err(Error::new(Class::Refused, "gate_has_no_command", message)
                .hint(format!("jit gate pass {} {key}", issue.id.short()))
                .details(serde_json::json!({ "id": issue.id, "gate": key })));
        }
        Ok((issue, standings, tip))
    }

    fn standings(&self, draft: &Draft<'_>, issue: &Issue) -> Decision<Vec<Standing>> {
        require_gates(draft.state(), &self.keys)?;
        let pending = Verdict::pending();
        let of = |key: &GateKey| standing(draft.state(), issue, key, issue.gates.get(key).unwrap_or(&pending));
        if !self.keys.is_empty() {
            let keys: BTreeSet<&GateKey> = self.keys.iter().collect();
            return Ok(keys.into_iter().map(of).collect::<std::result::Result<_, _>>()?);
        }
        let all: Vec<Standing> = issue.gates.keys().map(of).collect::<std::result::Result<_, _>>()?;
        Ok(all.into_iter().filter(|standing| standing.command().is_some()).collect())
    }
}

/// The row of a verdict that an event holds.
fn recorded(event: &Event) -> Option<RunRow> {
    let (passed, judgement) = judgement(event)?;
    let run = judgement.run?;
    let ended = Found::Given { passed, ran: run.clone() };
    let check = Check { command: Some(run.command), ..Check::default() };
    Some(row(&Outcome { gate: judgement.gate, check, how: How::Recorded, verdict: ended, output: None }))
}

fn row(outcome: &Outcome) -> RunRow {
    let (verdict, why, ran) = match &outcome.verdict {
        Found::Given { passed: true, ran } => ("passed", None, Some(ran)),
        Found::Given { passed: false, ran } => ("failed", None, Some(ran)),
        Found::None(why) => ("none", Some(why.clone()), None),
    };
    let how = match outcome.how {
        How::Ran => "ran",
        How::Reused => "reused",
        How::Recorded => "recorded",
    };
    let printed = outcome.output.as_ref().map(|(tail, _)| tail.clone());
    RunRow {
        gate: outcome.gate.clone(),
        verdict: verdict.to_owned(),
        how: how.to_owned(),
        why,
        exit_code: ran.map(|ran| ran.exit_code),
        duration_ms: ran.map(|ran| ran.duration_ms),
        output_tail: printed.or_else(|| ran.map(|ran| ran.output_tail.clone())),
        log: outcome.output.as_ref().map(|(_, log)| log.display().to_string()),
        command: outcome.check.command.clone().unwrap_or_default(),
    }
}
