//! Coordinators in several clones, which claim through the hub.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;

use crate::support::{DONE, Fleet, Repo, until};

/// Has a clone hand work to an agent that finishes it at once, unless told to wait.
fn configure(clone: &Repo, agent: &str, script: &str, stall_minutes: f64) {
    let file = clone.outside().join(format!("{agent}.sh"));
    std::fs::write(&file, format!("set -eu\n{script}\n")).unwrap();
    let command = format!("sh {}", file.display());
    let config = json!({
        "agent_pool": [{ "id": agent, "agent_type": "bot", "command": command, "max_concurrent": 2 }],
        "dispatch_rules": { "stall_timeout_minutes": stall_minutes, "retry_backoff_secs": 0.05 },
        "poll_interval_secs": 0.3, "sync": true, "sync_interval_secs": 0.3,
    });
    clone.write(".jit/coordinator.json", config.to_string());
}

fn claims(clone: &Repo) -> Vec<String> {
    let events = clone.jit(&["events", "query", "--type", "issue.claimed", "-n", "0", "--json"]).json_lines();
    events.iter().map(|event| event["issue"].as_str().unwrap().to_owned()).collect()
}

fn done(clone: &Repo) -> usize {
    clone.jit(&["issue", "list", "-s", "done", "--json"]).ok().json()["count"].as_u64().unwrap() as usize
}

fn stop(clones: &[Repo]) {
    for clone in clones {
        clone.jit(&["coordinator", "stop", "--kill-agents"]).ok();
    }
}

#[test]
fn three_clones_hand_each_issue_out_once_in_the_whole_fleet() {
    let fleet = Fleet::new(3);
    for number in 0..9 {
        fleet.clones[0].ready(&format!("issue {number}"));
    }
    fleet.clones[0].jit(&["sync"]).ok();
    for (number, clone) in fleet.clones.iter().enumerate() {
        configure(clone, &format!("w{number}"), "jit issue update \"$1\" --state done", 5.0);
        clone.jit(&["sync"]).ok();
        clone.jit(&["coordinator", "start"]).ok();
    }
    until("all are done, everywhere", || fleet.clones.iter().all(|clone| done(clone) == 9));
    stop(&fleet.clones);
    fleet.settle();
    let mut claimed = claims(&fleet.clones[0]);
    let count = claimed.len();
    claimed.sort();
    claimed.dedup();
    assert_eq!((count, claimed.len()), (9, 9));
    until("no ticket is left", || {
        fleet.clones[0].jit(&["sync"]).ok();
        fleet.tickets() == 0
    });
}

#[test]
fn a_clone_that_is_gone_loses_its_work_to_another() {
    let fleet = Fleet::new(2);
    let id = fleet.clones[0].ready("work");
    // The first clone claims for a lease that is long over, and never comes back.
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.clones[1].jit(&["sync"]).ok();
    let claim = ["issue", "claim", &id, "--sync", "--ttl", "1s"];
    fleet.clones[0].run(&claim).env("JIT_AGENT", "bot:gone").output().ok();
    fleet.clones[0].jit(&["sync"]).ok();
    configure(&fleet.clones[1], "w1", "jit issue update \"$1\" --state done", 0.05);
    let offset = fleet.hub.outside().join("offset").display().to_string();
    std::fs::write(&offset, "180000").unwrap();
    let start = fleet.clones[1].run(&["coordinator", "start"]).env("JIT_CLOCK", format!("offset:{offset}"));
    start.output().ok();
    until("it is done", || fleet.clones[1].issue(&id)["state"] == "done");
    let stalled = fleet.clones[1].jit(&["events", "query", "--type", "agent.stalled", "--json"]).json_lines();
    assert_eq!((stalled.len(), &stalled[0]["data"]["by"]), (1, &json!("bot:gone")));
    stop(&fleet.clones);
}

#[test]
fn a_lease_that_its_holder_renewed_on_the_hub_is_not_taken_away() {
    let fleet = Fleet::new(2);
    let id = fleet.clones[0].ready("work");
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.clones[1].jit(&["sync"]).ok();
    let run = |args: &[&str]| fleet.clones[0].run(args).env("JIT_AGENT", "bot:a").output().ok();
    run(&["issue", "claim", &id, "--sync", "--ttl", "2m"]);
    fleet.clones[0].jit(&["sync"]).ok();
    let offset = fleet.hub.outside().join("offset").display().to_string();
    std::fs::write(&offset, "240000").unwrap();
    let clock = format!("offset:{offset}");
    // The hub's ticket is renewed; the tracker that says so is not pushed yet.
    fleet.clones[0].run(&["issue", "heartbeat", &id]).env("JIT_AGENT", "bot:a").env("JIT_CLOCK", &clock).output().ok();
    configure(&fleet.clones[1], "w1", "jit issue update \"$1\" --state done", 0.05);
    fleet.clones[1].run(&["coordinator", "start"]).env("JIT_CLOCK", &clock).output().ok();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let issue = fleet.clones[1].issue(&id);
    assert_eq!((&issue["state"], &issue["claim"]["by"]), (&json!("in_progress"), &json!("bot:a")));
    stop(&fleet.clones);
}

#[test]
fn leases_of_a_fleet_are_renewed_on_the_hub_and_its_judge_finds_nothing_wrong() {
    let fleet = Fleet::new(2);
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    let id = fleet.clones[0].ready("work");
    let hopeless = fleet.clones[0].ready("hopeless");
    fleet.clones[0].jit(&["sync"]).ok();
    let script = format!(
        "[ \"$1\" != {hopeless} ] || exit 1\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.2; done\njit issue update \"$1\" --state done"
    );
    configure(&fleet.clones[0], "w0", &script, 0.03);
    fleet.clones[0].jit(&["coordinator", "start"]).ok();
    until("the other clone sees it done, and the other one given up", || {
        fleet.clones[1].jit(&["sync"]).ok();
        fleet.clones[1].issue(&id)["state"] == "done" && fleet.clones[1].issue(&hopeless)["state"] == "open"
    });
    let status = fleet.clones[0].jit(&["coordinator", "status", "--json"]).ok().json();
    assert_eq!(status["problems"], json!([]));
    stop(&fleet.clones);
    let renewed = fleet.clones[0].jit(&["events", "query", "--type", "claim.renewed", "--json"]).json_lines();
    assert!(
        !renewed.is_empty() && renewed.iter().all(|event| event["data"]["object"].is_string()),
        "{renewed:#?}\n{}",
        fleet.clones[0].read(".git/jit-coordinator/coordinator.log")
    );
    assert_eq!(claims(&fleet.clones[0]).iter().filter(|claimed| **claimed == id).count(), 1);
    fleet.settle();
}

#[test]
fn a_hub_that_cannot_be_reached_is_told_and_local_work_goes_on_when_it_is_back() {
    let fleet = Fleet::new(1);
    let clone = &fleet.clones[0];
    let id = clone.ready("work");
    clone.jit(&["sync"]).ok();
    configure(clone, "w0", "jit issue update \"$1\" --state done", 5.0);
    let away = fleet.hub.beside("away.git");
    std::fs::rename(fleet.hub.path(), away.path()).unwrap();
    clone.jit(&["coordinator", "start"]).ok();
    let problems = || clone.jit(&["coordinator", "status", "--json"]).ok().json()["problems"].to_string();
    until("it is told", || problems().contains("remote: "));
    assert_eq!(clone.issue(&id)["state"], "ready");
    std::fs::rename(away.path(), fleet.hub.path()).unwrap();
    until("it is done", || clone.issue(&id)["state"] == "done");
    until("nothing is wrong any more", || problems() == "[]");
    stop(&fleet.clones);
}

#[test]
fn an_agent_of_a_fleet_that_hangs_is_ended_and_its_issue_tried_again() {
    let fleet = Fleet::new(1);
    let clone = &fleet.clones[0];
    let id = clone.ready("work");
    clone.jit(&["sync"]).ok();
    configure(clone, "w", &format!("[ -e ../again ] && {{ {DONE}; exit; }}; touch ../again; sleep 640"), 0.03);
    clone.jit(&["coordinator", "start"]).ok();
    until("it is done", || clone.issue(&id)["state"] == "done");
    clone.jit(&["coordinator", "stop", "--kill-agents"]).ok();
    let stalled = clone.jit(&["events", "query", "--type", "agent.stalled", "--json"]).json_lines();
    assert_eq!(stalled.len(), 1);
    assert!(stalled[0]["data"]["reason"].as_str().unwrap().contains("no sign of life"), "{stalled:#?}");
}

#[test]
fn an_issue_that_another_clone_has_holds_no_other_up() {
    let fleet = Fleet::new(2);
    let top = fleet.clones[0].out(&["issue", "create", "top", "--ready", "--priority", "critical"]);
    let other = fleet.clones[0].ready("other");
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.clones[1].jit(&["sync"]).ok();
    fleet.clones[1].jit_as("bot:b", &["issue", "claim", &top, "--sync"]).ok();
    configure(&fleet.clones[0], "w", DONE, 5.0);
    fleet.clones[0].jit(&["coordinator", "start"]).ok();
    until("the other is done", || fleet.clones[0].issue(&other)["state"] == "done");
    fleet.clones[0].jit(&["coordinator", "stop"]).ok();
    assert_ne!(fleet.clones[0].issue(&top)["claim"]["by"], "bot:w");
}

#[test]
fn a_hub_that_refuses_is_not_asked_again_and_again_and_nothing_is_handed_out() {
    let fleet = Fleet::new(1);
    let clone = &fleet.clones[0];
    clone.jit(&["sync"]).ok();
    let hook = fleet.hub.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let id = clone.ready("work");
    configure(clone, "w", DONE, 5.0);
    let count = || clone.git(&["rev-list", "--count", "refs/jit"]).ok().text().parse::<usize>().unwrap();
    let before = count();
    clone.jit(&["coordinator", "start"]).ok();
    std::thread::sleep(Duration::from_secs(3));
    assert!(count() - before <= 2, "{} commits in three seconds", count() - before);
    assert_eq!(clone.issue(&id)["state"], "ready");
    clone.git(&["remote", "remove", "origin"]).ok();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(clone.issue(&id)["state"], "ready", "without a remote nothing is handed out either");
    clone.jit(&["coordinator", "stop"]).ok();
}

#[test]
fn after_a_move_a_judging_hub_still_takes_what_the_coordinator_does() {
    let fleet = Fleet::new(1);
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    let clone = &fleet.clones[0];
    let id = clone.ready("work");
    clone.jit(&["sync"]).ok();
    let url = fleet.url();
    clone.git(&["remote", "set-url", "origin", &url]).ok();
    configure(clone, "w", "while [ ! -e \"$(dirname \"$0\")/go\" ]; do echo .; sleep 0.05; done; exit 3", 5.0);
    clone.jit(&["coordinator", "start"]).ok();
    until("it is at work", || clone.issue(&id)["state"] == "in_progress");
    clone.jit(&["coordinator", "stop"]).ok();
    let moved = clone.beside("moved");
    std::fs::rename(clone.path(), moved.path()).unwrap();
    moved.jit(&["coordinator", "start"]).ok();
    std::fs::write(moved.outside().join("go"), "").unwrap();
    until("it was given up", || moved.issue(&id)["state"] == "open");
    moved.jit(&["coordinator", "stop", "--kill-agents"]).ok();
    moved.jit(&["sync"]).ok();
}
