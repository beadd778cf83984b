//! `jit import`.

use clap::Args;

use crate::domain::id::IssueId;
use crate::domain::limits::OBJECT_BYTES;
use crate::domain::ops::load::{Item, Loaded, load};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::report::admin::Imported;
use crate::session::{Manners, Session};
use crate::store::{CommitId, exchange};

use super::common::read_bytes;

/// Take in issues from a file, one JSON document per line
///
/// Everything in one commit, or nothing. A line is what `jit export` writes, or a new issue:
/// {"title": "…"} and any of id, description, state, priority, labels, assignee, dependencies, gates,
/// context, created_at, created_by. An issue that exists already with the same content is skipped; with
/// other content it is refused (6). Gates that are defined here stay as they are. Reads the issues named,
/// and writes a document each, into one pack when they are many.
#[derive(Args, Debug)]
pub struct Import {
    /// The file, or - for stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// Skip issues that exist already with other content
    #[arg(long)]
    skip_existing: bool,
    /// Say what would be taken in, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What some editors put before the first character.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Import {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let items = self.read(session)?;
        let taken = match self.dry_run {
            true => self.rehearse(session, &items),
            false => self.take_in(session, &items),
        };
        let (loaded, commit) = taken.map_err(|error| self.placed(error, &items))?;
        let Loaded { issues, skipped, gates } = loaded;
        Ok(Report::Imported(Imported { imported: issues, skipped, gates, dry_run: self.dry_run, commit: commit.0 }))
    }

    fn rehearse(&self, session: &Session, items: &[(usize, Item)]) -> Result<(Loaded, CommitId)> {
        let mut loaded = Loaded::default();
        let commit = session.rehearse("import", &Manners::default(), |draft| {
            loaded = load(draft, items, self.skip_existing)?;
            Ok(())
        })?;
        Ok((loaded, commit))
    }

    fn take_in(&self, session: &Session, items: &[(usize, Item)]) -> Result<(Loaded, CommitId)> {
        let mut loaded = Loaded::default();
        let change = session.change("import", &Manners::default(), |draft| {
            loaded = load(draft, items, self.skip_existing)?;
            Ok(Vec::new())
        })?;
        if change.replayed {
            let count = |name: &str| change.events.iter().filter(|event| event.event == name).count();
            let issues = items.iter().filter(|(_, item)| !matches!(item, Item::Gate(_))).count();
            loaded = Loaded { issues: count("issue.imported"), gates: count("gate.defined"), skipped: 0 };
            loaded.skipped = issues.saturating_sub(loaded.issues);
        }
        Ok((loaded, change.commit))
    }

    /// An error with the file and the line that it is about.
    fn placed(&self, mut error: Error, items: &[(usize, Item)]) -> Error {
        let text = |pointer: &str| error.details.pointer(pointer).and_then(serde_json::Value::as_str);
        let id: Option<IssueId> = text("/path/0/id").or_else(|| text("/issues/0/id")).and_then(|id| id.parse().ok());
        let gate = text("/gates/0/gate");
        let about = |item: &Item| (id.is_some() && item.id() == id) || gate.is_some_and(|gate| item.carries(gate));
        let line = items.iter().find(|(_, item)| about(item)).map(|(line, _)| format!("line {line}: "));
        if line.is_some() || error.message.starts_with("line ") {
            error.message = format!("{}, {}{}", self.file, line.unwrap_or_default(), error.message);
        }
        error
    }

    /// The lines that are not empty, with their numbers.
    fn read(&self, session: &Session) -> Result<Vec<(usize, Item)>> {
        let bytes = read_bytes(session, &self.file, u64::MAX)?;
        let lines = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes).split(|byte| *byte == b'\n');
        session.progress.begin("reading", lines.clone().count());
        let mut items = Vec::new();
        for (number, line) in (1..).zip(lines) {
            session.progress.step();
            if line.trim_ascii().is_empty() {
                continue;
            }
            let item = match line.len() > OBJECT_BYTES {
                true => Err(format!("{} bytes, more than {OBJECT_BYTES}", line.len())),
                false => exchange::read(line),
            };
            items.push((number, item.map_err(|why| Error::usage(format!("{}, line {number}: {why}", self.file)))?));
        }
        session.progress.end();
        Ok(items)
    }
}
