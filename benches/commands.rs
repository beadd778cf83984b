//! Times whole processes on trackers of 1,000 and 10,000 issues, next to two floors: `/bin/true` and
//! `git rev-parse HEAD`. Prints a table; asserts nothing.
//!
//! `cargo bench --bench commands` runs it in full, `cargo bench --bench commands -- --short` only shows
//! that it runs, `-- --make FOLDER SIZE` only makes a tracker, to look at with a profiler. Set `TMPDIR`
//! to choose the file system.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a program beside the product: it starts processes and prints"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jit::domain::draft::Context;
use jit::domain::id::{IdPrefix, IssueId};
use jit::domain::ops;
use jit::domain::state::Priority;
use jit::environment::{RandomIds, system_clock};
use jit::store::git::GitStore;
use jit::store::transact::{Request, transact};

const JIT: &str = env!("CARGO_BIN_EXE_jit");

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == "--make") {
        let size = args[at + 2].parse().expect("--make FOLDER SIZE");
        std::fs::create_dir_all(&args[at + 1]).expect("a folder can be made");
        make_tracker(Path::new(&args[at + 1]), size);
        return;
    }
    let short = args.iter().any(|arg| arg == "--short");
    let (sizes, runs): (&[usize], usize) = if short { (&[100], 5) } else { (&[1_000, 10_000], 60) };
    println!("| what | issues | median ms | p95 ms |\n| --- | --- | --- | --- |");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for size in sizes {
        let dir = folder.path().join(size.to_string());
        std::fs::create_dir(&dir).expect("a folder can be made");
        let ids = make_tracker(&dir, *size);
        time_commands(&dir, *size, &ids, runs);
    }
    let size = sizes[0];
    throughput(&folder.path().join(size.to_string()), if short { 3 } else { 25 });
}

fn git(dir: &Path, args: &[&str]) {
    let status = Command::new("git").current_dir(dir).args(args).status().expect("git can be started");
    assert!(status.success(), "git {args:?}");
}

fn jit(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(JIT);
    command.current_dir(dir).args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A packed tracker with its mirror: 1.5 dependencies an issue, a third finished, a gate on every second.
fn make_tracker(dir: &Path, size: usize) -> Vec<IssueId> {
    git(dir, &["init", "--quiet"]);
    git(dir, &["config", "user.name", "Bench"]);
    git(dir, &["config", "user.email", "bench@example.org"]);
    git(dir, &["config", "gc.auto", "0"]);
    git(dir, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    assert!(jit(dir, &["init"]).status().expect("jit can be started").success());
    let store = GitStore::open(dir, None).expect("the repository opens");
    let mut made: Vec<IssueId> = Vec::with_capacity(size);
    while made.len() < size {
        let now = system_clock();
        let context = Context {
            actor: "human:bench".parse().expect("a valid actor"),
            named: false,
            token: None,
            force: false,
            host: None,
            worktree: None,
            op_id: None,
            clock: now,
            now,
        };
        let author = ("Bench".to_owned(), "bench@example.org".to_owned());
        let request = Request { command: "bench", words: "bench", context, author, clock: &system_clock };
        let known = made.clone();
        let change = transact(&store, &request, &mut RandomIds::default(), |draft| {
            let mut ids = Vec::new();
            for n in known.len()..(known.len() + 500).min(size) {
                ids.push(make_issue(draft, n, &known)?);
            }
            Ok(ids)
        });
        made.extend(change.map_err(|_| "a change was refused").expect("issues can be made").subjects);
    }
    git(dir, &["gc", "--quiet"]);
    assert!(jit(dir, &["status"]).status().expect("jit can be started").success());
    made
}

fn make_issue(
    draft: &mut jit::domain::draft::Draft<'_>,
    n: usize,
    known: &[IssueId],
) -> jit::domain::refusal::Decision<IssueId> {
    let finished = n.is_multiple_of(3);
    let depends_on: Vec<IdPrefix> = (0..n % 4)
        .filter_map(|k| known.get((n * 7 + k * 13) % known.len().max(1)))
        .copied()
        .map(IdPrefix::from)
        .collect();
    let create = ops::issue::Create {
        title: format!("Issue number {n} of the benchmark").parse().expect("a valid title"),
        description: "What is to be done, why, and how one knows that it is. ".repeat(5),
        priority: Priority::ALL[n % 4],
        gates: if !finished && n.is_multiple_of(2) { ["unit-tests".parse().expect("a key")].into() } else { [].into() },
        labels: [format!("area/{}", n % 20).parse().expect("a label")].into(),
        depends_on: if finished { Vec::new() } else { depends_on },
        blocks: Vec::new(),
        ready: true,
        context: [].into(),
    };
    let id = ops::issue::create(draft, &create)?;
    if finished {
        let update = ops::issue::Update {
            edit: jit::domain::event::Edit::default(),
            state: Some(jit::domain::state::State::Done),
        };
        ops::issue::update(draft, &[id.into()], &update, &ops::state::Finish::default())?;
    }
    Ok(id)
}

/// Runs every command in turns, so that a noisy moment hits all alike.
fn time_commands(dir: &Path, size: usize, ids: &[IssueId], runs: usize) {
    // Every fourth issue waits for nothing, every third is finished.
    let unfinished = |n: &usize| !n.is_multiple_of(3);
    let text = |n: usize| ids[n].to_string();
    let free: Vec<String> = (0..size).step_by(4).filter(unfinished).map(text).collect();
    let waiting: Vec<String> = (1..size).step_by(4).filter(unfinished).map(text).collect();
    let some = |n: usize| free[free.len() / 2 + n % (free.len() / 4)].clone();
    type Make<'a> = Box<dyn Fn(usize) -> Command + 'a>;
    let one = |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        jit(dir, &args)
    };
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let mut rows: Vec<(&str, Make<'_>, Vec<Duration>)> = vec![
        ("/bin/true", Box::new(|_| Command::new("/bin/true")), Vec::new()),
        (
            "git rev-parse HEAD",
            Box::new(|_| {
                let mut command = Command::new("git");
                command.current_dir(dir).args(["rev-parse", "HEAD"]).stdout(Stdio::null());
                command
            }),
            Vec::new(),
        ),
        ("issue create", Box::new(|n| one(words(&["issue", "create", &format!("timed {n}"), "--ready"]))), Vec::new()),
        (
            "issue update",
            Box::new(|n| one(words(&["issue", "update", &some(n), "--label", &format!("l{n}")]))),
            Vec::new(),
        ),
        ("issue claim-next", Box::new(|_| one(words(&["issue", "claim-next", "bot:timed"]))), Vec::new()),
        (
            "issue claim",
            Box::new(|n| one(words(&["issue", "claim", &free[free.len() - 1 - n % (free.len() / 4)], "bot:timed"]))),
            Vec::new(),
        ),
        (
            "issue release",
            Box::new(|n| one(words(&["issue", "release", &free[free.len() - 1 - n % (free.len() / 4)]]))),
            Vec::new(),
        ),
        ("issue comment", Box::new(|n| one(words(&["issue", "comment", &some(n), &format!("said {n}")]))), Vec::new()),
        (
            "gate add",
            Box::new(|n| one(words(&["gate", "add", &waiting[n % waiting.len()], "review", "security-scan"]))),
            Vec::new(),
        ),
        (
            "gate pass",
            Box::new(|n| {
                one(words(&["gate", "pass", &waiting[n % waiting.len()], "review", "--note", &n.to_string()]))
            }),
            Vec::new(),
        ),
        ("dep add", Box::new(|n| one(words(&["dep", "add", &some(n), &waiting[n % waiting.len()]]))), Vec::new()),
        ("issue show --json", Box::new(|n| one(words(&["issue", "show", &some(n), "--json"]))), Vec::new()),
        ("issue show", Box::new(|n| one(words(&["issue", "show", &some(n)]))), Vec::new()),
        ("events tail", Box::new(|_| one(words(&["events", "tail"]))), Vec::new()),
        ("ready", Box::new(|_| one(words(&["ready"]))), Vec::new()),
        ("status", Box::new(|_| one(words(&["status"]))), Vec::new()),
        ("issue list --json", Box::new(|_| one(words(&["issue", "list", "--json"]))), Vec::new()),
    ];
    for n in 0..runs {
        for (_, make, times) in &mut rows {
            let mut command = make(n);
            let start = Instant::now();
            let status = command.status().expect("the program can be started");
            times.push(start.elapsed());
            assert!(status.success(), "{command:?}");
        }
    }
    for (what, _, times) in &mut rows {
        let (median, high) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("| {what} | {size} | {median:.2} | {high:.2} |");
    }
}

/// The value below which this part of the times lies, in milliseconds.
fn quantile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 - 1.0) * part).round() as usize;
    times[at].as_secs_f64() * 1000.0
}

/// 32 processes at once, each changing an issue of its own again and again.
fn throughput(dir: &Path, changes: usize) {
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
    println!("\n32 processes at once: {rate:.0} changes/s, p95 {high:.0} ms, {failed} failed of {}", times.len());
}
