//! Errors as callers see them: a class that gives the exit code, a stable code, words, a way out.
//!
//! Nothing else decides exit codes. Refusals of the rules are worded in `refusal`, failures of the
//! store in `store`.

mod refusal;
mod store;

use serde_json::{Value, json};

/// What went wrong, by what can be done about it. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A bug, or an object that cannot be read.
    Unexpected = 1,
    /// Wrong usage or an invalid value.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// A rule is against it.
    Refused = 4,
    /// Somebody else was first.
    Lost = 5,
    /// It exists already.
    Exists = 6,
    /// There is nothing to give.
    Nothing = 7,
    /// Something outside this program failed.
    Outside = 10,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 8] = [
        Class::Unexpected,
        Class::Usage,
        Class::NotFound,
        Class::Refused,
        Class::Lost,
        Class::Exists,
        Class::Nothing,
        Class::Outside,
    ];

    /// The exit code.
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    /// What the exit code means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::Unexpected => "unexpected failure",
            Class::Usage => "wrong usage or an invalid value",
            Class::NotFound => "not found",
            Class::Refused => "refused by a rule",
            Class::Lost => "lost to somebody else",
            Class::Exists => "already exists",
            Class::Nothing => "nothing to do, or timed out",
            Class::Outside => "something outside failed",
        }
    }
}

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Error {
    /// Gives the exit code.
    pub class: Class,
    /// A stable name for programs: `issue_not_found`.
    pub code: &'static str,
    /// What happened, on which object.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether the same command may succeed later without anything else being done.
    pub retryable: bool,
    /// More for programs.
    pub details: Value,
}

/// The result of a command.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a hint.
    pub fn new(class: Class, code: &'static str, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into(), hint: None, retryable: false, details: json!({}) }
    }

    /// Wrong usage: a value that cannot be taken.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, "invalid_value", message)
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds data for programs.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Says that trying again may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// What happened and the way out, as a part of something else that is told.
    pub fn in_a_line(&self) -> String {
        let message = self.message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        match self.hint.as_ref().filter(|hint| !hint.contains('\n')) {
            Some(hint) => format!("{message} ({hint})"),
            None => message,
        }
    }

    /// The document that `--json` prints.
    pub fn to_json(&self) -> Value {
        json!({
            "error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "retryable": self.retryable,
                "details": self.details,
            }
        })
    }
}

impl From<crate::store::transact::Failure> for Error {
    fn from(failure: crate::store::transact::Failure) -> Self {
        match failure {
            crate::store::transact::Failure::Refused(refusal) => refusal.into(),
            crate::store::transact::Failure::Store(error) => error.into(),
        }
    }
}
