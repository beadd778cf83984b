//! What gates hold back, and that those who must pass them cannot weaken them.

use serde_json::json;

use crate::support::Repo;

#[test]
fn a_gate_of_the_stage_start_holds_back_the_claim() {
    let repo = Repo::new();
    repo.jit(&["gate", "define", "design", "--title", "Design agreed", "--stage", "start"]).ok();
    let id = repo.out(&["issue", "create", "x", "-g", "design", "-g", "review", "--ready"]);
    let output = repo.jit(&["issue", "claim", &id, "a:b", "--json"]).code(4);
    assert_eq!(output.error_code(), "gates_pending");
    assert_eq!(
        output.json()["error"]["details"]["gates"],
        json!([
            { "gate": "design", "status": "pending", "outdated": false, "runs": false }
        ])
    );
    assert_eq!(repo.jit(&["issue", "claim-next", "a:b"]).code, Some(7));
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["count"], 0);
    assert_eq!(repo.jit(&["issue", "update", &id, "--state", "in_progress"]).code, Some(4));
    repo.jit(&["gate", "pass", &id, "design"]).ok();
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["count"], 1);
    assert_eq!(repo.out(&["issue", "claim-next", "a:b"]), id);
    // A gate of that stage is asked at the end as well.
    repo.jit(&["gate", "fail", &id, "design"]).ok();
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    assert_eq!(repo.jit(&["done", &id, "--json"]).code(4).error_code(), "gates_pending");
}

#[test]
fn a_command_judges_a_gate_of_the_stage_start_too() {
    let repo = Repo::new();
    repo.gate("design", "test -e DESIGN.md", &["--stage", "start"]);
    let id = repo.out(&["issue", "create", "x", "-g", "design", "--ready"]);
    let output = repo.jit(&["issue", "claim", &id, "a:b", "--json"]).code(4);
    let hint = output.json()["error"]["hint"].as_str().expect("a hint").to_owned();
    assert!(hint.contains("jit gate run"), "{hint}");
    repo.write("DESIGN.md", "so");
    repo.jit(&["gate", "run", &id]).ok();
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
}

#[test]
fn commit_and_finish_gates_hold_back_done() {
    let repo = Repo::new();
    repo.gate("lint", "true", &["--stage", "commit"]);
    repo.gate("tests", "true", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "-g", "tests"]);
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    let output = repo.jit(&["done", &id, "--json"]).code(4);
    assert_eq!(output.json()["error"]["details"]["gates"].as_array().map(Vec::len), Some(2));
    assert!(output.stderr.contains("jit gate run"), "{output:#?}");
    repo.jit_as("a:b", &["gate", "run", &id]).ok();
    repo.jit_as("a:b", &["done", &id]).ok();
}

#[test]
fn a_gate_with_a_command_is_passed_by_hand_only_by_force_and_with_a_reason() {
    let repo = Repo::new();
    repo.gate("tests", "false", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests"]);
    let output = repo.jit(&["gate", "pass", &id, "tests", "--json"]).code(4);
    assert_eq!(output.error_code(), "gate_runs");
    assert!(output.json()["error"]["hint"].as_str().expect("a hint").starts_with("jit gate run"));
    assert_eq!(repo.jit(&["gate", "pass", &id, "tests", "--force"]).code, Some(2));
    repo.jit(&["gate", "pass", &id, "tests", "--force", "--note", "the runner is down"]).ok();
    let verdict = repo.issue(&id)["gates"]["tests"].clone();
    assert_eq!((&verdict["status"], &verdict["overridden"]), (&json!("passed"), &json!(true)));
    assert!(repo.out(&["gate", "status", &id]).contains("overridden"));
    assert!(repo.out(&["issue", "show", &id]).contains("overridden"));
    let events = repo.jit(&["events", "query", "--issue", &id, "--type", "gate.*", "--json"]).ok().json_lines();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["gate.overridden", "gate.passed"]);
    repo.jit(&["done", &id]).ok();
    repo.assert_healthy();
}

#[test]
fn a_command_that_came_later_makes_an_earlier_word_count_no_more() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "x", "-g", "unit-tests"]);
    repo.jit(&["gate", "pass", &id, "unit-tests"]).ok();
    repo.gate("unit-tests", "false", &["--replace"]);
    let output = repo.jit(&["done", &id]).code(4);
    assert!(output.stderr.contains("by another command than now"), "{output:#?}");
    repo.jit(&["gate", "run", &id]).code(4);
    assert_eq!(repo.issue(&id)["state"], "open");
}

#[test]
fn the_holder_cannot_take_off_undefine_or_redefine_what_it_claimed_with() {
    let repo = Repo::new();
    repo.gate("tests", "test -e fixed", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    let claim = repo.issue(&id)["claim"].clone();
    assert_eq!(claim["gates"]["tests"]["command"], "test -e fixed");
    let frozen = |args: &[&str]| {
        let mut args = args.to_vec();
        args.push("--json");
        let output = repo.jit_as("a:b", &args).code(4);
        let code = output.error_code();
        assert!(["gate_frozen", "gate_in_use"].contains(&&*code), "{output:#?}");
    };
    frozen(&["gate", "rm", &id, "tests"]);
    frozen(&["gate", "rm", &id, "tests", "--force"]);
    frozen(&["gate", "undefine", "tests"]);
    frozen(&["gate", "define", "tests", "--title", "x", "--command", "true", "--replace"]);
    frozen(&["gate", "define", "tests", "--title", "x", "--auto", "--replace"]);
    frozen(&[
        "gate",
        "define",
        "tests",
        "--title",
        "x",
        "--command",
        "test -e fixed",
        "--stage",
        "commit",
        "--replace",
    ]);
    // Words may be mended.
    repo.jit_as(
        "a:b",
        &["gate", "define", "tests", "--title", "Better words", "--command", "test -e fixed", "--replace"],
    )
    .ok();
    // Gates of its own making are the holder's.
    repo.jit_as("a:b", &["gate", "add", &id, "review"]).ok();
    repo.jit_as("a:b", &["gate", "rm", &id, "review"]).ok();
    // What others put on, it must pass.
    repo.jit(&["gate", "add", &id, "security-scan"]).ok();
    frozen(&["gate", "rm", &id, "security-scan"]);
    repo.assert_healthy();
}

#[test]
fn the_mirror_is_no_way_around() {
    let repo = Repo::new();
    repo.gate("tests", "test -e fixed", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    let gates = repo.read(".jit/gates.json").replace("test -e fixed", "true");
    repo.write(".jit/gates.json", gates);
    assert_eq!(repo.jit_as("a:b", &["mirror", "import", "--json"]).code(4).error_code(), "gate_frozen");
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    let path = format!(".jit/issues/{id}.json");
    let mut issue: serde_json::Value = serde_json::from_str(&repo.read(&path)).expect("JSON");
    issue["gates"] = json!({});
    repo.write(&path, issue.to_string());
    assert_eq!(repo.jit_as("a:b", &["mirror", "import", "--json"]).code(4).error_code(), "gate_frozen");
}

#[test]
fn others_can_weaken_a_gate_and_the_record_says_so() {
    let repo = Repo::new();
    repo.gate("tests", "test -e fixed", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "-g", "review", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.gate("tests", "true", &["--replace"]);
    assert_eq!(repo.issue(&id)["claim"]["gates"]["tests"]["command"], "true", "the holder must pass it as it is now");
    repo.jit(&["gate", "rm", &id, "review"]).ok();
    let events =
        repo.jit(&["events", "query", "--issue", &id, "--type", "gate.overridden", "--json"]).ok().json_lines();
    let what: Vec<&str> = events.iter().filter_map(|event| event["data"]["what"].as_str()).collect();
    assert_eq!(what, ["redefined", "removed"]);
    repo.jit_as("a:b", &["gate", "run", &id]).ok();
    repo.jit_as("a:b", &["done", &id, "--seen", "refs/jit"]).ok();
    repo.assert_healthy();
}

#[test]
fn what_was_frozen_counts_though_the_definition_went_another_way() {
    let repo = Repo::new();
    repo.gate("tests", "test -e fixed", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    // As a merge might bring it, without a word about this issue.
    let gate = repo.git(&["show", "refs/jit:gates/tests.json"]).ok().stdout.replace("test -e fixed", "true");
    repo.plant(&[("100644", "gates/tests.json", gate.as_bytes())]);
    repo.jit_as("a:b", &["gate", "run", &id]).code(4);
    assert_eq!(repo.issue(&id)["gates"]["tests"]["command"], "test -e fixed");
}

#[test]
fn definitions_that_make_no_sense_are_refused() {
    let repo = Repo::new();
    let define = |more: &[&str]| {
        let mut args = vec!["gate", "define", "x", "--title", "X"];
        args.extend(more);
        repo.jit(&args).code
    };
    assert_eq!(define(&["--command", ""]), Some(2));
    assert_eq!(define(&["--command", "true", "--timeout", "0s"]), Some(2));
    assert_eq!(define(&["--command", "true", "--timeout", "soon"]), Some(2));
    assert_eq!(define(&["--command", "true", "--stage", "later"]), Some(2));
    assert_eq!(define(&["--timeout", "1m"]), Some(2), "a time limit belongs to a command");
    assert_eq!(define(&["--command", &"x".repeat(9000)]), Some(2));
    assert_eq!(define(&["--auto", "--command", "true", "--timeout", "2h"]), Some(0));
    assert_eq!(define(&["--auto", "--command", "true"]), Some(6));
    assert_eq!(repo.jit(&["gate", "show", "x", "--json"]).ok().json()["timeout_ms"], 7_200_000);
    assert!(repo.out(&["gate", "show", "x"]).contains("2h"));
}

#[test]
fn presets_define_what_the_repository_is_set_up_for() {
    let repo = Repo::new();
    assert_eq!(repo.jit(&["gate", "preset", "apply", "rust", "--json"]).code(3).error_code(), "preset_does_not_fit");
    assert_eq!(repo.jit(&["gate", "preset", "apply", "cobol", "--json"]).code(3).error_code(), "no_preset");
    repo.write("Cargo.toml", "[workspace]\nmembers = []\n");
    repo.write("Cargo.lock", "");
    repo.write("package.json", r#"{"scripts": {"test": "jest", "lint": "eslint .", "build": "x"}}"#);
    repo.write("pnpm-lock.yaml", "");
    repo.write("pyproject.toml", "[tool.ruff]\n[tool.pytest.ini_options]\n");
    repo.write("go.mod", "module x\n");
    let listed = repo.jit(&["gate", "preset", "list", "--json"]).ok().json();
    let commands = |name: &str| {
        let presets = listed["presets"].as_array().expect("a list");
        let preset = presets.iter().find(|preset| preset["preset"] == name).expect("a preset");
        assert_eq!(preset["fits"], true);
        let gates = preset["gates"].as_array().expect("a list").iter();
        gates
            .map(|gate| format!("{}: {}", gate["key"].as_str().unwrap(), gate["command"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(commands("rust")[2], "unit-tests: cargo test --workspace --locked");
    assert_eq!(commands("node"), ["lint: pnpm run lint", "unit-tests: pnpm run test"]);
    assert_eq!(commands("python"), ["lint: ruff check .", "unit-tests: python3 -m pytest -q"]);
    assert_eq!(commands("go")[1], "lint: go vet ./...");
    let tip = repo.tip();
    repo.jit(&["gate", "preset", "apply", "rust", "--dry-run"]).ok();
    assert_eq!(repo.tip(), tip);
    let done = repo.jit(&["gate", "preset", "apply", "rust", "--json"]).ok().json();
    let outcomes: Vec<&str> =
        done["gates"].as_array().expect("a list").iter().filter_map(|gate| gate["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["defined", "defined", "replaced"], "unit-tests had no command");
    assert_eq!(repo.jit(&["gate", "show", "unit-tests", "--json"]).ok().json()["trusted"], true);
    let again = repo.jit(&["gate", "preset", "apply", "rust", "--json"]).ok().json();
    assert!(again["gates"].as_array().expect("a list").iter().all(|gate| gate["outcome"] == "unchanged"));
    let other = repo.jit(&["gate", "preset", "apply", "go", "--json"]).ok().json();
    assert!(other["gates"].as_array().expect("a list").iter().all(|gate| gate["outcome"] == "kept"), "{other}");
}

#[test]
fn a_gate_that_is_not_passed_cannot_be_passed_by_hand_on_a_rejected_issue() {
    let repo = Repo::new();
    repo.gate("tests", "false", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.jit_as("a:b", &["issue", "reject", &id, "--reason", "no"]).ok();
    assert_eq!(repo.jit_as("a:b", &["gate", "pass", &id, "tests", "--json"]).code(4).error_code(), "gate_runs");
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "x", "-m", &format!("Jit-Issue: {id}")]).ok();
    repo.jit(&["verify", "HEAD"]).code(4);
}

#[test]
fn the_holder_cannot_make_a_persons_gate_of_a_machines() {
    let repo = Repo::new();
    repo.jit(&["gate", "define", "ci", "--title", "CI", "--auto", "--stage", "commit"]).ok();
    let id = repo.out(&["issue", "create", "x", "-g", "ci", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    let output =
        repo.jit_as("a:b", &["gate", "define", "ci", "--title", "CI", "--stage", "commit", "--replace", "--json"]);
    assert_eq!(output.code(4).error_code(), "gate_frozen");
}

#[test]
fn a_gate_taken_off_after_the_claim_was_given_back_is_remembered_as_overruled() {
    let repo = Repo::new();
    repo.gate("tests", "false", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "tests", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.jit_as("a:b", &["issue", "release", &id]).ok();
    repo.jit_as("a:b", &["gate", "rm", &id, "tests"]).ok();
    let events =
        repo.jit(&["events", "query", "--issue", &id, "--type", "gate.overridden", "--json"]).ok().json_lines();
    assert_eq!(events.len(), 1);
    assert!(repo.git(&["log", "-1", "--format=%s", "refs/jit"]).text().starts_with("gate.overridden"));
}
