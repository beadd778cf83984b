//! Git hooks: putting them where git looks, and what each of them does.
//!
//! A hook begins as a few lines of shell ([`install`]) that call `jit hooks run NAME`. What runs then never holds
//! the writers' queue while a command of a gate runs, and takes no lock of git's.

mod at_hand;
mod enforce;
mod install;
mod link;
mod message;
mod probe;
mod push;
mod receive;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::session::Session;
use crate::store::Backend;

pub use install::{Done, Installed, install, uninstall};
pub use probe::{Probe, Reached, note, probe};
pub use push::Protected;

/// The hooks, in the order in which git comes to them.
pub const HOOKS: &[&str] = &[
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "pre-push",
];

/// The hooks of a hub.
pub const SERVER_HOOKS: &[&str] = &["pre-receive"];

/// A hook as git called it.
pub struct Call {
    /// Which.
    pub name: String,
    /// What git gave as arguments.
    pub args: Vec<String>,
    /// What git says on stdin, for the hooks that are told something there.
    pub input: String,
}

impl Call {
    /// An argument as a path, from where git runs hooks.
    fn path(&self, at: usize, session: &Session) -> Result<PathBuf> {
        let missing = || Error::usage(format!("git gives the hook {} a file as argument {}", self.name, at + 1));
        Ok(session.start().join(self.args.get(at).ok_or_else(missing)?))
    }

    fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }
}

/// Whether a hook ends with nothing but the mirror brought up to date.
pub fn refreshes_mirror(name: &str) -> bool {
    name.starts_with("post-")
}

/// Does what the hook is for. An error keeps git from going on, where the hook comes before something.
///
/// In a repository without a tracker there is nothing to do.
pub fn run(session: &Session, call: &Call) -> Result<()> {
    if call.name == "pre-receive" {
        // Here the tracker itself may be what comes.
        return receive::before_receive(session, &call.input);
    }
    if session.store.tip()?.is_none() {
        return Ok(());
    }
    match call.name.as_str() {
        "pre-commit" | "pre-merge-commit" => enforce::before_commit(session),
        "prepare-commit-msg" => message::prepare(session, &call.path(0, session)?, call.arg(1)),
        "commit-msg" => message::check(session, &call.path(0, session)?),
        "post-commit" => link::after_commit(session),
        "post-merge" => link::after_merge(session, call.arg(0) == "1"),
        "post-rewrite" => link::after_rewrite(session, &call.input),
        "pre-push" => push::before_push(session, call.arg(0), &call.input),
        // What is left is the mirror.
        _ => Ok(()),
    }
}
