//! Looking back: the log, states of the past, and who set what.

use serde_json::{Value, json};

use crate::support::{Fleet, Output, Repo};

/// Runs a command at a time of the clock.
fn at(repo: &Repo, time: &str, args: &[&str]) -> Output {
    repo.run(args).env("JIT_CLOCK", time).output()
}

#[test]
fn the_log_has_a_line_a_change() {
    let repo = Repo::new();
    let id = repo.create("a");
    repo.jit_as("copilot:w", &["issue", "claim", &id]).ok();
    let log = repo.jit(&["log", "--json"]).ok().json();
    assert_eq!(log["count"], 3);
    let newest = &log["commits"][0];
    assert_eq!((&newest["actor"], &newest["command"]), (&json!("copilot:w"), &json!("issue claim")));
    assert_eq!(newest["subject"], format!("issue.claimed {} copilot:w", &id[..8]));
    assert_eq!(newest["commit"], repo.tip());
    assert_eq!(newest["parents"][0], log["commits"][1]["commit"]);
    assert_eq!(repo.out(&["log"]).lines().count(), 3);
    let some = repo.jit(&["log", "-n", "1", "--json"]).ok().json();
    assert_eq!((&some["count"], &some["truncated"]), (&json!(1), &json!(true)));
    assert_eq!(repo.jit(&["log", "--actor", "copilot:w", "--json"]).ok().json()["count"], 1);
    assert_eq!(repo.jit(&["log", "--at", "refs/jit~1", "--json"]).ok().json()["count"], 2);
    assert_eq!(repo.jit(&["log", "--since", "2001-01-01", "--json"]).ok().json()["count"], 3);
    repo.jit(&["log", "--since", "soon"]).code(2);
}

#[test]
fn every_reading_command_looks_at_the_past_by_commit_and_by_time() {
    let repo = Repo::git_only();
    at(&repo, "2030-01-01T00:00:00Z", &["init"]).ok();
    let a = at(&repo, "2030-01-02T12:00:00Z", &["issue", "create", "old name", "--ready"]).ok().text();
    let then = repo.tip();
    let b = at(&repo, "2030-01-04T00:00:00Z", &["issue", "create", "b", "--ready", "--depends-on", &a]).ok().text();
    at(&repo, "2030-01-05T00:00:00Z", &["issue", "update", &a, "--title", "new name", "--state", "done"]).ok();
    at(&repo, "2030-01-06T00:00:00Z", &["gate", "define", "lint", "--title", "Lint"]).ok();
    at(&repo, "2030-01-07T00:00:00Z", &["config", "set", "claim.ttl", "1h"]).ok();
    let now = "2030-01-10T00:00:00Z";
    for when in [then.as_str(), &then[..12], "refs/jit~4", "2030-01-03", "7d", "2030-01-02T12:00:00Z"] {
        let json = |args: &[&str]| at(&repo, now, &[args, &["--at", when, "--json"]].concat()).ok().json();
        assert_eq!(json(&["issue", "show", &a])["title"], "old name", "{when}");
        assert_eq!(json(&["list"])["count"], 1, "{when}");
        assert_eq!(json(&["ready"])["count"], 1);
        assert_eq!(json(&["query", "state", "ready"])["count"], 1);
        assert_eq!(json(&["query", "questions"])["count"], 0);
        assert_eq!(
            (&json(&["status"])["counts"]["ready"], &json(&["status"])["counts"]["done"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(json(&["graph", "show"])["count"], 1);
        assert_eq!(json(&["graph", "roots"])["issues"][0]["id"], a);
        assert_eq!(json(&["graph", "downstream", &a])["count"], 0);
        assert!(!json(&["graph", "export", "--format", "dot"])["content"].as_str().unwrap().contains(&b));
        assert_eq!(json(&["gate", "list"])["count"], 4);
        assert_eq!(json(&["gate", "status", &a])["count"], 0);
        assert_eq!(json(&["config", "get", "claim.ttl"])["value"], Value::Null);
        assert_eq!(json(&["issue", "log", &a])["count"], 1);
        assert_eq!(json(&["log"])["count"], 2);
        assert_eq!(json(&["blame", &a, "title"])["fields"][0]["event"], "issue.created");
        assert_eq!(json(&["conflicts"])["count"], 0);
        let lines = |args: &[&str]| at(&repo, now, &[args, &["--at", when, "--json"]].concat()).ok().json_lines().len();
        assert_eq!(lines(&["events", "query", "--type", "issue.*"]), 1);
        assert_eq!(lines(&["events", "tail", "-n", "1"]), 1);
        assert_eq!(lines(&["export"]), 5);
        at(&repo, now, &["issue", "show", &b, "--at", when]).code(3);
        at(&repo, now, &["gate", "show", "lint", "--at", when]).code(3);
    }
    assert_eq!(at(&repo, now, &["list", "--at", "1h", "--json"]).ok().json()["count"], 2);
    let early = at(&repo, now, &["status", "--at", "2029-12-31", "--json"]).code(3);
    assert_eq!(early.error_code(), "before_the_beginning");
    assert!(early.stderr.contains("it begins at 2030-01-01T00:00:00.000Z"), "{}", early.stderr);
    assert_eq!(at(&repo, now, &["status", "--at", "nonsense", "--json"]).code(3).error_code(), "revision_not_found");
    repo.git(&["commit", "--allow-empty", "-m", "code"]).ok();
    at(&repo, now, &["status", "--at", "HEAD"]).code(3);
}

#[test]
fn what_could_be_claimed_then_is_judged_by_the_clock_of_then() {
    let repo = Repo::git_only();
    at(&repo, "2030-01-01T00:00:00Z", &["init"]).ok();
    let a = at(&repo, "2030-01-01T01:00:00Z", &["issue", "create", "a", "--ready"]).ok().text();
    at(&repo, "2030-01-01T02:00:00Z", &["--as", "copilot:w", "issue", "claim", &a, "--ttl", "1h"]).ok();
    let count = |args: &[&str]| at(&repo, "2030-01-02T00:00:00Z", args).ok().json()["count"].clone();
    assert_eq!(count(&["ready", "--json"]), 1, "its lease has run out by now");
    assert_eq!(count(&["ready", "--at", "refs/jit", "--json"]), 0, "but it had not then");
    assert_eq!(count(&["ready", "--at", "2030-01-01T02:30:00Z", "--json"]), 0);
    assert_eq!(count(&["ready", "--at", "2030-01-01T04:00:00Z", "--json"]), 1, "at that time it had");
}

#[test]
fn a_time_at_which_two_histories_ran_is_told() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    one.create("here");
    std::thread::sleep(std::time::Duration::from_millis(20));
    two.create("there");
    let time = two.jit(&["log", "-n", "1", "--json"]).ok().json()["commits"][0]["time"].as_str().unwrap().to_owned();
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    let then = two.jit(&["list", "--at", &time, "--json"]).ok();
    assert_eq!(then.json()["count"], 1);
    assert!(then.stderr.contains("another history ran beside this one"), "{}", then.stderr);
    assert_eq!(two.jit(&["list", "--json"]).ok().json()["count"], 2);
}

fn blamed(repo: &Repo, args: &[&str]) -> Vec<(String, String, String)> {
    let blame = repo.jit(&[&["blame"], args, &["--json"]].concat()).ok().json();
    let text = |blamed: &Value, key: &str| blamed[key].as_str().unwrap().to_owned();
    let fields = blame["fields"].as_array().unwrap().clone();
    fields.iter().map(|field| (text(field, "field"), text(field, "by"), text(field, "event"))).collect()
}

#[test]
fn blame_tells_who_set_each_field_by_which_event() {
    let repo = Repo::new();
    let a = repo.create("a");
    let b = repo.out(&["issue", "create", "b", "-g", "review", "-l", "one", "--context", "k=v", "--desc", "text"]);
    repo.jit_as("x:1", &["issue", "update", &b, "--title", "c", "--label", "two"]).ok();
    repo.jit_as("x:2", &["issue", "update", &b, "--title", "d"]).ok();
    repo.jit_as("x:3", &["issue", "update", &b, "--title", "c"]).ok();
    repo.jit_as("x:4", &["dep", "add", &b, &a]).ok();
    repo.jit_as("x:5", &["gate", "pass", &b, "review"]).ok();
    repo.jit(&["issue", "update", &b, "--state", "ready", "--priority", "high"]).ok();
    let told = blamed(&repo, &[&b]);
    let of = |field: &str| {
        let found = told.iter().find(|(name, ..)| name == field).unwrap_or_else(|| panic!("{field} in {told:?}"));
        (found.1.clone(), found.2.clone())
    };
    let me = repo.issue(&b)["created_by"].as_str().unwrap().to_owned();
    let said = |by: &str, event: &str| (by.to_owned(), event.to_owned());
    assert_eq!(of("title"), said("x:3", "issue.updated"));
    assert_eq!(of("labels.two"), said("x:1", "issue.updated"));
    assert_eq!(of("labels.one"), said(&me, "issue.created"));
    assert_eq!(of("context.k"), said(&me, "issue.created"));
    assert_eq!(of("description"), said(&me, "issue.created"));
    assert_eq!(of(&format!("dependencies.{a}")), said("x:4", "dep.added"));
    assert_eq!(of("gates.review"), said("x:5", "gate.passed"));
    // Two events of one commit, each with what it set.
    assert_eq!(of("state"), said(&me, "issue.state_changed"));
    assert_eq!(of("priority"), said(&me, "issue.updated"));
    assert_eq!(blamed(&repo, &[&b, "labels"]).len(), 2);
    let commit = repo.jit(&["blame", &b, "title", "--json"]).ok().json()["fields"][0]["commit"].clone();
    assert_eq!(repo.jit(&["log", "--actor", "x:3", "--json"]).ok().json()["commits"][0]["commit"], commit);
    assert!(repo.out(&["blame", &b, "title"]).contains("x:3"));
    repo.jit(&["blame", &b, "colour"]).code(2);
    repo.jit(&["blame", "ffff"]).code(3);
}

#[test]
fn blame_tells_who_emptied_a_field() {
    let repo = Repo::new();
    let a = repo.create("a");
    let b = repo.out(&["issue", "create", "b", "--desc", "text", "-l", "one", "--context", "k=v", "--depends-on", &a]);
    repo.jit_as("x:1", &["issue", "update", &b, "--desc", "", "--label=-one", "--unset-context", "k"]).ok();
    repo.jit_as("x:2", &["dep", "rm", &b, &a]).ok();
    repo.jit_as("x:3", &["issue", "assign", &b, "x:9"]).ok();
    repo.jit_as("x:4", &["issue", "unassign", &b]).ok();
    let who = |field: &str| blamed(&repo, &[&b, field]).pop().unwrap().1;
    assert_eq!(["description", "labels.one", "context.k", "assignee"].map(who), ["x:1", "x:1", "x:1", "x:4"]);
    assert_eq!(who(&format!("dependencies.{a}")), "x:2");
    assert_eq!(who(&format!("dependencies.{}", &a[..8])), "x:2");
    let told = repo.jit(&["blame", &b, "assignee", "--json"]).ok().json();
    assert_eq!((&told["fields"][0]["value"], &told["fields"][0]["event"]), (&Value::Null, &json!("issue.unassigned")));
    assert!(repo.out(&["blame", &b, "description"]).ends_with("(none)"));
    // What was empty from the beginning was left empty by whoever made it.
    assert_eq!(blamed(&repo, &[&a, "description"])[0].2, "issue.created");
    assert_eq!(blamed(&repo, &[&a, "labels"]), []);
    let never = repo.jit(&["blame", &b, "labels.two", "--json"]).code(3);
    assert_eq!(never.error_code(), "field_not_found");
    assert!(repo.jit(&["blame", &b, "lables"]).code(2).stderr.contains("did you mean `labels`?"));
    repo.jit_as("x:5", &["issue", "delete", &b]).ok();
    assert_eq!(who("deleted"), "x:5");
}

#[test]
fn the_history_of_an_issue_says_how_long_it_is() {
    let repo = Repo::new();
    let id = repo.create("a");
    for n in 0..5 {
        repo.jit(&["issue", "comment", &id, &n.to_string()]).ok();
    }
    let some = repo.jit(&["issue", "log", &id, "-n", "2"]).ok();
    assert!(some.stderr.contains("the newest 2 of 6 shown"), "{}", some.stderr);
    let document = repo.jit(&["issue", "log", &id, "-n", "2", "--json"]).ok().json();
    assert_eq!((&document["count"], &document["total"], &document["truncated"]), (&json!(2), &json!(6), &json!(true)));
    // Also once it is deleted, by which every other command names the way here.
    repo.jit(&["issue", "delete", &id]).ok();
    let gone = repo.jit(&["issue", "show", &id]).code(3);
    assert!(gone.stderr.contains(&format!("jit issue log {}", &id[..8])), "{}", gone.stderr);
    assert_eq!(repo.jit(&["issue", "log", &id[..8], "--json"]).ok().json()["total"], 7);
}

#[test]
fn blame_goes_through_merges_to_whoever_it_was() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let a = one.create("a");
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    one.jit_as("x:one", &["issue", "update", &a, "--priority", "high"]).ok();
    two.jit_as("x:two", &["issue", "update", &a, "--label", "l"]).ok();
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    one.jit(&["sync"]).ok();
    for clone in [one, two] {
        let told = blamed(clone, &[&a]);
        let by = |field: &str| told.iter().find(|(name, ..)| name == field).unwrap().1.clone();
        assert_eq!((by("priority").as_str(), by("labels.l").as_str()), ("x:one", "x:two"));
    }
}
