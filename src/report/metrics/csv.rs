//! Figures as comma-separated values: a line a figure.

use crate::domain::metrics::Spread;

use super::Metrics;

/// Lines of `metric,of,part,value`: `lead_time_seconds,,p50,3600`. `of` is a state, a gate or an agent.
pub fn csv(metrics: &Metrics) -> String {
    let mut lines = Lines { writer: csv::Writer::from_writer(Vec::new()) };
    lines.put(["metric", "of", "part", "value"]);
    lines.put(["window_seconds", "", "", &(metrics.days * 86_400.0).to_string()]);
    for (state, count) in metrics.issues.all() {
        lines.number("issues", state, "", count);
    }
    lines.number("created", "", "", metrics.created);
    lines.number("completed", "", "", metrics.completed);
    lines.number("rejected", "", "", metrics.rejected);
    lines.put(["throughput_per_day", "", "", &metrics.throughput_per_day.to_string()]);
    lines.spread("lead_time_seconds", "", &metrics.lead_time);
    lines.spread("cycle_time_seconds", "", &metrics.cycle_time);
    lines.spread("blocked_time_seconds", "", &metrics.blocked_time);
    for (what, count) in metrics.claims.all() {
        lines.number("claims", "", what, count);
    }
    for gate in &metrics.gates {
        let key = gate.gate.as_str();
        for (part, count) in [("passed", gate.passed), ("failed", gate.failed), ("reused", gate.reused)] {
            lines.number("gate_verdicts", key, part, count);
        }
        lines.put(["gate_pass_rate", key, "", &gate.pass_rate.to_string()]);
        lines.spread("gate_duration_seconds", key, &gate.duration);
    }
    for agent in &metrics.agents {
        let name = agent.agent.as_str();
        for (part, count) in agent.work.all() {
            lines.number("agent_issues", name, part, count);
        }
        lines.put(["agent_held_seconds", name, "", &(agent.work.held_ms as f64 / 1000.0).to_string()]);
        lines.put(["agent_load", name, "", &agent.load.to_string()]);
    }
    let bytes = lines.writer.into_inner().expect("writing into memory does not fail");
    String::from_utf8(bytes).expect("text was written")
}

struct Lines {
    writer: csv::Writer<Vec<u8>>,
}

impl Lines {
    fn put(&mut self, line: [&str; 4]) {
        self.writer.write_record(line).expect("writing into memory does not fail");
    }

    fn number(&mut self, metric: &str, of: &str, part: &str, count: usize) {
        self.put([metric, of, part, &count.to_string()]);
    }

    fn spread(&mut self, metric: &str, of: &str, spread: &Spread) {
        self.number(metric, of, "count", spread.count);
        for (part, millis) in [
            ("p50", spread.p50_ms),
            ("p90", spread.p90_ms),
            ("p95", spread.p95_ms),
            ("max", spread.max_ms),
            ("total", Some(spread.total_ms)),
        ] {
            let value = millis.map_or_else(String::new, |millis| (millis as f64 / 1000.0).to_string());
            self.put([metric, of, part, &value]);
        }
    }
}
