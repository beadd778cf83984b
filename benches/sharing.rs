//! Times what clones do with a hub over a path: syncs, merges, claims. Prints a Markdown table; asserts nothing about
//! time.
//!
//! `cargo bench --bench sharing` runs it in full, `-- --short` only shows that it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a program beside the product: it starts processes and prints"
)]

mod tracker;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jit::store::Backend;
use jit::store::git::GitStore;
use jit::store::merge::join;
use tracker::{Tracker, change, jit};

fn main() {
    let short = std::env::args().any(|arg| arg == "--short");
    let (size, runs, claims) = if short { (200, 3, 2) } else { (10_000, 30, 10) };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let dir = folder.path().join("first");
    std::fs::create_dir(&dir).expect("a folder can be made");
    let tracker = Tracker::make(&dir, size);
    let hub = folder.path().join("hub.git");
    git(&dir, &["init", "--quiet", "--bare", text(&hub)]);
    git(&dir, &["remote", "add", "origin", text(&hub)]);
    ok(&mut jit(&dir, &["sync"]));
    let clones: Vec<PathBuf> = (0..16).map(|n| clone(folder.path(), &hub, n)).collect();

    let mut rows: Vec<(String, Vec<Duration>)> = Vec::new();
    let nothing = |_| time(&mut jit(&dir, &["sync"]));
    rows.push((format!("sync with nothing new, {size} issues"), (0..runs).map(nothing).collect()));
    let one = |n: usize| {
        ok(&mut jit(&dir, &["-q", "issue", "create", &format!("timed {n}")]));
        time(&mut jit(&dir, &["sync"]))
    };
    rows.push(("sync that pushes one change".to_owned(), (0..runs).map(one).collect()));
    let other = |n: usize| {
        ok(&mut jit(&dir, &["-q", "issue", "create", &format!("more {n}")]));
        ok(&mut jit(&dir, &["sync"]));
        time(&mut jit(&clones[0], &["sync"]))
    };
    rows.push(("sync that fetches some changes".to_owned(), (0..runs).map(other).collect()));
    rows.extend(merges(&tracker, runs.div_ceil(3)));
    claim_rate(&dir, &clones, claims);

    println!("\n| what | median ms | p95 |\n| --- | --- | --- |");
    for (what, times) in &mut rows {
        times.sort_unstable();
        let at = |part: f64| times[((times.len() as f64 - 1.0) * part).round() as usize].as_secs_f64() * 1000.0;
        println!("| {what} | {:.1} | {:.1} |", at(0.5), at(0.95));
    }
}

/// Merges of histories with a hundred changes on each side: to issues of their own, and to the same.
fn merges(tracker: &Tracker, runs: usize) -> Vec<(String, Vec<Duration>)> {
    let mut rows = Vec::new();
    for (what, apart) in [("others", tracker.ids.len() / 2), ("the same", 0)] {
        let mut thought = Vec::new();
        let mut whole = Vec::new();
        for run in 0..runs {
            let base = tip(&tracker.dir);
            let sides: Vec<String> = [0, 1]
                .into_iter()
                .map(|side| {
                    git(&tracker.dir, &["update-ref", "refs/jit", &base]);
                    let store = GitStore::open(&tracker.dir, None).expect("the repository opens");
                    for n in 0..100 {
                        let at = (run * 100 + n + side * apart) % tracker.ids.len();
                        change(&store, tracker.ids[at], &format!("{what} {run} {side} {n}"));
                    }
                    tip(&tracker.dir)
                })
                .collect();
            let start = Instant::now();
            let store = GitStore::open(&tracker.dir, None).expect("the repository opens");
            let ids = sides.iter().map(|id| jit::store::CommitId(id.clone())).collect::<Vec<_>>();
            let joined = join(&store, &ids[0], &ids[1]).expect("they can be joined");
            store.write(joined.commit()).map(drop).expect("it can be written");
            thought.push(start.elapsed());
            whole.push(time(&mut jit(&tracker.dir, &["merge", &sides[0]])));
        }
        rows.push((format!("merge of 100 changes with 100 to {what}, in process"), thought));
        rows.push((format!("jit merge of the same, looked at first, with mirror ({what})"), whole));
    }
    rows
}

/// Sixteen clones, each claiming one issue after another on the hub.
fn claim_rate(dir: &Path, clones: &[PathBuf], each: usize) {
    for n in 0..clones.len() * each {
        ok(&mut jit(dir, &["-q", "issue", "create", &format!("to claim {n}"), "--ready", "--priority", "critical"]));
    }
    ok(&mut jit(dir, &["sync"]));
    clones.iter().for_each(|clone| ok(&mut jit(clone, &["sync"])));
    let start = Instant::now();
    let mut times: Vec<(Duration, bool)> = std::thread::scope(|scope| {
        let workers: Vec<_> = clones
            .iter()
            .enumerate()
            .map(|(n, clone)| {
                scope.spawn(move || {
                    let claim = || {
                        let start = Instant::now();
                        let agent = format!("bot:{n}");
                        let done = jit(clone, &["issue", "claim-next", "--sync", &agent]).status();
                        (start.elapsed(), done.expect("jit can be started").success())
                    };
                    (0..each).map(|_| claim()).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let won = times.iter().filter(|(_, done)| *done).count();
    let high = times[(times.len() - 1) * 95 / 100].0.as_millis();
    let (count, rate) = (clones.len(), won as f64 / elapsed);
    println!("{count} clones, claim-next --sync: {rate:.1} claims/s, p95 {high} ms, {won} of {} won", times.len());
}

fn clone(folder: &Path, hub: &Path, n: usize) -> PathBuf {
    let dir = folder.join(format!("clone-{n}"));
    git(folder, &["init", "--quiet", text(&dir)]);
    git(&dir, &["config", "user.name", "Bench"]);
    git(&dir, &["config", "user.email", "bench@example.org"]);
    git(&dir, &["config", "gc.auto", "0"]);
    git(&dir, &["remote", "add", "origin", text(hub)]);
    ok(&mut jit(&dir, &["init"]));
    dir
}

fn tip(dir: &Path) -> String {
    git(dir, &["rev-parse", "refs/jit"]).trim().to_owned()
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(dir).args(args).output().expect("git can be started");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn ok(command: &mut Command) {
    assert!(command.status().expect("jit can be started").success(), "{command:?}");
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    ok(command);
    start.elapsed()
}
