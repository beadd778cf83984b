//! The surface as a whole: help, schema, documents and the shapes of results.

use std::path::Path;

use serde_json::Value;

use crate::support::Repo;

fn schema(repo: &Repo) -> Value {
    repo.jit(&["--schema", "--json", "--quiet", "--as", "a:b"]).ok().json()
}

fn commands(schema: &Value) -> Vec<(String, Value)> {
    let commands = schema["commands"].as_array().expect("a list").iter();
    commands
        .map(|command| {
            let words = command["command"].as_str().expect("text").trim_start_matches("jit ").to_owned();
            (words, command.clone())
        })
        .collect()
}

#[test]
fn every_command_has_help_and_a_promise() {
    let leaves: Vec<String> = jit::cli::reference::leaves().into_iter().map(|(words, _)| words).collect();
    let promised = jit::cli::reference::promised();
    assert_eq!(leaves.iter().map(String::as_str).collect::<Vec<_>>(), promised, "in the order of the parser");
    let repo = Repo::bare_folder();
    for words in leaves {
        let mut args: Vec<&str> = words.split(' ').collect();
        args.push("--help");
        let help = repo.jit(&args).ok();
        assert!(help.stdout.contains("Usage: jit") && help.stderr.is_empty(), "{help:#?}");
        let mut args = vec!["help"];
        args.extend(words.split(' '));
        assert!(repo.jit(&args).ok().stdout.contains("Usage:"), "{words}");
    }
}

#[test]
fn the_schema_describes_every_command() {
    let repo = Repo::bare_folder();
    let schema = schema(&repo);
    assert_eq!(schema["exit_codes"].as_array().map(Vec::len), Some(8));
    for (words, command) in commands(&schema) {
        for key in ["about", "details", "arguments", "stdout", "output", "exit_codes"] {
            assert!(!command[key].is_null(), "{words} has no {key}");
        }
        let details = command["details"].as_str().expect("text");
        assert!(details.contains("Read") || details.contains("read"), "{words} does not say what it reads");
    }
}

#[test]
fn the_reference_of_commands_is_the_parsers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let made = jit::cli::reference::markdown();
    if std::env::var_os("JIT_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == made, "docs/commands.md is not the parser's; run the tests once with JIT_UPDATE_DOCS=1");
}

#[test]
fn every_failure_is_one_document_with_json() {
    let repo = Repo::bare_folder();
    for (words, _) in commands(&schema(&repo)) {
        if ["help", "init", "man"].contains(&words.as_str()) {
            continue;
        }
        let mut args: Vec<&str> = words.split(' ').collect();
        args.push("--json");
        let output = repo.jit(&args);
        let code = output.error_code();
        let expected =
            if output.code == Some(2) { ["usage", "invalid_value"].contains(&&*code) } else { code == "no_repository" };
        assert!(expected, "{output:#?}");
        assert!(output.stderr.starts_with("error: "), "{output:#?}");
    }
}

/// Whether `document` has the fields that the schema promises, and no others.
fn fits(document: &Value, schema: &Value) -> Result<(), String> {
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        let tried: Vec<String> = options.iter().filter_map(|option| fits(document, option).err()).collect();
        return if tried.len() < options.len() { Ok(()) } else { Err(tried.join("; or ")) };
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Ok(()) };
    let document = document.as_object().ok_or("no object")?;
    // `extra` is how fields of newer versions are carried; it is not a field itself.
    for key in properties.keys().filter(|key| *key != "extra") {
        if !document.contains_key(key) {
            return Err(format!("`{key}` is missing"));
        }
    }
    match document.keys().find(|key| !properties.contains_key(*key)) {
        Some(key) => Err(format!("`{key}` is not promised")),
        None => Ok(()),
    }
}

#[test]
fn results_have_the_shape_that_the_schema_promises() {
    let repo = Repo::new();
    let schema = schema(&repo);
    let a = repo.out(&["issue", "create", "a", "-g", "review", "--ready"]);
    let b = repo.out(&["issue", "create", "b", "--depends-on", &a]);
    let w = repo.ready("w");
    repo.write("Cargo.toml", "[package]\n");
    repo.jit(&["gate", "define", "quick", "--title", "Quick", "--command", "true"]).ok();
    repo.jit(&["gate", "add", &a, "quick"]).ok();
    let hub = repo.hub();
    repo.git(&["remote", "add", "origin", &hub]).ok();
    repo.write("plan.yaml", "issues:\n  - key: a\n    title: Planned\n");
    repo.write("sketches", "{\"title\": \"sketched\"}\n");
    let calls: Vec<(&str, Vec<&str>)> = vec![
        ("init", vec![]),
        ("config list", vec![]),
        ("config get", vec!["claim.ttl"]),
        ("config set", vec!["claim.ttl", "1h"]),
        ("config unset", vec!["claim.ttl"]),
        ("issue create", vec!["c"]),
        ("issue list", vec![]),
        ("issue list", vec!["--full"]),
        ("issue show", vec![&a]),
        ("issue show", vec![&a, &b]),
        ("issue update", vec![&a, "--title", "aa"]),
        ("issue claim", vec![&a, "human:x"]),
        ("issue heartbeat", vec![&a]),
        ("issue release", vec![&a]),
        ("issue ask", vec![&a, "?"]),
        ("query questions", vec![]),
        ("issue answer", vec![&a, "!"]),
        ("issue claim-next", vec!["human:x"]),
        ("issue assign", vec![&b, "human:x"]),
        ("issue unassign", vec![&b]),
        ("issue comment", vec![&a, "x"]),
        ("issue log", vec![&a]),
        ("issue diff", vec![&a, "refs/jit~1.."]),
        ("dep add", vec![&b, &a]),
        ("dep rm", vec![&b, &a]),
        ("graph show", vec![]),
        ("graph downstream", vec![&a]),
        ("graph roots", vec![]),
        ("graph critical-path", vec![]),
        ("graph export", vec!["--format", "dot"]),
        ("gate define", vec!["lint", "--title", "Lint"]),
        ("gate show", vec!["lint"]),
        ("gate undefine", vec!["lint"]),
        ("gate list", vec![]),
        ("gate add", vec![&a, "unit-tests"]),
        ("gate pass", vec![&a, "unit-tests"]),
        ("gate fail", vec![&a, "review"]),
        ("gate run", vec![&a]),
        ("gate status", vec![&a]),
        ("gate trust", vec![]),
        ("gate preset list", vec![]),
        ("gate preset apply", vec!["rust", "--dry-run"]),
        ("worktree add", vec![&w]),
        ("worktree list", vec![]),
        ("worktree rm", vec![&w]),
        ("coordinator init-config", vec![]),
        ("coordinator start", vec![]),
        ("coordinator status", vec![]),
        ("coordinator agents", vec![]),
        ("coordinator stop", vec![]),
        ("coordinator once", vec![]),
        ("coordinator logs", vec!["worker-1"]),
        ("coordinator init-service", vec![]),
        ("hooks install", vec![]),
        ("hooks status", vec![]),
        ("hooks run", vec!["post-checkout"]),
        ("hooks uninstall", vec![]),
        ("verify", vec!["HEAD..HEAD"]),
        ("gate rm", vec![&a, "review"]),
        ("sync", vec![]),
        ("fetch", vec![]),
        ("push", vec![]),
        ("merge", vec!["refs/jit"]),
        ("conflicts", vec![]),
        ("remote check", vec![]),
        ("land", vec![]),
        ("status", vec![]),
        ("ready", vec![]),
        ("query ready", vec![]),
        ("query blocked", vec![]),
        ("query all", vec![]),
        ("query assignee", vec!["human:x"]),
        ("query state", vec!["open"]),
        ("query priority", vec!["normal"]),
        ("events tail", vec!["-n", "3"]),
        ("events query", vec!["-n", "3"]),
        ("mirror status", vec![]),
        ("mirror refresh", vec![]),
        ("mirror import", vec![]),
        ("fsck", vec![]),
        ("gc", vec![]),
        ("gc", vec!["--auto"]),
        ("sink add", vec!["s", "--exec", "true"]),
        ("sink list", vec![]),
        ("sink run", vec![]),
        ("sink skip", vec!["s"]),
        ("sink rm", vec!["s"]),
        ("export", vec![]),
        ("import", vec!["sketches"]),
        ("apply", vec!["plan.yaml"]),
        ("metrics", vec![]),
        ("search", vec!["a*"]),
        ("log", vec!["-n", "3"]),
        ("blame", vec![&w]),
        ("undo", vec!["--dry-run"]),
        // A coordinator may have taken it up meanwhile.
        ("wait", vec![&w, "--state", "open,ready,in_progress"]),
        ("completions", vec!["bash"]),
        ("man", vec![]),
        ("help", vec!["states"]),
        ("issue reject", vec![&b, "--reason", "x"]),
        ("issue delete", vec![&b]),
    ];
    let commands = commands(&schema);
    // It ends with its reader; its lines are those of `events tail`.
    let endless = "watch";
    for (words, _) in commands.iter().filter(|(words, _)| words != endless) {
        assert!(calls.iter().any(|(called, _)| called == words), "{words} is not tried");
    }
    for (words, rest) in calls {
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(rest);
        args.push("--json");
        let output = repo.jit(&args).ok();
        let (_, command) = commands.iter().find(|(known, _)| known == words).expect("a known command");
        let documents = if command["stream"] == true { output.json_lines() } else { vec![output.json()] };
        for document in documents {
            if let Err(why) = fits(&document, &command["output"]) {
                panic!("{words}: {why}\n{document:#}");
            }
        }
    }
}

#[test]
fn version_and_help_are_results() {
    let repo = Repo::bare_folder();
    assert_eq!(repo.out(&["--version"]), format!("jit {}", env!("CARGO_PKG_VERSION")));
    assert!(repo.out(&["--help"]).contains("Usage: jit"));
    assert!(repo.out(&["help", "exit-codes"]).contains("10"));
    assert!(repo.out(&["help", "environment"]).contains("JIT_AGENT"));
    repo.jit(&["help", "nothing"]).code(3);
    repo.jit(&[]).code(2);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<std::path::PathBuf> =
        ["README.md", "EXAMPLE.md", "CHANGELOG.md", "hooks/README.md"].iter().map(|page| root.join(page)).collect();
    pages.extend(
        std::fs::read_dir(root.join("docs")).expect("docs are there").map(|entry| entry.expect("readable").path()),
    );
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap_or_else(|why| panic!("{}: {why}", page.display()));
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                let there = page.parent().expect("a page has a folder").join(target).exists();
                assert!(there, "{}: {target} does not exist", page.display());
            }
        }
    }
}
