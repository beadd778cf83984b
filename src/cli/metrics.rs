//! `jit metrics`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use crate::domain::id::IssueId;
use crate::domain::metrics::{Metrics as Figures, Stories};
use crate::domain::name::Actor;
use crate::domain::time::{Timestamp, parse_moment};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::metrics::{Format as Shape, Metrics as Shown};
use crate::session::{Session, View};
use crate::store::history::events_about;
use crate::store::{Backend, Walk, events};

use super::at::AtArg;
use super::common::table;

/// Show figures of how work goes: throughput, lead and cycle times, gates, claims, agents
///
/// Times are those of the issues that became done in the stretch. Reads the events of the stretch, those of issues that
/// were done in it and made before, and the index.
#[derive(Args, Debug)]
pub struct Metrics {
    /// The beginning of the stretch: a span back from now, a day or an RFC 3339 time
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
    /// A line a figure
    Csv,
    /// OpenMetrics text, as Prometheus reads it
    Prometheus,
}

impl Metrics {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let since = parse_moment(&self.since, session.now()).map_err(|why| Error::usage(format!("--since: {why}")))?;
        let view = self.at.view(session)?;
        let end = self.at.clock(session, &view)?;
        let table = table(session, &view.state)?;
        let (mut figures, start) = fold(session, &view, since)?;
        let holder =
            |issue: crate::domain::table::Entry<'_>| Some((issue.id(), issue.holder()?.parse::<Actor>().ok()?));
        let holders: BTreeMap<IssueId, Actor> = table.issues().filter_map(holder).collect();
        figures.finish(&holders, start, end);
        complete(session, &view, &mut figures)?;
        let format = match self.format {
            None => Shape::Text,
            Some(Format::Json) => Shape::Json,
            Some(Format::Csv) => Shape::Csv,
            Some(Format::Prometheus) => Shape::OpenMetrics,
        };
        Ok(Report::Metrics(Box::new(Shown::new(&figures, &table, (start, end), format))))
    }
}

/// The events not before `since`, folded; and when they begin: a tracker may be younger.
fn fold(session: &Session, view: &View, since: Timestamp) -> Result<(Figures, Timestamp)> {
    let mut commits = Vec::new();
    let mut start = since;
    session.store.walk(&view.commit, None, &mut |info| {
        if info.time < since {
            return Ok(Walk::Stop);
        }
        if info.parents.is_empty() {
            start = info.time;
        }
        commits.push(info.id);
        Ok(Walk::On)
    })?;
    let mut figures = Figures::default();
    for commit in commits.iter().rev() {
        events::each(&session.store.tree(commit)?, commit, &mut |event| figures.take(&event, start))
            .map_err(crate::store::StoreError::from)?;
    }
    Ok((figures, start))
}

/// Tells the stories of issues from their beginning where it lies before the stretch.
fn complete(session: &Session, view: &View, figures: &mut Figures) -> Result<()> {
    for unknown in [Stories::incomplete, Stories::unreleased] {
        for issue in unknown(&figures.stories) {
            let mut told = Vec::new();
            events_about(&session.store, &view.commit, issue, &mut |recorded| {
                told.extend(recorded.events.into_iter().rev());
                Ok(Walk::On)
            })?;
            told.reverse();
            figures.stories.put(issue, Stories::one(issue, &told));
        }
    }
    Ok(())
}
