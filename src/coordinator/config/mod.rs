//! The configuration: which agents there are, and how work is handed to them.
//!
//! It names commands to run, so it is local to a checkout and never shared.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_path_to_error::Segment;

use crate::document::{Step, json as json_document};
use crate::domain::name::{Actor, Label, is_plain_name};
use crate::domain::state::Priority;
use crate::error::{Class, Error, Result};

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The agents.
    #[serde(deserialize_with = "checks::agents")]
    pub agent_pool: Vec<Agent>,
    /// How work is handed out.
    #[serde(default)]
    pub dispatch_rules: Rules,
    /// How often everything is looked at when nothing has changed, in seconds.
    #[serde(default = "poll_interval", deserialize_with = "checks::positive")]
    pub poll_interval_secs: f64,
    /// Whether issues are claimed through the remote, for all its clones; `null` as `jit issue claim` does here.
    #[serde(default)]
    pub sync: Option<bool>,
    /// How often the remote is asked, in seconds.
    #[serde(default = "sync_interval", deserialize_with = "checks::positive")]
    pub sync_interval_secs: f64,
}

/// An agent: a command that works on one issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name, unlike any other's.
    pub id: Name,
    /// Its kind: the first part of the actor `agent_type:id`.
    pub agent_type: Name,
    /// The command, split into words as a shell would. The issue's id comes last.
    #[serde(deserialize_with = "checks::command")]
    pub command: String,
    /// More arguments, as they are.
    #[serde(default, deserialize_with = "checks::arguments")]
    pub args: Vec<String>,
    /// How many issues it works on at a time.
    #[serde(default = "one", deserialize_with = "checks::count")]
    pub max_concurrent: u32,
    /// It takes only issues with one of these labels; every issue when there are none.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Whether each issue gets a worktree of its own.
    #[serde(default)]
    pub worktree: bool,
    /// More variables for its environment.
    #[serde(default, deserialize_with = "checks::variables")]
    pub env: BTreeMap<String, String>,
}

/// How work is handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Priorities, the first first; each once.
    #[serde(deserialize_with = "checks::each_priority")]
    pub priority_order: Vec<Priority>,
    /// How long an agent may show no sign of life, and the length of its lease, in minutes.
    #[serde(deserialize_with = "checks::positive")]
    pub stall_timeout_minutes: f64,
    /// How many tries may fail before an issue is left to people.
    #[serde(deserialize_with = "checks::count")]
    pub max_attempts: u32,
    /// How long after a failed try the next one comes, in seconds; twice as long after each further one.
    #[serde(deserialize_with = "checks::not_negative")]
    pub retry_backoff_secs: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            priority_order: Priority::ALL.to_vec(),
            stall_timeout_minutes: 30.0,
            max_attempts: 3,
            retry_backoff_secs: 30.0,
        }
    }
}

/// No agents, and everything else as it is when it is not said.
impl Default for Config {
    fn default() -> Self {
        Self {
            agent_pool: Vec::new(),
            dispatch_rules: Rules::default(),
            poll_interval_secs: poll_interval(),
            sync: None,
            sync_interval_secs: sync_interval(),
        }
    }
}

/// The name of an agent or of its kind: letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit. It
/// is a part of an actor, and of the path of logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.len() <= 64 && is_plain_name(&text) {
            true => Ok(Self(text)),
            false => Err(D::Error::custom(format!(
                "`{text}` is not a name; 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit"
            ))),
        }
    }
}

impl Agent {
    /// The actor it works as.
    pub fn actor(&self) -> Actor {
        format!("{}:{}", self.agent_type, self.id).parse().expect("names make an actor")
    }

    /// The words of the command, without the issue.
    pub fn words(&self) -> Vec<String> {
        let mut words = shlex::split(&self.command).unwrap_or_default();
        words.extend(self.args.iter().cloned());
        words
    }
}

impl Config {
    /// Reads a configuration. `file` is for messages, which name the line and the field.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let mut track = serde_path_to_error::Track::new();
        let read = Self::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
        let read = read.and_then(|config| json.end().map(|()| config));
        let (way, (line, column), said) = match read {
            Ok(config) => match config.named_twice() {
                None => return Ok(config),
                Some((way, said)) => (way, (1, 1), said),
            },
            Err(why) => {
                let place = (why.line(), why.column());
                let said = why.to_string();
                let said = said.strip_suffix(&format!(" at line {} column {}", place.0, place.1)).unwrap_or(&said);
                (way_of(&track.path()), place, said.to_owned())
            }
        };
        // What was read of a value ends behind it: the value itself stands where a whole document has it.
        let found = json_document(text).ok().and_then(|document| document.place_of(&way));
        let (line, column) = found.map_or((line, column), |place| (place.line, place.column));
        let field = Some(shown(&way)).filter(|field| !field.is_empty());
        let place = field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
        Err(Error::new(Class::Usage, "invalid_config", format!("{file}, line {line}: {place}{said}"))
            .hint("jit help coordinator-config")
            .details(serde_json::json!({ "file": file, "line": line, "column": column, "field": field })))
    }

    /// A second agent of one name: where it stands, and what is wrong with that.
    fn named_twice(&self) -> Option<(Vec<Step>, String)> {
        let mut known = BTreeSet::new();
        let (number, agent) = self.agent_pool.iter().enumerate().find(|(_, agent)| !known.insert(&agent.id))?;
        let way = [Step::Key("agent_pool".to_owned()), Step::Item(number), Step::Key("id".to_owned())];
        Some((way.into(), format!("two agents are called {}", agent.id)))
    }

    /// How long an agent may show no sign of life.
    pub fn stall_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.dispatch_rules.stall_timeout_minutes * 60.0)
    }

    /// How often everything is looked at.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_secs_f64(self.poll_interval_secs)
    }

    /// How often the remote is asked.
    pub fn sync_interval(&self) -> Duration {
        Duration::from_secs_f64(self.sync_interval_secs)
    }

    /// How long after the last of `failures` the next try comes.
    pub fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.dispatch_rules.retry_backoff_secs * 2f64.powi(failures.saturating_sub(1).min(20) as i32);
        Duration::from_secs_f64(doubled.min(LONGEST_BACKOFF_SECS.max(self.dispatch_rules.retry_backoff_secs)))
    }
}

/// The way to what was read when it went wrong.
fn way_of(path: &serde_path_to_error::Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Item(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

/// A way as messages have it: `agent_pool[0].command`.
fn shown(way: &[Step]) -> String {
    way.iter().fold(String::new(), |field, step| match step {
        Step::Key(key) if field.is_empty() => key.clone(),
        Step::Key(key) => format!("{field}.{key}"),
        Step::Item(number) => format!("{field}[{number}]"),
    })
}

/// However often a try has failed, the next one waits no longer than this, unless the first wait is longer already.
const LONGEST_BACKOFF_SECS: f64 = 3600.0;

fn one() -> u32 {
    1
}

fn poll_interval() -> f64 {
    5.0
}

fn sync_interval() -> f64 {
    5.0
}

/// What the coordinator itself tells an agent.
pub const OWN_VARIABLES: &[&str] = &["JIT_ISSUE", "JIT_AGENT", "JIT_CLAIM", "JIT_REPO"];

/// What `init-config` writes: a lead and a worker, whose commands are to be replaced.
pub const SAMPLE: &str = r#"{
  "agent_pool": [
    {
      "id": "lead",
      "agent_type": "agent",
      "command": "your-agent --role lead",
      "max_concurrent": 1,
      "labels": ["planning"]
    },
    {
      "id": "worker-1",
      "agent_type": "agent",
      "command": "your-agent --role worker",
      "args": [],
      "max_concurrent": 2,
      "labels": [],
      "worktree": true,
      "env": {}
    }
  ],
  "dispatch_rules": {
    "priority_order": ["critical", "high", "normal", "low"],
    "stall_timeout_minutes": 30,
    "max_attempts": 3,
    "retry_backoff_secs": 30
  },
  "poll_interval_secs": 5
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Config::parse("c.json", text).expect_err("a faulty configuration").message
    }

    const AGENT: &str = r#"{"id": "a", "agent_type": "bot", "command": "x 'y z'"}"#;

    #[test]
    fn a_configuration_needs_no_more_than_an_agent() {
        let config = Config::parse("c", &format!("{{\"agent_pool\": [{AGENT}]}}")).expect("it is whole");
        assert_eq!(config.agent_pool[0].words(), ["x", "y z"]);
        assert_eq!((config.agent_pool[0].max_concurrent, config.dispatch_rules.max_attempts), (1, 3));
        assert_eq!(config.stall_timeout(), Duration::from_secs(1800));
        assert!(Config::parse("c", SAMPLE).is_ok());
    }

    #[test]
    fn a_fault_is_told_with_its_field_and_its_line() {
        for (text, said) in [
            ("{", "c.json, line 1: EOF while parsing an object"),
            ("{\n\"agent_pool\": []}", "c.json, line 2: agent_pool: there is no agent"),
            ("{\n\n\"pool\": []}", "c.json, line 3: pool: unknown field `pool`"),
            (
                "{\"agent_pool\": [{\"id\": \"a\",\n\"agent_type\": \"a b\"",
                "line 2: agent_pool[0].agent_type: `a b` is not a name",
            ),
            (
                "{\"agent_pool\": [{\"id\": \"a\",\n\"max_concurrent\": 0",
                "line 2: agent_pool[0].max_concurrent: 0 is out of range",
            ),
            (
                "{\"agent_pool\": [{\"id\": \"a\",\n\"command\": \"x 'y\"",
                "line 2: agent_pool[0].command: a quote is not closed",
            ),
            (
                "{\"agent_pool\": [{\"env\":\n{\"JIT_AGENT\": \"x\"}",
                "agent_pool[0].env: JIT_AGENT is set by the coordinator",
            ),
            (
                "{\"agent_pool\": [{\"env\":\n{\"my.var\": \"x\"}",
                "`my.var` is not a variable that an agent can be given",
            ),
            (
                "{\"dispatch_rules\": {\n\"priority_order\": [\"high\"]",
                "dispatch_rules.priority_order: critical is missing",
            ),
            (
                "{\"dispatch_rules\": {\n\"stall_timeout_minutes\": -1",
                "line 2: dispatch_rules.stall_timeout_minutes: -1 is out of range",
            ),
        ] {
            let fault = fault(text);
            assert!(fault.contains(said), "{text}\n{fault}\n{said}");
        }
        let twice = format!("{{\"agent_pool\": [\n{AGENT},\n{AGENT}]}}");
        assert!(
            fault(&twice).contains("c.json, line 3: agent_pool[1].id: two agents are called a"),
            "{}",
            fault(&twice)
        );
        // In a whole document the line is that of the field, whatever comes after it.
        for (text, said) in [
            (
                "{\n\"agent_pool\": [\n{\"id\": \"a\",\n\"max_concurrent\": 0\n}\n]\n}",
                "line 4: agent_pool[0].max_concurrent",
            ),
            (
                "{\"dispatch_rules\": {\n\"priority_order\": [\n\"high\"\n]\n}\n}",
                "line 2: dispatch_rules.priority_order",
            ),
            ("{\n\"poll_interval_secs\": 0\n}\n", "line 2: poll_interval_secs: 0 is out of range"),
            ("{\n\"agent_pool\": [\n{\"id\": \"a\"}\n]}", "line 3: agent_pool[0]: missing field"),
        ] {
            assert!(fault(text).contains(said), "{text}\n{}\n{said}", fault(text));
        }
    }

    #[test]
    fn each_further_failure_doubles_the_wait_up_to_an_hour() {
        let config = Config::parse("c", &format!("{{\"agent_pool\": [{AGENT}]}}")).expect("it is whole");
        let waits = [1, 2, 3, 100].map(|failures| config.backoff(failures).as_secs());
        assert_eq!(waits, [30, 60, 120, 3600]);
    }
}
