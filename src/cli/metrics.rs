//! `jit metrics`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use crate::domain::id::IssueId;
use crate::domain::metrics::{Metrics as Figures, Stories};
use crate::domain::name::Actor;
use crate::domain::table::Entry;
use crate::domain::time::{Timestamp, parse_moment};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::metrics::{Format as Shape, Metrics as Shown};
use crate::session::{Session, View};
use crate::store::history::{self, Past, events_about};
use crate::store::{Backend, StoreError, Walk, events};

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
        // A time says when the stretch ends; a commit, that it ends with its events.
        let time = self.at.at.as_deref().and_then(|when| parse_moment(when, session.now()).ok());
        let end = time.map_or_else(|| self.at.clock(session, &view), Ok)?;
        if since >= end {
            return Err(Error::usage(format!("--since: the stretch would begin at {since} and end at {end}")));
        }
        let table = table(session, &view.state)?;
        let (mut figures, start) = fold(session, &view, since, end)?;
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

/// An issue that somebody holds, and who does.
fn holder(issue: Entry<'_>) -> Option<(IssueId, Actor)> {
    Some((issue.id(), issue.holder()?.parse().ok()?))
}

/// The events not before `since`, folded; and when they begin: a tracker may be younger.
fn fold(session: &Session, view: &View, since: Timestamp, end: Timestamp) -> Result<(Figures, Timestamp)> {
    let mut commits = Vec::new();
    let (mut oldest, mut is_younger) = (end, true);
    session.store.walk(&view.commit, None, &mut |info| {
        if info.time < since {
            is_younger = false;
            return Ok(Walk::Stop);
        }
        oldest = oldest.min(info.time);
        commits.push(info.id);
        Ok(Walk::On)
    })?;
    let start = if is_younger { oldest } else { since };
    let mut figures = Figures::default();
    if !is_younger && let Past::At { commit, .. } = history::as_of(&session.store, &view.commit, since)? {
        let held = session.view_at(commit)?.state.held().map_err(StoreError::from)?;
        figures.begin(held.issues().filter_map(holder).collect(), start);
    }
    for commit in commits.iter().rev() {
        events::each(&session.store.tree(commit)?, commit, &mut |event| figures.take(&event, start))
            .map_err(StoreError::from)?;
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
