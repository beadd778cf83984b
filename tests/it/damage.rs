//! Objects that are damaged, foreign or planted: named, never followed, and the rest goes on.

use serde_json::json;

use crate::support::Repo;

#[test]
fn damaged_and_foreign_objects_are_named_and_the_rest_goes_on() {
    let repo = Repo::new();
    let good = repo.create("good");
    let bad = repo.create("bad");
    let bad_path = format!("issues/{}/{}/{bad}.json", &bad[..1], &bad[1..2]);
    let elsewhere = "issues/0/0/11111111-1111-4111-8111-111111111111.json";
    let twin = "issues/2/2/22222222-2222-4222-8222-222222222222.json";
    let link = "issues/3/3/33333333-3333-4333-8333-333333333333.json";
    let document = repo.git(&["show", &format!("refs/jit:{bad_path}")]).text();
    repo.plant(&[
        ("100644", &bad_path, b"{ \"broken"),
        ("100644", "issues/4/4/notes.txt", b"foreign"),
        ("100644", elsewhere, document.as_bytes()),
        ("100644", twin, document.as_bytes()),
        ("120000", link, b"/etc/passwd"),
        ("100644", "gates/..evil.json", b"{}"),
        ("100644", "gates/empty.json", b""),
        ("100644", "stray", b""),
    ]);
    let before = repo.tip();
    let list = repo.jit(&["list", "--json"]).ok();
    assert_eq!(list.json()["issues"][0]["id"], json!(good));
    assert_eq!(list.json()["count"], 1);
    assert!(list.stderr.contains(&bad_path) && list.stderr.contains("jit fsck"), "{list:#?}");
    assert_eq!(repo.jit(&["show", &bad, "--json"]).code(1).error_code(), "object_unreadable");
    assert_eq!(repo.jit(&["issue", "comment", &bad, "x", "--json"]).code(1).error_code(), "object_unreadable");
    assert_eq!(repo.jit(&["show", "33333333", "--json"]).code(1).error_code(), "object_unreadable");
    assert_eq!(repo.jit(&["show", "22222222", "--json"]).code(1).error_code(), "object_unreadable");
    repo.jit(&["issue", "create", "x", "-g", "empty"]).code(1);
    assert_eq!(repo.tip(), before);

    let fsck = repo.jit(&["fsck", "--json"]).code(1).json();
    let objects: Vec<&str> =
        fsck["problems"].as_array().expect("a list").iter().filter_map(|problem| problem["object"].as_str()).collect();
    for object in
        [&*bad_path, "issues/4/4/notes.txt", elsewhere, twin, link, "gates/..evil.json", "gates/empty.json", "stray"]
    {
        assert!(objects.contains(&object), "{object} is not named in {fsck:#}");
    }
    assert!(!repo.path().join(".jit/issues/33333333-3333-4333-8333-333333333333.json").exists());
    assert!(!repo.outside().join("evil.json").exists());
    // The good issue can still be worked on.
    repo.jit(&["issue", "comment", &good, "fine"]).ok();
    assert!(repo.read(&format!(".jit/issues/{good}.json")).contains("fine"));
}

#[test]
fn a_repository_that_git_cannot_use_is_named_with_what_tells_more() {
    let repo = Repo::new();
    std::fs::write(repo.path().join(".git/config"), "[core\n").expect("a file can be written");
    let output = repo.jit(&["list", "--json"]).code(3);
    assert_eq!(output.error_code(), "repository_unusable");
    assert!(output.json()["error"]["hint"].as_str().expect("a hint").starts_with("git -C "), "{}", output.stderr);
}

#[test]
fn a_ref_that_holds_no_tracker_is_left_alone() {
    let repo = Repo::git_only();
    repo.git(&["update-ref", "refs/jit", "HEAD"]).ok();
    for args in [&["list"][..], &["issue", "create", "x"], &["init"], &["status"], &["fsck"]] {
        let output = repo.jit(args).code(1);
        assert!(!output.stderr.contains("panic"), "{output:#?}");
    }
    assert_eq!(repo.tip(), repo.git(&["rev-parse", "HEAD"]).text());
    let blob = repo.git(&["hash-object", "-w", "README"]).text();
    repo.write(".git/refs/jit", format!("{blob}\n"));
    repo.jit(&["list"]).code(1);
    repo.write(".git/refs/jit", "ref: refs/heads/main\n");
    assert_eq!(repo.jit(&["list", "--json"]).code(1).error_code(), "object_unreadable");
    repo.write(".git/refs/jit", "rubbish");
    repo.jit(&["list"]).code(1);
    repo.write(".git/refs/jit", format!("{}\n", "1".repeat(40)));
    repo.jit(&["list"]).code(1);
}

#[test]
fn an_object_that_claims_a_huge_size_is_not_read() {
    let repo = Repo::new();
    let id = repo.create("one");
    let path = format!("issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
    let blob = format!("{{\"x\":\"{}\"}}", "y".repeat(9 << 20));
    repo.plant(&[("100644", &path, blob.as_bytes())]);
    let output = repo.jit(&["show", &id, "--json"]).code(1);
    assert_eq!(output.error_code(), "object_unreadable");
    assert!(output.stderr.contains("8388608"), "{output:#?}");
    repo.jit(&["list"]).ok();
    // The same in a pack, and one that is larger by far: little in the pack, much in memory.
    let huge = repo.create("huge");
    let huge_path = format!("issues/{}/{}/{huge}.json", &huge[..1], &huge[1..2]);
    repo.plant(&[("100644", &huge_path, " ".repeat(200 << 20).as_bytes())]);
    repo.git(&["gc", "--quiet"]).ok();
    for id in [&id, &huge] {
        let output = repo.jit(&["show", id, "--json"]).code(1);
        assert!(output.stderr.contains("8388608"), "{output:#?}");
    }
    repo.jit(&["list"]).ok();
}

#[test]
fn links_in_place_of_the_mirror_lead_nowhere() {
    let repo = Repo::git_only();
    let target = repo.outside().join("target");
    std::fs::create_dir_all(&target).expect("a folder can be made");
    std::os::unix::fs::symlink(&target, repo.path().join(".jit")).expect("a link can be made");
    let output = repo.jit(&["init"]).ok();
    assert!(output.stderr.contains("not a plain folder"), "{output:#?}");
    repo.create("one");
    assert_eq!(std::fs::read_dir(&target).expect("the folder is there").count(), 0);

    let other = Repo::new();
    let id = other.create("one");
    let file = other.path().join(format!(".jit/issues/{id}.json"));
    std::fs::write(target.join("precious"), "precious").expect("a file can be written");
    std::fs::remove_file(&file).expect("the file is there");
    std::os::unix::fs::symlink(target.join("precious"), &file).expect("a link can be made");
    other.jit(&["issue", "comment", &id, "x"]).ok();
    assert_eq!(std::fs::read_to_string(target.join("precious")).expect("the file is there"), "precious");
}

#[test]
fn an_unreadable_dependency_holds_up_its_dependents_and_nobody_else() {
    let repo = Repo::new();
    let lost = repo.create("lost");
    let held = repo.out(&["issue", "create", "held up", "--depends-on", &lost, "-p", "critical", "--ready"]);
    let free = repo.ready("free");
    let path = format!("issues/{}/{}/{lost}.json", &lost[..1], &lost[1..2]);
    repo.plant(&[("100644", &path, b"rubbish")]);
    let ready = repo.jit(&["ready", "--json"]).ok().json();
    assert_eq!(
        (&ready["count"], &ready["issues"][0]["id"], &ready["unreadable"]),
        (&json!(1), &json!(free), &json!(1))
    );
    assert_eq!(repo.out(&["issue", "claim-next", "bot:a"]), free);
    repo.jit(&["issue", "claim-next", "bot:a"]).code(7);
    // A change that does not need the dependency is made, and said to be.
    repo.jit(&["issue", "comment", &held, "waiting", "--json"]).ok();
    let events = repo.jit(&["events", "query", "--issue", &held, "--type", "issue.commented", "--json"]).json_lines();
    assert_eq!(events.len(), 1);
}

#[test]
fn a_commit_that_is_no_trackers_is_the_wrong_commit() {
    let repo = Repo::new();
    let id = repo.create("one");
    assert_eq!(
        repo.jit(&["issue", "diff", &id, "HEAD..refs/jit", "--json"]).code(3).error_code(),
        "revision_not_found"
    );
    repo.jit(&["issue", "update", &id, "--state", "done", "--seen", "HEAD"]).code(3);
}
