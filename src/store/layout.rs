//! Where things stand in the tracker's tree.

use serde::{Deserialize, Serialize};

use crate::domain::id::IssueId;
use crate::domain::issue::Extra;
use crate::domain::name::GateKey;

/// The format this version writes.
pub const FORMAT: u32 = 1;
/// The deepest fan-out that is accepted: no deeper than the shortest prefix of an id that people type.
pub const DEEPEST_FANOUT: u8 = 4;

/// The fan-out of a new tracker.
pub const NEW_FANOUT: u8 = 2;

/// `format.json`.
pub const FORMAT_FILE: &str = "format.json";
/// `config.json`: the shared settings.
pub const CONFIG_FILE: &str = "config.json";
/// `events.json`: the events of this very commit.
pub const EVENTS_FILE: &str = "events.json";
/// The folder of the events of a commit that has many.
pub const EVENTS: &str = "events";
/// The folder of gate definitions.
pub const GATES: &str = "gates";
/// The folder of issues.
pub const ISSUES: &str = "issues";

/// The content of `format.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Format {
    /// The version of the format.
    pub format: u32,
    /// The oldest version that can read it.
    pub min_reader: u32,
    /// The oldest version that may write it.
    pub min_writer: u32,
    /// How many hex digits of an id are folders of their own.
    pub fanout: u8,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Format {
    /// The format of a new tracker.
    pub fn new() -> Self {
        Self { format: FORMAT, min_reader: FORMAT, min_writer: FORMAT, fanout: NEW_FANOUT, extra: Extra::new() }
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::new()
    }
}

/// So many issues stand well in one folder. Measured: a level more pays above it, for a change then writes
/// a shorter list of a folder, though one folder more.
const A_FOLDER: usize = 195;

/// The fan-out for so many issues: their folders hold no more than `A_FOLDER` on average.
pub fn roomy_fanout(issues: usize) -> u8 {
    let fits = |fanout: &u8| issues >> (4 * u32::from(*fanout)) <= A_FOLDER;
    (NEW_FANOUT..=DEEPEST_FANOUT).find(fits).unwrap_or(DEEPEST_FANOUT)
}

/// `issues/3/f/3f2a91c0-….json` for a fan-out of two.
pub fn issue_path(id: IssueId, fanout: u8) -> String {
    format!("{}/{id}.json", issue_folder(&id.to_string(), fanout))
}

/// The folder in which issues whose id begins with `prefix` stand, as deep as the prefix says.
pub fn issue_folder(prefix: &str, fanout: u8) -> String {
    let mut path = ISSUES.to_owned();
    for digit in prefix.chars().take(usize::from(fanout)) {
        path.push('/');
        path.push(digit);
    }
    path
}

/// `gates/unit-tests.json`.
pub fn gate_path(key: &GateKey) -> String {
    format!("{GATES}/{key}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_stands_under_its_first_digits() {
        let id: IssueId = "3f2a91c0-5f0e-4b8e-9d43-0c1a2b3c4d5e".parse().expect("a valid id");
        assert_eq!(issue_path(id, 2), format!("issues/3/f/{id}.json"));
        assert_eq!(issue_path(id, 3), format!("issues/3/f/2/{id}.json"));
        assert_eq!(issue_folder("3", 2), "issues/3");
    }

    #[test]
    fn folders_grow_deeper_with_the_number_of_issues() {
        let depths: Vec<u8> = [0, 10_000, 50_000, 51_000, 800_000, 900_000, usize::MAX].map(roomy_fanout).into();
        assert_eq!(depths, [2, 2, 2, 3, 3, 4, 4]);
    }
}
