//! A hub that judges what is pushed to it.

use serde_json::Value;

use crate::support::{Fleet, Output, Repo};

/// A hub with its hook, and clones.
fn guarded(count: usize) -> Fleet {
    let fleet = Fleet::without_tracker(count);
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    fleet.clones[0].jit(&["init"]).ok();
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.clones[1..].iter().for_each(|clone| drop(clone.jit(&["init"]).ok()));
    fleet
}

/// Pushes the tracker by hand, as a client that goes its own way would.
fn push(repo: &Repo) -> Output {
    repo.git(&["push", "--no-verify", "origin", "refs/jit:refs/tracker/jit"])
}

/// Whether a push was refused by this rule, and the hub is as it was.
#[track_caller]
fn refused(fleet: &Fleet, output: &Output, before: &str, rule: &str) {
    assert_ne!(output.code, Some(0), "{output:#?}");
    assert!(output.stderr.contains(&format!("jit: rule {rule}")), "{output:#?}");
    assert_eq!(fleet.held(), before);
}

/// Rewrites a document of the tracker behind its back, with these events in the same commit.
fn plant(repo: &Repo, id: &str, change: impl Fn(&mut Value), events: &Value) {
    let mut issue: Value = serde_json::from_str(&stored(repo, id)).expect("a document");
    change(&mut issue);
    let document = serde_json::to_string_pretty(&issue).expect("JSON") + "\n";
    let events = serde_json::to_string_pretty(events).expect("JSON") + "\n";
    let path = format!("issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
    repo.plant(&[("100644", &path, document.as_bytes()), ("100644", "events.json", events.as_bytes())]);
}

fn stored(repo: &Repo, id: &str) -> String {
    let path = format!("refs/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
    repo.git(&["cat-file", "blob", &path]).ok().stdout
}

#[test]
fn honest_work_goes_through_whatever_it_is() {
    let fleet = guarded(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, y) = (a.ready("x"), a.ready("y"));
    a.gate("quick", "true", &[]);
    a.jit(&["gate", "add", &x, "quick", "review"]).ok();
    a.jit(&["sync"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &x, "--ttl", "1h"]).ok();
    a.jit_as("bot:a", &["gate", "run", &x]).ok();
    a.jit_as("bot:a", &["issue", "update", &x, "--state", "gated"]).ok();
    a.jit(&["gate", "pass", &x, "review", "--by", "human:lead"]).ok();
    b.jit_as("bot:b", &["issue", "claim", &y]).ok();
    b.jit(&["issue", "claim", &y, "bot:c", "--force"]).ok();
    b.jit(&["issue", "ask", &y, "why?"]).ok();
    b.jit(&["issue", "answer", &y, "because"]).ok();
    a.jit(&["dep", "add", &y, &x]).ok();
    a.jit(&["config", "set", "claim.ttl", "1h"]).ok();
    fleet.settle();
    assert_eq!(b.issue(&x)["state"], "done");
    a.jit(&["issue", "delete", &y]).ok();
    fleet.settle();
    // The hub itself can be asked.
    assert_eq!(fleet.hub.jit(&["list", "--json"]).ok().json()["count"], 1);
    assert_eq!(fleet.hub.out(&["config", "get", "claim.ttl"]), "1h");
    assert_eq!(fleet.hub.jit(&["hooks", "status", "--json"]).ok().json()["hooks"][0]["reached"], true);
    assert!(!fleet.hub.path().join(".jit").exists());
    fleet.hub.jit(&["fsck"]).ok();
    fleet.hub.jit(&["hooks", "uninstall"]).ok();
    assert!(!fleet.hub.path().join("hooks/pre-receive").exists());
}

#[test]
fn a_bare_hub_is_read_by_the_name_of_its_ref() {
    let fleet = Fleet::new(1);
    fleet.clones[0].ready("x");
    fleet.clones[0].jit(&["sync"]).ok();
    assert_eq!(fleet.hub.jit(&["list"]).code, Some(3));
    let named = fleet.hub.run(&["list", "--json"]).env("JIT_REF", "refs/tracker/jit").output();
    assert_eq!(named.ok().json()["count"], 1);
    let wrong = fleet.hub.run(&["list", "--json"]).env("JIT_REF", "refs/heads/main").output();
    assert_eq!(wrong.code(2).error_code(), "bad_configuration");
}

#[test]
fn the_tracker_only_grows() {
    let fleet = guarded(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.ready("x");
    a.jit(&["sync"]).ok();
    let before = fleet.held();
    b.ready("y");
    let forced = b.git(&["push", "--force", "origin", "refs/jit:refs/tracker/jit"]);
    refused(&fleet, &forced, &before, "fast-forward");
    let deleted = b.git(&["push", "origin", ":refs/tracker/jit"]);
    refused(&fleet, &deleted, &before, "tracker-stays");
    b.jit(&["sync"]).ok();
}

#[test]
fn what_the_events_do_not_tell_is_refused() {
    let fleet = guarded(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["gate", "fail", &id, "review"]).ok();
    a.jit(&["sync"]).ok();
    let (before, tip) = (fleet.held(), a.tip());
    // A verdict that was rewritten, without an event and with the events of before.
    let events: Value = serde_json::from_str(&a.git(&["show", "refs/jit:events.json"]).ok().stdout).expect("events");
    for events in [serde_json::json!([]), events] {
        plant(a, &id, |issue| issue["gates"]["review"]["status"] = "passed".into(), &events);
        let pushed = push(a);
        assert!(pushed.stderr.contains("jit: rule"), "{pushed:#?}");
        assert_eq!(fleet.held(), before);
        a.git(&["update-ref", "refs/jit", &tip]).ok();
    }
    // Through the front door the client is told the rule, too.
    plant(a, &id, |issue| issue["title"] = "other".into(), &serde_json::json!([]));
    let told = a.jit(&["sync", "--json"]).code(10);
    assert_eq!(told.error_code(), "remote_refused");
    assert!(told.json()["error"]["message"].as_str().is_some_and(|text| text.contains("jit: rule")), "{told:#?}");
}

/// An event as a client might forge it, younger than everything.
fn event(repo: &Repo, id: &str, name: &str, actor: &str, data: &Value) -> Value {
    let newest = repo.jit(&["events", "tail", "-n", "1", "--json"]).ok().json_lines()[0]["ts"].clone();
    let ts = newest.as_str().expect("a time").replace("Z", "");
    let millis: u32 = ts[ts.len() - 3..].parse().expect("milliseconds");
    let ts = format!("{}{:03}Z", &ts[..ts.len() - 3], (millis + 1).min(999));
    let id_of_event = format!("0198c000-0000-7000-8000-{:012}", millis + 1);
    serde_json::json!({ "id": id_of_event, "ts": ts, "event": name, "issue": id, "actor": actor, "data": data })
}

#[test]
fn a_living_claim_is_not_taken_and_a_rule_not_broken_by_forged_events() {
    let fleet = guarded(1);
    let a = &fleet.clones[0];
    let (x, y, z) = (a.ready("x"), a.ready("y"), a.ready("z"));
    a.gate("quick", "false", &[]);
    a.jit(&["gate", "add", &y, "quick"]).ok();
    a.jit(&["dep", "add", &z, &y]).ok();
    a.jit(&["sync"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &x, "--ttl", "1h"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &y]).ok();
    a.jit(&["sync"]).ok();
    let (before, tip) = (fleet.held(), a.tip());
    let claim = |generation: u64, from: &str| {
        serde_json::json!({ "by": "bot:m", "from": from, "generation": generation, "expires_at": null, "ttl_ms": null,
            "host": null, "worktree": null })
    };
    let cases: Vec<(&str, &str, &str, Value)> = vec![
        ("claim-living", &x, "issue.claimed", claim(2, "in_progress")),
        ("claim-living", &x, "claim.expired", serde_json::json!({ "by": "bot:a", "generation": 1 })),
        (
            "claim-living",
            &x,
            "issue.released",
            serde_json::json!({ "by": "bot:a", "generation": 1, "outcome": "handoff", "reason": null }),
        ),
        ("claim-living", &x, "issue.deleted", serde_json::json!({})),
        ("gates", &y, "issue.completed", serde_json::json!({ "from": "in_progress", "reason": null })),
        (
            "verdict",
            &y,
            "gate.passed",
            serde_json::json!({ "gate": "quick", "tree": null, "commit": null, "note": null }),
        ),
        ("gate-frozen", &y, "gate.removed", serde_json::json!({ "gate": "quick" })),
        ("lawful", &z, "issue.claimed", claim(1, "ready")),
        ("lawful", &x, "issue.merged", serde_json::json!({ "set": { "title": "taken" } })),
        ("lawful", &x, "issue.state_changed", serde_json::json!({ "from": "in_progress", "to": "done" })),
        ("known-event", &x, "issue.bewitched", serde_json::json!({})),
        (
            "gate-frozen",
            &y,
            "gate.overridden",
            serde_json::json!({ "gate": "quick", "what": "redefined", "check": { "auto": true, "command": "true" } }),
        ),
        (
            "gate-frozen",
            &y,
            "gate.added",
            serde_json::json!({ "gate": "quick", "check": { "auto": true, "command": "true" } }),
        ),
        ("lawful", &y, "issue.landed", serde_json::json!({ "commit": "0", "branch": "main" })),
    ];
    for (rule, id, name, data) in cases {
        let forged = event(a, id, name, "bot:m", &data);
        plant_with_message(a, id, &forged);
        refused(&fleet, &push(a), &before, rule);
        a.git(&["update-ref", "refs/jit", &tip]).ok();
    }
    a.jit(&["sync"]).ok();
}

/// Plants one event, in a commit that says its time as the program's own do.
fn plant_with_message(repo: &Repo, id: &str, forged: &Value) {
    plant(repo, id, |_| (), &serde_json::json!([forged]));
    let tree = repo.git(&["rev-parse", "refs/jit^{tree}"]).ok().text();
    let parent = repo.git(&["rev-parse", "refs/jit^"]).ok().text();
    let message = message_of(forged);
    let commit = repo.git(&["commit-tree", &tree, "-p", &parent, "-m", &message]).ok().text();
    repo.git(&["update-ref", "refs/jit", &commit]).ok();
}

/// The message that the program itself would write.
fn message_of(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().expect("text").to_owned();
    let (name, actor, time) = (text("event"), text("actor"), text("ts"));
    let short = text("issue")[..8].to_owned();
    format!("{name} {short} {actor}\n\nJit-Actor: {actor}\nJit-Time: {time}\nJit-Command: x\n")
}

#[test]
fn a_message_that_lies_and_a_time_far_ahead_are_refused() {
    let fleet = guarded(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    let (before, tip) = (fleet.held(), a.tip());
    a.jit(&["issue", "comment", &id, "hm"]).ok();
    let honest = a.git(&["log", "-1", "--format=%B", "refs/jit"]).ok().text();
    for lie in [
        "config.changed tracker human:boss",
        &honest.replace("human:Ada", "human:boss"),
        &honest.replace(&id[..8], "00000000"),
    ] {
        let commit = a.git(&["commit-tree", "refs/jit^{tree}", "-p", &tip, "-m", lie]).ok().text();
        let pushed = a.git(&["push", "origin", &format!("{commit}:refs/tracker/jit")]);
        assert!(pushed.stderr.contains("jit: rule"), "{pushed:#?}");
        assert_eq!(fleet.held(), before);
    }
    a.git(&["update-ref", "refs/jit", &tip]).ok();
    a.run(&["issue", "comment", &id, "late"]).env("JIT_CLOCK", "2999-01-01T00:00:00Z").output().ok();
    refused(&fleet, &push(a), &before, "time");
    let tree = a.git(&["push", "origin", "refs/heads/main^{tree}:refs/tracker/jit"]);
    assert!(tree.code != Some(0) && fleet.held() == before, "{tree:#?}");
}

#[test]
fn whatever_a_client_may_do_a_hub_takes() {
    let fleet = guarded(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, y) = (a.ready("x"), a.ready("y"));
    a.jit(&["issue", "reject", &x, "--reason", "no"]).ok();
    // A finished issue takes no gate; what a client refuses never comes to the hub.
    assert_eq!(a.jit(&["gate", "pass", &x, "review", "--json"]).code(4).error_code(), "finished");
    a.jit(&["sync"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &y, "--ttl", "1h"]).ok();
    // Another tracker's issues come with their claims.
    let other = a.beside("other");
    a.git_in(a.outside(), &["init", "--quiet", "other"]).ok();
    other.jit(&["init"]).ok();
    let z = other.ready("z");
    other.jit_as("bot:z", &["issue", "claim", &z]).ok();
    other.write("all", other.jit(&["export"]).ok().stdout);
    b.jit(&["import", "../other/all", "--skip-existing"]).ok();
    b.jit(&["mirror", "refresh"]).ok();
    b.jit(&["issue", "update", &z, "--state", "archived"]).ok();
    a.jit(&["gate", "define", "review", "--title", "Other", "--replace"]).ok();
    a.jit(&["gate", "add", &y, "review"]).ok();
    fleet.settle();
    fleet.hub.jit(&["fsck"]).ok();
    let left = std::fs::read_dir(fleet.hub.path().join("jit")).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_incoming")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_merge_is_what_joining_its_parents_gives() {
    let fleet = guarded(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.ready("x");
    b.ready("y");
    a.jit(&["sync"]).ok();
    let before = fleet.held();
    b.jit(&["fetch"]).ok();
    // Ours wins, by hand: what the other did is gone.
    let tree = b.git(&["rev-parse", "refs/jit^{tree}"]).ok().text();
    let theirs = b.git(&["rev-parse", "refs/jit-remotes/origin"]).ok().text();
    let message = "merged\n\nJit-Actor: jit:merge\nJit-Time: 2099-01-01T00:00:00.000Z\nJit-Command: merge\n";
    let commit = b.git(&["commit-tree", &tree, "-p", "refs/jit", "-p", &theirs, "-m", message]).ok().text();
    let pushed = b.git(&["push", "origin", &format!("{commit}:refs/tracker/jit")]);
    refused(&fleet, &pushed, &before, "merge");
    b.jit(&["sync"]).ok();
    fleet.settle();
}

#[test]
fn claim_refs_go_only_from_claims_that_are_over() {
    let fleet = guarded(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    a.jit(&["sync"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    let name = format!("refs/tracker/claims/{id}");
    let deleted = b.git(&["push", "origin", &format!(":{name}")]);
    assert!(deleted.stderr.contains("jit: rule claim") && deleted.stderr.contains("bot:a holds"), "{deleted:?}");
    let rubbish = b.git(&["push", "--force", "origin", &format!("refs/heads/main:{name}")]);
    assert!(rubbish.stderr.contains("jit: rule claim"), "{rubbish:?}");
    let strange = b.git(&["push", "origin", "refs/heads/main:refs/tracker/claims/nonsense"]);
    assert!(strange.stderr.contains("jit: rule claim"), "{strange:?}");
    a.jit_as("bot:a", &["issue", "release", &id]).ok();
    assert_eq!(fleet.tickets(), 0);
    b.jit_as("bot:b", &["issue", "claim", &id]).ok();
}

#[test]
fn protected_branches_are_guarded_where_no_client_can_skip_it() {
    let fleet = guarded(1);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.jit(&["gate", "add", &id, "review"]).ok();
    a.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    a.jit(&["sync"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    a.write("work", "done");
    a.git(&["add", "."]).ok();
    a.git(&["commit", "--quiet", "-m", &format!("work\n\nJit-Issue: {id}")]).ok();
    let pushed = a.git(&["push", "--no-verify", "origin", "main"]);
    assert!(pushed.code != Some(0) && pushed.stderr.contains("main is protected"), "{pushed:?}");
    a.git(&["push", "--no-verify", "--quiet", "origin", "main:work"]).ok();
    a.jit(&["gate", "pass", &id, "review"]).ok();
    a.jit(&["sync"]).ok();
    a.git(&["push", "--no-verify", "--quiet", "origin", "main"]).ok();
}

#[test]
fn a_hub_without_the_program_takes_nothing() {
    let fleet = guarded(1);
    let a = &fleet.clones[0];
    a.ready("x");
    let output = a
        .command("git")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .args(["push", "--no-verify", "origin", "refs/jit:refs/tracker/jit"])
        .output()
        .expect("git can be started");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("jit is not on the PATH of this hub"));
}

#[test]
fn the_hooks_of_a_hub_are_put_there_by_the_command_that_the_status_names() {
    let fleet = Fleet::new(1);
    let wanting = fleet.hub.jit(&["hooks", "status"]).code(4).stderr;
    assert!(wanting.contains("hint: jit hooks install --server"), "{wanting}");
    assert!(fleet.hub.jit(&["hooks", "install"]).ok().stderr.contains("--server"));
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    fleet.hub.jit(&["hooks", "status"]).ok();
}

#[test]
fn a_hub_takes_the_renewal_of_a_claim_that_was_made_under_a_running_clock() {
    let fleet = Fleet::new(1);
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    let clone = &fleet.clones[0];
    let id = clone.ready("work");
    clone.jit(&["sync"]).ok();
    clone.jit_as("bot:a", &["issue", "claim", &id, "--ttl", "10m"]).ok();
    let renewed = clone.jit_as("bot:a", &["issue", "heartbeat", &id]).ok();
    assert!(!renewed.stderr.contains("could not be told"), "{renewed:#?}");
}
