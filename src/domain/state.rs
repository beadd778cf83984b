//! The life of an issue: its states, its priorities, and which state may follow which.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a closed set of words that are stored, typed and shown alike.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in its natural order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word that is stored and typed.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is not a valid {}; one of {}", $what, known.join(", "))
                })
            }
        }
    };
}

words!(
    /// The stored state of an issue. *Blocked* is not among them: it is derived from dependencies.
    State, "state" {
        /// Written down, not yet released for work.
        Open = "open",
        /// Released for work; handed out as soon as nothing blocks it.
        Ready = "ready",
        /// Claimed by somebody.
        InProgress = "in_progress",
        /// Work finished, gates outstanding.
        Gated = "gated",
        /// Finished.
        Done = "done",
        /// Will not be done.
        Rejected = "rejected",
        /// Put away.
        Archived = "archived",
    }
);

words!(
    /// How urgent an issue is. The order of the values is the order of work.
    Priority, "priority" {
        /// Before everything else.
        Critical = "critical",
        /// Before normal work.
        High = "high",
        /// The default.
        Normal = "normal",
        /// When nothing else is ready.
        Low = "low",
    }
);

words!(
    /// How a claim ended when its holder released it.
    Outcome, "outcome" {
        /// Left in good order for the next.
        Handoff = "handoff",
        /// Given up.
        Abandoned = "abandoned",
        /// Tried and failed.
        Failed = "failed",
    }
);

words!(
    /// What is known about a gate of an issue.
    GateStatus, "gate status" {
        /// Nobody has judged yet.
        Pending = "pending",
        /// Judged good.
        Passed = "passed",
        /// Judged bad.
        Failed = "failed",
    }
);

words!(
    /// What a gate holds back while it is not passed.
    #[derive(Default)]
    Stage, "stage" {
        /// The claim.
        Start = "start",
        /// A commit for the issue, and done.
        Commit = "commit",
        /// Done.
        #[default]
        Finish = "finish",
    }
);

/// Which states may follow which: the one table of the state machine.
///
/// `in_progress` is entered by a claim. A finished issue is reopened by going back to `open` or `ready`.
pub const TRANSITIONS: &[(State, &[State])] = &[
    (State::Open, &[State::Ready, State::InProgress, State::Gated, State::Done, State::Rejected, State::Archived]),
    (State::Ready, &[State::Open, State::InProgress, State::Gated, State::Done, State::Rejected, State::Archived]),
    (State::InProgress, &[State::Open, State::Ready, State::Gated, State::Done, State::Rejected, State::Archived]),
    (State::Gated, &[State::Open, State::Ready, State::InProgress, State::Done, State::Rejected, State::Archived]),
    (State::Done, &[State::Open, State::Ready, State::Rejected, State::Archived]),
    (State::Rejected, &[State::Open, State::Ready, State::Archived]),
    (State::Archived, &[State::Open, State::Ready, State::Rejected]),
];

impl State {
    /// The states that may follow this one.
    pub fn successors(self) -> &'static [State] {
        TRANSITIONS.iter().find(|(from, _)| *from == self).map_or(&[], |(_, to)| *to)
    }

    /// Whether `next` may follow this state.
    pub fn may_become(self, next: State) -> bool {
        self.successors().contains(&next)
    }

    /// Whether work on the issue is over: done, rejected or archived.
    pub fn is_finished(self) -> bool {
        matches!(self, State::Done | State::Rejected | State::Archived)
    }

    /// Whether entering this state needs every dependency out of the way.
    pub fn needs_unblocked(self) -> bool {
        matches!(self, State::InProgress | State::Gated | State::Done)
    }

    /// Whether an issue in this state can be held by a claim.
    pub fn may_be_claimed(self) -> bool {
        matches!(self, State::InProgress | State::Gated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_and_archived_can_be_reached_from_every_other_state() {
        for from in State::ALL {
            for to in [State::Rejected, State::Archived] {
                assert!(*from == to || from.may_become(to), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn every_state_has_its_row_and_none_leads_to_itself() {
        for state in State::ALL {
            assert!(!state.successors().is_empty());
            assert!(!state.may_become(*state));
        }
    }

    #[test]
    fn finished_issues_can_only_be_reopened_before_work_goes_on() {
        for from in [State::Done, State::Rejected, State::Archived] {
            assert!(from.may_become(State::Open) && from.may_become(State::Ready));
            assert!(!from.may_become(State::InProgress) && !from.may_become(State::Gated));
        }
    }
}
