//! Bad input of every kind: a clear error, the right exit code, nothing changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

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
    // Root may write anywhere, so a file stands where the folder of local state would be made.
    let state = repo.path().join(".git/jit");
    std::fs::remove_dir_all(&state).expect("the folder is there");
    std::fs::write(&state, "in the way").expect("a file can be written");
    let reads: [&[&str]; 8] = [
        &["list"],
        &["show", &id],
        &["status"],
        &["ready"],
        &["issue", "log", &id],
        &["events", "tail"],
        &["export"],
        &["fsck"],
    ];
    for args in reads {
        assert_eq!(repo.jit(args).ok().stderr.lines().filter(|line| line.contains("warning")).count(), 0);
    }
    assert_eq!(std::fs::read_to_string(&state).expect("it is there"), "in the way");
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
fn a_result_that_cannot_be_written_is_no_change_that_was_not_made() {
    let repo = Repo::new();
    let mut shell = repo.command("bash");
    shell.args(["-c", "jit create full >/dev/full"]);
    let output = Output::new("full".into(), shell.output().expect("bash can be started")).code(1);
    assert!(output.stderr.contains("was carried out"), "{output:#?}");
    assert_eq!(repo.jit(&["list", "--json"]).json()["count"], 1);
}
