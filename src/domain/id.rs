//! Identifiers of issues and events, and the prefixes people type for them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::time::Timestamp;

/// The id of an issue: a UUID, written in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct IssueId(Uuid);

impl IssueId {
    /// Wraps a UUID.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The sixteen bytes of the UUID; they sort as the id does.
    pub fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The first eight hex digits as a number.
    pub fn prefix(self) -> u32 {
        self.0.as_fields().0
    }

    /// The first eight hex digits, as people see the id.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

/// The issue whose document stands at this path: its file is named after it.
pub fn issue_of_path(path: &str) -> Option<IssueId> {
    path.rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
}

/// The id of an event, and of a comment: a UUID (version 7, so they sort by time).
///
/// The id of the event that made a claim is that claim's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct EventId(Uuid);

impl EventId {
    /// Wraps a UUID.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl EventId {
    /// The time that the id holds, of an id that holds one: not of those that merges derive.
    pub fn time(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        let millis = i64::try_from(seconds).ok()?.checked_mul(1000)?;
        Some(Timestamp::from_millis(millis + i64::from(nanos / 1_000_000)))
    }
}

/// Parses the one accepted spelling of a UUID: 36 characters, lower case, with hyphens.
fn parse_canonical(text: &str) -> Option<Uuid> {
    let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    canonical.then(|| Uuid::try_parse(text).ok()).flatten()
}

macro_rules! textual_uuid {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_canonical(text).map(Self).ok_or_else(|| format!("`{text}` is not a valid {}", $what))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

textual_uuid!(IssueId, "issue id (a UUID in lower case)");
textual_uuid!(EventId, "event id (a UUID in lower case)");

/// What a person types for an issue: a whole id, or at least four of its first characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdPrefix(String);

/// The fewest characters of an id that name an issue.
pub const SHORTEST_PREFIX: usize = 4;

impl IdPrefix {
    /// The prefix in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id itself, when the prefix is a whole one.
    pub fn whole(&self) -> Option<IssueId> {
        self.0.parse().ok()
    }

    /// Whether `id` begins with this prefix.
    pub fn matches(&self, id: IssueId) -> bool {
        id.to_string().starts_with(&self.0)
    }
}

impl From<IssueId> for IdPrefix {
    fn from(id: IssueId) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let template = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if lower.len() > 36 || !lower.bytes().enumerate().all(template) {
            return Err("an issue id has hex digits and hyphens, like 3f2a91c0; `jit list` shows them".to_owned());
        }
        if lower.len() < SHORTEST_PREFIX {
            return Err(format!("an id needs at least {SHORTEST_PREFIX} characters"));
        }
        Ok(Self(lower))
    }
}

impl Serialize for IdPrefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let text = "3f2a91c0-5f0e-4b8e-9d43-0c1a2b3c4d5e";
        assert_eq!(text.parse::<IssueId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for wrong in [&text.to_uppercase(), &text.replace('-', ""), "../gates", "", "3f2a"] {
            assert!(wrong.parse::<IssueId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_has_four_characters_of_an_id_or_more() {
        assert!("3f2a".parse::<IdPrefix>().is_ok());
        assert!("3F2A91C0-5f".parse::<IdPrefix>().is_ok());
        for wrong in ["3f2", "", "../gates", "3f2a91c05f", "3f2a91c0-5f0e-4b8e-9d43-0c1a2b3c4d5e0", "xyzw"] {
            assert!(wrong.parse::<IdPrefix>().is_err(), "{wrong}");
        }
    }
}
