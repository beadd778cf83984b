//! Graphs: the longest chain, parts chosen by filters, groups, and pictures.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Repo;

/// Two areas, one done issue, and a chain of four that is longer than the others.
fn varied() -> Repo {
    let repo = Repo::new();
    let issue = |n: u8, title: &str, more: Value| {
        let id = format!("{n:08x}-0000-4000-8000-000000000000");
        let mut line = json!({ "id": id, "title": title });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    let id = |n: u8| format!("{n:08x}-0000-4000-8000-000000000000");
    let lines = [
        issue(1, "schema", json!({ "state": "done", "labels": ["area/db"] })),
        issue(2, "model", json!({ "state": "ready", "labels": ["area/db"], "dependencies": [id(1)] })),
        issue(3, "endpoint <&\"x\">", json!({ "labels": ["area/api"], "dependencies": [id(2)] })),
        issue(4, "tests", json!({ "dependencies": [id(3)] })),
        issue(5, "release", json!({ "dependencies": [id(4), id(6)], "priority": "high" })),
        issue(6, "notes", json!({ "state": "ready" })),
    ];
    repo.run(&["import", "-"]).input(lines.join("\n")).ok();
    repo
}

fn titles(document: &Value) -> Vec<&str> {
    document["issues"].as_array().unwrap().iter().map(|issue| issue["title"].as_str().unwrap()).collect()
}

#[test]
fn the_critical_path_is_the_longest_chain_of_unfinished_work() {
    let repo = varied();
    let path = |args: &[&str]| repo.jit(&[&["graph", "critical-path"], args, &["--json"]].concat()).ok().json();
    let whole = path(&[]);
    assert_eq!(titles(&whole), ["model", "endpoint <&\"x\">", "tests", "release"]);
    let distances: Vec<u64> =
        whole["issues"].as_array().unwrap().iter().map(|i| i["distance"].as_u64().unwrap()).collect();
    assert_eq!(distances, [3, 2, 1, 0]);
    assert_eq!(titles(&path(&["00000003"])), ["model", "endpoint <&\"x\">"]);
    assert_eq!(titles(&path(&["--filter", "NOT title:tests"])), ["notes", "release"]);
    assert_eq!(titles(&path(&["00000001"])), Vec::<&str>::new(), "what is done takes no step");
    let lines = repo.out(&["graph", "critical-path"]);
    assert!(lines.starts_with("00000002  model  [ready]\n"), "{lines}");
    let empty = Repo::new();
    assert_eq!(empty.jit(&["graph", "critical-path", "--json"]).ok().json()["count"], 0);
}

#[test]
fn a_chain_of_ten_thousand_has_a_critical_path_and_a_drawing() {
    let repo = Repo::new();
    let id = |n: u32| format!("{n:08x}-0000-4000-8000-000000000000");
    let line = |n: u32| {
        let on = if n == 0 { vec![] } else { vec![id(n - 1)] };
        json!({ "id": id(n), "title": format!("{n}"), "dependencies": on }).to_string()
    };
    let lines: Vec<String> = (0..10_000).map(line).collect();
    repo.run(&["import", "-"]).input(lines.join("\n")).ok();
    assert_eq!(repo.jit(&["graph", "critical-path", "--json"]).ok().json()["count"], 10_000);
    assert_eq!(repo.out(&["graph", "show", "--depth", "20000"]).lines().count(), 10_000);
    let refused = repo.jit(&["graph", "export", "--format", "svg", "--json"]).code(2);
    assert!(refused.stderr.contains("--filter"), "{}", refused.stderr);
}

#[test]
fn a_filter_draws_the_chosen_issues_and_what_stands_between_them() {
    let repo = varied();
    let shown = repo.out(&["graph", "show", "--filter", "NOT state:done"]);
    let expected = "\
00000005  release  [open, blocked]
├─ 00000004  tests  [open, blocked]
│  └─ 00000003  endpoint <&\"x\">  [open, blocked]
│     └─ 00000002  model  [ready]
└─ 00000006  notes  [ready]";
    assert_eq!(shown, expected);
    let apart = repo.out(&["graph", "show", "--filter", "label:area/*"]);
    assert_eq!(apart.lines().count(), 3);
    assert!(apart.starts_with("00000003"), "{apart}");
    let below = repo.jit(&["graph", "show", "00000004", "--filter", "label:area/db", "--json"]).ok().json();
    assert_eq!(below["count"], 2);
    assert_eq!(below["roots"], json!(["00000002-0000-4000-8000-000000000000"]));
}

fn export(repo: &Repo, args: &[&str]) -> String {
    repo.jit(&[&["graph", "export"], args].concat()).ok().stdout
}

#[test]
fn every_format_has_the_chosen_issues_their_edges_and_groups() {
    let repo = varied();
    let args = ["--filter", "NOT title:notes", "--group-by", "area/*"];
    let dot = export(&repo, &[&["--format", "dot"], args.as_slice()].concat());
    assert!(dot.contains("subgraph cluster_0 {\n    label=\"area/api\";\n    \"00000003"), "{dot}");
    assert!(dot.contains("endpoint <&\\\"x\\\">"), "{dot}");
    assert_eq!(dot.matches(" -> ").count(), 4, "{dot}");
    let mermaid = export(&repo, &[&["--format", "mermaid"], args.as_slice()].concat());
    assert!(mermaid.contains("  subgraph g1[\"area/db\"]\n    i00000001"), "{mermaid}");
    assert!(mermaid.contains("endpoint &lt;&amp;&quot;x&quot;&gt;<br/>open\"]:::blocked"), "{mermaid}");
    assert_eq!(mermaid.matches(" --> ").count(), 4);
    let json: Value = serde_json::from_str(&export(&repo, &[&["--format", "json"], args.as_slice()].concat())).unwrap();
    assert_eq!((json["nodes"].as_array().unwrap().len(), json["edges"].as_array().unwrap().len()), (5, 4));
    assert_eq!(json["groups"][1]["issues"].as_array().unwrap().len(), 2);
    let below = export(&repo, &["00000003", "--format", "mermaid"]);
    assert_eq!(below.matches("]:::").count(), 3);
    repo.jit(&["graph", "export", "--format", "png"]).code(2);
    repo.jit(&["graph", "export", "--format", "dot", "-o", "missing/x.dot"]).code(10);
}

#[test]
fn a_picture_has_a_box_for_each_issue_and_nothing_that_could_break_it() {
    let repo = varied();
    let svg = export(&repo, &["--format", "svg", "--group-by", "area/*"]);
    assert_eq!((svg.matches("<g>").count(), svg.matches("marker-end").count()), (6, 5));
    assert!(svg.contains("endpoint &lt;&amp;&quot;x&quot;&gt;"), "{svg}");
    assert!(svg.contains(">area/api</text>") && svg.contains("open, blocked"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
    assert_eq!(svg, export(&repo, &["--format", "svg", "--group-by", "area/*"]), "the same graph is the same picture");
    repo.jit(&["graph", "export", "--format", "svg", "-o", "graph.svg"]).ok();
    assert!(repo.read("graph.svg").starts_with("<svg"));
    let empty = Repo::new();
    assert!(export(&empty, &["--format", "svg"]).ends_with("</svg>\n"));
}

#[test]
fn a_picture_of_very_many_ways_is_drawn() {
    let repo = Repo::new();
    let id = |layer: usize, n: usize| format!("{layer:04x}{n:04x}-0000-4000-8000-000000000000");
    let line = |layer: usize, n: usize| {
        let on: Vec<String> = (0..5).filter(|_| layer > 0).map(|below| id(layer - 1, below)).collect();
        json!({ "id": id(layer, n), "title": format!("{layer} {n}"), "state": "open", "dependencies": on }).to_string()
    };
    let lines: Vec<String> = (0..40).flat_map(|layer| (0..5).map(move |n| line(layer, n))).collect();
    repo.run(&["import", "-"]).input(lines.join("\n")).ok();
    let svg = export(&repo, &["--format", "svg"]);
    assert_eq!((svg.matches("<g>").count(), svg.matches("marker-end").count()), (200, 39 * 25));
}

/// The picture in the documents is what the command draws of this plan. `JIT_UPDATE_DOCS=1` draws it anew.
#[test]
fn the_picture_in_the_documents_is_the_commands() {
    let repo = Repo::new();
    let id = |n: usize| format!("{n:08x}-0000-4000-8000-000000000000");
    let issues: [(&str, &str, &[usize], &str); 7] = [
        ("User authentication", "open", &[2, 3, 4, 5], "epic"),
        ("Create user model", "done", &[], "area/db"),
        ("Implement login endpoint", "ready", &[1], "area/api"),
        ("Add authentication middleware", "open", &[2], "area/api"),
        ("Add rate limiting to login", "ready", &[], "area/api"),
        ("Write integration tests", "open", &[2, 3], "area/tests"),
        ("Release notes", "open", &[0], "area/docs"),
    ];
    let lines = issues.iter().enumerate().map(|(n, (title, state, on, label))| {
        let on: Vec<String> = on.iter().map(|on| id(*on)).collect();
        json!({ "id": id(n), "title": title, "state": state, "dependencies": on, "labels": [label] }).to_string()
    });
    repo.run(&["import", "-"]).input(lines.collect::<Vec<_>>().join("\n")).ok();
    let drawn = export(&repo, &["--format", "svg", "--group-by", "area/*"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/graph.svg");
    if std::env::var_os("JIT_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), drawn, "run the tests once with JIT_UPDATE_DOCS=1");
}
