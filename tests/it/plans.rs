//! Plans: a break-down of work in one document, applied whole or not at all, and applied again.

use serde_json::{Value, json};

use crate::support::{Output, Repo};

pub const PLAN: &str = "\
# The break-down of an epic.
name: auth
issues:
  - key: epic
    title: User authentication
    priority: high
    gates: [review]
    depends_on: [tests]
  - key: model
    title: Create user model
    description: |
      Fields and
      constraints
    ready: true
    parent: epic
    labels: [area/db]
    gates:
      - unit-tests
  - key: login
    title: 'Implement login endpoint'
    parent: epic
    assignee: copilot:worker-2
    context: {size: 3, urgent: true}
  - key: tests
    title: Write integration tests
    depends_on: [model, login]
";

pub fn apply(repo: &Repo, plan: &str, args: &[&str]) -> Output {
    repo.run(&[&["apply", "-"], args].concat()).input(plan)
}

pub fn applied(repo: &Repo, plan: &str) -> Value {
    apply(repo, plan, &["--json"]).ok().json()
}

/// The issue under a key of what was applied.
pub fn under(repo: &Repo, applied: &Value, key: &str) -> Value {
    let issues = applied["issues"].as_array().unwrap();
    let id = issues.iter().find(|issue| issue["key"] == key).unwrap()["id"].as_str().unwrap().to_owned();
    repo.issue(&id)
}

fn commits(repo: &Repo) -> usize {
    repo.git(&["rev-list", "--count", "refs/jit"]).text().parse().unwrap()
}

/// The places and words of everything that is wrong with a plan.
fn problems(repo: &Repo, plan: &str) -> Vec<(u64, u64, String)> {
    let before = repo.tip();
    let output = apply(repo, plan, &["--json"]).code(2);
    assert_eq!(output.error_code(), "invalid_plan");
    assert_eq!(repo.tip(), before, "a plan with mistakes changes nothing");
    let problems = output.json()["error"]["details"]["problems"].as_array().unwrap().clone();
    let of = |problem: &Value| {
        let path = problem["path"].as_str().unwrap();
        let why = problem["why"].as_str().unwrap();
        let said = if path.is_empty() { why.to_owned() } else { format!("{path}: {why}") };
        (problem["line"].as_u64().unwrap(), problem["column"].as_u64().unwrap(), said)
    };
    problems.iter().map(of).collect()
}

#[test]
fn a_reference_of_any_length_is_a_mistake_like_others() {
    let repo = Repo::new();
    let plan = json!({ "issues": [
        { "key": "a".repeat(100), "title": "a" },
        { "key": "b", "title": "b", "depends_on": ["x".repeat(4_000_000)] },
    ] });
    let refused = repo.run(&["apply", "-", "--json"]).input(plan.to_string()).code(2);
    assert_eq!(refused.error_code(), "invalid_plan");
}

#[test]
fn a_plan_becomes_issues_in_one_commit() {
    let repo = Repo::new();
    let before = commits(&repo);
    let done = applied(&repo, PLAN);
    assert_eq!(commits(&repo), before + 1);
    assert_eq!((&done["plan"], &done["count"], &done["created"]), (&json!("auth"), &json!(4), &json!(4)));
    let [epic, model, login, tests] = ["epic", "model", "login", "tests"].map(|key| under(&repo, &done, key));
    let ids = |issues: &[&Value]| {
        let mut ids: Vec<String> = issues.iter().map(|issue| issue["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        json!(ids)
    };
    assert_eq!(epic["dependencies"], ids(&[&model, &login, &tests]));
    assert_eq!(tests["dependencies"], ids(&[&model, &login]));
    assert_eq!((&epic["priority"], &epic["state"]), (&json!("high"), &json!("open")));
    assert_eq!(epic["gates"]["review"]["status"], "pending");
    assert_eq!((&model["state"], &model["description"]), (&json!("ready"), &json!("Fields and\nconstraints\n")));
    assert_eq!(model["labels"], json!(["area/db"]));
    assert_eq!((&login["assignee"], &login["context"]["size"]), (&json!("copilot:worker-2"), &json!("3")));
    assert_eq!(login["context"]["urgent"], "true");
    repo.assert_healthy();
}

#[test]
fn json_and_yaml_say_the_same_and_people_get_a_line_an_issue() {
    let repo = Repo::new();
    let plan = r#"{ "issues": [
        { "key": "a", "title": "First \ud83d\ude00", "context": {"x": "1"} },
        { "key": "b", "title": "Second", "depends_on": ["a"], "description": null }
    ] }"#;
    repo.write("plan.json", plan);
    let output = repo.jit(&["apply", "plan.json"]).ok();
    let keys: Vec<&str> = output.stdout.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(keys, ["a", "b"]);
    let id = output.stdout.lines().next().unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!(repo.issue(id)["title"], "First 😀");
    assert!(output.stderr.contains("2 created, 0 updated, 0 unchanged"), "{}", output.stderr);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let repo = Repo::new();
    let plan = "\
issues:
  - key: a
    titel: Oops
    priority: urgent
  - key: a b
    title: 7
    ready: maybe
    labels: area
  - {key: c, title: [], context: {plan.key: x}}
  - key: c
    title: Again
";
    let found = problems(&repo, plan);
    let expected = [
        (2, 5, "issues[0]: the issue has no title"),
        (3, 5, "issues[0]: `titel` is not a field; did you mean `title`?"),
        (4, 15, "issues[0].priority: "),
        (5, 10, "issues[1].key: `a b` is not a key"),
        (7, 12, "issues[1].ready: true or false belongs here, not text"),
        (8, 13, "issues[1].labels: a list belongs here, not text"),
        (9, 21, "issues[2].title: text belongs here, not a list"),
        (9, 35, "issues[2].context: `plan.key`: keys that begin with `plan.` are taken"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, column, why), (at, before, words)) in found.iter().zip(expected) {
        assert!((*line, *column) == (at, before) && why.starts_with(words), "{line}:{column}: {why}; not {words}");
    }
}

#[test]
fn what_does_not_fit_the_tracker_or_itself_is_told_with_its_place() {
    let repo = Repo::new();
    let gone = repo.create("gone");
    repo.jit(&["issue", "delete", &gone]).ok();
    let plan = format!(
        r#"{{"issues": [
  {{"key": "a", "title": "A", "gates": ["unit-test"], "depends_on": ["modle", "{gone}"]}},
  {{"key": "model", "title": "M", "parent": "zzz"}},
  {{"key": "x", "title": "X", "depends_on": ["y"]}},
  {{"key": "y", "title": "Y", "parent": "z"}},
  {{"key": "z", "title": "Z", "parent": "y"}}
]}}"#
    );
    let found = problems(&repo, &plan);
    let whys: Vec<String> = found.iter().map(|(line, column, why)| format!("{line}:{column}: {why}")).collect();
    let short = &gone[..8];
    assert_eq!(
        whys,
        [
            "2:40: issues[0].gates[0]: no gate is called `unit-test`; did you mean `unit-tests`?".to_owned(),
            "2:69: issues[0].depends_on[0]: no issue of the plan has the key `modle`; did you mean `model`?".to_owned(),
            format!("2:78: issues[0].depends_on[1]: the issue {short} was deleted by human:Ada"),
            "3:44: issues[1].parent: no issue of the plan has the key `zzz`; did you mean `z`?".to_owned(),
            "6:40: issues[4].parent: that would be a cycle: y → z → y".to_owned(),
        ]
    );
}

#[test]
fn texts_that_are_no_plan_are_refused_at_the_character() {
    let repo = Repo::new();
    for (plan, line, column, why) in [
        ("", 1, 1, "the document is empty"),
        ("[]", 1, 1, "an object belongs here, not a list"),
        ("{\"issues\": [}", 1, 13, "no valid JSON"),
        ("{\"issues\": []}", 1, 12, "issues: a plan has at least one issue"),
        ("{\"issues\": [{\"key\":\"a\",\"title\":\"b\",}]}", 1, 35, "no valid JSON"),
        ("name: x\n", 1, 1, "issues: a plan has a list of issues"),
        ("issues:\n  - key: [\n", 3, 1, "no valid YAML"),
        ("issues:\n - key: a\n   title: x\n   key: b\n", 4, 4, "issues[0]: `key` stands here twice"),
        ("issues: &all\n - *all\n", 2, 4, "aliases are not taken here"),
        ("issues: []\n---\nissues: []\n", 2, 1, "a second document begins here"),
    ] {
        let found = problems(&repo, plan);
        let (at, before, words) = &found[0];
        assert!((*at, *before) == (line, column) && words.starts_with(why), "{plan:?}: {found:?}");
    }
    for deep in ["[".repeat(100_000), format!("{{\"issues\": {}", "[".repeat(100_000)), "- ".repeat(100_000)] {
        let found = problems(&repo, &deep);
        assert!(found[0].2.to_lowercase().contains("nest"), "{:?}", found[0]);
    }
    repo.run(&["apply", "-"]).input([b'{', 0xff]).code(2);
    repo.jit(&["apply", "missing.json"]).code(3);
    repo.jit(&["apply"]).code(2);
}

#[test]
fn a_dry_run_draws_the_tree_and_changes_nothing() {
    let repo = Repo::new();
    let before = repo.tip();
    let drawn = apply(&repo, PLAN, &["--dry-run"]).ok();
    assert_eq!(repo.tip(), before);
    let lines: Vec<&str> = drawn.stdout.lines().collect();
    assert_eq!(lines[0], "+ epic  User authentication  [open, blocked]");
    for line in ["+ model  Create user model  [ready]", "+ tests  Write integration tests  [open, blocked]"] {
        assert!(lines.iter().any(|drawn| drawn.ends_with(line)), "{line} in\n{}", drawn.stdout);
    }
    assert!(drawn.stderr.contains("4 would be created"), "{}", drawn.stderr);
    let json = apply(&repo, PLAN, &["--dry-run", "--json"]).ok().json();
    assert_eq!((&json["issues"][0]["id"], &json["dry_run"]), (&Value::Null, &json!(true)));
    applied(&repo, PLAN);
    let edited = PLAN.replace("Create user model", "Create the user model");
    let drawn = apply(&repo, &edited, &["--dry-run"]).ok().stdout;
    assert!(drawn.contains("~ model  Create the user model  [ready]  (title)"), "{drawn}");
    assert!(drawn.contains("= login"), "{drawn}");
}

#[test]
fn plans_of_different_names_keep_apart_and_a_filter_knows_them() {
    let repo = Repo::new();
    let plan = |name: &str| format!("{name}issues:\n  - key: a\n    title: A\n");
    let ids: Vec<Value> = ["name: one\n", "name: two\n", ""]
        .iter()
        .map(|name| applied(&repo, &plan(name))["issues"][0]["id"].clone())
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    let count = |filter: &str| repo.jit(&["list", "--filter", filter, "--json"]).ok().json()["count"].clone();
    assert_eq!((count("plan:one/*"), count("plan:a"), count("plan:none")), (json!(1), json!(1), json!(0)));
    // One that was deleted is made anew.
    repo.jit(&["issue", "delete", ids[0].as_str().unwrap()]).ok();
    assert_ne!(applied(&repo, &plan("name: one\n"))["issues"][0]["id"], ids[0]);
}

#[test]
fn a_plan_may_name_issues_that_are_there() {
    let repo = Repo::new();
    let (before, epic) = (repo.create("before"), repo.create("epic"));
    let plan = |parent: &str| {
        format!("issues:\n  - key: a\n    title: A\n    depends_on: ['{}']\n    parent: '{parent}'\n", &before[..8])
    };
    let done = applied(&repo, &plan(&epic));
    let a = under(&repo, &done, "a");
    assert_eq!(a["dependencies"], json!([before]));
    assert_eq!(repo.issue(&epic)["dependencies"], json!([a["id"]]));
    // Another parent takes its place.
    let other = repo.create("other epic");
    applied(&repo, &plan(&other));
    assert_eq!(repo.issue(&epic)["dependencies"], json!([]));
    assert_eq!(repo.issue(&other)["dependencies"], json!([a["id"]]));
    // A circle by way of what is there is refused as everywhere.
    let circle = format!("issues:\n  - key: a\n    title: A\n    depends_on: ['{other}']\n    parent: '{other}'\n");
    assert_eq!(apply(&repo, &circle, &["--json"]).code(2).error_code(), "invalid_plan");
}

#[test]
fn an_operation_key_makes_a_plan_repeatable() {
    let repo = Repo::new();
    let first = apply(&repo, PLAN, &["--op-id", "k", "--json"]).ok().json();
    let tip = repo.tip();
    let second = apply(&repo, PLAN, &["--op-id", "k", "--json"]).ok().json();
    assert_eq!((&first["issues"], repo.tip()), (&second["issues"], tip));
    let other = PLAN.replace("model", "models");
    assert_eq!(apply(&repo, &other, &["--op-id", "k", "--json"]).code(2).error_code(), "op_id_reused");
}

#[test]
fn eight_racing_applications_of_one_plan_make_its_issues_once() {
    let repo = Repo::new();
    repo.write("plan.yaml", PLAN);
    let racing: Vec<_> = (0..8).map(|_| repo.run(&["apply", "plan.yaml", "--json"]).spawn()).collect();
    for child in racing {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 4);
}

#[test]
fn the_schema_names_every_field_that_is_taken() {
    let repo = Repo::new();
    let schema = repo.jit(&["apply", "--schema"]).ok().json();
    let fields = schema["$defs"]["Planned"]["properties"].as_object().unwrap();
    assert_eq!(schema["$defs"]["Planned"]["required"], json!(["key", "title"]));
    let mut issue = json!({ "key": "a", "title": "A" });
    for name in fields.keys() {
        issue[name] = match name.as_str() {
            "key" => json!("a"),
            "title" | "description" => json!("text"),
            "priority" => json!("low"),
            "ready" => json!(true),
            "labels" => json!(["x"]),
            "gates" => json!(["review"]),
            "depends_on" => json!([]),
            "context" => json!({ "x": "y" }),
            "assignee" => json!("human:ada"),
            _ => Value::Null,
        };
    }
    applied(&repo, &json!({ "name": "n", "issues": [issue] }).to_string());
}

#[test]
fn a_plan_of_a_thousand_issues_is_one_commit_in_one_pack() {
    let repo = Repo::new();
    let issues: Vec<Value> = (0..1000)
        .map(|n| {
            let on = if n % 10 == 0 { json!([]) } else { json!([format!("k{}", n - 1)]) };
            json!({ "key": format!("k{n}"), "title": format!("Issue {n}"), "depends_on": on, "ready": true })
        })
        .collect();
    let plan = json!({ "issues": issues }).to_string();
    let before = commits(&repo);
    assert_eq!(applied(&repo, &plan)["created"], 1000);
    assert_eq!(commits(&repo), before + 1);
    assert_eq!(applied(&repo, &plan)["unchanged"], 1000);
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["count"], 100);
}

#[test]
fn places_are_those_of_the_document_whatever_the_order() {
    let repo = Repo::new();
    let found =
        problems(&repo, "issues:\n  - key: a\n    title: A\n    gates:\n      - zeta\n      - review\n      - alpha\n");
    let places: Vec<(u64, &str)> = found.iter().map(|(line, _, why)| (*line, &why[..18])).collect();
    assert_eq!(places, [(5, "issues[0].gates[0]"), (7, "issues[0].gates[2]")]);
    let many: String = (0..150).map(|n| format!("  - {{key: k{n}, titel: T}}\n")).collect();
    let found = problems(&repo, &format!("issues:\n{many}"));
    assert!(found.last().unwrap().2.starts_with("and 200 more mistakes"), "{:?}", found.last());
    let long = format!("issues:\n  - key: a\n    title: A\n    description: '{}'\n", "x".repeat((1 << 20) + 1));
    assert_eq!(problems(&repo, &long)[0].0, 4);
    let key = repo.jit(&["issue", "create", "x", "--context", "plan.key=a"]).code(2);
    assert!(key.stderr.contains("belong to plans"), "{}", key.stderr);
}
