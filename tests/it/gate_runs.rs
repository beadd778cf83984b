//! Gates that a command judges: verdicts, evidence, reuse, and commands that behave badly.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Repo;

/// A repository with an issue that carries a gate of this command.
fn with_gate(command: &str, more: &[&str]) -> (Repo, String) {
    let repo = Repo::new();
    repo.gate("check", command, more);
    let id = repo.out(&["issue", "create", "gated", "-g", "check"]);
    (repo, id)
}

fn verdict(repo: &Repo, id: &str, gate: &str) -> Value {
    repo.issue(id)["gates"][gate].clone()
}

fn row(output: &crate::support::Output) -> Value {
    output.json()["gates"][0].clone()
}

/// Whether a process whose command line holds this word is alive.
fn is_alive(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes can be listed").flatten();
    processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok()).any(|line| {
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(word) && !line.contains("jit gate")
    })
}

#[track_caller]
fn assert_dies(word: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_alive(word) {
        assert!(Instant::now() < deadline, "a process of `{word}` is still there");
        std::thread::yield_now();
    }
}

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
fn the_command_is_told_the_issue_the_gate_the_tree_and_where_to_read_more() {
    let (repo, id) = with_gate(
        "printf '%s\\n' $JIT_ISSUE $JIT_GATE $JIT_STAGE $JIT_TREE; grep -c '\"title\": \"gated\"' $JIT_CONTEXT_FILE; pwd",
        &["--workdir", "sub/dir", "--stage", "commit"],
    );
    repo.write("sub/dir/file", "x");
    repo.jit(&["gate", "run", &id]).ok();
    let found = verdict(&repo, &id, "check");
    let tail = found["output_tail"].as_str().expect("text");
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines[..3], [id.as_str(), "check", "commit"]);
    assert_eq!(json!(lines[3]), found["tree"]);
    assert_eq!(lines[4], "1");
    assert!(lines[5].ends_with("/work/sub/dir"), "{tail}");
}

#[test]
fn a_folder_outside_of_the_work_tree_is_not_run_in() {
    let repo = Repo::new();
    let define = |dir: &str| repo.jit(&["gate", "define", "c", "--title", "c", "--command", "true", "--workdir", dir]);
    for dir in ["..", "a/../..", ".git", "a/.git/b", ".", "/etc", ""] {
        assert_eq!(define(dir).code, Some(2), "{dir}");
    }
    repo.gate("c", "true", &["--workdir", "link"]);
    let id = repo.out(&["issue", "create", "x", "-g", "c"]);
    std::os::unix::fs::symlink("..", repo.path().join("link")).expect("a link can be made");
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("no folder link"), "{output:#?}");
}

#[test]
fn there_is_no_verdict_when_the_command_is_missing_cannot_tell_or_is_ended_by_a_signal() {
    for (command, word) in [
        ("no-such-command-anywhere", "could not be started"),
        ("exit 75", "cannot tell"),
        ("kill -9 $$", "signal 9"),
        ("sh -c 'kill -SEGV $$'; exit 139", "signal 11"),
    ] {
        let (repo, id) = with_gate(command, &[]);
        let tip = repo.tip();
        let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
        assert_eq!(row(&output)["verdict"], "none");
        assert!(row(&output)["why"].as_str().expect("text").contains(word), "{output:#?}");
        assert_eq!(repo.tip(), tip, "nothing is recorded of `{command}`");
        assert_eq!(verdict(&repo, &id, "check")["status"], "pending");
    }
}

#[test]
fn there_is_no_verdict_when_the_tree_moved_under_the_check() {
    let (repo, id) = with_gate("echo x > made-by-the-check; true", &[]);
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("made-by-the-check"), "{output:#?}");
    assert_eq!(verdict(&repo, &id, "check")["status"], "pending");
    // What is left behind is the tree of the next run, which finds it as it is.
    assert_eq!(row(&repo.jit(&["gate", "run", &id, "--json"]).ok())["how"], "ran");
    let (repo, id) = with_gate("touch ignored-by-git", &[]);
    repo.write(".gitignore", "ignored-*\n");
    repo.jit(&["gate", "run", &id]).ok();
}

#[test]
fn a_check_that_takes_too_long_is_ended_with_all_it_started_even_when_it_ignores_term() {
    let (repo, id) = with_gate("trap '' TERM; sleep 4711.25 & sleep 4712.25", &["--timeout", "300ms"]);
    let started = Instant::now();
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("300ms"), "{output:#?}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_dies("sleep 4711.25");
    assert_dies("sleep 4712.25");
    assert_eq!(verdict(&repo, &id, "check")["status"], "pending");
}

#[test]
fn a_child_left_in_the_background_is_ended_and_holds_nothing_up() {
    let (repo, id) = with_gate("sleep 4713.25 & sleep 4714.25 > /dev/null 2>&1 & echo done", &[]);
    let started = Instant::now();
    repo.jit(&["gate", "run", &id]).ok();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_dies("sleep 4713.25");
    assert_dies("sleep 4714.25");
    let (repo, id) = with_gate("setsid sleep 30 & echo daemon", &[]);
    let started = Instant::now();
    repo.jit(&["gate", "run", &id]).ok();
    assert!(started.elapsed() < Duration::from_secs(15), "a daemon that keeps the output open is not waited for");
}

#[test]
fn an_interrupt_ends_the_check_and_gives_no_verdict() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let (repo, id) = with_gate("echo started > ../started; sleep 4715.25", &[]);
        let child = repo.run(&["gate", "run", &id, "--json"]).spawn();
        while !repo.outside().join("started").exists() {
            std::thread::yield_now();
        }
        repo.run_script(&format!("kill {signal} {}", child.id()));
        let output = child.wait_with_output().expect("jit ends");
        assert_eq!(output.status.code(), Some(10), "{signal}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"));
        assert_dies("sleep 4715.25");
        assert_eq!(verdict(&repo, &id, "check")["status"], "pending");
        repo.assert_healthy();
    }
}

#[test]
fn a_gigabyte_of_output_is_drained_and_only_its_end_is_kept() {
    let (repo, id) = with_gate("yes | head -c 1000000000; echo the end", &[]);
    let output = repo.jit(&["-q", "gate", "run", &id, "--json"]).ok();
    assert!(output.stderr.len() < 1000);
    let tail = verdict(&repo, &id, "check")["output_tail"].as_str().expect("text").to_owned();
    assert!(tail.len() <= 2048 && tail.ends_with("the end\n"), "{}", tail.len());
    let log = row(&output)["log"].as_str().expect("a file").to_owned();
    assert_eq!(std::fs::metadata(log).expect("the log is there").len(), 64 << 10);
}

#[test]
fn bytes_that_are_no_text_are_kept_as_text() {
    let (repo, id) = with_gate("printf '\\377\\376\\033[31mred\\n'; exit 1", &[]);
    let output = repo.jit(&["-q", "gate", "run", &id]).code(4);
    assert!(!output.stderr.contains('\u{1b}'), "what is shown again is harmless: {output:#?}");
    assert!(output.stderr.contains("red"));
    repo.assert_healthy();
}

#[test]
fn a_check_may_use_the_tracker_and_git_itself() {
    let (repo, id) = with_gate(
        "jit issue comment $JIT_ISSUE 'from the check' && jit issue create --title made && git log -1 --format=%s",
        &[],
    );
    repo.jit(&["gate", "run", &id]).ok();
    let issue = repo.issue(&id);
    assert_eq!(issue["comments"][0]["text"], "from the check");
    assert_eq!(issue["gates"]["check"]["status"], "passed");
    repo.assert_healthy();
}

#[test]
fn a_check_that_runs_itself_is_stopped() {
    let (repo, id) = with_gate("jit gate run $JIT_ISSUE check", &[]);
    let output = repo.jit(&["gate", "run", &id]).code(4);
    assert!(output.stderr.contains("being run already"), "{output:#?}");
}

#[test]
fn a_check_that_changes_what_the_gate_asks_gets_no_verdict_recorded() {
    let (repo, id) = with_gate("jit gate define check --title other --command true --replace", &[]);
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(4);
    assert_eq!(output.error_code(), "gate_changed");
    assert_eq!(verdict(&repo, &id, "check")["status"], "pending");
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
fn a_verdict_about_changes_inside_of_a_submodule_is_about_no_tree() {
    let library = Repo::git_only();
    let (repo, id) = with_gate("true", &[]);
    let url = library.path().to_str().expect("text").to_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "--quiet", &url, "lib"]).ok();
    repo.git(&["commit", "--quiet", "-m", "with a submodule"]).ok();
    repo.jit(&["gate", "run", &id]).ok();
    repo.write("lib/README", "changed inside\n");
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("submodule lib"), "{output:#?}");
    assert_eq!(repo.jit(&["gate", "status", &id, "--json"]).ok().json()["tree"], json!(null));
    repo.git(&["config", "diff.ignoreSubmodules", "all"]).ok();
    repo.jit(&["gate", "run", &id]).code(10);
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
fn changes_that_git_was_told_not_to_see_are_part_of_the_tree() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let (repo, id) = with_gate("grep -q changed README", &[]);
        repo.git(&["update-index", flag, "README"]).ok();
        repo.write("README", "changed\n");
        repo.jit(&["gate", "run", &id]).ok();
        let tree = verdict(&repo, &id, "check")["tree"].as_str().expect("a tree").to_owned();
        assert_ne!(tree, repo.git(&["rev-parse", "HEAD^{tree}"]).text(), "{flag}");
        assert!(repo.git(&["status", "--porcelain"]).text().is_empty(), "the index is as it was");
        repo.git(&["update-index", &flag.replace("--", "--no-"), "README"]).ok();
        repo.git(&["add", "README"]).ok();
        assert_eq!(tree, repo.git(&["write-tree"]).text(), "{flag}");
    }
}

#[test]
fn a_part_of_a_tree_is_no_evidence_for_the_whole() {
    let (repo, id) = with_gate("test ! -e away || exit 1", &["--stage", "commit"]);
    repo.write("away/file", "x");
    repo.write("here/file", "x");
    repo.git(&["add", "-A"]).ok();
    repo.git(&["commit", "--quiet", "-m", "two folders"]).ok();
    repo.git(&["sparse-checkout", "set", "here"]).ok();
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("sparse"), "{output:#?}");
    // A commit is asked about in a clean work tree that holds all of it.
    repo.jit(&["hooks", "install"]).ok();
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.git_as("a:b", &["commit", "--quiet", "--allow-empty", "-m", "x"]).code(1);
    assert!(!repo.path().join("away").exists());
}

#[test]
fn a_repository_in_the_work_tree_is_named_and_keeps_nothing_else_from_working() {
    let (repo, id) = with_gate("true", &["--stage", "commit"]);
    repo.jit(&["gate", "add", &id, "review"]).ok();
    for commits in [false, true] {
        let inner = repo.path().join("fixture");
        std::fs::create_dir_all(&inner).expect("a folder can be made");
        repo.git_in(&inner, &["init", "--quiet"]).ok();
        if commits {
            repo.git_in(&inner, &["commit", "--quiet", "--allow-empty", "-m", "x"]).ok();
        }
        let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
        assert!(row(&output)["why"].as_str().expect("text").contains("fixture/"), "{output:#?}");
        repo.jit(&["gate", "status", &id]).ok();
        repo.jit(&["gate", "pass", &id, "review", "--note", &commits.to_string()]).ok();
    }
    repo.jit(&["hooks", "install"]).ok();
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.git_as("a:b", &["commit", "--quiet", "--allow-empty", "-m", "x"]).ok();
}

#[test]
fn a_killed_run_takes_its_command_with_it() {
    let (repo, id) = with_gate("sleep 4716.25 & echo started > ../started; sleep 4716.25", &[]);
    let mut child = repo.run(&["gate", "run", &id]).spawn();
    while !repo.outside().join("started").exists() {
        std::thread::yield_now();
    }
    child.kill().expect("jit can be killed");
    child.wait().expect("jit ends");
    assert_dies("sleep 4716.25");
}

#[test]
fn a_command_that_waits_for_all_its_children_waits_for_no_other() {
    // It stands in the place of the shell, and takes every child for its own.
    let script = "exec python3 -c 'import os\nwhile True:\n  try: os.wait()\n  except ChildProcessError: break'";
    let (repo, id) = with_gate(script, &["--timeout", "20s"]);
    repo.jit(&["gate", "run", &id]).ok();
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
