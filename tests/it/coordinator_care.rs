//! What must not happen to agents, configurations and claims, each found the hard way.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::{DONE, Pool, Repo, UNTIL_GO, until};

#[test]
fn what_may_be_secret_is_for_its_owner_alone() {
    let pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    pool.repo.ready("work");
    pool.start();
    pool.until_at_work(1);
    let mode = |path: &str| std::fs::metadata(pool.repo.path().join(path)).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(".git/jit-coordinator"), 0);
    assert_eq!(mode(".git/jit-coordinator/last-coordinator.json"), 0);
    // The claim stands a moment before the runner has made the log.
    let log = || std::fs::read_dir(pool.repo.path().join(".git/jit/agents/w")).ok()?.next()?.ok();
    until("there is a log", || log().is_some());
    assert_eq!(log().unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
    pool.go();
}

#[test]
fn a_copy_of_the_repository_leaves_the_agents_of_the_original_alone() {
    let pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    let id = pool.repo.ready("work");
    pool.start();
    pool.until_at_work(1);
    pool.repo.command("cp").args(["-a", ".", "../copy"]).status().unwrap();
    let copy = pool.repo.beside("copy");
    copy.jit(&["coordinator", "once"]).ok();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pool.told(&id, "issue.released").len(), 0);
    pool.go();
    until("it is done", || pool.count("done") == 1);
    pool.assert_quiet();
}

#[test]
fn an_agent_that_takes_its_issue_up_anew_may_finish_and_leaves_no_claim_behind() {
    for end in [DONE, "exit 0"] {
        let script = format!(
            "[ -e ../again ] && {{ {DONE}; exit; }}; touch ../again\njit issue release \"$1\"; JIT_CLAIM= jit issue claim \"$1\"; sleep 0.5; unset JIT_CLAIM; {end}"
        );
        let pool = Pool::new().agent("w", 1, &script);
        let id = pool.repo.ready("work");
        pool.start();
        until("it is done", || pool.repo.issue(&id)["state"] == "done");
        pool.assert_quiet();
    }
}

#[test]
fn an_agent_whose_log_cannot_be_written_lives_as_long_as_it_prints() {
    let script = format!("while [ ! -e ../go ]; do echo .; sleep 0.1; done; {DONE}");
    let pool = Pool::new().agent("w", 1, &script).rule("stall_timeout_minutes", json!(0.1));
    let id = pool.repo.ready("work");
    let folder = pool.repo.path().join(".git/jit/agents/w");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.join(format!("{}.log", &id[..8]))).unwrap();
    pool.start();
    until("it was renewed after that time", || pool.told(&id, "claim.renewed").len() >= 3);
    pool.go();
    until("it is done", || pool.count("done") == 1);
    assert_eq!(pool.told(&id, "agent.stalled").len(), 0);
}

#[test]
fn an_agent_without_its_token_is_ended_with_the_process_that_ran_it() {
    let pool = Pool::new();
    let file = pool.repo.outside().join("bare.sh");
    std::fs::write(&file, "[ -e \"$0.again\" ] && exit 1\ntouch \"$0.again\"\nexec sleep 630\n").unwrap();
    let mut pool = pool;
    pool.push(json!({ "id": "w", "agent_type": "bot", "command": format!("env -i /bin/sh {}", file.display()) }));
    let id = pool.repo.ready("work");
    pool.start();
    let asleep = || !pool.repo.command("pgrep").args(["-f", "sleep 630"]).output().unwrap().stdout.is_empty();
    until("it sleeps", asleep);
    let runner = pool.processes().into_iter().find(|(_, words)| words.contains("run-agent")).unwrap().0;
    pool.repo.command("kill").args(["-KILL", &runner.to_string()]).status().unwrap();
    until("it was given back", || !pool.told(&id, "issue.released").is_empty());
    until("and is gone", || !asleep());
}

#[test]
fn the_log_of_a_coordinator_goes_on() {
    let pool = Pool::new().agent("w", 1, "sleep 0.6; exit 1");
    let id = pool.repo.ready("work");
    pool.start();
    until("it was given up", || pool.repo.issue(&id)["state"] == "open");
    let log = pool.repo.read(".git/jit-coordinator/coordinator.log");
    assert_eq!(log.matches("the agent exited with 1").count(), 3, "{log}");
}

/// Holds the lock of the coordinator until it is dropped, as somebody else would.
fn locked(pool: &Pool) -> std::fs::File {
    let file = std::fs::File::open(pool.repo.path().join(".git/jit-coordinator/lock")).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn stop_ends_the_coordinator_and_nobody_else() {
    let pool = Pool::new().agent("w", 1, DONE);
    pool.repo.jit(&["coordinator", "once"]).ok();
    let mut stranger = pool.repo.command("sleep").arg("60").spawn().unwrap();
    let told = json!({ "pid": stranger.id(), "name": "coordinator:x", "since": "2026-01-31T09:00:00Z", "looked": true, "problems": [] });
    pool.repo.write(".git/jit-coordinator/daemon.json", told.to_string());
    let lock = locked(&pool);
    let free = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(1));
        drop(lock);
    });
    pool.repo.jit(&["coordinator", "stop"]).ok();
    free.join().unwrap();
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    // Nor is a pid that stands there taken for a coordinator that runs.
    assert!(pool.repo.out(&["coordinator", "status"]).starts_with("Status: Not running"));
}

#[test]
fn who_looks_takes_nothing_away_that_it_cannot_read() {
    let pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    let id = pool.repo.ready("work");
    pool.start();
    pool.until_at_work(1);
    pool.repo.jit(&["coordinator", "stop"]).ok();
    let record = pool.left().into_iter().find(|file| file.extension().is_some_and(|kind| kind == "json")).unwrap();
    let whole = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, whole.replace("\"words\"", "\"sentences\"")).unwrap();
    pool.repo.jit(&["coordinator", "status"]).ok();
    pool.start();
    // It has looked once: a start waits for that. It looks again and again.
    std::thread::sleep(Duration::from_millis(500));
    assert!(record.exists());
    assert_eq!(pool.told(&id, "issue.released").len(), 0, "its process lives");
    pool.go();
    until("it is done", || pool.count("done") == 1);
}

#[test]
fn locks_of_whoever_starts_a_coordinator_are_not_held_by_it() {
    let pool = Pool::new().agent("w", 1, UNTIL_GO);
    pool.repo.ready("work");
    for _ in 0..2 {
        pool.repo.command("flock").args(["--nonblock", "../lock", "jit", "coordinator", "once"]).status().unwrap();
    }
    pool.until_at_work(1);
    let free = pool.repo.command("flock").args(["--nonblock", "../lock", "true"]).status().unwrap();
    assert!(free.success());
    pool.go();
}

#[test]
fn a_checkout_that_is_moved_ends_its_coordinator_though_the_repository_stays() {
    let pool = Pool::new();
    let tree = pool.repo.worktree("second");
    std::fs::create_dir_all(tree.join(".jit")).unwrap();
    let config =
        json!({ "agent_pool": [{ "id": "w", "agent_type": "bot", "command": "true" }], "poll_interval_secs": 0.2 });
    std::fs::write(tree.join(".jit/coordinator.json"), config.to_string()).unwrap();
    let started = pool.repo.run_in(&tree, &["coordinator", "start", "--json"]).output().ok().json();
    pool.repo.git(&["worktree", "move", tree.to_str().unwrap(), "../third"]).ok();
    let process = format!("/proc/{}", started["pid"]);
    until("it has ended", || !Path::new(&process).exists());
    let moved = pool.repo.outside().join("third");
    pool.repo.run_in(&moved, &["coordinator", "start"]).output().ok();
    pool.repo.run_in(&moved, &["coordinator", "stop"]).output().ok();
}

#[test]
fn a_whole_log_is_shown_when_it_is_asked_for() {
    let pool = Pool::new().agent("w", 1, &format!("seq 1 700000; {DONE}"));
    pool.repo.ready("work");
    pool.start();
    until("it is done", || pool.count("done") == 1);
    until("it is written", || pool.processes().is_empty());
    let log = pool.repo.out(&["coordinator", "logs", "w", "-n", "0"]);
    assert!(log.contains("\n1\n2\n") && log.lines().count() > 700_000);
    let tail = pool.repo.out(&["coordinator", "logs", "w", "-n", "650000"]);
    assert_eq!(tail.lines().count(), 650_000);
}

#[test]
fn a_worktree_is_not_taken_from_under_an_agent() {
    let pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}")).with("worktree", json!(true));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is at work", || pool.repo.jit(&["coordinator", "logs", &id]).stdout.contains("\n.\n"));
    let refused = pool.repo.jit(&["worktree", "rm", &id, "--json"]).code(4);
    assert_eq!(refused.error_code(), "worktree_in_use");
    pool.go();
    until("it is done", || pool.count("done") == 1);
    pool.assert_quiet();
}

#[test]
fn a_worktree_is_gone_on_with_wherever_it_is_and_whatever_is_checked_out() {
    let script = format!(
        "[ -e ../../again ] && {{ git branch --show-current >> ../../branches; {DONE}; exit; }}; touch ../../again; git switch --quiet -c feature; exit 1"
    );
    let pool = Pool::new().agent("w", 1, &script).with("worktree", json!(true));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is done", || pool.repo.issue(&id)["state"] == "done");
    let branches = std::fs::read_to_string(pool.repo.outside().join("branches")).unwrap();
    assert_eq!(branches, "feature\n");
    pool.assert_quiet();
}

#[test]
fn a_worktree_that_was_cut_off_while_it_was_made_is_made_anew() {
    let pool = Pool::new().agent("w", 1, &format!("git status --porcelain > ../../status; {DONE}"));
    let pool = pool.with("worktree", json!(true));
    let id = pool.repo.ready("work");
    let path = PathOf::of(&pool, &id);
    pool.repo.git(&["worktree", "add", "--quiet", "-b", &format!("jit/{}", &id[..8]), &path]).ok();
    // As a kill in the middle of the checkout leaves it.
    std::fs::remove_file(Path::new(&path).join("README")).unwrap();
    let admin = pool.repo.path().join(".git/worktrees").join(&id[..8]);
    std::fs::write(admin.join("locked"), "initializing").unwrap();
    std::fs::write(admin.join("index.lock"), "").unwrap();
    pool.start();
    until("it is done", || pool.repo.issue(&id)["state"] == "done");
    assert_eq!(std::fs::read_to_string(pool.repo.outside().join("status")).unwrap(), "");
    pool.assert_quiet();
}

/// Where the worktree of an issue will stand.
struct PathOf;

impl PathOf {
    fn of(pool: &Pool, id: &str) -> String {
        let top = pool.repo.outside().canonicalize().unwrap();
        top.join("work-worktrees").join(&id[..8]).display().to_string()
    }
}

#[test]
fn agents_are_ended_though_somebody_else_had_the_place_meanwhile() {
    let pool = Pool::new().agent("w", 1, UNTIL_GO);
    let id = pool.repo.ready("work");
    pool.repo.jit(&["coordinator", "once"]).ok();
    pool.until_at_work(1);
    let lock = locked(&pool);
    let free = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(1));
        drop(lock);
    });
    let stopped = pool.repo.jit(&["coordinator", "stop", "--kill-agents", "--json"]).ok().json();
    free.join().unwrap();
    assert_eq!(stopped["agents_ended"], 1);
    assert_eq!(pool.repo.issue(&id)["state"], "ready");
    until("all are gone", || pool.processes().is_empty());
}

#[test]
fn single_rounds_notice_a_silent_agent_too() {
    let pool = Pool::new().agent("w", 1, "sleep 650").rule("stall_timeout_minutes", json!(0.02));
    let id = pool.repo.ready("work");
    until("it was ended", || {
        pool.repo.jit(&["coordinator", "once"]).ok();
        std::thread::sleep(Duration::from_millis(300));
        !pool.told(&id, "agent.stalled").is_empty()
    });
}

#[test]
fn an_agent_that_lives_hides_no_other_claim_of_its_name() {
    let repo = Repo::git_only();
    let then = |args: &[&str]| repo.run(args).env("JIT_CLOCK", "2026-01-31T09:00:00Z").output().ok().text();
    then(&["init"]);
    let left = then(&["issue", "create", "left alone", "--ready"]);
    then(&["issue", "claim", &left, "bot:w", "--ttl", "10m"]);
    let pool = Pool::of(repo).agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    pool.repo.ready("work");
    pool.start();
    until("the other claim has ended", || pool.told(&left, "agent.stalled").len() == 1);
    pool.go();
    until("both are done", || pool.count("done") == 2);
}

#[test]
fn the_path_of_an_agent_is_its_own_affair() {
    let pool = Pool::new();
    let file = pool.repo.outside().join("bare.sh");
    std::fs::write(&file, "exit 9\n").unwrap();
    let mut pool = pool;
    let command = format!("/bin/sh {}", file.display());
    pool.push(json!({ "id": "w", "agent_type": "bot", "command": command, "env": { "PATH": "/nowhere" } }));
    let id = pool.repo.ready("work");
    pool.start();
    until("it was given back", || !pool.told(&id, "issue.released").is_empty());
    assert_eq!(pool.told(&id, "issue.released")[0]["data"]["reason"], "the agent exited with 9");
}
