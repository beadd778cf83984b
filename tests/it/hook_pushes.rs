//! What gets onto protected branches.

use crate::support::Repo;
use crate::support::committing::{AGENT, commit, in_work};

#[test]
fn only_finished_work_gets_onto_a_protected_branch() {
    let (repo, id) = in_work();
    let hub = repo.hub();
    repo.git(&["remote", "add", "origin", &hub]).ok();
    repo.git(&["fetch", "--quiet", "origin"]).ok();
    repo.jit(&["gate", "add", &id, "unit-tests"]).ok();
    repo.jit(&["config", "set", "hooks.protected_branches", "main, release/*"]).ok();
    repo.write("file", "good\n");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "work"]).ok();
    let refused = repo.git_as(AGENT, &["push", "--quiet", "origin", "main"]).code(1);
    assert!(refused.stderr.contains("protected") && refused.stderr.contains("unit-tests"), "{refused:#?}");
    repo.git_as(AGENT, &["push", "--quiet", "origin", "main:work"]).ok();
    repo.git_as(AGENT, &["push", "--quiet", "origin", "main:release/1"]).code(1);
    repo.jit_as(AGENT, &["gate", "pass", &id, "unit-tests"]).ok();
    repo.git_as(AGENT, &["push", "--quiet", "origin", "main"]).ok();
    // What was committed past the hooks has no evidence for its tree.
    repo.write("file", "bad\n");
    commit(&repo, &["--no-verify", "-am", "past the hooks", "-m", &format!("Jit-Issue: {id}")]).ok();
    let refused = repo.git_as(AGENT, &["push", "--quiet", "origin", "main"]).code(1);
    assert!(refused.stderr.contains("lint") && refused.stderr.contains("no verdict on this tree"), "{refused:#?}");
    repo.git_as(AGENT, &["push", "--quiet", "origin", ":work"]).ok();
}

#[test]
fn a_gate_called_bad_after_the_commit_keeps_it_from_a_protected_branch() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.jit(&["gate", "define", "read", "--title", "Read", "--stage", "commit"]).ok();
    let id = repo.out(&["issue", "create", "x", "-g", "read", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    repo.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    let hub = repo.hub();
    repo.write("file", "x");
    repo.git(&["add", "-A"]).ok();
    repo.jit(&["gate", "pass", &id, "read", "--by", "human:b"]).ok();
    commit(&repo, &["-m", "x"]).ok();
    repo.jit(&["verify", "HEAD"]).ok();
    repo.jit(&["gate", "fail", &id, "read", "--by", "human:b", "--note", "broken"]).ok();
    repo.jit(&["verify", "HEAD"]).code(4);
    repo.git(&["push", "--quiet", &hub, "main"]).code(1);
}

#[test]
fn what_a_remote_has_is_asked_of_the_remote_and_not_of_a_ref_here() {
    let (repo, id) = in_work();
    repo.jit(&["gate", "add", &id, "review"]).ok();
    repo.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    let hub = repo.hub();
    repo.git(&["remote", "add", "origin", &hub]).ok();
    commit(&repo, &["--allow-empty", "-m", "x"]).ok();
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]).ok();
    repo.git(&["push", "--quiet", "origin", "main"]).code(1);
}
