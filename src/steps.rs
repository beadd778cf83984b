//! Named steps of a write, so that tests can end the process at each of them.
//!
//! Only debug builds look at `JIT_ABORT_AT`; in release builds [`reached`] is empty.

/// The steps in the order in which a change passes them.
pub const ALL: &[&str] = &[
    "queued",
    "decided",
    "objects-written",
    "marker-written",
    "ref-locked",
    "reflog-written",
    "ref-moved",
    "queue-left",
    "mirror-intent",
    "mirror-issue",
    "mirror-events",
    "mirror-stamped",
];

/// Says that `step` was reached. In a debug build the process ends here, without any clean-up, when
/// `JIT_ABORT_AT` names the step.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a switch for tests, absent from release builds")]
pub fn reached(step: &'static str) {
    debug_assert!(ALL.contains(&step), "{step} is not in the list of steps");
    if std::env::var_os("JIT_ABORT_AT").is_some_and(|at| at == step) {
        std::process::abort();
    }
}

/// Says that `step` was reached: nothing to do in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_step: &'static str) {}
