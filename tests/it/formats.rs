//! Kinds of repositories, and the format on the ref.

use crate::support::Repo;

/// Works through the main job in a repository as it is.
fn main_job(repo: &Repo, dir: &std::path::Path) {
    let run = |args: &[&str]| repo.run_in(dir, args).output().ok().text();
    run(&["init"]);
    let dependency = run(&["issue", "create", "--title", "first", "--ready"]);
    let id = run(&["issue", "create", "--title", "second", "--depends-on", &dependency, "--gate", "review"]);
    assert_eq!(repo.run_in(dir, &["issue", "claim", &id, "a:b"]).output().code, Some(4));
    run(&["issue", "claim", &dependency, "a:b"]);
    run(&["issue", "update", &dependency, "--state", "done"]);
    run(&["issue", "claim", &id, "a:b"]);
    run(&["gate", "pass", &id, "review"]);
    run(&["issue", "update", &id, "--state", "done"]);
    assert!(run(&["status"]).starts_with("Open: 0  Ready: 0  In Progress: 0  Blocked: 0  Done: 2"));
    run(&["fsck"]);
    assert_eq!(repo.git_in(dir, &["rev-list", "--count", "refs/jit"]).ok().text(), "8");
}

#[test]
fn a_plain_repository_works() {
    let repo = Repo::git_only();
    main_job(&repo, repo.path());
    repo.git(&["fsck", "--strict"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]).ok().text(), "");
}

#[test]
fn a_repository_with_sha256_works() {
    let repo = Repo::git_with(&["--object-format=sha256"]);
    main_job(&repo, repo.path());
    assert_eq!(repo.tip().len(), 64);
    repo.git(&["fsck", "--strict"]).ok();
}

#[test]
fn a_repository_with_reftable_works_or_is_refused_by_name() {
    let repo = Repo::bare_folder();
    // git before 2.45 does not know reftable: there is nothing to test then.
    if repo.git(&["init", "--quiet", "--ref-format=reftable"]).code != Some(0) {
        return;
    }
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "first"]).ok();
    main_job(&repo, repo.path());
    assert!(!repo.path().join(".git/refs/jit").exists(), "no ref is written that git does not read");
    assert!(repo.git(&["reflog", "show", "refs/jit"]).ok().text().lines().count() >= 8);
}

#[test]
fn a_bare_repository_works_without_a_mirror() {
    let repo = Repo::bare_folder();
    repo.git(&["init", "--quiet", "--bare", "."]).ok();
    main_job(&repo, repo.path());
    assert!(!repo.path().join(".jit").exists());
    assert_eq!(repo.jit(&["mirror", "status", "--json"]).code(3).error_code(), "no_mirror");
}

#[test]
fn a_bare_repository_with_worktrees_works() {
    let repo = Repo::git_only();
    let hub = repo.outside().join("hub.git");
    let text = hub.to_str().expect("the path is text");
    repo.git(&["clone", "--quiet", "--bare", ".", text]).ok();
    let tree = repo.outside().join("tree");
    repo.git_in(&hub, &["worktree", "add", "--quiet", tree.to_str().expect("the path is text")]).ok();
    main_job(&repo, &tree);
    assert!(tree.join(".jit/issues").is_dir() && !hub.join(".jit").exists());
    assert!(repo.git_in(&tree, &["status", "--porcelain"]).ok().text().is_empty());
}

#[test]
fn a_submodule_has_a_tracker_of_its_own() {
    let repo = Repo::new();
    let other = Repo::git_only();
    let source = other.path().to_str().expect("the path is text");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source, "sub"]).ok();
    let sub = repo.path().join("sub");
    assert_eq!(repo.run_in(&sub, &["status"]).output().code, Some(3), "the outer tracker is not the submodule's");
    main_job(&repo, &sub);
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 0);
}

#[test]
fn a_shallow_clone_works_on_a_tracker_of_its_own() {
    let repo = Repo::git_only();
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "second"]).ok();
    let clone = repo.outside().join("shallow");
    let url = format!("file://{}", repo.path().display());
    repo.git(&["clone", "--quiet", "--depth", "1", &url, clone.to_str().expect("the path is text")]).ok();
    main_job(&repo, &clone);
}

#[test]
fn a_repository_with_alternates_works() {
    let repo = Repo::git_only();
    let clone = repo.outside().join("clone");
    repo.git(&["clone", "--quiet", "--shared", ".", clone.to_str().expect("the path is text")]).ok();
    main_job(&repo, &clone);
}

#[test]
fn linked_worktrees_share_the_tracker_and_have_mirrors_of_their_own() {
    let repo = Repo::new();
    let tree = repo.worktree("tree");
    let id = repo.create("shared");
    assert!(repo.run_in(&tree, &["list"]).output().ok().stdout.contains("shared"));
    assert!(tree.join(format!(".jit/issues/{id}.json")).exists());
    assert!(repo.git_in(&tree, &["status", "--porcelain"]).ok().text().is_empty());
    let deep = tree.join("deep/er");
    std::fs::create_dir_all(&deep).expect("a folder can be made");
    assert!(repo.run_in(&deep, &["list"]).output().ok().stdout.contains("shared"));
}

#[test]
fn git_dir_is_honoured_relative_and_absolute() {
    let repo = Repo::new();
    repo.create("here");
    for git_dir in [".git", repo.path().join(".git").to_str().expect("the path is text")] {
        let output = repo.run(&["list"]).env("GIT_DIR", git_dir).output().ok();
        assert!(output.stdout.contains("here"), "{git_dir}");
    }
    // As a hook of a bare repository gets it.
    let bare = Repo::bare_folder();
    bare.git(&["init", "--quiet", "--bare", "."]).ok();
    bare.run(&["init"]).env("GIT_DIR", ".").output().ok();
    bare.run(&["issue", "create", "in a hook"]).env("GIT_DIR", ".").output().ok();
    assert_eq!(repo.run(&["list"]).env("GIT_DIR", "nowhere").output().code, Some(3));
}

#[test]
fn packed_refs_are_read_and_written_over() {
    let repo = Repo::new();
    let id = repo.create("before");
    repo.git(&["pack-refs", "--all"]).ok();
    assert!(!repo.path().join(".git/refs/jit").exists(), "the ref is packed now");
    repo.jit(&["issue", "comment", &id, "after"]).ok();
    repo.git(&["gc", "--quiet"]).ok();
    assert_eq!(repo.issue(&id)["comments"][0]["text"], "after");
    repo.assert_healthy();
}

#[test]
fn a_reflog_is_kept_for_the_ref() {
    let repo = Repo::new();
    repo.create("one");
    let log = repo.git(&["reflog", "show", "refs/jit"]).ok().text();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("issue.created") && log.contains("tracker.initialized"), "{log}");
}

#[test]
fn another_ref_can_hold_the_tracker() {
    let repo = Repo::git_only();
    repo.git(&["config", "jit.ref", "refs/tracker/jit"]).ok();
    repo.jit(&["init"]).ok();
    repo.create("elsewhere");
    repo.git(&["rev-parse", "--verify", "refs/tracker/jit"]).ok();
    assert_eq!(repo.git(&["rev-parse", "--verify", "refs/jit"]).code, Some(128));
    repo.git(&["config", "jit.ref", "refs/heads/main"]).ok();
    assert_eq!(repo.jit(&["list", "--json"]).code(2).error_code(), "bad_configuration");
    repo.git(&["config", "--unset", "jit.ref"]).ok();
    repo.jit(&["init"]).ok();
    repo.jit(&["config", "set", "--local", "jit.ref", "refs/heads/main"]).code(2);
    repo.jit(&["list"]).ok();
}

#[test]
fn a_shared_repository_stays_open_to_its_group() {
    use std::os::unix::fs::PermissionsExt;
    let repo = Repo::git_with(&["--shared=group"]);
    repo.jit(&["init"]).ok();
    let id = repo.create("one");
    repo.jit(&["issue", "comment", &id, "x", "--op-id", "k"]).ok();
    let mode = |path: &str| {
        let meta = std::fs::metadata(repo.path().join(".git").join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        meta.permissions().mode()
    };
    assert_eq!(mode("refs/jit") & 0o060, 0o060);
    assert_eq!(mode("logs/refs/jit") & 0o060, 0o060);
    for folder in ["jit", "jit/locks"] {
        assert_eq!(mode(folder) & 0o2070, 0o2070, "{folder}");
    }
    let blob = repo.git(&["rev-parse", "refs/jit^{tree}"]).text();
    assert_eq!(mode(&format!("objects/{}", &blob[..2])) & 0o2070, 0o2070);
}

#[test]
fn every_level_of_durability_works() {
    let repo = Repo::new();
    for level in ["off", "batch", "full"] {
        repo.jit(&["config", "set", "--local", "fsync", level]).ok();
        repo.create(level);
    }
    assert_eq!(repo.jit(&["config", "set", "--local", "fsync", "some"]).code, Some(2));
    repo.git(&["config", "jit.fsync", "some"]).ok();
    assert_eq!(repo.jit(&["list", "--json"]).code(2).error_code(), "bad_configuration");
}

#[test]
fn the_layout_on_the_ref_is_as_documented() {
    let repo = Repo::new();
    let id = repo.create("one");
    let files = repo.git(&["ls-tree", "-r", "--name-only", "refs/jit"]).ok().text();
    let expected = format!(
        "config.json\nevents.json\nformat.json\ngates/integration-tests.json\ngates/review.json\n\
         gates/security-scan.json\ngates/unit-tests.json\nissues/{}/{}/{id}.json",
        &id[..1],
        &id[1..2]
    );
    assert_eq!(files, expected);
    let format = repo.git(&["show", "refs/jit:format.json"]).ok().text();
    let format: serde_json::Value = serde_json::from_str(&format).expect("a document");
    assert_eq!(format, serde_json::json!({ "format": 1, "min_reader": 1, "min_writer": 1, "fanout": 2 }));
}

#[test]
fn a_deeper_fan_out_is_read_and_written() {
    let repo = Repo::new();
    let format = br#"{"format":1,"min_reader":1,"min_writer":1,"fanout":3}"#;
    repo.plant(&[("100644", "format.json", format)]);
    let id = repo.create("deep");
    let path = format!("refs/jit:issues/{}/{}/{}/{id}.json", &id[..1], &id[1..2], &id[2..3]);
    repo.git(&["cat-file", "-e", &path]).ok();
    assert_eq!(repo.issue(&id[..4])["title"], "deep");
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 1);
}

#[test]
fn a_tracker_for_a_newer_version_is_left_alone() {
    let repo = Repo::new();
    let id = repo.create("old");
    repo.plant(&[("100644", "format.json", br#"{"format":9,"min_reader":1,"min_writer":9,"fanout":2}"#)]);
    let before = repo.tip();
    assert_eq!(repo.issue(&id)["title"], "old");
    assert_eq!(repo.jit(&["issue", "comment", &id, "x", "--json"]).code(4).error_code(), "format_too_new");
    assert_eq!(repo.tip(), before);
    repo.plant(&[("100644", "format.json", br#"{"format":9,"min_reader":9,"min_writer":9,"fanout":2}"#)]);
    assert_eq!(repo.jit(&["list", "--json"]).code(4).error_code(), "format_too_new");
}

#[test]
fn unknown_fields_survive_a_change() {
    let repo = Repo::new();
    let id = repo.create("from the future");
    let path = format!("issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
    let mut document = repo.git(&["show", &format!("refs/jit:{path}")]).ok().text();
    document.truncate(document.rfind('}').expect("an object"));
    document.push_str(",\"mood\": {\"z\": 1, \"a\": [2]}}");
    repo.plant(&[("100644", &path, document.as_bytes())]);
    repo.jit(&["issue", "update", &id, "--title", "changed"]).ok();
    assert_eq!(repo.issue(&id)["mood"], serde_json::json!({ "z": 1, "a": [2] }));
}

#[test]
fn a_change_of_many_objects_is_one_pack() {
    for format in ["sha1", "sha256"] {
        let repo = Repo::git_with(&[&format!("--object-format={format}")]);
        repo.jit(&["init"]).ok();
        let ids: Vec<String> = (0..120).map(|n| repo.create(&format!("issue {n}"))).collect();
        repo.git(&["gc", "--quiet"]).ok();
        let mut args = vec!["issue", "update", "--priority", "low"];
        args.extend(ids.iter().map(String::as_str));
        repo.jit(&args).ok();
        let counted = repo.git(&["count-objects", "-v"]).ok().text();
        assert!(counted.contains("\ncount: 0\n") || counted.starts_with("count: 0\n"), "{counted}");
        assert!(counted.contains("packs: 2\n"), "{counted}");
        repo.git(&["fsck", "--strict"]).ok();
        repo.assert_healthy();
    }
}
