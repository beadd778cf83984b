//! The sample agents of the documents, with a coding agent that does as it is told.

use std::path::Path;

use serde_json::json;

use crate::support::{Pool, until};

/// Answers a lead with two pieces; for a worker it writes what the gate wants, at the second asking.
const CODING_AGENT: &str = r#"#!/bin/sh
task=$(cat)
case $task in
  *"Break this issue"*)
    name=$(printf '%s' "$task" | sed -n 's/.*Name the plan \(epic-[0-9a-f-]*\)\..*/\1/p')
    echo "name: $name"
    echo "issues:"
    for piece in parser printer; do
      echo "- {key: $piece, title: 'Write the $piece', ready: true, labels: [code], parent: ${name#epic-}}"
    done ;;
  *"Mend what they"*) echo good > result; git add result; git commit --quiet -m mended ;;
  *) echo poor > result; git add result; git commit --quiet -m tried ;;
esac
"#;

#[test]
fn the_sample_agents_break_work_down_pass_the_gates_and_finish() {
    let mut pool = Pool::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let coding = pool.repo.outside().join("coding-agent");
    std::fs::write(&coding, CODING_AGENT).unwrap();
    let env = json!({ "CODING_AGENT": format!("sh {}", coding.display()) });
    let sample = std::fs::read_to_string(root.join("coordinator.json")).unwrap();
    let sample: serde_json::Value = serde_json::from_str(&sample).unwrap();
    for agent in sample["agent_pool"].as_array().unwrap() {
        let mut agent = agent.clone();
        let script = Path::new(agent["command"].as_str().unwrap()).file_name().unwrap().to_owned();
        agent["command"] = json!(root.join(script).display().to_string());
        agent["env"] = env.clone();
        pool.push(agent);
    }
    pool.repo.gate("good", "grep -q good result", &[]);
    let epic = pool.repo.out(&["issue", "create", "A language", "--ready", "-l", "planning"]);
    pool.start();
    until("it is broken down", || pool.repo.issue(&epic)["dependencies"].as_array().is_some_and(|all| all.len() == 2));
    until("the pieces are done", || pool.count("done") == 2);
    until("the epic is put away", || pool.repo.issue(&epic)["state"] == "open");
    let by_hand =
        pool.repo.out(&["issue", "create", "By a gate", "--ready", "-l", "code", "-g", "good", "-g", "review"]);
    until("it waits for a person", || pool.repo.issue(&by_hand)["state"] == "gated");
    pool.repo.jit(&["gate", "pass", &by_hand, "review"]).ok();
    assert_eq!(pool.repo.issue(&by_hand)["state"], "done");
    assert_eq!(pool.told(&by_hand, "issue.claimed").len(), 1);
    assert_eq!(pool.told(&by_hand, "gate.failed").len(), 1);
    until("nothing is left", || pool.processes().is_empty());
    pool.assert_quiet();
}
