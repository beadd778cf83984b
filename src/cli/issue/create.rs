//! `jit issue create`.

use clap::Args;

use crate::cli::common::{Answer, key_value, read_text};
use crate::domain::id::IdPrefix;
use crate::domain::name::{GateKey, Label, Title};
use crate::domain::ops;
use crate::domain::state::Priority;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::session::{Manners, Session};

/// Create an issue and print its id
///
/// However many options are given, the issue is created in one commit. Reads the gates and dependencies
/// named, and for --blocks what the new issue reaches.
#[derive(Args, Debug)]
pub struct Create {
    /// The title: one line of up to 500 characters
    #[arg(short, long, value_name = "TITLE", allow_hyphen_values = true)]
    title: Option<Title>,
    /// The title
    #[arg(value_name = "TITLE", conflicts_with = "title")]
    words: Option<Title>,
    /// The description
    #[arg(short, long = "desc", alias = "description", value_name = "TEXT", allow_hyphen_values = true)]
    desc: Option<String>,
    /// Read the description from a file, or from stdin with `-`
    #[arg(long, value_name = "FILE", conflicts_with = "desc")]
    desc_file: Option<String>,
    /// critical, high, normal or low
    #[arg(short, long, default_value_t = Priority::Normal)]
    priority: Priority,
    /// A gate the issue must pass before it is done
    #[arg(short, long = "gate", value_name = "KEY")]
    gates: Vec<GateKey>,
    /// A label
    #[arg(short, long = "label", alias = "add-label", value_name = "LABEL")]
    labels: Vec<Label>,
    /// An issue that must be finished first
    #[arg(long, value_name = "ID")]
    depends_on: Vec<IdPrefix>,
    /// An issue that waits for this one
    #[arg(long, value_name = "ID")]
    blocks: Vec<IdPrefix>,
    /// Release it for work at once
    #[arg(long)]
    ready: bool,
    /// A key and value for tools
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    context: Vec<(String, String)>,
}

impl Create {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let title = self.title.or(self.words);
        let title = title.ok_or_else(|| Error::usage("a title is missing").hint("jit issue create --title \"…\""))?;
        let description = match (self.desc, self.desc_file) {
            (Some(text), _) => text,
            (None, Some(file)) => read_text(session, &file)?,
            (None, None) => String::new(),
        };
        let create = ops::issue::Create {
            title,
            description,
            priority: self.priority,
            gates: self.gates.into_iter().collect(),
            labels: self.labels.into_iter().collect(),
            depends_on: self.depends_on,
            blocks: self.blocks,
            ready: self.ready,
            context: self.context.into_iter().collect(),
        };
        let change = session.change("issue create", &Manners::default(), |draft| {
            ops::issue::create(draft, &create).map(|id| vec![id])
        })?;
        Answer::product("created").rest(format!("  {}", create.title)).report(session, &change)
    }
}
