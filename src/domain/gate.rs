//! Gate definitions: what can be asked of an issue, when, and how a machine finds out.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::issue::Extra;
use super::name::GateKey;
use super::state::Stage;

/// The definition of a gate, shared by all issues that carry its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// The key, also the name of the document.
    pub key: GateKey,
    /// One line that says what the gate asks.
    pub title: String,
    /// Free text; empty when there is none.
    pub description: String,
    /// Who judges, when, and how a machine finds out.
    #[serde(flatten)]
    pub check: Check,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What decides whether a gate holds: the part of a definition that is frozen by a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Check {
    /// Whether a machine judges (`true`) or a person (`false`).
    pub auto: bool,
    /// What the gate holds back while it is not passed.
    pub stage: Stage,
    /// What is run through `sh -c`; `null` for a gate that is passed by hand or by CI.
    pub command: Option<String>,
    /// How long the command may run, in milliseconds; `null` for [`DEFAULT_TIMEOUT`].
    pub timeout_ms: Option<u64>,
    /// The folder it runs in, below the top of the work tree; `null` for the top.
    pub workdir: Option<String>,
    /// A command whose output is part of what was judged, such as the version of a compiler.
    pub env_key: Option<String>,
}

/// How long a command may run that names no time of its own.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes in a command: 8 KiB.
pub const COMMAND_BYTES: usize = 8 << 10;

impl Check {
    /// How long the command may run.
    pub fn timeout(&self) -> Duration {
        self.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
    }

    /// What is run: each text with the folder it runs in.
    pub fn texts(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let texts = self.command.iter().chain(&self.env_key);
        texts.map(|text| (text.as_str(), self.workdir.as_deref()))
    }

    /// Whether this command, run in this folder, is what is asked.
    pub fn is_run_by(&self, command: Option<&str>, workdir: Option<&str>) -> bool {
        (self.command.as_deref(), self.workdir.as_deref()) == (command, workdir)
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        for (text, _) in self.texts() {
            if text.trim().is_empty() || text.len() > COMMAND_BYTES || text.contains('\0') {
                return Some(format!("a command has 1 to {COMMAND_BYTES} bytes, and no NUL among them"));
            }
        }
        if self.timeout_ms == Some(0) {
            return Some("a time limit must be longer than zero".to_owned());
        }
        let inside = |dir: &str| {
            let plain =
                dir.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"));
            plain && !dir.chars().any(char::is_control)
        };
        let stray = self.workdir.as_deref().is_some_and(|dir| !inside(dir));
        stray.then(|| "a folder is named from the top of the work tree and lies inside it, like tools/lint".to_owned())
    }
}

/// The gates a new tracker begins with: key, title, description, auto.
const DEFAULTS: [(&str, &str, &str, bool); 4] = [
    ("unit-tests", "Unit tests", "The unit tests pass.", true),
    ("integration-tests", "Integration tests", "The integration tests pass.", true),
    ("security-scan", "Security scan", "The security scan finds nothing that matters.", true),
    ("review", "Review", "Somebody else has read the change and agrees with it.", false),
];

/// The gates a new tracker begins with.
pub fn default_gates() -> Vec<Gate> {
    DEFAULTS
        .iter()
        .map(|(key, title, description, auto)| Gate {
            key: key.parse().expect("the default gates have valid keys"),
            title: (*title).to_owned(),
            description: (*description).to_owned(),
            check: Check { auto: *auto, ..Check::default() },
            extra: Extra::new(),
        })
        .collect()
}
