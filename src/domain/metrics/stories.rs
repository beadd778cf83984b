//! What happened to single issues: when they were made, taken up, held up and finished.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::{Body, Event};
use crate::domain::id::IssueId;
use crate::domain::time::Timestamp;

/// What happened to issues, as far as events told.
#[derive(Clone, Debug, Default)]
pub struct Stories {
    stories: BTreeMap<IssueId, Story>,
}

/// What happened to an issue.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When somebody first claimed it.
    pub first_claim: Option<Timestamp>,
    /// When it last became done.
    pub completed: Option<Timestamp>,
    /// When it last stopped holding others up: it was done, rejected or deleted.
    pub released: Option<Timestamp>,
    /// What it has waited for: each time since when, and until when it did.
    waits: BTreeMap<IssueId, Vec<(Timestamp, Option<Timestamp>)>>,
}

impl Stories {
    /// Takes in the next event about an issue.
    pub fn take(&mut self, event: &Event, body: &Body, issue: IssueId) {
        let story = self.stories.entry(issue).or_default();
        let now = event.ts;
        match body {
            Body::IssueCreated(new) => {
                story.created = Some(now);
                story.waits.extend(new.dependencies.iter().map(|on| (*on, vec![(now, None)])));
            }
            Body::IssueImported(new) => {
                let document = &new.document;
                story.created = Some(document.created_at);
                story.completed = document.completed_at;
                story.released = document.completed_at;
                story.waits.extend(document.dependencies.iter().map(|on| (*on, vec![(now, None)])));
            }
            Body::IssueClaimed(_) => {
                story.first_claim.get_or_insert(now);
            }
            Body::IssueCompleted(_) => (story.completed, story.released) = (Some(now), Some(now)),
            Body::IssueRejected(_) | Body::IssueDeleted(_) => story.released = Some(now),
            Body::DepAdded(edge) => story.waits.entry(edge.on).or_default().push((now, None)),
            Body::DepRemoved(edge) => {
                if let Some((_, until)) = story.waits.get_mut(&edge.on).and_then(|spans| spans.last_mut()) {
                    *until = Some(now);
                }
            }
            _ => {}
        }
    }

    /// What is known of an issue.
    pub fn get(&self, issue: IssueId) -> Option<&Story> {
        self.stories.get(&issue)
    }

    /// The issues that became done, and of which not everything was told: they were made before the events began.
    pub fn incomplete(&self) -> BTreeSet<IssueId> {
        let done = self.stories.iter().filter(|(_, story)| story.completed.is_some());
        done.filter(|(_, story)| story.created.is_none()).map(|(id, _)| *id).collect()
    }

    /// The issues that those which became done waited for, and of which it was not told that they were released.
    pub fn unreleased(&self) -> BTreeSet<IssueId> {
        let done = self.stories.values().filter(|story| story.completed.is_some());
        let open = |spans: &Vec<(Timestamp, Option<Timestamp>)>| spans.iter().any(|(_, until)| until.is_none());
        let waits = done.flat_map(|story| story.waits.iter().filter(|(_, spans)| open(spans)));
        waits.map(|(on, _)| *on).filter(|on| self.get(*on).is_none_or(|story| story.released.is_none())).collect()
    }

    /// Puts a whole story in place of what was known.
    pub fn put(&mut self, issue: IssueId, story: Story) {
        self.stories.insert(issue, story);
    }

    /// The story of one issue, told from its beginning.
    pub fn one(issue: IssueId, events: &[Event]) -> Story {
        let mut stories = Self::default();
        for event in events {
            if let Ok(Some(body)) = event.body() {
                stories.take(event, &body, issue);
            }
        }
        stories.stories.remove(&issue).unwrap_or_default()
    }

    /// The stories of what became done not before `start`.
    pub fn done_since(&self, start: Timestamp) -> impl Iterator<Item = &Story> {
        self.stories.values().filter(move |story| story.completed.is_some_and(|at| at >= start))
    }

    /// How long an issue was held up before it was done, in milliseconds: while at least one thing it waited for was
    /// not finished.
    pub fn blocked(&self, story: &Story) -> u64 {
        let end = story.completed.unwrap_or(Timestamp::from_millis(0));
        let mut spans: Vec<(i64, i64)> = story
            .waits
            .iter()
            .flat_map(|(on, spans)| spans.iter().map(move |span| (on, span)))
            .map(|(on, (since, until))| {
                let released = self.get(*on).and_then(|story| story.released);
                let until = [*until, released, Some(end)].into_iter().flatten().min().unwrap_or(end);
                (since.millis(), until.millis())
            })
            .filter(|(since, until)| since < until)
            .collect();
        spans.sort_unstable();
        let (mut total, mut reached) = (0, i64::MIN);
        for (since, until) in spans {
            total += (until - since.max(reached)).max(0);
            reached = reached.max(until);
        }
        u64::try_from(total).unwrap_or(0)
    }
}
