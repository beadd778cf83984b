//! Issues with a gate that a command judges.

use serde_json::Value;

use super::{Output, Repo};

/// A repository with an issue that carries a gate of this command.
pub fn with_gate(command: &str, more: &[&str]) -> (Repo, String) {
    let repo = Repo::new();
    repo.gate("check", command, more);
    let id = repo.out(&["issue", "create", "gated", "-g", "check"]);
    (repo, id)
}

/// What is known of a gate.
pub fn verdict(repo: &Repo, id: &str, gate: &str) -> Value {
    repo.issue(id)["gates"][gate].clone()
}

/// What came of the first gate of a run.
pub fn row(output: &Output) -> Value {
    output.json()["gates"][0].clone()
}
