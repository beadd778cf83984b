//! The plain files in `.jit/`.

use serde_json::{Value, json};

use crate::support::Repo;

fn file(id: &str) -> String {
    format!(".jit/issues/{id}.json")
}

fn edit(repo: &Repo, id: &str, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_str(&repo.read(&file(id))).expect("a document");
    change(&mut document);
    repo.write(&file(id), serde_json::to_string_pretty(&document).expect("a document"));
}

fn status(repo: &Repo) -> Value {
    repo.jit(&["mirror", "status", "--json"]).ok().json()
}

#[test]
fn the_mirror_holds_the_documents_as_they_are_on_the_ref() {
    let repo = Repo::new();
    let id = repo.create("one");
    let stored = repo.git(&["show", &format!("refs/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2])]).stdout;
    assert_eq!(repo.read(&file(&id)), stored);
    let gates: Value = serde_json::from_str(&repo.read(".jit/gates.json")).expect("a document");
    assert_eq!(gates["review"]["auto"], false);
    assert_eq!(repo.read(".jit/config.json"), "{}\n");
    let first: Value =
        serde_json::from_str(repo.read(".jit/events.jsonl").lines().next().expect("a line")).expect("an event");
    assert_eq!(first["event"], "tracker.initialized", "the oldest event comes first");
    assert_eq!(status(&repo)["current"], true);
    assert_eq!(repo.git(&["status", "--porcelain", "--ignored=no"]).text(), "");
}

#[test]
fn git_commands_that_clean_up_do_no_harm() {
    let repo = Repo::new();
    let id = repo.create("one");
    repo.git(&["clean", "-xdfq"]).ok();
    assert!(!repo.path().join(".jit").exists());
    assert!(repo.out(&["list"]).contains("one"));
    assert!(repo.path().join(file(&id)).exists(), "the next command writes it anew");
    repo.write("untracked", "x");
    repo.git(&["stash", "--quiet", "-u"]).ok();
    assert!(repo.path().join(file(&id)).exists());
    repo.git(&["switch", "--quiet", "-c", "other"]).ok();
    repo.git(&["sparse-checkout", "set", "nothing"]).ok();
    repo.jit(&["issue", "comment", &id, "still here"]).ok();
    assert!(repo.read(&file(&id)).contains("still here"));
    assert_eq!(repo.git(&["status", "--porcelain"]).text(), "");
}

#[test]
fn a_command_in_a_stale_worktree_catches_up() {
    let repo = Repo::new();
    let tree = repo.worktree("tree");
    repo.run_in(&tree, &["list"]).output().ok();
    let id = repo.create("later");
    let mirrored = tree.join(file(&id));
    assert!(!mirrored.exists());
    repo.run_in(&tree, &["status"]).output().ok();
    assert!(mirrored.exists());
    let here = repo.read(".jit/events.jsonl");
    assert_eq!(std::fs::read_to_string(tree.join(".jit/events.jsonl")).expect("the log is there"), here);
}

#[test]
fn a_hand_edit_is_kept_reported_and_taken_in() {
    let repo = Repo::new();
    let (id, other) = (repo.create("before"), repo.create("dependency"));
    edit(&repo, &id, |issue| {
        issue["title"] = json!("by hand");
        issue["labels"] = json!(["new"]);
        issue["state"] = json!("ready");
        issue["dependencies"] = json!([other]);
        issue["gates"]["review"] = json!({ "status": "pending", "by": null, "at": null, "tree": null, "commit": null,
            "exit_code": null, "duration_ms": null, "output_tail": null, "note": null });
        issue["context"] = json!({ "k": "v" });
        issue["assignee"] = json!("bot:x");
    });
    let edited = repo.read(&file(&id));
    assert_eq!(status(&repo)["edited"], json!([format!("issues/{id}.json")]));
    // Something else changes the same issue: the edit stays, and is spoken of.
    let output = repo.jit(&["issue", "update", &id, "--priority", "high"]).ok();
    assert!(output.stderr.contains("changed by hand"), "{output:#?}");
    assert_eq!(repo.read(&file(&id)), edited);
    let commits: usize = repo.git(&["rev-list", "--count", "refs/jit"]).text().parse().expect("a number");
    let imported = repo.jit(&["mirror", "import", "--json"]).ok().json();
    assert_eq!(imported["imported"], json!([format!("issues/{id}.json")]));
    assert_eq!(repo.git(&["rev-list", "--count", "refs/jit"]).text(), (commits + 1).to_string());
    let issue = repo.issue(&id);
    assert_eq!(
        (&issue["title"], &issue["priority"], &issue["state"]),
        (&json!("by hand"), &json!("high"), &json!("ready"))
    );
    assert_eq!((&issue["labels"], &issue["dependencies"]), (&json!(["new"]), &json!([other])));
    assert_eq!((&issue["context"]["k"], &issue["assignee"]), (&json!("v"), &json!("bot:x")));
    assert_eq!(issue["gates"]["review"]["status"], "pending");
    assert_eq!(status(&repo)["current"], true);
    repo.assert_healthy();
}

#[test]
fn an_edit_and_a_change_of_the_same_field_conflict() {
    let repo = Repo::new();
    let id = repo.create("before");
    edit(&repo, &id, |issue| issue["title"] = json!("by hand"));
    repo.jit(&["issue", "update", &id, "--title", "by command"]).ok();
    let before = repo.tip();
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(5).error_code(), "edit_conflict");
    assert_eq!(repo.tip(), before);
    repo.jit(&["mirror", "refresh"]).ok();
    assert!(repo.read(&file(&id)).contains("by hand"), "a refresh keeps edits");
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    assert!(repo.read(&file(&id)).contains("by command"));
    assert_eq!(status(&repo)["current"], true);
}

#[test]
fn what_only_commands_change_cannot_be_edited() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-g", "review"]);
    let before = repo.tip();
    let wrongs: [fn(&mut Value); 4] = [
        |issue| issue["gates"]["review"]["status"] = json!("passed"),
        |issue| issue["created_by"] = json!("human:nobody"),
        |issue| issue["commits"] = json!(["abc"]),
        |issue| issue["surprise"] = json!(1),
    ];
    for wrong in wrongs {
        edit(&repo, &id, wrong);
        assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(4).error_code(), "edit_not_allowed");
        repo.jit(&["mirror", "refresh", "--discard"]).ok();
    }
    for nonsense in ["", "{", "null", "\u{0}\u{1}"] {
        repo.write(&file(&id), nonsense);
        assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(2).error_code(), "mirror_file_invalid");
        assert_eq!(repo.read(&file(&id)), nonsense);
    }
    repo.write(".jit/issues/notes.txt", "mine");
    assert_eq!(status(&repo)["foreign"], json!(["issues/notes.txt"]));
    edit_rules(&repo, &id);
    assert_eq!(repo.tip(), before);
}

/// Rules hold for edits as they do for commands.
fn edit_rules(repo: &Repo, id: &str) {
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    edit(repo, id, |issue| issue["state"] = json!("done"));
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(4).error_code(), "gates_pending");
    edit(repo, id, |issue| {
        issue["state"] = json!("open");
        issue["dependencies"] = json!([id]);
    });
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(4).error_code(), "cycle");
}

#[test]
fn definitions_and_settings_are_taken_in_too() {
    let repo = Repo::new();
    let mut gates: Value = serde_json::from_str(&repo.read(".jit/gates.json")).expect("a document");
    gates["review"]["title"] = json!("Careful review");
    gates["lint"] = json!({ "key": "lint", "title": "Lint", "description": "", "auto": true });
    gates.as_object_mut().expect("an object").remove("security-scan");
    repo.write(".jit/gates.json", gates.to_string());
    repo.write(".jit/config.json", r#"{"claim.ttl": "2h"}"#);
    repo.jit(&["mirror", "import"]).ok();
    assert_eq!(repo.jit(&["gate", "show", "review", "--json"]).ok().json()["title"], "Careful review");
    repo.jit(&["gate", "show", "lint"]).ok();
    repo.jit(&["gate", "show", "security-scan"]).code(3);
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "2h");
    repo.write(".jit/config.json", r#"{"claim.ttl": "soon"}"#);
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(4).error_code(), "edit_not_allowed");
    repo.assert_healthy();
}

#[test]
fn an_edited_log_is_not_overwritten() {
    let repo = Repo::new();
    let log = repo.read(".jit/events.jsonl");
    repo.write(".jit/events.jsonl", format!("{log}a remark\n"));
    let output = repo.jit(&["issue", "create", "one"]).ok();
    assert!(output.stderr.contains("events.jsonl"), "{output:#?}");
    assert!(repo.read(".jit/events.jsonl").contains("a remark"));
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    assert_eq!(repo.read(".jit/events.jsonl").lines().count(), 6);
}

#[test]
fn missing_files_come_back_with_a_refresh() {
    let repo = Repo::new();
    let id = repo.create("one");
    std::fs::remove_file(repo.path().join(file(&id))).expect("the file is there");
    std::fs::remove_file(repo.path().join(".jit/gates.json")).expect("the file is there");
    assert_eq!(status(&repo)["missing"], json!([format!("issues/{id}.json"), "gates.json"]));
    repo.jit(&["mirror", "refresh"]).ok();
    assert_eq!(status(&repo)["current"], true);
    std::fs::remove_file(repo.path().join(".jit/.stamp.json")).expect("the file is there");
    repo.jit(&["issue", "comment", &id, "x"]).ok();
    assert_eq!(status(&repo)["current"], true, "without its stamp the mirror knows its own files");
}

#[test]
fn a_data_folder_can_be_chosen_and_the_mirror_turned_off() {
    let repo = Repo::git_only();
    let elsewhere = repo.outside().join("data");
    let with = |args: &[&str]| repo.run(args).env("JIT_DATA_DIR", &elsewhere).output().ok();
    with(&["init"]);
    let id = with(&["issue", "create", "one"]).text();
    assert!(elsewhere.join(format!("issues/{id}.json")).exists());
    assert!(!repo.path().join(".jit").exists());
    with(&["config", "set", "mirror.enabled", "false"]);
    let id = with(&["issue", "create", "two"]).text();
    assert!(!elsewhere.join(format!("issues/{id}.json")).exists());
    with(&["config", "set", "mirror.enabled", "true"]);
    assert!(elsewhere.join(format!("issues/{id}.json")).exists());
}

#[test]
fn a_mirror_that_cannot_be_written_does_not_undo_the_change() {
    let repo = Repo::git_only();
    repo.write(".jit", "a file in the way");
    let output = repo.jit(&["init"]).ok();
    assert!(output.stderr.contains("warning"), "{output:#?}");
    let id = repo.create("one");
    assert_eq!(repo.issue(&id)["title"], "one");
    assert_eq!(repo.read(".jit"), "a file in the way");
}

#[test]
fn an_edit_that_is_taken_back_is_no_edit() {
    let repo = Repo::new();
    let id = repo.create("one");
    let before = repo.read(&file(&id));
    edit(&repo, &id, |issue| issue["title"] = json!("by hand"));
    repo.jit(&["issue", "update", &id, "--priority", "high"]).ok();
    repo.write(&file(&id), before);
    repo.jit(&["list"]).ok();
    assert!(repo.read(&file(&id)).contains("high"), "the file follows the tracker again");
    assert_eq!(status(&repo)["current"], true);
}

#[test]
fn edits_that_change_nothing_are_settled_by_an_import() {
    let repo = Repo::new();
    let id = repo.create("one");
    let spaced = repo.read(&file(&id)).replace('\n', "\n ");
    repo.write(&file(&id), spaced);
    repo.jit(&["mirror", "import"]).ok();
    assert_eq!(status(&repo)["current"], true);
    edit(&repo, &id, |issue| issue["title"] = json!("two"));
    repo.jit(&["issue", "update", &id, "--title", "two"]).ok();
    repo.jit(&["mirror", "import"]).ok();
    assert_eq!(status(&repo)["current"], true);
}

#[test]
fn an_import_given_again_takes_nothing_new_for_done() {
    let repo = Repo::new();
    let id = repo.create("one");
    edit(&repo, &id, |issue| issue["title"] = json!("first edit"));
    repo.jit(&["mirror", "import", "--op-id", "k"]).ok();
    edit(&repo, &id, |issue| issue["title"] = json!("second edit"));
    let again = repo.jit(&["mirror", "import", "--op-id", "k", "--json"]).ok().json();
    assert_eq!(again["imported"], json!([]));
    assert!(repo.read(&file(&id)).contains("second edit"));
}

#[test]
fn an_import_never_overrules_what_changed_meanwhile() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "--context", "k=1"]);
    edit(&repo, &id, |issue| issue["context"] = json!({}));
    repo.jit(&["issue", "update", &id, "--context", "k=2"]).ok();
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(5).error_code(), "edit_conflict");
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    repo.write(".jit/config.json", r#"{"claim.ttl": "2h"}"#);
    repo.jit(&["config", "set", "claim.ttl", "3h"]).ok();
    assert_eq!(repo.jit(&["mirror", "import", "--json"]).code(4).error_code(), "edit_not_allowed");
    assert_eq!(repo.out(&["config", "get", "claim.ttl"]), "3h");
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    let mut gates: Value = serde_json::from_str(&repo.read(".jit/gates.json")).expect("a document");
    gates["review"]["title"] = json!("");
    repo.write(".jit/gates.json", gates.to_string());
    repo.jit(&["mirror", "import"]).code(2);
}

#[test]
fn the_log_has_no_hole_after_an_edit_was_taken_back() {
    let repo = Repo::new();
    let log = repo.read(".jit/events.jsonl");
    repo.write(".jit/events.jsonl", format!("{log}a remark\n"));
    repo.create("while it was edited");
    repo.write(".jit/events.jsonl", log.clone());
    repo.create("after");
    assert_eq!(repo.read(".jit/events.jsonl").lines().count(), 7);
    // An edit of the same length is an edit.
    let same_length = repo.read(".jit/events.jsonl").replacen("tracker", "TRACKER", 1);
    repo.write(".jit/events.jsonl", &same_length);
    repo.jit(&["mirror", "refresh"]).ok();
    assert_eq!(repo.read(".jit/events.jsonl"), same_length);
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    assert_eq!(status(&repo)["current"], true);
}

#[test]
fn an_edit_beside_a_half_done_update_is_kept() {
    let repo = Repo::new();
    let killed = repo.run(&["issue", "create", "x"]).env("JIT_ABORT_AT", "mirror-intent").output();
    assert_eq!(killed.code, None);
    let log = repo.read(".jit/events.jsonl");
    repo.write(".jit/events.jsonl", format!("{log}mine\n"));
    repo.jit(&["list"]).ok();
    assert!(repo.read(".jit/events.jsonl").ends_with("mine\n"));
}

#[test]
fn what_is_not_the_mirrors_is_never_discarded() {
    let repo = Repo::new();
    let notes = ".jit/issues/11111111-1111-4111-8111-111111111111.json";
    repo.write(notes, "notes");
    repo.jit(&["mirror", "refresh", "--discard"]).ok();
    repo.jit(&["mirror", "refresh"]).ok();
    assert_eq!(repo.read(notes), "notes");
    let elsewhere = repo.outside().join("data");
    std::fs::create_dir_all(&elsewhere).expect("a folder can be made");
    std::fs::write(elsewhere.join("events.jsonl"), "somebody's log\n").expect("a file can be written");
    repo.run(&["list"]).env("JIT_DATA_DIR", &elsewhere).output().ok();
    let kept = std::fs::read_to_string(elsewhere.join("events.jsonl")).expect("the file is there");
    assert_eq!(kept, "somebody's log\n");
}
