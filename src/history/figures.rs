//! How work went in a period of time: what the events of it add up to.

use std::collections::BTreeMap;

use crate::domain::id::IssueId;
use crate::domain::metrics::{Metrics, Stories};
use crate::domain::name::Actor;
use crate::domain::table::{Entry, Table};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::session::{Session, View};
use crate::store::history::{self, Past, events_about};
use crate::store::{Backend, StoreError, Walk, events};

/// The figures between two moments, and when they begin: a tracker may be younger than `since`. `table` has the issues
/// of the view. Reads the events of the period, and those of issues that were done in it and made before.
pub fn figures(
    session: &Session,
    view: &View,
    table: &Table,
    (since, end): (Timestamp, Timestamp),
) -> Result<(Metrics, Timestamp)> {
    let (mut figures, start) = fold(session, view, since, end)?;
    let holders: BTreeMap<IssueId, Actor> = table.issues().filter_map(holder).collect();
    figures.finish(&holders, start, end);
    complete(session, view, &mut figures)?;
    Ok((figures, start))
}

/// An issue that somebody holds, and who does.
fn holder(issue: Entry<'_>) -> Option<(IssueId, Actor)> {
    Some((issue.id(), issue.holder()?.parse().ok()?))
}

/// The events not before `since`, folded; and when they begin.
fn fold(session: &Session, view: &View, since: Timestamp, end: Timestamp) -> Result<(Metrics, Timestamp)> {
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
    let mut figures = Metrics::default();
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

/// Tells the stories of issues from their beginning where it lies before the period.
fn complete(session: &Session, view: &View, figures: &mut Metrics) -> Result<()> {
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
