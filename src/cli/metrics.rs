//! `jit metrics`.

use clap::{Args, ValueEnum};

use crate::domain::time::parse_moment;
use crate::error::{Error, Result};
use crate::history::figures;
use crate::report::Report;
use crate::report::metrics::{Format as Shape, Metrics as Shown};
use crate::session::Session;

use super::at::AtArg;

/// Show how work is going: throughput, lead and cycle times, gates, claims, agents
///
/// Times are those of the issues that became done in the period. Reads the events of the period, those of issues that
/// were done in it and made before, and the index.
#[derive(Args, Debug)]
pub struct Metrics {
    /// The beginning of the period: a span back from now, a day or an RFC 3339 time
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// The format; without it a text for people
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    at: AtArg,
}

/// The formats of `metrics`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One document
    Json,
    /// One line per figure
    Csv,
    /// OpenMetrics text, as Prometheus reads it
    Prometheus,
}

impl Metrics {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let since = parse_moment(&self.since, session.now()).map_err(|why| Error::usage(format!("--since: {why}")))?;
        let view = self.at.view(session)?;
        // A time says when the period ends; a commit, that it ends with its events.
        let end = self.at.clock(session, &view)?;
        if since >= end {
            return Err(Error::usage(format!("--since: the period would begin at {since} and end at {end}")));
        }
        let table = session.table(&view.state)?;
        let (figures, start) = figures(session, &view, &table, (since, end))?;
        let format = match self.format {
            None => Shape::Text,
            Some(Format::Json) => Shape::Json,
            Some(Format::Csv) => Shape::Csv,
            Some(Format::Prometheus) => Shape::OpenMetrics,
        };
        Ok(Report::Metrics(Box::new(Shown::new(&figures, &table, (start, end), format))))
    }
}
