//! Whose issue it is: named agents keep to their own claims, tokens tell holders of one name apart.

use serde_json::json;

use crate::support::Repo;

/// Every command that changes an issue, and so is refused to a stranger.
fn changes<'a>(id: &'a str, other: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["issue", "update", id, "--title", "taken"],
        vec!["issue", "update", id, "--state", "open"],
        vec!["issue", "release", id],
        vec!["issue", "heartbeat", id],
        vec!["issue", "ask", id, "why?"],
        vec!["issue", "assign", id, "bot:x"],
        vec!["issue", "unassign", id],
        vec!["issue", "reject", id, "--reason", "no"],
        vec!["issue", "delete", id],
        vec!["dep", "add", id, other],
        vec!["gate", "add", id, "review"],
        vec!["gate", "pass", id, "review"],
        vec!["gate", "fail", id, "review"],
        vec!["issue", "claim", id],
    ]
}

#[test]
fn a_named_agent_changes_only_what_is_free_or_its_own() {
    let repo = Repo::new();
    let (id, other) = (repo.ready("held"), repo.create("other"));
    repo.jit(&["issue", "claim", &id, "bot:holder", "--ttl", "1h"]).ok();
    let before = repo.tip();
    for args in changes(&id, &other) {
        let mut args = args;
        args.push("--json");
        let output = repo.jit_as("bot:stranger", &args).code(5);
        assert_eq!(output.error_code(), "claimed_by_other", "{args:?}");
        let claim = output.json()["error"]["details"]["claim"].clone();
        assert_eq!(claim["by"], "bot:holder");
        assert!(claim["expires_at"].is_string());
        assert_eq!(repo.tip(), before, "{args:?}");
    }
    repo.jit_as("bot:stranger", &["issue", "comment", &id, "may I help?"]).ok();
    repo.jit_as("bot:stranger", &["gate", "pass", &id, "review", "--by", "bot:reviewer"]).ok();
    repo.jit_as("bot:stranger", &["issue", "update", &other, "--title", "free"]).ok();
    repo.jit_as("bot:holder", &["issue", "update", &id, "--title", "mine"]).ok();
    repo.jit(&["issue", "update", &id, "--title", "a person may"]).ok();
}

#[test]
fn as_and_configuration_name_an_agent_too() {
    let repo = Repo::new();
    let id = repo.ready("held");
    repo.jit(&["issue", "claim", &id, "bot:holder"]).ok();
    repo.jit(&["--as", "bot:stranger", "issue", "update", &id, "--title", "x"]).code(5);
    repo.git(&["config", "jit.agent", "bot:stranger"]).ok();
    repo.jit(&["issue", "update", &id, "--title", "x"]).code(5);
    repo.jit_as("bot:holder", &["issue", "update", &id, "--title", "x"]).ok();
}

#[test]
fn force_is_recorded() {
    let repo = Repo::new();
    let id = repo.ready("held");
    repo.jit(&["issue", "claim", &id, "bot:holder"]).ok();
    repo.jit_as("bot:boss", &["issue", "update", &id, "--title", "x", "--force"]).ok();
    repo.jit_as("bot:boss", &["issue", "claim", &id, "--force"]).ok();
    let overridden = repo.jit(&["events", "query", "--type", "claim.overridden", "--json"]).json_lines();
    assert_eq!(overridden.len(), 2);
    assert_eq!(overridden[0]["data"], json!({ "by": "bot:holder", "generation": 1 }));
    let claim = &repo.issue(&id)["claim"];
    assert_eq!((&claim["by"], &claim["generation"]), (&json!("bot:boss"), &json!(2)));
    repo.jit_as("bot:holder", &["issue", "update", &id, "--state", "done"]).code(5);
    repo.assert_healthy();
}

#[test]
fn agents_of_one_name_are_told_apart_by_their_token() {
    let repo = Repo::new();
    let id = repo.ready("held");
    let claimed = repo.jit_as("bot:same", &["issue", "claim", &id, "--json"]).ok().json();
    let token = claimed["claim"]["token"].as_str().expect("a token").to_owned();
    let output = repo.jit_as("bot:same", &["issue", "claim", &id, "--json"]).code(5);
    assert_eq!(output.error_code(), "already_held");
    assert!(output.json()["error"]["details"]["claim"]["worktree"].is_string());
    let with =
        |token: &str, args: &[&str]| repo.run(args).env("JIT_AGENT", "bot:same").env("JIT_CLAIM", token).output();
    let before = repo.tip();
    with(&token, &["issue", "claim", &id]).ok();
    assert_eq!(repo.tip(), before, "it holds the issue already");
    with("01a203a1-4111-7000-a2da-9bd545f243f2", &["issue", "update", &id, "--title", "x"]).code(5);
    with("nonsense", &["issue", "update", &id, "--title", "x"]).code(2);
    with(&token, &["issue", "update", &id, "--title", "x"]).ok();
}

#[test]
fn a_former_holder_is_refused_after_its_claim_has_ended() {
    let repo = Repo::new();
    let id = repo.ready("held");
    let claimed = repo.jit_as("bot:a", &["issue", "claim", &id, "--json"]).ok().json();
    let token = claimed["claim"]["token"].as_str().expect("a token").to_owned();
    repo.jit(&["issue", "release", &id, "took too long", "--outcome", "failed"]).ok();
    let late = |args: &[&str]| repo.run(args).env("JIT_AGENT", "bot:a").env("JIT_CLAIM", &token).output();
    let output = late(&["issue", "update", &id, "--state", "done", "--json"]).code(5);
    assert_eq!(output.error_code(), "claim_superseded");
    repo.jit_as("bot:b", &["issue", "claim", &id]).ok();
    late(&["issue", "update", &id, "--state", "done"]).code(5);
    let released = repo.jit(&["events", "query", "--type", "issue.released", "--json"]).json_lines();
    assert_eq!(
        released[0]["data"],
        json!({ "by": "bot:a", "generation": 1, "outcome": "failed", "reason": "took too long" })
    );
}

#[test]
fn a_holder_finishes_only_what_it_has_seen() {
    let repo = Repo::new();
    let id = repo.ready("build a bike");
    repo.jit_as("bot:a", &["issue", "claim", &id]).ok();
    repo.jit(&["issue", "update", &id, "--title", "build a car"]).ok();
    repo.jit(&["issue", "comment", &id, "a comment is not a change of the task"]).ok();
    let output = repo.jit_as("bot:a", &["issue", "update", &id, "--state", "done", "--json"]).code(4);
    assert_eq!(output.error_code(), "unseen_changes");
    let error = output.json()["error"].clone();
    let change = &error["details"]["changes"][0];
    assert_eq!(change, &json!({ "field": "title", "known": "build a bike", "now": "build a car" }));
    let hint = error["hint"].as_str().expect("a hint");
    let command = hint.rsplit("jit ").next().expect("a command");
    // A commit from before the change does not show it.
    repo.jit_as("bot:a", &["issue", "update", &id, "--state", "done", "--seen", "refs/jit~2"]).code(4);
    let args: Vec<&str> = command.split(' ').collect();
    repo.jit_as("bot:a", &args).ok();
    assert_eq!(repo.issue(&id)["state"], "done");
}

#[test]
fn an_event_of_the_holder_counts_as_having_seen() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit_as("bot:a", &["issue", "claim", &id]).ok();
    repo.jit(&["issue", "update", &id, "--desc", "more"]).ok();
    repo.jit_as("bot:a", &["issue", "comment", &id, "I see"]).ok();
    repo.jit_as("bot:a", &["issue", "update", &id, "--state", "done"]).ok();
    let other = repo.ready("two");
    repo.jit_as("bot:a", &["issue", "claim", &other]).ok();
    repo.jit(&["gate", "add", &other, "review"]).ok();
    repo.jit(&["gate", "rm", &other, "review"]).ok();
    repo.jit_as("bot:a", &["issue", "update", &other, "--state", "done"]).ok();
}

#[test]
fn an_edit_in_the_same_command_does_not_count_as_having_seen() {
    let repo = Repo::new();
    let id = repo.ready("one");
    repo.jit_as("bot:a", &["issue", "claim", &id]).ok();
    repo.jit(&["issue", "update", &id, "--title", "two"]).ok();
    let finish = ["issue", "update", &id, "--label", "x", "--state", "done", "--json"];
    assert_eq!(repo.jit_as("bot:a", &finish).code(4).error_code(), "unseen_changes");
}

#[test]
fn a_token_of_an_older_claim_is_dead_too() {
    let repo = Repo::new();
    let id = repo.ready("passed around");
    let mut tokens = Vec::new();
    for agent in ["bot:a", "bot:b", "bot:c"] {
        let claimed = repo.jit_as(agent, &["issue", "claim", &id, "--json"]).ok().json();
        tokens.push(claimed["claim"]["token"].as_str().expect("a token").to_owned());
        repo.jit(&["issue", "release", &id]).ok();
    }
    for (agent, token) in ["bot:a", "bot:b", "bot:c"].iter().zip(&tokens) {
        for args in [&["issue", "update", &id, "--state", "done"][..], &["issue", "comment", &id, "late"]] {
            let output = repo.run(args).env("JIT_AGENT", agent).env("JIT_CLAIM", token).output();
            assert_eq!(output.code, Some(5), "{agent}: {output:#?}");
        }
    }
    repo.jit_as("bot:a", &["issue", "comment", &id, "a stranger's word"]).ok();
}

#[test]
fn taking_an_issue_up_by_its_state_respects_its_assignee() {
    let repo = Repo::new();
    let id = repo.ready("for bob");
    repo.jit(&["issue", "assign", &id, "bot:bob"]).ok();
    let take = ["issue", "update", &id, "--state", "in_progress", "--json"];
    assert_eq!(repo.jit_as("bot:eve", &take).code(5).error_code(), "assigned_to_other");
    assert_eq!(repo.jit_as("bot:eve", &["ready", "--json"]).ok().json()["count"], 0, "it is no work for her");
    assert_eq!(repo.jit(&["ready", "--json"]).ok().json()["count"], 1);
    repo.jit_as("bot:bob", &take).ok();
}

#[test]
fn a_person_may_assign_what_an_agent_holds() {
    let repo = Repo::new();
    let id = repo.ready("held");
    repo.jit_as("bot:a", &["issue", "claim", &id]).ok();
    repo.jit(&["issue", "assign", &id, "bot:carol"]).ok();
    let events = repo.jit(&["events", "tail", "-n", "1", "--json"]).json_lines();
    assert_eq!(events[0]["actor"], "human:Ada", "the one it is meant for is not the one who acts");
}
