//! The real daemon with shell scripts as agents.

use serde_json::{Value, json};

use crate::support::{DONE, Pool, Repo, until};

fn reasons(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["data"]["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn ten_issues_go_through_two_agents_with_two_slots_each() {
    let script = format!(
        "echo \"+ $JIT_AGENT\" >> ../work.log; jit issue comment \"$1\" begun; echo \"- $JIT_AGENT\" >> ../work.log; {DONE}"
    );
    let pool = Pool::new().agent("w1", 2, &script).agent("w2", 2, &script);
    let ids: Vec<String> = (0..10).map(|number| pool.repo.ready(&format!("issue {number}"))).collect();
    pool.start();
    until("all are done", || pool.count("done") == 10);
    pool.assert_quiet();
    for id in &ids {
        assert_eq!(pool.told(id, "issue.claimed").len(), 1);
        assert_eq!(pool.told(id, "issue.released").len(), 0);
    }
    let log = std::fs::read_to_string(pool.repo.outside().join("work.log")).unwrap();
    for agent in ["bot:w1", "bot:w2"] {
        let mut at_work = 0;
        for line in log.lines().filter(|line| line.ends_with(agent)) {
            at_work += if line.starts_with('+') { 1 } else { -1 };
            assert!((0..=2).contains(&at_work), "{log}");
        }
    }
}

#[test]
fn work_goes_out_by_priority_then_age_and_only_what_is_released() {
    let pool = Pool::new().agent("w", 1, &format!("echo \"$1\" >> ../order; {DONE}"));
    let create =
        |title: &str, priority: &str| pool.repo.out(&["issue", "create", title, "--priority", priority, "--ready"]);
    let (low, normal, urgent) = (create("low", "low"), create("normal", "normal"), create("urgent", "critical"));
    let second = create("second", "normal");
    let open = pool.repo.create("open");
    let blocked =
        pool.repo.out(&["issue", "create", "blocked", "--ready", "--priority", "critical", "--depends-on", &low]);
    pool.start();
    until("all that can be done is", || pool.count("done") == 5);
    let order = std::fs::read_to_string(pool.repo.outside().join("order")).unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), [&*urgent, &normal, &second, &low, &blocked]);
    assert_eq!(pool.repo.issue(&open)["state"], "open");
}

#[test]
fn an_agent_is_told_all_it_needs_and_its_output_is_kept() {
    let script =
        format!("echo \"i=$JIT_ISSUE a=$JIT_AGENT c=$JIT_CLAIM r=$JIT_REPO x=$EXTRA p=$PWD 1=$1 2=$2\" >&2; {DONE}");
    let script = script.replace("\"$1\" --state", "\"$2\" --state");
    let pool = Pool::new().agent("w", 1, &script);
    let pool = pool.with("args", json!(["a b"])).with("env", json!({ "EXTRA": "more" }));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is done", || pool.count("done") == 1);
    let token = pool.told(&id, "issue.claimed")[0]["id"].as_str().unwrap().to_owned();
    let top = pool.repo.path().canonicalize().unwrap().display().to_string();
    let wanted = format!("i={id} a=bot:w c={token} r={top} x=more p={top} 1=a b 2={id}");
    for of in [&id[..8], "w"] {
        assert!(pool.repo.out(&["coordinator", "logs", of]).contains(&wanted), "{of}: {wanted}");
    }
    let lines = pool.repo.jit(&["coordinator", "logs", "w", "-n", "1", "--json"]).ok().json_lines();
    assert_eq!(lines.len(), 1);
    pool.repo.jit(&["coordinator", "logs", "nobody"]).code(3);
    pool.repo.jit(&["coordinator", "logs", "../.."]).code(3);
}

#[test]
fn a_log_is_followed_while_the_agent_works() {
    use std::io::{BufRead, BufReader};
    let pool = Pool::new().agent(
        "w",
        1,
        &format!("echo first; while [ ! -e ../go ]; do sleep 0.05; done; echo second; {DONE}"),
    );
    let id = pool.repo.ready("work");
    pool.start();
    until("it has begun", || pool.repo.jit(&["coordinator", "logs", &id]).stdout.contains("first"));
    let mut follower = pool.repo.run(&["coordinator", "logs", &id, "-f"]).spawn();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "first"));
    std::fs::write(pool.repo.outside().join("go"), "").unwrap();
    assert!(lines.any(|line| line == "second"));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn an_agent_that_fails_is_tried_again_and_then_left_to_people() {
    let pool = Pool::new().agent("w", 1, "exit 3");
    let id = pool.repo.ready("hopeless");
    pool.start();
    until("it was given up", || pool.repo.issue(&id)["state"] == "open");
    let released = pool.told(&id, "issue.released");
    assert_eq!(reasons(&released), ["the agent exited with 3"; 3]);
    assert!(released.iter().all(|event| event["data"]["outcome"] == "failed"));
    assert!(released[0]["actor"].as_str().unwrap().starts_with("coordinator:"));
    let issue = pool.repo.issue(&id);
    assert_eq!((&issue["labels"], &issue["failures"]["count"]), (&json!(["needs-attention"]), &json!(3)));
    assert!(pool.repo.out(&["coordinator", "status"]).contains("Needs Attention: 1"));
    // Put forward anew it has all its tries again.
    pool.repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    until("it was tried again", || pool.told(&id, "issue.claimed").len() == 6);
    until("and given up", || pool.repo.issue(&id)["state"] == "open");
    pool.assert_quiet();
}

#[test]
fn every_kind_of_failure_leads_to_a_release_that_says_why_and_to_another_try() {
    let cases = [
        ("[ -e ../again ] || { touch ../again; exit 1; }", "the agent exited with 1"),
        ("[ -e ../again ] || { touch ../again; exit 0; }", "the agent ended and left the issue in progress"),
        ("[ -e ../again ] || { touch ../again; kill -KILL $$; }", "the agent was ended by signal 9"),
    ];
    for (script, reason) in cases {
        let pool = Pool::new().agent("w", 1, &format!("{script}\n{DONE}"));
        let id = pool.repo.ready("work");
        pool.start();
        until("it is done", || pool.count("done") == 1);
        assert_eq!(reasons(&pool.told(&id, "issue.released")), [reason]);
        assert_eq!(pool.repo.issue(&id)["failures"], json!(null));
        pool.assert_quiet();
    }
}

#[test]
fn a_command_that_does_not_exist_is_told_by_name() {
    let mut pool = Pool::new();
    pool.push(json!({ "id": "w", "agent_type": "bot", "command": "no-such-program --fast" }));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is told", || pool.problems().contains("agents: w cannot be started: no-such-program: No such file"));
    until("it was given up", || pool.repo.issue(&id)["state"] == "open");
    let reasons = reasons(&pool.told(&id, "issue.released"));
    assert!(reasons[0].starts_with("the agent could not be started: no-such-program: No such file"), "{reasons:?}");
    pool.assert_quiet();
}

#[test]
fn an_agent_that_hangs_is_ended_with_everything_it_started() {
    // One child ignores what it is told, another leaves its group and its parent.
    let script = "if [ -e ../again ]; then jit issue update \"$1\" --state done; exit; fi\n touch ../again\n\
                  (trap '' TERM; sleep 98760) & setsid sleep 98761 & (env -i sleep 98762 &) ; sleep 98763";
    let pool = Pool::new().agent("w", 1, script).rule("stall_timeout_minutes", json!(0.02));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is done", || pool.count("done") == 1);
    let stalled = pool.told(&id, "agent.stalled");
    assert_eq!(stalled.len(), 1, "{:#?}", pool.events(&id));
    assert!(reasons(&stalled)[0].starts_with("the agent showed no sign of life for "), "{stalled:#?}");
    assert_eq!(stalled[0]["data"]["by"], "bot:w");
    pool.assert_quiet();
    let left = pool.repo.command("pgrep").args(["-f", "sleep 9876[0-3]"]).output().unwrap();
    assert!(left.stdout.is_empty(), "{left:?}");
}

#[test]
fn a_lease_is_renewed_while_its_agent_lives_and_prints() {
    let script = "while [ ! -e ../go ]; do echo .; sleep 0.1; done; jit issue update \"$1\" --state done";
    let pool = Pool::new().agent("w", 1, script).rule("stall_timeout_minutes", json!(0.1));
    let id = pool.repo.ready("work");
    pool.start();
    until("it was renewed", || pool.told(&id, "claim.renewed").len() >= 3);
    pool.go();
    until("it is done", || pool.count("done") == 1);
    assert_eq!(pool.told(&id, "issue.claimed").len(), 1);
    pool.assert_quiet();
}

#[test]
fn agents_outlive_a_coordinator_that_is_killed_and_are_found_again() {
    let pool = Pool::new().agent("w", 2, &format!("while [ ! -e ../go ]; do echo .; sleep 0.05; done; {DONE}"));
    let ids = [pool.repo.ready("one"), pool.repo.ready("two"), pool.repo.ready("three")];
    let first = pool.start();
    pool.until_at_work(2);
    pool.repo.command("kill").args(["-KILL", &first.to_string()]).status().unwrap();
    until("it is gone", || pool.repo.out(&["coordinator", "status"]).starts_with("Status: Not running"));
    let second = pool.start();
    assert_ne!(first, second);
    assert_eq!(pool.count("in_progress"), 2, "what runs counts");
    std::fs::write(pool.repo.outside().join("go"), "").unwrap();
    until("all are done", || pool.count("done") == 3);
    for id in &ids {
        assert_eq!(pool.told(id, "issue.claimed").len(), 1, "{:#?}", pool.events(id));
    }
    pool.assert_quiet();
}

#[test]
fn what_ended_while_no_coordinator_ran_is_settled_by_the_next() {
    let pool = Pool::new().agent("w", 2, "while [ ! -e ../go ]; do echo .; sleep 0.05; done; [ -e ../again ] || { touch ../again; exit 1; }; jit issue update \"$1\" --state done");
    let id = pool.repo.ready("work");
    pool.start();
    pool.until_at_work(1);
    pool.repo.jit(&["coordinator", "stop"]).ok();
    std::fs::write(pool.repo.outside().join("go"), "").unwrap();
    until("the agent is gone", || pool.processes().is_empty());
    assert_eq!(pool.count("in_progress"), 1);
    pool.start();
    until("it is done", || pool.count("done") == 1);
    assert_eq!(reasons(&pool.told(&id, "issue.released")), ["the agent exited with 1"]);
    pool.assert_quiet();
}

#[test]
fn two_coordinators_hand_each_issue_out_once() {
    let pool = Pool::new().agent("w1", 3, DONE);
    let other = pool.repo.worktree("second");
    let script = pool.repo.outside().join("w1.sh");
    std::fs::create_dir_all(other.join(".jit")).unwrap();
    let config = json!({ "agent_pool": [{ "id": "w2", "agent_type": "bot", "command": format!("sh {}", script.display()), "max_concurrent": 3 }] });
    std::fs::write(other.join(".jit/coordinator.json"), config.to_string()).unwrap();
    let ids: Vec<String> = (0..30).map(|number| pool.repo.ready(&format!("issue {number}"))).collect();
    pool.start();
    pool.repo.run_in(&other, &["coordinator", "start"]).output().ok();
    until("all are done", || pool.count("done") == 30);
    let stopped = pool.repo.run_in(&other, &["coordinator", "stop"]).output().ok();
    assert_eq!(stopped.text(), "Coordinator stopped");
    for id in &ids {
        assert_eq!(pool.told(id, "issue.claimed").len(), 1);
    }
    pool.assert_quiet();
}

#[test]
fn stop_leaves_agents_at_work_and_kill_agents_gives_their_work_back() {
    let script = "(trap '' TERM; sleep 610) & setsid sleep 611 & sleep 612";
    let pool = Pool::new().agent("w", 2, script);
    let id = pool.repo.ready("work");
    pool.start();
    until("all have begun", || pool.processes().len() >= 4);
    let stopped = pool.repo.jit(&["coordinator", "stop", "--json"]).ok().json();
    assert_eq!((&stopped["was_running"], &stopped["agents_running"]), (&json!(true), &json!(1)));
    assert_eq!(pool.repo.out(&["coordinator", "stop"]), "Coordinator is not running");
    assert_eq!(pool.count("in_progress"), 1);
    // No coordinator runs: its agents are ended all the same.
    let stopped = pool.repo.jit(&["coordinator", "stop", "--kill-agents", "--json"]).ok().json();
    assert_eq!(stopped["agents_ended"], 1);
    let released = pool.told(&id, "issue.released");
    assert_eq!(released[0]["data"]["outcome"], "abandoned");
    assert_eq!(pool.repo.issue(&id)["state"], "ready");
    assert_eq!(pool.repo.issue(&id)["failures"], json!(null));
    pool.assert_quiet();
    pool.start();
    pool.until_at_work(1);
    assert_eq!(pool.repo.out(&["coordinator", "stop", "--kill-agents"]), "Coordinator stopped");
    pool.assert_quiet();
}

#[test]
fn a_holder_that_falls_silent_loses_its_claim_whoever_started_it() {
    let repo = Repo::git_only();
    let then = |args: &[&str]| repo.run(args).env("JIT_CLOCK", "2026-01-31T09:00:00Z").output().ok().text();
    then(&["init"]);
    let id = then(&["issue", "create", "left alone", "--ready"]);
    let claim: Value =
        serde_json::from_str(&then(&["issue", "claim", &id, "human:x", "--ttl", "10m", "--json"])).unwrap();
    let token = claim["claim"]["token"].as_str().unwrap().to_owned();
    let pool = Pool::of(repo).agent("w", 1, DONE);
    pool.start();
    until("it is done", || pool.count("done") == 1);
    let stalled = pool.told(&id, "agent.stalled");
    assert_eq!((stalled.len(), &stalled[0]["data"]["by"]), (1, &json!("human:x")));
    assert_eq!(reasons(&stalled), ["the lease ran out"]);
    pool.repo.jit(&["coordinator", "stop"]).ok();
    pool.repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    let back = pool.repo.run(&["issue", "heartbeat", &id]).env("JIT_AGENT", "human:x").env("JIT_CLAIM", &token);
    back.output().code(5);
}

#[test]
fn an_agent_takes_what_carries_its_labels_and_nothing_that_is_meant_for_others() {
    let pool = Pool::new().agent("docs", 4, DONE).with("labels", json!(["area/docs"])).agent("any", 1, DONE);
    let pool = pool.agent("picky", 9, DONE).with("labels", json!(["nothing"]));
    let docs = pool.repo.out(&["issue", "create", "docs", "--ready", "-l", "area/docs"]);
    let code = pool.repo.ready("code");
    let meant = pool.repo.ready("meant");
    pool.repo.jit(&["issue", "assign", &meant, "human:ada"]).ok();
    pool.start();
    until("two are done", || pool.count("done") == 2);
    let by = |id: &str| pool.told(id, "issue.claimed")[0]["data"]["by"].clone();
    assert_eq!((by(&docs), by(&code)), (json!("bot:docs"), json!("bot:any")));
    assert_eq!(pool.repo.issue(&meant)["state"], "ready");
}

#[test]
fn a_worktree_is_made_for_each_assignment_and_stays_as_long_as_it_holds_work() {
    let clean = "git commit --quiet --allow-empty -m \"$1\"; ";
    let pool = Pool::new().agent("w", 3, &format!("git branch --show-current >> ../../branches; pwd; {clean} [ ! -e \"$JIT_REPO/../dirty\" ] || echo x > file; {DONE}"));
    let pool = pool.with("worktree", json!(true));
    let id = pool.repo.ready("clean");
    pool.start();
    let worktrees = || pool.repo.jit(&["worktree", "list", "--json"]).ok().json()["count"].clone();
    until("it is done, and its worktree gone", || pool.count("done") == 1 && worktrees() == 0);
    let branch = format!("jit/{}", &id[..8]);
    assert!(pool.repo.git(&["log", "-1", "--format=%s", &branch]).ok().text() == id, "its commit is on its branch");
    std::fs::write(pool.repo.outside().join("dirty"), "").unwrap();
    let other = pool.repo.ready("dirty");
    until("it is done", || pool.count("done") == 2);
    // A coordinator that runs settles what its agents leave; one that was stopped leaves that to the next.
    until("its end is settled", || pool.left().is_empty());
    pool.repo.jit(&["coordinator", "stop"]).ok();
    assert_eq!(worktrees(), 1);
    assert!(pool.repo.outside().join("work-worktrees").join(&other[..8]).join("file").exists());
    pool.assert_quiet();
}

#[test]
fn one_round_can_be_had_without_a_daemon() {
    let pool = Pool::new().agent("w", 1, DONE);
    pool.repo.ready("one");
    pool.repo.ready("two");
    assert_eq!(pool.repo.jit(&["coordinator", "once", "--json"]).ok().json()["started"], 1);
    until("one is done", || pool.count("done") == 1);
    until("its agent is gone", || pool.processes().is_empty());
    assert_eq!(pool.repo.jit(&["coordinator", "once", "--json"]).ok().json()["started"], 1);
    until("both are", || pool.count("done") == 2);
    until("its agent is gone", || pool.processes().is_empty());
    assert_eq!(pool.repo.jit(&["coordinator", "once", "--json"]).ok().json()["started"], 0);
    pool.start();
    assert_eq!(pool.repo.jit(&["coordinator", "once", "--json"]).code(6).error_code(), "coordinator_running");
    pool.assert_quiet();
}

#[test]
fn status_and_agents_are_printed_as_promised() {
    let pool = Pool::new().agent("w", 2, "while :; do echo .; sleep 0.05; done");
    let busy = pool.repo.ready("Implement login endpoint");
    pool.repo.create("open");
    let pid = pool.start();
    let again = pool.repo.out(&["coordinator", "start"]);
    assert_eq!(again, format!("Coordinator is already running (PID: {pid})"));
    let expected = format!(
        "Status: Running (PID: {pid})\nAgent pool: 1 agents\n  - w (type: bot, max_concurrent: 2)\n\nWork queue:\n  Ready: 0\n  In Progress: 1"
    );
    assert_eq!(pool.repo.out(&["coordinator", "status"]), expected);
    pool.repo.jit(&["coordinator", "stop"]).ok();
    let person = pool.repo.ready("By hand");
    pool.repo.jit(&["issue", "claim", &person, "human:ada"]).ok();
    let agents = pool.repo.out(&["coordinator", "agents"]);
    let lines: Vec<&str> = agents.lines().collect();
    assert_eq!(lines[..3], ["Active agents:", "", "bot:w"]);
    assert!(lines[3].starts_with(&format!("  - {} | Implement login endpoint (claimed ", &busy[..8])), "{agents}");
    assert!(lines[3].ends_with("s ago, lease 29s)"), "{agents}");
    assert_eq!(lines[4..6], ["", "human:ada"]);
    assert!(lines[6].ends_with("s ago)"), "{agents}");
    let json = pool.repo.jit(&["coordinator", "agents", "--json"]).ok().json();
    assert_eq!((&json["count"], &json["agents"][0]["issues"][0]["alive"]), (&json!(2), &json!(true)));
    assert_eq!(json["agents"][1]["issues"][0]["alive"], json!(null));
}

#[test]
fn what_becomes_ready_is_handed_out_at_once_however_seldom_it_looks_by_itself() {
    let pool = Pool::new().agent("w", 1, DONE).set("poll_interval_secs", json!(900));
    pool.start();
    // The patience of `until` is far shorter than that.
    for n in 0..3 {
        pool.repo.ready(&format!("{n}"));
        until("it is done", || pool.count("done") == n + 1);
    }
}
