//! Documents as bytes, and back. Equal content is equal bytes.
//!
//! INVARIANT: a document is pretty-printed JSON with its fields in a fixed order, maps and sets sorted,
//! unknown fields last and sorted, and a newline at the end.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::Issue;
use crate::domain::limits::OBJECT_BYTES;
use crate::domain::name::GateKey;
use crate::domain::snapshot::{Read, Unreadable};

/// Writes a document.
pub fn encode(document: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("stored documents have only text keys");
    bytes.push(b'\n');
    bytes
}

/// Reads a document. `object` names it in errors.
pub fn decode<T: DeserializeOwned>(object: &str, bytes: &[u8]) -> Read<T> {
    if bytes.len() > OBJECT_BYTES {
        return Err(unreadable(object, format!("{} bytes, more than {OBJECT_BYTES}", bytes.len())));
    }
    serde_json::from_slice(bytes).map_err(|why| unreadable(object, format!("no valid document: {why}")))
}

/// Reads an issue that must have the id its name says.
pub fn decode_issue(object: &str, id: IssueId, bytes: &[u8]) -> Read<Issue> {
    let issue: Issue = decode(object, bytes)?;
    if issue.id == id {
        Ok(issue)
    } else {
        Err(unreadable(object, format!("holds the issue {}, not the one it is named after", issue.id)))
    }
}

/// Reads a gate that must have the key its name says.
pub fn decode_gate(object: &str, key: &GateKey, bytes: &[u8]) -> Read<Gate> {
    let gate: Gate = decode(object, bytes)?;
    if gate.key == *key {
        Ok(gate)
    } else {
        Err(unreadable(object, format!("holds the gate {}, not the one it is named after", gate.key)))
    }
}

/// Says that `object` cannot be used.
pub fn unreadable(object: &str, why: impl Into<String>) -> Unreadable {
    Unreadable { object: object.to_owned(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::default_gates;

    #[test]
    fn unknown_fields_survive_and_come_last_in_order() {
        let text = br#"{"zeta": 1, "auto": true, "key": "k", "alpha": [2], "title": "t", "description": ""}"#;
        let gate: Gate = decode("gate", text).expect("a valid gate");
        let written = String::from_utf8(encode(&gate)).expect("JSON is UTF-8");
        let beginning = "{\n  \"key\": \"k\",\n  \"title\": \"t\",\n  \"description\": \"\",\n  \"auto\": true,\n";
        assert!(written.starts_with(beginning), "{written}");
        assert!(written.ends_with(",\n  \"alpha\": [\n    2\n  ],\n  \"zeta\": 1\n}\n"), "{written}");
        let again: Gate = decode("gate", written.as_bytes()).expect("a valid gate");
        assert_eq!(again, gate);
    }

    #[test]
    fn a_document_under_another_name_is_not_taken() {
        let gate = &default_gates()[0];
        let other = "other".parse().expect("a valid key");
        assert!(decode_gate("gates/other.json", &other, &encode(gate)).is_err());
    }
}
