//! Whether commits of the code are what their issues ask: each names one, and its gates hold for the commit's tree
//! by recorded evidence.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::draft::resolve;
use crate::domain::event::Judgement;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::ops::verdict::verify;
use crate::domain::snapshot::Snapshot;
use crate::domain::standing::{Standing, standings};
use crate::domain::state::Stage;
use crate::error::Result;
use crate::gates::{Outcome, Place, Runner, Verdict, require_trust};
use crate::git_process::Named;
use crate::progress::Echo;
use crate::session::{Manners, Session, View};
use crate::store::{StoreError, history};

/// What is asked of commits.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Whether the gates of the stage `finish` must hold for the tree of the newest commit of each issue. Without,
    /// it is enough that they are passed.
    pub finish_trees: bool,
    /// Whether a commit may name no issue.
    pub unnamed: bool,
}

/// One commit, and what is known of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Row {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The first line of its message.
    pub subject: String,
    /// The issues it names.
    pub issues: Vec<IssueId>,
    /// Whether it is as asked.
    pub ok: bool,
    /// What is wrong with the commit itself: it names no issue, or one that is not here.
    pub why: Option<String>,
    /// The gates that were asked.
    pub gates: Vec<Asking>,
    /// Whether it names an issue that is not here.
    #[serde(skip)]
    names_unknown: bool,
}

/// A gate of an issue, asked about the tree of a commit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Asking {
    /// The issue.
    pub issue: IssueId,
    /// The gate.
    pub gate: GateKey,
    /// Whether it holds.
    pub holds: bool,
    /// How that is known: `recorded`, or `ran` when it was run now.
    pub how: String,
    /// Why it does not hold.
    pub why: Option<String>,
    /// The command to run next, when it does not.
    pub hint: Option<String>,
}

impl Row {
    /// `1a2b3c4d5e  Subject: unit-tests of 3f2a91c0 is pending`.
    pub fn line(&self) -> String {
        let bad = self.gates.iter().filter(|gate| !gate.holds);
        let gates = bad.map(|gate| {
            format!("{} of {} {}", gate.gate, gate.issue.short(), gate.why.as_deref().unwrap_or("does not hold"))
        });
        let faults: Vec<String> = self.why.iter().cloned().chain(gates).collect();
        let more = if faults.is_empty() { String::new() } else { format!(": {}", faults.join("; ")) };
        format!("{}  {}{more}", self.short(), self.subject)
    }

    /// The first ten characters of the commit's id.
    pub fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    /// What to do about it.
    pub fn way_out(&self) -> String {
        let gate = self.gates.iter().find_map(|gate| gate.hint.clone());
        let otherwise =
            if self.names_unknown { "jit sync" } else { "name the issue in the message: git commit --amend" };
        gate.unwrap_or_else(|| otherwise.to_owned())
    }
}

/// What a commit asks for: its row, and the gates that do not hold for its tree though a command could tell.
struct Examined {
    row: Row,
    open: Vec<(Issue, Vec<Standing>)>,
}

/// Looks at commits, newest first.
///
/// Reads each issue that is named and the definitions of its gates, and for a verdict that is not the newest one
/// of its issue the commits that hold it.
pub fn examine(session: &Session, view: &View, commits: &[Named], asked: &Asked) -> Result<Vec<Row>> {
    Ok(look(session, view, commits, asked)?.into_iter().map(|examined| examined.row).collect())
}

/// Looks at commits as [`examine`] does, and runs what is missing, each in a clean work tree of that commit. What
/// passes is recorded.
pub fn examine_and_run(
    session: &Session,
    view: &View,
    commits: &[Named],
    asked: &Asked,
    echo: &Arc<dyn Echo>,
) -> Result<Vec<Row>> {
    let mut all = look(session, view, commits, asked)?;
    for (issue, standings) in all.iter().flat_map(|examined| &examined.open) {
        require_trust(session, issue.id, standings)?;
    }
    for examined in &mut all {
        if examined.open.is_empty() {
            continue;
        }
        let place = Place::for_commit(&examined.row.commit, &examined.row.tree);
        for (issue, standings) in &examined.open {
            let (tip, echo) = (view.commit.clone(), echo.clone());
            let runner = Runner { session, tip, place: &place, issue, force: false, jobs: 1, echo };
            let outcomes = runner.run(standings)?;
            record(session, issue.id, &place, &outcomes)?;
            for outcome in outcomes {
                settle(&mut examined.row, issue.id, &outcome);
            }
        }
    }
    Ok(all.into_iter().map(|examined| examined.row).collect())
}

fn look(session: &Session, view: &View, commits: &[Named], asked: &Asked) -> Result<Vec<Examined>> {
    let strict = view.state.settings().map_err(StoreError::from)?.manual_stale_is_strict();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for named in commits {
        let mut examined = Examined { row: begin(named), open: Vec::new() };
        let row = &mut examined.row;
        if named.issues.is_empty() {
            row.ok = asked.unnamed;
            row.why = (!row.ok).then(|| "names no issue".to_owned());
        }
        for name in &named.issues {
            let found = name.parse::<IdPrefix>().ok().and_then(|prefix| resolve(&view.state, &prefix).ok());
            let Some(issue) = found else {
                row.names_unknown = true;
                let before = row.why.take().map_or_else(String::new, |why| format!("{why}; "));
                (row.ok, row.why) = (false, Some(format!("{before}names the issue {name}, which is not here")));
                continue;
            };
            row.issues.push(issue.id);
            let newest = seen.insert(issue.id);
            let mut open = Vec::new();
            for standing in standings(&view.state, &issue).map_err(StoreError::from)? {
                let of_tree = match standing.stage() {
                    Stage::Start => false,
                    Stage::Commit => true,
                    // What was committed on the way need not be finished.
                    Stage::Finish if asked.finish_trees && !newest => continue,
                    Stage::Finish => asked.finish_trees,
                };
                let holds = holds(session, view, &issue, &standing, of_tree.then_some(&named.tree), strict)?;
                row.gates.push(asking(&issue, &standing, holds));
                row.ok &= holds;
                if !holds && of_tree && standing.command().is_some() {
                    open.push(standing);
                }
            }
            if !open.is_empty() {
                examined.open.push((issue, open));
            }
        }
        all.push(examined);
    }
    Ok(all)
}

fn begin(named: &Named) -> Row {
    Row {
        commit: named.commit.clone(),
        tree: named.tree.clone(),
        subject: named.subject.clone(),
        issues: Vec::new(),
        ok: true,
        why: None,
        gates: Vec::new(),
        names_unknown: false,
    }
}

/// Whether a gate holds: for `tree`, where one is asked about.
fn holds(
    session: &Session,
    view: &View,
    issue: &Issue,
    standing: &Standing,
    tree: Option<&String>,
    strict: bool,
) -> Result<bool> {
    let Some(tree) = tree else { return Ok(standing.holds()) };
    if standing.holds_for(Some(tree), strict) {
        return Ok(true);
    }
    let Some(check) = &standing.check else { return Ok(false) };
    let newest = history::newest_verdict(&session.store, &view.commit, issue.id, (&standing.key, check), tree)?;
    Ok(newest.is_some_and(|(passed, ..)| passed))
}

fn asking(issue: &Issue, standing: &Standing, holds: bool) -> Asking {
    let (id, key) = (issue.id.short(), &standing.key);
    let why = match () {
        () if standing.is_outdated() => "is passed by another command than now".to_owned(),
        () if standing.holds() => "has no verdict on this tree".to_owned(),
        () => format!("is {}", standing.verdict.status),
    };
    let hint = match standing.command() {
        None => format!("jit gate pass {id} {key}"),
        // What is right for the work tree at hand may never have been asked about this commit.
        Some(_) if standing.holds() => "jit verify RANGE --run".to_owned(),
        Some(_) => format!("jit gate run {id} {key}"),
    };
    Asking {
        issue: issue.id,
        gate: key.clone(),
        holds,
        how: "recorded".to_owned(),
        why: (!holds).then_some(why),
        hint: (!holds).then_some(hint),
    }
}

/// Puts what a run found into the row.
fn settle(row: &mut Row, issue: IssueId, outcome: &Outcome) {
    let of_run = |gate: &&mut Asking| gate.issue == issue && gate.gate == outcome.gate;
    let Some(gate) = row.gates.iter_mut().find(of_run) else { return };
    gate.how = "ran".to_owned();
    (gate.holds, gate.why) = match &outcome.verdict {
        Verdict::Given { passed: true, .. } => (true, None),
        Verdict::Given { ran, .. } => (false, Some(format!("failed: exit {}", ran.exit_code))),
        Verdict::None(why) => (false, Some(format!("has no verdict: {why}"))),
    };
    if gate.holds {
        gate.hint = None;
    }
    row.ok = row.why.is_none() && row.gates.iter().all(|gate| gate.holds);
}

/// Records what passed: evidence about a commit, which leaves the issue's own verdict as it is.
fn record(session: &Session, issue: IssueId, place: &Place, outcomes: &[Outcome]) -> Result<()> {
    let judgements: Vec<Judgement> = outcomes
        .iter()
        .filter_map(|outcome| outcome.judgement(&place.head))
        .filter(|(passed, _)| *passed)
        .map(|(_, judgement)| judgement)
        .collect();
    if judgements.is_empty() {
        return Ok(());
    }
    session.change("verify", &Manners::default(), |draft| {
        judgements.iter().try_for_each(|judgement| verify(draft, issue, judgement))?;
        Ok(vec![issue])
    })?;
    Ok(())
}
