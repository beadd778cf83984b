//! Commits with the hooks in place, by an agent with an issue in work.

use super::{Output, Repo};

/// The agent.
pub const AGENT: &str = "copilot:w1";

/// A repository with hooks and an issue in work, whose gate of the stage commit wants no file with "bad" in it.
pub fn in_work() -> (Repo, String) {
    let repo = Repo::new();
    repo.jit(&["hooks", "install"]).ok();
    repo.gate(
        "lint",
        "echo run >> ../runs; ! grep -r bad --exclude-dir=.git --exclude-dir=.jit .",
        &["--stage", "commit"],
    );
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    (repo, id)
}

/// The commit that is checked out.
pub fn head(repo: &Repo) -> String {
    repo.git(&["rev-parse", "HEAD"]).ok().text()
}

/// The issue that the newest commit names.
pub fn trailer(repo: &Repo) -> String {
    repo.git(&["log", "-1", "--format=%(trailers:key=Jit-Issue,valueonly)"]).ok().text().trim().to_owned()
}

/// The commits that are linked to an issue.
pub fn linked(repo: &Repo, id: &str) -> Vec<String> {
    let issue = repo.issue(id);
    issue["commits"].as_array().expect("a list").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Commits as the agent.
pub fn commit(repo: &Repo, args: &[&str]) -> Output {
    let mut all = vec!["commit", "--quiet"];
    all.extend(args);
    repo.git_as(AGENT, &all)
}

/// An issue that the agent holds.
pub fn in_progress(repo: &Repo, title: &str) -> String {
    let id = repo.ready(title);
    repo.jit_as(AGENT, &["issue", "claim", &id]).ok();
    id
}
