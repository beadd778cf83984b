//! `jit`: an issue tracker for fleets of coding agents that keeps all its state in git.
//!
//! Read the modules in this order and you follow a command on its way:
//!
//! ```text
//! argv ─ cli ─ session ─ domain::ops ─ store::transact ─ store::git ─ mirror ─ report ─ stdout, exit code
//! ```
//!
//! - [`cli`] turns arguments into a call; clap lives only there.
//! - [`session`] opens the repository and reads the environment, once.
//! - [`domain`] holds the rules: pure functions from a snapshot and a context to events or a refusal.
//! - [`store`] turns events into one commit and swaps the ref; only its `git` folder names gix.
//! - [`history`] asks the past: events after a cursor, who set what, what can be undone, how work went.
//! - [`gates`] runs what judges, and says which commands may run at all.
//! - [`hooks`] is what git calls; [`verify`] asks whether commits are what their issues want.
//! - [`sync`] makes one tracker of many clones, by plain git.
//! - [`land`] moves code and tracker together.
//! - [`plan`] reads break-downs of work as people and agents write them.
//! - [`sinks`] delivers events to commands and over HTTP.
//! - [`worktree`] gives each issue a place of its own to work in.
//! - [`mirror`] writes the plain files from a commit that was loaded.
//! - [`report`] holds the results, and the one place that prints; [`error`] the words and exit codes of failures.

pub mod cli;
pub mod coordinator;
mod document;
pub mod domain;
pub mod environment;
pub mod error;
mod file_lock;
pub mod gates;
mod git_process;
pub mod history;
pub mod hooks;
pub mod land;
pub mod mirror;
mod pager;
pub mod plan;
mod plugins;
mod processes;
pub mod progress;
pub mod recovery;
pub mod report;
pub mod session;
pub mod sinks;
pub mod steps;
pub mod store;
pub mod sync;
pub mod verify;
mod watch;
pub mod worktree;

use std::process::ExitCode;

/// Runs the program with the process's arguments and environment.
pub fn run() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    ExitCode::from(cli::run(&args, environment::Environment::read()))
}
