//! The exchange format: one JSON document a line.
//!
//! A line is an issue as it is stored, or `{"gate": …}` with the definition of a gate. A line written by
//! hand may leave out all of an issue but its title.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::gate::Gate;
use crate::domain::issue::Issue;
use crate::domain::ops::load::{Item, Sketch};

/// A line with a gate.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateLine<G> {
    /// The definition.
    gate: G,
}

/// Fields that commands add to an issue they print, and that are no part of it.
const ADDED: [&str; 4] = ["short_id", "blocked", "blocked_by", "commit"];

/// Writes an issue as a line.
pub fn write_issue(out: &mut dyn Write, issue: &Issue) -> io::Result<()> {
    write(out, issue)
}

/// Writes a gate as a line.
pub fn write_gate(out: &mut dyn Write, gate: &Gate) -> io::Result<()> {
    write(out, &GateLine { gate })
}

fn write(mut out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut out, document)?;
    out.write_all(b"\n")
}

/// Reads a line; the error says what is wrong with it.
pub fn read(line: &[u8]) -> Result<Item, String> {
    let whole = match serde_json::from_slice::<Issue>(line) {
        Ok(mut issue) => {
            ADDED.iter().for_each(|field| drop(issue.extra.remove(*field)));
            return Ok(Item::Issue(Box::new(issue)));
        }
        Err(why) => why,
    };
    let document: Value = serde_json::from_slice(line).map_err(|why| format!("no JSON: {why}"))?;
    let text = |why: serde_json::Error| why.to_string();
    match document.as_object() {
        None => Err("an issue is an object".to_owned()),
        Some(fields) if fields.contains_key("gate") => {
            GateLine::deserialize(&document).map(|line| Item::Gate(line.gate)).map_err(text)
        }
        // What only a whole issue has tells that one was meant.
        Some(fields) if fields.contains_key("updated_at") => Err(text(whole)),
        Some(_) => Sketch::deserialize(&document).map(|sketch| Item::Sketch(Box::new(sketch))).map_err(text),
    }
}
