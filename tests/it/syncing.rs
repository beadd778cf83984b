//! One tracker in many clones: fetch, push, sync, merge over real git.

use std::fs;

use crate::support::{Fleet, Repo};

#[test]
fn a_clone_adopts_the_tracker_and_changes_travel_both_ways() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    assert_eq!(a.tip(), b.tip());
    let of_a = a.ready("of a");
    let of_b = b.ready("of b");
    let said = a.jit(&["sync", "--json"]).ok().json();
    assert_eq!((said["came"].as_u64(), said["went"].as_u64(), &said["merged"]), (Some(0), Some(1), &false.into()));
    let said = b.jit(&["sync", "--json"]).ok().json();
    // The other's change came; one's own and the merge went.
    assert_eq!((said["came"].as_u64(), said["went"].as_u64(), &said["merged"]), (Some(1), Some(2), &true.into()));
    assert_eq!(said["commit"].as_str(), Some(fleet.held().as_str()));
    fleet.settle();
    for id in [&of_a, &of_b] {
        assert_eq!(a.issue(id), b.issue(id));
    }
    let said = a.out(&["sync"]);
    assert!(said.starts_with("origin: 0 came, 0 went; at "), "{said}");
    b.assert_healthy();
}

#[test]
fn plain_git_fetch_brings_the_news_and_never_moves_the_tracker() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.ready("news");
    a.jit(&["sync"]).ok();
    let unpublished = b.ready("unpublished");
    let tip = b.tip();
    b.git(&["fetch", "--quiet"]).ok();
    assert_eq!(b.tip(), tip);
    assert_eq!(b.git(&["rev-parse", "refs/jit-remotes/origin"]).ok().text(), a.tip());
    b.jit(&["sync"]).ok();
    assert_eq!(b.issue(&unpublished)["title"], "unpublished");
    fleet.settle();
}

#[test]
fn fetch_joins_nothing_and_push_takes_only_what_builds_on_the_remote() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.ready("first");
    assert_eq!(a.jit(&["push", "--json"]).ok().json()["went"], 1);
    let tip = b.tip();
    let fetched = b.jit(&["fetch", "--json"]).ok().json();
    assert_eq!((fetched["new"].as_u64(), fetched["commit"].as_str()), (Some(1), Some(a.tip().as_str())));
    assert_eq!(b.tip(), tip);
    b.ready("second");
    let refused = b.jit(&["push", "--json"]).code(10);
    assert_eq!(refused.error_code(), "remote_moved");
    assert!(refused.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("jit sync")));
    b.jit(&["sync"]).ok();
    b.jit(&["push"]).ok();
    fleet.settle();
}

#[test]
fn two_trackers_that_began_apart_become_one() {
    let fleet = Fleet::without_tracker(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["init", "--no-remote"]).ok();
    b.jit(&["init", "--no-remote"]).ok();
    let (x, y) = (a.ready("x"), b.ready("y"));
    a.jit(&["config", "set", "claim.ttl", "1h"]).ok();
    a.jit(&["sync"]).ok();
    b.jit(&["sync"]).ok();
    fleet.settle();
    assert_eq!(b.issue(&x)["title"], "x");
    assert_eq!(a.issue(&y)["title"], "y");
    assert_eq!(b.out(&["config", "get", "claim.ttl"]), "1h");
    assert_eq!(a.jit(&["gate", "list", "--json"]).ok().json()["count"], 4);
}

#[test]
fn several_remotes_and_a_peer_hold_one_tracker() {
    let mut fleet = Fleet::new(2);
    let other = fleet.clones[0].beside("other.git");
    fleet.clones[0].git(&["init", "--quiet", "--bare", "../other.git"]).ok();
    fleet.clones[0].git(&["remote", "add", "other", "../other.git"]).ok();
    let x = fleet.clones[0].ready("x");
    fleet.clones[0].jit(&["sync", "other"]).ok();
    // A clone that knows only the first clone: a remote in which somebody works.
    fleet.join(&[]);
    let [a, b, peer] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2]];
    let path = a.path().to_str().expect("text").to_owned();
    peer.git(&["remote", "set-url", "origin", &path]).ok();
    peer.jit(&["init"]).ok();
    assert_eq!(peer.issue(&x)["title"], "x");
    let y = peer.ready("y");
    peer.jit(&["sync"]).ok();
    assert_eq!(a.jit(&["issue", "show", &y]).code, Some(3), "what was pushed to a clone waits for its own sync");
    a.jit(&["sync", "other"]).ok();
    assert_eq!(a.issue(&y)["title"], "y");
    a.jit(&["sync"]).ok();
    b.jit(&["sync"]).ok();
    peer.jit(&["sync"]).ok();
    let held = other.git(&["rev-parse", "refs/tracker/jit"]).ok().text();
    assert_eq!((a.tip(), b.tip(), peer.tip()), (held.clone(), held.clone(), held));
}

#[test]
fn a_clone_without_remotes_takes_in_what_was_pushed_to_it() {
    let a = Repo::new();
    let path = a.path().to_str().expect("text").to_owned();
    a.git_in(a.outside(), &["clone", "--quiet", &path, "peer"]).ok();
    let peer = a.beside("peer");
    peer.jit(&["init"]).ok();
    let y = peer.ready("y");
    peer.jit(&["sync"]).ok();
    a.jit(&["sync"]).ok();
    assert_eq!(a.issue(&y)["title"], "y");
    peer.jit(&["sync"]).ok();
    assert_eq!(a.tip(), peer.tip());
}

#[test]
fn without_a_remote_or_a_way_to_it_the_error_says_so_and_nothing_moves() {
    let repo = Repo::new();
    let tip = repo.tip();
    for command in ["sync", "fetch", "push"] {
        assert_eq!(repo.jit(&[command, "--json"]).code(10).error_code(), "no_remote");
        assert_eq!(repo.jit(&[command, "nowhere", "--json"]).code(3).error_code(), "no_remote");
    }
    repo.git(&["remote", "add", "origin", "../missing"]).ok();
    for command in ["sync", "fetch", "push"] {
        let failed = repo.jit(&[command, "--json"]).code(10);
        assert_eq!(failed.error_code(), "remote_unreachable");
        assert_eq!(failed.json()["error"]["retryable"], true);
    }
    assert_eq!(repo.tip(), tip);
    // A remote is there, a tracker is not: that is not a failure of the remote.
    repo.git(&["init", "--quiet", "--bare", "../missing"]).ok();
    assert_eq!(repo.jit(&["fetch", "--json"]).ok().json()["commit"], serde_json::Value::Null);
}

#[test]
fn another_ref_on_the_remote_can_be_chosen() {
    let fleet = Fleet::without_tracker(2);
    for clone in &fleet.clones {
        clone.git(&["config", "jit.remoteRef", "refs/heads/jit"]).ok();
    }
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["init"]).ok();
    a.jit(&["sync"]).ok();
    b.jit(&["init"]).ok();
    assert_eq!(a.tip(), b.tip());
    assert_eq!(fleet.hub.git(&["rev-parse", "refs/heads/jit"]).ok().text(), a.tip());
    for wrong in ["refs/jit", "refs/x y/z", "main", "refs/jit-remotes/x"] {
        a.git(&["config", "jit.remoteRef", wrong]).ok();
        assert_eq!(a.jit(&["sync", "--json"]).code(2).error_code(), "bad_configuration", "{wrong}");
    }
}

#[test]
fn merge_joins_any_commit_that_holds_a_tracker_and_no_other() {
    let a = Repo::new();
    let b = a.beside("apart");
    a.git_in(a.outside(), &["init", "--quiet", "apart"]).ok();
    b.jit(&["init"]).ok();
    let x = b.ready("x");
    let path = b.path().to_str().expect("text").to_owned();
    a.git(&["fetch", "--quiet", &path, "refs/jit:refs/other/x"]).ok();
    let joined = a.jit(&["merge", "refs/other/x", "--json"]).ok().json();
    assert_eq!(joined["merged"], true);
    assert_eq!(a.issue(&x)["title"], "x");
    assert_eq!(a.jit(&["merge", "refs/other/x", "--json"]).ok().json()["came"], 0);
    let tip = a.tip();
    assert_eq!(a.jit(&["merge", "HEAD", "--json"]).code(4).error_code(), "no_tracker");
    assert_eq!(a.jit(&["merge", "nonsense", "--json"]).code(3).error_code(), "revision_not_found");
    assert_eq!(a.tip(), tip);
    a.assert_healthy();
}

#[test]
fn the_log_in_the_mirror_is_in_order_after_a_merge() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    for n in 0..3 {
        a.ready(&format!("a {n}"));
        b.ready(&format!("b {n}"));
    }
    fleet.settle();
    let log = |repo: &Repo| fs::read_to_string(repo.path().join(".jit/events.jsonl")).expect("the mirror has a log");
    assert_eq!(log(a), log(b));
    let times: Vec<String> = log(a)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an event a line")["ts"].to_string())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times.len(), log(a).lines().count());
    // As a mirror that is written from nothing has it.
    fs::remove_dir_all(a.path().join(".jit")).expect("the mirror can be removed");
    a.jit(&["mirror", "refresh"]).ok();
    assert_eq!(log(a), log(b));
}

#[test]
fn a_tracker_that_was_replaced_on_the_remote_is_not_taken_in_unasked() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let kept = a.ready("kept");
    a.jit(&["sync"]).ok();
    // Somebody puts a tracker there that has nothing to do with it.
    let c = a.beside("apart");
    a.git_in(a.outside(), &["init", "--quiet", "apart"]).ok();
    c.jit(&["init"]).ok();
    c.git(&["push", "--quiet", "--force", "../hub.git", "refs/jit:refs/tracker/jit"]).ok();
    let tip = a.tip();
    let refused = a.jit(&["sync", "--json"]).code(10);
    assert_eq!(refused.error_code(), "remote_rewritten");
    let details = &refused.json()["error"]["details"];
    assert_eq!((details["was"].as_str(), details["is"].as_str()), (Some(tip.as_str()), Some(c.tip().as_str())));
    assert_eq!(a.tip(), tip);
    // Whoever looked at it can take it in, and goes on from there.
    a.jit(&["merge", "refs/jit-remotes/origin"]).ok();
    a.jit(&["sync"]).ok();
    b.jit(&["sync"]).ok();
    assert_eq!(b.issue(&kept)["title"], "kept");
}

#[test]
fn what_a_remote_has_lost_is_put_back() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let before = fleet.held();
    a.ready("x");
    a.jit(&["sync"]).ok();
    let tip = a.tip();
    // The hub comes back from an older backup.
    fleet.hub.git(&["update-ref", "refs/tracker/jit", &before]).ok();
    assert!(a.jit(&["sync"]).ok().stderr.contains("has lost changes"));
    assert_eq!(fleet.held(), tip);
    // Somebody pushed with --mirror from a clone without a tracker.
    fleet.hub.git(&["update-ref", "-d", "refs/tracker/jit"]).ok();
    assert!(a.jit(&["sync"]).ok().stderr.contains("is gone"));
    assert_eq!(fleet.held(), tip);
    b.jit(&["sync"]).ok();
    assert_eq!(b.tip(), tip);
}

#[test]
fn a_criss_cross_of_merges_is_joined_from_both_its_bases() {
    let repo = Repo::new();
    let id = repo.ready("x");
    let at = |commit: &str, args: &[&str]| {
        repo.git(&["update-ref", "refs/jit", commit]).ok();
        repo.jit(args).ok();
        repo.tip()
    };
    let base = repo.tip();
    let a1 = at(&base, &["issue", "update", &id, "--label", "+a1"]);
    let b1 = at(&base, &["issue", "update", &id, "--label", "+b1"]);
    let a2 = at(&a1, &["issue", "update", &id, "--label", "-a1", "--title", "of a"]);
    let b2 = at(&b1, &["issue", "update", &id, "--label", "+b2"]);
    // Each side has joined the other's first change, and gone on.
    let x = at(&a2, &["merge", &b1]);
    let y = at(&b2, &["merge", &a1]);
    let bases = repo.git(&["merge-base", "--all", &x, &y]).ok().stdout;
    assert_eq!(bases.lines().count(), 2, "{bases}");
    let joined = at(&x, &["merge", &y]);
    assert_eq!(at(&y, &["merge", &x]), joined, "whoever joins them makes the same commit");
    let issue = repo.issue(&id);
    // What was taken away on one side was no addition of the other.
    assert_eq!((&issue["labels"], &issue["title"]), (&serde_json::json!(["b1", "b2"]), &"of a".into()));
    repo.assert_healthy();
    assert_eq!(repo.git(&["cat-file", "-t", "refs/jit"]).ok().text(), "commit");
}

#[test]
fn rubbish_that_was_pushed_here_keeps_no_sync_with_others() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    a.git(&["update-ref", "refs/tracker/jit", "HEAD"]).ok();
    a.ready("x");
    let synced = a.jit(&["sync"]).ok();
    assert!(synced.stderr.contains("left out what was pushed here"), "{synced:?}");
    assert_eq!(fleet.held(), a.tip());
}

#[test]
fn a_helper_that_lives_on_costs_no_answer() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    // As a shared ssh connection does, it keeps its end of the pipe for errors open.
    let hub = fleet.hub.path().display().to_string();
    a.write("../reach", format!("#!/bin/sh\nsleep 20 < /dev/null > /dev/null &\nexec git \"$1\" {hub}\n"));
    a.run_script("chmod +x ../reach");
    a.git(&["config", "protocol.ext.allow", "always"]).ok();
    let reach = a.outside().join("reach").display().to_string();
    a.git(&["remote", "set-url", "origin", &format!("ext::{reach} %s")]).ok();
    a.ready("x");
    let started = std::time::Instant::now();
    a.jit(&["sync"]).ok();
    assert!(started.elapsed() < std::time::Duration::from_secs(15), "it waits for nobody who only lives on");
    assert_eq!(fleet.held(), a.tip());
}

#[test]
fn a_lock_that_a_killed_git_left_on_what_was_seen_stops_nobody() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.write(".git/refs/jit-remotes/origin.lock", "");
    let id = b.ready("x");
    b.jit(&["sync"]).ok();
    a.ready("y");
    a.jit(&["sync"]).ok();
    assert_eq!((a.issue(&id)["title"].as_str(), fleet.held()), (Some("x"), a.tip()));
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    // An old one is taken away.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    let lock = a.path().join(".git/refs/jit-remotes/origin.lock");
    fs::File::open(&lock).expect("it is there").set_modified(old).expect("it can be made older");
    a.jit(&["sync"]).ok();
    assert!(!lock.exists());
    assert_eq!(a.git(&["rev-parse", "refs/jit-remotes/origin"]).ok().text(), a.tip());
}
