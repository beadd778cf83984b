//! A graph to be drawn elsewhere: which issues, what stands between them, and what belongs together.

use std::collections::BTreeMap;

use crate::domain::filter::Pattern;
use crate::domain::table::Entry;

/// What is drawn.
pub struct Picture<'t> {
    /// The issues, in the order of their ids.
    pub issues: Vec<Entry<'t>>,
    /// From the issue that waits to the one waited for, by their numbers in the list.
    pub edges: Vec<(usize, usize)>,
    /// Labels, sorted, each with the issues that belong to it.
    pub groups: BTreeMap<&'t str, Vec<usize>>,
    /// The group of each issue.
    group_of: Vec<Option<usize>>,
}

impl<'t> Picture<'t> {
    /// The picture of some issues. Edges to others are left out. With a pattern each issue belongs to its first label that
    /// fits.
    pub fn new(mut issues: Vec<Entry<'t>>, group_by: Option<&Pattern>) -> Self {
        issues.sort_unstable_by_key(|issue| issue.id());
        let place: BTreeMap<u32, usize> = issues.iter().enumerate().map(|(at, issue)| (issue.number(), at)).collect();
        let targets = |issue: &Entry<'t>| issue.dependencies().filter_map(|on| place.get(&on.number()).copied());
        let edges = issues.iter().enumerate().flat_map(|(at, issue)| targets(issue).map(move |on| (at, on)));
        let edges = edges.collect();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        if let Some(pattern) = group_by {
            for (at, issue) in issues.iter().enumerate() {
                if let Some(label) = issue.labels().find(|label| pattern.fits(label)) {
                    groups.entry(label).or_default().push(at);
                }
            }
        }
        let mut group_of = vec![None; issues.len()];
        for (group, members) in groups.values().enumerate() {
            members.iter().for_each(|member| group_of[*member] = Some(group));
        }
        Self { issues, edges, groups, group_of }
    }

    /// The group of an issue.
    pub fn group(&self, issue: usize) -> Option<usize> {
        self.group_of.get(issue).copied().flatten()
    }
}
