//! What a field of the configuration may hold. A field is checked as it is read, so that a fault is told with its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Agent, OWN_VARIABLES};
use crate::domain::state::Priority;

/// No span in the configuration is longer: a year, in seconds or minutes alike.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

pub(super) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        span if span > 0.0 && span <= LONGEST => Ok(span),
        span => Err(D::Error::custom(format!("{span} is out of range; more than 0, at most {LONGEST}"))),
    }
}

pub(super) fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        span if (0.0..=LONGEST).contains(&span) => Ok(span),
        span => Err(D::Error::custom(format!("{span} is out of range; 0 to {LONGEST}"))),
    }
}

pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        count @ 1..=1000 => Ok(count),
        count => Err(D::Error::custom(format!("{count} is out of range; 1 to 1000"))),
    }
}

pub(super) fn command<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match shlex::split(&text) {
        None => Err(D::Error::custom("a quote is not closed")),
        Some(words) if words.first().is_none_or(String::is_empty) => Err(D::Error::custom("a command is missing")),
        Some(_) if text.contains('\0') => Err(D::Error::custom("a command holds no NUL")),
        Some(_) => Ok(text),
    }
}

pub(super) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    let args = Vec::<String>::deserialize(deserializer)?;
    match args.iter().any(|arg| arg.contains('\0')) {
        true => Err(D::Error::custom("an argument holds no NUL")),
        false => Ok(args),
    }
}

pub(super) fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (name, value) in &variables {
        // What agents are started by is a shell, which passes on no others, and sets its own anew.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
        if !is_name || ["IFS", "OPTIND", "PPID", "PWD"].contains(&name.as_str()) || value.contains('\0') {
            return Err(D::Error::custom(format!("`{name}` is not a variable that an agent can be given")));
        }
        if OWN_VARIABLES.contains(&name.as_str()) {
            return Err(D::Error::custom(format!("{name} is set by the coordinator")));
        }
    }
    Ok(variables)
}

pub(super) fn each_priority<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<Priority>, D::Error> {
    let order = Vec::<Priority>::deserialize(deserializer)?;
    let times = |wanted: &Priority| order.iter().filter(|priority| *priority == wanted).count();
    match Priority::ALL.iter().find(|priority| times(priority) != 1) {
        None => Ok(order),
        Some(priority) if times(priority) == 0 => {
            Err(D::Error::custom(format!("{priority} is missing; every priority has its place")))
        }
        Some(priority) => Err(D::Error::custom(format!("{priority} is named twice"))),
    }
}

pub(super) fn agents<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Agent>, D::Error> {
    let agents = Vec::<Agent>::deserialize(deserializer)?;
    if agents.is_empty() { Err(D::Error::custom("there is no agent")) } else { Ok(agents) }
}
