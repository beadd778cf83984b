//! Claims on a remote: of any number of clones exactly one wins.

use std::process::Child;

use serde_json::Value;

use crate::support::{Fleet, Repo, claim};

fn ended(child: Child) -> (Option<i32>, Value) {
    let output = child.wait_with_output().expect("jit ends");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("one document"))
}

#[test]
fn of_six_clones_that_claim_one_issue_one_wins() {
    let rounds = std::env::var("JIT_RACE_ROUNDS").map_or(20, |text| text.parse().expect("a number"));
    let fleet = Fleet::new(6);
    for round in 0..rounds {
        let id = fleet.clones[0].ready(&format!("round {round}"));
        fleet.settle();
        let start = |(n, clone): (usize, &Repo)| {
            clone.run(&["issue", "claim", &id, "--sync", "--json"]).env("JIT_AGENT", format!("bot:{n}")).spawn()
        };
        let children: Vec<Child> = fleet.clones.iter().enumerate().map(start).collect();
        let ends: Vec<(Option<i32>, Value)> = children.into_iter().map(ended).collect();
        let winners: Vec<&Value> = ends.iter().filter(|(code, _)| *code == Some(0)).map(|(_, said)| said).collect();
        assert_eq!(winners.len(), 1, "round {round}: {ends:#?}");
        assert_eq!((&winners[0]["scope"], winners[0]["claim"]["generation"].as_u64()), (&"remote".into(), Some(1)));
        let held = fleet.hub.git(&["rev-parse", &format!("refs/tracker/claims/{id}")]).ok().text();
        assert_eq!(winners[0]["object"], held.as_str());
        for (code, said) in ends.iter().filter(|(code, _)| *code != Some(0)) {
            assert_eq!((*code, &said["error"]["code"]), (Some(5), &"claimed_by_other".into()), "{said}");
        }
    }
    fleet.settle();
    let held = fleet.clones[3].jit(&["query", "state", "in_progress", "--json"]).ok().json();
    assert_eq!(held["count"].as_u64(), Some(rounds), "each claim arrived everywhere");
    let lost = fleet.clones[0].jit(&["events", "query", "--type", "claim.lost", "--json"]).ok();
    assert_eq!(lost.stdout, "", "no claim that was won is lost");
}

#[test]
fn a_shared_tracker_claims_on_the_remote_unless_told_otherwise() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, y, z) = (a.ready("x"), a.ready("y"), a.ready("z"));
    a.jit(&["sync"]).ok();
    assert_eq!(claim(a, "bot:a", &x, &[]).ok().json()["scope"], "remote");
    // Nothing was synced since, and yet the other clone knows.
    let refused = claim(b, "bot:b", &x, &[]).code(5);
    assert_eq!(refused.json()["error"]["details"]["claim"]["by"], "bot:a");
    assert_eq!(claim(b, "bot:b", &y, &["--local"]).ok().json()["scope"], "local");
    a.jit(&["config", "set", "claim.scope", "local"]).ok();
    assert_eq!(claim(a, "bot:a", &z, &[]).ok().json()["scope"], "local");
    assert_eq!(fleet.tickets(), 1);
    // A tracker of one's own is not asked about remotes.
    let alone = Repo::new();
    let id = alone.ready("alone");
    assert_eq!(claim(&alone, "bot:a", &id, &[]).ok().json()["scope"], "local");
    let other = alone.ready("other");
    assert_eq!(claim(&alone, "bot:a", &other, &["--sync"]).code(10).error_code(), "no_remote");
    alone.jit(&["config", "set", "claim.scope", "remote"]).ok();
    let refused = claim(&alone, "bot:a", &other, &[]).code(10);
    assert!(refused.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("--local")));
    assert_eq!(claim(&alone, "bot:a", &other, &["--sync", "--local"]).code(2).error_code(), "usage");
}

#[test]
fn a_remote_that_cannot_be_reached_is_no_silent_local_win() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.git(&["remote", "set-url", "origin", "../nowhere"]).ok();
    let tip = a.tip();
    for args in [vec!["issue", "claim", &id, "--json"], vec!["issue", "claim-next", "--json"]] {
        let refused = a.jit_as("bot:a", &args).code(10);
        assert_eq!(refused.error_code(), "remote_unreachable");
        assert!(refused.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("--local")), "{refused:?}");
    }
    assert_eq!(a.tip(), tip);
    assert_eq!(a.issue(&id)["claim"], Value::Null);
}

#[test]
fn clones_that_ask_for_the_next_issue_each_get_another() {
    let fleet = Fleet::new(4);
    let ids: Vec<String> = (0..8).map(|n| fleet.clones[0].ready(&format!("{n}"))).collect();
    fleet.settle();
    let start = |n: usize| {
        let run = fleet.clones[n % 4].run(&["issue", "claim-next", "--sync", "--json"]);
        run.env("JIT_AGENT", format!("bot:{n}")).spawn()
    };
    let children: Vec<Child> = (0..8).map(start).collect();
    let ends: Vec<(Option<i32>, Value)> = children.into_iter().map(ended).collect();
    let mut got: Vec<&str> =
        ends.iter().map(|(_, said)| said["id"].as_str().unwrap_or_else(|| panic!("{said}"))).collect();
    got.sort_unstable();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    assert_eq!(got, ids);
    assert_eq!(fleet.clones[0].jit(&["issue", "claim-next", "--json"]).code(7).error_code(), "nothing_ready");
    fleet.settle();
    assert_eq!(fleet.clones[2].jit(&["query", "state", "in_progress", "--json"]).ok().json()["count"], 8);
}

#[test]
fn where_a_host_takes_no_claim_refs_the_trackers_own_ref_decides() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new(4);
    let hook = fleet.hub.path().join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\ncase $1 in refs/tracker/claims/*) exit 1;; esac\n").expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("it can be made to run");
    let id = fleet.clones[0].ready("x");
    fleet.settle();
    let start = |(n, clone): (usize, &Repo)| {
        clone.run(&["issue", "claim", &id, "--json"]).env("JIT_AGENT", format!("bot:{n}")).spawn()
    };
    let children: Vec<Child> = fleet.clones.iter().enumerate().map(start).collect();
    let ends: Vec<(Option<i32>, Value)> = children.into_iter().map(ended).collect();
    let winners: Vec<&Value> = ends.iter().filter(|(code, _)| *code == Some(0)).map(|(_, said)| said).collect();
    assert_eq!(winners.len(), 1, "{ends:#?}");
    assert_eq!((&winners[0]["scope"], &winners[0]["object"]), (&"remote".into(), &Value::Null));
    assert!(ends.iter().all(|(code, _)| matches!(code, Some(0 | 5))), "{ends:#?}");
    fleet.settle();
    assert_eq!(fleet.clones[1].issue(&id)["claim"]["by"], winners[0]["claim"]["by"]);
    // A claim that could not be told to the others is given back.
    let y = fleet.clones[0].ready("y");
    let hook_all = "#!/bin/sh\ncase $1 in refs/tracker/*) exit 1;; esac\n";
    std::fs::write(&hook, hook_all).expect("a hook");
    assert_eq!(claim(&fleet.clones[0], "bot:a", &y, &[]).code(10).error_code(), "remote_refused");
    assert_eq!(fleet.clones[0].issue(&y)["state"], "ready");
}

#[test]
fn a_repeated_claim_is_one_claim() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    let first = claim(a, "bot:a", &id, &["--op-id", "k", "--ttl", "1h"]).ok().json();
    let again = claim(a, "bot:a", &id, &["--op-id", "k", "--ttl", "1h"]).ok().json();
    assert_eq!(first["claim"]["token"], again["claim"]["token"]);
    assert_eq!(claim(a, "bot:a", &id, &[]).code(5).error_code(), "already_held");
    let token = first["claim"]["token"].as_str().expect("a token").to_owned();
    let run = a.run(&["issue", "claim", &id, "--json"]).env("JIT_AGENT", "bot:a").env("JIT_CLAIM", token);
    assert_eq!(run.output().ok().json()["claim"]["generation"], 1);
    assert_eq!(fleet.tickets(), 1);
}

#[test]
fn a_claim_made_on_the_remote_stands_before_one_made_unseen() {
    let fleet = Fleet::new(3);
    let [a, b, c] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2]];
    let id = a.ready("x");
    fleet.settle();
    claim(a, "bot:a", &id, &["--local"]).ok();
    assert_eq!(claim(b, "bot:b", &id, &[]).ok().json()["scope"], "remote");
    b.jit(&["sync"]).ok();
    assert_eq!(a.jit(&["sync", "--json"]).ok().json()["claims_lost"][0]["by"], "bot:a");
    fleet.settle();
    assert_eq!(c.issue(&id)["claim"]["by"], "bot:b");
    b.jit_as("bot:b", &["issue", "release", &id]).ok();
    assert_eq!(fleet.tickets(), 0);
    claim(c, "bot:c", &id, &[]).ok();
    fleet.settle();
}

#[test]
fn who_lost_a_claim_in_a_merge_of_somebody_else_is_told_by_the_sync_that_brings_it() {
    let fleet = Fleet::new(3);
    let [a, b, c] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2]];
    let id = a.ready("x");
    fleet.settle();
    claim(a, "bot:a", &id, &["--local"]).ok();
    claim(b, "bot:b", &id, &[]).ok();
    // The merge is made by the clone that did not hear of it before.
    a.jit(&["push"]).ok();
    let merging = b.jit(&["sync", "--json"]).ok().json();
    assert_eq!((&merging["merged"], &merging["claims_lost"][0]["by"]), (&true.into(), &"bot:a".into()));
    let told = a.jit(&["sync", "--json"]).ok();
    assert_eq!((&told.json()["merged"], &told.json()["claims_lost"][0]["by"]), (&false.into(), &"bot:a".into()));
    assert!(told.stderr.contains("bot:a has lost the claim of"), "{}", told.stderr);
    // It is no news to a clone that never knew of that claim, nor told twice.
    assert_eq!(c.jit(&["sync", "--json"]).ok().json()["claims_lost"], serde_json::json!([]));
    assert_eq!(a.jit(&["sync", "--json"]).ok().json()["claims_lost"], serde_json::json!([]));
}

#[test]
fn claims_go_to_the_remote_that_shares_the_tracker_whatever_its_name() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    a.git(&["remote", "rename", "origin", "team/hub"]).ok();
    a.git(&["fetch", "--quiet", "team/hub"]).ok();
    a.git(&["update-ref", "-d", "refs/jit-remotes/origin"]).ok();
    a.jit(&["sync", "team/hub"]).ok();
    a.git(&["init", "--quiet", "--bare", "../code.git"]).ok();
    a.git(&["remote", "add", "origin", "../code.git"]).ok();
    assert_eq!(claim(a, "bot:a", &id, &[]).ok().json()["scope"], "remote");
    a.jit_as("bot:a", &["issue", "release", &id]).ok();
    assert_eq!(fleet.tickets(), 0);
    assert_eq!(a.beside("code.git").git(&["for-each-ref"]).ok().stdout, "", "a remote for code alone gets no tracker");
}

#[test]
fn a_clone_that_is_others_hub_sees_what_they_hold() {
    let a = Repo::new();
    let (x, y) = (a.ready("x"), a.ready("y"));
    let path = a.path().to_str().expect("text").to_owned();
    a.git_in(a.outside(), &["clone", "--quiet", &path, "peer"]).ok();
    let peer = a.beside("peer");
    peer.jit(&["init"]).ok();
    peer.jit(&["sync"]).ok();
    claim(&peer, "bot:p", &x, &[]).ok();
    assert_eq!(claim(&a, "bot:a", &x, &[]).code(5).error_code(), "claimed_by_other");
    assert_eq!(a.jit_as("bot:a", &["issue", "claim-next"]).ok().text(), y);
}

#[test]
fn going_to_work_by_state_is_a_claim_for_all_clones() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    a.jit_as("bot:a", &["issue", "update", &id, "--state", "in_progress", "--title", "y"]).ok();
    assert_eq!(claim(b, "bot:b", &id, &[]).code(5).error_code(), "claimed_by_other");
    assert_eq!((&a.issue(&id)["scope"], &a.issue(&id)["title"]), (&"remote".into(), &"y".into()));
}

#[test]
fn a_claim_on_the_remote_stands_before_any_number_of_unseen_ones() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    claim(a, "bot:a", &id, &[]).ok();
    claim(b, "bot:b", &id, &["--local"]).ok();
    b.jit_as("bot:b", &["issue", "release", &id]).ok();
    claim(b, "bot:b", &id, &["--local"]).ok();
    b.jit(&["sync"]).ok();
    a.jit(&["sync"]).ok();
    fleet.settle();
    assert_eq!((&a.issue(&id)["claim"]["by"], fleet.tickets()), (&"bot:a".into(), 1));
    a.jit_as("bot:a", &["issue", "heartbeat", &id]).ok();
    a.jit_as("bot:a", &["issue", "update", &id, "--state", "done"]).ok();
    assert_eq!(fleet.tickets(), 0);
}
