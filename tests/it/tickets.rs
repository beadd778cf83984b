//! What stands for a claim on the remote: that it goes when the claim ends, and is found when a process did not live to
//! see to it.

use serde_json::Value;

use crate::support::{Fleet, Repo, claim, until};

#[test]
fn release_and_finish_are_told_and_the_ticket_goes() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, y) = (a.ready("x"), a.ready("y"));
    a.jit(&["sync"]).ok();
    claim(a, "bot:a", &x, &[]).ok();
    claim(a, "bot:a", &y, &[]).ok();
    assert_eq!(fleet.tickets(), 2);
    a.jit_as("bot:a", &["issue", "release", &x]).ok();
    a.jit_as("bot:a", &["issue", "update", &y, "--state", "done"]).ok();
    assert_eq!(fleet.tickets(), 0);
    let again = claim(b, "bot:b", &x, &[]).ok().json();
    assert_eq!((again["claim"]["generation"].as_u64(), &again["scope"]), (Some(2), &"remote".into()));
    assert_eq!(claim(b, "bot:b", &y, &[]).code(4).error_code(), "not_claimable");
    fleet.settle();
    assert_eq!(a.issue(&x)["claim"]["by"], "bot:b");
}

#[test]
fn a_released_claim_never_comes_back() {
    let fleet = Fleet::new(3);
    let [a, b, c] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2]];
    let id = a.ready("x");
    fleet.settle();
    claim(a, "bot:a", &id, &[]).ok();
    a.jit(&["sync"]).ok();
    b.jit(&["sync"]).ok();
    // The remote cannot be told of the release: the ticket stays behind.
    a.git(&["remote", "set-url", "origin", "../nowhere"]).ok();
    assert!(a.jit_as("bot:a", &["issue", "release", &id]).ok().stderr.contains("jit sync tells them"));
    a.git(&["remote", "set-url", "origin", "../hub.git"]).ok();
    // Changes of others about the issue, made while it was held, do not bring the claim back.
    b.jit(&["issue", "comment", &id, "hm"]).ok();
    b.jit(&["sync"]).ok();
    assert_eq!(fleet.tickets(), 1);
    assert_eq!(claim(c, "bot:c", &id, &[]).code(5).error_code(), "claimed_by_other");
    a.jit(&["sync"]).ok();
    assert_eq!(fleet.tickets(), 0);
    let again = claim(c, "bot:c", &id, &[]).ok().json();
    assert_eq!(again["claim"]["generation"], 2);
    // Somebody puts the old ticket back: the tracker has gone past it.
    fleet.settle();
    c.jit_as("bot:c", &["issue", "release", &id]).ok();
    let old = again["object"].as_str().expect("an id").to_owned();
    fleet.hub.git(&["update-ref", &format!("refs/tracker/claims/{id}"), &old]).ok();
    assert_eq!(claim(b, "bot:b", &id, &[]).ok().json()["claim"]["generation"], 3);
    fleet.settle();
    assert_eq!(a.issue(&id)["claim"]["by"], "bot:b");
}

#[test]
fn the_ticket_of_a_dead_clone_is_taken_over_when_its_lease_has_ended() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    let at = |repo: &Repo, who: &str, clock: &str| {
        let run = repo.run(&["issue", "claim", &id, "--ttl", "10m", "--json"]);
        run.env("JIT_AGENT", who).env("JIT_CLOCK", clock).output()
    };
    // The tracker of the dead clone was never synced: only its ticket is known.
    at(a, "bot:a", "2030-01-01T12:00:00Z").ok();
    assert_eq!(at(b, "bot:b", "2030-01-01T12:05:00Z").code(5).error_code(), "claimed_by_other");
    assert_eq!(
        at(b, "bot:b", "2030-01-01T12:10:30Z").code(5).error_code(),
        "claimed_by_other",
        "a minute of allowance"
    );
    let taken = at(b, "bot:b", "2030-01-01T12:12:00Z").ok().json();
    assert_eq!((taken["claim"]["generation"].as_u64(), &taken["scope"]), (Some(2), &"remote".into()));
    // The dead one comes back: its claim is passed, and its holder is told so.
    let token = a.issue(&id)["claim"]["token"].as_str().expect("a token").to_owned();
    b.jit(&["sync"]).ok();
    let said = a.jit(&["sync", "--json"]).ok().json();
    assert_eq!(said["claims_lost"][0]["by"], "bot:a");
    let late = a.run(&["issue", "update", &id, "--state", "done"]).env("JIT_AGENT", "bot:a").env("JIT_CLAIM", &token);
    assert_eq!(late.output().code, Some(5));
    fleet.settle();
    assert_eq!(a.issue(&id)["claim"]["by"], "bot:b");
}

#[test]
fn a_heartbeat_renews_the_ticket_too() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    let run = |repo: &Repo, who: &str, clock: &str, args: &[&str]| {
        repo.run(args).env("JIT_AGENT", who).env("JIT_CLOCK", clock).output()
    };
    run(a, "bot:a", "2030-01-01T12:00:00Z", &["issue", "claim", &id, "--ttl", "10m"]).ok();
    run(a, "bot:a", "2030-01-01T12:09:00Z", &["issue", "heartbeat", &id]).ok();
    let take = ["issue", "claim", &id, "--json"];
    assert_eq!(run(b, "bot:b", "2030-01-01T12:15:00Z", &take).code(5).error_code(), "claimed_by_other");
    run(b, "bot:b", "2030-01-01T12:21:00Z", &take).ok();
    // Whoever was too late is told by the next heartbeat.
    let late = run(a, "bot:a", "2030-01-01T12:22:00Z", &["issue", "heartbeat", &id, "--json"]).code(5);
    assert_eq!(late.error_code(), "claim_superseded");
    fleet.settle();
}

#[test]
fn a_heartbeat_that_was_cut_off_locks_nobody_out() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    claim(a, "bot:a", &id, &["--ttl", "1h"]).ok();
    // What the remote was told, and the tracker was not: the same claim under another object.
    let name = format!("refs/tracker/claims/{id}");
    let ticket =
        fleet.hub.git(&["cat-file", "blob", &name]).ok().stdout.replace("expires_at\": \"2", "expires_at\": \"3");
    fleet.hub.write("renewed", &ticket);
    let object = fleet.hub.git(&["hash-object", "-w", "renewed"]).ok().text();
    fleet.hub.git(&["update-ref", &name, &object]).ok();
    a.jit_as("bot:a", &["issue", "heartbeat", &id]).ok();
    a.jit_as("bot:a", &["issue", "release", &id]).ok();
    assert_eq!(fleet.tickets(), 0);
}

#[test]
fn a_ticket_that_is_none_is_named_and_holds_up_no_other_issue() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, y) = (a.ready("x"), a.ready("y"));
    fleet.settle();
    fleet.hub.write("rubbish", "no ticket");
    let object = fleet.hub.git(&["hash-object", "-w", "rubbish"]).ok().text();
    fleet.hub.git(&["update-ref", &format!("refs/tracker/claims/{x}"), &object]).ok();
    let refused = claim(a, "bot:a", &x, &[]).code(10);
    assert_eq!(refused.error_code(), "remote_unusable");
    assert!(refused.json()["error"]["message"].as_str().is_some_and(|text| text.contains(&x)), "{refused:?}");
    assert_eq!(b.jit_as("bot:b", &["issue", "claim-next"]).ok().text(), y);
    claim(a, "bot:a", &x, &["--force"]).ok();
    fleet.settle();
    assert_eq!(b.issue(&x)["claim"]["by"], "bot:a");
}

#[test]
fn a_claim_that_was_killed_in_the_middle_is_made_by_the_next_try() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    let hook = fleet.hub.path().join("hooks/post-receive");
    std::fs::write(&hook, "#!/bin/sh\ntouch arrived\nsleep 1\n").expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("it can be made to run");
    let mut child = a.run(&["issue", "claim", &id, "--op-id", "k"]).env("JIT_AGENT", "bot:a").spawn();
    until("it has arrived", || fleet.hub.path().join("arrived").exists());
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    std::fs::remove_file(&hook).expect("the hook goes");
    assert_eq!(fleet.tickets(), 1);
    assert_eq!(claim(a, "bot:a", &id, &["--op-id", "k"]).ok().json()["scope"], "remote");
    fleet.settle();
    assert_eq!(b.issue(&id)["claim"]["by"], "bot:a");
}

#[test]
fn a_check_that_fails_for_another_reason_does_not_change_how_claims_are_made() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    a.git(&["remote", "set-url", "--push", "origin", "../nowhere"]).ok();
    a.jit(&["remote", "check"]).code(10);
    a.git(&["remote", "set-url", "--push", "origin", "../hub.git"]).ok();
    assert!(claim(a, "bot:a", &id, &[]).ok().json()["object"].is_string());
}

#[test]
fn what_a_killed_claim_left_goes_though_others_were_made_unseen_since() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    claim(a, "bot:a", &id, &[]).ok();
    // As after a kill between the ticket and the claim: the tracker knows nothing of it.
    let before = a.git(&["rev-parse", "refs/jit~1"]).ok().text();
    let name = format!("refs/tracker/claims/{id}");
    let object = fleet.hub.git(&["rev-parse", &name]).ok().text();
    let ticket: Value =
        serde_json::from_str(&fleet.hub.git(&["cat-file", "blob", &name]).ok().stdout).expect("a ticket");
    a.git(&["update-ref", "refs/jit", &before]).ok();
    let intent = serde_json::json!({ "remote": "origin", "name": name, "ticket": ticket, "object": object });
    let nonce = ticket["nonce"].as_str().expect("a nonce");
    a.write(&format!(".git/jit/claims/{nonce}.json"), intent.to_string());
    for _ in 0..2 {
        claim(a, "bot:a", &id, &["--local", "--force"]).ok();
        a.jit_as("bot:a", &["issue", "release", &id]).ok();
    }
    a.jit(&["sync"]).ok();
    b.jit(&["sync"]).ok();
    claim(b, "bot:b", &id, &[]).ok();
}
