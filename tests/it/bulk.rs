//! Many issues at once: export, import, and commits with many events.

use serde_json::{Value, json};

use crate::support::Repo;

/// A tracker in which everything that an issue can have is on some issue.
fn rich() -> Repo {
    let repo = Repo::new();
    repo.jit(&["gate", "define", "lint", "--title", "Lint it"]).ok();
    let a = repo.out(&["issue", "create", "a", "-g", "lint", "-g", "review", "--ready", "--context", "k=v"]);
    let b = repo.out(&["issue", "create", "b", "--depends-on", &a, "-l", "area/x", "-d", "Zeile\nzwei „ü“"]);
    let c = repo.ready("c");
    repo.jit(&["gate", "pass", &a, "lint", "--note", "seen"]).ok();
    repo.jit(&["issue", "comment", &b, "said"]).ok();
    repo.jit(&["issue", "claim", &c, "bot:x", "--ttl", "1h"]).ok();
    let d = repo.create("d");
    repo.jit(&["issue", "ask", &d, "how?"]).ok();
    let e = repo.create("gone");
    repo.jit(&["issue", "delete", &e]).ok();
    let f = repo.create("f");
    repo.jit(&["issue", "update", &f, "--state", "done"]).ok();
    repo
}

#[test]
fn an_export_imported_elsewhere_is_the_same_tracker() {
    let one = rich();
    let exported = one.jit(&["export"]).ok().stdout;
    assert_eq!(one.jit(&["export", "--json"]).ok().stdout, exported);
    assert!(!exported.contains("\"gone\""), "what was deleted is not exported");

    let two = Repo::new();
    let imported = two.run(&["import", "-", "--json"]).input(&exported).ok().json();
    assert_eq!((&imported["imported"], &imported["gates"]), (&json!(5), &json!(1)));
    assert_eq!(two.jit(&["export"]).ok().stdout, exported);
    two.assert_healthy();
    assert_eq!(two.git(&["log", "-1", "--format=%s", "refs/jit"]).text().matches("(+5)").count(), 1, "one commit");

    // The holder works on under its claim.
    let claimed: Value = exported.lines().find(|line| line.contains("bot:x")).unwrap().parse().unwrap();
    let (id, token) = (claimed["id"].as_str().unwrap(), claimed["claim"]["token"].as_str().unwrap());
    two.run(&["issue", "heartbeat", id]).env("JIT_AGENT", "bot:x").env("JIT_CLAIM", token).output().ok();
}

#[test]
fn an_import_given_again_changes_nothing() {
    let repo = rich();
    let (exported, tip) = (repo.jit(&["export"]).ok().stdout, repo.tip());
    let again = repo.run(&["import", "-", "--json"]).input(&exported).ok().json();
    assert_eq!((&again["imported"], &again["skipped"]), (&json!(0), &json!(5)));
    assert_eq!(repo.tip(), tip);

    let id = exported.lines().last().unwrap().parse::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
    repo.jit(&["issue", "update", &id, "--priority", "low"]).ok();
    let refused = repo.run(&["import", "-", "--json"]).input(&exported).code(6);
    assert_eq!(refused.error_code(), "issues_exist");
    assert_eq!(refused.json()["error"]["details"]["issues"][0]["id"], id.as_str());
    let skipped = repo.run(&["import", "-", "--skip-existing", "--json"]).input(&exported).ok().json();
    assert_eq!(skipped["skipped"], 5);
    assert_eq!(repo.issue(&id)["priority"], "low");
}

#[test]
fn sketches_need_no_more_than_a_title() {
    let repo = Repo::new();
    let one = "11111111-1111-4111-8111-111111111111";
    repo.write(
        "plan",
        format!(
            "{{\"title\": \"first\", \"id\": \"{one}\", \"state\": \"ready\"}}\n\n  \n\
             {{\"title\": \"second\", \"dependencies\": [\"{one}\"], \"gates\": [\"review\"], \"labels\": [\"x\"]}}"
        ),
    );
    let dry = repo.jit(&["import", "plan", "--dry-run", "--json"]).ok().json();
    assert_eq!((&dry["imported"], &dry["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 0);
    let done = repo.jit(&["import", "plan", "--op-id", "once", "--json"]).ok().json();
    assert_eq!(repo.jit(&["query", "blocked", "--json"]).ok().json()["issues"][0]["title"], "second");
    assert_eq!(repo.issue(one)["state"], "ready");
    let again = repo.jit(&["import", "plan", "--op-id", "once", "--json"]).ok().json();
    assert_eq!(again, done, "the first result");
    repo.assert_healthy();
}

#[test]
fn a_bad_line_is_named_and_nothing_is_taken_in() {
    let repo = Repo::new();
    let (one, two) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let good = "{\"title\": \"good\"}\n";
    let cases: [(String, i32, &str); 18] = [
        ("no json".to_owned(), 2, "-, line 2: an issue is an object"),
        ("{\"title\": \"x\"".to_owned(), 2, "-, line 2: EOF while parsing an object at column"),
        ("[]".to_owned(), 2, "line 2: an issue is an object"),
        ("{\"title\": \"x\", \"title\": \"y\"}".to_owned(), 2, "line 2: duplicate field `title`"),
        ("{\"title\": \"x\", \"context\": {\"\": \"v\"}}".to_owned(), 2, "line 2: "),
        ("{}".to_owned(), 2, "missing field `title`"),
        ("{\"title\": \"\"}".to_owned(), 2, "line 2"),
        ("{\"titel\": \"x\"}".to_owned(), 2, "unknown field `titel`"),
        ("{\"title\": \"x\", \"state\": \"wild\"}".to_owned(), 2, "wild"),
        ("{\"title\": \"x\", \"state\": \"in_progress\"}".to_owned(), 2, "line 2"),
        ("{\"title\": \"x\", \"id\": \"../../etc\"}".to_owned(), 2, "line 2"),
        ("{\"title\": \"x\", \"gates\": [\"unheard-of\"]}".to_owned(), 3, "-, line 2: no gate is called `unheard-of`"),
        ("{\"title\": \"x\", \"state\": \"done\", \"gates\": [\"review\"]}".to_owned(), 2, "not passed"),
        (format!("{{\"title\": \"x\", \"dependencies\": [\"{one}\"]}}"), 2, "neither here nor in the tracker"),
        (format!("{{\"title\": \"x\", \"id\": \"{one}\", \"dependencies\": [\"{one}\"]}}"), 2, "depends on itself"),
        (
            format!(
                "{{\"title\": \"x\", \"id\": \"{one}\", \"dependencies\": [\"{two}\"]}}\n\
                 {{\"title\": \"y\", \"id\": \"{two}\", \"dependencies\": [\"{one}\"]}}"
            ),
            4,
            "that would be a cycle",
        ),
        (
            format!("{{\"title\": \"x\", \"id\": \"{one}\"}}\n{{\"title\": \"y\", \"id\": \"{one}\"}}"),
            2,
            "line 2 already",
        ),
        ("{\"gate\": {\"key\": \"../x\", \"title\": \"x\"}}".to_owned(), 2, "line 2"),
    ];
    let tip = repo.tip();
    for (lines, code, said) in cases {
        let output = repo.run(&["import", "-"]).input(format!("{good}{lines}\n")).code(code);
        assert!(output.stderr.contains(said), "{lines}: {output:#?}");
        assert_eq!(repo.tip(), tip);
    }
    repo.jit(&["import", "nowhere"]).code(3);
    repo.run(&["import", "-"]).input([0xff, 0xfe, b'\n']).code(2);
    let long = format!("{{\"title\": \"x\", \"description\": \"{}\"}}", "x".repeat(9 << 20));
    repo.run(&["import", "-"]).input(long).code(2);
    assert_eq!(repo.run(&["import", "-", "--json"]).input("").ok().json()["imported"], 0);
    assert_eq!(repo.tip(), tip);
}

#[test]
fn a_commit_with_many_events_is_read_in_parts() {
    let repo = Repo::new();
    let lines: String = (0..700).map(|n| format!("{{\"title\": \"issue {n}\"}}\n")).collect();
    repo.run(&["import", "-"]).input(lines).ok();
    let files = repo.git(&["ls-tree", "-r", "--name-only", "refs/jit", "events", "events.json"]).ok().text();
    assert_eq!(files.lines().count(), 5, "{files}");
    repo.assert_healthy();

    let list = repo.jit(&["list", "--json"]).ok().json();
    assert_eq!(list["count"], 700);
    for n in [0, 350, 699] {
        let id = list["issues"][n]["id"].as_str().expect("an id");
        let log = repo.jit(&["issue", "log", id, "--json"]).ok().json();
        assert_eq!(log["changes"][0]["events"][0]["event"], "issue.imported", "{log:#}");
        assert!(repo.out(&["issue", "show", id]).contains("issue.imported"));
    }
    assert_eq!(repo.jit(&["events", "tail", "-n", "450", "--json"]).ok().json_lines().len(), 450);
    assert_eq!(repo.read(".jit/events.jsonl").lines().count(), 701 + 4, "each once, with those of init");

    // The next commit has few again, and the files of the many are gone.
    let id = list["issues"][0]["id"].as_str().expect("an id");
    repo.jit(&["issue", "comment", id, "after"]).ok();
    assert_eq!(repo.git(&["ls-tree", "--name-only", "refs/jit", "events"]).text(), "");
    assert_eq!(repo.jit(&["events", "tail", "-n", "1", "--json"]).ok().json()["event"], "issue.commented");
    // Many changes of many issues in one commit.
    let ids: Vec<&str> =
        list["issues"].as_array().expect("a list").iter().filter_map(|issue| issue["id"].as_str()).collect();
    let mut args = vec!["issue", "update", "--priority", "high", "--label", "all"];
    args.extend(&ids);
    repo.jit(&args).ok();
    let log = repo.jit(&["issue", "log", ids[123], "--json"]).ok().json();
    assert_eq!(log["count"], 2, "{log:#}");
    repo.assert_healthy();
}

#[test]
fn an_export_says_when_it_is_not_whole() {
    let repo = Repo::new();
    repo.create("good");
    let bad = repo.create("bad");
    repo.plant(&[("100644", &format!("issues/{}/{}/{bad}.json", &bad[..1], &bad[1..2]), b"{ broken")]);
    let output = repo.jit(&["export"]).code(1);
    assert!(output.stdout.contains("\"good\"") && output.stderr.contains(&bad), "{output:#?}");
}

#[test]
fn what_no_command_could_make_is_not_taken_in() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit(&["issue", "comment", &id, "said"]).ok();
    let line = repo.jit(&["export"]).ok().stdout.lines().last().expect("a line").to_owned();
    let good: Value = line.parse().expect("JSON");
    let other = "99999999-9999-4999-8999-999999999999";
    let comment = good["comments"][0].clone();
    let with = |field: &str, value: Value| {
        let mut issue = good.clone();
        issue["id"] = json!(other);
        issue[field] = value;
        issue
    };
    let long = "x".repeat((1 << 20) + 1);
    let cases = [
        with("deleted", json!({ "by": "human:a", "at": "2026-01-01T00:00:00.000Z" })),
        with("completed_at", json!("2026-01-01T00:00:00.000Z")),
        with("state", json!("done")),
        with("comments", json!([comment, comment])),
        with("comments", json!([{ "id": comment["id"], "by": "human:a", "at": comment["at"], "text": long }])),
        with("comments", json!([{ "id": comment["id"], "by": "human:a", "at": comment["at"], "text": "" }])),
        with("context", json!({ "a=b": "c" })),
    ];
    let tip = repo.tip();
    for case in cases {
        let output = repo.run(&["import", "-"]).input(format!("{case}\n")).code(2);
        assert!(output.stderr.contains("-, line 1: "), "{output:#?}");
        assert_eq!(repo.tip(), tip);
    }
    // Nothing waits for what was deleted.
    repo.jit(&["issue", "delete", &id]).ok();
    let waits = with("dependencies", json!([id]));
    let output = repo.run(&["import", "-"]).input(format!("{waits}\n")).code(2);
    assert!(output.stderr.contains("neither here nor in the tracker"), "{output:#?}");
    // A mark that some editors put first is not a part of the text.
    repo.run(&["import", "-"]).input("\u{feff}{\"title\": \"marked\"}").ok();
}

#[test]
fn the_largest_issue_can_be_moved_too() {
    let repo = Repo::new();
    let id = repo.ready("large");
    let text = "many lines\n".repeat(90_000);
    while repo.run(&["issue", "comment", &id, "-"]).input(&text).code == Some(0) {}
    let exported = repo.jit(&["export"]).ok().stdout;
    assert!(exported.len() > 6 << 20, "{}", exported.len());
    let other = Repo::new();
    other.run(&["import", "-", "--dry-run"]).input(&exported).ok();
    other.run(&["import", "-"]).input(&exported).ok();
    assert_eq!(other.jit(&["export"]).ok().stdout, exported);
    other.assert_healthy();
}

#[test]
fn an_operation_id_stands_for_one_input() {
    let repo = Repo::new();
    let import = |line: &str| repo.run(&["import", "-", "--op-id", "k", "--json"]).input(line);
    import("{\"title\": \"first\"}").ok();
    assert_eq!(import("{\"title\": \"second\"}").code(2).error_code(), "op_id_reused");
    import("{\"title\": \"first\"}").ok();
    let id = repo.create("one");
    let comment = |text: &str| repo.run(&["issue", "comment", &id, "-", "--op-id", "c", "--json"]).input(text);
    comment("one").ok();
    assert_eq!(comment("two").code(2).error_code(), "op_id_reused");
}
