//! What gives way when two clones change one thing, and how it is taken back.

use serde_json::Value;

use crate::support::{Fleet, Repo};

/// Two clones that have synced an issue, and its id.
fn pair() -> (Fleet, String) {
    let fleet = Fleet::new(2);
    let id = fleet.clones[0].ready("one");
    fleet.settle();
    (fleet, id)
}

fn conflicts(repo: &Repo) -> Vec<Value> {
    let found = repo.jit(&["conflicts", "--json"]).ok().json();
    found["conflicts"].as_array().expect("a list").clone()
}

/// Runs the command that takes a conflict back, as a person would paste it.
fn take_back(repo: &Repo, conflict: &Value) {
    repo.run_script(conflict["take_back"].as_str().expect("a command"));
}

#[test]
fn a_merge_of_very_many_circles_ends() {
    const ISSUES: usize = 60;
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let ids: Vec<String> = (0..ISSUES).map(|n| one.create(&format!("{n}"))).collect();
    fleet.settle();
    // Each waits for all after it here, and for all before it there: 1,770 circles of two.
    for at in 0..ISSUES {
        let add = |repo: &Repo, on: &[String]| {
            let on = on.iter().map(String::as_str);
            let args: Vec<&str> = ["dep", "add", &ids[at]].into_iter().chain(on).collect();
            repo.jit(&args).ok();
        };
        if at + 1 < ISSUES {
            add(one, &ids[at + 1..]);
        }
        if at > 0 {
            add(two, &ids[..at]);
        }
    }
    fleet.settle();
    for clone in [one, two] {
        clone.assert_healthy();
    }
    assert_eq!(one.tip(), two.tip());
}

#[test]
fn the_later_of_two_titles_stands_and_the_other_can_be_taken_back() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["issue", "update", &id, "--title", "it's a's", "--label", "+x"]).ok();
    b.jit(&["issue", "update", &id, "--title", "of b", "--label", "+y"]).ok();
    a.jit(&["sync"]).ok();
    let said = b.jit(&["sync"]).ok();
    assert!(said.stderr.contains("values that gave way in the merge: 1; jit conflicts shows them"), "{said:?}");
    fleet.settle();
    let issue = a.issue(&id);
    assert_eq!(issue["title"], "of b");
    assert_eq!(issue["labels"], serde_json::json!(["x", "y"]));
    let [conflict] = <[Value; 1]>::try_from(conflicts(a)).expect("one value gave way");
    assert_eq!(
        (&conflict["field"], &conflict["lost"], &conflict["kept"]),
        (&"title".into(), &"it's a's".into(), &"of b".into())
    );
    assert_eq!(conflict["lost_by"], "human:Ada");
    assert_eq!(conflicts(b), std::slice::from_ref(&conflict));
    let human = a.out(&["conflicts"]);
    assert!(human.contains("lost  it's a's") && human.contains("kept  of b"), "{human}");
    let event = conflict["event"].as_str().expect("an id");
    assert_eq!(a.out(&["conflicts", "--lost", event]), "it's a's");
    take_back(a, &conflict);
    assert_eq!(a.issue(&id)["title"], "it's a's");
    assert_eq!(a.jit(&["conflicts", "--lost", &id, "--json"]).code(3).error_code(), "event_not_found");
    fleet.settle();
}

#[test]
fn every_value_that_gives_way_has_a_command_that_works() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let long = "a long text\n".repeat(100);
    for (repo, name, desc) in [(a, "a", long.as_str()), (b, "b", "short")] {
        let context = format!("key={name} value");
        let priority = if name == "a" { "low" } else { "high" };
        repo.jit(&["issue", "update", &id, "--desc", desc, "--priority", priority, "--context", &context]).ok();
        repo.jit(&["issue", "assign", &id, &format!("bot:{name}")]).ok();
        repo.jit(&["config", "set", "claim.ttl", if name == "a" { "1h" } else { "2h" }]).ok();
        repo.jit(&["gate", "define", "review", "--replace", "--title", &format!("Review by {name}")]).ok();
        repo.jit(&["gate", if name == "a" { "fail" } else { "pass" }, &id, "review"]).ok();
    }
    fleet.settle();
    let found = conflicts(a);
    let mut fields: Vec<&str> = found.iter().map(|conflict| conflict["field"].as_str().expect("text")).collect();
    fields.sort_unstable();
    let expected =
        ["assignee", "config.claim.ttl", "context.key", "description", "gate.review", "gates.review", "priority"];
    assert_eq!(fields, expected);
    found.iter().for_each(|conflict| take_back(a, conflict));
    let issue = a.issue(&id);
    assert_eq!(issue["description"].as_str().map(str::trim_end), Some(long.trim_end()));
    assert_eq!((&issue["priority"], &issue["assignee"]), (&"low".into(), &"bot:a".into()));
    assert_eq!((&issue["context"]["key"], &issue["gates"]["review"]["status"]), (&"a value".into(), &"failed".into()));
    assert_eq!(a.out(&["config", "get", "claim.ttl"]), "1h");
    assert_eq!(a.jit(&["gate", "show", "review", "--json"]).ok().json()["title"], "Review by a");
    fleet.settle();
}

#[test]
fn halves_that_close_a_circle_lose_the_edge_added_last() {
    let (fleet, x) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let y = a.ready("other");
    fleet.settle();
    a.jit(&["dep", "add", &x, &y]).ok();
    b.jit(&["dep", "add", &y, &x]).ok();
    fleet.settle();
    assert_eq!(a.issue(&x)["dependencies"], serde_json::json!([y]));
    assert_eq!(a.issue(&y)["dependencies"], serde_json::json!([]));
    let [conflict] = <[Value; 1]>::try_from(conflicts(b)).expect("one edge gave way");
    assert_eq!((&conflict["kind"], &conflict["lost"]), (&"merge.cycle_broken".into(), &x.as_str().into()));
    take_back(b, &conflict);
    assert_eq!(b.issue(&y)["dependencies"], serde_json::json!([x]));
    assert_eq!(b.issue(&x)["dependencies"], serde_json::json!([]));
}

#[test]
fn what_is_done_stays_done_and_late_demands_are_reported() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let late = b.ready("late");
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    a.jit_as("bot:a", &["issue", "update", &id, "--state", "done"]).ok();
    b.jit(&["gate", "add", &id, "review"]).ok();
    b.jit(&["dep", "add", &id, &late]).ok();
    b.jit_as("bot:b", &["issue", "comment", &id, "and this?"]).ok();
    fleet.settle();
    let issue = b.issue(&id);
    assert_eq!(
        (&issue["state"], &issue["dependencies"], &issue["gates"]),
        (&"done".into(), &serde_json::json!([]), &serde_json::json!({}))
    );
    assert_eq!(issue["comments"][0]["text"], "and this?");
    let mut dropped: Vec<String> = conflicts(b).iter().map(|c| format!("{} {}", c["field"], c["kept"])).collect();
    dropped.sort();
    assert_eq!(dropped, ["\"dependencies\" \"finished\"", "\"gates\" \"finished\""]);
    conflicts(b).iter().for_each(|conflict| take_back(b, conflict));
    let issue = b.issue(&id);
    assert_eq!((&issue["state"], &issue["dependencies"]), (&"ready".into(), &serde_json::json!([late])));
    assert!(issue["gates"]["review"].is_object());
}

#[test]
fn an_issue_deleted_here_and_changed_there_stays() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["issue", "delete", &id]).ok();
    b.jit(&["issue", "comment", &id, "still needed"]).ok();
    fleet.settle();
    assert_eq!(a.issue(&id)["state"], "ready");
    let [conflict] = <[Value; 1]>::try_from(conflicts(a)).expect("the deletion gave way");
    assert_eq!(conflict["kind"], "merge.restored");
    take_back(a, &conflict);
    assert_eq!(a.jit(&["issue", "show", &id]).code, Some(3));
}

#[test]
fn of_two_offline_claims_one_stands_and_both_clones_go_on_working() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let other = a.ready("two");
    fleet.settle();
    let first = a.jit_as("bot:a", &["issue", "claim", &id, "--local", "--json"]).ok().json();
    let second = b.jit_as("bot:b", &["issue", "claim", &id, "--local", "--json"]).ok().json();
    assert_eq!((&first["scope"], &second["scope"]), (&"local".into(), &"local".into()));
    a.jit(&["sync"]).ok();
    let said = b.jit(&["sync", "--json"]).ok();
    assert_eq!(said.json()["claims_lost"], serde_json::json!([{ "issue": id, "by": "bot:b" }]));
    assert!(said.stderr.contains("jit issue claim-next --as bot:b"), "{said:?}");
    fleet.settle();
    assert_eq!(b.issue(&id)["claim"]["by"], "bot:a");
    let token = second["claim"]["token"].as_str().expect("a token").to_owned();
    let late = b.run(&["issue", "update", &id, "--title", "late", "--json"]).env("JIT_AGENT", "bot:b");
    assert_eq!(late.env("JIT_CLAIM", &token).output().code(5).error_code(), "claimed_by_other");
    assert_eq!(b.jit_as("bot:b", &["issue", "claim-next", "--local"]).ok().text(), other);
    a.jit_as("bot:a", &["issue", "update", &id, "--state", "done"]).ok();
    fleet.settle();
    assert_eq!(b.issue(&id)["state"], "done");
    assert_eq!(b.issue(&other)["claim"]["by"], "bot:b");
    let lost = a.jit(&["events", "query", "--type", "claim.lost", "--json"]).ok().json_lines();
    assert_eq!((lost.len(), &lost[0]["data"]["by"]), (1, &"bot:b".into()));
}

#[test]
fn what_a_merge_sets_is_in_no_list_of_events_unless_asked_for() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["issue", "comment", &id, "a"]).ok();
    b.jit(&["issue", "comment", &id, "b"]).ok();
    fleet.settle();
    let names = |args: &[&str]| -> Vec<String> {
        let lines = a.jit(args).ok().json_lines();
        lines.iter().map(|event| event["event"].as_str().expect("text").to_owned()).collect()
    };
    assert!(!names(&["events", "tail", "-n", "0", "--json"]).contains(&"issue.merged".to_owned()));
    assert!(!names(&["events", "query", "--json"]).contains(&"issue.merged".to_owned()));
    assert_eq!(names(&["events", "query", "--type", "issue.merged", "--json"]).len(), 1);
    let comments: Vec<Value> =
        a.issue(&id)["comments"].as_array().expect("a list").iter().map(|c| c["text"].clone()).collect();
    assert_eq!(comments, ["a", "b"]);
    let shown = a.out(&["issue", "show", &id]);
    assert!(!shown.contains("issue.merged"), "{shown}");
}

#[test]
fn the_last_gates_passed_in_two_clones_finish_the_issue() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["gate", "add", &id, "review", "unit-tests"]).ok();
    a.jit(&["issue", "update", &id, "--state", "gated"]).ok();
    fleet.settle();
    a.jit(&["gate", "pass", &id, "review"]).ok();
    b.jit(&["gate", "pass", &id, "unit-tests"]).ok();
    fleet.settle();
    assert_eq!(a.issue(&id)["state"], "done");
    assert_eq!(conflicts(a), Vec::<Value>::new());
    let told = a.jit(&["events", "query", "--type", "merge.completed", "--json"]).ok().json_lines();
    assert_eq!(told.len(), 1);
}

#[test]
fn of_a_removal_and_a_change_one_stands_and_the_other_is_listed() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["issue", "update", &id, "--context", "k=1"]).ok();
    a.jit(&["gate", "define", "unused", "--title", "Unused"]).ok();
    fleet.settle();
    a.jit(&["issue", "update", &id, "--context", "k=2"]).ok();
    a.jit(&["gate", "define", "unused", "--title", "Used", "--replace"]).ok();
    b.jit(&["issue", "update", &id, "--unset-context", "k"]).ok();
    b.jit(&["gate", "undefine", "unused"]).ok();
    fleet.settle();
    assert_eq!(b.issue(&id)["context"]["k"], "2");
    assert_eq!(a.jit(&["gate", "show", "unused"]).code, Some(3), "the later change of a definition stands");
    let fields: Vec<Value> = conflicts(a).iter().map(|conflict| conflict["field"].clone()).collect();
    assert!(fields.contains(&"context.k".into()) && fields.contains(&"gate.unused".into()), "{fields:?}");
    conflicts(a).iter().for_each(|conflict| take_back(a, conflict));
    assert_eq!(a.issue(&id)["context"], serde_json::json!({}));
    assert_eq!(a.jit(&["gate", "show", "unused", "--json"]).ok().json()["title"], "Used");
}

#[test]
fn of_two_ends_the_earlier_can_be_taken_back_by_way_of_ready() {
    let (fleet, id) = pair();
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["issue", "update", &id, "--state", "done"]).ok();
    b.jit(&["issue", "reject", &id, "--reason", "no"]).ok();
    fleet.settle();
    assert_eq!(a.issue(&id)["state"], "rejected");
    conflicts(a).iter().for_each(|conflict| take_back(a, conflict));
    assert_eq!(a.issue(&id)["state"], "done");
}
