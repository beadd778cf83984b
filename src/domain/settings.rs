//! The shared settings of a tracker: dotted keys with checked values.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::parse_duration;

/// The stored settings: only what somebody has set. Keys unknown to this version are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A span of time, such as `30m`.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Patterns with `*`, separated by commas; stored as a list.
    Patterns,
}

/// A setting this version knows.
pub struct Known {
    /// The dotted key.
    pub key: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds when it is not set, as it would be typed; empty for "none".
    pub default: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// Where claims are made.
pub const CLAIM_SCOPE: &str = "claim.scope";
/// Lease of a claim that names none.
pub const CLAIM_TTL: &str = "claim.ttl";
/// What a person's verdict on another tree is worth.
pub const GATES_MANUAL_STALE: &str = "gates.manual_stale";
/// Whose runs count.
pub const GATES_REUSE: &str = "gates.reuse";
/// Branches that only finished work is pushed to.
pub const HOOKS_PROTECTED_BRANCHES: &str = "hooks.protected_branches";
/// Whether a commit must name an issue.
pub const HOOKS_REQUIRE_ISSUE: &str = "hooks.require_issue";
/// Whether the mirror is written.
pub const MIRROR_ENABLED: &str = "mirror.enabled";

/// Whether news of remotes are joined by any command.
pub const SYNC_AUTO: &str = "sync.auto";
/// Whether a push of code takes the tracker along.
pub const SYNC_ON_PUSH: &str = "sync.on_push";

/// Every shared setting this version knows.
pub const KNOWN: &[Known] = &[
    Known {
        key: CLAIM_SCOPE,
        kind: Kind::Choice(&["auto", "local", "remote"]),
        default: "auto",
        about: "where claims are made: remote, for all clones; local; or auto: remote once a tracker is shared",
    },
    Known {
        key: CLAIM_TTL,
        kind: Kind::Duration,
        default: "",
        about: "lease of a claim made without --ttl; none: it lasts until released",
    },
    Known {
        key: GATES_MANUAL_STALE,
        kind: Kind::Choice(&["allowed", "strict"]),
        default: "allowed",
        about: "whether a verdict given by hand counts for a commit of another tree: allowed, or strict: it does not",
    },
    Known {
        key: GATES_REUSE,
        kind: Kind::Choice(&["local", "shared"]),
        default: "local",
        about: "whose runs of a gate's command are reused: local, of this repository; or shared, of all machines",
    },
    Known {
        key: HOOKS_PROTECTED_BRANCHES,
        kind: Kind::Patterns,
        default: "",
        about: "branches to which only commits of issues with all gates passed are pushed, like main,release/*",
    },
    Known {
        key: HOOKS_REQUIRE_ISSUE,
        kind: Kind::Bool,
        default: "false",
        about: "refuse a commit whose message names no issue",
    },
    Known {
        key: MIRROR_ENABLED,
        kind: Kind::Bool,
        default: "true",
        about: "write the plain-file mirror into each work tree",
    },
    Known {
        key: SYNC_AUTO,
        kind: Kind::Bool,
        default: "false",
        about: "let any command join what plain git fetch brought, instead of only saying that it is there",
    },
    Known {
        key: SYNC_ON_PUSH,
        kind: Kind::Bool,
        default: "true",
        about: "sync the tracker when code is pushed to a remote that shares it (hook pre-push)",
    },
];

impl Settings {
    /// The stored value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Everything that is set, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// Sets `key`, or takes it away with `None`.
    pub fn set(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => self.0.insert(key.to_owned(), value),
            None => self.0.remove(key),
        };
    }

    /// The lease of claims that name none.
    pub fn claim_ttl(&self) -> Option<Duration> {
        self.get(CLAIM_TTL).and_then(Value::as_str).and_then(|text| parse_duration(text).ok())
    }

    /// Whether a person's verdict counts only for the tree it was given on.
    pub fn manual_stale_is_strict(&self) -> bool {
        self.get(GATES_MANUAL_STALE).and_then(Value::as_str) == Some("strict")
    }

    /// Whether runs on other machines are used again.
    pub fn reuse_is_shared(&self) -> bool {
        self.get(GATES_REUSE).and_then(Value::as_str) == Some("shared")
    }

    /// Patterns of the branches that only finished work is pushed to.
    pub fn protected_branches(&self) -> Vec<String> {
        let list = self.get(HOOKS_PROTECTED_BRANCHES).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether a commit must name an issue.
    pub fn requires_issue(&self) -> bool {
        self.get(HOOKS_REQUIRE_ISSUE).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether claims are made for all clones: `None` to go by whether the tracker is shared.
    pub fn claims_remotely(&self) -> Option<bool> {
        match self.get(CLAIM_SCOPE).and_then(Value::as_str) {
            Some("remote") => Some(true),
            Some("local") => Some(false),
            _ => None,
        }
    }

    /// Whether news of remotes are joined by any command.
    pub fn syncs_by_itself(&self) -> bool {
        self.get(SYNC_AUTO).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a push of code takes the tracker along.
    pub fn syncs_on_push(&self) -> bool {
        self.get(SYNC_ON_PUSH).and_then(Value::as_bool).unwrap_or(true)
    }

    /// Whether the mirror is to be written.
    pub fn mirror_enabled(&self) -> bool {
        self.get(MIRROR_ENABLED).and_then(Value::as_bool).unwrap_or(true)
    }
}

impl Known {
    /// The setting called `key`.
    pub fn find(key: &str) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.key == key)
    }

    /// Reads `text` as a value of this setting.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Bool => text.parse::<bool>().map(Value::from).map_err(|_| "write true or false".to_owned()),
            Kind::Duration => {
                let span = parse_duration(text)?;
                if span.is_zero() {
                    return Err("a span of time must be longer than zero".to_owned());
                }
                Ok(Value::from(text.trim()))
            }
            Kind::Choice(words) if words.contains(&text) => Ok(Value::from(text)),
            Kind::Choice(words) => Err(format!("write {}", words.join(" or "))),
            Kind::Patterns => patterns(text).map(Value::from),
        }
    }
}

/// Reads `main, release/*`, or the list as it is stored.
fn patterns(text: &str) -> Result<Vec<String>, String> {
    let patterns: Vec<String> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|why| format!("no list of texts: {why}"))?,
        false => text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
    };
    match patterns.iter().find(|pattern| glob::Pattern::new(pattern).is_err() || pattern.trim().is_empty()) {
        Some(wrong) => Err(format!("`{wrong}` is not a pattern; write branches like main or release/*")),
        None => Ok(patterns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_the_kind_of_their_key() {
        let ttl = Known::find(CLAIM_TTL).expect("a known key");
        assert!(ttl.parse("30m").is_ok() && ttl.parse("0s").is_err() && ttl.parse("soon").is_err());
        let mirror = Known::find(MIRROR_ENABLED).expect("a known key");
        assert_eq!(mirror.parse("false"), Ok(Value::Bool(false)));
        assert!(mirror.parse("no").is_err());
        let branches = Known::find(HOOKS_PROTECTED_BRANCHES).expect("a known key");
        assert_eq!(branches.parse("main, release/*"), Ok(serde_json::json!(["main", "release/*"])));
        assert_eq!(branches.parse("[\"main\"]"), Ok(serde_json::json!(["main"])));
        assert!(branches.parse("[1]").is_err() && branches.parse("a***").is_err());
        let reuse = Known::find(GATES_REUSE).expect("a known key");
        assert!(reuse.parse("shared").is_ok() && reuse.parse("global").is_err());
    }
}
