//! `jit conflicts`.

use clap::Args;

use crate::domain::event::Body;
use crate::domain::id::{EventId, IdPrefix};
use crate::domain::merge::way_back;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::conflicts::{Conflict, Conflicts as Found};
use crate::session::{Session, View};
use crate::store::{Backend, Walk, events};

use super::at::AtArg;

/// Show which values lost when histories were joined, and how to bring them back
///
/// The newest first. Reads the messages of the history, and the events of its merges.
#[derive(Args, Debug)]
pub struct Conflicts {
    /// Those of this issue alone
    #[arg(long, value_name = "ID")]
    issue: Option<IdPrefix>,
    /// How many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Print nothing but the value that gave way in this event
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["issue", "limit"])]
    lost: Option<EventId>,
    #[command(flatten)]
    at: AtArg,
}

impl Conflicts {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let view = self.at.view(session)?;
        if let Some(event) = self.lost {
            let found = find(session, &view, usize::MAX, &|conflict| conflict.event == event)?;
            let found = found.into_iter().next().ok_or_else(|| {
                Error::new(Class::NotFound, "event_not_found", format!("no merge has an event {event}"))
                    .hint("jit conflicts")
            })?;
            let fields = vec![("lost".to_owned(), found.lost)];
            return Ok(Report::Fields(crate::report::issue::Fields { fields }));
        }
        let issue = self.issue.as_ref().map(|id| session.resolve(&view.state, id)).transpose()?.map(|issue| issue.id);
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let wanted = |conflict: &Conflict| issue.is_none() || conflict.issue == issue;
        let mut conflicts = find(session, &view, limit.saturating_add(1), &wanted)?;
        let truncated = conflicts.len() > limit;
        conflicts.truncate(limit);
        Ok(Report::Conflicts(Found { count: conflicts.len(), conflicts, truncated }))
    }
}

fn find(session: &Session, view: &View, count: usize, wanted: &dyn Fn(&Conflict) -> bool) -> Result<Vec<Conflict>> {
    let mut found = Vec::new();
    session.store.walk(&view.commit, None, &mut |info| {
        if info.parents.len() > 1 {
            for event in events::all(&session.store.tree(&info.id)?, &info.id)? {
                let Ok(Some(body)) = event.body() else { continue };
                if !body.is_note() || matches!(body, Body::TrackerMerged(_)) {
                    continue;
                }
                let Some(back) = way_back(&event, &body) else { continue };
                let conflict = Conflict::new(&info.id, &event, &body, back);
                if wanted(&conflict) {
                    found.push(conflict);
                }
            }
        }
        Ok(if found.len() >= count { Walk::Stop } else { Walk::On })
    })?;
    found.truncate(count);
    Ok(found)
}
