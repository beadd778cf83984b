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
fn gates_hold_back_done_and_the_last_one_completes_a_gated_issue() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "gated", "-g", "review", "-g", "unit-tests"]);
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    let output = repo.jit(&["issue", "update", &id, "--state", "done", "--json"]).code(4);
    assert_eq!(output.error_code(), "gates_pending");
    let hint = output.json()["error"]["hint"].as_str().expect("a hint").to_owned();
    assert!(hint.contains("jit gate pass") && hint.contains("review") && hint.contains("unit-tests"), "{hint}");
    repo.jit(&["gate", "pass", &id, "review", "--by", "human:lead", "--note", "fine"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "gated"]).ok();
    assert_eq!(repo.issue(&id)["state"], "gated");
    repo.jit(&["gate", "fail", &id, "unit-tests"]).ok();
    assert_eq!(repo.issue(&id)["state"], "gated");
    repo.jit(&["gate", "pass", &id, "unit-tests"]).ok();
    let issue = repo.issue(&id);
    assert_eq!(issue["state"], "done");
    assert_eq!(issue["claim"], json!(null));
    assert_eq!(issue["gates"]["review"]["by"], "human:lead");
    assert_eq!(issue["gates"]["review"]["note"], "fine");
    repo.assert_healthy();
}

#[test]
fn a_gate_nobody_defined_suggests_the_near_one() {
    let repo = Repo::new();
    let id = repo.create("one");
    let output = repo.jit(&["gate", "pass", &id, "unit-test", "--json"]).code(3);
    assert_eq!(output.error_code(), "gate_not_found");
    let error = &output.json()["error"];
    assert_eq!(error["details"]["gates"][0]["nearest"][0], "unit-tests");
    assert!(output.stderr.contains("did you mean `unit-tests`"), "{output:#?}");
    assert_eq!(repo.jit(&["issue", "create", "x", "-g", "reviews"]).code, Some(3));
}

#[test]
fn gates_are_defined_shown_and_undefined() {
    let repo = Repo::new();
    repo.jit(&["gate", "define", "lint", "--title", "Lint", "--desc", "No warnings.", "--auto"]).ok();
    assert_eq!(repo.jit(&["gate", "define", "lint", "--title", "Lint", "--json"]).code(6).error_code(), "gate_exists");
    let gate = repo.jit(&["gate", "show", "lint", "--json"]).ok().json();
    assert_eq!(
        gate,
        json!({ "key": "lint", "title": "Lint", "description": "No warnings.", "auto": true, "defined": true })
    );
    assert_eq!(repo.jit(&["gate", "list", "--json"]).ok().json()["count"], 5);
    let id = repo.out(&["issue", "create", "x", "-g", "lint"]);
    assert_eq!(repo.jit(&["gate", "undefine", "lint", "--json"]).code(4).error_code(), "gate_in_use");
    repo.jit(&["gate", "rm", &id, "lint"]).ok();
    repo.jit(&["registry", "remove", "lint"]).ok();
    assert_eq!(repo.jit(&["gate", "show", "lint"]).code, Some(3));
    repo.jit(&["registry", "add", "lint", "--title", "Again"]).ok();
    assert!(repo.out(&["registry", "list"]).contains("Again"));
}

#[test]
fn a_verdict_is_about_a_tree_and_grows_stale() {
    let repo = Repo::new();
    let id = repo.create("one");
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    let clean = repo.git(&["rev-parse", "HEAD^{tree}"]).text();
    let status = repo.jit(&["gate", "status", &id, "--json"]).ok().json();
    assert_eq!(status["gates"][0]["tree"], json!(clean));
    assert_eq!(status["gates"][0]["commit"], json!(repo.git(&["rev-parse", "HEAD"]).text()));
    assert_eq!(status["gates"][0]["stale"], false);
    repo.write("new file", "content");
    let status = repo.jit(&["gate", "status", &id, "--json"]).ok().json();
    assert_eq!(status["gates"][0]["stale"], true);
    repo.jit(&["gate", "pass", &id, "review", "--by", "human:second"]).ok();
    let judged = repo.issue(&id)["gates"]["review"]["tree"].clone();
    assert_eq!(repo.git(&["status", "--porcelain"]).text(), "?? \"new file\"", "the index is as it was");
    repo.git(&["add", "-A"]).ok();
    assert_eq!(json!(repo.git(&["write-tree"]).text()), judged, "the tree holds the new file");
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
fn a_prefix_of_four_characters_is_enough_when_it_is_unique() {
    let repo = Repo::new();
    let id = repo.create("one");
    assert_eq!(repo.issue(&id[..4])["id"], json!(id));
    assert_eq!(repo.issue(&id[..4].to_uppercase())["id"], json!(id));
    repo.jit(&["issue", "show", &id[..3]]).code(2);
    let twin = format!("{}{}", &id[..8], &"-0000-4000-8000-000000000000");
    let document = repo.git(&["show", &format!("refs/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2])]).text();
    let path = format!("issues/{}/{}/{twin}.json", &id[..1], &id[1..2]);
    repo.plant(&[("100644", &path, document.replace(&id, &twin).as_bytes())]);
    let output = repo.jit(&["issue", "show", &id[..8], "--json"]).code(2);
    assert_eq!(output.error_code(), "ambiguous_id");
    assert_eq!(output.json()["error"]["details"]["candidates"].as_array().map(Vec::len), Some(2));
}

#[test]
fn lists_are_chosen_sorted_and_cut() {
    let repo = Repo::new();
    let low = repo.out(&["issue", "create", "b low", "-p", "low", "-l", "x"]);
    let high = repo.out(&["issue", "create", "a high", "-p", "high", "-l", "x", "-l", "y", "--ready"]);
    let ids = |args: &[&str]| -> Vec<String> {
        let mut all = vec!["list", "--json"];
        all.extend(args);
        let list = repo.jit(&all).ok().json();
        list["issues"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&[]), [high.clone(), low.clone()]);
    assert_eq!(ids(&["--sort", "created"]), [low.clone(), high.clone()]);
    assert_eq!(ids(&["--sort", "title"]), [high.clone(), low.clone()]);
    assert_eq!(ids(&["-l", "x", "-l", "y"]), std::slice::from_ref(&high));
    assert_eq!(ids(&["-s", "ready", "-s", "open", "-p", "low"]), std::slice::from_ref(&low));
    assert_eq!(ids(&["--blocked"]), Vec::<String>::new());
    let cut = repo.jit(&["list", "-n", "1", "--json"]).ok().json();
    assert_eq!((&cut["count"], &cut["total"], &cut["truncated"]), (&json!(1), &json!(2), &json!(true)));
    assert!(repo.jit(&["list", "-n", "1"]).ok().stderr.contains("1 of 2"));
    assert_eq!(repo.jit(&["list", "--full", "--json"]).ok().json()["issues"][0]["description"], "");
}

#[test]
fn single_fields_are_printed_bare() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-d", "two\nlines", "-l", "a", "-l", "b"]);
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "title"]), "one");
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "description"]), "two\nlines");
    assert_eq!(repo.out(&["issue", "show", &id, "--fields", "state,labels"]), "open\na\nb");
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "claim.by"]), "");
    repo.jit(&["issue", "show", &id, "--field", "colour"]).code(2);
    let fields = repo.jit(&["issue", "show", &id, "--fields", "state,claim", "--json"]).ok().json();
    assert_eq!(fields, json!({ "state": "open", "claim": null }));
}

#[test]
fn events_are_queried_and_followed() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    let query = |args: &[&str]| {
        let mut all = vec!["events", "query", "--json"];
        all.extend(args);
        repo.jit(&all).ok().json_lines()
    };
    assert_eq!(query(&["--issue", &id]).len(), 2);
    assert_eq!(query(&["--type", "issue.claimed"]).len(), 1);
    assert_eq!(query(&["--type", "gate.*"]).len(), 4);
    assert_eq!(query(&["--actor", "bot:a"]).len(), 1);
    assert_eq!(query(&["--since", "1h"]).len(), 7);
    assert_eq!(query(&["--until", "2000-01-01"]).len(), 0);
    assert_eq!(query(&["-n", "2"]).len(), 2);
    repo.jit(&["events", "query", "--since", "soon"]).code(2);
    let last = repo.jit(&["events", "tail", "-n", "1", "--json"]).ok().json_lines();
    assert_eq!((&last[0]["event"], &last[0]["commit"]), (&json!("issue.claimed"), &json!(repo.tip())));

    use std::io::{BufRead, BufReader};
    let mut child = repo.run(&["events", "tail", "-n", "1", "-f", "--json"]).spawn();
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut next = || -> serde_json::Value {
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("an event")
    };
    assert_eq!(next()["event"], "issue.claimed");
    repo.jit(&["issue", "release", &id]).ok();
    assert_eq!(next()["event"], "issue.released");
    repo.git(&["pack-refs", "--all"]).ok();
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    assert_eq!(next()["event"], "gate.added");
    assert_eq!(next()["event"], "gate.passed");
    child.kill().expect("the follower can be ended");
    child.wait().expect("the follower ends");
}

#[test]
fn the_history_of_an_issue_shows_its_changes() {
    let repo = Repo::new();
    let id = repo.create("old title");
    repo.create("another");
    repo.jit(&["issue", "update", &id, "--title", "new title"]).ok();
    let log = repo.jit(&["issue", "log", &id, "--json"]).ok().json();
    assert_eq!(log["count"], 2);
    assert_eq!(log["changes"][0]["events"][0]["event"], "issue.updated");
    let patch = repo.out(&["issue", "log", &id, "-p", "-n", "1"]);
    assert!(patch.contains("-  \"title\": \"old title\"") && patch.contains("+  \"title\": \"new title\""), "{patch}");
    let diff = repo.jit(&["issue", "diff", &id, "refs/jit~1..refs/jit", "--json"]).ok().json();
    let title = diff["changes"].as_array().expect("a list").iter().find(|change| change["field"] == "title");
    assert_eq!(title.expect("the title changed")["from"], "old title");
    repo.jit(&["issue", "diff", &id, "nowhere..refs/jit"]).code(3);
    repo.jit(&["issue", "diff", &id, "refs/jit"]).code(2);
}

#[test]
fn the_graph_is_drawn_listed_and_exported() {
    let repo = Repo::new();
    let leaf = repo.create("leaf \"quoted\"");
    let middle = repo.out(&["issue", "create", "middle", "--depends-on", &leaf]);
    let root = repo.out(&["issue", "create", "root", "--depends-on", &middle, "--depends-on", &leaf]);
    let tree = repo.out(&["graph", "show", &root]);
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!(lines.len(), 4, "{tree}");
    assert!(lines[0].contains("root") && lines[0].contains("[open, blocked]"), "{tree}");
    assert!(tree.contains("├─ ") && tree.contains("└─ "), "{tree}");
    assert!(repo.out(&["graph", "show", &root, "--depth", "0"]).contains('…'));
    let downstream = repo.jit(&["graph", "downstream", &leaf, "--json"]).ok().json();
    assert_eq!(downstream["count"], 2);
    let roots = repo.jit(&["graph", "roots", "--json"]).ok().json();
    assert_eq!(roots["issues"][0]["id"], json!(root));
    let dot = repo.out(&["graph", "export", "--format", "dot"]);
    assert!(dot.starts_with("digraph jit {") && dot.contains("leaf \\\"quoted\\\""), "{dot}");
    assert!(repo.out(&["graph", "export", "--format", "mermaid"]).contains(&format!("i{root} --> i{middle}")));
    repo.jit(&["graph", "export", "--format", "json", "-o", "graph.json"]).ok();
    let graph: serde_json::Value = serde_json::from_str(&repo.read("graph.json")).expect("a document");
    assert_eq!(graph["edges"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_chain_of_a_thousand_is_drawn_without_overflowing() {
    let repo = Repo::new();
    let mut files: Vec<(String, String)> = Vec::new();
    let template = repo.create("template");
    let document =
        repo.git(&["show", &format!("refs/jit:issues/{}/{}/{template}.json", &template[..1], &template[1..2])]).text();
    let id = |n: usize| format!("{n:08x}-0000-4000-8000-000000000000");
    for n in 0..1000 {
        let dependency = if n < 999 { format!("[\"{}\"]", id(n + 1)) } else { "[]".to_owned() };
        let text = document
            .replace(&template, &id(n))
            .replace("\"dependencies\": []", &format!("\"dependencies\": {dependency}"));
        files.push((format!("issues/0/0/{}.json", id(n)), text));
    }
    let planted: Vec<(&str, &str, &[u8])> =
        files.iter().map(|(path, text)| ("100644", path.as_str(), text.as_bytes())).collect();
    repo.plant(&planted);
    let drawing = repo.out(&["graph", "show", &id(0)]);
    assert_eq!(drawing.lines().count(), 1000);
    repo.jit(&["dep", "add", &id(999), &id(0)]).code(4);
}

#[test]
fn settings_are_checked_listed_and_used() {
    let repo = Repo::new();
    repo.jit(&["config", "set", "claim.ttl", "soon"]).code(2);
    repo.jit(&["config", "set", "claim.tll", "1h"]).code(2);
    repo.jit(&["config", "set", "claim.ttl", "1h"]).ok();
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "1h");
    let id = repo.ready("leased");
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["ttl_ms"], 3_600_000);
    repo.jit(&["config", "unset", "claim.ttl"]).ok();
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "");
    repo.jit(&["config", "set", "--local", "agent", "bot:local"]).ok();
    assert_eq!(repo.git(&["config", "jit.agent"]).text(), "bot:local");
    assert_eq!(repo.out(&["config", "get", "--local", "jit.agent"]), "bot:local");
    let list = repo.jit(&["config", "list", "--json"]).ok().json();
    assert_eq!(list["settings"][0]["source"], "local");
    repo.jit(&["config", "unset", "--local", "agent"]).ok();
    assert_eq!(repo.git(&["config", "jit.agent"]).code, Some(1));
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
    for entry in std::fs::read_dir(repo.path().join(".git/jit/ops")).expect("the folder is there") {
        let path = entry.expect("the folder is there").path();
        if !path.ends_with("upto") {
            std::fs::write(path, "").expect("a file can be cut");
        }
    }
    assert_eq!(repo.jit(&create).ok().stdout, first.stdout);
    std::fs::remove_dir_all(repo.path().join(".git/jit/ops")).expect("the folder is there");
    assert_eq!(repo.jit(&create).ok().stdout, first.stdout);
    // An operation that was rolled back with the ref is not found any more.
    repo.git(&["update-ref", "refs/jit", "refs/jit~3"]).ok();
    assert_ne!(repo.jit(&create).ok().json()["id"], first.json()["id"]);
}

#[test]
fn init_says_what_it_did_and_warns_of_confusing_names() {
    let repo = Repo::bare_folder();
    let output = repo.jit(&["init", "--json"]).ok();
    assert_eq!(output.json()["repository_created"], true);
    assert_eq!(output.json()["created"], true);
    assert!(repo.path().join(".git").is_dir() && repo.path().join(".jit/gates.json").is_file());
    assert_eq!(repo.jit(&["init", "--json"]).ok().json()["created"], false);
    let other = Repo::git_only();
    other.git(&["branch", "jit"]).ok();
    assert!(other.jit(&["init"]).ok().stderr.contains("ambiguous"));
}

#[test]
fn init_adopts_the_tracker_of_a_remote() {
    let repo = Repo::new();
    let id = repo.create("shared");
    let hub = repo.hub();
    let clone = repo.outside().join("clone");
    repo.git(&["clone", "--quiet", &hub, clone.to_str().expect("the path is text")]).ok();
    assert_eq!(repo.run_in(&clone, &["list"]).output().code, Some(3));
    let output = repo.run_in(&clone, &["init", "--json"]).output().ok();
    assert_eq!(output.json()["adopted_from"], "origin");
    let shown = repo.run_in(&clone, &["issue", "show", &id, "--json"]).output().ok();
    assert_eq!(shown.json()["title"], "shared");
    assert_eq!(repo.git_in(&clone, &["rev-parse", "refs/jit"]).text(), repo.tip());
    let refspecs = repo.git_in(&clone, &["config", "--get-all", "remote.origin.fetch"]).text();
    assert!(refspecs.contains("+refs/tracker/jit:refs/jit-remotes/origin"), "{refspecs}");
    assert_eq!(repo.run_in(&clone, &["init", "--remote", "--upload-pack=x"]).output().code, Some(2));
    let fresh = Repo::git_only();
    assert_eq!(fresh.jit(&["init", "--remote=nobody", "--json"]).code(3).error_code(), "no_remote");
    fresh.git(&["remote", "add", "gone", "/nowhere/at/all"]).ok();
    for args in [&["init", "--remote", "gone", "--json"][..], &["init", "--json"]] {
        assert_eq!(fresh.jit(args).code(10).error_code(), "git_failed");
        assert_eq!(fresh.git(&["rev-parse", "--verify", "refs/jit"]).code, Some(128), "nothing was made");
    }
    fresh.jit(&["init", "--no-remote"]).ok();
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
fn colours_are_used_when_asked_for() {
    let repo = Repo::new();
    let id = repo.create("bright");
    assert!(!repo.out(&["show", &id]).contains('\u{1b}'));
    assert!(repo.out(&["show", &id, "--color", "always"]).contains("\u{1b}["));
    assert!(!repo.run(&["show", &id]).env("NO_COLOR", "1").output().ok().stdout.contains('\u{1b}'));
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

#[test]
fn a_gate_whose_definition_is_gone_is_judged_no_more() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-g", "review"]);
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "done"]).ok();
    assert_eq!(repo.jit(&["gate", "rm", &id, "review", "--json"]).code(4).error_code(), "finished");
    repo.jit(&["gate", "undefine", "review"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    repo.assert_healthy();
    assert_eq!(repo.jit(&["gate", "pass", &id, "review", "--json"]).code(3).error_code(), "gate_not_found");
    repo.jit(&["gate", "rm", &id, "review"]).ok();
}

#[test]
fn the_ref_reads_as_an_audit_log() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "done"]).ok();
    let log = repo.git(&["log", "-p", "--format=%s%n%b", "refs/jit"]).ok().text();
    let (short, issue) = (&id[..8], format!("+++ b/issues/{}/{}/{id}.json", &id[..1], &id[1..2]));
    for expected in [
        &format!("issue.completed {short} human:Ada\n"),
        &format!("issue.claimed {short} bot:a\n"),
        "Jit-Actor: bot:a\n",
        "Jit-Command: issue claim\n",
        &issue,
        "-  \"state\": \"in_progress\",\n+  \"state\": \"done\",\n",
        "+    \"by\": \"bot:a\",\n",
    ] {
        assert!(log.contains(expected), "{expected:?} is not in\n{log}");
    }
}
