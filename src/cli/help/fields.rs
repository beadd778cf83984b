//! The page on the coordinator's configuration, made from its schema.

use serde_json::Value;

use crate::cli::contract::accepted;
use crate::coordinator::config::{Config, SAMPLE};

/// Every field with what it means and what holds when it is left out.
pub fn coordinator_config() -> String {
    let schema = accepted::<Config>();
    let mut text = String::from(".jit/coordinator.json, which belongs to one checkout and is never shared:\n\n");
    list(&schema, &schema, "", &mut text);
    text.push_str(&format!("\njit coordinator init-config writes:\n\n{SAMPLE}"));
    text
}

/// A line for each field of an object, and of the objects in it.
fn list(root: &Value, object: &Value, before: &str, text: &mut String) {
    for (name, field) in object["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        let (inner, path) = match resolve(root, field) {
            list if list["type"] == "array" => (resolve(root, &list["items"]), format!("{path}[]")),
            other => (other, path),
        };
        if inner["properties"].is_object() {
            list(root, inner, &format!("{path}."), text);
            continue;
        }
        let meaning = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        let is_required = object["required"].as_array().is_some_and(|names| names.contains(&name.as_str().into()));
        let default = match &field["default"] {
            _ if is_required => " [must be there]".to_owned(),
            default => format!(" [{default}]"),
        };
        text.push_str(&format!("  {}\n      {meaning}{default}\n", path.trim_end_matches("[]")));
    }
}

/// What a reference in a schema leads to.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &root["$defs"][name])
}
