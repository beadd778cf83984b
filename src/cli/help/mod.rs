//! `jit help`.

mod fields;
mod topics;

pub use topics::TOPICS;

use std::ffi::OsStr;

use clap::{Args, CommandFactory};

use crate::error::{Class, Error, Result};
use crate::plugins;
use crate::report::Report;
use crate::report::admin::Page;

/// Explain a command or a topic
///
/// Topics: states, exit-codes, environment, settings, gates, filters, times, plans, event-names, cursors, output,
/// plugins, coordinator-config. Reads nothing.
#[derive(Args, Debug)]
pub struct Help {
    /// A topic, or the words of a command
    #[arg(value_name = "TOPIC|COMMAND")]
    words: Vec<String>,
}

impl Help {
    /// Runs the command.
    pub fn run(self, path: Option<&OsStr>) -> Result<Report> {
        if let [word] = self.words.as_slice()
            && let Some(topic) = TOPICS.iter().find(|topic| topic.name == word)
        {
            return Ok(Report::Page(Page { topic: topic.name.to_owned(), text: (topic.page)() }));
        }
        if let [word] = self.words.as_slice()
            && super::plugin::is_free(word)
            && plugins::find(path, word).is_some()
        {
            let message = format!("`{word}` is a plugin, which explains itself");
            return Err(Error::new(Class::NotFound, "no_help", message).hint(format!("jit {word} --help")));
        }
        let mut root = super::Cli::command();
        root.build();
        let mut text = find(&root, &self.words)?.clone().render_long_help().to_string();
        if self.words.is_empty() {
            text.push_str(&format!("\n{}{}", topics(), super::plugin::listed(path)));
        }
        Ok(Report::Page(Page { topic: self.words.join(" "), text }))
    }
}

/// The command with these words.
pub fn find<'c>(root: &'c clap::Command, words: &[String]) -> Result<&'c clap::Command> {
    words.iter().try_fold(root, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            Error::new(Class::NotFound, "no_help", format!("there is no help on `{}`", words.join(" ")))
                .hint("jit --help")
        })
    })
}

/// The topics, in one line.
pub fn topics() -> String {
    let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
    format!("Topics: jit help {}\n", names.join("|"))
}
