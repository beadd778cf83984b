//! How large things may grow.

use std::collections::BTreeMap;

use super::issue::Issue;
use super::refusal::{Decision, Refusal};

/// Bytes in a description, and in one comment: 1 MiB.
pub const TEXT_BYTES: usize = 1 << 20;
/// Labels, dependencies or gates of one issue.
pub const COLLECTION: usize = 1000;
/// Bytes of all context keys and values of one issue together: 64 KiB.
pub const CONTEXT_BYTES: usize = 64 << 10;
/// Bytes of one stored object: 8 MiB.
pub const OBJECT_BYTES: usize = 8 << 20;
/// Bytes of the document of an issue: a little less, so that an event can carry it.
pub const ISSUE_BYTES: usize = OBJECT_BYTES - (64 << 10);

/// Refuses a text of more than [`TEXT_BYTES`].
pub fn check_text(what: &str, text: &str) -> Decision {
    if text.len() > TEXT_BYTES {
        return Err(too_large(format!("{what} of {} bytes", text.len()), format!("{TEXT_BYTES} bytes")));
    }
    Ok(())
}

/// Refuses keys of a context that could not be shown or typed.
pub fn check_context(context: &BTreeMap<String, String>) -> Decision {
    match context.keys().find(|key| key.is_empty() || key.chars().any(|c| c.is_control() || c == '=')) {
        Some(key) => Err(Refusal::Invalid {
            what: format!("context key `{key}`"),
            why: "a key is not empty and holds no `=` and no control characters".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Refuses an issue whose collections have grown past their limits.
pub fn check_issue(issue: &Issue) -> Decision {
    let collections =
        [("labels", issue.labels.len()), ("dependencies", issue.dependencies.len()), ("gates", issue.gates.len())];
    for (what, count) in collections {
        if count > COLLECTION {
            return Err(too_large(format!("{count} {what}"), format!("{COLLECTION} an issue")));
        }
    }
    let context: usize = issue.context.iter().map(|(key, value)| key.len() + value.len()).sum();
    if context > CONTEXT_BYTES {
        return Err(too_large(format!("a context of {context} bytes"), format!("{CONTEXT_BYTES} bytes an issue")));
    }
    check_context(&issue.context)?;
    for said in issue.comments.iter().map(|comment| &comment.text).chain(issue.question.iter().map(|asked| &asked.text))
    {
        check_text("a comment", said)?;
    }
    check_text("a description", &issue.description)
}

fn too_large(what: String, limit: String) -> Refusal {
    Refusal::TooLarge { what, limit }
}
