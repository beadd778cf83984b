//! `jit graph export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::at::AtArg;
use crate::cli::common::FilterArg;
use crate::domain::filter::Pattern;
use crate::domain::graph::within;
use crate::domain::id::IdPrefix;
use crate::domain::table::Entry;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::graph::formats::{dot, json, mermaid};
use crate::report::graph::picture::Picture;
use crate::report::graph::{Export as Exported, svg};
use crate::session::Session;

/// Write the graph in an exchange format, or as a picture
///
/// All issues, or what one waits for; a filter chooses among them. Boxes are painted by state. Reads the index.
#[derive(Args, Debug)]
pub struct Export {
    /// Only this issue and what it waits for
    id: Option<IdPrefix>,
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// Put issues with the same label that fits (`area/*`) into a group
    #[arg(long, value_name = "LABEL")]
    group_by: Option<String>,
    #[command(flatten)]
    filter: FilterArg,
    /// Write it to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    at: AtArg,
}

/// The formats of `graph export`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
    /// Nodes and edges
    Json,
    /// A picture
    Svg,
}

impl Export {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let group_by = self.group_by.as_deref().map(Pattern::read).transpose();
        let group_by = group_by.map_err(|why| Error::usage(format!("--group-by: {why}")))?;
        let filter = self.filter.read(session)?;
        let view = self.at.view(session)?;
        let table = session.table(&view.state)?;
        let mut issues: Vec<Entry<'_>> = match &self.id {
            Some(id) => {
                let start = session.resolve(&view.state, id)?.id;
                within(&table, &table.find(start).into_iter().collect::<Vec<_>>(), None)
            }
            None => table.issues().collect(),
        };
        issues.retain(|issue| filter.as_ref().is_none_or(|filter| filter.accepts(*issue)));
        let picture = Picture::new(issues, group_by.as_ref());
        let (format, content) = match self.format {
            Format::Dot => ("dot", dot(&picture)),
            Format::Mermaid => ("mermaid", mermaid(&picture)),
            Format::Json => ("json", json(&picture)),
            Format::Svg if picture.issues.len() > svg::MOST => return Err(too_many(picture.issues.len())),
            Format::Svg => ("svg", svg::svg(&picture)),
        };
        let (file, content) = match self.output {
            Some(path) => {
                std::fs::write(session.start().join(&path), content)
                    .map_err(|why| Error::new(Class::Outside, "io", format!("writing {}: {why}", path.display())))?;
                (Some(path.display().to_string()), None)
            }
            None => (None, Some(content)),
        };
        Ok(Report::Export(Exported { format: format.to_owned(), file, content }))
    }
}

fn too_many(count: usize) -> Error {
    let message = format!("{count} issues are too many for a picture; the limit is {}", svg::MOST);
    Error::new(Class::Usage, "too_large", message)
        .hint("choose some: --filter EXPR, or an id; or --format dot, for Graphviz")
}
