//! The coordinator: hands ready issues to agents, watches them, and takes work back.
//!
//! Read it in this order. [`plan`] is the brain, a pure function. `round` looks at everything and asks it, `act` does
//! what it says: one change of the tracker, then the processes. `care` knows the processes and `signs` whether they are
//! at work, `reach` where issues are claimed. [`daemon`] waits between rounds. [`assignment`] is what
//! is remembered of one issue at one agent, [`runner`] the process that stands between the two: it outlives the
//! coordinator. [`control`] is what people do from outside, and `deliver` starts
//! what delivers events to sinks.
//!
//! INVARIANT: nothing here owns an issue. Whether an agent may work is what the tracker says of its claim; whether it
//! lives is what a kernel lock says. Everything else can be lost and is found again.

mod act;
pub mod assignment;
mod care;
mod clock;
pub mod config;
pub mod control;
pub mod daemon;
mod deliver;
pub mod home;
mod log;
pub mod plan;
mod reach;
mod round;
pub mod runner;
pub mod service;
mod signs;
mod start;
