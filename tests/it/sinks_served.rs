//! Sinks that are served: for long, by several at once, killed, and by the coordinator.

use std::time::Duration;

use crate::sinks::{WRITES, written};
use crate::support::{Fleet, Pool, Repo, until};

/// The lines without those that stood there before.
fn first_times(lines: &[String]) -> Vec<String> {
    let mut first: Vec<String> = Vec::new();
    for line in lines {
        if !first.contains(line) {
            first.push(line.clone());
        }
    }
    first
}

#[test]
fn a_run_that_follows_delivers_what_comes_and_a_killed_one_repeats_at_most_one() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "log", "--exec", "echo \"$JIT_EVENT_ID\" >> got"]).ok();
    let mut run = repo.run(&["sink", "run", "--follow", "--json"]).spawn();
    for n in 0..3 {
        repo.create(&format!("{n}"));
    }
    until("three are delivered", || repo.path().join("got").exists() && written(&repo).len() == 3);
    run.kill().unwrap();
    run.wait().unwrap();
    let mut run = repo.run(&["sink", "run", "--follow"]).spawn();
    repo.create("more");
    until("the fourth is delivered", || written(&repo).len() >= 4);
    // Added while it runs.
    repo.jit(&["sink", "add", "second", "--exec", "echo \"$JIT_EVENT\" >> second"]).ok();
    repo.create("for both");
    until("both have it", || repo.path().join("second").exists() && written(&repo).len() >= 5);
    assert_eq!(
        repo.jit(&["sink", "run", "log", "--json"]).ok().json()["delivered"],
        0,
        "two runs do not deliver twice"
    );
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::TERM).unwrap();
    assert!(run.wait().unwrap().success());
    let expected: Vec<String> = repo
        .jit(&["events", "query", "--type", "issue.created", "--json"])
        .ok()
        .json_lines()
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(first_times(&written(&repo)), expected, "in order, none left out");
}

#[test]
fn kills_at_random_moments_leave_no_event_out() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "log", "--exec", "echo \"$JIT_EVENT_ID\" >> got"]).ok();
    let ids: Vec<String> = (0..12).map(|n| repo.create(&format!("{n}"))).collect();
    let delivered = || std::fs::read_to_string(repo.path().join("got")).map_or(0, |text| text.lines().count());
    for count in 1..=6 {
        let mut run = repo.run(&["sink", "run"]).spawn();
        // Wherever it is by then: on its way to the next event.
        until("one more is delivered", || delivered() >= count);
        run.kill().unwrap();
        run.wait().unwrap();
        // What was killed takes its command with it a moment later.
        std::thread::sleep(Duration::from_millis(50));
    }
    until("the rest is delivered", || repo.jit(&["sink", "run"]).code == Some(0));
    let got = written(&repo);
    assert_eq!(first_times(&got).len(), ids.len());
    assert!(got.len() <= ids.len() + 6, "at most one again for each kill: {}", got.len());
}

#[test]
fn events_of_joined_histories_are_delivered_once_each() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    one.jit(&["sink", "add", "log", "--type", "issue.created", "--exec", "echo \"$JIT_EVENT_ID\" >> got"]).ok();
    for round in 0..3 {
        one.create(&format!("one {round}"));
        two.create(&format!("two {round}"));
        one.jit(&["sink", "run"]).ok();
        one.jit(&["sync"]).ok();
        two.jit(&["sync"]).ok();
        one.jit(&["sync"]).ok();
        one.jit(&["sink", "run"]).ok();
    }
    let mut got = written(one);
    assert_eq!(got.len(), 6);
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 6, "none twice");
}

#[test]
fn the_coordinator_delivers_and_takes_its_deliverer_along() {
    let pool = Pool::new().agent("w", 1, "jit issue update \"$1\" --state done");
    pool.repo.jit(&["sink", "add", "log", "--exec", WRITES, "--type", "issue.completed"]).ok();
    pool.start();
    pool.repo.ready("work");
    until("its completion is delivered", || {
        pool.repo.path().join("got").exists() && written(&pool.repo) == ["issue.completed"]
    });
    until("its end is settled", || pool.left().is_empty());
    pool.repo.jit(&["coordinator", "stop"]).ok();
    pool.assert_quiet();
}

#[test]
fn a_run_while_another_runs_leaves_nothing_behind() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "slow", "--exec", "touch begun; sleep 0.4; echo \"$JIT_EVENT\" >> got"]).ok();
    repo.create("a");
    let first = repo.run(&["sink", "run"]).spawn();
    until("it is served", || repo.path().join("begun").exists());
    repo.create("b");
    repo.jit(&["sink", "run"]).ok();
    assert!(first.wait_with_output().unwrap().status.success());
    assert_eq!(written(&repo).len(), 2);
}

#[test]
fn a_sink_that_is_replaced_while_it_is_served_begins_where_it_is_told() {
    let repo = Repo::new();
    let start = repo.tip();
    repo.jit(&["sink", "add", "s", "--exec", "touch begun; sleep 0.4; echo old >> got"]).ok();
    repo.create("a");
    let run = repo.run(&["sink", "run"]).spawn();
    until("it is served", || repo.path().join("begun").exists());
    repo.jit(&["sink", "add", "s", "--replace", "--exec", "echo new >> got", "--since-cursor", &start]).ok();
    run.wait_with_output().unwrap();
    repo.jit(&["sink", "run"]).ok();
    assert_eq!(written(&repo), ["old", "new"]);
    repo.jit(&["sink", "rm", "s"]).ok();
    assert!(!repo.path().join(".git/jit/sinks/s.position").exists());
}

#[test]
fn sinks_whose_names_begin_alike_leave_one_anothers_files_alone() {
    let repo = Repo::new();
    for name in ["ci", "ci-log", "event-ci-log", "event.ci"] {
        repo.jit(&["sink", "add", name, "--exec", "cat \"$JIT_EVENT_FILE\" > /dev/null && echo \"$JIT_SINK\" >> got"])
            .ok();
    }
    let slow = "touch begun; while [ ! -e go ]; do sleep 0.05; done; cat \"$JIT_EVENT_FILE\" >> whole";
    repo.jit(&["sink", "add", "ci-slow", "--exec", slow]).ok();
    repo.create("a");
    let run = repo.run(&["sink", "run", "ci-slow"]).spawn();
    until("it is served", || repo.path().join("begun").exists());
    repo.jit(&["sink", "run", "ci", "ci-log", "event-ci-log", "event.ci"]).ok();
    std::fs::write(repo.path().join("go"), "").unwrap();
    assert!(run.wait_with_output().unwrap().status.success());
    assert!(repo.read("whole").contains("issue.created"));
    assert_eq!(written(&repo), ["ci", "ci-log", "event-ci-log", "event.ci"]);
    assert_eq!(repo.jit(&["sink", "list", "--json"]).ok().json()["count"], 5);
    // What a kill leaves behind is its own sink's to take away.
    let folder = repo.path().join(".git/jit/sinks");
    std::fs::write(folder.join("event~ci~left"), "").unwrap();
    std::fs::write(folder.join("event~ci-log~left"), "").unwrap();
    repo.jit(&["sink", "run", "ci"]).ok();
    assert!(!folder.join("event~ci~left").exists() && folder.join("event~ci-log~left").exists());
}
