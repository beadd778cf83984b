//! Short validated texts: actors, labels, gate keys, titles and operation keys.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Declares a text newtype whose every value has passed `$check`.
macro_rules! validated_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)?;
                Ok(Self(text.to_owned()))
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

validated_text!(
    /// Who acts: `type:name` (`copilot:worker-1`), or a bare name. At most 200 bytes on one line.
    Actor,
    check_actor
);
validated_text!(
    /// A label: `area/api`, `kind:bug`. At most 100 bytes, no white space and no comma.
    Label,
    check_label
);
validated_text!(
    /// The key of a gate: `unit-tests`. Letters, digits, `.`, `_` and `-`, at most 64, the first a
    /// letter or digit.
    GateKey,
    check_gate_key
);
validated_text!(
    /// The name of a sink: letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit.
    SinkName,
    check_sink_name
);
validated_text!(
    /// What an issue is called in a plan, or the plan itself: letters, digits, `.`, `_` and `-`, at most 100, the first
    /// a letter or digit.
    PlanKey,
    check_plan_key
);
validated_text!(
    /// The title of an issue: one line of 1 to 500 characters.
    Title,
    check_title
);
validated_text!(
    /// A caller's own key for one operation, which makes repeating it harmless. At most 200 bytes
    /// on one line.
    OpId,
    check_op_id
);

/// The most characters a title has.
pub const TITLE_CHARS: usize = 500;

fn one_line(what: &str, text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} must not be empty"));
    }
    if text.len() > most {
        return Err(format!("{what} has {} bytes; {most} are allowed", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} must not hold line breaks or control characters"));
    }
    Ok(())
}

fn check_actor(text: &str) -> Result<(), String> {
    one_line("an actor", text, 200)?;
    if text.trim() != text || text.starts_with('-') {
        return Err("an actor does not begin or end with a space, nor begin with `-`".to_owned());
    }
    match text.split_once(':') {
        Some((kind, name)) if kind.is_empty() || name.is_empty() => {
            Err("an actor is `type:name`, like `copilot:worker-1`".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_label(text: &str) -> Result<(), String> {
    one_line("a label", text, 100)?;
    if text.chars().any(|c| c.is_whitespace() || c == ',') || text.starts_with(['-', '+']) {
        return Err(
            "a label holds no white space and no comma, and does not begin with `+` or `-`; write it like `area/api`"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether a character can stand in names that are parts of paths and actors: a letter, a digit, `.`, `_` or `-`.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Whether a text is such characters alone, the first a letter or digit.
pub fn is_plain_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_plain)
}

fn check_gate_key(text: &str) -> Result<(), String> {
    one_line("a gate's key", text, 64)?;
    if !is_plain_name(text) {
        return Err("a gate's key has letters, digits, `.`, `_` and `-`, like `unit-tests`".to_owned());
    }
    Ok(())
}

/// A word that was probably meant differs in at most so many letters.
const NEAR: usize = 2;

/// The one of `known` words that was probably meant, where one is near. Costs little for words of other lengths.
pub fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let length = given.chars().count();
    let alike = known.filter(|word| word.chars().count().abs_diff(length) <= NEAR);
    let (distance, word) = alike.map(|word| (strsim::damerau_levenshtein(word, given), word)).min()?;
    (distance <= NEAR && distance < length).then_some(word)
}

/// What may have been meant, to be put behind an error: the nearest, or all that there are.
pub fn one_of(given: &str, known: &[&str]) -> String {
    match nearest(given, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of {}", known.join(", ")),
    }
}

/// What may have been meant, to be put behind an error; nothing where no word is near.
pub fn perhaps<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> String {
    nearest(given, known).map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

fn check_sink_name(text: &str) -> Result<(), String> {
    one_line("a sink's name", text, 64)?;
    if !is_plain_name(text) {
        return Err(format!("`{text}` is not a name: letters, digits, `.`, `_` and `-`, like `chat`"));
    }
    Ok(())
}

fn check_plan_key(text: &str) -> Result<(), String> {
    one_line("a key", text, 100)?;
    if !is_plain_name(text) {
        return Err(format!("`{text}` is not a key: letters, digits, `.`, `_` and `-`, like `login-endpoint`"));
    }
    Ok(())
}

fn check_title(text: &str) -> Result<(), String> {
    let chars = text.chars().count();
    if chars > TITLE_CHARS {
        return Err(format!("a title has at most {TITLE_CHARS} characters; this one has {chars}"));
    }
    one_line("a title", text, usize::MAX)
}

fn check_op_id(text: &str) -> Result<(), String> {
    one_line("an operation id", text, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_a_line_a_path_or_an_option_are_refused() {
        for wrong in ["", " ", "-x", "a\nb", "a\u{1b}[31m", ":x", "x:", " a"] {
            assert!(wrong.parse::<Actor>().is_err(), "{wrong:?}");
        }
        for wrong in ["", "a b", "a,b", "+a", "-a", "a\t"] {
            assert!(wrong.parse::<Label>().is_err(), "{wrong:?}");
        }
        for wrong in ["", "../x", "a/b", ".a", "-a", "ä", &"x".repeat(65)] {
            assert!(wrong.parse::<GateKey>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_title_has_one_to_five_hundred_characters() {
        assert!("ä".repeat(500).parse::<Title>().is_ok());
        assert!("ä".repeat(501).parse::<Title>().is_err());
        assert!("".parse::<Title>().is_err());
        assert!("two\nlines".parse::<Title>().is_err());
    }

    #[test]
    fn actors_may_be_bare_names_and_hold_spaces() {
        for right in ["copilot:worker-1", "copilot-worker-1", "human:Ada Lovelace", "ci:a:b"] {
            assert!(right.parse::<Actor>().is_ok(), "{right}");
        }
    }
}
