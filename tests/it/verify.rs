//! Whether commits are what their issues ask.

use serde_json::{Value, json};

use crate::support::committing::{AGENT, commit};
use crate::support::{Output, Repo};

/// A repository with hooks, an issue in work and two commits for it; its gate of the stage commit was asked for
/// each, the other one for none.
fn two_commits() -> (Repo, String) {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "echo lint >> ../runs; ! grep -q bad file", &["--stage", "commit"]);
    repo.gate("tests", "echo tests >> ../runs; grep -q complete file", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "-g", "tests", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    for text in ["begun\n", "complete\n"] {
        repo.write("file", text);
        repo.git(&["add", "file"]).ok();
        repo.git_as(AGENT, &["commit", "--quiet", "-m", text.trim()]).ok();
    }
    (repo, id)
}

fn rows(output: &Output) -> Vec<Value> {
    output.json()["commits"].as_array().expect("a list").clone()
}

#[test]
fn commits_hold_by_the_evidence_that_was_recorded_for_each() {
    let (repo, id) = two_commits();
    let output = repo.jit(&["verify", "HEAD~2..HEAD", "--json"]).code(4);
    let found = rows(&output);
    assert_eq!((found.len(), &found[0]["ok"], &found[1]["ok"]), (2, &json!(false), &json!(true)));
    assert_eq!(found[0]["issues"], json!([id]));
    let gates = |row: &Value| {
        let gates = row["gates"].as_array().expect("a list").iter();
        gates.map(|gate| (gate["gate"].as_str().unwrap().to_owned(), gate["holds"] == true)).collect::<Vec<_>>()
    };
    assert_eq!(gates(&found[0]), [("lint".to_owned(), true), ("tests".to_owned(), false)]);
    assert_eq!(gates(&found[1]), [("lint".to_owned(), true)], "what was on the way need not be finished");
    repo.jit_as(AGENT, &["gate", "run", &id, "tests"]).ok();
    let output = repo.jit(&["verify", "HEAD~2..HEAD"]).ok();
    assert_eq!(output.stdout.lines().count(), 2);
    assert!(output.stdout.lines().all(|line| line.starts_with("ok ")), "{output:#?}");
    assert_eq!(repo.jit(&["verify", "HEAD"]).ok().stdout.lines().count(), 1, "one revision is one commit");
    assert_eq!(repo.jit(&["verify", "HEAD^!"]).ok().stdout.lines().count(), 1);
    assert!(repo.jit(&["verify", "HEAD..HEAD"]).ok().stdout.is_empty());
}

#[test]
fn what_is_missing_is_run_in_a_clean_work_tree_and_kept_as_evidence() {
    let (repo, id) = two_commits();
    repo.write("file", "bad and incomplete\n");
    let before = repo.lines("runs");
    let issue = repo.issue(&id)["gates"].clone();
    repo.jit(&["verify", "HEAD~2..HEAD", "--run"]).ok();
    assert_eq!(std::fs::read_to_string(repo.path().join("file")).expect("it is there"), "bad and incomplete\n");
    assert_eq!(repo.issue(&id)["gates"], issue, "the issue's own verdicts stay as they are");
    assert_eq!(repo.git(&["worktree", "list"]).text().lines().count(), 1);
    let output = repo.jit(&["verify", "HEAD~2..HEAD", "--json"]).ok();
    assert!(rows(&output).iter().all(|row| row["ok"] == true));
    let events = repo.jit(&["events", "query", "--type", "gate.verified", "--json"]).ok().json_lines();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["gate"], "tests");
    assert_eq!(repo.lines("runs"), before, "it ran elsewhere");
    repo.assert_healthy();
}

#[test]
fn a_gate_that_fails_on_a_commit_is_bad_also_when_it_is_run() {
    let (repo, id) = two_commits();
    repo.write("file", "bad, complete\n");
    repo.git_as(
        AGENT,
        &["commit", "--quiet", "--no-verify", "-am", "past the hooks", "-m", &format!("Jit-Issue: {id}")],
    )
    .ok();
    let output = repo.jit(&["verify", "HEAD~1..HEAD", "--run", "--json"]).code(4);
    let lint = rows(&output)[0]["gates"][0].clone();
    assert_eq!((&lint["gate"], &lint["holds"], &lint["how"]), (&json!("lint"), &json!(false), &json!("ran")));
    assert!(lint["why"].as_str().expect("a reason").contains("exit 1"));
    assert_eq!(repo.issue(&id)["gates"]["lint"]["status"], "passed", "nothing is recorded against the issue");
}

#[test]
fn a_commit_that_names_no_issue_or_a_strange_one_is_bad() {
    let repo = Repo::new();
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "for nothing"]).ok();
    repo.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "x",
        "-m",
        "Jit-Issue: 00000000-0000-4000-8000-000000000000",
    ])
    .ok();
    let output = repo.jit(&["verify", "HEAD~2..HEAD"]).code(4);
    assert!(output.stdout.contains("names no issue") && output.stdout.contains("which is not here"), "{output:#?}");
    repo.git(&["checkout", "--quiet", "-b", "side", "HEAD~2"]).ok();
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "main"]).ok();
    assert_eq!(rows(&repo.jit(&["verify", "main..side", "--json"]).code(4)).len(), 1);
    assert_eq!(rows(&repo.jit(&["verify", "main..side", "--no-merges", "--json"]).ok()).len(), 0);
}

#[test]
fn evidence_of_a_finished_issue_counts_though_the_gate_changed_since() {
    let (repo, id) = two_commits();
    repo.jit_as(AGENT, &["gate", "run", &id]).ok();
    repo.jit_as(AGENT, &["done", &id]).ok();
    repo.gate("tests", "false", &["--replace"]);
    repo.jit(&["verify", "HEAD"]).ok();
}

#[test]
fn ranges_that_are_none_are_refused() {
    let repo = Repo::new();
    for range in
        ["nothing..HEAD", "HEAD..nothing", "nothing", "README", "--all", "-n1", "HEAD HEAD", "", "^HEAD", "HEAD:README"]
    {
        let output = repo.jit(&["verify", "--json", "--", range]);
        assert_eq!((output.code, output.error_code()), (Some(3), "no_revision".to_owned()), "{range}");
    }
}

#[test]
fn a_clone_that_adopts_the_tracker_can_verify() {
    let (repo, id) = two_commits();
    repo.jit_as(AGENT, &["gate", "run", &id]).ok();
    let hub = repo.hub();
    let clone = repo.outside().join("ci");
    repo.git(&["clone", "--quiet", &hub, clone.to_str().expect("text")]).ok();
    repo.run_in(&clone, &["init"]).output().ok();
    repo.run_in(&clone, &["verify", "HEAD~2..HEAD"]).output().ok();
}

#[test]
fn a_tree_that_somebody_called_bad_stays_so_until_it_is_run_anew() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "echo run >> ../runs; test ! -e ../broken", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    let stage = |text: &str| {
        repo.write("file", text);
        repo.git(&["add", "file"]).ok();
    };
    stage("one");
    commit(&repo, &["-m", "one"]).ok();
    repo.jit(&["gate", "fail", &id, "lint", "--by", "human:b", "--note", "it tests nothing"]).ok();
    stage("two");
    commit(&repo, &["-m", "two"]).ok();
    assert_eq!(repo.jit(&["verify", "HEAD~1"]).code, Some(4), "the newest word on that tree is bad");
    let runs = repo.lines("runs");
    stage("one");
    std::fs::write(repo.outside().join("broken"), "").expect("a file can be written");
    commit(&repo, &["-m", "one again"]).code(1);
    assert_eq!(repo.lines("runs"), runs + 1, "it was found out again");
}
