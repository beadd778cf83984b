//! Filters, wherever issues are chosen.

use serde_json::json;

use crate::support::Repo;

fn titles(repo: &Repo, args: &[&str]) -> Vec<String> {
    let list = repo.jit(&[args, &["--json"]].concat()).ok().json();
    let issues = list["issues"].as_array().expect("a list").iter();
    let mut titles: Vec<String> = issues.map(|issue| issue["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

/// Issues that differ in everything a filter can ask.
fn varied() -> Repo {
    let repo = Repo::new();
    let api = repo.out(&["issue", "create", "api", "--ready", "-p", "high", "-l", "area/api", "-g", "review"]);
    let docs = repo.out(&["issue", "create", "docs", "-p", "low", "-l", "area/docs", "-l", "good[first]"]);
    repo.out(&["issue", "create", "waits for Api", "--ready", "--depends-on", &api]);
    let held = repo.out(&["issue", "create", "held", "--ready", "-p", "critical"]);
    repo.jit(&["issue", "claim", &held, "copilot:worker-1"]).ok();
    repo.jit(&["issue", "assign", &docs, "human:ada"]).ok();
    repo.jit(&["issue", "ask", &docs, "which?"]).ok();
    repo.jit(&["gate", "pass", &api, "review"]).ok();
    repo
}

#[test]
fn every_field_and_word_chooses_what_it_says() {
    let repo = varied();
    let all = ["api", "docs", "held", "waits for Api"];
    let id = repo.jit(&["list", "--filter", "title:docs", "--json"]).ok().json()["issues"][0]["id"].clone();
    let by_id = format!("id:{}", &id.as_str().unwrap()[..6]);
    let cases: &[(&str, &[&str])] = &[
        ("state:ready", &["api", "waits for Api"]),
        ("state:ready,open", &["api", "docs", "waits for Api"]),
        ("priority:high", &["api"]),
        ("priority:>=high", &["api", "held"]),
        ("priority:<normal", &["docs"]),
        ("label:area/*", &["api", "docs"]),
        ("label:good[first]", &["docs"]),
        ("label:\"area/*\"", &[]),
        ("assignee:human:ada", &["docs"]),
        ("assignee:none", &["api", "waits for Api"]),
        ("holder:copilot:*", &["held"]),
        ("gate:review", &["api"]),
        ("gate:review=pending", &[]),
        ("gate:*=passed", &["api"]),
        ("title:API", &["api", "waits for Api"]),
        (&by_id, &["docs"]),
        ("created:<1h", &all),
        ("created:>1h", &[]),
        ("created:>2001-01-01", &all),
        ("updated:<2001-01-01", &[]),
        ("completed:<1h", &[]),
        ("blocked", &["waits for Api"]),
        ("claimed", &["held"]),
        ("question", &["docs"]),
        ("failed", &[]),
        ("state:ready AND (priority:high OR label:area/*) AND NOT blocked", &["api"]),
        ("-claimed -blocked -question", &["api"]),
        ("NOT (claimed OR blocked) state:ready OR question", &["api", "docs"]),
    ];
    for (filter, expected) in cases {
        assert_eq!(titles(&repo, &["list", "--filter", filter]), *expected, "{filter}");
    }
}

#[test]
fn a_filter_goes_with_every_command_that_chooses_issues() {
    let repo = varied();
    assert_eq!(titles(&repo, &["ready", "--filter", "priority:high"]), ["api"]);
    assert_eq!(titles(&repo, &["query", "all", "--filter", "blocked"]), ["waits for Api"]);
    assert_eq!(titles(&repo, &["query", "blocked", "--filter", "priority:high"]), Vec::<String>::new());
    let events = repo.jit(&["events", "query", "--filter", "claimed", "--json"]).ok().json_lines();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["issue.created", "issue.claimed"]);
    let lines = repo.jit(&["export", "--filter", "question"]).ok();
    assert_eq!(lines.json_lines().iter().filter(|line| line["title"] == "docs").count(), 1);
    assert!(!lines.stdout.contains("\"title\":\"api\""));
    repo.jit(&["issue", "claim-next", "bot:a", "--filter", "label:nothing"]).code(7);
    let claimed = repo.jit(&["issue", "claim-next", "bot:a", "--filter", "label:area/*", "--json"]).ok().json();
    assert_eq!(claimed["title"], "api");
}

#[test]
fn a_bulk_update_changes_all_that_fit_in_one_commit_or_nothing() {
    let repo = varied();
    let commits = || repo.git(&["rev-list", "--count", "refs/jit"]).ok().text().parse::<usize>().unwrap();
    let before = commits();
    let changed = repo.jit(&["issue", "update", "--filter", "label:area/*", "--label", "+seen", "--json"]).ok().json();
    assert_eq!((&changed["count"], commits()), (&json!(2), before + 1));
    assert_eq!(titles(&repo, &["list", "--filter", "label:seen"]), ["api", "docs"]);
    // One of them cannot be done: none is.
    repo.jit(&["issue", "update", "--filter", "label:area/docs OR blocked", "--state", "done"]).code(4);
    assert_eq!(commits(), before + 1);
    let none = repo.jit(&["issue", "update", "--filter", "label:nothing", "--priority", "low", "--json"]).ok().json();
    assert_eq!((&none["count"], commits()), (&json!(0), before + 1));
    let said = repo.jit(&["issue", "update", "--filter", "label:nothing", "--priority", "low"]).ok().stderr;
    assert!(said.contains("no issue fits; nothing was changed"), "{said}");
    repo.jit(&["issue", "update", "--priority", "low"]).code(2);
}

#[test]
fn a_faulty_filter_is_told_with_its_place() {
    let repo = Repo::new();
    let refused = repo.jit(&["list", "--filter", "state:redy", "--json"]).code(2);
    assert_eq!(refused.error_code(), "invalid_filter");
    let error = &refused.json()["error"];
    assert_eq!(error["details"]["at"], 7);
    assert_eq!(
        error["message"],
        "the filter `state:redy`, at character 7: `redy` is not a valid state; did you mean `ready`?"
    );
    for command in [&["ready"][..], &["query", "all"], &["issue", "claim-next"], &["events", "query"], &["export"]] {
        repo.jit(&[command, &["--filter", "((", "--json"]].concat()).code(2);
    }
    assert!(repo.out(&["help", "filters"]).contains("label:area/*"));
}

#[test]
fn a_filter_of_any_text_is_read_or_refused() {
    use jit::domain::filter::parse;
    use jit::domain::time::Timestamp;
    use proptest::prelude::*;
    let parts = prop::sample::select(vec![
        "state:ready",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "-",
        " ",
        "label:a*",
        "created:>2d",
        "\"",
        ":",
        ",",
        "ä",
        "blocked",
        "\\",
    ]);
    proptest!(|(words in prop::collection::vec(parts, 0..12), spaced in any::<bool>())| {
        let text = words.join(if spaced { " " } else { "" });
        if let Err(fault) = parse(&text, Timestamp::from_millis(0)) {
            prop_assert!(fault.at >= 1 && fault.at <= text.chars().count() + 1, "{text}: {fault}");
        }
    });
}
