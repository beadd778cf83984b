//! What agents do besides their work, and what becomes of it.

use std::io::{BufRead, BufReader};

use serde_json::json;

use crate::support::{DONE, Pool, UNTIL_GO, until};

#[test]
fn what_an_agent_claims_besides_has_a_lease_like_its_own() {
    let script = "o=$(jit issue create more) && jit issue claim \"$o\" && echo \"$o\" > ../more; ";
    let pool = Pool::new().agent("w", 1, &format!("{script}{DONE}"));
    let id = pool.repo.ready("work");
    pool.start();
    until("it is done", || pool.repo.issue(&id)["state"] == "done");
    let more = std::fs::read_to_string(pool.repo.outside().join("more")).unwrap();
    let claim = &pool.repo.issue(more.trim())["claim"];
    assert_eq!((&claim["by"], &claim["keeper"]), (&json!("bot:w"), &json!(null)));
    let own = &pool.told(&id, "issue.claimed")[0]["data"];
    assert_eq!(claim["ttl_ms"], own["ttl_ms"], "nobody would take it back otherwise");
    assert!(claim["expires_at"].is_string());
    // Who works under no claim makes one without end, as ever.
    let free = pool.repo.create("free");
    assert!(pool.repo.jit_as("bot:x", &["issue", "claim", &free, "--json"]).ok().json()["claim"]["ttl_ms"].is_null());
}

/// Children of a process that have ended and were not waited for.
fn zombies(of: u32) -> usize {
    let listed = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = listed.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let is_one = |stat: &String| {
        let fields: Vec<&str> = stat.rsplit_once(") ").map_or(Vec::new(), |(_, rest)| rest.split(' ').collect());
        fields.first() == Some(&"Z") && fields.get(1) == Some(&of.to_string().as_str())
    };
    stats.filter(is_one).count()
}

#[test]
fn orphans_of_an_agent_are_waited_for_while_it_works() {
    let orphans = "for i in 1 2 3 4 5; do (sleep 0.1 &); done; sleep 0.5; touch ../orphans; ";
    let pool = Pool::new().agent("w", 1, &format!("{orphans}{UNTIL_GO}; {DONE}"));
    pool.repo.ready("work");
    pool.start();
    until("there are orphans", || pool.repo.outside().join("orphans").exists());
    let runner = pool.processes().into_iter().find(|(_, words)| words.contains("run-agent")).unwrap().0;
    until("none of them is left", || zombies(runner) == 0);
    pool.go();
    until("it is done", || pool.count("done") == 1);
    pool.assert_quiet();
}

#[test]
fn worktrees_are_taken_away_also_when_the_agent_is_to_have_none_any_more() {
    let mut pool = Pool::new().agent("w", 1, &format!("{UNTIL_GO}; {DONE}")).with("worktree", json!(true));
    pool.repo.ready("work");
    pool.start();
    pool.until_at_work(1);
    pool = pool.with("worktree", json!(false));
    pool.go();
    until("it is done", || pool.count("done") == 1);
    until("its worktree is gone", || pool.repo.jit(&["worktree", "list", "--json"]).ok().json()["count"] == 0);
    pool.assert_quiet();
}

#[test]
fn a_log_that_is_put_aside_is_followed_line_by_line() {
    // More than one part of a log.
    let script = "while [ ! -e ../go ]; do sleep 0.05; done; seq 1000000 2600000; ";
    let pool = Pool::new().agent("w", 1, &format!("{script}{DONE}"));
    let id = pool.repo.ready("work");
    pool.start();
    until("it has begun", || pool.repo.jit(&["coordinator", "logs", &id]).code == Some(0));
    let mut follower = pool.repo.run(&["coordinator", "logs", &id, "-f", "-n", "0"]).spawn();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    pool.go();
    let mut next = 1_000_000;
    for number in lines.filter_map(|line| line.parse::<u32>().ok()) {
        assert_eq!(number, next, "no line is left out");
        next += 1;
        if next > 2_600_000 {
            break;
        }
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    until("it is done", || pool.count("done") == 1);
}
