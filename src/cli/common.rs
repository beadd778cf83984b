//! What several commands share: arguments, reading texts, and giving back changed issues.

use std::io::Read as _;
use std::str::FromStr;

use clap::Args;

use crate::domain::filter::{self, Filter};
use crate::domain::id::IssueId;
use crate::domain::limits::TEXT_BYTES;
use crate::domain::name::Label;
use crate::domain::plan::RESERVED;
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::text::shortened;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::issue::{Changed, IssueDoc, IssueRef, say};
use crate::session::{Manners, Session};
use crate::store::StoreError;
use crate::store::transact::Change;
use crate::sync::claims::publish_end;

/// Whether a claim of somebody else is overruled.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Force {
    /// Do it although somebody else holds the issue; the events record that
    #[arg(long)]
    pub force: bool,
}

impl Force {
    /// The manners of a change with this flag.
    pub fn manners(self) -> Manners {
        Manners { force: self.force, ..Manners::default() }
    }
}

/// Which issues are meant, in words.
#[derive(Args, Clone, Debug, Default)]
pub struct FilterArg {
    /// Only issues that fit: `state:ready AND (priority:high OR label:area/*)`; see jit help filters
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<String>,
}

impl FilterArg {
    /// Reads the filter. Spans of time are reckoned from now.
    pub fn read(&self, session: &Session) -> Result<Option<Filter>> {
        let Some(text) = &self.filter else { return Ok(None) };
        filter::parse(text, session.now()).map(Some).map_err(|fault| {
            Error::new(Class::Usage, "invalid_filter", format!("the filter `{}`, {fault}", shortened(text, 60)))
                .hint("jit help filters")
                .details(serde_json::json!({ "filter": text, "at": fault.at, "why": fault.why }))
        })
    }
}

/// A label to add (`x` or `+x`) or to take away (`-x`).
#[derive(Clone, Debug)]
pub struct LabelChange {
    /// The label.
    pub label: Label,
    /// Whether it is added.
    pub add: bool,
}

impl FromStr for LabelChange {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (add, name) = match text.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(Self { label: name.parse()?, add })
    }
}

/// Reads a key for tools that is not one of this program's own.
pub fn free_key(text: &str) -> std::result::Result<String, String> {
    match text.starts_with(RESERVED) {
        true => Err(format!("keys that begin with `{RESERVED}` belong to plans")),
        false => Ok(text.to_owned()),
    }
}

/// Reads `KEY=VALUE`.
pub fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((free_key(key)?, value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

/// What a source is called in messages.
pub fn name_of(source: &str) -> &str {
    if source == "-" { "stdin" } else { source }
}

/// The text of a file, or of stdin for `-`; at most one MiB of UTF-8.
pub fn read_text(session: &Session, source: &str) -> Result<String> {
    let bytes = read_bytes(session, source, TEXT_BYTES as u64 + 1)?;
    let name = name_of(source);
    if bytes.len() > TEXT_BYTES {
        return Err(Error::new(Class::Usage, "too_large", format!("{name} holds more than {TEXT_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| Error::usage(format!("{name} is not valid UTF-8")))
}

/// The first `limit` bytes of a file, or of stdin for `-`.
pub fn read_bytes(session: &Session, source: &str, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match source {
        "-" => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        file => {
            std::fs::File::open(session.start().join(file)).and_then(|file| file.take(limit).read_to_end(&mut bytes))
        }
    };
    read.map_err(|why| {
        let class = if why.kind() == std::io::ErrorKind::NotFound { Class::NotFound } else { Class::Usage };
        let name = name_of(source);
        Error::new(class, "unreadable_file", format!("{name}: {why}"))
    })?;
    session.note_input(&bytes);
    Ok(bytes)
}

/// Text given as an argument, or on stdin when the argument is `-`.
pub fn text_or_stdin(session: &Session, text: &str) -> Result<String> {
    if text == "-" { read_text(session, "-") } else { Ok(text.to_owned()) }
}

/// How a changed issue is given back.
pub struct Answer<'a> {
    /// What was done, for the confirmation: `claimed`.
    pub verb: &'a str,
    /// What follows the ids in the confirmation.
    pub rest: String,
    /// Whether the ids are printed on stdout.
    pub product: bool,
    /// Whether several issues can be named.
    pub many: bool,
}

impl<'a> Answer<'a> {
    /// A confirmation and nothing on stdout.
    pub fn quiet(verb: &'a str) -> Self {
        Self { verb, rest: String::new(), product: false, many: false }
    }

    /// The ids on stdout.
    pub fn product(verb: &'a str) -> Self {
        Self { product: true, ..Self::quiet(verb) }
    }

    /// Adds words to the confirmation.
    pub fn rest(mut self, rest: String) -> Self {
        self.rest = rest;
        self
    }

    /// The report of a change. One that ended a claim on a remote is told there first.
    pub fn report(self, session: &Session, change: &Change) -> Result<Report> {
        publish_end(session, change);
        let issues = changed_issues(session, change)?;
        let said = match (issues.is_empty(), change.events.is_empty()) {
            (true, _) => "no issue fits; nothing was changed".to_owned(),
            (_, true) => say("nothing to change in", &issues, ""),
            (_, false) => say(self.verb, &issues, &self.rest),
        };
        Ok(Report::Changed(Changed { issues, many: self.many, product: self.product, said }))
    }
}

/// The issues a change was about, as they are after it. What blocks them is read only for JSON.
fn changed_issues(session: &Session, change: &Change) -> Result<Vec<IssueDoc>> {
    let read = |id: &IssueId| {
        let issue = change.state.issue(*id)?.expect("a change is about issues that exist");
        let mut blockers = Vec::new();
        if session.wants_json() {
            // The change is made: what cannot be read of its surroundings does not undo it.
            match change.state.blockers(&issue) {
                Ok(found) => blockers = found.iter().map(IssueRef::from).collect(),
                Err(damaged) => session.notice(format!("passed over {damaged}; jit fsck says more")),
            }
        }
        Ok(IssueDoc::new(issue, blockers, &change.commit.0))
    };
    let issues: Read<_> = change.subjects.iter().map(read).collect();
    Ok(issues.map_err(StoreError::from)?)
}

/// Refuses an empty list of changes.
pub fn nothing_asked(command: &str) -> Error {
    Error::new(Class::Usage, "usage", "nothing to change was given").hint(format!("{command} --help"))
}
