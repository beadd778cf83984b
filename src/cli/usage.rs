//! Wrong usage in the program's own words.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::json;

use crate::error::{Class, Error};
use crate::report::{Colour, Printer};

/// The most characters of a message: an argument may be of any length.
const LONGEST: usize = 400;

/// Answers a command line that was not taken: help and version on stdout, everything else as an error.
pub fn answer(why: &clap::Error, args: &[OsString], plain: bool) -> u8 {
    let flags = || args.iter().skip(1).take_while(|arg| *arg != "--");
    let json = flags().any(|arg| arg == "--json");
    let quiet = flags().any(|arg| arg == "--quiet" || arg == "-q");
    let printer = Printer::new(json, quiet, Colour::Auto, plain);
    match why.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = why.render();
            printer.page(&if printer.colour { text.ansi().to_string() } else { text.to_string() })
        }
        _ => printer.error(&explain(why)),
    }
}

fn explain(why: &clap::Error) -> Error {
    let rendered = why.render().to_string();
    let first = match why.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => rendered.strip_prefix("error: ").unwrap_or(&rendered),
    };
    // What follows the first paragraph is usage, which the hint stands for.
    let message = first.split("\n\n").next().unwrap_or(first).lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let message = match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    };
    let text = |kind| match why.get(kind) {
        Some(ContextValue::String(value)) => Some(value.clone()),
        Some(ContextValue::Strings(values)) => values.first().cloned(),
        _ => None,
    };
    let suggestion = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(text);
    let hint = match suggestion {
        Some(suggestion) => format!("did you mean {suggestion}?"),
        None => format!("{} --help", command_of(&rendered)),
    };
    Error::new(Class::Usage, "usage", message).hint(hint).details(json!({ "argument": text(ContextKind::InvalidArg) }))
}

/// The command in a rendered usage line: the words before the first option or argument.
fn command_of(rendered: &str) -> String {
    let usage = rendered.lines().find_map(|line| line.trim().strip_prefix("Usage: "));
    let words = usage.unwrap_or("jit").split(' ');
    let command: Vec<&str> = words.take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect();
    command.join(" ")
}
