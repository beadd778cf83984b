//! Figures of how work goes, as a text, a document, lines of values, and for Prometheus.

mod csv;
mod openmetrics;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::metrics::{Claims, Metrics as Figures, Spread, Verdicts, Work};
use crate::domain::name::{Actor, GateKey};
use crate::domain::table::Table;
use crate::domain::time::Timestamp;

use super::Render;
use super::status::Counts;
use super::text::{Text, clean, span, table as columns};

/// How figures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One document.
    Json,
    /// Comma-separated values.
    Csv,
    /// OpenMetrics.
    OpenMetrics,
}

/// How work went in a period of time.
#[derive(Serialize, JsonSchema)]
pub struct Metrics {
    /// The beginning of the period; where the tracker is younger, that of the tracker.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Its length in days.
    pub days: f64,
    /// Issues by state at the end.
    pub issues: Counts,
    /// Issues that were made.
    pub created: usize,
    /// Issues that became done.
    pub completed: usize,
    /// Issues that were rejected.
    pub rejected: usize,
    /// Issues that became done, a day.
    pub throughput_per_day: f64,
    /// From being made to being done.
    pub lead_time: Spread,
    /// From the first claim to being done.
    pub cycle_time: Spread,
    /// How long issues that became done waited for others.
    pub blocked_time: Spread,
    /// What became of claims.
    pub claims: Claims,
    /// Gates, by key.
    pub gates: Vec<GateFigures>,
    /// Who worked, by name.
    pub agents: Vec<AgentFigures>,
    #[serde(skip)]
    format: Format,
}

/// Verdicts on a gate.
#[derive(Serialize, JsonSchema)]
pub struct GateFigures {
    /// Its key.
    pub gate: GateKey,
    /// How often it passed.
    pub passed: usize,
    /// How often it failed.
    pub failed: usize,
    /// Passed verdicts among all, from 0 to 1.
    pub pass_rate: f64,
    /// How often a verdict was used again, and nothing was run.
    pub reused: usize,
    /// How long its runs took.
    pub duration: Spread,
}

/// What somebody did.
#[derive(Serialize, JsonSchema)]
pub struct AgentFigures {
    /// Who.
    pub agent: Actor,
    /// What.
    #[serde(flatten)]
    pub work: Work,
    /// How many issues were held at once, on average.
    pub load: f64,
}

impl Metrics {
    /// The figures of a period from `start` to `end`.
    pub fn new(figures: &Figures, table: &Table, (start, end): (Timestamp, Timestamp), format: Format) -> Self {
        let length = end.since(start).as_secs_f64();
        let rate = |count: f64| if length > 0.0 { count / length } else { 0.0 };
        let done = || figures.stories.done_since(start);
        let millis = |from: Timestamp, to: Timestamp| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
        let gate = |(gate, verdicts): (&GateKey, &Verdicts)| GateFigures {
            gate: gate.clone(),
            passed: verdicts.passed,
            failed: verdicts.failed,
            pass_rate: verdicts.passed as f64 / (verdicts.passed + verdicts.failed).max(1) as f64,
            reused: verdicts.reused,
            duration: Spread::of(verdicts.durations.clone()),
        };
        let agent = |(agent, work): (&Actor, &Work)| AgentFigures {
            agent: agent.clone(),
            work: *work,
            load: rate(work.held_ms as f64 / 1000.0),
        };
        Self {
            since: start,
            until: end,
            days: length / 86_400.0,
            issues: Counts::of(table),
            created: figures.created,
            completed: figures.completed,
            rejected: figures.rejected,
            throughput_per_day: rate(figures.completed as f64) * 86_400.0,
            lead_time: Spread::of(done().filter_map(|story| Some(millis(story.created?, story.completed?))).collect()),
            cycle_time: Spread::of(
                done().filter_map(|story| Some(millis(story.first_claim?, story.completed?))).collect(),
            ),
            blocked_time: Spread::of(done().map(|story| figures.stories.blocked(story)).collect()),
            claims: figures.claims,
            gates: figures.gates.iter().map(gate).collect(),
            agents: figures.agents.iter().map(agent).collect(),
            format,
        }
    }
}

impl Render for Metrics {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        match self.format {
            Format::Text => self.text(text),
            Format::Json => {
                let document = serde_json::to_string_pretty(self).expect("figures have only text keys");
                text.line(&document);
            }
            Format::Csv => drop(text.put(&csv::csv(self))),
            Format::OpenMetrics => drop(text.put(&openmetrics::openmetrics(self))),
        }
    }
}

/// A length of time for people.
fn brief(millis: Option<u64>) -> String {
    match millis {
        None => "-".to_owned(),
        Some(millis) if millis < 1000 => format!("{millis}ms"),
        Some(millis) => span(std::time::Duration::from_millis(millis)),
    }
}

impl Metrics {
    fn text(&self, text: &mut Text) {
        let heading = format!("{} to {} ({:.1} days)", self.since, self.until, self.days);
        text.line(&text.strong(&heading));
        text.line(&format!(
            "created {}  done {}  rejected {}  throughput {:.1} a day",
            self.created, self.completed, self.rejected, self.throughput_per_day
        ));
        let claims = &self.claims;
        text.line(&format!(
            "claims {}  released {}  expired {}  stalled {}  lost {}  overridden {}",
            claims.made, claims.released, claims.expired, claims.stalled, claims.lost, claims.overridden
        ));
        text.line("");
        let row = |name: &str, spread: &Spread| {
            let [p50, p90, p95, max] = [spread.p50_ms, spread.p90_ms, spread.p95_ms, spread.max_ms].map(brief);
            [name.to_owned(), spread.count.to_string(), p50, p90, p95, max]
        };
        let heads = |first: &str| [first, "count", "p50", "p90", "p95", "max"].map(str::to_owned);
        let times = [
            heads("time"),
            row("lead", &self.lead_time),
            row("cycle", &self.cycle_time),
            row("blocked", &self.blocked_time),
        ];
        text.put(&columns(times.iter().cloned()));
        if !self.gates.is_empty() {
            let heads = ["gate", "passed", "failed", "rate", "reused", "p50", "p95"].map(str::to_owned);
            let gate = |gate: &GateFigures| {
                let rate = format!("{:.0} %", gate.pass_rate * 100.0);
                let [passed, failed, reused] = [gate.passed, gate.failed, gate.reused].map(|count| count.to_string());
                let key = gate.gate.to_string();
                [key, passed, failed, rate, reused, brief(gate.duration.p50_ms), brief(gate.duration.p95_ms)]
            };
            let rows: Vec<[String; 7]> = std::iter::once(heads).chain(self.gates.iter().map(gate)).collect();
            text.line("").put(&columns(rows.iter().cloned()));
        }
        if !self.agents.is_empty() {
            let heads = ["agent", "claimed", "done", "failed", "silent", "lost", "holds", "load"].map(str::to_owned);
            let agent = |agent: &AgentFigures| {
                let work = &agent.work;
                let counts = [work.claimed, work.completed, work.failed, work.silent, work.lost, work.holding];
                let [claimed, done, failed, silent, lost, holds] = counts.map(|count| count.to_string());
                let load = format!("{:.2}", agent.load);
                [clean(agent.agent.as_str()), claimed, done, failed, silent, lost, holds, load]
            };
            let rows: Vec<[String; 8]> = std::iter::once(heads).chain(self.agents.iter().map(agent)).collect();
            text.line("").put(&columns(rows.iter().cloned()));
        }
    }
}
