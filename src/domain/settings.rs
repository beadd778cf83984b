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

/// Lease of a claim that names none.
pub const CLAIM_TTL: &str = "claim.ttl";
/// Whether the mirror is written.
pub const MIRROR_ENABLED: &str = "mirror.enabled";

/// Every shared setting this version knows.
pub const KNOWN: &[Known] = &[
    Known {
        key: CLAIM_TTL,
        kind: Kind::Duration,
        default: "",
        about: "lease of a claim made without --ttl; none: it lasts until released",
    },
    Known {
        key: MIRROR_ENABLED,
        kind: Kind::Bool,
        default: "true",
        about: "write the plain-file mirror into each work tree",
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
        }
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
    }
}
