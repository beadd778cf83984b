//! `jit worktree`: one for each issue, and whoever works in it is known there.

use std::path::PathBuf;

use serde_json::json;

use crate::support::{Fleet, Output, Repo};

fn add(repo: &Repo, agent: &str, id: &str) -> PathBuf {
    PathBuf::from(repo.jit(&["worktree", "add", id, "--as", agent]).ok().text())
}

fn inside(repo: &Repo, path: &std::path::Path, args: &[&str]) -> Output {
    repo.run_in(path, args).output()
}

#[test]
fn a_worktree_is_claimed_and_on_the_branch_of_its_issue() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let path = add(&repo, "copilot:w1", &id);
    assert_eq!(path, repo.outside().canonicalize().unwrap().join("work-worktrees").join(&id[..8]));
    assert_eq!(repo.git_in(&path, &["branch", "--show-current"]).ok().text(), format!("jit/{}", &id[..8]));
    let claim = &repo.issue(&id)["claim"];
    assert_eq!((&claim["by"], &claim["worktree"]), (&json!("copilot:w1"), &json!(path.to_str())));
    let list = repo.jit(&["worktree", "list", "--json"]).ok().json();
    assert_eq!((&list["count"], &list["worktrees"][0]["actor"]), (&json!(1), &json!("copilot:w1")));
    assert!(repo.out(&["worktree", "list"]).contains("in_progress"));
    repo.assert_healthy();
}

#[test]
fn commands_and_hooks_in_a_worktree_act_for_its_agent_without_a_word_from_the_environment() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let (mine, other) = (repo.ready("mine"), repo.ready("other"));
    let path = add(&repo, "copilot:w1", &mine);
    std::fs::write(path.join("new"), "x").unwrap();
    repo.git_in(&path, &["add", "new"]).ok();
    repo.git_in(&path, &["commit", "--quiet", "-m", "work"]).ok();
    let message = repo.git_in(&path, &["log", "-1", "--format=%B"]).ok().text();
    assert!(message.contains(&format!("Jit-Issue: {mine}")), "{message}");
    inside(&repo, &path, &["issue", "comment", &mine, "at it"]).ok();
    assert_eq!(repo.issue(&mine)["updated_by"], "copilot:w1");
    // It is an agent like any other: what others hold is theirs.
    repo.jit_as("copilot:w2", &["issue", "claim", &other]).ok();
    inside(&repo, &path, &["issue", "update", &other, "--title", "mine now"]).code(5);
    inside(&repo, &path, &["issue", "update", &mine, "--state", "done"]).ok();
    // In the main work tree a person acts.
    repo.jit(&["issue", "comment", &other, "fine"]).ok();
    assert_eq!(repo.issue(&other)["updated_by"], "human:Ada");
}

#[test]
fn an_agent_whose_claim_went_to_another_of_its_name_is_told_so_in_its_worktree() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let path = add(&repo, "copilot:w1", &id);
    repo.jit(&["issue", "release", &id]).ok();
    repo.jit_as("copilot:w1", &["issue", "claim", &id]).ok();
    let refused = inside(&repo, &path, &["issue", "update", &id, "--state", "done", "--json"]).code(5);
    assert_eq!(refused.error_code(), "claim_superseded");
    repo.jit(&["issue", "release", &id]).ok();
    // Claimed anew from there, it speaks for the new claim.
    inside(&repo, &path, &["issue", "claim", &id]).ok();
    inside(&repo, &path, &["issue", "update", &id, "--state", "done"]).ok();
}

#[test]
fn the_token_of_a_worktree_says_nothing_about_other_issues() {
    let repo = Repo::new();
    let (mine, more) = (repo.ready("mine"), repo.ready("more"));
    let path = add(&repo, "copilot:w1", &mine);
    inside(&repo, &path, &["issue", "claim", &more]).ok();
    inside(&repo, &path, &["issue", "update", &more, "--state", "done"]).ok();
}

#[test]
fn a_worktree_with_work_in_it_stays() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let path = add(&repo, "copilot:w1", &id);
    std::fs::write(path.join("new"), "x").unwrap();
    let refused = repo.jit(&["worktree", "rm", &id, "--json"]).code(4);
    assert_eq!(refused.error_code(), "worktree_in_use");
    assert!(path.join("new").exists() && repo.issue(&id)["claim"].is_object());
    // A commit that no branch has is work too.
    repo.git_in(&path, &["checkout", "--quiet", "--detach"]).ok();
    repo.git_in(&path, &["add", "new"]).ok();
    repo.git_in(&path, &["commit", "--quiet", "-m", "loose"]).ok();
    repo.jit(&["worktree", "rm", &id]).code(4);
    repo.git_in(&path, &["branch", "kept"]).ok();
    repo.jit(&["worktree", "rm", &id]).ok();
    assert!(!path.exists() && !path.parent().unwrap().exists());
    assert_eq!(repo.issue(&id)["state"], "ready");
    repo.jit(&["worktree", "rm", &id]).code(3);
}

#[test]
fn a_branch_goes_with_its_worktree_once_another_one_has_its_commits() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let branch = format!("jit/{}", &id[..8]);
    let path = add(&repo, "copilot:w1", &id);
    std::fs::write(path.join("new"), "x").unwrap();
    repo.git_in(&path, &["add", "new"]).ok();
    repo.git_in(&path, &["commit", "--quiet", "-m", "work"]).ok();
    repo.jit(&["worktree", "rm", &id]).ok();
    repo.git(&["rev-parse", "--verify", "--quiet", &branch]).ok();
    // Taken up again, the work goes on where it was.
    let path = add(&repo, "copilot:w2", &id);
    assert!(path.join("new").exists());
    repo.git(&["merge", "--quiet", "--ff-only", &branch]).ok();
    let gone = repo.jit(&["worktree", "rm", &id, "--json"]).ok().json();
    assert_eq!((&gone["branch_deleted"], &gone["released"]), (&json!(true), &json!(true)));
    repo.git(&["rev-parse", "--verify", "--quiet", &branch]).code(1);
}

#[test]
fn a_worktree_is_taken_away_by_who_stands_in_it() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let path = add(&repo, "copilot:w1", &id);
    let sub = path.join("sub");
    std::fs::create_dir(&sub).unwrap();
    let gone = repo.run_in(&sub, &["worktree", "rm", &id, "--json"]).output().ok();
    assert_eq!((&gone.json()["branch_deleted"], &gone.json()["released"]), (&json!(true), &json!(true)));
    assert!(gone.stderr.contains("the folder you stand in is gone"), "{}", gone.stderr);
    assert!(!path.exists(), "nothing is written there again");
    assert_eq!(repo.issue(&id)["state"], "ready");
}

#[test]
fn a_worktree_that_cannot_be_made_leaves_no_claim() {
    let repo = Repo::new();
    let id = repo.ready("work");
    repo.write("taken/file", "x");
    let refused = repo.jit(&["worktree", "add", &id, "taken", "--json"]).code(6);
    assert_eq!(refused.error_code(), "path_exists");
    repo.write("wall", "x");
    repo.jit(&["worktree", "add", &id, "wall/below", "--as", "copilot:w1"]).code(10);
    let issue = repo.issue(&id);
    assert_eq!((&issue["state"], &issue["claim"]), (&json!("ready"), &json!(null)));
    let empty = Repo::bare_folder();
    empty.jit(&["init"]).ok();
    let id = empty.ready("work");
    assert_eq!(empty.jit(&["worktree", "add", &id, "--json"]).code(4).error_code(), "nothing_committed");
}

#[test]
fn of_many_who_make_a_worktree_for_one_issue_one_gets_it() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let runs: Vec<_> =
        (0..8).map(|n| repo.run(&["worktree", "add", &id, "--as", &format!("bot:{n}")]).spawn()).collect();
    let codes: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap().status.code()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(repo.jit(&["worktree", "list", "--json"]).ok().json()["count"], 1);
    repo.assert_healthy();
}

#[test]
fn a_folder_that_was_taken_away_by_hand_is_no_obstacle() {
    let repo = Repo::new();
    let id = repo.ready("work");
    let path = add(&repo, "copilot:w1", &id);
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(repo.jit(&["worktree", "list", "--json"]).ok().json()["worktrees"][0]["gone"], true);
    repo.jit(&["issue", "release", &id]).ok();
    assert_eq!(add(&repo, "copilot:w1", &id), path);
    std::fs::remove_dir_all(&path).unwrap();
    repo.jit(&["worktree", "rm", &id]).ok();
    assert_eq!(repo.jit(&["worktree", "list", "--json"]).ok().json()["count"], 0);
}

#[test]
fn worktrees_of_a_bare_repository_and_from_within_another_worktree() {
    let repo = Repo::new();
    let first = repo.ready("first");
    let second = repo.ready("second");
    let path = add(&repo, "copilot:w1", &first);
    let sibling = inside(&repo, &path, &["worktree", "add", &second, "--as", "copilot:w2"]).ok().text();
    assert_eq!(PathBuf::from(sibling), path.parent().unwrap().join(&second[..8]));
    repo.git(&["clone", "--quiet", "--bare", ".", "../store.git"]).ok();
    let bare = repo.beside("store.git");
    bare.jit(&["init", "--no-remote"]).ok();
    let id = bare.ready("in the bare one");
    let path = add(&bare, "copilot:w1", &id);
    assert!(path.ends_with(format!("store-worktrees/{}", &id[..8])), "{path:?}");
    inside(&bare, &path, &["issue", "update", &id, "--state", "done"]).ok();
}

#[test]
fn a_worktree_of_a_shared_tracker_is_claimed_for_all_clones() {
    let fleet = Fleet::new(2);
    let id = fleet.clones[0].ready("work");
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.clones[1].jit(&["sync"]).ok();
    add(&fleet.clones[0], "bot:a", &id);
    assert_eq!(fleet.tickets(), 1);
    fleet.clones[1].jit(&["worktree", "add", &id, "--as", "bot:b"]).code(5);
    fleet.clones[0].jit(&["worktree", "rm", &id]).ok();
    assert_eq!(fleet.tickets(), 0);
}
