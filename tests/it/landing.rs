//! `jit land`: code and tracker move together, or not at all.

use serde_json::Value;

use crate::support::{Fleet, Output, Repo, until};

/// A clone of a hub with an issue at work on a branch: its gates `quick` (a command) and `review`.
fn at_work(command: &str) -> (Fleet, String) {
    let fleet = Fleet::new(2);
    let a = &fleet.clones[0];
    let id = a.ready("x");
    a.gate("quick", command, &[]);
    a.jit(&["gate", "add", &id, "quick", "review"]).ok();
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    a.git(&["switch", "--quiet", "-c", "work"]).ok();
    commit(a, &id, "work");
    (fleet, id)
}

fn commit(repo: &Repo, id: &str, name: &str) {
    repo.write(name, name);
    repo.git(&["add", "."]).ok();
    repo.git(&["commit", "--quiet", "-m", &format!("{name}\n\nJit-Issue: {id}")]).ok();
}

fn land(repo: &Repo, more: &[&str]) -> Output {
    repo.jit_as("bot:a", &[&["land", "--json"], more].concat())
}

fn head(repo: &Repo, name: &str) -> String {
    repo.git(&["rev-parse", name]).ok().text()
}

#[test]
fn code_and_tracker_land_by_one_push_once_every_gate_is_passed() {
    let (fleet, id) = at_work("test -f work && echo run >> ../runs");
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["sync"]).ok();
    let (main, held) = (head(&fleet.hub, "main"), fleet.held());
    let refused = land(a, &[]).code(4);
    assert_eq!(refused.error_code(), "not_fit_to_land");
    assert!(refused.json()["error"]["message"].as_str().is_some_and(|text| text.contains("review")), "{refused:?}");
    assert_eq!((head(&fleet.hub, "main"), fleet.held()), (main.clone(), held));
    a.jit(&["gate", "pass", &id, "review", "--by", "human:lead"]).ok();
    let landed = land(a, &[]).ok().json();
    assert_eq!(
        (&landed["onto"], &landed["already"], &landed["issues"]),
        (&"main".into(), &false.into(), &serde_json::json!([id]))
    );
    let work = head(a, "work");
    assert_eq!((landed["commit"].as_str(), head(&fleet.hub, "main")), (Some(work.as_str()), work.clone()));
    assert_eq!((fleet.held(), landed["tracker"].as_str()), (a.tip(), Some(a.tip().as_str())));
    let issue = a.issue(&id);
    assert_eq!(
        (&issue["state"], &issue["landed"]["commit"], &issue["landed"]["branch"]),
        (&"done".into(), &work.as_str().into(), &"main".into())
    );
    assert_eq!(issue["gates"]["quick"]["status"], "passed");
    assert!(a.out(&["issue", "show", &id]).contains(&format!("Landed:    {} on main", &work[..10])));
    assert!(a.out(&["status"]).contains(&format!("landed on main as {}", &work[..10])));
    assert_eq!(fleet.tickets(), 0, "the claim is over");
    // Once more: nothing is left to do.
    let again = land(a, &[]).ok().json();
    assert_eq!((&again["already"], &again["issues"]), (&true.into(), &serde_json::json!([id])));
    fleet.settle();
    assert_eq!(b.issue(&id)["state"], "done");
}

#[test]
fn what_does_not_build_on_the_target_is_rebased_first() {
    let (fleet, id) = at_work("true");
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["gate", "pass", &id, "review"]).ok();
    b.write("other", "other");
    b.git(&["add", "."]).ok();
    b.git(&["commit", "--quiet", "-m", "other"]).ok();
    b.git(&["push", "--quiet", "origin", "HEAD:main"]).ok();
    let refused = land(a, &[]).code(4);
    assert_eq!(refused.error_code(), "not_fast_forward");
    let hint = refused.json()["error"]["hint"].as_str().expect("a hint").to_owned();
    a.run_script(&format!("{hint} -q"));
    land(a, &[]).ok();
    assert_eq!(head(&fleet.hub, "main"), head(a, "work"));
}

#[test]
fn a_failing_gate_or_a_held_issue_keeps_code_and_tracker_where_they_are() {
    let (fleet, id) = at_work("echo broken; exit 1");
    let a = &fleet.clones[0];
    a.jit(&["gate", "pass", &id, "review"]).ok();
    let main = head(&fleet.hub, "main");
    let refused = land(a, &[]).code(4);
    assert!(refused.json()["error"]["message"].as_str().is_some_and(|text| text.contains("quick")), "{refused:?}");
    a.gate("quick", "true", &["--replace"]);
    assert_eq!(a.jit_as("bot:z", &["land", "--json"]).code(5).error_code(), "claimed_by_other");
    assert_eq!((head(&fleet.hub, "main"), a.issue(&id)["state"].as_str()), (main, Some("in_progress")));
    assert_eq!(land(a, &["nowhere"]).code(3).error_code(), "no_branch");
    assert_eq!(land(a, &["--onto", "nowhere"]).code(3).error_code(), "no_branch");
    a.git(&["checkout", "--quiet", "--detach"]).ok();
    assert_eq!(land(a, &[]).code(4).error_code(), "no_branch");
}

#[test]
fn without_a_remote_one_transaction_moves_both() {
    let a = Repo::new();
    let id = a.ready("x");
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    a.git(&["branch", "work"]).ok();
    let tree = a.outside().join("tree");
    a.git(&["worktree", "add", "--quiet", tree.to_str().expect("text"), "work"]).ok();
    std::fs::write(tree.join("work"), "work").expect("a file");
    a.git_in(&tree, &["add", "."]).ok();
    a.git_in(&tree, &["commit", "--quiet", "-m", &format!("work\n\nJit-Issue: {id}")]).ok();
    let run = |args: &[&str]| a.run_in(&tree, args).env("JIT_AGENT", "bot:a").output();
    // The target is checked out elsewhere, with changes.
    a.write("README", "changed");
    assert_eq!(run(&["land", "--json"]).code(4).error_code(), "target_changed");
    a.git(&["checkout", "--quiet", "README"]).ok();
    let landed = run(&["land", "--json"]).ok().json();
    assert_eq!(landed["remote"], Value::Null);
    assert_eq!(head(&a, "main"), head(&a, "work"));
    assert_eq!(a.read("work"), "work", "the work tree of the target came along");
    assert_eq!(a.git(&["status", "--porcelain"]).ok().stdout, "");
    assert_eq!((&a.issue(&id)["state"], &a.issue(&id)["landed"]["branch"]), (&"done".into(), &"main".into()));
    assert_eq!(run(&["land", "--json"]).ok().json()["already"], true);
    assert_eq!(run(&["land", "main", "--json"]).code(2).error_code(), "same_branch");
    a.assert_healthy();
}

#[test]
fn a_host_that_moves_one_ref_at_a_time_is_served_only_when_asked_to() {
    let (fleet, id) = at_work("true");
    let a = &fleet.clones[0];
    a.jit(&["gate", "pass", &id, "review"]).ok();
    fleet.hub.git(&["config", "receive.advertiseAtomic", "false"]).ok();
    let main = head(&fleet.hub, "main");
    let refused = land(a, &[]).code(10);
    assert_eq!(refused.error_code(), "remote_not_atomic");
    assert_eq!((head(&fleet.hub, "main"), a.issue(&id)["state"].as_str()), (main, Some("in_progress")));
    land(a, &["--not-atomic"]).ok();
    assert_eq!((head(&fleet.hub, "main"), fleet.held()), (head(a, "work"), a.tip()));
    assert_eq!(a.issue(&id)["state"], "done");
}

#[test]
fn code_that_landed_unrecorded_is_recorded_by_the_next_run() {
    let (fleet, id) = at_work("true");
    let a = &fleet.clones[0];
    a.jit(&["gate", "pass", &id, "review"]).ok();
    a.git(&["push", "--quiet", "origin", "work:main"]).ok();
    let landed = land(a, &[]).ok().json();
    assert_eq!((&landed["already"], &landed["issues"]), (&false.into(), &serde_json::json!([id])));
    assert_eq!((a.issue(&id)["state"].as_str(), fleet.held()), (Some("done"), a.tip()));
}

#[test]
fn whoever_lands_beside_others_loses_nothing() {
    let fleet = Fleet::new(4);
    let ids: Vec<String> =
        fleet.clones.iter().enumerate().map(|(n, _)| fleet.clones[0].ready(&format!("{n}"))).collect();
    fleet.settle();
    for (clone, id) in fleet.clones.iter().zip(&ids) {
        clone.jit_as("bot:a", &["issue", "claim", id]).ok();
        clone.git(&["switch", "--quiet", "-c", "work"]).ok();
        commit(clone, id, &id[..8]);
    }
    // All at once, and whoever does not build on the target rebases and tries again.
    std::thread::scope(|scope| {
        for clone in &fleet.clones {
            scope.spawn(move || {
                for _ in 0..20 {
                    let landed = land(clone, &[]);
                    if landed.code == Some(0) {
                        return;
                    }
                    assert!(matches!(landed.code, Some(4 | 10)), "{landed:?}");
                    clone.git(&["fetch", "--quiet"]);
                    clone.git(&["rebase", "--quiet", "origin/main"]);
                }
                panic!("it did not land");
            });
        }
    });
    fleet.settle();
    for id in &ids {
        let issue = fleet.clones[0].issue(id);
        assert_eq!(issue["state"], "done");
        let commit = issue["landed"]["commit"].as_str().expect("it has landed").to_owned();
        fleet.hub.git(&["merge-base", "--is-ancestor", &commit, "main"]).ok();
    }
}

/// Two branches of one repository without a remote, checked out in two work trees, with an issue on the second.
fn two_trees() -> (Repo, std::path::PathBuf, String) {
    let a = Repo::new();
    let id = a.ready("x");
    a.jit_as("bot:a", &["issue", "claim", &id]).ok();
    a.git(&["branch", "work"]).ok();
    let tree = a.outside().join("tree");
    a.git(&["worktree", "add", "--quiet", tree.to_str().expect("text"), "work"]).ok();
    std::fs::write(tree.join("work"), "work").expect("a file");
    a.git_in(&tree, &["add", "."]).ok();
    a.git_in(&tree, &["commit", "--quiet", "-m", &format!("work\n\nJit-Issue: {id}")]).ok();
    (a, tree, id)
}

#[test]
fn a_work_tree_that_cannot_come_along_keeps_everything_and_one_left_behind_catches_up() {
    let (a, tree, id) = two_trees();
    let run = || a.run_in(&tree, &["land", "--json"]).env("JIT_AGENT", "bot:a").output();
    // A file that nobody tracks is in the way.
    a.write("work", "mine");
    let main = head(&a, "main");
    assert_eq!(run().code(4).error_code(), "target_changed");
    assert_eq!((head(&a, "main"), a.read("work")), (main.clone(), "mine".to_owned()));
    std::fs::remove_file(a.path().join("work")).expect("it can be removed");
    run().ok();
    // As after a kill between the refs and the files.
    a.git(&["read-tree", "-m", "-u", "main", &main]).ok();
    assert!(!a.path().join("work").exists());
    assert_eq!(run().ok().json()["already"], true);
    assert_eq!((a.read("work"), a.git(&["status", "--porcelain"]).ok().stdout), ("work".to_owned(), String::new()));
    assert_eq!(a.issue(&id)["state"], "done");
}

#[test]
fn a_branch_that_moves_while_its_gates_run_is_looked_at_anew() {
    let (a, tree, id) = two_trees();
    let (started, go) = (a.outside().join("started"), a.outside().join("go"));
    let slow =
        format!("touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done; test ! -e bad", started.display(), go.display());
    a.gate("slow", &slow, &[]);
    a.jit(&["gate", "add", &id, "slow"]).ok();
    let mut land = a.run_in(&tree, &["land", "--json"]).env("JIT_AGENT", "bot:a").spawn();
    until("the gate runs", || started.exists());
    std::fs::write(tree.join("bad"), "bad").expect("a file");
    a.git_in(&tree, &["add", "."]).ok();
    a.git_in(&tree, &["commit", "--quiet", "-m", &format!("bad\n\nJit-Issue: {id}")]).ok();
    std::fs::write(&go, "").expect("a file");
    assert_eq!(land.wait().expect("it ends").code(), Some(4));
    assert_ne!(a.issue(&id)["state"], "done");
}

#[test]
fn landing_once_more_leaves_the_work_of_others_alone() {
    let (fleet, id) = at_work("true");
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    a.jit(&["gate", "pass", &id, "review"]).ok();
    a.jit(&["sync"]).ok();
    // Somebody pushes unfinished work to the target, past everything.
    let theirs = b.ready("theirs");
    b.jit_as("bot:z", &["issue", "claim", &theirs, "--local"]).ok();
    commit(b, &theirs, "theirs");
    b.git(&["push", "--quiet", "origin", "HEAD:main"]).ok();
    b.jit(&["sync"]).ok();
    a.git(&["fetch", "--quiet", "origin", "main"]).ok();
    a.git(&["rebase", "--quiet", "FETCH_HEAD"]).ok();
    land(a, &[]).ok();
    for run in [land(a, &[]), a.jit(&["land", "--json"])] {
        assert_eq!(run.ok().json()["already"], true);
    }
    assert_eq!(
        (&a.issue(&theirs)["state"], &a.issue(&theirs)["claim"]["by"]),
        (&"in_progress".into(), &"bot:z".into())
    );
}

#[test]
fn a_landing_in_two_steps_that_was_cut_off_is_recorded_whatever_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let (ready, done) = (a.ready("ready"), a.ready("done"));
    a.jit(&["issue", "update", &done, "--state", "done"]).ok();
    a.jit(&["sync"]).ok();
    a.git(&["switch", "--quiet", "-c", "work"]).ok();
    commit(a, &ready, "one");
    commit(a, &done, "two");
    // The hub takes the code, and ends the line before the tracker.
    let hook = fleet.hub.path().join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\ncase $1 in refs/tracker/*) exit 1;; esac\n").expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("it can be made to run");
    assert_eq!(land(a, &["--not-atomic"]).code(10).error_code(), "remote_refused");
    assert_eq!(head(&fleet.hub, "main"), head(a, "work"));
    std::fs::remove_file(&hook).expect("the hook goes");
    land(a, &["--not-atomic"]).ok();
    for id in [&ready, &done] {
        assert_eq!((&a.issue(id)["state"], &a.issue(id)["landed"]["branch"]), (&"done".into(), &"main".into()));
    }
    assert_eq!(fleet.held(), a.tip());
}

#[test]
fn what_a_hub_would_refuse_is_refused_before_the_push() {
    let (fleet, id) = at_work("true");
    let a = &fleet.clones[0];
    fleet.hub.jit(&["hooks", "install", "--server"]).ok();
    a.gate("each", "true", &["--stage", "commit"]);
    a.jit(&["gate", "add", &id, "each"]).ok();
    a.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    a.jit(&["gate", "pass", &id, "review"]).ok();
    commit(a, &id, "more");
    let refused = land(a, &[]).code(4);
    assert_eq!(refused.error_code(), "push_refused");
    let hint = refused.json()["error"]["hint"].as_str().expect("a hint").to_owned();
    a.run_script(&format!("export JIT_AGENT=bot:a; {hint}"));
    land(a, &[]).ok();
    assert_eq!(head(&fleet.hub, "main"), head(a, "work"));
}

#[test]
fn landing_once_more_touches_no_work_tree_that_somebody_has_moved() {
    let (a, tree, _) = two_trees();
    let run = || a.run_in(&tree, &["land", "--json"]).env("JIT_AGENT", "bot:a").output();
    run().ok();
    // Somebody takes a commit back and keeps what was in it.
    a.write("kept", "kept");
    a.git(&["add", "."]).ok();
    a.git(&["commit", "--quiet", "-m", "kept"]).ok();
    a.git(&["reset", "--quiet", "--soft", "HEAD~1"]).ok();
    assert_eq!(run().ok().json()["already"], true);
    assert_eq!(
        (a.read("kept"), a.git(&["status", "--porcelain"]).ok().stdout),
        ("kept".to_owned(), "A  kept\n".to_owned())
    );
}
