//! The events of a commit: in one file, or when they are many in a file for every range of issues.
//!
//! `events.json` holds them as an array. With more than [`A_FILE`] of them, it holds those about no issue,
//! and the others stand sorted by issue in `events/<id>.json`, each named after the first issue in it and
//! no issue in two. So the events of one issue are found with one look, however many a commit has.

use crate::domain::event::Event;
use crate::domain::id::{IssueId, issue_of_path};
use crate::domain::limits::OBJECT_BYTES;
use crate::domain::snapshot::Read;

use super::codec::{decode, encode, unreadable};
use super::layout::{EVENTS, EVENTS_FILE};
use super::snapshot::read_file;
use super::{CommitId, FileChange, Tree};

/// So many events go into one file.
pub const A_FILE: usize = 200;
/// A file of events is closed when it is about this long, well below what an object may be.
const LONG: usize = OBJECT_BYTES / 4;

/// The files that hold `events`, and the end of those of the commit before.
pub fn write(events: &[Event], before_had_parts: bool) -> Vec<FileChange> {
    let mut files = Vec::new();
    if before_had_parts {
        files.push(FileChange { path: EVENTS.to_owned(), content: None });
    }
    if events.len() <= A_FILE {
        let whole = encode(&events);
        if whole.len() <= OBJECT_BYTES {
            files.push(FileChange::put(EVENTS_FILE, whole));
            return files;
        }
    }
    let (about_none, mut rest): (Vec<&Event>, Vec<&Event>) = events.iter().partition(|event| event.issue.is_none());
    rest.sort_by_key(|event| event.issue);
    files.push(FileChange::put(EVENTS_FILE, encode(&about_none)));
    for part in split(&rest) {
        if let Some(first) = part.first().and_then(|event| event.issue) {
            files.push(FileChange::put(format!("{EVENTS}/{first}.json"), encode_part(part)));
        }
    }
    files
}

/// An array with an event a line: no longer than the documents that its events may carry.
fn encode_part(part: &[&Event]) -> Vec<u8> {
    let lines = part.iter().map(|event| serde_json::to_string(event).expect("events have only text keys"));
    format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n")).into_bytes()
}

/// Cuts `events` into parts between issues.
fn split<'e>(events: &'e [&'e Event]) -> impl Iterator<Item = &'e [&'e Event]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut size = 0;
        let mut end = 0;
        for event in rest {
            size += event.data.to_string().len() + 300;
            let full = end >= A_FILE || (end > 0 && size > LONG);
            if full && rest[end - 1].issue != event.issue {
                break;
            }
            end += 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// The paths of the files of events, the oldest first.
pub fn parts<T: Tree>(tree: &T) -> Read<Vec<String>> {
    let below = tree.list(EVENTS)?.into_iter().map(|entry| format!("{EVENTS}/{}", entry.name));
    Ok(std::iter::once(EVENTS_FILE.to_owned()).chain(below).collect())
}

/// The events in one of the files of `commit`.
pub fn read<T: Tree>(tree: &T, path: &str, commit: &CommitId) -> Read<Vec<Event>> {
    let object = format!("{path} of {}", commit.short());
    let bytes = read_file(tree, path)?.ok_or_else(|| unreadable(&object, "missing"))?;
    decode(&object, &bytes)
}

/// Hands out every event of a commit, a file at a time.
pub fn each<T: Tree>(tree: &T, commit: &CommitId, visit: &mut dyn FnMut(Event)) -> Read<()> {
    for path in parts(tree)? {
        read(tree, &path, commit)?.into_iter().for_each(&mut *visit);
    }
    Ok(())
}

/// Every event of a commit.
pub fn all<T: Tree>(tree: &T, commit: &CommitId) -> Read<Vec<Event>> {
    let mut events = Vec::new();
    each(tree, commit, &mut |event| events.push(event))?;
    Ok(events)
}

/// The events of a commit about one issue. Reads at most two files.
pub fn about<T: Tree>(tree: &T, commit: &CommitId, issue: IssueId) -> Read<Vec<Event>> {
    let parts = parts(tree)?;
    let mut events = read(tree, &parts[0], commit)?;
    let place = parts[1..].partition_point(|path| issue_of_path(path).is_some_and(|first| first <= issue));
    if place > 0 {
        let bytes = read_file(tree, &parts[place])?.unwrap_or_default();
        match lines_about(&bytes, issue) {
            Some(found) => events.extend(found),
            None => events.extend(read(tree, &parts[place], commit)?),
        }
    }
    events.retain(|event| event.issue == Some(issue));
    Ok(events)
}

/// The events in a file that name an issue, where the file has an event a line, as [`encode_part`] writes it:
/// the other lines need not be taken apart.
fn lines_about(bytes: &[u8], issue: IssueId) -> Option<Vec<Event>> {
    let lines = std::str::from_utf8(bytes).ok()?.strip_prefix("[\n")?.strip_suffix("\n]\n")?.lines();
    let id = issue.to_string();
    let naming = lines.filter(|line| line.contains(&id));
    naming.map(|line| serde_json::from_str(line.strip_suffix(',').unwrap_or(line)).ok()).collect()
}
