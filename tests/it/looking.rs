//! Lists, fields, events, history and graphs, through the real program.

use serde_json::json;

use crate::support::Repo;

#[test]
fn a_prefix_of_four_characters_is_enough_when_it_is_unique() {
    let repo = Repo::new();
    let id = repo.create("one");
    assert_eq!(repo.issue(&id[..4])["id"], json!(id));
    assert_eq!(repo.issue(&id[..4].to_uppercase())["id"], json!(id));
    repo.jit(&["issue", "show", &id[..3]]).code(2);
    let twin = format!("{}{}", &id[..8], &"-0000-4000-8000-000000000000");
    let document = repo.git(&["show", &format!("refs/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2])]).text();
    let path = format!("issues/{}/{}/{twin}.json", &id[..1], &id[1..2]);
    repo.plant(&[("100644", &path, document.replace(&id, &twin).as_bytes())]);
    let output = repo.jit(&["issue", "show", &id[..8], "--json"]).code(2);
    assert_eq!(output.error_code(), "ambiguous_id");
    assert_eq!(output.json()["error"]["details"]["candidates"].as_array().map(Vec::len), Some(2));
}

#[test]
fn lists_are_chosen_sorted_and_cut() {
    let repo = Repo::new();
    let low = repo.out(&["issue", "create", "b low", "-p", "low", "-l", "x"]);
    let high = repo.out(&["issue", "create", "a high", "-p", "high", "-l", "x", "-l", "y", "--ready"]);
    let ids = |args: &[&str]| -> Vec<String> {
        let mut all = vec!["list", "--json"];
        all.extend(args);
        let list = repo.jit(&all).ok().json();
        list["issues"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&[]), [high.clone(), low.clone()]);
    assert_eq!(ids(&["--sort", "created"]), [low.clone(), high.clone()]);
    assert_eq!(ids(&["--sort", "title"]), [high.clone(), low.clone()]);
    assert_eq!(ids(&["-l", "x", "-l", "y"]), std::slice::from_ref(&high));
    assert_eq!(ids(&["-s", "ready", "-s", "open", "-p", "low"]), std::slice::from_ref(&low));
    assert_eq!(ids(&["--blocked"]), Vec::<String>::new());
    let cut = repo.jit(&["list", "-n", "1", "--json"]).ok().json();
    assert_eq!((&cut["count"], &cut["total"], &cut["truncated"]), (&json!(1), &json!(2), &json!(true)));
    assert!(repo.jit(&["list", "-n", "1"]).ok().stderr.contains("1 of 2"));
    assert_eq!(repo.jit(&["list", "--full", "--json"]).ok().json()["issues"][0]["description"], "");
}

#[test]
fn single_fields_are_printed_bare() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "one", "-d", "two\nlines", "-l", "a", "-l", "b"]);
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "title"]), "one");
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "description"]), "two\nlines");
    assert_eq!(repo.out(&["issue", "show", &id, "--fields", "state,labels"]), "open\na\nb");
    assert_eq!(repo.out(&["issue", "show", &id, "--field", "claim.by"]), "");
    repo.jit(&["issue", "show", &id, "--field", "colour"]).code(2);
    let fields = repo.jit(&["issue", "show", &id, "--fields", "state,claim", "--json"]).ok().json();
    assert_eq!(fields, json!({ "state": "open", "claim": null }));
}

#[test]
fn events_are_queried_and_followed() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    let query = |args: &[&str]| {
        let mut all = vec!["events", "query", "--json"];
        all.extend(args);
        repo.jit(&all).ok().json_lines()
    };
    assert_eq!(query(&["--issue", &id]).len(), 2);
    assert_eq!(query(&["--type", "issue.claimed"]).len(), 1);
    assert_eq!(query(&["--type", "gate.*"]).len(), 4);
    assert_eq!(query(&["--actor", "bot:a"]).len(), 1);
    assert_eq!(query(&["--since", "1h"]).len(), 7);
    assert_eq!(query(&["--until", "2000-01-01"]).len(), 0);
    assert_eq!(query(&["-n", "2"]).len(), 2);
    repo.jit(&["events", "query", "--since", "soon"]).code(2);
    let last = repo.jit(&["events", "tail", "-n", "1", "--json"]).ok().json_lines();
    assert_eq!((&last[0]["event"], &last[0]["commit"]), (&json!("issue.claimed"), &json!(repo.tip())));

    let tail = |args: &[&str]| repo.jit(&[&["events", "tail", "--json"], args].concat()).ok().json_lines();
    assert_eq!(tail(&["--type", "gate.*", "-n", "3"]).len(), 3);
    assert_eq!(tail(&["--issue", &id]).len(), 2);
    assert_eq!(tail(&["--filter", "holder:bot:*", "--type", "issue.created"]).len(), 1);
    // What goes wrong while lines are printed is a line too.
    let wrong = repo.jit(&["events", "tail", "--type", "nothing", "--json"]).code(2);
    assert_eq!(
        (wrong.stdout.lines().count(), wrong.json_lines()[0]["error"]["code"].as_str()),
        (1, Some("invalid_value"))
    );

    use std::io::{BufRead, BufReader};
    let mut child = repo.run(&["events", "tail", "-n", "1", "-f", "--json"]).spawn();
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut next = || -> serde_json::Value {
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("an event")
    };
    assert_eq!(next()["event"], "issue.claimed");
    repo.jit(&["issue", "release", &id]).ok();
    assert_eq!(next()["event"], "issue.released");
    repo.git(&["pack-refs", "--all"]).ok();
    repo.jit(&["gate", "pass", &id, "review"]).ok();
    assert_eq!(next()["event"], "gate.added");
    assert_eq!(next()["event"], "gate.passed");
    child.kill().expect("the follower can be ended");
    child.wait().expect("the follower ends");
}

#[test]
fn the_history_of_an_issue_shows_its_changes() {
    let repo = Repo::new();
    let id = repo.create("old title");
    repo.create("another");
    repo.jit(&["issue", "update", &id, "--title", "new title"]).ok();
    let log = repo.jit(&["issue", "log", &id, "--json"]).ok().json();
    assert_eq!(log["count"], 2);
    assert_eq!(log["changes"][0]["events"][0]["event"], "issue.updated");
    let patch = repo.out(&["issue", "log", &id, "-p", "-n", "1"]);
    assert!(patch.contains("-  \"title\": \"old title\"") && patch.contains("+  \"title\": \"new title\""), "{patch}");
    let diff = repo.jit(&["issue", "diff", &id, "refs/jit~1..refs/jit", "--json"]).ok().json();
    let title = diff["changes"].as_array().expect("a list").iter().find(|change| change["field"] == "title");
    assert_eq!(title.expect("the title changed")["from"], "old title");
    repo.jit(&["issue", "diff", &id, "nowhere..refs/jit"]).code(3);
    repo.jit(&["issue", "diff", &id, "refs/jit"]).code(2);
}

#[test]
fn the_graph_is_drawn_listed_and_exported() {
    let repo = Repo::new();
    let leaf = repo.create("leaf \"quoted\"");
    let middle = repo.out(&["issue", "create", "middle", "--depends-on", &leaf]);
    let root = repo.out(&["issue", "create", "root", "--depends-on", &middle, "--depends-on", &leaf]);
    let tree = repo.out(&["graph", "show", &root]);
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!(lines.len(), 4, "{tree}");
    assert!(lines[0].contains("root") && lines[0].contains("[open, blocked]"), "{tree}");
    assert!(tree.contains("├─ ") && tree.contains("└─ "), "{tree}");
    assert!(repo.out(&["graph", "show", &root, "--depth", "0"]).contains('…'));
    let downstream = repo.jit(&["graph", "downstream", &leaf, "--json"]).ok().json();
    assert_eq!(downstream["count"], 2);
    let roots = repo.jit(&["graph", "roots", "--json"]).ok().json();
    assert_eq!(roots["issues"][0]["id"], json!(root));
    let dot = repo.out(&["graph", "export", "--format", "dot"]);
    assert!(dot.starts_with("digraph jit {") && dot.contains("leaf \\\"quoted\\\""), "{dot}");
    assert!(repo.out(&["graph", "export", "--format", "mermaid"]).contains(&format!("i{root} --> i{middle}")));
    repo.jit(&["graph", "export", "--format", "json", "-o", "graph.json"]).ok();
    let graph: serde_json::Value = serde_json::from_str(&repo.read("graph.json")).expect("a document");
    assert_eq!(graph["edges"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_chain_of_a_thousand_is_drawn_without_overflowing() {
    let repo = Repo::new();
    let mut files: Vec<(String, String)> = Vec::new();
    let template = repo.create("template");
    let document =
        repo.git(&["show", &format!("refs/jit:issues/{}/{}/{template}.json", &template[..1], &template[1..2])]).text();
    let id = |n: usize| format!("{n:08x}-0000-4000-8000-000000000000");
    for n in 0..1000 {
        let dependency = if n < 999 { format!("[\"{}\"]", id(n + 1)) } else { "[]".to_owned() };
        let text = document
            .replace(&template, &id(n))
            .replace("\"dependencies\": []", &format!("\"dependencies\": {dependency}"));
        files.push((format!("issues/0/0/{}.json", id(n)), text));
    }
    let planted: Vec<(&str, &str, &[u8])> =
        files.iter().map(|(path, text)| ("100644", path.as_str(), text.as_bytes())).collect();
    repo.plant(&planted);
    let drawing = repo.out(&["graph", "show", &id(0)]);
    assert_eq!(drawing.lines().count(), 1000);
    repo.jit(&["dep", "add", &id(999), &id(0)]).code(4);
}

#[test]
fn colours_are_used_when_asked_for() {
    let repo = Repo::new();
    let id = repo.create("bright");
    assert!(!repo.out(&["show", &id]).contains('\u{1b}'));
    assert!(repo.out(&["show", &id, "--color", "always"]).contains("\u{1b}["));
    let list = repo.out(&["--color", "always", "list"]);
    assert_eq!(list, format!("\u{1b}[33m{}\u{1b}[0m  \u{1b}[37mopen\u{1b}[0m  normal  bright", &id[..8]));
    assert!(repo.out(&["--color", "always", "status"]).contains("\u{1b}[1mRecent completions:"));
    assert!(!repo.run(&["show", &id]).env("NO_COLOR", "1").output().ok().stdout.contains('\u{1b}'));
}

#[test]
fn the_ref_reads_as_an_audit_log() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit(&["issue", "claim", &id, "bot:a"]).ok();
    repo.jit(&["issue", "update", &id, "--state", "done"]).ok();
    let log = repo.git(&["log", "-p", "--format=%s%n%b", "refs/jit"]).ok().text();
    let (short, issue) = (&id[..8], format!("+++ b/issues/{}/{}/{id}.json", &id[..1], &id[1..2]));
    for expected in [
        &format!("issue.completed {short} human:Ada\n"),
        &format!("issue.claimed {short} bot:a\n"),
        "Jit-Actor: bot:a\n",
        "Jit-Command: issue claim\n",
        &issue,
        "-  \"state\": \"in_progress\",\n+  \"state\": \"done\",\n",
        "+    \"by\": \"bot:a\",\n",
    ] {
        assert!(log.contains(expected), "{expected:?} is not in\n{log}");
    }
}
