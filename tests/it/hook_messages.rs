//! The issue at hand, and what a commit message may say.

use crate::support::Repo;
use crate::support::committing::{AGENT, commit, head, in_progress, in_work, linked, trailer};

#[test]
fn the_issue_at_hand_is_the_branchs_or_the_only_one_held() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let one = in_progress(&repo, "one");
    commit(&repo, &["--allow-empty", "-m", "for the only one"]).ok();
    assert_eq!(trailer(&repo), one);
    let two = in_progress(&repo, "two");
    commit(&repo, &["--allow-empty", "-m", "for which?"]).ok();
    assert_eq!(trailer(&repo), "");
    let token = repo.issue(&two)["claim"]["token"].as_str().expect("a token").to_owned();
    let mut command = repo.command("git");
    command
        .args(["commit", "--quiet", "--allow-empty", "-m", "by token"])
        .env("JIT_AGENT", AGENT)
        .env("JIT_CLAIM", token);
    assert!(command.status().expect("git can be started").success());
    assert_eq!(trailer(&repo), two);
    repo.git(&["checkout", "--quiet", "-b", &format!("jit/{}", &one[..8])]).ok();
    commit(&repo, &["--allow-empty", "-m", "by branch"]).ok();
    assert_eq!(trailer(&repo), one);
    commit(&repo, &["--allow-empty", "-m", "by hand", "-m", &format!("Jit-Issue: {two}")]).ok();
    assert_eq!(trailer(&repo), two, "what is said is left alone");
    let body = repo.git(&["log", "-1", "--format=%B"]).text();
    assert_eq!(body.matches("Jit-Issue").count(), 1);
}

#[test]
fn a_message_may_name_only_issues_in_work_by_their_holder() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let before = head(&repo);
    let named = |agent: &str, name: &str| {
        let refused =
            repo.git_as(agent, &["commit", "--quiet", "--allow-empty", "-m", "x", "-m", &format!("jit-issue: {name}")]);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert_eq!(head(&repo), before);
        refused.stderr
    };
    let open = repo.create("open");
    assert!(named(AGENT, &open).contains("nobody works on it"));
    assert!(named(AGENT, "00000000").contains("no issue has the id"));
    assert!(named(AGENT, "nonsense!").contains("nonsense!"));
    let held = in_progress(&repo, "held");
    assert!(named("copilot:other", &held).contains("copilot:w1 holds"));
    repo.jit_as(AGENT, &["done", &held]).ok();
    assert!(named(AGENT, &held).contains("which is done"));
    let file = repo.path().join("msg");
    std::fs::write(&file, "x\n\nJit-Issue: 00000000\n").expect("a file can be written");
    let output = repo.run(&["--json", "hooks", "run", "commit-msg", "msg"]).output().code(3);
    assert_eq!(output.error_code(), "issue_not_found");
    let other = in_progress(&repo, "other");
    std::fs::write(&file, format!("x\n\nJit-Issue: {other}\n")).expect("a file can be written");
    assert_eq!(repo.jit_as("a:b", &["hooks", "run", "commit-msg", "msg"]).code, Some(5));
}

#[test]
fn a_gate_of_a_named_issue_is_asked_also_when_another_is_at_hand() {
    let (repo, id) = in_work();
    in_progress(&repo, "a second one");
    repo.write("file", "bad\n");
    repo.git(&["add", "-A"]).ok();
    // With two issues in work none is at hand; the message says which.
    let refused = commit(&repo, &["-m", "x", "-m", &format!("Jit-Issue: {id}")]).code(1);
    assert!(refused.stderr.contains("the gate lint"), "{refused:#?}");
}

#[test]
fn an_editor_that_is_left_without_a_word_still_gives_no_commit() {
    let (repo, _) = in_work();
    let before = head(&repo);
    let editor = |script: &str| {
        let mut command = repo.command("git");
        command.args(["commit", "--allow-empty"]).env("JIT_AGENT", AGENT).env("GIT_EDITOR", script);
        command.output().expect("git can be started").status.code()
    };
    assert_eq!(editor("true"), Some(1));
    assert_eq!(head(&repo), before);
    assert_eq!(editor("sed -i '1s/^/subject/'"), Some(0));
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]).text(), "subject");
    assert_ne!(trailer(&repo), "");
}

#[test]
fn a_commit_without_an_issue_is_refused_only_where_that_is_asked() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "free"]).ok();
    repo.jit(&["config", "set", "hooks.require_issue", "true"]).ok();
    let refused = repo.git(&["commit", "--quiet", "--allow-empty", "-m", "free"]).code(1);
    assert!(refused.stderr.contains("names no issue"), "{refused:#?}");
    let id = in_progress(&repo, "x");
    commit(&repo, &["--allow-empty", "-m", "for it"]).ok();
    assert_eq!(trailer(&repo), id);
}

#[test]
fn a_trailer_in_any_case_links_the_commit() {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    let id = in_progress(&repo, "x");
    commit(&repo, &["--allow-empty", "-m", "x", "-m", &format!("jit-issue: {}", &id[..8])]).ok();
    assert_eq!(linked(&repo, &id), [head(&repo)]);
}

#[test]
fn a_message_about_trailers_names_no_issue_by_that() {
    let (repo, id) = in_work();
    commit(&repo, &["--allow-empty", "-m", "docs: explain Jit-Issue trailers"]).ok();
    assert_eq!(trailer(&repo), id);
    // Neither does what git shows below the message, nor the name of the branch in its comments.
    repo.git(&["checkout", "--quiet", "-b", "fix/jit-issue-7"]).ok();
    repo.write("doc", "the Jit-Issue trailer: x\n");
    repo.git(&["add", "doc"]).ok();
    let mut command = repo.command("git");
    command.args(["commit", "--quiet", "-v"]).env("JIT_AGENT", AGENT).env("GIT_EDITOR", "sed -i '1s/.*/about/'");
    assert!(command.status().expect("git can be started").success());
    assert_eq!((trailer(&repo), repo.git(&["log", "-1", "--format=%s"]).text()), (id, "about".to_owned()));
}

#[test]
fn messages_that_git_takes_are_not_refused_as_empty() {
    let (repo, id) = in_work();
    let taken = |args: &[&str]| {
        let mut all = vec!["--allow-empty"];
        all.extend(args);
        commit(&repo, &all).ok();
    };
    taken(&["--allow-empty-message", "-m", ""]);
    assert_eq!(repo.git(&["log", "-1", "--format=%B"]).text().trim(), "", "nothing is added to nothing");
    taken(&["--cleanup=verbatim", "-m", "#5 a title"]);
    assert_eq!((trailer(&repo), repo.git(&["log", "-1", "--format=%s"]).text()), (id, "#5 a title".to_owned()));
    repo.git(&["config", "commit.cleanup", "scissors"]).ok();
    let mut command = repo.command("git");
    command
        .args(["commit", "--quiet", "--allow-empty"])
        .env("JIT_AGENT", AGENT)
        .env("GIT_EDITOR", "sed -i '1s/.*/#6/'");
    assert!(command.status().expect("git can be started").success());
}

#[test]
fn who_holds_several_issues_is_told_that_the_commit_names_none() {
    let (repo, _) = in_work();
    in_progress(&repo, "a second one");
    let output = commit(&repo, &["--allow-empty", "-m", "x"]).ok();
    assert!(output.stderr.contains("you hold 2 issues"), "{output:#?}");
}

#[test]
fn a_template_that_nobody_filled_in_gives_no_commit() {
    let (repo, id) = in_work();
    repo.write("../template", "# What and why\nWhat:\nWhy:\n");
    repo.git(&["config", "commit.template", "../template"]).ok();
    let commit = |editor: &str| {
        let mut command = repo.command("git");
        command.args(["commit", "--quiet", "--allow-empty"]).env("JIT_AGENT", AGENT).env("GIT_EDITOR", editor);
        command.output().expect("git can be started").status.code()
    };
    assert_eq!(commit("true"), Some(1));
    assert_eq!(commit("sed -i 's/^What:/What: all of it/'"), Some(0));
    assert_eq!(trailer(&repo), id);
}

#[test]
fn the_trailer_is_written_alike_however_git_is_configured() {
    let (repo, id) = in_work();
    repo.git(&["config", "trailer.ifmissing", "doNothing"]).ok();
    repo.git(&["config", "trailer.separators", "="]).ok();
    commit(&repo, &["--allow-empty", "-m", "x"]).ok();
    assert!(repo.git(&["log", "-1", "--format=%B"]).text().contains(&format!("Jit-Issue: {id}")));
    assert_eq!(linked(&repo, &id).len(), 1);
}
