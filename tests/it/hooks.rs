//! Real git, with the hooks in place: what is committed, what is not, and what is known of it afterwards.

use serde_json::json;

use crate::support::committing::{AGENT, commit, head, in_work, linked, trailer};
use crate::support::{Repo, until};

#[test]
fn a_commit_whose_gate_fails_does_not_exist_and_after_a_mend_the_gate_runs_once() {
    let (repo, id) = in_work();
    let before = head(&repo);
    repo.write("file", "bad\n");
    repo.git(&["add", "file"]).ok();
    let refused = commit(&repo, &["-m", "work"]).code(1);
    assert!(refused.stderr.contains("the gate lint") && refused.stderr.contains("file:bad"), "{refused:#?}");
    assert!(refused.stderr.contains("hint: "), "{refused:#?}");
    assert_eq!(head(&repo), before);
    assert_eq!(repo.issue(&id)["gates"]["lint"]["status"], "failed");
    repo.write("file", "good\n");
    repo.git(&["add", "file"]).ok();
    let runs = repo.lines("runs");
    commit(&repo, &["-m", "work"]).ok();
    assert_eq!(repo.lines("runs"), runs + 1, "for both hooks that ask, the gate ran once");
    assert_eq!(trailer(&repo), id);
    assert_eq!(linked(&repo, &id), [head(&repo)]);
    assert_eq!(repo.issue(&id)["gates"]["lint"]["tree"], json!(repo.git(&["rev-parse", "HEAD^{tree}"]).text()));
    repo.assert_healthy();
    assert_eq!(repo.git(&["status", "--porcelain"]).text(), "");
}

#[test]
fn the_same_tree_in_another_work_tree_runs_nothing() {
    let (repo, id) = in_work();
    repo.write("file", "good\n");
    repo.git(&["add", "file"]).ok();
    commit(&repo, &["-m", "work"]).ok();
    let runs = repo.lines("runs");
    let tree = repo.worktree("second");
    repo.git_as_in(AGENT, &tree, &["reset", "--quiet", "--soft", "HEAD~1"]).ok();
    repo.git_as_in(AGENT, &tree, &["commit", "--quiet", "-m", "the same again"]).ok();
    assert_eq!(repo.lines("runs"), runs);
    assert_eq!(linked(&repo, &id).len(), 2);
}

#[test]
fn the_gate_sees_what_is_committed_and_not_what_lies_around() {
    let (repo, _) = in_work();
    // Staged good, lying around bad.
    repo.write("file", "good\n");
    repo.git(&["add", "file"]).ok();
    repo.write("file", "bad\n");
    repo.write("other", "bad\n");
    commit(&repo, &["-m", "good is staged"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]).stdout, " M file\n?? other\n", "nothing was touched");
    // Staged bad, lying around good.
    repo.write("file", "bad\n");
    repo.git(&["add", "file"]).ok();
    repo.write("file", "good\n");
    std::fs::remove_file(repo.path().join("other")).expect("the file is there");
    let refused = commit(&repo, &["-m", "bad is staged"]).code(1);
    assert!(refused.stderr.contains("file:bad"), "{refused:#?}");
    // Only a part of the files.
    repo.git(&["reset", "--quiet", "--hard"]).ok();
    repo.write("README", "good\n");
    repo.write("bad one", "bad\n");
    repo.git(&["add", "bad one"]).ok();
    commit(&repo, &["-m", "only README", "README"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]).stdout, "A  \"bad one\"\n");
    commit(&repo, &["-am", "everything"]).code(1);
    assert_eq!(repo.git(&["worktree", "list"]).text().lines().count(), 1, "the clean work trees are gone");
    let checks = std::fs::read_dir(repo.path().join(".git/jit/checks")).map_or(0, Iterator::count);
    assert_eq!(checks, 0);
}

#[test]
fn the_first_commit_of_all_and_a_detached_head_are_checked_too() {
    let repo = Repo::bare_folder();
    repo.git(&["init", "--quiet", "--initial-branch=main"]).ok();
    repo.jit(&["init"]).ok();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "! grep -q bad file", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    repo.write("file", "bad");
    repo.git(&["add", "file"]).ok();
    commit(&repo, &["-m", "first"]).code(1);
    repo.write("file", "good");
    repo.git(&["add", "file"]).ok();
    repo.write("lying around", "x");
    commit(&repo, &["-m", "first"]).ok();
    repo.git(&["checkout", "--quiet", "--detach"]).ok();
    repo.write("file", "bad");
    commit(&repo, &["-am", "detached"]).code(1);
    repo.write("file", "better");
    commit(&repo, &["-am", "detached"]).ok();
    assert_eq!(linked(&repo, &id).len(), 2);
}

#[test]
fn amended_rebased_and_picked_commits_keep_their_issue_and_stay_linked() {
    let (repo, id) = in_work();
    let base = head(&repo);
    for n in 1..=3 {
        repo.write(&format!("file {n}"), "good\n");
        repo.git(&["add", "-A"]).ok();
        commit(&repo, &["-m", &format!("work {n}")]).ok();
    }
    let old = head(&repo);
    let runs = repo.lines("runs");
    commit(&repo, &["--amend", "-m", "other words"]).code(0);
    assert_eq!(repo.lines("runs"), runs, "the tree is the same");
    // Words given anew have lost the trailer; the next amend may put it back by hand.
    commit(&repo, &["--amend", "-m", "other words", "-m", &format!("Jit-Issue: {id}")]).ok();
    assert!(!linked(&repo, &id).contains(&old), "{old}: {:?}", linked(&repo, &id));
    assert!(linked(&repo, &id).contains(&head(&repo)));
    repo.git(&["branch", "side", &base]).ok();
    repo.git(&["checkout", "--quiet", "side"]).ok();
    repo.write("elsewhere", "good\n");
    repo.git(&["add", "-A"]).ok();
    repo.git(&["commit", "--quiet", "-m", "by a person, for no issue"]).ok();
    assert_eq!(trailer(&repo), "");
    repo.git(&["checkout", "--quiet", "main"]).ok();
    repo.git_as(AGENT, &["rebase", "--quiet", "side"]).ok();
    let rebased: Vec<String> = repo.git(&["rev-list", "side..main"]).text().lines().map(str::to_owned).collect();
    let mut expected = rebased.clone();
    expected.sort();
    assert_eq!(linked(&repo, &id), expected, "the old ones gave way to the new");
    // Picking brings a commit with its own trailer, whoever picks it.
    repo.git(&["checkout", "--quiet", "side"]).ok();
    repo.git(&["cherry-pick", "main~1"]).ok();
    assert_eq!(trailer(&repo), id);
    assert_eq!(linked(&repo, &id).len(), 4);
    // A commit for no issue stays one, also when an agent picks or rebases it.
    repo.git(&["checkout", "--quiet", "main"]).ok();
    repo.git_as(AGENT, &["cherry-pick", "--allow-empty", "--keep-redundant-commits", "side~1"]).ok();
    assert_eq!(trailer(&repo), "");
    repo.assert_healthy();
}

#[test]
fn a_merge_is_checked_and_linked() {
    let (repo, id) = in_work();
    repo.git(&["checkout", "--quiet", "-b", "side"]).ok();
    repo.write("side", "bad\n");
    repo.git(&["add", "-A"]).ok();
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "bad by a person"]).ok();
    repo.git(&["checkout", "--quiet", "main"]).ok();
    repo.write("main", "good\n");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "work"]).ok();
    let before = head(&repo);
    let refused = repo.git_as(AGENT, &["merge", "--no-edit", "side"]);
    assert_ne!(refused.code, Some(0), "{refused:#?}");
    assert_eq!(head(&repo), before);
    repo.git(&["merge", "--abort"]).ok();
    repo.git(&["checkout", "--quiet", "side"]).ok();
    repo.write("side", "good\n");
    repo.git(&["commit", "--quiet", "--amend", "--no-edit", "-a", "--no-verify"]).ok();
    repo.git(&["checkout", "--quiet", "main"]).ok();
    repo.git_as(AGENT, &["merge", "--quiet", "--no-edit", "side"]).ok();
    assert_eq!(trailer(&repo), id);
    assert!(linked(&repo, &id).contains(&head(&repo)));
    // A merge that only moves the branch on makes no commit to be linked.
    repo.git(&["checkout", "--quiet", "side"]).ok();
    let count = linked(&repo, &id).len();
    repo.git_as(AGENT, &["merge", "--quiet", "--ff-only", "main"]).ok();
    assert_eq!(linked(&repo, &id).len(), count);
}

#[test]
fn a_stash_comes_and_goes_without_a_word() {
    let (repo, id) = in_work();
    repo.write("README", "bad\n");
    repo.write("new", "bad\n");
    repo.git_as(AGENT, &["stash", "--quiet", "-u"]).ok();
    assert_eq!(repo.read("README"), "a project\n");
    assert!(repo.path().join(".jit").exists());
    repo.git_as(AGENT, &["stash", "pop", "--quiet"]).ok();
    assert_eq!((repo.read("README"), repo.read("new")), ("bad\n".to_owned(), "bad\n".to_owned()));
    assert!(linked(&repo, &id).is_empty());
}

#[test]
fn submodules_are_there_when_a_part_is_checked() {
    let library = Repo::git_only();
    let repo = Repo::new();
    let url = library.path().to_str().expect("text").to_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "--quiet", &url, "lib"]).ok();
    repo.git(&["commit", "--quiet", "-m", "with a submodule"]).ok();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate(
        "lint",
        "grep -q 'a project' lib/README && git -C lib log -1 --format=%s | grep -q first",
        &["--stage", "commit"],
    );
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    // The submodule holds what no tree tells: the check gets a clean one.
    repo.write("lib/README", "changed inside\n");
    repo.write("file", "x\n");
    repo.git(&["add", "file"]).ok();
    commit(&repo, &["-m", "beside a changed submodule"]).ok();
    assert_eq!(repo.read("lib/README"), "changed inside\n");
    assert_eq!(repo.git_in(&repo.path().join("lib"), &["worktree", "list"]).text().lines().count(), 1);
}

#[test]
fn a_gate_passed_by_hand_counts_for_any_tree_unless_that_is_strict() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.jit(&["gate", "define", "read", "--title", "Read", "--stage", "commit"]).ok();
    repo.jit(&["gate", "define", "ci", "--title", "CI", "--auto", "--stage", "commit"]).ok();
    let id = repo.out(&["issue", "create", "x", "-g", "read", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    let refused = commit(&repo, &["--allow-empty", "-m", "x"]).code(1);
    assert!(refused.stderr.contains("jit gate pass"), "{refused:#?}");
    repo.jit(&["gate", "pass", &id, "read", "--by", "human:b"]).ok();
    repo.write("file", "x");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "x"]).ok();
    repo.jit(&["config", "set", "gates.manual_stale", "strict"]).ok();
    repo.write("file", "y");
    let refused = commit(&repo, &["-am", "y"]).code(1);
    assert!(refused.stderr.contains("another tree"), "{refused:#?}");
    repo.jit(&["config", "unset", "gates.manual_stale"]).ok();
    // What a machine is to judge holds only for the tree it was said of.
    repo.jit(&["gate", "add", &id, "ci"]).ok();
    repo.jit(&["gate", "pass", &id, "ci", "--by", "ci:x"]).ok();
    repo.write("file", "z");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "z"]).code(1);
    repo.jit(&["gate", "pass", &id, "ci", "--by", "ci:x"]).ok();
    commit(&repo, &["-m", "z"]).ok();
}

#[test]
fn a_check_in_a_hook_cannot_spoil_the_commit_it_is_asked_about() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    // It uses git as any test suite may, and the tracker; neither lock is held, neither index is the commit's.
    repo.gate(
        "lint",
        "git add -A && git reset -q && git status --short && jit issue comment $JIT_ISSUE seen && test -z \"$GIT_INDEX_FILE$GIT_DIR\"",
        &["--stage", "commit"],
    );
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    repo.write("file", "staged\n");
    repo.git(&["add", "file"]).ok();
    repo.write("file", "lying around\n");
    let output = commit(&repo, &["-m", "x"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(repo.git(&["show", "HEAD:file"]).stdout, "staged\n");
    assert_eq!(repo.issue(&id)["comments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_check_that_cannot_tell_refuses_the_commit() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "echo no network; exit 75", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    let refused = commit(&repo, &["--allow-empty", "-m", "x"]).code(1);
    assert!(refused.stderr.contains("cannot tell") && refused.stderr.contains("no network"), "{refused:#?}");
    commit(&repo, &["--allow-empty", "--no-verify", "-m", "x"]).ok();
}

#[test]
fn a_kill_in_the_middle_of_a_check_leaves_nothing_for_long() {
    use std::os::unix::process::CommandExt;
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "touch $STARTED; exec sleep 4721.5", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    repo.write("file", "staged\n");
    repo.git(&["add", "file"]).ok();
    repo.write("file", "lying around\n");
    let started = repo.outside().join("started");
    let mut command = repo.command("git");
    command.args(["commit", "--quiet", "-m", "x"]).env("JIT_AGENT", AGENT).env("STARTED", &started).process_group(0);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("git can be started");
    until("it has started", || started.exists());
    repo.run_script(&format!("kill -9 -{}", child.id()));
    child.wait().expect("git ends");
    let places = || std::fs::read_dir(repo.path().join(".git/jit/checks")).map_or(0, Iterator::count);
    let trees = || repo.git(&["worktree", "list"]).text().lines().count();
    assert_eq!((places(), trees()), (1, 2), "a killed check leaves its work tree");
    repo.gate("lint", "true", &["--stage", "commit", "--replace"]);
    commit(&repo, &["-m", "x"]).ok();
    assert_eq!((places(), trees()), (0, 1), "the next one takes it away");
    repo.assert_healthy();
}

#[test]
fn commits_without_a_terminal_and_without_a_home_work() {
    let (repo, id) = in_work();
    let mut command = repo.command("git");
    command.args(["commit", "--quiet", "--allow-empty", "-m", "from an IDE"]).env_remove("HOME").env_remove("TERM");
    command.env("JIT_AGENT", AGENT).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().expect("git can be started");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(linked(&repo, &id).len(), 1);
}

#[test]
fn without_jit_on_the_path_git_goes_on_with_a_warning() {
    let (repo, _) = in_work();
    let mut command = repo.command("git");
    command.args(["commit", "--quiet", "--allow-empty", "-m", "x"]).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let output = command.output().expect("git can be started");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: jit is not on the PATH"));
}

#[test]
fn in_a_repository_without_a_tracker_the_hooks_are_silent() {
    let repo = Repo::git_only();
    repo.jit(&["hooks", "install"]).ok();
    let output = repo.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]).ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}

#[test]
fn the_mirror_follows_a_checkout_and_a_new_work_tree() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let id = repo.create("x");
    let tree = repo.outside().join("linked");
    repo.git(&["worktree", "add", "--quiet", tree.to_str().expect("text")]).ok();
    assert!(tree.join(format!(".jit/issues/{id}.json")).exists());
    std::fs::remove_dir_all(repo.path().join(".jit")).expect("the mirror is there");
    repo.git(&["checkout", "--quiet", "-b", "other"]).ok();
    assert!(repo.path().join(format!(".jit/issues/{id}.json")).exists());
}

#[test]
fn an_issue_that_waits_for_its_gates_is_done_with_the_commit_that_passes_them() {
    for branch in ["main", "jit"] {
        let (repo, id) = in_work();
        if branch == "jit" {
            repo.git(&["checkout", "--quiet", "-b", &format!("jit/{}", &id[..8])]).ok();
        }
        repo.jit_as(AGENT, &["issue", "update", &id, "--state", "gated"]).ok();
        repo.write("file", "bad\n");
        repo.git(&["add", "file"]).ok();
        commit(&repo, &["-m", "work"]).code(1);
        assert_eq!(repo.issue(&id)["state"], "gated");
        repo.write("file", "good\n");
        repo.git(&["add", "file"]).ok();
        commit(&repo, &["-m", "work"]).ok();
        assert_eq!(trailer(&repo), id);
        assert_eq!(linked(&repo, &id), [head(&repo)]);
        assert_eq!(repo.issue(&id)["state"], "done");
        repo.assert_healthy();
    }
}

#[test]
fn a_word_in_place_of_the_command_holds_for_its_tree_and_no_other() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "false", &["--stage", "commit", "--env-key", "echo 1"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    repo.write("file", "x");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "x"]).code(1);
    repo.jit(&["gate", "pass", &id, "lint", "--force", "--note", "the linter is broken"]).ok();
    commit(&repo, &["-m", "x"]).ok();
    repo.write("file", "y");
    repo.git(&["add", "-A"]).ok();
    commit(&repo, &["-m", "y"]).code(1);
}

#[test]
fn a_commit_that_passed_nothing_completes_nothing() {
    let (repo, id) = in_work();
    repo.jit_as(AGENT, &["issue", "update", &id, "--state", "gated"]).ok();
    repo.write("file", "good\n");
    repo.git(&["add", "file"]).ok();
    // The gate passes, and the commit is not made for another reason.
    repo.write(".git/hooks/commit-msg.before-jit", "#!/bin/sh\nexit 1\n");
    repo.run_script("chmod +x .git/hooks/commit-msg.before-jit");
    commit(&repo, &["-m", "x"]).code(1);
    repo.write("file", "bad\n");
    repo.git(&["add", "file"]).ok();
    commit(&repo, &["--no-verify", "-m", "x", "-m", &format!("Jit-Issue: {id}")]).ok();
    assert_eq!(repo.issue(&id)["state"], "gated");
}
