//! What each command does, through the real program.

use serde_json::json;

use crate::support::Repo;

#[test]
fn create_prints_the_full_id_and_nothing_else() {
    let repo = Repo::new();
    let output = repo.jit(&["issue", "create", "--title", "one"]).ok();
    assert_eq!(output.stdout.len(), 37, "{output:#?}");
    assert!(output.stderr.contains("created"), "the confirmation is on stderr");
    let quiet = repo.jit(&["-q", "issue", "create", "two"]).ok();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn create_takes_everything_in_one_commit() {
    let repo = Repo::new();
    let (before, after) = (repo.create("before"), repo.create("after"));
    let commits = repo.git(&["rev-list", "--count", "refs/jit"]).text();
    repo.write("text", "many\nlines\n");
    let id = repo.out(&[
        "issue",
        "create",
        "-t",
        "all of it",
        "--desc-file",
        "text",
        "-p",
        "critical",
        "-g",
        "review",
        "-g",
        "unit-tests",
        "-l",
        "area/api",
        "-l",
        "kind:bug",
        "--depends-on",
        &before[..6],
        "--blocks",
        &after,
        "--ready",
        "--context",
        "url=http://x?a=b",
    ]);
    let now: u32 = repo.git(&["rev-list", "--count", "refs/jit"]).text().parse().expect("a number");
    assert_eq!(now, commits.parse::<u32>().expect("a number") + 1);
    let issue = repo.issue(&id);
    assert_eq!(issue["description"], "many\nlines\n");
    assert_eq!(issue["priority"], "critical");
    assert_eq!(issue["state"], "ready");
    assert_eq!(issue["labels"], json!(["area/api", "kind:bug"]));
    assert_eq!(issue["dependencies"], json!([before]));
    assert_eq!(issue["gates"]["review"]["status"], "pending");
    assert_eq!(issue["context"]["url"], "http://x?a=b");
    assert_eq!(issue["blocked"], true);
    assert_eq!(issue["blocked_by"][0]["id"], json!(before));
    assert_eq!(repo.issue(&after)["dependencies"], json!([id]));
}

#[test]
fn a_description_comes_from_stdin_too() {
    let repo = Repo::new();
    let output = repo.run(&["issue", "create", "from stdin", "--desc-file", "-"]).input("typed").ok();
    assert_eq!(repo.issue(&output.text())["description"], "typed");
    let id = output.text();
    repo.run(&["issue", "comment", &id, "-"]).input("said").ok();
    assert_eq!(repo.issue(&id)["comments"][0]["text"], "said");
}

#[test]
fn update_changes_all_issues_or_none() {
    let repo = Repo::new();
    let (a, b) = (repo.create("a"), repo.create("b"));
    repo.jit(&["dep", "add", &b, &a]).ok();
    let before = repo.tip();
    repo.jit(&["issue", "update", &a, &b, "--state", "in_progress"]).code(4);
    assert_eq!(repo.tip(), before, "b is blocked, so a stays as it is");
    let output = repo.jit(&["issue", "update", &a, &b, "--priority", "low", "--label", "+x", "--json"]).ok();
    assert_eq!(output.json()["count"], 2);
    assert_eq!(repo.issue(&b)["priority"], "low");
    assert_ne!(repo.tip(), before);
    assert_eq!(repo.git(&["rev-list", "--count", &format!("{before}..refs/jit")]).text(), "1");
}

#[test]
fn labels_and_context_are_added_and_taken_away() {
    let repo = Repo::new();
    let id = repo.create("one");
    repo.jit(&["issue", "update", &id, "--label", "a", "--label", "+b", "--context", "k=v", "--context", "l=w"]).ok();
    repo.jit(&["issue", "update", &id, "--label", "-a", "--unset-context", "k"]).ok();
    let issue = repo.issue(&id);
    assert_eq!(issue["labels"], json!(["b"]));
    assert_eq!(issue["context"], json!({ "l": "w" }));
}

#[test]
fn a_change_that_changes_nothing_makes_no_commit() {
    let repo = Repo::new();
    let (a, b) = (repo.create("a"), repo.create("b"));
    repo.jit(&["dep", "add", &a, &b]).ok();
    repo.jit(&["gate", "add", &a, "review"]).ok();
    let before = repo.tip();
    for args in [
        &["dep", "add", &a, &b][..],
        &["gate", "add", &a, "review"],
        &["dep", "rm", &b, &a],
        &["gate", "rm", &b, "review"],
        &["issue", "update", &a, "--title", "a"],
        &["issue", "update", &a, "--state", "open"],
        &["issue", "unassign", &a],
        &["init"],
    ] {
        repo.jit(args).ok();
        assert_eq!(repo.tip(), before, "{args:?}");
    }
}

#[test]
fn an_issue_blocked_by_two_names_both() {
    let repo = Repo::new();
    let (a, b) = (repo.create("first dependency"), repo.create("second dependency"));
    let id = repo.out(&["issue", "create", "blocked", "--depends-on", &a, "--depends-on", &b]);
    for args in [
        &["issue", "claim", &id, "x:y"][..],
        &["issue", "update", &id, "--state", "done"],
        &["issue", "update", &id, "--state", "gated"],
        &["issue", "update", &id, "--state", "in_progress"],
    ] {
        let output = repo.jit(args).code(4);
        assert!(output.stderr.contains(&a[..8]) && output.stderr.contains(&b[..8]), "{output:#?}");
    }
    let output = repo.jit(&["issue", "claim", &id, "x:y", "--json"]).code(4);
    assert_eq!(output.error_code(), "blocked");
    let blockers = output.json()["error"]["details"]["blocked_by"].clone();
    assert_eq!(blockers.as_array().map(Vec::len), Some(2));
    assert_eq!(blockers[0]["state"], "open");
    repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["count"], 0);
    repo.jit(&["issue", "reject", &a, "--reason", "not needed"]).ok();
    repo.jit(&["issue", "update", &b, "--state", "done"]).ok();
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["issues"][0]["id"], json!(id));
}

#[test]
fn an_archived_issue_that_was_done_blocks_nobody() {
    let repo = Repo::new();
    let dependency = repo.create("dependency");
    let id = repo.out(&["issue", "create", "waits", "--depends-on", &dependency]);
    repo.jit(&["issue", "update", &dependency, "--state", "archived"]).ok();
    assert_eq!(repo.issue(&id)["blocked"], true, "it was put away unfinished");
    repo.jit(&["issue", "update", &dependency, "--state", "open"]).ok();
    repo.jit(&["issue", "update", &dependency, "--state", "done"]).ok();
    repo.jit(&["issue", "update", &dependency, "--state", "archived"]).ok();
    assert_eq!(repo.issue(&id)["blocked"], false);
}

#[test]
fn a_cycle_through_ten_issues_is_refused_with_its_path() {
    let repo = Repo::new();
    let ids: Vec<String> = (0..10).map(|n| repo.create(&format!("issue {n}"))).collect();
    for pair in ids.windows(2) {
        repo.jit(&["dep", "add", &pair[0], &pair[1]]).ok();
    }
    let before = repo.tip();
    let output = repo.jit(&["dep", "add", &ids[9], &ids[0]]).code(4);
    let mut path: Vec<&str> = vec![&ids[9][..8]];
    path.extend(ids.iter().map(|id| &id[..8]));
    assert!(output.stderr.contains(&path.join(" → ")), "{output:#?}");
    assert_eq!(repo.jit(&["dep", "add", &ids[0], &ids[0], "--json"]).code(4).error_code(), "cycle");
    repo.jit(&["issue", "create", "x", "--depends-on", &ids[9], "--blocks", &ids[9]]).code(4);
    assert_eq!(repo.tip(), before);
}

#[test]
fn claim_next_takes_the_most_urgent_then_the_oldest() {
    let repo = Repo::new();
    let normal = repo.ready("normal");
    let older = repo.out(&["issue", "create", "older", "-p", "critical", "--ready"]);
    let newer = repo.out(&["issue", "create", "newer", "-p", "critical", "--ready"]);
    repo.create("open, not ready");
    for expected in [&older, &newer, &normal] {
        assert_eq!(&repo.out(&["issue", "claim-next", "a:b"]), expected);
    }
    let output = repo.jit(&["issue", "claim-next", "a:b", "--json"]).code(7);
    assert_eq!(output.error_code(), "nothing_ready");
}

#[test]
fn claim_next_finds_what_stands_behind_many_that_are_meant_for_others() {
    let repo = Repo::new();
    let line = |n: usize| format!("{{\"title\": \"theirs {n}\", \"state\": \"ready\", \"assignee\": \"bot:other\"}}\n");
    let lines: String = (0..150)
        .map(line)
        .chain(["{\"title\": \"ours\", \"state\": \"ready\", \"priority\": \"low\"}".to_owned()])
        .collect();
    repo.run(&["import", "-"]).input(lines).ok();
    let id = repo.out(&["issue", "claim-next", "bot:us"]);
    assert_eq!(repo.issue(&id)["title"], "ours");
    repo.jit(&["issue", "claim-next", "bot:us"]).code(7);
}

#[test]
fn claim_next_waits_for_work_to_come_up() {
    let repo = Repo::new();
    let child = repo.run(&["issue", "claim-next", "a:b", "--wait", "20s"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(150));
    let id = repo.ready("late");
    let output = crate::support::Output::new("claim-next".into(), child.wait_with_output().expect("jit ends")).ok();
    assert_eq!(output.text(), id);
    repo.jit(&["issue", "claim-next", "a:b", "--wait", "50ms"]).code(7);
}

#[test]
fn an_assigned_issue_is_kept_for_its_assignee() {
    let repo = Repo::new();
    let id = repo.ready("for bob");
    repo.jit(&["issue", "assign", &id, "bot:bob"]).ok();
    assert_eq!(repo.jit(&["issue", "claim", &id, "bot:eve", "--json"]).code(5).error_code(), "assigned_to_other");
    repo.jit(&["issue", "claim-next", "bot:eve"]).code(7);
    assert_eq!(repo.out(&["issue", "claim-next", "bot:bob"]), id);
    repo.jit(&["issue", "release", &id, "lunch"]).ok();
    let issue = repo.issue(&id);
    assert_eq!((&issue["state"], &issue["assignee"], &issue["claim"]), (&json!("ready"), &json!(null), &json!(null)));
    assert_eq!(repo.out(&["query", "assignee", "bot:bob"]), "");
}

#[test]
fn a_question_parks_an_issue_until_it_is_answered() {
    let repo = Repo::new();
    let id = repo.ready("unclear");
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    repo.jit_as("bot:a", &["issue", "ask", &id, "Which colour?"]).ok();
    let issue = repo.issue(&id);
    assert_eq!((&issue["state"], &issue["claim"]), (&json!("open"), &json!(null)));
    assert_eq!(issue["question"]["text"], "Which colour?");
    assert!(repo.out(&["status"]).contains("Which colour?"));
    let questions = repo.jit(&["query", "questions", "--json"]).ok().json();
    assert_eq!((&questions["count"], &questions["questions"][0]["by"]), (&json!(1), &json!("bot:a")));
    repo.jit(&["issue", "answer", &id, "Blue."]).ok();
    let issue = repo.issue(&id);
    assert_eq!((&issue["state"], &issue["question"]), (&json!("ready"), &json!(null)));
    assert_eq!(issue["comments"][1]["text"], "Blue.");
    assert_eq!(repo.jit(&["issue", "answer", &id, "x", "--json"]).code(4).error_code(), "no_question");
}

#[test]
fn a_deleted_issue_leaves_a_tombstone() {
    let repo = Repo::new();
    let id = repo.create("wrong");
    let dependent = repo.out(&["issue", "create", "dependent", "--depends-on", &id]);
    let output = repo.jit(&["issue", "delete", &id, "--json"]).code(4);
    assert_eq!(output.error_code(), "has_dependents");
    repo.jit(&["issue", "delete", &id, "--force"]).ok();
    assert_eq!(repo.issue(&dependent)["dependencies"], json!([]));
    assert_eq!(repo.jit(&["issue", "show", &id, "--json"]).code(3).error_code(), "issue_deleted");
    assert_eq!(repo.jit(&["list", "--json"]).json()["count"], 1);
    assert!(!repo.path().join(format!(".jit/issues/{id}.json")).exists());
    repo.jit(&["issue", "delete", &id]).ok();
    assert!(repo.out(&["issue", "log", &id]).contains("issue.deleted"), "its history stays");
    repo.assert_healthy();
}

#[test]
fn states_follow_the_table() {
    let repo = Repo::new();
    let id = repo.create("one");
    repo.jit(&["issue", "update", &id, "--state", "done"]).ok();
    let output = repo.jit(&["issue", "update", &id, "--state", "gated", "--json"]).code(4);
    assert_eq!(output.error_code(), "transition_not_allowed");
    assert_eq!(repo.jit(&["issue", "claim", &id, "a:b", "--json"]).code(4).error_code(), "not_claimable");
    repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "in_progress"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["by"], "human:Ada", "in progress is a claim");
    let page = repo.out(&["help", "states"]);
    for state in ["open", "ready", "in_progress", "gated", "done", "rejected", "archived"] {
        assert!(page.contains(&format!("\n  {state} ")), "{page}");
    }
}

#[test]
fn an_operation_id_gives_the_first_result_again() {
    let repo = Repo::new();
    let create = ["issue", "create", "once", "--op-id", "k1", "--json"];
    let first = repo.jit(&create).ok();
    repo.jit(&["issue", "update", first.json()["id"].as_str().expect("an id"), "--title", "later"]).ok();
    let before = repo.tip();
    let again = repo.jit(&create).ok();
    assert_eq!(first.stdout, again.stdout, "the first result, to the letter");
    assert_eq!(repo.tip(), before);
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        repo.jit(&["issue", "comment", &id, "x", "--op-id", "k1", "--json"]).code(2).error_code(),
        "op_id_reused"
    );
    let claim = ["issue", "claim", &id, "bot:a", "--op-id", "k2"];
    repo.jit(&claim).ok();
    repo.jit(&claim).ok();
    let events = repo.jit(&["events", "query", "--issue", &id, "--json"]).json_lines();
    assert_eq!(events[0]["op_id"], "k1");
    // A key stands for one request of one actor.
    let other = ["issue", "claim", &id, "bot:b", "--op-id", "k2", "--json"];
    assert_eq!(repo.jit(&other).code(2).error_code(), "op_id_reused");
    let other = ["issue", "create", "another", "--op-id", "k1", "--json"];
    assert_eq!(repo.jit(&other).code(2).error_code(), "op_id_reused");
    // What is remembered beside the tracker is not needed, and not trusted when it is damaged.
    let list = repo.path().join(".git/jit/history-1");
    std::fs::write(&list, "").expect("a file can be cut");
    assert_eq!(repo.jit(&create).ok().stdout, first.stdout);
    std::fs::remove_file(&list).expect("the list is there");
    assert_eq!(repo.jit(&create).ok().stdout, first.stdout);
    // An operation that was rolled back with the ref is not found any more.
    repo.git(&["update-ref", "refs/jit", "refs/jit~3"]).ok();
    assert_ne!(repo.jit(&create).ok().json()["id"], first.json()["id"]);
}

#[test]
fn first_guesses_work() {
    let repo = Repo::new();
    let id = repo.out(&["create", "--title", "guess", "--description", "d", "--add-label", "x"]);
    assert!(repo.out(&["list"]).contains("guess"));
    assert!(repo.out(&["show", &id]).contains("guess"));
    assert_eq!(repo.out(&["claim", &id, "a:b"]), id);
    repo.jit(&["update", &id, "--description", "e", "--add-label", "y", "--remove-label", "x"]).ok();
    assert_eq!(repo.issue(&id)["labels"], json!(["y"]));
    repo.jit(&["done", &id]).ok();
    assert_eq!(repo.issue(&id)["state"], "done");
    let output = repo.jit(&["isue", "list"]).code(2);
    assert!(output.stderr.contains("did you mean issue?"), "{output:#?}");
    let output = repo.jit(&["issue", "create", &"word ".repeat(200)]).code(2);
    assert!(output.stderr.split_whitespace().count() < 60 && output.stderr.contains("500 characters"), "{output:#?}");
    for n in 0..30 {
        repo.jit(&["gate", "define", &format!("gate-{n}"), "--title", "x"]).ok();
    }
    let output = repo.jit(&["gate", "show", "zzzz"]).code(3);
    assert_eq!(output.stderr, "error: no gate is called `zzzz`\nhint: jit gate list\n");
    let output = repo.jit(&["delete", &id]).code(2);
    assert!(output.stderr.contains("did you mean jit issue delete?"), "{output:#?}");
    assert!(!repo.jit(&["run-agent"]).code(2).stderr.contains("run-agent?"), "what is hidden is not suggested");
    assert!(repo.jit(&["add"]).code(2).stderr.contains("did you mean jit dep add or jit gate add or"));
    let output = repo.jit(&["define", "x"]).code(2);
    assert!(output.stderr.contains("did you mean jit gate define?"), "{output:#?}");
    let output = repo.jit(&["issue", "list", "--stat", "open"]).code(2);
    assert!(output.stderr.contains("did you mean --state?"), "{output:#?}");
}

#[test]
fn dash_c_runs_elsewhere() {
    let repo = Repo::new();
    repo.create("here");
    let path = repo.path().to_str().expect("the path is text").to_owned();
    let output = repo.run_in(repo.outside(), &["-C", &path, "list"]).output().ok();
    assert!(output.stdout.contains("here"));
    assert_eq!(repo.jit(&["-C", "nowhere", "list"]).code, Some(3));
}

#[test]
fn text_may_begin_with_a_hyphen() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "-t", "- a title", "-d", "- one\n- two"]);
    assert_eq!(repo.issue(&id)["description"], "- one\n- two");
    repo.jit(&["issue", "comment", &id, "- a point", "--json"]).ok();
    repo.jit(&["issue", "comment", &id, "-q"]).code(2);
    repo.jit(&["issue", "ask", &id, "-- why?"]).ok();
    repo.jit(&["issue", "answer", &id, "- because"]).ok();
    repo.jit(&["issue", "update", &id, "--desc", "-x", "--title", "-y"]).ok();
    repo.jit(&["gate", "fail", &id, "review", "--note", "- not yet"]).ok();
    repo.jit(&["issue", "reject", &id, "--reason", "- no"]).ok();
}
