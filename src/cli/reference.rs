//! Descriptions of all commands made from the parser: `--schema` for programs, Markdown for people.

use clap::{Arg, Command, CommandFactory};
use serde_json::{Value, json};

use crate::error::Class;

use super::contract::{self, Contract};
use super::help::TOPICS;

/// Every visible command with its words, leaves only.
pub fn leaves() -> Vec<(String, Command)> {
    let mut root = super::Cli::command();
    root.build();
    let mut found = Vec::new();
    collect(&root, "", &mut found);
    found
}

fn collect(command: &Command, words: &str, found: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let words = format!("{words} {}", sub.get_name()).trim_start().to_owned();
        if sub.has_subcommands() {
            collect(sub, &words, found);
        } else {
            found.push((words, sub.clone()));
        }
    }
}

/// The commands that have promised what they give. A test compares them with [`leaves`].
pub fn promised() -> Vec<&'static str> {
    contract::CONTRACTS.iter().map(|contract| contract.command).collect()
}

/// What `jit --schema` prints.
pub fn schema() -> Value {
    let commands: Vec<Value> = leaves().iter().map(|(words, command)| describe(words, command)).collect();
    let codes: Vec<Value> =
        Class::ALL.iter().map(|class| json!({ "code": class.exit_code(), "meaning": class.meaning() })).collect();
    let globals: Vec<Value> = super::Cli::command().get_arguments().map(argument).collect();
    json!({
        "name": "jit",
        "version": env!("CARGO_PKG_VERSION"),
        "global_arguments": globals,
        "commands": commands,
        "exit_codes": codes,
        "error": {
            "type": "object",
            "properties": { "error": { "type": "object", "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "hint": { "type": ["string", "null"] },
                "retryable": { "type": "boolean" },
                "details": { "type": "object" },
            }, "required": ["code", "message", "hint", "retryable", "details"] } },
            "required": ["error"],
        },
    })
}

fn describe(words: &str, command: &Command) -> Value {
    let promise = contract::of(words);
    let arguments: Vec<Value> = own_arguments(command).map(argument).collect();
    json!({
        "command": format!("jit {words}"),
        "about": text(command.get_about()),
        "details": text(command.get_long_about()),
        "arguments": arguments,
        "stdout": promise.map(|promise| promise.stdout),
        "stream": promise.is_some_and(|promise| promise.stream),
        "output": promise.map(|promise| (promise.shape)()),
        "exit_codes": promise.map(exit_codes),
    })
}

fn exit_codes(promise: &Contract) -> Vec<u8> {
    let mut codes = vec![0, Class::Unexpected.exit_code(), Class::Usage.exit_code(), Class::Outside.exit_code()];
    codes.extend(promise.errors.iter().map(|class| class.exit_code()));
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The arguments of a command without the global ones.
fn own_arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help")
}

fn argument(arg: &Arg) -> Value {
    let names: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    json!({
        "name": arg.get_id().as_str(),
        "long": arg.get_long(),
        "short": arg.get_short().map(String::from),
        "positional": arg.is_positional(),
        "required": arg.is_required_set(),
        "repeatable": matches!(arg.get_action(), clap::ArgAction::Append) || arg.get_num_args().is_some_and(|range| range.max_values() > 1),
        "takes_value": arg.get_action().takes_values(),
        "value_names": if arg.get_action().takes_values() { names } else { Vec::new() },
        "values": if arg.get_action().takes_values() { values } else { Vec::new() },
        "default": defaults.first(),
        "about": text(arg.get_help()),
    })
}

fn text(styled: Option<&clap::builder::StyledStr>) -> Option<String> {
    styled.map(ToString::to_string)
}

/// The reference of all commands in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Commands\n\n\
         This page is made from the parser; a test compares the two. Run `jit help COMMAND` for the same\n\
         text on a terminal, `jit --schema` for programs.\n\n\
         ## Options of every command\n\n",
    );
    for arg in super::Cli::command().get_arguments().filter(|arg| arg.is_global_set()) {
        out.push_str(&option_line(arg));
    }
    out.push_str("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n| 0 | done |\n");
    for class in Class::ALL {
        out.push_str(&format!("| {} | {} |\n", class.exit_code(), class.meaning()));
    }
    out.push_str(&contents());
    for (words, mut command) in leaves() {
        let about = text(command.get_long_about().or(command.get_about())).unwrap_or_default();
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").trim();
        out.push_str(&format!("\n## jit {words}\n\n{about}\n\n```text\n{usage}\n```\n\n"));
        for arg in own_arguments(&command) {
            out.push_str(&option_line(arg));
        }
        if let Some(promise) = contract::of(&words) {
            let codes: Vec<String> = exit_codes(promise).iter().map(ToString::to_string).collect();
            out.push_str(&format!("\nPrints {}. Exit codes: {}.\n", promise.stdout, codes.join(", ")));
        }
    }
    for topic in TOPICS.iter().filter(|topic| topic.name != "exit-codes") {
        out.push_str(&format!("\n## jit help {}\n\n```text\n{}```\n", topic.name, (topic.page)()));
    }
    out
}

/// Links to everything on the page, a line for each first word.
fn contents() -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let topics = TOPICS.iter().filter(|topic| topic.name != "exit-codes").map(|topic| format!("help {}", topic.name));
    for words in leaves().into_iter().map(|(words, _)| words).chain(topics) {
        let (group, rest) = words.split_once(' ').unwrap_or((words.as_str(), ""));
        let name = if rest.is_empty() { group } else { rest };
        let link = format!("[{name}](#jit-{})", words.replace(' ', "-"));
        match groups.iter_mut().find(|(known, _)| known == group) {
            Some((_, links)) => links.push(link),
            None => groups.push((group.to_owned(), vec![link])),
        }
    }
    let mut alone = Vec::new();
    let mut out = String::from("\n## All of them\n\n");
    for (group, links) in groups {
        match links.as_slice() {
            [link] => alone.push(link.clone()),
            links => out.push_str(&format!("- `{group}`: {}\n", links.join(", "))),
        }
    }
    out.push_str(&format!("- by themselves: {}\n", alone.join(", ")));
    out
}

fn option_line(arg: &Arg) -> String {
    let mut names = Vec::new();
    names.extend(arg.get_short().map(|short| format!("-{short}")));
    names.extend(arg.get_long().map(|long| format!("--{long}")));
    let value =
        arg.get_value_names().unwrap_or_default().iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ");
    let head = match (names.is_empty(), arg.get_action().takes_values()) {
        (true, _) => value,
        (false, true) => format!("{} {value}", names.join(", ")),
        (false, false) => names.join(", "),
    };
    format!("- `{head}` — {}\n", text(arg.get_help()).unwrap_or_default())
}
