//! Gates that a command judges: verdicts, evidence, and what is not run twice.

use serde_json::json;

use std::os::unix::fs::PermissionsExt;

use crate::support::gated::{row, verdict, with_gate};
use crate::support::{Repo, until};

#[test]
fn a_run_records_the_tree_the_exit_code_the_time_and_the_end_of_the_output() {
    let (repo, id) = with_gate("echo out; echo err >&2; exit 3", &[]);
    let output = repo.jit(&["gate", "run", &id, "check"]).code(4);
    assert_eq!(output.stdout, "", "the verdict is the exit code");
    assert!(output.stderr.contains("out\nerr\n"), "the output streams: {output:#?}");
    assert!(output.stderr.contains("check failed: exit 3"), "{output:#?}");
    let found = verdict(&repo, &id, "check");
    assert_eq!(found["status"], "failed");
    assert_eq!(found["exit_code"], 3);
    assert_eq!(found["output_tail"], "out\nerr\n");
    assert_eq!(found["tree"], json!(repo.git(&["rev-parse", "HEAD^{tree}"]).text()));
    assert_eq!(found["commit"], json!(repo.git(&["rev-parse", "HEAD"]).text()));
    assert_eq!(found["command"], "echo out; echo err >&2; exit 3");
    assert!(found["duration_ms"].is_u64());
    repo.assert_healthy();
}

#[test]
fn a_passed_gate_is_not_run_again_on_the_same_tree_unless_forced() {
    let (repo, id) = with_gate("echo run >> ../runs", &[]);
    assert_eq!(row(&repo.jit(&["gate", "run", &id, "--all", "--json"]).ok())["how"], "ran");
    let tip = repo.tip();
    assert_eq!(row(&repo.jit(&["gate", "run", &id, "--json"]).ok())["how"], "recorded");
    assert_eq!((repo.lines("runs"), repo.tip()), (1, tip), "nothing ran, and nothing was written");
    repo.jit(&["gate", "run", &id, "--force"]).ok();
    assert_eq!(repo.lines("runs"), 2);
    repo.write("new", "file");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(repo.lines("runs"), 3, "another tree");
    std::fs::remove_file(repo.path().join("new")).expect("the file is there");
    assert_eq!(row(&repo.jit(&["gate", "run", &id, "--json"]).ok())["how"], "reused");
    assert_eq!(repo.lines("runs"), 3, "the tree of before");
}

#[test]
fn an_equal_run_is_used_again_for_other_issues_and_in_other_work_trees() {
    let (repo, id) = with_gate("echo run >> ../runs", &[]);
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    repo.jit(&["gate", "run", &id]).ok();
    let tree = repo.worktree("second");
    let output = repo.run_in(&tree, &["gate", "run", &other, "--json"]).output().ok();
    assert_eq!(row(&output)["how"], "reused");
    assert_eq!(repo.lines("runs"), 1);
    assert_eq!(verdict(&repo, &other, "check")["reused_from"], json!(id));
    assert_eq!(verdict(&repo, &other, "check")["status"], "passed");
}

#[test]
fn another_command_another_folder_or_another_environment_is_another_run() {
    let (repo, id) = with_gate("echo run >> ../runs", &["--env-key", "cat ../version"]);
    std::fs::write(repo.outside().join("version"), "1").expect("a file can be written");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(verdict(&repo, &id, "check")["environment"], "1");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(repo.lines("runs"), 1);
    std::fs::write(repo.outside().join("version"), "2").expect("a file can be written");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(repo.lines("runs"), 2, "another compiler, say");
    repo.gate("check", "echo run >> ../runs; true", &["--replace", "--env-key", "cat ../version"]);
    let status = repo.jit(&["gate", "status", &id, "--json"]).ok().json();
    assert_eq!((&status["gates"][0]["outdated"], &status["passed"]), (&json!(true), &json!(false)));
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(repo.lines("runs"), 3);
    std::fs::remove_file(repo.outside().join("version")).expect("the file is there");
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("environment"), "{output:#?}");
}

#[test]
fn several_gates_run_side_by_side_and_are_told_apart() {
    let repo = Repo::new();
    repo.gate("one", "echo begin-one; touch ../one; while [ ! -e ../two ]; do sleep 0.01; done; echo end-one", &[]);
    repo.gate("two", "touch ../two; while [ ! -e ../one ]; do sleep 0.01; done; echo bad-two; exit 1", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "one", "-g", "two", "-g", "review"]);
    // Each waits for the other: one after another they would never end.
    let output = repo.jit(&["gate", "run", &id, "-j", "2"]).code(4);
    assert!(output.stderr.contains("one | begin-one\n") && output.stderr.contains("two | bad-two\n"), "{output:#?}");
    assert!(output.stderr.contains("two failed: exit 1"), "{output:#?}");
    assert_eq!(verdict(&repo, &id, "one")["status"], "passed");
    assert_eq!(verdict(&repo, &id, "two")["status"], "failed");
    assert_eq!(verdict(&repo, &id, "review")["status"], "pending");
    assert_eq!(repo.git(&["rev-list", "--count", "refs/jit"]).text(), "5", "both verdicts in one commit");
}

#[test]
fn two_processes_with_the_same_gate_and_tree_run_it_once() {
    let (repo, id) = with_gate("echo run >> ../runs; sleep 0.3", &[]);
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    let children = [&id, &other].map(|id| repo.run(&["gate", "run", id]).spawn());
    for child in children {
        assert!(child.wait_with_output().expect("jit ends").status.success());
    }
    assert_eq!(repo.lines("runs"), 1);
    for id in [&id, &other] {
        assert_eq!(verdict(&repo, id, "check")["status"], "passed");
    }
}

#[test]
fn waiting_for_the_run_of_another_process_takes_nothing_more_the_longer_it_lasts() {
    let (repo, id) = with_gate("touch ../begun; while [ ! -e ../go ]; do sleep 0.05; done", &[]);
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    let first = repo.run(&["gate", "run", &id]).spawn();
    until("it has begun", || repo.outside().join("begun").exists());
    let few_files = format!("ulimit -n 64; exec jit gate run {other}");
    let second = repo.command("sh").args(["-c", &few_files]).spawn().expect("sh can be started");
    std::thread::sleep(std::time::Duration::from_secs(2));
    std::fs::write(repo.outside().join("go"), "").expect("a file");
    for child in [first, second] {
        assert!(child.wait_with_output().expect("jit ends").status.success());
    }
}

#[test]
fn a_repeated_operation_runs_nothing_again() {
    let (repo, id) = with_gate("echo run >> ../runs", &[]);
    let run = || repo.jit(&["gate", "run", &id, "--force", "--op-id", "k"]).ok();
    run();
    let tip = repo.tip();
    run();
    assert_eq!((repo.lines("runs"), repo.tip()), (1, tip));
    // The verdict comes again, also a bad one.
    let (repo, id) = with_gate("echo run >> ../runs; exit 3", &[]);
    for _ in 0..2 {
        let output = repo.jit(&["gate", "run", &id, "--op-id", "k", "--json"]).code(4);
        assert_eq!((&row(&output)["verdict"], &row(&output)["exit_code"]), (&json!("failed"), &json!(3)));
    }
    assert_eq!(repo.lines("runs"), 1);
}

#[test]
fn only_gates_with_a_command_run_and_a_held_issue_is_its_holders() {
    let (repo, id) = with_gate("true", &[]);
    repo.jit(&["gate", "add", &id, "review"]).ok();
    let output = repo.jit(&["gate", "run", &id, "review", "--json"]).code(4);
    assert_eq!(output.error_code(), "gate_has_no_command");
    assert_eq!(repo.jit(&["gate", "run", &id, "nothing"]).code, Some(3));
    assert_eq!(repo.jit(&["gate", "run", "00000000"]).code, Some(3));
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    assert_eq!(repo.jit_as("c:d", &["gate", "run", &id, "--json"]).code(5).error_code(), "claimed_by_other");
    repo.jit_as("c:d", &["gate", "run", &id, "--by", "ci:x"]).ok();
    assert_eq!(verdict(&repo, &id, "check")["by"], "ci:x");
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    repo.jit_as("a:b", &["done", &id]).ok();
    assert_eq!(repo.jit(&["gate", "run", &id, "--json"]).code(4).error_code(), "finished");
    let plain = repo.create("without gates");
    assert!(repo.jit(&["gate", "run", &plain]).ok().stderr.contains("no gate"));
}

#[test]
fn the_last_gate_to_pass_completes_a_gated_issue() {
    let (repo, id) = with_gate("test -e fixed", &[]);
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    repo.jit_as("a:b", &["issue", "update", &id, "--state", "gated"]).ok();
    repo.jit_as("a:b", &["gate", "run", &id]).code(4);
    assert_eq!(repo.issue(&id)["state"], "gated");
    repo.write("fixed", "");
    repo.jit_as("a:b", &["gate", "run", &id]).ok();
    assert_eq!(repo.issue(&id)["state"], "done");
    repo.assert_healthy();
}

#[test]
fn a_bare_repository_has_nothing_to_run_in() {
    let (repo, id) = with_gate("true", &[]);
    let hub = repo.outside().join("bare.git");
    repo.git(&["clone", "--quiet", "--bare", ".", hub.to_str().expect("text")]).ok();
    repo.git_in(&hub, &["fetch", "--quiet", "origin", "refs/jit:refs/jit"]).ok();
    let bare = |args: &[&str]| repo.run_in(&hub, args).output();
    bare(&["gate", "trust"]).ok();
    assert_eq!(bare(&["gate", "run", &id, "--json"]).code(3).error_code(), "no_work_tree");
}

#[test]
fn a_passed_run_of_another_machine_is_used_only_where_that_is_shared() {
    let (repo, id) = with_gate("echo run >> ../runs", &[]);
    repo.jit(&["gate", "run", &id]).ok();
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    // What was run here is forgotten: the verdict might as well come from elsewhere.
    let forget = || std::fs::remove_dir_all(repo.path().join(".git/jit/runs")).expect("there were runs");
    forget();
    repo.jit(&["config", "set", "gates.reuse", "shared"]).ok();
    assert_eq!(row(&repo.jit(&["gate", "run", &other, "--json"]).ok())["how"], "reused");
    assert_eq!(verdict(&repo, &other, "check")["reused_from"], json!(id));
    repo.jit(&["config", "unset", "gates.reuse"]).ok();
    let third = repo.out(&["issue", "create", "third", "-g", "check"]);
    assert_eq!(row(&repo.jit(&["gate", "run", &third, "--json"]).ok())["how"], "ran");
    assert_eq!(repo.lines("runs"), 2);
}

#[test]
fn the_newest_run_decides_whether_a_tree_is_good() {
    let (repo, id) = with_gate("echo run >> ../runs; test ! -e ../broken", &[]);
    repo.jit(&["config", "set", "gates.reuse", "shared"]).ok();
    repo.jit(&["gate", "run", &id]).ok();
    std::fs::write(repo.outside().join("broken"), "").expect("a file can be written");
    repo.jit(&["gate", "run", &id, "--force"]).code(4);
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    let output = repo.jit(&["gate", "run", &other, "--json"]).code(4);
    assert_eq!(row(&output)["how"], "ran");
}

#[test]
fn a_kept_run_that_is_damaged_or_failed_is_not_used() {
    let (repo, id) = with_gate("echo run >> ../runs; test ! -e ../broken", &[]);
    repo.jit(&["gate", "run", &id]).ok();
    let other = repo.out(&["issue", "create", "other", "-g", "check"]);
    let runs = repo.path().join(".git/jit/runs");
    for entry in std::fs::read_dir(&runs).expect("there are runs").flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "json") {
            std::fs::write(entry.path(), "{ half a").expect("the file can be written");
        }
    }
    repo.jit(&["gate", "run", &other]).ok();
    assert_eq!(repo.lines("runs"), 2);
    std::fs::write(repo.outside().join("broken"), "").expect("a file can be written");
    repo.jit(&["gate", "run", &id, "--force"]).code(4);
    let third = repo.out(&["issue", "create", "third", "-g", "check"]);
    repo.jit(&["gate", "run", &third]).code(4);
    assert_eq!(repo.lines("runs"), 4, "a run that failed is no evidence");
}

#[test]
fn what_somebody_called_failed_is_run_again_on_that_tree() {
    let (repo, id) = with_gate("echo run >> ../runs", &[]);
    repo.jit(&["gate", "run", &id]).ok();
    repo.jit(&["gate", "fail", &id, "check", "--by", "human:b", "--note", "it tests nothing"]).ok();
    assert_eq!(verdict(&repo, &id, "check")["status"], "failed");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(repo.lines("runs"), 2);
}

#[test]
fn runs_work_without_a_place_for_local_records() {
    let (repo, id) = with_gate("true", &[]);
    let runs = repo.path().join(".git/jit/runs");
    std::fs::create_dir_all(&runs).expect("a folder can be made");
    std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o555)).expect("modes can be set");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(verdict(&repo, &id, "check")["status"], "passed");
    std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o755)).expect("modes can be set");
}
