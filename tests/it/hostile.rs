//! Bad input of every kind: a clear error, the right exit code, nothing changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::support::{Output, Repo};

/// Commands that take an id first, with what follows it.
fn by_id() -> Vec<(&'static [&'static str], &'static [&'static str])> {
    vec![
        (&["issue", "show"], &[]),
        (&["issue", "update"], &["--title", "x"]),
        (&["issue", "claim"], &["a:b"]),
        (&["issue", "heartbeat"], &[]),
        (&["issue", "release"], &[]),
        (&["issue", "ask"], &["x"]),
        (&["issue", "answer"], &["x"]),
        (&["issue", "assign"], &["a:b"]),
        (&["issue", "unassign"], &[]),
        (&["issue", "comment"], &["x"]),
        (&["issue", "log"], &[]),
        (&["issue", "diff"], &[".."]),
        (&["issue", "delete"], &[]),
        (&["issue", "reject"], &["--reason", "x"]),
        (&["dep", "add"], &["0000"]),
        (&["dep", "rm"], &["0000"]),
        (&["graph", "show"], &[]),
        (&["graph", "downstream"], &[]),
        (&["gate", "add"], &["review"]),
        (&["gate", "rm"], &["review"]),
        (&["gate", "pass"], &["review"]),
        (&["gate", "fail"], &["review"]),
        (&["gate", "status"], &[]),
        (&["events", "query", "--issue"], &[]),
        (&["issue", "create", "x", "--depends-on"], &[]),
        (&["issue", "create", "x", "--blocks"], &[]),
    ]
}

fn refused(repo: &Repo, output: Output, code: i32, before: &str) {
    let output = output.code(code);
    output.error_code();
    assert!(output.stderr.starts_with("error: "), "{output:#?}");
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output:#?}");
    assert_eq!(repo.tip(), before, "{output:#?}");
}

#[test]
fn no_command_takes_what_is_no_id() {
    let repo = Repo::new();
    repo.create("one");
    let before = repo.tip();
    for (words, rest) in by_id() {
        for wrong in ["../gates", "\u{1b}[31m", "zzzz", "abc", "", "....", "💥💥💥💥", "refs/jit"] {
            let mut args = words.to_vec();
            args.push(wrong);
            args.extend(rest);
            args.push("--json");
            refused(&repo, repo.jit(&args), 2, &before);
        }
        let mut args = words.to_vec();
        args.push("00000000-0000-4000-8000-000000000000");
        args.extend(rest);
        args.push("--json");
        refused(&repo, repo.jit(&args), 3, &before);
        let mut args = words.to_vec();
        args.push("-x");
        args.extend(rest);
        args.push("--json");
        refused(&repo, repo.jit(&args), 2, &before);
    }
}

#[test]
fn invalid_values_are_refused_with_a_reason() {
    let repo = Repo::new();
    let id = repo.create("one");
    let before = repo.tip();
    let (long, huge) = ("x".repeat(501), "y".repeat(100_000));
    repo.write("large", "z".repeat((1 << 20) + 1));
    repo.write("binary", [0xff, 0xfe, 0x00]);
    let cases: Vec<Vec<&str>> = vec![
        vec!["issue", "create", ""],
        vec!["issue", "create"],
        vec!["issue", "create", "   "],
        vec!["issue", "create", "two\nlines"],
        vec!["issue", "create", &long],
        vec!["issue", "create", &huge],
        vec!["issue", "create", "x", "-p", "urgent"],
        vec!["issue", "create", "x", "-l", "two words"],
        vec!["issue", "create", "x", "-l", ""],
        vec!["issue", "create", "x", "--context", "novalue"],
        vec!["issue", "create", "x", "--context", "=v"],
        vec!["issue", "create", "x", "-g", "../x"],
        vec!["issue", "create", "x", "--desc-file", "large"],
        vec!["issue", "create", "x", "--desc-file", "binary"],
        vec!["issue", "update", &id],
        vec!["issue", "update", &id, "--state", "blocked"],
        vec!["issue", "update", &id, "--title", ""],
        vec!["issue", "update", &id, "--label", "-"],
        vec!["issue", "comment", &id, ""],
        vec!["issue", "comment", &id, " \n "],
        vec!["issue", "claim", &id, "-x"],
        vec!["issue", "claim", &id, ":"],
        vec!["issue", "claim", &id, "a\nb"],
        vec!["issue", "release", &id, "--outcome", "fine"],
        vec!["issue", "reject", &id],
        vec!["issue", "reject", &id, "--reason", ""],
        vec!["gate", "define", "../x", "--title", "x"],
        vec!["gate", "define", "x", "--title", ""],
        vec!["gate", "define", "x"],
        vec!["gate", "show", "a/b"],
        vec!["list", "--sort", "colour"],
        vec!["list", "-n", "-1"],
        vec!["list", "-n", "many"],
        vec!["events", "tail", "-n", "x"],
        vec!["config", "set", "nothing", "x"],
        vec!["config", "get", "nothing"],
        vec!["config", "set", "mirror.enabled", "perhaps"],
        vec!["config", "set", "--local", "ref", "HEAD"],
        vec!["graph", "export", "--format", "png"],
        vec!["--as", "", "issue", "create", "x"],
        vec!["issue", "create", "x", "--op-id", ""],
        vec!["nonsense"],
        vec!["issue"],
        vec!["issue", "create", "x", "--nonsense"],
    ];
    for case in cases {
        let mut args = case.clone();
        args.push("--json");
        let output = repo.jit(&args);
        assert!(output.stderr.len() < 2000, "a message is short, whatever the input: {case:?}");
        refused(&repo, output, 2, &before);
    }
    refused(&repo, repo.jit(&["issue", "create", "x", "--desc-file", "nowhere", "--json"]), 3, &before);
    refused(&repo, repo.jit(&["gate", "show", "unknown", "--json"]), 3, &before);
    refused(&repo, repo.run(&["issue", "comment", &id, "-", "--json"]).input(""), 2, &before);
    refused(&repo, repo.run(&["issue", "comment", &id, "-", "--json"]).input([0xff, 0xfe]), 2, &before);
}

#[test]
fn a_title_of_ten_megabytes_is_refused_wherever_it_can_come_in() {
    let repo = Repo::new();
    let id = repo.create("one");
    let before = repo.tip();
    let path = format!(".jit/issues/{id}.json");
    let document = repo.read(&path).replace("\"one\"", &format!("\"{}\"", "t".repeat(10 << 20)));
    repo.write(&path, document);
    let output = repo.jit(&["mirror", "import", "--json"]).code(2);
    assert_eq!(output.error_code(), "mirror_file_invalid");
    assert_eq!(repo.tip(), before);
    let output = repo.run(&["issue", "comment", &id, "-", "--json"]).input("t".repeat(10 << 20));
    assert_eq!(output.code(2).error_code(), "too_large");
    assert_eq!(repo.tip(), before);
}

#[test]
fn arguments_and_variables_that_are_no_utf8_are_refused() {
    let repo = Repo::new();
    let before = repo.tip();
    let bad = OsStr::from_bytes(b"\xff\xfe");
    let args = [OsStr::new("issue"), OsStr::new("create"), bad, OsStr::new("--json")];
    refused(&repo, repo.run(&args).output(), 2, &before);
    for variable in ["JIT_AGENT", "JIT_CLAIM", "JIT_CLOCK"] {
        refused(&repo, repo.run(&["issue", "create", "x", "--json"]).env(variable, bad).output(), 2, &before);
    }
    refused(&repo, repo.run(&["issue", "create", "x", "--json"]).env("JIT_CLOCK", "noon").output(), 2, &before);
}

#[test]
fn limits_on_numbers_hold() {
    let repo = Repo::new();
    let id = repo.create("one");
    let labels: Vec<String> = (0..1001).map(|n| format!("--label=l{n}")).collect();
    let mut args = vec!["issue", "update", &id, "--json"];
    args.extend(labels.iter().map(String::as_str));
    assert_eq!(repo.jit(&args).code(2).error_code(), "too_large");
    args.pop();
    repo.jit(&args).ok();
    let context = format!("k={}", "v".repeat(65_536));
    assert_eq!(repo.jit(&["issue", "update", &id, "--context", &context, "--json"]).code(2).error_code(), "too_large");
}

#[test]
fn comments_stop_before_the_document_is_too_large_to_read() {
    let repo = Repo::new();
    let id = repo.create("talked to death");
    let mut refused = None;
    for _ in 0..10 {
        let output = repo.run(&["issue", "comment", &id, "-", "--json"]).input("c".repeat(1 << 20));
        if output.code != Some(0) {
            refused = Some(output.code(2).error_code());
            break;
        }
    }
    assert_eq!(refused.as_deref(), Some("too_large"));
    repo.jit(&["issue", "show", &id]).ok();
}

#[test]
fn control_characters_are_shown_and_not_sent() {
    let repo = Repo::new();
    let id = repo.create("one");
    repo.jit(&["issue", "comment", &id, "red \u{1b}[31m bell \u{7}"]).ok();
    repo.jit(&["issue", "update", &id, "--desc", "\u{1b}]0;title\u{7}"]).ok();
    let shown = repo.jit(&["show", &id]).ok();
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{7}'), "{shown:#?}");
    assert!(shown.stdout.contains("\\u{1b}[31m"), "{shown:#?}");
    assert!(!repo.out(&["events", "tail"]).contains('\u{1b}'));
    assert!(!repo.out(&["issue", "log", &id, "-p"]).contains('\u{1b}'));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let repo = Repo::new();
    for n in 0..50 {
        repo.create(&format!("issue {n}"));
    }
    let mut shell = repo.command("bash");
    shell.args(["-c", "set -o pipefail; jit list --json --full | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}"]);
    let output = Output::new("pipe".into(), shell.output().expect("bash can be started"));
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("0", ""));
    let mut shell = repo.command("bash");
    shell.args(["-c", "jit create 'to nobody' >&-; echo $?"]);
    let output = Output::new("closed".into(), shell.output().expect("bash can be started"));
    assert_eq!(repo.jit(&["list", "--json"]).json()["count"], 51, "{output:#?}");
}

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
fn outside_a_repository_or_a_tracker_commands_say_so() {
    let repo = Repo::bare_folder();
    assert_eq!(repo.jit(&["list", "--json"]).code(3).error_code(), "no_repository");
    let repo = Repo::git_only();
    for args in
        [&["list"][..], &["issue", "create", "x"], &["status"], &["fsck"], &["mirror", "refresh"], &["events", "tail"]]
    {
        let mut args = args.to_vec();
        args.push("--json");
        let output = repo.jit(&args).code(3);
        assert_eq!(output.error_code(), "not_initialised");
        assert_eq!(output.json()["error"]["hint"], "jit init");
    }
    assert!(!repo.path().join(".jit").exists());
}

#[test]
fn a_read_only_repository_is_read() {
    let repo = Repo::new();
    let id = repo.create("one");
    // Root may write anywhere, so only the reading is shown here: no command that reads needs a lock file.
    std::fs::remove_dir_all(repo.path().join(".git/jit")).expect("the folder is there");
    for args in [&["list"][..], &["show", &id], &["status"], &["ready"], &["events", "tail"], &["fsck"]] {
        repo.jit(args).ok();
    }
    assert!(!repo.path().join(".git/jit").exists(), "reading writes nothing beside the mirror");
}

#[test]
fn every_hint_names_a_command_that_exists() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-g", "review"]);
    let dependent = repo.out(&["issue", "create", "two", "--depends-on", &id]);
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    let failures: Vec<Vec<&str>> = vec![
        vec!["show", "00000000"],
        vec!["issue", "claim", &dependent, "bot:b"],
        vec!["issue", "claim", &id, "bot:b"],
        vec!["issue", "claim", &id, "bot:a"],
        vec!["issue", "update", &id, "--state", "done"],
        vec!["dep", "add", &id, &dependent],
        vec!["issue", "delete", &id],
        vec!["gate", "add", &id, "nothing"],
        vec!["issue", "answer", &id, "x"],
        vec!["issue", "release", &dependent],
        vec!["issue", "claim-next", "bot:b"],
        vec!["gate", "undefine", "review"],
        vec!["gate", "define", "review", "--title", "x"],
    ];
    let known: Vec<String> = schema_commands(&repo);
    for args in failures {
        let mut args = args;
        args.push("--json");
        let output = repo.jit(&args);
        let hint = output.json()["error"]["hint"].as_str().unwrap_or_else(|| panic!("no hint: {output:#?}")).to_owned();
        for command in hint.split("jit ").skip(1) {
            let words: Vec<&str> = command.split([' ', ',', ';']).collect();
            let named = known.iter().any(|known| {
                let known: Vec<&str> = known.split(' ').skip(1).collect();
                words.len() >= known.len() && words[..known.len()] == known[..]
            });
            assert!(named || words[0] == "list", "`{hint}` names no command");
        }
        let words = output.json()["error"]["message"].as_str().expect("a message").split_whitespace().count();
        assert!(words + hint.split_whitespace().count() < 60, "{output:#?}");
    }
}

fn schema_commands(repo: &Repo) -> Vec<String> {
    let schema: Value = repo.jit(&["--schema"]).ok().json();
    let commands = schema["commands"].as_array().expect("a list").iter();
    commands.map(|command| command["command"].as_str().expect("text").to_owned()).collect()
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
fn a_result_that_cannot_be_written_is_no_change_that_was_not_made() {
    let repo = Repo::new();
    let mut shell = repo.command("bash");
    shell.args(["-c", "jit create full >/dev/full"]);
    let output = Output::new("full".into(), shell.output().expect("bash can be started")).code(1);
    assert!(output.stderr.contains("was carried out"), "{output:#?}");
    assert_eq!(repo.jit(&["list", "--json"]).json()["count"], 1);
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
