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
    /// When it last became done; `None` once it was taken up again.
    pub completed: Option<Timestamp>,
    /// When it held nobody up: each time since when it was done, rejected or deleted, and until when.
    out_of_the_way: Vec<(Timestamp, Option<Timestamp>)>,
    /// Whether it was taken up again after an end that was not told.
    is_partial: bool,
    /// What it has waited for: each time since when, and until when it did.
    waits: BTreeMap<IssueId, Vec<(Timestamp, Option<Timestamp>)>>,
}

impl Story {
    fn ends(&mut self, now: Timestamp) {
        if self.out_of_the_way.last().is_none_or(|(_, until)| until.is_some()) {
            self.out_of_the_way.push((now, None));
        }
    }

    fn begins_anew(&mut self, now: Timestamp) {
        match self.out_of_the_way.last_mut() {
            Some((_, until)) if until.is_none() => *until = Some(now),
            _ => self.is_partial = true,
        }
    }

    /// The parts of a span in which this held others up.
    fn in_the_way(&self, (since, until): (Timestamp, Timestamp)) -> Vec<(i64, i64)> {
        let mut parts = Vec::new();
        let mut at = since;
        for (from, to) in &self.out_of_the_way {
            parts.push((at, until.min(*from)));
            at = to.map_or(until, |to| at.max(to));
        }
        parts.push((at, until));
        let parts = parts.into_iter().filter(|(since, until)| since < until);
        parts.map(|(since, until)| (since.millis(), until.millis())).collect()
    }
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
                story.out_of_the_way.extend(document.completed_at.map(|at| (at, None)));
                story.waits.extend(document.dependencies.iter().map(|on| (*on, vec![(now, None)])));
            }
            Body::IssueClaimed(_) => {
                story.first_claim.get_or_insert(now);
            }
            Body::IssueCompleted(_) => {
                story.completed = Some(now);
                story.ends(now);
            }
            Body::IssueRejected(_) | Body::IssueDeleted(_) => story.ends(now),
            Body::IssueStateChanged(change) if change.from.is_finished() && !change.to.is_finished() => {
                story.completed = None;
                story.begins_anew(now);
            }
            Body::IssueRestored(_) if story.completed.is_none() => story.begins_anew(now),
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

    /// The issues that those which became done waited for, and of which it was not told when they held nobody up.
    pub fn unreleased(&self) -> BTreeSet<IssueId> {
        let done = self.stories.values().filter(|story| story.completed.is_some());
        let open = |spans: &Vec<(Timestamp, Option<Timestamp>)>| spans.iter().any(|(_, until)| until.is_none());
        let waits = done.flat_map(|story| story.waits.iter().filter(|(_, spans)| open(spans)));
        let untold =
            |on: &IssueId| self.get(*on).is_none_or(|story| story.out_of_the_way.is_empty() || story.is_partial);
        waits.map(|(on, _)| *on).filter(untold).collect()
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
            .flat_map(|(on, (since, until))| {
                let span = (*since, until.map_or(end, |until| until.min(end)));
                self.get(*on).unwrap_or(&Story::default()).in_the_way(span)
            })
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
