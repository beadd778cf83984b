//! `jit hooks`.

use std::io::Read as _;

use clap::{Args, Subcommand};

use crate::error::{Class, Error, Result};
use crate::hooks::{self, Call};
use crate::report::Report;
use crate::report::hooks::{HookRow, HookStatus, Hooks as Report_, StatusRow};
use crate::session::Session;
use crate::store::Backend;

/// Git hooks that enforce gates and link commits to issues
#[derive(Subcommand, Debug)]
pub enum Hooks {
    Install(Install),
    Uninstall(Uninstall),
    Status(Status),
    Run(Run),
}

/// Put the hooks where git looks for them
///
/// That is where core.hooksPath says, for all work trees of the repository. A hook that is there already is kept,
/// and called first. With --server the hook of a hub is put there, which judges what is pushed to it. Safe to repeat.
/// Reads git's configuration and the folder of hooks.
#[derive(Args, Debug)]
pub struct Install {
    /// Go on where a hook of somebody else stands beside one that was kept before; both are kept
    #[arg(long)]
    force: bool,
    /// Make this repository a hub: `pre-receive`, which no client can skip
    #[arg(long)]
    server: bool,
}

/// Remove the hooks, and restore what was there before
///
/// Reads git's configuration and the folder of hooks.
#[derive(Args, Debug)]
pub struct Uninstall {}

/// Show which hooks git reaches
///
/// Lets git itself find and run each hook, which then only reports that it ran. Exits 4 when one is not reached. Reads
/// git's configuration and the folder of hooks.
#[derive(Args, Debug)]
pub struct Status {}

/// Run a hook; the installed hooks call this
///
/// Reads what the hook needs: the claims of the acting agent from the index, its issue, and the definitions of its
/// gates.
#[derive(Args, Debug)]
pub struct Run {
    /// The hook
    name: String,
    /// What git gave it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Bytes that git may say to a hook.
const INPUT_BYTES: u64 = 64 << 20;

impl Hooks {
    /// The hook that git called, when this is such a call.
    pub fn called(&self) -> Option<&str> {
        match self {
            Hooks::Run(run) => Some(&run.name),
            _ => None,
        }
    }

    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let report = |done: hooks::Installed, verb: &str| {
            let rows = done.hooks.iter().map(|(name, done)| HookRow { hook: (*name).to_owned(), done: word(*done) });
            let hooks: Vec<HookRow> = rows.collect();
            let folder = done.folder.display().to_string();
            Ok(Report::Hooks(Report_ { folder, count: hooks.len(), hooks, verb: verb.to_owned() }))
        };
        match self {
            Hooks::Install(Install { force, server: false }) => {
                if session.store.work_tree().is_none() {
                    session
                        .notice("these serve the work trees of this repository; --server judges what is pushed to it");
                }
                report(hooks::install(session, hooks::HOOKS, force)?, "the hooks are in")
            }
            Hooks::Install(Install { force, server: true }) => {
                name_tracker(session)?;
                report(hooks::install(session, hooks::SERVER_HOOKS, force)?, "the hub's hook is in")
            }
            Hooks::Uninstall(Uninstall {}) => report(hooks::uninstall(session)?, "the hooks are gone from"),
            Hooks::Status(Status {}) => status(session),
            Hooks::Run(command) => command.run(session),
        }
    }
}

/// Has the commands that are run in a bare hub find the tracker where others push it.
fn name_tracker(session: &Session) -> Result<()> {
    let store = &session.store;
    if store.work_tree().is_none() && store.config("jit.ref").is_none() && store.tip()?.is_none() {
        store.git().config_set("jit.ref", &store.remote_ref()?)?;
    }
    Ok(())
}

fn word(done: hooks::Done) -> String {
    let word = match done {
        hooks::Done::Installed => "installed",
        hooks::Done::Joined => "joined",
        hooks::Done::Unchanged => "unchanged",
        hooks::Done::Removed => "removed",
        hooks::Done::Restored => "restored",
        hooks::Done::Left => "left",
    };
    word.to_owned()
}

fn status(session: &Session) -> Result<Report> {
    let probe = hooks::probe(session)?;
    let rows = probe.hooks.into_iter().map(|hook| StatusRow {
        hook: hook.name.to_owned(),
        reached: hook.reached,
        calls: hook.calls.map(|path| path.display().to_string()),
        why: hook.why,
    });
    let hooks: Vec<StatusRow> = rows.collect();
    let reached = hooks.iter().all(|hook| hook.reached);
    Ok(Report::HookStatus(HookStatus {
        folder: probe.folder.display().to_string(),
        reached,
        count: hooks.len(),
        way_out: match hooks.iter().any(|hook| !hook.reached && hooks::SERVER_HOOKS.contains(&hook.hook.as_str())) {
            true => "jit hooks install --server",
            false => "jit hooks install",
        },
        hooks,
    }))
}

impl Run {
    fn run(self, session: &Session) -> Result<Report> {
        let known = || hooks::HOOKS.iter().chain(hooks::SERVER_HOOKS);
        if !known().any(|name| *name == self.name) {
            return Err(Error::new(Class::Usage, "unknown_hook", format!("jit has no hook `{}`", self.name))
                .hint(format!("one of {}", known().copied().collect::<Vec<_>>().join(", "))));
        }
        if let Some(file) = &session.environment.hook_probe {
            hooks::note(file, &self.name)
                .map_err(|why| Error::new(Class::Outside, "probe_failed", format!("{}: {why}", file.display())))?;
            return Ok(Report::Nothing);
        }
        let mut input = Vec::new();
        if matches!(self.name.as_str(), "pre-push" | "post-rewrite" | "pre-receive") {
            std::io::stdin().lock().take(INPUT_BYTES).read_to_end(&mut input).map_err(|why| {
                Error::new(Class::Outside, "unreadable_input", format!("reading what git says: {why}"))
            })?;
        }
        let input = String::from_utf8_lossy(&input).into_owned();
        hooks::run(session, &Call { name: self.name, args: self.args, input })?;
        Ok(Report::Nothing)
    }
}
