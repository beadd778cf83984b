//! `jit undo`: opposite changes, and what has none.

use serde_json::{Value, json};

use crate::support::{Fleet, Repo};

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
        assert!(refused.stderr.contains("named by its commit, an earlier change is undone"), "{}", refused.stderr);
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

#[test]
fn taking_an_archived_issue_up_again_has_no_opposite() {
    let repo = Repo::new();
    let done = repo.ready("done");
    let waits = repo.out(&["issue", "create", "waits", "--ready", "--depends-on", &done]);
    repo.jit(&["issue", "update", &done, "--state", "done"]).ok();
    repo.jit(&["issue", "update", &done, "--state", "archived"]).ok();
    assert!(repo.out(&["ready", "--json"]).contains(&waits));
    repo.jit(&["issue", "update", &done, "--state", "open"]).ok();
    let refused = repo.jit(&["undo", "--json"]).code(4);
    assert_eq!(refused.error_code(), "not_undoable");
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("--state archived"), "{refused:?}");
}

#[test]
fn an_issue_that_is_restored_closes_no_circle() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let (x, d) = (one.ready("x"), one.ready("d"));
    fleet.settle();
    one.jit(&["dep", "add", &x, &d]).ok();
    one.jit(&["issue", "delete", &x]).ok();
    two.jit(&["dep", "add", &d, &x]).ok();
    fleet.settle();
    let deleted = one.jit(&["events", "query", "--type", "issue.deleted", "--json"]).ok().json_lines();
    one.jit(&["undo", deleted[0]["id"].as_str().unwrap()]).ok();
    assert_eq!((&one.issue(&x)["dependencies"], &one.issue(&d)["dependencies"]), (&json!([]), &json!([x])));
    one.assert_healthy();
    fleet.settle();
    two.assert_healthy();
}
