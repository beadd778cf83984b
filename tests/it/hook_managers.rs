//! Putting hooks in place beside those of others, and taking them away again.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Output, Repo};

const AGENT: &str = "copilot:w1";

fn script(repo: &Repo, name: &str, text: &str) {
    repo.write(name, text);
    let path = repo.path().join(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("modes can be set");
}

/// An issue in work, so that a commit by the agent gets a trailer when the hooks are reached.
fn in_work(repo: &Repo) -> String {
    let id = repo.ready("x");
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    id
}

#[track_caller]
fn commit(repo: &Repo) -> Output {
    repo.git_as(AGENT, &["commit", "--quiet", "--allow-empty", "-m", "work"])
}

#[track_caller]
fn assert_linked(repo: &Repo, id: &str, count: usize) {
    assert_eq!(repo.issue(id)["commits"].as_array().map(Vec::len), Some(count));
}

fn reached(repo: &Repo) -> Vec<(String, bool)> {
    let output = repo.jit(&["hooks", "status", "--json"]);
    let hooks = output.json()["hooks"].as_array().expect("a list").clone();
    hooks.iter().map(|hook| (hook["hook"].as_str().unwrap().to_owned(), hook["reached"] == true)).collect()
}

#[track_caller]
fn assert_reached(repo: &Repo, all: bool) {
    let output = repo.jit(&["hooks", "status", "--json"]).code(if all { 0 } else { 4 });
    assert_eq!(output.json()["reached"], Value::Bool(all), "{output:#?}");
}

#[test]
fn installing_and_uninstalling_can_be_repeated_and_leaves_no_trace() {
    let repo = Repo::new();
    let hooks = repo.path().join(".git/hooks");
    let names = || {
        let entries = std::fs::read_dir(&hooks).map_or(Vec::new(), |entries| entries.flatten().collect());
        let mut names: Vec<String> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let before = names();
    assert_reached(&repo, false);
    repo.jit(&["hooks", "install"]).ok();
    assert_reached(&repo, true);
    let output = repo.jit(&["hooks", "install", "--json"]).ok().json();
    assert!(output["hooks"].as_array().expect("a list").iter().all(|hook| hook["done"] == "unchanged"));
    repo.jit(&["hooks", "uninstall"]).ok();
    assert_eq!(names(), before);
    let output = repo.jit(&["hooks", "uninstall", "--json"]).ok().json();
    assert!(output["hooks"].as_array().expect("a list").iter().all(|hook| hook["done"] == "left"));
}

#[test]
fn a_hook_of_ones_own_is_kept_called_first_and_put_back() {
    let repo = Repo::new();
    let own = "#!/bin/sh\necho \"own $0 $1\" >> ../own\ntest ! -e ../refuse\n";
    script(&repo, ".git/hooks/commit-msg", own);
    script(
        &repo,
        ".git/hooks/pre-commit",
        "#!/usr/bin/env bash\nset -e\nwords=(bash \"${0##*/}\")\necho \"${words[@]}\" >> ../own\n",
    );
    script(&repo, ".git/hooks/pre-push", "#!/bin/sh\ncat >> ../own\n");
    let output = repo.jit(&["hooks", "install"]).ok();
    assert!(output.stderr.contains("called first: pre-commit, commit-msg, pre-push"), "{output:#?}");
    let id = in_work(&repo);
    commit(&repo).ok();
    assert_linked(&repo, &id, 1);
    let said = std::fs::read_to_string(repo.outside().join("own")).expect("they ran");
    assert_eq!(said, "bash pre-commit.before-jit\nown .git/hooks/commit-msg .git/COMMIT_EDITMSG\n");
    // What it refuses is refused.
    std::fs::write(repo.outside().join("refuse"), "").expect("a file can be written");
    commit(&repo).code(1);
    std::fs::remove_file(repo.outside().join("refuse")).expect("the file is there");
    // Both are told on stdin what is pushed.
    let hub = repo.hub();
    commit(&repo).ok();
    repo.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    repo.jit(&["gate", "add", &id, "review"]).ok();
    let refused = repo.git_as(AGENT, &["push", "--quiet", &hub, "main"]).code(1);
    assert!(refused.stderr.contains("review"), "{refused:#?}");
    assert!(std::fs::read_to_string(repo.outside().join("own")).expect("it ran").contains("refs/heads/main"));
    repo.jit(&["hooks", "uninstall"]).ok();
    assert_eq!(repo.read(".git/hooks/commit-msg"), own);
    assert!(!repo.path().join(".git/hooks/commit-msg.before-jit").exists());
    commit(&repo).ok();
    assert_linked(&repo, &id, 2);
}

#[test]
fn a_folder_of_hooks_elsewhere_is_honoured() {
    let repo = Repo::new();
    repo.git(&["config", "core.hooksPath", "tools/hooks"]).ok();
    script(&repo, "tools/hooks/pre-commit", "#!/bin/sh\necho own >> ../own\n");
    repo.git(&["add", "-A"]).ok();
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "hooks of the team"]).ok();
    let output = repo.jit(&["hooks", "install"]).ok();
    assert!(output.stderr.contains("git tracks files in"), "{output:#?}");
    assert_reached(&repo, true);
    let id = in_work(&repo);
    let before = repo.lines("own");
    commit(&repo).ok();
    assert_linked(&repo, &id, 1);
    assert_eq!(repo.lines("own"), before + 1);
    // A linked work tree has only what is committed of that folder, and its status says so.
    let tree = repo.worktree("linked");
    let output = repo.run_in(&tree, &["hooks", "status", "--json"]).output().code(4);
    assert!(output.json()["hooks"][0]["why"].as_str().expect("a reason").contains("does not call jit"), "{output:#?}");
    repo.jit(&["hooks", "uninstall"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]).text(), "");
    repo.git(&["config", "core.hooksPath", "/dev/null"]).ok();
    assert_eq!(repo.jit(&["hooks", "install", "--json"]).code(4).error_code(), "no_hooks_folder");
}

#[test]
fn hooks_hold_in_every_linked_work_tree_wherever_they_were_installed() {
    let repo = Repo::new();
    let tree = repo.worktree("linked");
    repo.run_in(&tree, &["hooks", "install"]).output().ok();
    assert_reached(&repo, true);
    repo.run_in(&tree, &["hooks", "status"]).output().ok();
    let id = in_work(&repo);
    repo.gate("lint", "! grep -q bad file", &["--stage", "commit"]);
    repo.jit(&["gate", "add", &id, "lint"]).ok();
    std::fs::write(tree.join("file"), "bad").expect("a file can be written");
    repo.git_in(&tree, &["add", "file"]).ok();
    repo.git_as_in(AGENT, &tree, &["commit", "--quiet", "-m", "x"]).code(1);
    std::fs::write(tree.join("file"), "good").expect("a file can be written");
    repo.git_as_in(AGENT, &tree, &["commit", "--quiet", "-am", "x"]).ok();
    assert_linked(&repo, &id, 1);
    repo.git(&["worktree", "add", "--quiet", "--detach", "../third"]).ok();
    let sub = repo.outside().join("third/sub");
    std::fs::create_dir_all(&sub).expect("a folder can be made");
    repo.git_as_in(AGENT, &sub, &["commit", "--quiet", "--allow-empty", "-m", "from below"]).ok();
    assert_linked(&repo, &id, 2);
}

#[test]
fn status_is_what_git_does_not_what_files_are_called() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let hook = |name: &str| repo.path().join(".git/hooks").join(name);
    std::fs::set_permissions(hook("pre-commit"), std::fs::Permissions::from_mode(0o644)).expect("modes can be set");
    std::fs::remove_file(hook("commit-msg")).expect("it is there");
    script(&repo, ".git/hooks/post-commit", "#!/bin/sh\ntouch ../ran\n");
    script(&repo, ".git/hooks/pre-push", "#!/no/such/interpreter\n# jit hooks run\n");
    let lost: Vec<String> = reached(&repo).into_iter().filter(|(_, reached)| !reached).map(|(name, _)| name).collect();
    assert_eq!(lost, ["pre-commit", "commit-msg", "post-commit", "pre-push"]);
    assert!(!repo.outside().join("ran").exists(), "somebody else's hook is not run for a look");
    let tip = repo.tip();
    let head = repo.git(&["rev-parse", "HEAD"]).text();
    repo.jit(&["hooks", "install"]).ok();
    assert_reached(&repo, true);
    assert_eq!((repo.tip(), repo.git(&["rev-parse", "HEAD"]).text()), (tip, head), "a look changes nothing");
    assert!(!repo.outside().join("ran").exists());
}

/// Husky 9: git looks into a folder of small scripts, made anew with every installation of packages, which run the
/// project's scripts in the folder above by their own name.
fn husky_9(repo: &Repo) {
    script(
        repo,
        ".husky/_/h",
        "#!/usr/bin/env sh\n[ \"$HUSKY\" = \"2\" ] && set -x\nn=$(basename \"$0\")\ns=$(dirname \"$(dirname \"$0\")\")/$n\n\n[ ! -f \"$s\" ] && exit 0\n\n\
         sh -e \"$s\" \"$@\"\nc=$?\n[ $c != 0 ] && echo \"husky - $n script failed (code $c)\"\nexit $c\n",
    );
    repo.write(".husky/_/.gitignore", "*");
    for name in ["pre-commit", "commit-msg", "post-commit", "pre-push", "post-checkout", "prepare-commit-msg"] {
        script(repo, &format!(".husky/_/{name}"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"");
    }
    repo.git(&["config", "core.hooksPath", ".husky/_"]).ok();
}

#[test]
fn together_with_husky_9_both_run_and_a_new_installation_of_it_is_noticed() {
    let repo = Repo::new();
    husky_9(&repo);
    script(&repo, ".husky/pre-commit", "echo husky >> ../own\ntest ! -e ../refuse\n");
    repo.jit(&["hooks", "install"]).ok();
    assert_reached(&repo, true);
    let id = in_work(&repo);
    commit(&repo).ok();
    assert_eq!(repo.lines("own"), 1);
    assert_linked(&repo, &id, 1);
    std::fs::write(repo.outside().join("refuse"), "").expect("a file can be written");
    commit(&repo).code(1);
    std::fs::remove_file(repo.outside().join("refuse")).expect("the file is there");
    husky_9(&repo);
    assert_reached(&repo, false);
    repo.jit(&["hooks", "install"]).ok();
    assert_reached(&repo, true);
    let before = repo.lines("own");
    commit(&repo).ok();
    assert_eq!(repo.lines("own"), before + 1, "once, not twice");
    repo.jit(&["hooks", "uninstall"]).ok();
    let before = repo.lines("own");
    commit(&repo).ok();
    assert_eq!(repo.lines("own"), before + 1);
    assert_linked(&repo, &id, 2);
}

#[test]
fn together_with_husky_8_whose_scripts_start_themselves_again() {
    let repo = Repo::new();
    script(
        &repo,
        ".husky/_/husky.sh",
        "#!/usr/bin/env sh\nif [ -z \"$husky_skip_init\" ]; then\n  readonly hook_name=\"$(basename -- \"$0\")\"\n  \
         export husky_skip_init=1\n  sh -e \"$0\" \"$@\"\n  exitCode=\"$?\"\n  exit $exitCode\nfi\n",
    );
    script(
        &repo,
        ".husky/pre-commit",
        "#!/usr/bin/env sh\n. \"$(dirname -- \"$0\")/_/husky.sh\"\n\necho husky >> ../own\n",
    );
    repo.git(&["config", "core.hooksPath", ".husky"]).ok();
    repo.jit(&["hooks", "install"]).ok();
    let runs = repo.outside().join("runs");
    repo.gate("lint", &format!("echo run >> '{}'; exit 1", runs.display()), &["--stage", "commit"]);
    let id = in_work(&repo);
    repo.jit(&["gate", "add", &id, "lint"]).ok();
    commit(&repo).code(1);
    assert_eq!((repo.lines("own"), repo.lines("runs")), (1, 1), "each once");
}

/// pre-commit writes one script a hook, and runs what it found there before as `NAME.legacy`.
fn pre_commit() -> &'static str {
    "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n\
         ARGS=(hook-impl --hook-type=pre-commit)\nHERE=\"$(cd \"$(dirname \"$0\")\" && pwd)\"\n\
         ARGS+=(--hook-dir \"$HERE\" -- \"$@\")\n\
         # In place of the real program: its way with hooks that were there.\n\
         if [ -x \"$HERE/pre-commit.legacy\" ]; then \"$HERE/pre-commit.legacy\" \"$@\" || exit 1; fi\n\
         echo pre-commit \"${ARGS[1]}\" >> ../own\n"
}

#[test]
fn together_with_pre_commit_whichever_comes_first() {
    let repo = Repo::new();
    script(&repo, ".git/hooks/pre-commit", pre_commit());
    repo.jit(&["hooks", "install"]).ok();
    repo.gate("lint", "echo run >> ../runs", &["--stage", "commit"]);
    let id = in_work(&repo);
    repo.jit(&["gate", "add", &id, "lint"]).ok();
    commit(&repo).ok();
    assert_eq!((repo.lines("own"), repo.lines("runs")), (1, 1));
    // The other way round: its installation moves ours aside and calls it.
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let hooks = repo.path().join(".git/hooks");
    std::fs::rename(hooks.join("pre-commit"), hooks.join("pre-commit.legacy")).expect("it is there");
    script(&repo, ".git/hooks/pre-commit", pre_commit());
    assert_reached(&repo, true);
    repo.gate("lint", "echo run >> ../runs", &["--stage", "commit"]);
    let id = in_work(&repo);
    repo.jit(&["gate", "add", &id, "lint"]).ok();
    let before = repo.lines("own");
    commit(&repo).ok();
    assert_eq!((repo.lines("own"), repo.lines("runs")), (before + 1, 1));
}

#[test]
fn together_with_lefthook() {
    let repo = Repo::new();
    let lefthook = "#!/bin/sh\n\nif [ \"$LEFTHOOK_VERBOSE\" = \"1\" ]; then\n  set -x\nfi\n\nif [ \"$LEFTHOOK\" = \"0\" ]; then\n  exit 0\nfi\n\n\
         call_lefthook()\n{\n  echo \"lefthook $*\" >> ../own\n}\n\ncall_lefthook run \"pre-commit\" \"$@\"\n";
    script(&repo, ".git/hooks/pre-commit", lefthook);
    repo.jit(&["hooks", "install"]).ok();
    let id = in_work(&repo);
    commit(&repo).ok();
    assert_eq!(repo.lines("own"), 1);
    assert_linked(&repo, &id, 1);
    // Its own installation puts ours aside without calling it, which does not go unnoticed.
    let hooks = repo.path().join(".git/hooks");
    std::fs::rename(hooks.join("pre-commit"), hooks.join("pre-commit.old")).expect("it is there");
    script(&repo, ".git/hooks/pre-commit", lefthook);
    assert_reached(&repo, false);
    repo.jit(&["hooks", "install"]).ok();
    assert_reached(&repo, true);
    let before = repo.lines("own");
    commit(&repo).ok();
    assert_eq!(repo.lines("own"), before + 1, "once, not twice");
}

#[test]
fn two_hooks_of_others_are_not_made_one_without_a_word() {
    let repo = Repo::new();
    script(&repo, ".git/hooks/commit-msg", "#!/bin/sh\necho first >> ../own\n");
    repo.jit(&["hooks", "install"]).ok();
    script(&repo, ".git/hooks/commit-msg", "#!/bin/sh\necho second >> ../own\n");
    let output = repo.jit(&["hooks", "install", "--json"]).code(4);
    assert_eq!(output.error_code(), "two_hooks");
    repo.jit(&["hooks", "install", "--force"]).ok();
    commit(&repo).ok();
    assert_eq!(std::fs::read_to_string(repo.outside().join("own")).expect("it ran"), "second\n");
    script(&repo, ".git/hooks/commit-msg", "#!/bin/sh\necho third >> ../own\n");
    repo.jit(&["hooks", "install", "--force"]).ok();
    for (number, word) in [(1, "first"), (2, "second")] {
        let old = repo.read(&format!(".git/hooks/commit-msg.before-jit.{number}"));
        assert!(old.contains(word), "nothing is lost");
    }
}

#[test]
fn lines_that_somebody_wrote_into_a_hook_of_ours_are_not_taken_away() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let hook = repo.read(".git/hooks/pre-push");
    for edited in [format!("{hook}echo mine\n"), hook.replace("said=\n", "said=\necho mine\n")] {
        repo.write(".git/hooks/pre-push", edited);
        assert_eq!(repo.jit(&["hooks", "install", "--json"]).code(4).error_code(), "edited_hook");
        repo.jit(&["hooks", "uninstall"]).ok();
        assert!(repo.read(".git/hooks/pre-push").contains("echo mine"));
    }
}

#[test]
fn a_push_made_by_a_kept_hook_is_asked_about_too() {
    let repo = Repo::new();
    let hub = repo.hub();
    script(
        &repo,
        ".git/hooks/pre-push",
        &format!("#!/bin/sh\n[ -n \"$N\" ] && exit 0\nN=1 git push -q '{hub}' HEAD:main\n"),
    );
    repo.jit(&["hooks", "install"]).ok();
    repo.jit(&["config", "set", "hooks.protected_branches", "main"]).ok();
    let id = in_work(&repo);
    repo.jit(&["gate", "add", &id, "review"]).ok();
    commit(&repo).ok();
    repo.git(&["push", "--quiet", &hub, "HEAD:feature"]).code(1);
}

#[test]
fn a_hook_that_names_jit_among_other_things_is_not_run_for_a_look() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    script(&repo, ".git/hooks/pre-push", "#!/bin/sh\ntouch ../deployed\njit hooks run pre-push \"$@\"\n");
    let output = repo.jit(&["hooks", "status", "--json"]).code(4);
    assert!(output.stdout.contains("names jit, but is not run"), "{output:#?}");
    assert!(!repo.outside().join("deployed").exists());
}
