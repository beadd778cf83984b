//! Gate definitions: what can be asked of an issue before it is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::issue::Extra;
use super::name::GateKey;

/// The definition of a gate, shared by all issues that carry its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// The key, also the name of the document.
    pub key: GateKey,
    /// One line that says what the gate asks.
    pub title: String,
    /// Free text; empty when there is none.
    pub description: String,
    /// Whether a machine judges (`true`) or a person (`false`).
    pub auto: bool,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
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
            auto: *auto,
            extra: Extra::new(),
        })
        .collect()
}
