//! Leases under a fixed clock.

use serde_json::json;

use crate::support::{Output, Repo};

const NINE: &str = "2026-01-31T09:00:00.000Z";

fn at(repo: &Repo, clock: &str, agent: &str, args: &[&str]) -> Output {
    repo.run(args).env("JIT_CLOCK", format!("2026-01-31T{clock}.000Z")).env("JIT_AGENT", agent).output()
}

fn fixed() -> Repo {
    let repo = Repo::git_only();
    repo.run(&["init"]).env("JIT_CLOCK", NINE).output().ok();
    repo
}

#[test]
fn a_lapsed_claim_on_what_is_meant_for_another_is_passed_over() {
    let repo = Repo::new();
    let meant = repo.out(&["issue", "create", "meant for carol", "--ready", "--priority", "critical"]);
    let free = repo.ready("free");
    repo.jit_as("bot:a", &["issue", "claim", &meant, "--ttl", "1s"]).ok();
    repo.jit(&["issue", "assign", &meant, "bot:carol"]).ok();
    let clock = format!("offset:{}", repo.outside().join("later").display());
    let later =
        |actor: &str| repo.run(&["issue", "claim-next"]).env("JIT_AGENT", actor).env("JIT_CLOCK", &clock).output();
    std::fs::write(repo.outside().join("later"), "600000").unwrap();
    assert_eq!(later("bot:b").ok().text(), free);
    later("bot:b").code(7);
    assert_eq!(later("bot:carol").ok().text(), meant);
}

#[test]
fn a_lease_that_ran_out_lets_others_in_and_keeps_the_former_holder_out() {
    let repo = fixed();
    let id = at(&repo, "09:00:00", "human:x", &["issue", "create", "leased", "--ready"]).ok().text();
    at(&repo, "09:00:10", "bot:a", &["issue", "claim", &id, "--ttl", "10m"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["expires_at"], "2026-01-31T09:10:10.000Z");
    at(&repo, "09:10:30", "bot:b", &["issue", "claim", &id]).code(5);
    at(&repo, "09:11:09", "bot:b", &["issue", "claim-next"]).code(7);
    assert_eq!(at(&repo, "09:11:11", "bot:b", &["ready", "--json"]).ok().json()["count"], 1);
    assert_eq!(at(&repo, "09:11:11", "bot:b", &["issue", "claim-next"]).ok().text(), id);
    let claim = &repo.issue(&id)["claim"];
    assert_eq!((&claim["by"], &claim["generation"]), (&json!("bot:b"), &json!(2)));
    let events = repo.jit(&["events", "query", "--issue", &id, "--json"]).json_lines();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["issue.created", "issue.claimed", "claim.expired", "issue.claimed"]);
    at(&repo, "09:11:12", "bot:a", &["issue", "update", &id, "--state", "done"]).code(5);
    repo.assert_healthy();
}

#[test]
fn heartbeats_and_events_of_the_holder_renew_a_lease() {
    let repo = fixed();
    let id = at(&repo, "09:00:00", "human:x", &["issue", "create", "leased", "--ready"]).ok().text();
    at(&repo, "09:00:00", "bot:a", &["issue", "claim", &id, "--ttl", "10m"]).ok();
    at(&repo, "09:09:00", "bot:a", &["issue", "heartbeat", &id]).ok();
    assert_eq!(repo.issue(&id)["claim"]["expires_at"], "2026-01-31T09:19:00.000Z");
    at(&repo, "09:18:00", "bot:a", &["issue", "comment", &id, "still at it"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["expires_at"], "2026-01-31T09:28:00.000Z");
    at(&repo, "09:20:00", "bot:b", &["issue", "comment", &id, "not mine"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["expires_at"], "2026-01-31T09:28:00.000Z");
    // Nobody else came: the holder of a lease that ran out goes on.
    at(&repo, "09:40:00", "bot:a", &["issue", "heartbeat", &id]).ok();
    at(&repo, "09:41:00", "bot:b", &["issue", "claim", &id]).code(5);
}

#[test]
fn a_claim_without_a_lease_lasts() {
    let repo = fixed();
    let id = at(&repo, "09:00:00", "human:x", &["issue", "create", "kept", "--ready"]).ok().text();
    at(&repo, "09:00:00", "bot:a", &["issue", "claim", &id]).ok();
    at(&repo, "23:00:00", "bot:b", &["issue", "claim", &id]).code(5);
    let before = repo.tip();
    at(&repo, "23:00:00", "bot:a", &["issue", "heartbeat", &id]).ok();
    assert_eq!(repo.tip(), before, "there is nothing to renew");
}

#[test]
fn times_grow_from_commit_to_commit_whatever_the_clocks_say() {
    let repo = fixed();
    at(&repo, "10:00:00", "human:x", &["issue", "create", "ahead"]).ok();
    let late = at(&repo, "09:00:00", "human:x", &["issue", "create", "behind"]).ok();
    assert!(late.stderr.contains("60 minutes ahead"), "{late:#?}");
    let events = repo.jit(&["events", "tail", "-n", "1", "--json"]).json_lines();
    assert_eq!(events[0]["ts"], "2026-01-31T10:00:00.001Z");
    repo.assert_healthy();
}

#[test]
fn a_lease_has_a_sensible_length() {
    let repo = Repo::new();
    let id = repo.ready("one");
    for wrong in ["0s", "soon", "-5m", ""] {
        repo.jit(&["issue", "claim", &id, "a:b", &format!("--ttl={wrong}")]).code(2);
    }
    repo.jit(&["issue", "claim", &id, "a:b", "--ttl", "90000years"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["expires_at"], "9999-12-31T23:59:59.999Z");
}
