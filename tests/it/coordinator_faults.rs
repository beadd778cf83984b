//! A coordinator when things go wrong around it.

use std::process::Stdio;

use serde_json::json;

use crate::support::{DONE, Pool, Repo, UNTIL_GO, until};

#[test]
fn a_sample_configuration_is_written_once() {
    let repo = Repo::new();
    repo.jit(&["coordinator", "init-config"]).ok();
    let config: serde_json::Value = serde_json::from_str(&repo.read(".jit/coordinator.json")).unwrap();
    assert_eq!(config["agent_pool"].as_array().map(Vec::len), Some(2));
    repo.write(".jit/coordinator.json", "mine");
    let refused = repo.jit(&["coordinator", "init-config", "--json"]).code(6);
    assert_eq!(refused.error_code(), "config_exists");
    let way_out = refused.json()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(!way_out.contains("--force"), "what is there is not written over: {way_out}");
    assert_eq!(repo.read(".jit/coordinator.json"), "mine");
    repo.jit(&["coordinator", "init-config", "--force"]).ok();
    assert_ne!(repo.read(".jit/coordinator.json"), "mine");
}

#[test]
fn a_coordinator_without_a_usable_configuration_says_what_is_missing() {
    let repo = Repo::new();
    assert_eq!(repo.jit(&["coordinator", "start", "--json"]).code(3).error_code(), "no_config");
    repo.write(".jit/coordinator.json", "{\"agent_pool\": [],\n \"colour\": 1}");
    let refused = repo.jit(&["coordinator", "start", "--json"]).code(2);
    assert_eq!(refused.error_code(), "invalid_config");
    assert!(refused.stderr.contains("coordinator.json, line 1: agent_pool: there is no agent"), "{refused:#?}");
    assert!(repo.out(&["coordinator", "status"]).contains("Status: Not running"));
    let without = Repo::git_only();
    for command in ["init-config", "start", "once"] {
        assert_eq!(without.jit(&["coordinator", command, "--json"]).code(3).error_code(), "not_initialised");
    }
    assert_eq!(without.git(&["status", "--short"]).text(), "", "nothing is left for git to see");
}

#[test]
fn a_configuration_that_came_with_a_commit_runs_nothing() {
    let pool = Pool::new().agent("w", 1, "touch ../pwned");
    pool.repo.git(&["add", "--force", ".jit/coordinator.json"]).ok();
    pool.repo.git(&["commit", "--quiet", "-m", "here you are"]).ok();
    pool.repo.ready("work");
    for command in ["start", "once"] {
        let refused = pool.repo.jit(&["coordinator", command, "--json"]).code(4);
        assert_eq!(refused.error_code(), "config_not_local");
    }
    assert!(!pool.repo.outside().join("pwned").exists());
}

#[test]
fn an_edited_configuration_is_picked_up_or_refused_with_its_reason() {
    let pool = Pool::new().agent("w", 1, DONE).with("labels", json!(["none"]));
    let id = pool.repo.ready("work");
    pool.start();
    let good = pool.repo.read(".jit/coordinator.json");
    pool.repo.write(".jit/coordinator.json", good.replace("\"max_concurrent\": 1", "\"max_concurrent\": 0"));
    until("it is refused", || pool.problems().contains("max_concurrent: 0 is out of range"));
    assert!(pool.repo.out(&["coordinator", "status"]).contains("the one before stays in force"));
    pool.repo.write(".jit/coordinator.json", good.replace("\"none\"", "\"a b\""));
    until("a faulty one is refused too", || pool.problems().contains("labels"));
    assert_eq!(pool.repo.issue(&id)["state"], "ready");
    let pool = pool.with("labels", json!([]));
    until("it is done", || pool.count("done") == 1);
    assert_eq!(pool.problems(), "[]");
    pool.assert_quiet();
}

#[test]
fn a_configuration_that_git_clean_took_comes_back() {
    let pool = Pool::new().agent("w", 1, DONE);
    pool.repo.jit(&["coordinator", "once"]).ok();
    pool.repo.git(&["clean", "-xdfq"]).ok();
    assert!(!pool.repo.path().join(".jit/coordinator.json").exists());
    pool.repo.ready("work");
    let said = pool.repo.jit(&["coordinator", "start"]).ok();
    assert!(said.stderr.contains("was gone, and is back"), "{said:#?}");
    until("it is done", || pool.count("done") == 1);
    pool.assert_quiet();
}

/// Kills the coordinator and then what it has started, so that it sees none of that.
fn kill_all(pool: &Pool, daemon: u64) {
    let kill = |id: String| {
        pool.repo.command("kill").args(["-KILL", &id]).stderr(Stdio::null()).status().unwrap();
    };
    kill(daemon.to_string());
    until("all are gone", || {
        let left = pool.processes();
        left.iter().for_each(|(id, _)| kill(id.to_string()));
        left.is_empty()
    });
}

#[test]
fn a_killed_runner_takes_its_agent_along_and_the_work_is_tried_again() {
    let pool = Pool::new().agent("w", 1, &format!("(setsid sleep 620 &); {UNTIL_GO}; {DONE}"));
    let id = pool.repo.ready("work");
    pool.start();
    until("all have begun", || pool.processes().iter().any(|(_, words)| words.contains("sleep 620")));
    let runner = pool.processes().into_iter().find(|(_, words)| words.contains("run-agent")).unwrap().0;
    pool.repo.command("kill").args(["-KILL", &runner.to_string()]).status().unwrap();
    until("it was given back", || pool.told(&id, "issue.released").len() == 1);
    pool.go();
    until("it is done", || pool.count("done") == 1);
    let reason = &pool.told(&id, "issue.released")[0]["data"]["reason"];
    assert_eq!(reason, "the agent is gone, and nobody saw it end");
    pool.assert_quiet();
}

#[test]
fn everything_killed_at_once_as_by_a_reboot_is_settled_by_the_next_start() {
    let pool = Pool::new().agent("w", 2, &format!("{UNTIL_GO}; {DONE}"));
    pool.repo.ready("one");
    pool.repo.ready("two");
    let daemon = pool.start();
    pool.until_at_work(2);
    kill_all(&pool, daemon);
    pool.go();
    pool.start();
    until("both are done", || pool.count("done") == 2);
    pool.assert_quiet();
}

#[test]
fn a_claim_whose_agent_was_never_started_is_given_back_at_the_next_start() {
    let pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    let id = pool.repo.ready("work");
    let daemon = pool.start();
    pool.until_at_work(1);
    // As if the coordinator had been killed between the claim and the start of the agent.
    kill_all(&pool, daemon);
    for file in pool.left() {
        std::fs::remove_file(file).unwrap();
    }
    pool.go();
    pool.start();
    until("it is done", || pool.count("done") == 1);
    let released = pool.told(&id, "issue.released");
    assert_eq!(released[0]["data"]["outcome"], "abandoned");
    assert_eq!(pool.told(&id, "issue.claimed").len(), 2);
    pool.assert_quiet();
}

#[test]
fn a_full_disk_for_logs_ends_no_agent() {
    let pool = Pool::new().agent("w", 1, &format!("for i in 1 2 3; do echo $i; done; {DONE}"));
    let id = pool.repo.ready("work");
    let folder = pool.repo.path().join(".git/jit/agents/w");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.join(format!("{}.log", &id[..8]))).unwrap();
    pool.start();
    until("it is done", || pool.count("done") == 1);
    assert_eq!(pool.told(&id, "issue.claimed").len(), 1);
    pool.assert_quiet();
}

#[test]
fn a_repository_that_is_moved_takes_its_agents_along() {
    let repo = Repo::new();
    let flag = repo.outside().join("go").display().to_string();
    let moved = repo.beside("moved");
    let script = format!(
        "cd /; while [ ! -e '{flag}' ]; do echo .; sleep 0.05; done; jit -C '{}' issue update \"$1\" --state done",
        moved.path().display()
    );
    let pool = Pool::of(repo).agent("w", 1, &script);
    let id = pool.repo.ready("work");
    let first = pool.start();
    pool.until_at_work(1);
    std::fs::rename(pool.repo.path(), moved.path()).unwrap();
    // The one that began elsewhere makes room.
    let started = moved.jit(&["coordinator", "start", "--json"]).ok().json();
    assert_eq!((&started["already_running"], started["pid"] == first), (&json!(false), false));
    until("the other has ended", || !std::path::Path::new(&format!("/proc/{first}")).exists());
    std::fs::write(&flag, "").unwrap();
    until("it is done", || moved.issue(&id)["state"] == "done");
    let assignments = moved.path().join(".git/jit-coordinator/assignments");
    until("its end is settled", || std::fs::read_dir(&assignments).unwrap().next().is_none());
    let status = moved.jit(&["coordinator", "status", "--json"]).ok().json();
    assert_eq!((&status["running"], &status["problems"]), (&json!(true), &json!([])));
    moved.jit(&["coordinator", "stop"]).ok();
    let events = moved.jit(&["issue", "log", &id]).ok().stdout;
    let claims = moved.jit(&["events", "query", "--type", "issue.claimed", "--json"]).json_lines();
    std::fs::rename(moved.path(), pool.repo.path()).unwrap();
    assert_eq!(claims.len(), 1, "{events}\n{}", pool.repo.read(".git/jit-coordinator/coordinator.log"));
    pool.assert_quiet();
}

#[test]
fn a_clock_that_jumps_an_hour_costs_nobody_its_claim() {
    let repo = Repo::new();
    let offset = repo.outside().join("offset").display().to_string();
    std::fs::write(&offset, "0").unwrap();
    let pool = Pool::of(repo).agent("w", 1, &format!("{UNTIL_GO}; {DONE}"));
    let id = pool.repo.ready("work");
    let by_hand = pool.repo.create("by hand");
    pool.repo.jit(&["issue", "claim", &by_hand, "human:ada", "--ttl", "5m"]).ok();
    pool.repo.run(&["coordinator", "start"]).env("JIT_CLOCK", format!("offset:{offset}")).output().ok();
    until("it is at work", || pool.repo.issue(&id)["state"] == "in_progress");
    for jump in [3_600_000, -3_600_000, 0] {
        let before = pool.told(&id, "claim.renewed").len();
        std::fs::write(&offset, jump.to_string()).unwrap();
        if jump > 0 {
            until("its lease is renewed", || pool.told(&id, "claim.renewed").len() > before);
        }
        // Several rounds go by.
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert_eq!(pool.repo.issue(&by_hand)["state"], "in_progress", "{:#?}", pool.events(&by_hand));
    }
    pool.go();
    until("it is done", || pool.repo.issue(&id)["state"] == "done");
    assert_eq!(pool.told(&id, "issue.claimed").len(), 1);
}

#[test]
fn a_stop_in_the_middle_of_starting_leaves_nothing_unaccounted_for() {
    let pool = Pool::new().agent("w", 20, DONE);
    for number in 0..20 {
        pool.repo.ready(&format!("issue {number}"));
    }
    for _ in 0..6 {
        let start = pool.repo.run(&["coordinator", "start"]).spawn();
        pool.repo.jit(&["coordinator", "stop"]).ok();
        start.wait_with_output().unwrap();
        pool.repo.jit(&["coordinator", "stop", "--kill-agents"]).ok();
    }
    pool.assert_quiet();
    pool.start();
    until("all are done", || pool.count("done") == 20);
    pool.assert_quiet();
}

#[test]
fn of_many_who_start_a_coordinator_at_once_one_runs() {
    let pool = Pool::new().agent("w", 1, DONE);
    let starts: Vec<_> = (0..6).map(|_| pool.repo.run(&["coordinator", "start", "--json"]).spawn()).collect();
    let mut pids = std::collections::BTreeSet::new();
    for start in starts {
        let output = start.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        pids.insert(told["pid"].as_u64());
    }
    assert_eq!(pids.len(), 1, "{pids:?}");
}

#[test]
fn a_coordinator_that_waits_uses_no_processor_and_leaves_no_zombie() {
    let pool = Pool::new().agent("w", 2, DONE).set("poll_interval_secs", json!(5));
    for number in 0..4 {
        pool.repo.ready(&format!("issue {number}"));
    }
    let pid = pool.start();
    until("all are done", || pool.count("done") == 4);
    until("all are gone", || pool.processes().is_empty());
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        // utime and stime are the fields 14 and 15 (proc(5)); the name in front of these was the second.
        [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    let children = pool.repo.command("pgrep").args(["-P", &pid.to_string()]).output().unwrap();
    assert!(children.stdout.is_empty(), "no zombie is left: {children:?}");
    let before = used();
    std::thread::sleep(std::time::Duration::from_secs(3));
    // In clock ticks, a hundredth of a second each: a round may fall into the time, a loop does not go unseen.
    assert!(used() - before <= 30, "{} ticks in three seconds", used() - before);
}

#[test]
fn a_coordinator_of_a_bare_repository_keeps_its_configuration_in_it() {
    let repo = Repo::new();
    repo.git(&["clone", "--quiet", "--bare", ".", "../store.git"]).ok();
    let bare = repo.beside("store.git");
    bare.jit(&["init", "--no-remote"]).ok();
    bare.jit(&["coordinator", "init-config"]).ok();
    let script = repo.outside().join("w.sh");
    std::fs::write(&script, format!("git rev-parse --show-toplevel\n{DONE}\n")).unwrap();
    let config = json!({ "agent_pool": [{ "id": "w", "agent_type": "bot", "command": format!("sh {}", script.display()), "worktree": true }] });
    bare.write("jit-coordinator/coordinator.json", config.to_string());
    let id = bare.ready("work");
    bare.jit(&["coordinator", "start"]).ok();
    until("it is done", || bare.issue(&id)["state"] == "done");
    assert!(bare.out(&["coordinator", "logs", "w"]).contains("store-worktrees"));
    bare.jit(&["coordinator", "stop"]).ok();
}

#[test]
fn a_unit_for_systemd_names_this_program_and_this_checkout() {
    let repo = Repo::new();
    let path = repo.out(&["coordinator", "init-service"]);
    let unit = std::fs::read_to_string(&path).unwrap();
    let top = repo.path().canonicalize().unwrap();
    assert!(path.contains("/home/.config/systemd/user/jit-") && path.ends_with("-work.service"), "{path}");
    assert!(unit.contains(&format!("/jit\" -C \"{}\" coordinator start --foreground\n", top.display())), "{unit}");
    repo.jit(&["coordinator", "init-service"]).ok();
    std::fs::write(&path, "mine").unwrap();
    repo.jit(&["coordinator", "init-service"]).code(6);
    repo.jit(&["coordinator", "init-service", "--force"]).ok();
}
