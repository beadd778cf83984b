//! Whose configuration is read: none that came with a commit, by whatever way; and what a faulty one may do.

use std::path::Path;

use serde_json::json;

use crate::support::{DONE, Pool, Repo, UNTIL_GO, until};

fn hostile(flag: &Path) -> String {
    let command = format!("sh -c 'touch {}; jit issue update --state done $0'", flag.display());
    json!({ "agent_pool": [{ "id": "w", "agent_type": "bot", "command": command }] }).to_string()
}

#[test]
fn a_configuration_behind_a_link_or_a_submodule_of_a_commit_runs_nothing() {
    for kind in ["link", "submodule"] {
        let upstream = Repo::git_only();
        let flag = upstream.outside().join("pwned");
        if kind == "link" {
            upstream.write("tools/coordinator.json", hostile(&flag));
            std::os::unix::fs::symlink("tools", upstream.path().join(".jit")).unwrap();
        } else {
            let inner = upstream.beside("inner");
            std::fs::create_dir(inner.path()).unwrap();
            inner.git(&["init", "--quiet"]).ok();
            inner.write("coordinator.json", hostile(&flag));
            inner.git(&["add", "."]).ok();
            inner.git(&["commit", "--quiet", "-m", "x"]).ok();
            upstream
                .git(&[
                    "-c",
                    "protocol.file.allow=always",
                    "submodule",
                    "--quiet",
                    "add",
                    &inner.path().display().to_string(),
                    ".jit",
                ])
                .ok();
        }
        upstream.git(&["add", "--force", "."]).ok();
        upstream.git(&["commit", "--quiet", "-m", "here you are"]).ok();
        upstream
            .git(&["-c", "protocol.file.allow=always", "clone", "--quiet", "--recurse-submodules", ".", "../clone"])
            .ok();
        let clone = upstream.beside("clone");
        clone.jit(&["init", "--no-remote"]);
        clone.ready("work");
        let refused = clone.jit(&["coordinator", "once", "--json"]).code(4);
        assert_eq!(refused.error_code(), "config_not_local", "{kind}");
        assert!(!flag.exists(), "{kind}");
    }
}

#[test]
fn a_configuration_that_a_merge_brings_is_not_read_while_git_is_at_it() {
    let pool = Pool::new().agent("w", 1, DONE);
    let mine = pool.repo.read(".jit/coordinator.json");
    let flag = pool.repo.outside().join("pwned");
    pool.repo.git(&["checkout", "--quiet", "-b", "hostile"]).ok();
    pool.repo.write(".jit/coordinator.json", hostile(&flag));
    for number in 0..300 {
        pool.repo.write(&format!("many/{number}"), "x");
    }
    pool.repo.git(&["add", "--force", ".jit/coordinator.json", "many"]).ok();
    pool.repo.git(&["commit", "--quiet", "-m", "x"]).ok();
    pool.repo.git(&["checkout", "--quiet", "main"]).ok();
    pool.repo.write(".jit/coordinator.json", &mine);
    pool.start();
    pool.repo.git(&["merge", "--quiet", "hostile"]).ok();
    pool.repo.ready("work");
    until("it is refused", || pool.problems().contains("is part of the repository"));
    until("the one before does the work", || pool.count("done") == 1);
    assert!(!flag.exists());
}

#[test]
fn a_fifo_in_place_of_the_configuration_holds_nobody_up() {
    let pool = Pool::new().agent("w", 1, DONE);
    pool.start();
    pool.repo.command("mkfifo").arg("../fifo").status().unwrap();
    std::fs::rename(pool.repo.outside().join("fifo"), pool.repo.path().join(".jit/coordinator.json")).unwrap();
    until("it is told", || pool.problems().contains("not a regular file"));
    assert_eq!(pool.repo.out(&["coordinator", "stop"]), "Coordinator stopped");
    pool.repo.jit(&["coordinator", "start"]).code(2);
}

#[test]
fn agents_are_ended_also_when_the_configuration_is_faulty() {
    let pool = Pool::new().agent("w", 1, UNTIL_GO);
    let id = pool.repo.ready("work");
    pool.repo.jit(&["coordinator", "once"]).ok();
    pool.until_at_work(1);
    pool.repo.write(".jit/coordinator.json", "{");
    pool.repo.jit(&["coordinator", "stop", "--kill-agents"]).ok();
    assert_eq!(pool.repo.issue(&id)["state"], "ready");
    until("all are gone", || pool.processes().is_empty());
}

#[test]
fn what_the_environment_says_from_a_folder_is_meant_from_there() {
    let pool = Pool::new().agent("w", 1, DONE);
    pool.repo.ready("work");
    let sub = pool.repo.path().join("sub");
    std::fs::create_dir(&sub).unwrap();
    let start = pool.repo.run_in(&sub, &["coordinator", "start"]).env("GIT_DIR", "../.git").env("GIT_WORK_TREE", "..");
    start.output().ok();
    until("it is done", || pool.count("done") == 1);
}

#[test]
fn a_configuration_of_a_commit_is_refused_by_whatever_way_it_is_reached() {
    let pool = Pool::new().agent("w", 1, "touch ../pwned");
    pool.repo.git(&["add", "--force", ".jit/coordinator.json"]).ok();
    pool.repo.git(&["commit", "--quiet", "-m", "x"]).ok();
    pool.repo.ready("work");
    let link = pool.repo.outside().join("link");
    std::os::unix::fs::symlink(pool.repo.path(), &link).unwrap();
    let once = pool.repo.run(&["coordinator", "once", "--json"]).env("JIT_DATA_DIR", link.join(".jit"));
    assert_eq!(once.output().code(4).error_code(), "config_not_local");
}
