//! The exchange format: one JSON document a line.
//!
//! A line is an issue as it is stored, or `{"gate": …}` with the definition of a gate. A line written by
//! hand may leave out all of an issue but its title.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::domain::gate::Gate;
use crate::domain::issue::Issue;
use crate::domain::ops::load::Item;

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

/// What tells the kinds of lines apart.
#[derive(Deserialize)]
struct Peek {
    gate: Option<IgnoredAny>,
    updated_at: Option<IgnoredAny>,
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
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("an issue is an object, {…}".to_owned());
    }
    let peek: Peek = serde_json::from_slice(line).map_err(|why| said(&why))?;
    if peek.gate.is_some() {
        serde_json::from_slice(line).map(|line: GateLine<Gate>| Item::Gate(line.gate)).map_err(|why| said(&why))
    } else if peek.updated_at.is_some() {
        // What only a whole issue has tells that one was meant.
        Err(said(&whole))
    } else {
        serde_json::from_slice(line).map(|sketch| Item::Sketch(Box::new(sketch))).map_err(|why| said(&why))
    }
}

/// An error without the number of the line, which for serde is always the first.
fn said(why: &serde_json::Error) -> String {
    why.to_string().replace("at line 1 column", "at column")
}
