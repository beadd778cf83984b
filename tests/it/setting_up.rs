//! Beginning a tracker, and its settings.

use crate::support::Repo;

#[test]
fn settings_are_checked_listed_and_used() {
    let repo = Repo::new();
    repo.jit(&["config", "set", "claim.ttl", "soon"]).code(2);
    repo.jit(&["config", "set", "claim.tll", "1h"]).code(2);
    repo.jit(&["config", "set", "claim.ttl", "1h"]).ok();
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "1h");
    let id = repo.ready("leased");
    repo.jit(&["issue", "claim", &id, "a:b"]).ok();
    assert_eq!(repo.issue(&id)["claim"]["ttl_ms"], 3_600_000);
    repo.jit(&["config", "unset", "claim.ttl"]).ok();
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "");
    repo.jit(&["config", "set", "--local", "agent", "bot:local"]).ok();
    assert_eq!(repo.git(&["config", "jit.agent"]).text(), "bot:local");
    assert_eq!(repo.out(&["config", "get", "--local", "jit.agent"]), "bot:local");
    let list = repo.jit(&["config", "list", "--json"]).ok().json();
    assert_eq!(list["settings"][0]["source"], "local");
    repo.jit(&["config", "unset", "--local", "agent"]).ok();
    assert_eq!(repo.git(&["config", "jit.agent"]).code, Some(1));
}

#[test]
fn init_says_what_it_did_and_warns_of_confusing_names() {
    let repo = Repo::bare_folder();
    let output = repo.jit(&["init", "--json"]).ok();
    assert_eq!(output.json()["repository_created"], true);
    assert_eq!(output.json()["created"], true);
    assert!(repo.path().join(".git").is_dir() && repo.path().join(".jit/gates.json").is_file());
    assert_eq!(repo.jit(&["init", "--json"]).ok().json()["created"], false);
    let other = Repo::git_only();
    other.git(&["branch", "jit"]).ok();
    assert!(other.jit(&["init"]).ok().stderr.contains("ambiguous"));
}

#[test]
fn init_adopts_the_tracker_of_a_remote() {
    let repo = Repo::new();
    let id = repo.create("shared");
    let hub = repo.hub();
    let clone = repo.outside().join("clone");
    repo.git(&["clone", "--quiet", &hub, clone.to_str().expect("the path is text")]).ok();
    assert_eq!(repo.run_in(&clone, &["list"]).output().code, Some(3));
    let output = repo.run_in(&clone, &["init", "--json"]).output().ok();
    assert_eq!(output.json()["adopted_from"], "origin");
    let shown = repo.run_in(&clone, &["issue", "show", &id, "--json"]).output().ok();
    assert_eq!(shown.json()["title"], "shared");
    assert_eq!(repo.git_in(&clone, &["rev-parse", "refs/jit"]).text(), repo.tip());
    let refspecs = repo.git_in(&clone, &["config", "--get-all", "remote.origin.fetch"]).text();
    assert!(refspecs.contains("+refs/tracker/jit:refs/jit-remotes/origin"), "{refspecs}");
    assert_eq!(repo.run_in(&clone, &["init", "--remote", "--upload-pack=x"]).output().code, Some(2));
    let fresh = Repo::git_only();
    assert_eq!(fresh.jit(&["init", "--remote=nobody", "--json"]).code(3).error_code(), "no_remote");
    fresh.git(&["remote", "add", "gone", "/nowhere/at/all"]).ok();
    for args in [&["init", "--remote", "gone", "--json"][..], &["init", "--json"]] {
        assert_eq!(fresh.jit(args).code(10).error_code(), "remote_unreachable");
        assert_eq!(fresh.git(&["rev-parse", "--verify", "refs/jit"]).code, Some(128), "nothing was made");
    }
    fresh.jit(&["init", "--no-remote"]).ok();
}
