//! Gates: their definitions, verdicts, and what they hold back.

use serde_json::json;

use crate::support::Repo;

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
        json!({
            "key": "lint", "title": "Lint", "description": "No warnings.", "auto": true, "stage": "finish",
            "command": null, "timeout_ms": null, "workdir": null, "env_key": null, "defined": true, "trusted": null
        })
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
fn a_gate_whose_definition_is_gone_is_judged_no_more() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-g", "review"]);
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "done"]).ok();
    assert_eq!(repo.jit(&["gate", "rm", &id, "review", "--json"]).code(4).error_code(), "finished");
    let again = || repo.jit(&["gate", "undefine", "review", "--op-id", "k", "--json"]).ok().json();
    assert_eq!(again(), again(), "a repeated operation gives the first result");
    repo.jit(&["issue", "update", &id, "--state", "ready"]).ok();
    repo.assert_healthy();
    assert_eq!(repo.jit(&["gate", "pass", &id, "review", "--json"]).code(3).error_code(), "gate_not_found");
    repo.jit(&["gate", "rm", &id, "review"]).ok();
}
