//! Commit messages: an audit log for people, trailers for programs.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::id::IssueId;
use crate::domain::name::GateKey;
use crate::domain::time::Timestamp;

use super::history;

/// The trailer with the time of the commit's events.
const TIME: &str = "Jit-Time";
/// The trailer with the actor.
const ACTOR: &str = "Jit-Actor";
/// The trailer with the caller's key for the operation.
const OP: &str = "Jit-Op";
/// The trailer with the command that made the commit.
const COMMAND: &str = "Jit-Command";
/// The trailer that tells one request of an operation id from another.
const REQUEST: &str = "Jit-Request";
/// The trailer with the issues the operation was about, in its own order.
const RESULT: &str = "Jit-Result";

/// The trailer with the keys of the evidence that the commit holds.
const EVIDENCE: &str = "Jit-Evidence";

/// Events that are listed one a line; a commit with more says how many there are.
const LISTED: usize = 100;

/// The message of a commit with `events`, made by `command` about `subjects`.
pub fn compose(events: &[Event], command: &str, request: &str, subjects: &[IssueId]) -> String {
    let Some(first) = events.iter().max_by_key(|event| weight(event)) else { return String::new() };
    let mut message = format!("{} {}", line(first), first.actor);
    if events.len() > 1 {
        message.push_str(&format!(" (+{})\n", events.len() - 1));
        for event in events.iter().take(LISTED) {
            message.push_str(&format!("\n{}", line(event)));
        }
        if events.len() > LISTED {
            message.push_str(&format!("\nand {} more", events.len() - LISTED));
        }
    }
    message.push_str(&format!("\n\n{ACTOR}: {}\n{TIME}: {}\n{COMMAND}: {command}\n", first.actor, first.ts));
    let evidence: BTreeSet<String> = events.iter().filter_map(evidence_in).collect();
    if !evidence.is_empty() {
        let keys: Vec<String> = evidence.into_iter().collect();
        message.push_str(&format!("{EVIDENCE}: {}\n", keys.join(" ")));
    }
    if let Some(op_id) = &first.op_id {
        message.push_str(&format!("{OP}: {op_id}\n{REQUEST}: {}\n", fingerprint(request.as_bytes())));
        let ids: Vec<String> = subjects.iter().map(IssueId::to_string).collect();
        message.push_str(&format!("{RESULT}: {}\n", ids.join(" ")));
    }
    message
}

/// Whether a message is the one that a commit with `events` has. Only the fingerprint of the request is anybody's word.
pub fn tells(message: &str, events: &[Event]) -> bool {
    let trailers = Trailers::parse(message);
    let expected = compose(events, trailers.command.as_deref().unwrap_or_default(), "", &trailers.subjects);
    let known = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with(REQUEST)).map(|line| line.trim_end().to_owned()).collect()
    };
    known(message.trim_end()) == known(expected.trim_end())
}

/// Which event of several gives the subject line: what was asked for, rather than what it brought along.
fn weight(event: &Event) -> u8 {
    match event.event.as_str() {
        "tracker.merged" => 4,
        "tracker.initialized" | "tracker.rearranged" | "issue.deleted" => 3,
        "issue.created" | "issue.imported" | "issue.claimed" | "issue.completed" | "gate.overridden" => 2,
        "claim.overridden" | "claim.expired" | "gate.added" => 0,
        _ => 1,
    }
}

/// `issue.claimed 3f2a91c0`, or for a gate `gate.defined unit-tests`.
fn line(event: &Event) -> String {
    let about = match &event.issue {
        Some(id) => id.short(),
        None => ["key", "gate"].iter().find_map(|key| event.data.get(key)?.as_str()).unwrap_or("tracker").to_owned(),
    };
    format!("{} {about}", event.event)
}

/// A short text that is equal for equal bytes: a UUID made from them (version 5).
pub fn fingerprint(bytes: &[u8]) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes).simple().to_string()
}

/// The key under which verdicts on a tree are found: equal for the same gate, command and folder on the same
/// tree.
pub fn evidence_key(gate: &GateKey, command: Option<&str>, workdir: Option<&str>, tree: &str) -> String {
    let parts = [Some(gate.as_str()), command, workdir, Some(tree)];
    fingerprint(&serde_json::to_vec(&parts).expect("texts are JSON"))
}

/// The key of the evidence in an event, when it says whether a gate holds for a tree.
fn evidence_in(event: &Event) -> Option<String> {
    let (_, judgement) = history::judgement(event)?;
    let (run, tree) = (judgement.run.as_ref(), judgement.tree?);
    let workdir = run.and_then(|run| run.workdir.as_deref());
    Some(evidence_key(&judgement.gate, run.map(|run| run.command.as_str()), workdir, &tree))
}

/// The trailers of a message that matter to programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    /// The time of the events.
    pub time: Option<Timestamp>,
    /// Who acted.
    pub actor: Option<String>,
    /// The caller's key for the operation.
    pub op_id: Option<String>,
    /// The command.
    pub command: Option<String>,
    /// The fingerprint of the request.
    pub request: Option<String>,
    /// The issues the operation was about.
    pub subjects: Vec<IssueId>,
    /// The keys of the evidence.
    pub evidence: Vec<String>,
}

impl Trailers {
    /// Reads the trailers of a message; what is not there is absent.
    pub fn parse(message: &str) -> Self {
        let mut trailers = Self::default();
        let block = message.trim_end().rsplit("\n\n").next().unwrap_or("");
        for line in block.lines() {
            match line.split_once(": ") {
                Some((TIME, value)) => trailers.time = value.parse().ok(),
                Some((ACTOR, value)) => trailers.actor = Some(value.to_owned()),
                Some((OP, value)) => trailers.op_id = Some(value.to_owned()),
                Some((COMMAND, value)) => trailers.command = Some(value.to_owned()),
                Some((REQUEST, value)) => trailers.request = Some(value.to_owned()),
                Some((RESULT, value)) => {
                    trailers.subjects = value.split(' ').filter_map(|id| id.parse().ok()).collect();
                }
                Some((EVIDENCE, value)) => trailers.evidence = value.split(' ').map(str::to_owned).collect(),
                _ => {}
            }
        }
        trailers
    }
}

/// Which issues a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mentioned {
    /// Those of all its events, by the first eight digits of their ids. There may be some too many.
    All(Vec<u32>),
    /// Only some: the commit has more events than it lists, or is not one of this program's.
    Part,
}

/// The issues that the commit with this message has events about.
pub fn mentioned(message: &str) -> Mentioned {
    if message.contains("\nand ") || !message.contains(COMMAND) {
        return Mentioned::Part;
    }
    let words = message.split_whitespace().filter(|word| word.len() == 8);
    Mentioned::All(words.filter_map(|word| u32::from_str_radix(word, 16).ok()).collect())
}
