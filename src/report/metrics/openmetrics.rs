//! Figures in the text format of OpenMetrics 1.0, as Prometheus reads it.
//!
//! All of them are gauges: they are about a period of time that moves along, and go down as well as up.

use std::fmt::Write;

use crate::domain::metrics::Spread;

use super::Metrics;

/// The figures, a family after the other, with the end that the format asks for.
pub fn openmetrics(metrics: &Metrics) -> String {
    let mut out = Families { text: String::new(), head: String::new() };
    out.family("jit_window_seconds", "Length of the period of time that the other figures are about.");
    out.sample("jit_window_seconds", &[], metrics.days * 86_400.0);
    out.family("jit_issues", "Issues by state; blocked ones count under their state too.");
    for (state, count) in metrics.issues.all() {
        out.sample("jit_issues", &[("state", state)], count as f64);
    }
    out.family("jit_issues_in_window", "Issues that were created, completed and rejected in the period.");
    for (what, count) in
        [("created", metrics.created), ("completed", metrics.completed), ("rejected", metrics.rejected)]
    {
        out.sample("jit_issues_in_window", &[("what", what)], count as f64);
    }
    out.family("jit_throughput_per_day", "Issues that became done, a day.");
    out.sample("jit_throughput_per_day", &[], metrics.throughput_per_day);
    for (name, help, spread) in [
        ("jit_lead_time_seconds", "From being made to being done.", &metrics.lead_time),
        ("jit_cycle_time_seconds", "From the first claim to being done.", &metrics.cycle_time),
        ("jit_blocked_time_seconds", "How long done issues had waited for others.", &metrics.blocked_time),
    ] {
        out.family(name, help);
        out.spread(name, &[], spread);
    }
    out.family("jit_claims", "What became of claims in the period.");
    for (what, count) in metrics.claims.all() {
        out.sample("jit_claims", &[("what", what)], count as f64);
    }
    out.gates(metrics);
    out.agents(metrics);
    out.text + "# EOF\n"
}

/// The text so far, and the head of a family of which nothing stands in it yet: one without samples is left out.
struct Families {
    text: String,
    head: String,
}

impl Families {
    fn family(&mut self, name: &str, help: &str) {
        self.head = format!("# TYPE {name} gauge\n# HELP {name} {help}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.text.push_str(&std::mem::take(&mut self.head));
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    fn spread(&mut self, name: &str, labels: &[(&str, &str)], spread: &Spread) {
        for (quantile, millis) in
            [("0.5", spread.p50_ms), ("0.9", spread.p90_ms), ("0.95", spread.p95_ms), ("1", spread.max_ms)]
        {
            if let Some(millis) = millis {
                let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("quantile", quantile)]).collect();
                self.sample(name, &labels, millis as f64 / 1000.0);
            }
        }
    }

    fn gates(&mut self, metrics: &Metrics) {
        self.family("jit_gate_verdicts", "Verdicts on gates in the period.");
        for gate in &metrics.gates {
            for (what, count) in [("passed", gate.passed), ("failed", gate.failed), ("reused", gate.reused)] {
                self.sample("jit_gate_verdicts", &[("gate", gate.gate.as_str()), ("what", what)], count as f64);
            }
        }
        self.family("jit_gate_pass_rate", "Passed verdicts among all, from 0 to 1.");
        for gate in &metrics.gates {
            self.sample("jit_gate_pass_rate", &[("gate", gate.gate.as_str())], gate.pass_rate);
        }
        self.family("jit_gate_duration_seconds", "How long runs of gates took.");
        for gate in &metrics.gates {
            self.spread("jit_gate_duration_seconds", &[("gate", gate.gate.as_str())], &gate.duration);
        }
    }

    fn agents(&mut self, metrics: &Metrics) {
        self.family("jit_agent_issues", "What became of the issues that somebody held.");
        for agent in &metrics.agents {
            for (what, count) in agent.work.all() {
                self.sample("jit_agent_issues", &[("agent", agent.agent.as_str()), ("what", what)], count as f64);
            }
        }
        self.family("jit_agent_load", "How many issues somebody held at once, on average.");
        for agent in &metrics.agents {
            self.sample("jit_agent_load", &[("agent", agent.agent.as_str())], agent.load);
        }
    }
}

/// The value of a label as the format has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
