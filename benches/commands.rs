//! Times whole processes on trackers of 1,000, 10,000 and 100,000 issues, in turns with two floors:
//! `/bin/true` and `git rev-parse HEAD`. Prints a Markdown table; asserts nothing about time.
//!
//! `cargo bench --bench commands` runs it in full (some minutes), `-- --short` only shows that it runs,
//! `-- --size N` takes one size, `-- --make FOLDER SIZE` only makes a tracker, to look at with a profiler.
//! Set `TMPDIR` to choose the file system.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a program beside the product: it starts processes and prints"
)]

mod gating;
mod tracker;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tracker::{JIT, Tracker, jit};

/// What was timed, and how long each run took.
type Row = (String, Vec<Duration>);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| args.iter().position(|arg| arg == name).map(|at| &args[at + 1..]);
    if let Some([folder, size, ..]) = after("--make") {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        Tracker::make(Path::new(folder), size.parse().expect("--make FOLDER SIZE"));
        return;
    }
    let short = args.iter().any(|arg| arg == "--short");
    let one: Option<usize> = after("--size").map(|rest| rest[0].parse().expect("--size N"));
    let sizes = one.map_or_else(|| if short { vec![100] } else { vec![1_000, 10_000, 100_000] }, |size| vec![size]);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut columns: Vec<Vec<Row>> = Vec::new();
    for size in &sizes {
        let dir = folder.path().join(size.to_string());
        std::fs::create_dir(&dir).expect("a folder can be made");
        columns.push(time_size(&dir, *size, if short { 3 } else { 60 }));
    }
    print_table(&sizes, &mut columns);
}

fn time_size(dir: &Path, size: usize, runs: usize) -> Vec<Row> {
    let started = Instant::now();
    let tracker = Tracker::make(dir, size);
    eprintln!("{size} issues, made in {:.1} s", started.elapsed().as_secs_f64());
    let mut rows = time_commands(&tracker, runs);
    rows.extend(gating::time_gates(&tracker, runs));
    rows.extend(time_catching_up(&tracker, runs.div_ceil(6), "with the mirror's files"));
    tracker.set(&["mirror.enabled", "false"]);
    rows.extend(time_catching_up(&tracker, runs.div_ceil(6), "no mirror"));
    tracker.set(&["mirror.enabled", "true"]);
    rows.push(("from a change to the line of watch".to_owned(), time_watch(&tracker, runs)));
    rows.push(("first scan, no index: status".to_owned(), time_first_scan(&tracker, runs.div_ceil(12))));
    tracker.set(&["mirror.enabled", "false"]);
    let [applied, again] = time_apply(&tracker, runs.div_ceil(12));
    rows.push(("apply of 1,000 new issues, no mirror".to_owned(), applied));
    rows.push(("the same plan again".to_owned(), again));
    tracker.set(&["mirror.enabled", "true"]);
    rows.push(("import of as many, with mirror".to_owned(), vec![tracker.imported]));
    throughput(&tracker, if runs < 10 { 2 } else { 25 });
    tracker.print_sizes();
    rows
}

/// A line a row, with median and 95th percentile at each size.
fn print_table(sizes: &[usize], columns: &mut [Vec<Row>]) {
    let heads: String = sizes.iter().map(|size| format!(" {size}: median ms | p95 |")).collect();
    println!("\n| what |{heads}\n| --- |{}", " --- | --- |".repeat(sizes.len()));
    for row in 0..columns[0].len() {
        let mut line = format!("| {} |", columns[0][row].0);
        for column in &mut *columns {
            let times = &mut column[row].1;
            line.push_str(&format!(" {:.1} | {:.1} |", quantile(times, 0.5), quantile(times, 0.95)));
        }
        println!("{line}");
    }
}

/// Runs every command in turns, so that a noisy moment hits all alike.
fn time_commands(tracker: &Tracker, runs: usize) -> Vec<Row> {
    let dir = tracker.dir.as_path();
    let one = |args: &[&str]| jit(dir, args);
    let free = |n: usize| tracker.free[n % (tracker.free.len() / 2)].as_str();
    let claimed = |n: usize| tracker.free[tracker.free.len() - 1 - n % (tracker.free.len() / 4)].as_str();
    let waiting = |n: usize| tracker.waiting[n % tracker.waiting.len()].as_str();
    type Make<'a> = Box<dyn Fn(usize) -> Command + 'a>;
    let makes: Vec<(&str, Make<'_>)> = vec![
        ("/bin/true", Box::new(|_| Command::new("/bin/true"))),
        (
            "git rev-parse HEAD",
            Box::new(|_| {
                let mut command = Command::new("git");
                command.current_dir(dir).args(["rev-parse", "HEAD"]).stdout(Stdio::null());
                command
            }),
        ),
        ("issue create", Box::new(|n| one(&["issue", "create", &format!("timed {n}"), "--ready"]))),
        ("issue claim", Box::new(|n| one(&["issue", "claim", claimed(n), "bot:timed"]))),
        ("issue release", Box::new(|n| one(&["issue", "release", claimed(n)]))),
        ("issue update", Box::new(|n| one(&["issue", "update", free(n), "--label", &format!("l{n}")]))),
        ("dep add", Box::new(|n| one(&["dep", "add", free(n), waiting(n)]))),
        ("issue comment", Box::new(|n| one(&["issue", "comment", free(n), &format!("said {n}")]))),
        ("issue claim-next", Box::new(|_| one(&["issue", "claim-next", "bot:timed"]))),
        ("gate pass", Box::new(|n| one(&["gate", "pass", waiting(n), "review", "--note", &n.to_string()]))),
        ("issue show", Box::new(|n| one(&["issue", "show", free(n)]))),
        ("issue show --json", Box::new(|n| one(&["issue", "show", free(n), "--json"]))),
        ("issue log -n 10", Box::new(|n| one(&["issue", "log", waiting(n), "-n", "10"]))),
        ("events tail", Box::new(|_| one(&["events", "tail"]))),
        ("ready", Box::new(|_| one(&["ready", "-n", "50"]))),
        ("status", Box::new(|_| one(&["status"]))),
        ("issue list -n 50", Box::new(|_| one(&["issue", "list", "-n", "50"]))),
        ("search, three words", Box::new(|n| one(&["search", &format!("issue {n} benchmark")]))),
        ("search, a beginning", Box::new(|_| one(&["search", "know*"]))),
        ("log -n 50", Box::new(|_| one(&["log", "-n", "50"]))),
        ("blame", Box::new(|n| one(&["blame", waiting(n)]))),
        ("status --at, 8 changes ago", Box::new(|_| one(&["status", "--at", "refs/jit~8"]))),
        ("issue list --json", Box::new(|_| one(&["issue", "list", "--json"]))),
    ];
    let mut rows: Vec<Row> = makes.iter().map(|(what, _)| ((*what).to_owned(), Vec::new())).collect();
    for n in 0..runs {
        for ((_, make), (_, times)) in makes.iter().zip(&mut rows) {
            times.push(time(&mut make(n)));
        }
    }
    rows
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.status().expect("the program can be started");
    let time = start.elapsed();
    assert!(status.success(), "{command:?}");
    time
}

/// The first look after 100 changes that somebody else made.
fn time_catching_up(tracker: &Tracker, runs: usize, how: &str) -> Vec<Row> {
    let looks: [&[&str]; 3] = [&["ready", "-n", "50"], &["status"], &["issue", "list", "-n", "50"]];
    let mut rows: Vec<Row> =
        looks.iter().map(|look| (format!("{} after 100 foreign changes, {how}", look.join(" ")), Vec::new())).collect();
    for _ in 0..runs {
        for (at, look) in looks.iter().enumerate() {
            tracker.change(100);
            rows[at].1.push(time(&mut jit(&tracker.dir, look)));
        }
    }
    rows
}

/// Plans of 1,000 issues, each applied and applied again.
fn time_apply(tracker: &Tracker, runs: usize) -> [Vec<Duration>; 2] {
    let file = tracker.dir.join(".git/plan.json");
    let mut times = [Vec::new(), Vec::new()];
    for run in 0..runs {
        let issue = |n: usize| {
            let on = if n.is_multiple_of(10) { String::new() } else { format!("\"k{}\"", n - 1) };
            format!("{{\"key\":\"k{n}\",\"title\":\"Planned {n}\",\"depends_on\":[{on}],\"labels\":[\"area/plans\"]}}")
        };
        let issues: Vec<String> = (0..1000).map(issue).collect();
        let plan = format!("{{\"name\":\"p{run}\",\"issues\":[{}]}}", issues.join(","));
        std::fs::write(&file, plan).expect("a plan can be written");
        for times in &mut times {
            times.push(time(&mut jit(&tracker.dir, &["apply", ".git/plan.json"])));
        }
    }
    times
}

/// From the end of a process that changes something to the line that `jit watch` prints of it.
fn time_watch(tracker: &Tracker, runs: usize) -> Vec<Duration> {
    let mut watch = jit(&tracker.dir, &["watch", "--json"]).stdout(Stdio::piped()).spawn().expect("jit can be started");
    let mut lines = BufReader::new(watch.stdout.take().expect("stdout is piped")).lines();
    std::thread::sleep(Duration::from_millis(500));
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || while lines.next().is_some_and(|_| sender.send(Instant::now()).is_ok()) {});
    let times = (0..runs).map(|n| {
        time(&mut jit(&tracker.dir, &["issue", "create", &format!("watched {n}")]));
        let done = Instant::now();
        told.recv_timeout(Duration::from_secs(10)).expect("a line comes").saturating_duration_since(done)
    });
    let times = times.collect();
    watch.kill().expect("jit can be ended");
    let _ = watch.wait();
    times
}

fn time_first_scan(tracker: &Tracker, runs: usize) -> Vec<Duration> {
    let without_index = |_| {
        for file in ["index-1", "changes-1"] {
            let _ = std::fs::remove_file(tracker.dir.join(".git/jit").join(file));
        }
        time(&mut jit(&tracker.dir, &["status"]))
    };
    (0..runs).map(without_index).collect()
}

/// The value below which this part of the times lies, in milliseconds.
fn quantile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 - 1.0) * part).round() as usize;
    times[at].as_secs_f64() * 1000.0
}

/// 32 processes at once, each changing an issue of its own again and again.
fn throughput(tracker: &Tracker, changes: usize) {
    let dir = tracker.dir.as_path();
    tracker.tidy_again();
    let ids: Vec<String> = (0..32)
        .map(|n| {
            let output =
                Command::new(JIT).current_dir(dir).args(["-q", "issue", "create", &format!("own {n}")]).output();
            String::from_utf8(output.expect("jit can be started").stdout).expect("an id is text").trim().to_owned()
        })
        .collect();
    let start = Instant::now();
    let all: Vec<Vec<(Duration, bool)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = ids
            .iter()
            .map(|id| {
                scope.spawn(move || {
                    (0..changes)
                        .map(|n| {
                            let start = Instant::now();
                            let context = format!("k{n}=v");
                            let done = jit(dir, &["issue", "update", id, "--context", &context]).status();
                            (start.elapsed(), done.expect("jit can be started").success())
                        })
                        .collect()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let failed = all.iter().flatten().filter(|(_, done)| !done).count();
    let mut times: Vec<Duration> = all.into_iter().flatten().map(|(time, _)| time).collect();
    let rate = times.len() as f64 / elapsed;
    let high = quantile(&mut times, 0.95);
    let (size, all) = (tracker.size, times.len());
    println!("{size} issues, 32 processes at once: {rate:.0} changes/s, p95 {high:.0} ms, {failed} failed of {all}");
}
