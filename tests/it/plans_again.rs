//! A plan that is applied again: what was edited changes, and what others did meanwhile stays.

use serde_json::{Value, json};

use crate::plans::{PLAN, applied, apply, under};
use crate::support::{Fleet, Repo};

#[test]
fn a_plan_that_is_applied_again_changes_nothing() {
    let repo = Repo::new();
    let first = applied(&repo, PLAN);
    let tip = repo.tip();
    let again = applied(&repo, PLAN);
    assert_eq!(repo.tip(), tip, "nothing to do is not a commit");
    assert_eq!((&again["unchanged"], &again["created"]), (&json!(4), &json!(0)));
    assert_eq!(under(&repo, &again, "model")["id"], under(&repo, &first, "model")["id"]);
}

#[test]
fn an_edited_plan_changes_what_was_edited_and_keeps_what_others_did() {
    let repo = Repo::new();
    let first = applied(&repo, PLAN);
    let model = under(&repo, &first, "model")["id"].as_str().unwrap().to_owned();
    let login = under(&repo, &first, "login")["id"].as_str().unwrap().to_owned();
    repo.jit(&["issue", "update", &model, "--priority", "critical", "--label", "seen", "--desc", "Better"]).ok();
    repo.jit(&["gate", "add", &login, "security-scan"]).ok();
    let edited = PLAN
        .replace("Create user model", "Create the user model")
        .replace("labels: [area/db]", "labels: [area/data]")
        .replace("    gates:\n      - unit-tests\n", "")
        .replace("depends_on: [model, login]", "depends_on: [model, audit]")
        .replace("{size: 3, urgent: true}", "{size: 5}")
        + "  - key: audit\n    title: Audit\n    ready: true\n";
    let second = applied(&repo, &edited);
    assert_eq!((&second["created"], &second["updated"], &second["unchanged"]), (&json!(1), &json!(3), &json!(1)));
    let changes = |key: &str| {
        let issues = second["issues"].as_array().unwrap();
        issues.iter().find(|issue| issue["key"] == key).unwrap()["changes"].clone()
    };
    assert_eq!(changes("model"), json!(["title", "labels", "gates"]));
    assert_eq!(changes("login"), json!(["context"]));
    assert_eq!(changes("tests"), json!(["depends_on"]));
    let model = under(&repo, &second, "model");
    assert_eq!((&model["title"], &model["priority"]), (&json!("Create the user model"), &json!("critical")));
    assert_eq!((&model["labels"], &model["gates"]), (&json!(["area/data", "seen"]), &json!({})));
    assert_eq!(model["description"], "Better", "the plan says what it said");
    let login = under(&repo, &second, "login");
    assert_eq!((&login["context"]["size"], &login["context"]["urgent"]), (&json!("5"), &Value::Null));
    assert_eq!(login["gates"]["security-scan"]["status"], "pending");
    let tests = under(&repo, &second, "tests");
    assert_eq!(tests["dependencies"].as_array().unwrap().len(), 2);
    repo.assert_healthy();
}

#[test]
fn what_a_plan_no_longer_has_stays_and_is_named() {
    let repo = Repo::new();
    let first = applied(&repo, PLAN);
    let login = under(&repo, &first, "login");
    let shorter = "name: auth\nissues:\n  - key: model\n    title: Create user model\n";
    let second = applied(&repo, shorter);
    let missing: Vec<&Value> = second["missing"].as_array().unwrap().iter().map(|gone| &gone["key"]).collect();
    assert_eq!(missing, ["epic", "login", "tests"]);
    assert_eq!(repo.issue(login["id"].as_str().unwrap())["state"], "open");
    let said = apply(&repo, shorter, &[]).ok().stderr;
    assert!(said.contains("no longer in the plan, and left as it is"), "{said}");
}

#[test]
fn the_rules_of_claims_hold_for_plans() {
    let repo = Repo::new();
    let done = applied(&repo, PLAN);
    let model = under(&repo, &done, "model")["id"].as_str().unwrap().to_owned();
    repo.jit(&["issue", "claim", &model, "copilot:worker-1"]).ok();
    let edited = PLAN.replace("Create user model", "Create the user model");
    let lead =
        |args: &[&str]| repo.run(&[&["--as", "copilot:lead", "apply", "-", "--json"], args].concat()).input(&edited);
    let refused = lead(&[]).code(5);
    assert_eq!(refused.error_code(), "claimed_by_other");
    assert!(refused.stderr.contains("stdin:9:10: issues[1] (model): copilot:worker-1 holds"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: jit issue show "), "{}", refused.stderr);
    lead(&["--force"]).ok();
    assert_eq!(repo.issue(&model)["title"], "Create the user model");
}

#[test]
fn what_was_taken_away_by_hand_does_not_stand_in_the_way_and_does_not_come_back() {
    let repo = Repo::new();
    let outside = repo.create("outside");
    let plan = |title: &str, rest: &str| {
        format!("issues:\n  - {{key: a, title: {title}, depends_on: [b], parent: '{outside}'}}\n{rest}")
    };
    let b = "  - {key: b, title: B}\n";
    let first = applied(&repo, &plan("A", b));
    let a = under(&repo, &first, "a")["id"].as_str().unwrap().to_owned();
    let b_id = under(&repo, &first, "b")["id"].as_str().unwrap().to_owned();
    repo.jit(&["dep", "rm", &outside, &a]).ok();
    applied(&repo, &plan("A again", b));
    assert_eq!(repo.issue(&outside)["dependencies"], json!([]), "an edge that was taken off stays off");
    repo.jit(&["issue", "delete", &b_id, "--force"]).ok();
    let without = format!("issues:\n  - {{key: a, title: A, parent: '{outside}'}}\n");
    applied(&repo, &without);
    let made_anew = applied(&repo, &plan("A", b));
    assert_eq!(made_anew["created"], 1);
}

#[test]
fn an_edge_may_be_turned_round() {
    let repo = Repo::new();
    applied(&repo, "issues:\n  - {key: a, title: A, depends_on: [b]}\n  - {key: b, title: B}\n");
    let turned = applied(&repo, "issues:\n  - {key: b, title: B, depends_on: [a]}\n  - {key: a, title: A}\n");
    assert_eq!(under(&repo, &turned, "b")["dependencies"], json!([under(&repo, &turned, "a")["id"]]));
}

#[test]
fn every_issue_that_rules_do_not_let_change_is_named() {
    let repo = Repo::new();
    let plan = |title: &str| {
        let issue = |key: &str| format!("  - {{key: {key}, title: {key} {title}, ready: true}}\n");
        format!("issues:\n{}{}{}", issue("a"), issue("b"), issue("c"))
    };
    let first = applied(&repo, &plan("one"));
    for key in ["a", "c"] {
        let id = under(&repo, &first, key)["id"].as_str().unwrap().to_owned();
        repo.jit_as("copilot:w", &["issue", "claim", &id]).ok();
    }
    let tip = repo.tip();
    let lead = |args: &[&str]| {
        repo.run(&[&["--as", "copilot:lead", "apply", "-", "--json"], args].concat()).input(plan("two")).code(5)
    };
    for args in [&[][..], &["--dry-run"]] {
        let refused = lead(args);
        let problems = refused.json()["error"]["details"]["problems"].as_array().unwrap().clone();
        let told: Vec<(u64, &str, &str)> = problems
            .iter()
            .map(|one| (one["line"].as_u64().unwrap(), one["key"].as_str().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [(2, "a", "claimed_by_other"), (4, "c", "claimed_by_other")]);
    }
    assert_eq!(repo.tip(), tip);
}

#[test]
fn two_clones_that_edit_a_plan_each_agree_on_both_edits() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    one.jit(&["gate", "define", "slow", "--title", "Slow"]).ok();
    let plan = |title: &str, rest: &str| format!("issues:\n  - {{key: a, title: {title}{rest}}}\n");
    let id = applied(one, &plan("A", ", labels: [x, y]"))["issues"][0]["id"].as_str().unwrap().to_owned();
    fleet.settle();
    applied(one, &plan("Better", ", labels: [x, y], gates: [slow]"));
    applied(two, &plan("A", ", labels: [x], priority: critical"));
    fleet.settle();
    for clone in [one, two] {
        assert_eq!(clone.jit(&["conflicts", "--json"]).ok().json()["count"], 0, "nothing was lost");
        let issue = clone.issue(&id);
        assert_eq!((&issue["title"], &issue["priority"]), (&json!("Better"), &json!("critical")));
        assert_eq!((&issue["labels"], issue["gates"].as_object().unwrap().len()), (&json!(["x"]), 1));
    }
    // Both are remembered: a plan with both edits says nothing new, and one that takes an edit back does that.
    let both = plan("Better", ", labels: [x], gates: [slow], priority: critical");
    assert_eq!(applied(one, &both)["unchanged"], 1);
    one.jit(&["issue", "update", &id, "--priority", "low"]).ok();
    applied(one, &both.replace("Better", "Best"));
    assert_eq!(one.issue(&id)["priority"], "low", "what others did stays");
    applied(one, &plan("Best", ", labels: [x], priority: critical"));
    assert_eq!(one.issue(&id)["gates"], json!({}));
}

#[test]
fn of_two_edits_of_one_field_the_plan_remembers_the_one_that_counts() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let plan = |text: &str, rest: &str| format!("issues:\n  - {{key: a, title: A, description: {text}{rest}}}\n");
    let id = applied(one, &plan("first", ""))["issues"][0]["id"].as_str().unwrap().to_owned();
    fleet.settle();
    applied(one, &plan("from one", ""));
    applied(two, &plan("from two", ""));
    // The later application of the first clone says nothing new of the description.
    applied(one, &plan("from one", ", labels: [x]"));
    fleet.settle();
    assert_eq!(one.issue(&id)["description"], "from two", "the later change of the field");
    assert_eq!(applied(two, &plan("from two", ", labels: [x]"))["unchanged"], 1);
    let back = applied(one, &plan("from one", ", labels: [x]"));
    assert_eq!(back["issues"][0]["changes"], json!(["description"]), "the other edit can be made again");
}

#[test]
fn what_belongs_to_plans_is_not_taken_away_by_hand() {
    let repo = Repo::new();
    let id = applied(&repo, "issues:\n  - {key: a, title: A}\n")["issues"][0]["id"].as_str().unwrap().to_owned();
    for args in [["--unset-context", "plan.key"], ["--context", "plan.base=x"]] {
        let refused = repo.jit(&[&["issue", "update", &id][..], &args].concat()).code(2);
        assert!(refused.stderr.contains("belong to plans"), "{}", refused.stderr);
    }
}
