//! Metrics: figures that can be reckoned by hand, in every format.

use openmetrics_parser::openmetrics::parse_openmetrics;
use serde_json::{Value, json};

use crate::support::{Output, Repo};

fn at(repo: &Repo, time: &str, args: &[&str]) -> Output {
    repo.run(args).env("JIT_CLOCK", format!("2030-01-{time}:00Z")).output().ok()
}

const NOW: &str = "11T00:00";

/// Ten days of work by two agents on four issues, with times that are easy to add up.
fn worked() -> Repo {
    let repo = Repo::git_only();
    at(&repo, "01T00:00", &["init"]);
    at(&repo, "01T00:00", &["gate", "define", "check", "--title", "Check", "--command", "true"]);
    let make = |time: &str, title: &str, more: &[&str]| {
        at(&repo, time, &[&["issue", "create", title, "--ready"], more].concat()).text()
    };
    // Made on the 1st, claimed on the 2nd, done on the 3rd: lead 48 h, cycle 24 h.
    let a = make("01T00:00", "a", &["-g", "check"]);
    // Waits for a: blocked 48 h of it. Made on the 1st, claimed on the 4th, done on the 4th at 12: lead 84 h, cycle 12 h.
    let b = make("01T00:00", "b", &["--depends-on", &a]);
    at(&repo, "02T00:00", &["issue", "claim", &a, "x:1"]);
    repo.run(&["gate", "run", &a]).env("JIT_CLOCK", "2030-01-02T12:00:00Z").output().ok();
    at(&repo, "03T00:00", &["issue", "update", &a, "--state", "done"]);
    at(&repo, "04T00:00", &["issue", "claim", &b, "x:2"]);
    at(&repo, "04T12:00", &["issue", "update", &b, "--state", "done"]);
    let c = make("05T00:00", "c", &[]);
    make("06T00:00", "d", &["--depends-on", &c]);
    at(&repo, "07T00:00", &["issue", "claim", &c, "x:1"]);
    at(&repo, "08T00:00", &["issue", "release", &c, "--outcome", "failed"]);
    at(&repo, "09T00:00", &["issue", "claim", &c, "x:\"2\",z"]);
    repo
}

fn metrics(repo: &Repo, args: &[&str]) -> Value {
    at(repo, NOW, &[&["metrics", "--json"], args].concat()).json()
}

const HOUR: u64 = 3_600_000;

#[test]
fn the_figures_are_those_that_can_be_reckoned_by_hand() {
    let repo = worked();
    let m = metrics(&repo, &[]);
    assert_eq!((&m["since"], &m["days"]), (&json!("2030-01-01T00:00:00.000Z"), &json!(10.0)));
    assert_eq!((&m["created"], &m["completed"], &m["rejected"]), (&json!(4), &json!(2), &json!(0)));
    assert_eq!(m["throughput_per_day"], 0.2);
    let near = |spread: &Value, part: &str, hours: u64| {
        // Each commit is a millisecond after the one before it at least.
        let millis = spread[part].as_u64().unwrap();
        assert!(millis.abs_diff(hours * HOUR) < 1000, "{part}: {millis} is not {hours} h");
    };
    assert_eq!(m["lead_time"]["count"], 2);
    near(&m["lead_time"], "p50_ms", 48);
    near(&m["lead_time"], "max_ms", 84);
    near(&m["cycle_time"], "p50_ms", 12);
    near(&m["cycle_time"], "p95_ms", 24);
    near(&m["blocked_time"], "max_ms", 48);
    near(&m["blocked_time"], "total_ms", 48);
    assert_eq!(m["claims"]["made"], 4);
    assert_eq!((&m["claims"]["released"], &m["claims"]["lost"]), (&json!(1), &json!(0)));
    let gate = &m["gates"][0];
    assert_eq!((&gate["gate"], &gate["passed"], &gate["pass_rate"]), (&json!("check"), &json!(1), &json!(1.0)));
    assert_eq!(gate["duration"]["count"], 1);
    let agents = m["agents"].as_array().unwrap();
    let agent = |name: &str| agents.iter().find(|agent| agent["agent"] == name).unwrap();
    let first = agent("x:1");
    assert_eq!((&first["claimed"], &first["completed"], &first["failed"]), (&json!(2), &json!(1), &json!(1)));
    near(first, "held_ms", 48);
    assert!((first["load"].as_f64().unwrap() - 0.2).abs() < 1e-4);
    let last = agent("x:\"2\",z");
    assert_eq!(last["holding"], 1);
    near(last, "held_ms", 48);
    assert_eq!((&m["issues"]["done"], &m["issues"]["blocked"]), (&json!(2), &json!(1)));
}

#[test]
fn a_stretch_that_begins_in_the_midst_of_work_knows_what_came_before() {
    let repo = worked();
    let m = metrics(&repo, &["--since", "2030-01-04T06:00:00Z"]);
    assert_eq!((&m["completed"], &m["created"]), (&json!(1), &json!(2)));
    assert!(m["lead_time"]["max_ms"].as_u64().unwrap().abs_diff(84 * HOUR) < 1000, "{m}");
    assert!(m["cycle_time"]["max_ms"].as_u64().unwrap().abs_diff(12 * HOUR) < 1000);
    assert!(m["blocked_time"]["max_ms"].as_u64().unwrap().abs_diff(48 * HOUR) < 1000);
    let agents = m["agents"].as_array().unwrap();
    let second =
        agents.iter().find(|agent| agent["agent"] == "x:2").or_else(|| agents.iter().find(|a| a["completed"] == 1));
    assert!(second.unwrap()["held_ms"].as_u64().unwrap().abs_diff(6 * HOUR) < 1000, "held since the stretch began");
    let then = metrics(&repo, &["--at", "2030-01-05T12:00:00Z"]);
    assert_eq!((&then["created"], &then["completed"]), (&json!(3), &json!(2)));
    at(&repo, NOW, &["metrics"]);
    repo.jit(&["metrics", "--since", "soon"]).code(2);
    repo.jit(&["metrics", "--format", "xml"]).code(2);
}

#[test]
fn a_parser_of_openmetrics_reads_the_figures() {
    let repo = worked();
    let text = at(&repo, NOW, &["metrics", "--format", "prometheus"]).stdout;
    let exposition = parse_openmetrics(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let value = |family: &str, labels: &[(&str, &str)]| {
        let family = exposition.families.get(family).unwrap_or_else(|| panic!("no {family} in\n{text}"));
        let wanted: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
        let names = family.get_label_names().to_vec();
        let sample = family.iter_samples().find(|sample| {
            labels.iter().all(|(name, value)| {
                let at = names.iter().position(|known| known == name).expect("a label");
                sample.get_labelset().unwrap().iter().nth(at).unwrap().1 == *value
            })
        });
        let sample = sample.unwrap_or_else(|| panic!("no {wanted:?}"));
        format!("{:?}", sample.value)
    };
    assert!(value("jit_issues", &[("state", "done")]).contains('2'));
    assert!(value("jit_agent_issues", &[("agent", "x:\"2\",z"), ("what", "holding")]).contains('1'));
    assert!(value("jit_lead_time_seconds", &[("quantile", "0.5")]).contains("17279"));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn csv_is_a_line_a_figure_with_everything_quoted_that_must_be() {
    let repo = worked();
    let text = at(&repo, NOW, &["metrics", "--format", "csv"]).stdout;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["metric", "of", "part", "value"]);
    let lines: Vec<Vec<String>> =
        reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect();
    let has = |line: [&str; 4]| lines.iter().any(|known| known == &line);
    assert!(has(["issues", "done", "", "2"]) && has(["agent_issues", "x:\"2\",z", "holding", "1"]), "{text}");
    assert!(has(["gate_verdicts", "check", "passed", "1"]) && has(["completed", "", "", "2"]), "{text}");
}

#[test]
fn people_get_tables_and_an_empty_tracker_has_figures_too() {
    let repo = worked();
    let text = at(&repo, NOW, &["metrics"]).stdout;
    for line in ["created 4  done 2  rejected 0  throughput 0.2 a day", "lead     2      1d   3d   3d   3d", "x:1"] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let empty = Repo::new();
    let m = empty.jit(&["metrics", "--json"]).ok().json();
    assert_eq!((&m["lead_time"]["p50_ms"], &m["agents"]), (&Value::Null, &json!([])));
    for format in ["json", "csv", "prometheus"] {
        empty.jit(&["metrics", "--format", format]).ok();
    }
    let text = empty.jit(&["metrics", "--format", "prometheus"]).ok().stdout;
    parse_openmetrics(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
}

#[test]
fn lost_claims_are_counted() {
    let fleet = crate::support::Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let id = one.ready("wanted");
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    one.jit_as("x:1", &["issue", "claim", &id, "--local"]).ok();
    two.jit_as("x:2", &["issue", "claim", &id, "--local"]).ok();
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    let m = two.jit(&["metrics", "--json"]).ok().json();
    assert_eq!(m["claims"]["lost"], 1);
    assert_eq!(m["agents"].as_array().unwrap().iter().filter(|agent| agent["lost"] == 1).count(), 1);
}

#[test]
fn the_end_of_the_stretch_is_the_time_that_is_asked_for_and_holders_are_known_from_before() {
    let repo = worked();
    let m = metrics(&repo, &["--since", "2030-01-03T12:00:00Z", "--at", "2030-01-06T12:00:00Z"]);
    assert_eq!((&m["until"], &m["days"]), (&json!("2030-01-06T12:00:00.000Z"), &json!(3.0)));
    at_fails(&repo, &["metrics", "--since", "2030-01-06", "--at", "2030-01-05"]);
    // Claimed before the stretch by one, finished in it by another: the load is the holder's.
    let id = at(&repo, "11T00:00", &["issue", "create", "e", "--ready"]).text();
    at(&repo, "11T00:00", &["issue", "claim", &id, "x:holder"]);
    at(&repo, "12T00:00", &["issue", "reject", &id, "--reason", "no"]);
    let m = at(&repo, "13T00:00", &["metrics", "--since", "2030-01-11T12:00:00Z", "--json"]).json();
    let holder = m["agents"].as_array().unwrap().iter().find(|agent| agent["agent"] == "x:holder").unwrap();
    assert!(holder["held_ms"].as_u64().unwrap().abs_diff(12 * HOUR) < 1000, "{holder}");
}

fn at_fails(repo: &Repo, args: &[&str]) {
    repo.run(args).env("JIT_CLOCK", "2030-01-20T00:00:00Z").output().code(2);
}
