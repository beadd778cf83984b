//! `jit search`.

use std::collections::BTreeSet;
use std::rc::Rc;

use clap::Args;

use crate::domain::id::IssueId;
use crate::domain::search::{Query, Term, parse};
use crate::domain::snapshot::Unreadable;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::search::Hits;
use crate::session::Session;
use crate::store::search::Wanted;

use super::at::AtArg;
use super::issue::conditions::Conditions;

/// Search the texts of issues: titles, descriptions, comments and context
///
/// Words in any order and in any case; `"a phrase"`, `auth*` for the beginning of a word, `-draft` for what must not be
/// there. The best first: a word in the title counts for more than one in the description, and a rare one for more than a
/// common one. Reads the index, the database of texts, and the issues that changed since the last search.
#[derive(Args, Debug)]
pub struct Search {
    /// What to look for
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    #[command(flatten)]
    conditions: Conditions,
    /// At most this many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    at: AtArg,
}

/// A search that finds more: for the beginnings of the words, where plain words were looked for.
fn broader(query: &Query) -> Option<String> {
    let plain = |term: &Term| !term.prefix && term.words.len() < 40 && term.words.chars().all(char::is_alphanumeric);
    let words: Vec<String> = query.wanted.iter().map(|term| format!("{}*", term.words)).collect();
    (query.left_out.is_empty() && query.wanted.iter().all(plain))
        .then(|| format!("jit search '{}' finds the beginnings of words too", words.join(" ")))
}

impl Search {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let text = self.text.join(" ");
        let query = parse(&text).map_err(|fault| {
            Error::new(Class::Usage, "invalid_search", format!("`{text}`, {fault}"))
                .hint("jit search --help")
                .details(serde_json::json!({ "text": text, "at": fault.at, "why": fault.why }))
        })?;
        let criteria = self.conditions.read(session)?;
        let view = self.at.view(session)?;
        let table = session.table(&view.state)?;
        let fits = |id| table.find(id).is_some_and(|issue| criteria.accepts(issue));
        let wanted: Option<Wanted<'_>> = if criteria.is_empty() { None } else { Some(&fits) };
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let found = view.state.search(self.at.at.is_none(), &query, wanted, limit)?;
        // What the table passed over was told already.
        let told: BTreeSet<IssueId> = table.damaged().iter().filter_map(Unreadable::issue).collect();
        let unread: Vec<IssueId> = found.unread.iter().copied().filter(|id| !told.contains(id)).collect();
        for id in &unread {
            session.notice(format!("passed over the issue {id}, which cannot be read; jit fsck says more"));
        }
        let broader = if found.total == 0 && criteria.is_empty() { broader(&query) } else { None };
        let unreadable = table.unreadable() + unread.len();
        Ok(Report::Search(Hits { table: Rc::clone(&table), found, unreadable, broader }))
    }
}
