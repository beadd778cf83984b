//! A coordinator with shell scripts as agents.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Repo;
use super::processes::{started_with, until};

/// What an agent runs to finish its issue.
pub const DONE: &str = "jit issue update \"$1\" --state done";
/// What an agent runs to stay at work, with signs of life, until [`Pool::go`].
pub const UNTIL_GO: &str = "while [ ! -e \"$JIT_REPO/../go\" ]; do echo .; sleep 0.05; done";

/// A repository with a tracker and a pool of agents. What is left running is ended with it.
pub struct Pool {
    pub repo: Repo,
    config: Value,
}

impl Pool {
    /// Lets agents go on that run [`UNTIL_GO`].
    pub fn go(&self) {
        std::fs::write(self.repo.outside().join("go"), "").expect("a file can be written");
    }

    /// A repository and no agents yet; everything that takes time takes little.
    pub fn new() -> Self {
        Self::of(Repo::new())
    }

    /// A pool in this repository.
    pub fn of(repo: Repo) -> Self {
        repo.git(&["config", "jit.fsync", "off"]).ok();
        let config = json!({
            "agent_pool": [],
            "dispatch_rules": { "stall_timeout_minutes": 0.5, "max_attempts": 3, "retry_backoff_secs": 0.05 },
            "poll_interval_secs": 0.2,
        });
        Self { repo, config }
    }

    /// Adds an agent that runs a shell script, whose first argument is the issue.
    pub fn agent(mut self, id: &str, slots: u32, script: &str) -> Self {
        let file = self.repo.outside().join(format!("{id}.sh"));
        std::fs::write(&file, format!("set -eu\n{script}\n")).expect("a script can be written");
        let command = format!("sh '{}'", file.display());
        self.push(json!({ "id": id, "agent_type": "bot", "command": command, "max_concurrent": slots }));
        self
    }

    /// Adds an agent as it stands.
    pub fn push(&mut self, agent: Value) {
        self.config["agent_pool"].as_array_mut().expect("a list").push(agent);
        self.write();
    }

    /// Sets a field of the newest agent.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.config["agent_pool"].as_array_mut().expect("a list").last_mut().expect("an agent")[field] = value;
        self.write();
        self
    }

    /// Sets a rule.
    pub fn rule(mut self, field: &str, value: Value) -> Self {
        self.config["dispatch_rules"][field] = value;
        self.write();
        self
    }

    /// Sets a field of the configuration.
    pub fn set(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self.write();
        self
    }

    fn write(&self) {
        let text = serde_json::to_string_pretty(&self.config).expect("it is JSON");
        self.repo.write(".jit/coordinator.json", text);
    }

    /// Starts the coordinator and gives its process.
    #[track_caller]
    pub fn start(&self) -> u64 {
        let started = self.repo.jit(&["coordinator", "start", "--json"]).ok().json();
        started["pid"].as_u64().expect("a process")
    }

    /// The states of the issues, by title.
    pub fn states(&self) -> Vec<(String, String)> {
        let list = self.repo.jit(&["issue", "list", "--json", "--sort", "title"]).ok().json();
        let issues = list["issues"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        issues.map(|issue| (text(&issue["title"]), text(&issue["state"]))).collect()
    }

    /// How many issues are in a state.
    pub fn count(&self, state: &str) -> usize {
        self.states().iter().filter(|(_, is)| is == state).count()
    }

    /// The events of an issue, by name.
    pub fn events(&self, id: &str) -> Vec<Value> {
        self.repo.jit(&["events", "query", "--issue", id, "-n", "0", "--json"]).ok().json_lines()
    }

    /// The events of an issue with this name.
    pub fn told(&self, id: &str, name: &str) -> Vec<Value> {
        self.events(id).into_iter().filter(|event| event["event"] == name).collect()
    }

    /// Processes that were started for this repository's agents and live.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let wanted = format!("JIT_REPO={}", self.repo.path().canonicalize().expect("it is there").display());
        started_with(&wanted)
    }

    /// Waits until so many agents run. Each is told apart by its issue; what runs it, and has just forked, is none.
    #[track_caller]
    pub fn until_at_work(&self, agents: usize) {
        let is_agent = |words: &String| !words.contains("run-agent") && !words.starts_with("sleep ");
        let working = || self.processes().into_iter().map(|(_, words)| words).filter(is_agent).collect::<BTreeSet<_>>();
        until("they are at work", || working().len() >= agents);
    }

    /// Whether nothing runs any more, nothing is held, and nothing is remembered of it.
    #[track_caller]
    pub fn assert_quiet(&self) {
        until("no process is left", || self.processes().is_empty());
        assert_eq!(self.count("in_progress"), 0, "{:?}", self.states());
        until("everything is settled", || self.left().is_empty());
        self.repo.assert_healthy();
    }

    /// Files of assignments that are there.
    pub fn left(&self) -> Vec<PathBuf> {
        let folder = self.repo.path().join(".git/jit-coordinator/assignments");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.map(|file| file.path()).collect()
    }

    /// What is wrong, as the status says.
    pub fn problems(&self) -> String {
        self.repo.jit(&["coordinator", "status", "--json"]).ok().json()["problems"].to_string()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.repo.jit(&["coordinator", "stop", "--kill-agents"]);
    }
}
