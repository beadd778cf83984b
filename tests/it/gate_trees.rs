//! Work trees that no git tree can tell, and those that git does not see as they are.

use serde_json::json;

use crate::support::Repo;
use crate::support::gated::{row, verdict, with_gate};

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
    // Also where it stands deeper in what is new.
    std::fs::rename(repo.path().join("fixture"), repo.path().join("inner")).expect("it is there");
    std::fs::create_dir(repo.path().join("new")).expect("a folder can be made");
    std::fs::rename(repo.path().join("inner"), repo.path().join("new/inner")).expect("it is there");
    repo.write("new/file", "x");
    let output = repo.jit(&["gate", "run", &id, "--json"]).code(10);
    assert!(row(&output)["why"].as_str().expect("text").contains("new/inner"), "{output:#?}");
    repo.jit(&["hooks", "install"]).ok();
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    repo.git_as("a:b", &["commit", "--quiet", "--allow-empty", "-m", "x"]).ok();
}

#[test]
fn names_that_are_no_text_and_very_many_hidden_ones_are_no_hindrance() {
    use std::os::unix::ffi::OsStrExt;
    let (repo, id) = with_gate("true", &[]);
    let odd = repo.path().join(std::ffi::OsStr::from_bytes(b"l\xffx\ny"));
    std::fs::write(odd, "x").expect("a file can be written");
    for n in 0..3000 {
        repo.write(&format!("{}/{n}", "long".repeat(40)), "x");
    }
    repo.git(&["add", "-A"]).ok();
    repo.git(&["commit", "--quiet", "-m", "many"]).ok();
    repo.run_script("git ls-files -z | git update-index -z --assume-unchanged --stdin");
    repo.jit(&["gate", "run", &id]).ok();
    assert_eq!(verdict(&repo, &id, "check")["tree"], json!(repo.git(&["rev-parse", "HEAD^{tree}"]).text()));
}
