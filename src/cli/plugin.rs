//! `jit NAME` where no command is called so: a plugin.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::rc::Rc;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::environment::Environment;
use crate::error::{Class, Error};
use crate::plugins;
use crate::report::Printer;
use crate::report::progress::Bar;
use crate::session::{Caller, Session, check_folder};

use super::Cli;

/// Becomes the plugin that a command line names where clap knows no command of that name. Gives the exit code when it
/// could not be started; comes back with `None` when there is no plugin.
pub fn run(why: &clap::Error, args: &[OsString], environment: &Environment, plain: bool) -> Option<u8> {
    let named = match (why.kind(), why.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) => name,
        _ => return None,
    };
    let program = plugins::find(environment.path.as_deref(), named)?;
    let matches = Cli::command().allow_external_subcommands(true).try_get_matches_from(args).ok()?;
    let (name, rest) = matches.subcommand()?;
    if name != named {
        return None;
    }
    let rest: Vec<OsString> = rest.get_many::<OsString>("").unwrap_or_default().cloned().collect();
    let mut globals = matches.clone();
    globals.remove_subcommand();
    let cli = Cli::from_arg_matches(&globals).ok()?;
    let printer = Printer::new(cli.json, cli.quiet, cli.color, plain);
    if let Some(Err(error)) = cli.dir.as_deref().map(check_folder) {
        return Some(printer.error(&error));
    }
    let variables = variables(&cli, environment);
    let failed = plugins::become_it(&program, &rest, cli.dir.as_deref(), &variables);
    let message = format!("the plugin {} could not be started: {failed}", program.display());
    Some(printer.error(&Error::new(Class::Outside, "plugin_not_started", message)))
}

/// What a plugin is told.
fn variables(cli: &Cli, environment: &Environment) -> Vec<(&'static str, Option<OsString>)> {
    let caller = Caller { actor: cli.acting_as.clone(), dir: cli.dir.clone(), ..Caller::default() };
    let session = Session::open(environment.clone(), caller, Rc::new(Bar::default())).ok();
    let (mut actor, mut named) = session.as_ref().and_then(|session| session.actor(None).ok()).unzip();
    if session.is_none() && cli.acting_as.is_some() {
        (actor, named) = (cli.acting_as.clone(), Some(true));
    }
    let place = |session: &Session| {
        let top = session.store.work_tree().unwrap_or_else(|| session.store.common_dir().to_owned());
        top.into_os_string()
    };
    let flag = |set: bool| set.then(|| OsString::from("1"));
    let mut variables = vec![
        ("JIT_REPO", session.as_ref().map(place)),
        ("JIT_ACTOR", actor.as_ref().map(|actor| OsString::from(actor.as_str()))),
        ("JIT_JSON", flag(cli.json)),
        ("JIT_QUIET", flag(cli.quiet)),
        ("JIT_PROGRAM", environment.program.clone().map(PathBuf::into_os_string)),
    ];
    // Who acts by name goes on doing so in what the plugin calls; a person stays one.
    if named == Some(true) {
        variables.push(("JIT_AGENT", actor.map(|actor| OsString::from(actor.as_str()))));
    }
    variables
}

/// Whether no command is called so: a plugin never takes its place.
pub fn is_free(name: &str) -> bool {
    Cli::command().find_subcommand(name).is_none()
}

/// What stands below the help of the program: the plugins that are there.
pub fn listed(path: Option<&OsStr>) -> String {
    let (mut commands, gates) = plugins::names(path);
    commands.retain(|name| is_free(name));
    let line = |what: &str, names: Vec<String>| {
        if names.is_empty() { String::new() } else { format!("{what}: {}\n", names.join(", ")) }
    };
    format!("{}{}", line("Plugins", commands), line("Types of gates", gates))
}
