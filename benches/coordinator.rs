//! Times a coordinator: how many tiny issues a second it gets through, and what it uses while it waits.
//!
//! `cargo bench --bench coordinator` runs it in full, `-- --short` only shows that it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a program beside the product: it starts processes and prints"
)]

mod tracker;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracker::jit;

fn main() {
    let short = std::env::args().any(|arg| arg == "--short");
    let (count, idle) = if short { (40, 1) } else { (1_000, 30) };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let dir = folder.path();
    git(dir, &["init", "--quiet"]);
    git(dir, &["config", "user.name", "Bench"]);
    git(dir, &["config", "user.email", "bench@example.org"]);
    git(dir, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    ok(&mut jit(dir, &["init"]));
    std::fs::write(dir.join("issues"), issues(count)).expect("a file can be written");
    ok(&mut jit(dir, &["import", "issues"]));
    let program = tracker::JIT;
    let agents: Vec<Value> = (1..=4)
        .map(|number| {
            let command = format!("'{program}' -q issue update --state done");
            json!({ "id": format!("w{number}"), "agent_type": "bot", "command": command, "max_concurrent": 4 })
        })
        .collect();
    let config = json!({ "agent_pool": agents });
    std::fs::write(dir.join(".jit/coordinator.json"), config.to_string()).expect("a file can be written");

    let begun = Instant::now();
    let started = read(&mut jit(dir, &["coordinator", "start", "--json"]));
    let pid = started["pid"].as_u64().expect("a process");
    while read(&mut jit(dir, &["status", "--json"]))["counts"]["done"].as_u64() < Some(count as u64) {
        assert!(begun.elapsed() < Duration::from_secs(600), "it never comes to an end");
        std::thread::sleep(Duration::from_millis(200));
    }
    let took = begun.elapsed().as_secs_f64();
    let log = git(dir, &["log", "--format=%s", "refs/jit"]);
    let used = used(pid);
    println!("\n{count} issues, 4 agents with 16 slots: {:.0} issues a second", count as f64 / took);
    println!(
        "the coordinator itself used {:.1} ms of processor an issue, {} changes in all",
        used.as_secs_f64() * 1000.0 / count as f64,
        log.lines().count()
    );
    std::thread::sleep(Duration::from_secs(2));
    let before = self::used(pid);
    std::thread::sleep(Duration::from_secs(idle));
    let waiting = self::used(pid) - before;
    println!("waiting, it used {:.2} % of one processor", waiting.as_secs_f64() * 100.0 / idle as f64);
    ok(&mut jit(dir, &["-q", "coordinator", "stop"]));
}

/// Issues that each wait for an earlier one: ten deep and a hundred wide, more or less.
fn issues(count: usize) -> String {
    let id = |number: usize| format!("{:08x}-0000-4000-8000-{number:012x}", number.wrapping_mul(0x9e37_79b9) as u32);
    let line = |number: usize| {
        let waits = if number < count / 10 { json!([]) } else { json!([id(number - count / 10)]) };
        json!({ "id": id(number), "title": format!("issue {number}"), "state": "ready", "dependencies": waits })
            .to_string()
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// The processor time of a process.
fn used(pid: u64) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').filter_map(|field| field.parse().ok()).collect();
    Duration::from_millis(fields.get(10..12).map_or(0, |ticks| ticks.iter().sum::<u64>() * 10))
}

fn read(command: &mut Command) -> Value {
    let output = command.stdout(std::process::Stdio::piped()).output().expect("jit can be started");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(dir).args(args).output().expect("git can be started");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints text")
}

fn ok(command: &mut Command) {
    assert!(command.status().expect("jit can be started").success(), "{command:?}");
}
