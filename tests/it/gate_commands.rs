//! Commands of gates: what they are told, how they end, and those that behave badly.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::gated::{row, verdict, with_gate};
use crate::support::{Repo, until};

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
    until(&format!("no process of `{word}` is there"), || !is_alive(word));
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
        until("it has started", || repo.outside().join("started").exists());
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
fn a_killed_run_takes_its_command_with_it() {
    let (repo, id) = with_gate("sleep 4716.25 & echo started > ../started; sleep 4716.25", &[]);
    let mut child = repo.run(&["gate", "run", &id]).spawn();
    until("it has started", || repo.outside().join("started").exists());
    child.kill().expect("jit can be killed");
    child.wait().expect("jit ends");
    assert_dies("sleep 4716.25");
}

#[test]
fn a_killed_run_takes_also_a_command_with_it_that_heeds_no_term() {
    let script = "trap : TERM; kill -TERM 0; echo started > ../started; sleep 4717.25; sleep 4717.25";
    let (repo, id) = with_gate(script, &[]);
    let mut child = repo.run(&["gate", "run", &id]).spawn();
    until("it has started", || repo.outside().join("started").exists());
    child.kill().expect("jit can be killed");
    child.wait().expect("jit ends");
    assert_dies("sleep 4717.25");
}

#[test]
fn what_makes_a_group_of_its_own_below_the_command_is_ended_in_time_too() {
    let (repo, id) = with_gate("cd . && timeout 300 sleep 4718.25; echo", &["--timeout", "300ms"]);
    repo.jit(&["gate", "run", &id]).code(10);
    assert_dies("sleep 4718.25");
}

#[test]
fn a_command_may_begin_with_a_dash() {
    let (repo, id) = with_gate("-n", &[]);
    repo.jit(&["gate", "run", &id]).code(10);
}

#[test]
fn a_command_that_waits_for_all_its_children_waits_for_no_other() {
    // It stands in the place of the shell, and takes every child for its own.
    let script = "exec python3 -c 'import os\nwhile True:\n  try: os.wait()\n  except ChildProcessError: break'";
    let (repo, id) = with_gate(script, &["--timeout", "20s"]);
    repo.jit(&["gate", "run", &id]).ok();
}
