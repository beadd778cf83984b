//! Looking back: the log, states of the past, who set what, and undoing.

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

fn undo(repo: &Repo, args: &[&str]) -> Value {
    repo.jit(&[&["undo"], args, &["--json"]].concat()).ok().json()
}

fn state_of(repo: &Repo) -> Vec<Value> {
    let list = repo.jit(&["export"]).ok().json_lines();
    let settings = repo.jit(&["config", "list", "--json"]).ok().json();
    list.into_iter()
        .chain([settings])
        .map(|mut line| {
            for field in ["updated_at", "updated_by", "last_claim", "ended_claims", "completed_at"] {
                line.as_object_mut().unwrap().remove(field);
            }
            line
        })
        .collect()
}

#[test]
fn each_change_that_has_an_opposite_is_undone_and_done_again() {
    let repo = Repo::new();
    let a = repo.ready("a");
    let b = repo.out(&["issue", "create", "b", "-l", "x", "--context", "k=v", "--depends-on", &a, "-g", "review"]);
    repo.jit(&["gate", "define", "lint", "--title", "Lint"]).ok();
    let changes: &[&[&str]] = &[
        &["issue", "create", "new"],
        &["issue", "update", &b, "--title", "bb", "--desc", "d", "--priority", "low", "--label", "y", "--label", "-x"],
        &["issue", "update", &b, "--context", "k=w", "--context", "n=1"],
        &["issue", "update", &b, "--unset-context", "k"],
        &["issue", "update", &b, "--state", "ready"],
        &["issue", "update", &a, "--state", "done"],
        &["issue", "reject", &b, "--reason", "no"],
        &["issue", "assign", &b, "human:x"],
        &["issue", "delete", &b],
        &["issue", "delete", &a, "--force"],
        &["dep", "rm", &b, &a],
        &["gate", "add", &a, "review", "lint"],
        &["gate", "rm", &b, "review"],
        &["gate", "define", "new", "--title", "New"],
        &["gate", "define", "lint", "--title", "Other", "--replace"],
        &["gate", "undefine", "lint"],
        &["config", "set", "claim.ttl", "1h"],
    ];
    for change in changes {
        let before = state_of(&repo);
        repo.jit(change).ok();
        let after = state_of(&repo);
        assert_ne!(before, after, "{change:?}");
        let dry = undo(&repo, &["--dry-run"]);
        assert_eq!((&dry["dry_run"], state_of(&repo) == after), (&json!(true), true), "{change:?}");
        let undone = undo(&repo, &[]);
        assert!(undone["count"].as_u64().unwrap() > 0, "{change:?}");
        assert_eq!(state_of(&repo), before, "{change:?}");
        if change[..2] != ["issue", "create"] {
            undo(&repo, &[undone["commit"].as_str().unwrap()]);
            assert_eq!(state_of(&repo), after, "{change:?} done again");
            undo(&repo, &["refs/jit"]);
            assert_eq!(state_of(&repo), before, "{change:?}");
        }
    }
    assert_eq!(repo.jit(&["config", "get", "claim.ttl", "--json"]).ok().json()["value"], Value::Null);
    repo.assert_healthy();
}

#[test]
fn undo_after_undo_goes_further_back_and_touches_only_ones_own_changes() {
    let repo = Repo::new();
    let a = repo.create("a");
    repo.jit(&["issue", "update", &a, "--title", "b"]).ok();
    repo.jit(&["issue", "update", &a, "--title", "c"]).ok();
    repo.jit_as("x:other", &["issue", "update", &a, "--priority", "high"]).ok();
    undo(&repo, &[]);
    assert_eq!(repo.issue(&a)["title"], "b");
    undo(&repo, &[]);
    assert_eq!(repo.issue(&a)["title"], "a");
    assert_eq!(repo.issue(&a)["priority"], "high");
    repo.jit_as("x:nobody", &["undo"]).code(3);
    let said = repo.jit_as("x:other", &["undo"]).ok().stderr;
    assert!(said.contains(&format!("undid issue.updated {}", &a[..8])), "{said}");
    assert_eq!(repo.issue(&a)["priority"], "normal");
}

#[test]
fn one_event_of_many_is_undone_and_twice_is_once() {
    let repo = Repo::new();
    let a = repo.create("a");
    repo.jit(&["issue", "update", &a, "--priority", "high", "--state", "ready"]).ok();
    let events = repo.jit(&["events", "query", "--issue", &a, "--json"]).ok().json_lines();
    let event =
        events.iter().find(|event| event["event"] == "issue.updated").unwrap()["id"].as_str().unwrap().to_owned();
    let first = undo(&repo, &[&event]);
    assert_eq!(first["events"][0]["event"], "issue.updated");
    assert_eq!((&repo.issue(&a)["priority"], &repo.issue(&a)["state"]), (&json!("normal"), &json!("ready")));
    let tip = repo.tip();
    assert_eq!((undo(&repo, &[&event])["count"].clone(), repo.tip()), (json!(0), tip));
    // What is left of the commit is still one's newest change.
    undo(&repo, &[]);
    assert_eq!(repo.issue(&a)["state"], "open");
    let again = undo(&repo, &["--op-id", "u"]);
    let tip = repo.tip();
    assert_eq!((undo(&repo, &["--op-id", "u"])["events"].clone(), repo.tip()), (again["events"].clone(), tip));
}

#[test]
fn what_was_changed_again_or_has_no_opposite_is_refused_with_the_reason() {
    let repo = Repo::new();
    let a = repo.out(&["issue", "create", "a", "-g", "review"]);
    let refused = |args: &[&str], code: &str, words: &str| {
        let tip = repo.tip();
        let output = repo.jit(&[&["undo"], args, &["--json"]].concat()).code(4);
        assert_eq!(output.error_code(), code);
        assert!(output.stderr.contains(words), "{words} in {}", output.stderr);
        assert_eq!(repo.tip(), tip);
    };
    repo.jit(&["issue", "update", &a, "--title", "b"]).ok();
    let renamed = repo.tip();
    repo.jit_as("x:1", &["issue", "update", &a, "--title", "c"]).ok();
    refused(&[&renamed], "changed_since", "`title` of the issue");
    repo.jit(&["gate", "pass", &a, "review"]).ok();
    refused(&[], "not_undoable", "a verdict is evidence");
    refused(&["refs/jit~3"], "not_undoable", "the issue was worked on since");
    repo.jit(&["issue", "comment", &a, "hello"]).ok();
    refused(&[], "not_undoable", "what was said stays said");
    repo.jit(&["issue", "claim", &a]).ok();
    repo.jit(&["issue", "release", &a]).ok();
    refused(&[], "not_undoable", "does not come back");
    refused(&["refs/jit~1"], "changed_since", "`claim` of the issue");
    let b = repo.create("b");
    repo.jit(&["dep", "add", &a, &b]).ok();
    refused(&["refs/jit~1"], "has_dependents", "others depend on");
    repo.jit(&["undo", "ffffffff"]).code(3);
    repo.jit(&["undo", "00000000-0000-7000-8000-000000000000"]).code(3);
    repo.git(&["commit", "--allow-empty", "-m", "code"]).ok();
    assert_eq!(repo.jit(&["undo", "HEAD", "--json"]).code(3).error_code(), "commit_not_found");
}

#[test]
fn an_undone_claim_is_given_back_and_an_undone_delete_brings_everything_back() {
    let repo = Repo::new();
    let a = repo.create("a");
    repo.jit(&["issue", "comment", &a, "hello"]).ok();
    repo.jit(&["issue", "claim", &a]).ok();
    undo(&repo, &[]);
    assert_eq!((&repo.issue(&a)["state"], &repo.issue(&a)["claim"]), (&json!("open"), &Value::Null));
    repo.jit(&["issue", "claim", &a]).ok();
    repo.jit(&["issue", "delete", &a]).ok();
    repo.jit(&["issue", "show", &a]).code(3);
    undo(&repo, &[]);
    let back = repo.issue(&a);
    assert_eq!((&back["state"], &back["comments"][0]["text"]), (&json!("ready"), &json!("hello")));
    repo.assert_healthy();
}

#[test]
fn the_claims_of_others_hold_for_undo() {
    let repo = Repo::new();
    let a = repo.create("a");
    repo.jit_as("x:lead", &["issue", "update", &a, "--title", "b"]).ok();
    repo.jit_as("x:worker", &["issue", "claim", &a]).ok();
    repo.jit_as("x:lead", &["undo"]).code(5);
    repo.jit_as("x:lead", &["undo", "--force"]).ok();
    assert_eq!(repo.issue(&a)["title"], "a");
}

#[test]
fn an_undone_change_passes_a_judging_hub() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let a = one.create("a");
    one.jit(&["issue", "update", &a, "--title", "b", "--priority", "high"]).ok();
    one.jit(&["undo"]).ok();
    one.jit(&["issue", "delete", &a]).ok();
    one.jit(&["undo"]).ok();
    one.jit(&["sync"]).ok();
    two.jit(&["sync"]).ok();
    assert_eq!(two.issue(&a)["title"], "a");
    assert_eq!(one.tip(), two.tip());
}

#[test]
fn a_plan_that_was_applied_is_undone_whole() {
    let repo = Repo::new();
    let before = state_of(&repo);
    let plan = "issues:\n  - {key: e, title: E}\n  - {key: m, title: M, parent: e, assignee: 'x:1'}\n  - {key: n, title: N, depends_on: [m]}\n";
    repo.run(&["apply", "-"]).input(plan).ok();
    undo(&repo, &[]);
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 0);
    assert_eq!(state_of(&repo), before);
    // What somebody worked on since stays, and so does the rest.
    let applied = repo.run(&["apply", "-", "--json"]).input(plan).ok().json();
    let m = applied["issues"][1]["id"].as_str().unwrap();
    repo.jit_as("x:2", &["issue", "update", m, "--label", "mine"]).ok();
    assert_eq!(repo.jit(&["undo", "--json"]).code(4).error_code(), "not_undoable");
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 3);
}

#[test]
fn undo_never_says_that_it_did_what_it_did_not() {
    let repo = Repo::new();
    let (a, b) = (repo.create("a"), repo.create("b"));
    let taken_back: [(&[&str], &[&str]); 3] = [
        (&["dep", "add", &a, &b], &["dep", "rm", &a, &b]),
        (&["issue", "update", &a, "--label", "x"], &["issue", "update", &a, "--label", "-x"]),
        (&["gate", "add", &a, "review"], &["gate", "rm", &a, "review"]),
    ];
    for (mine, theirs) in taken_back {
        repo.jit(mine).ok();
        repo.jit_as("x:bob", theirs).ok();
        let tip = repo.tip();
        let refused = repo.jit(&["undo", "--json"]).code(4);
        assert_eq!((refused.error_code().as_str(), repo.tip()), ("changed_since", tip), "{mine:?}");
        assert!(refused.stderr.contains("jit undo COMMIT takes back an earlier change"), "{}", refused.stderr);
    }
}

#[test]
fn a_key_of_another_request_undoes_nothing() {
    let repo = Repo::new();
    let a = repo.create("a");
    repo.jit(&["issue", "update", &a, "--title", "b", "--op-id", "k"]).ok();
    assert_eq!(repo.jit(&["undo", "--op-id", "k", "--json"]).code(2).error_code(), "op_id_reused");
    let first = undo(&repo, &["--op-id", "u"]);
    assert_eq!(undo(&repo, &["--op-id", "u"]), first, "repeated it gives the first result");
    assert_eq!(first["undone"][0]["event"], "issue.updated");
    assert_eq!(first["events"][0]["undoes"], first["undone"][0]["id"]);
}

#[test]
fn undos_at_once_each_take_back_another_change() {
    let repo = Repo::new();
    let ids: Vec<String> = (0..4).map(|n| repo.create(&format!("{n}"))).collect();
    let running: Vec<_> = ids.iter().map(|_| repo.run(&["undo"]).spawn()).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 0);
}

#[test]
fn what_comes_back_names_nothing_that_is_gone() {
    let repo = Repo::new();
    repo.jit(&["gate", "define", "g", "--title", "G"]).ok();
    let y = repo.create("y");
    let x = repo.out(&["issue", "create", "x", "--depends-on", &y, "-g", "g"]);
    repo.jit(&["issue", "delete", &x]).ok();
    let deleted = repo.tip();
    repo.jit(&["issue", "delete", &y]).ok();
    repo.jit(&["gate", "undefine", "g"]).ok();
    undo(&repo, &[&deleted]);
    let back = repo.issue(&x);
    assert_eq!((&back["dependencies"], &back["gates"]), (&json!([]), &json!({})));
    repo.assert_healthy();
}
