//! Wrong usage in the program's own words.

use std::ffi::{OsStr, OsString};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::json;

use crate::domain::name::nearest;
use crate::domain::text::shortened;
use crate::environment::system_clock;
use crate::error::{Class, Error};
use crate::plugins;
use crate::report::admin::Page;
use crate::report::{Colour, Printer, Report};

/// The most characters of a message: an argument may be of any length.
const LONGEST: usize = 400;
/// The most characters of a value that is told back.
const LONGEST_VALUE: usize = 60;

/// Answers a command line that was not taken: help and version on stdout, everything else as an error.
pub fn answer(why: &clap::Error, args: &[OsString], plain: bool, path: Option<&OsStr>) -> u8 {
    let flags = || args.iter().skip(1).take_while(|arg| *arg != "--");
    let json = flags().any(|arg| arg == "--json");
    let quiet = flags().any(|arg| arg == "--quiet" || arg == "-q");
    let printer = Printer::new(json, quiet, Colour::Auto, plain);
    match why.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion if json => {
            let topic = command_of(args);
            printer.report(Report::Page(Page { topic, text: why.render().to_string() }), system_clock())
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = why.render();
            let mut text = if printer.colour { text.ansi().to_string() } else { text.to_string() };
            if why.kind() == ErrorKind::DisplayHelp && command_of(args) == "jit" {
                text.push_str(&format!("\n{}{}", super::help::topics(), super::plugin::listed(path)));
            }
            printer.page(&text)
        }
        _ => printer.error(&explain(why, args, path)),
    }
}

fn explain(why: &clap::Error, args: &[OsString], path: Option<&OsStr>) -> Error {
    let mut rendered = why.render().to_string();
    if let Some(ContextValue::String(value)) = why.get(ContextKind::InvalidValue) {
        rendered = rendered.replace(value.as_str(), &shortened(value, LONGEST_VALUE));
    }
    let first = match why.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => "a command is missing",
        _ => rendered.strip_prefix("error: ").unwrap_or(&rendered),
    };
    // What follows the first paragraph is usage, which the hint stands for.
    let message = first.split("\n\n").next().unwrap_or(first).lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let message = shortened(&message, LONGEST);
    let text = |kind| match why.get(kind) {
        Some(ContextValue::String(value)) => Some(value.clone()),
        // Of several suggestions the best stands last.
        Some(ContextValue::Strings(values)) => values.last().cloned(),
        _ => None,
    };
    let suggestion = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(text);
    let suggestion = match text(ContextKind::InvalidSubcommand).filter(|_| command_of(args) == "jit") {
        Some(given) => elsewhere(&given).or_else(|| near_plugin(&given, suggestion.as_deref(), path)).or(suggestion),
        None => suggestion,
    };
    let hint = match suggestion {
        Some(suggestion) => format!("did you mean {suggestion}?"),
        None => format!("{} --help", command_of(args)),
    };
    Error::new(Class::Usage, "usage", message).hint(hint).details(json!({ "argument": text(ContextKind::InvalidArg) }))
}

/// The commands of this name that stand below another word: `jit issue delete` for `delete`.
fn elsewhere(given: &str) -> Option<String> {
    let root = super::Cli::command();
    let is_meant = |verb: &clap::Command| verb.get_name() == given && !verb.is_hide_set();
    let has = |noun: &&clap::Command| !noun.is_hide_set() && noun.get_subcommands().any(is_meant);
    let found: Vec<String> =
        root.get_subcommands().filter(has).map(|noun| format!("jit {} {given}", noun.get_name())).collect();
    (!found.is_empty()).then(|| found.join(" or "))
}

/// The plugin that may have been meant, unless the command that is suggested is nearer.
fn near_plugin(given: &str, command: Option<&str>, path: Option<&OsStr>) -> Option<String> {
    let (plugins, _) = plugins::names(path);
    let free = plugins.iter().map(String::as_str).filter(|name| super::plugin::is_free(name));
    nearest(given, command.into_iter().chain(free)).map(str::to_owned)
}

/// The command that a command line names, as far as it names one.
fn command_of(args: &[OsString]) -> String {
    let mut command = super::Cli::command();
    let mut words = vec!["jit".to_owned()];
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if let Some(sub) = command.find_subcommand(arg).cloned() {
            words.push(sub.get_name().to_owned());
            command = sub;
        }
    }
    words.join(" ")
}

/// The words of a request, without options that change only how it is answered.
pub fn request(args: &[OsString]) -> String {
    let mut words = Vec::new();
    let mut args = args.iter().skip(1).map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        match &*arg {
            "--json" | "-q" | "--quiet" => {}
            "--op-id" | "--color" | "--colour" | "-C" => drop(args.next()),
            word if ["--op-id=", "--color=", "--colour="].iter().any(|option| word.starts_with(option)) => {}
            word => words.push(word.to_owned()),
        }
    }
    words.join("\n")
}
