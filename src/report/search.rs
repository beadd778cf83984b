//! What a search has found.

use std::rc::Rc;

use anstyle::Style;
use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::domain::table::Table;
use crate::store::search::{BEGIN, END, Found, Hit};

use super::Render;
use super::list::IssueRow;
use super::text::{Text, clean};

/// Issues that were found, the best first.
pub struct Hits {
    /// Where they stand.
    pub table: Rc<Table>,
    /// What was found, cut to the number asked for.
    pub found: Found,
    /// How many issues could not be read.
    pub unreadable: usize,
    /// How more may be found, where nothing was.
    pub broader: Option<String>,
}

/// The shape of the result as JSON.
#[derive(Serialize, JsonSchema)]
pub struct SearchDoc<'t> {
    /// The issues, the best first.
    pub issues: Vec<FoundIssue<'t>>,
    /// How many are given.
    pub count: usize,
    /// How many there are in all.
    pub total: usize,
    /// Whether some were left out.
    pub truncated: bool,
    /// How many more there are that could not be read, and so not be searched.
    pub unreadable: usize,
}

/// An issue that was found.
#[derive(Serialize, JsonSchema)]
pub struct FoundIssue<'t> {
    /// The issue.
    #[serde(flatten)]
    pub issue: IssueRow<'t>,
    /// How well it fits; more is better. Compares hits of one search only.
    pub score: f64,
    /// Where it was found: `title`, `description`, `comments` or `context`.
    pub field: &'static str,
    /// The place.
    pub excerpt: String,
}

impl Hits {
    fn rows(&self) -> impl Iterator<Item = (IssueRow<'_>, &Hit)> {
        self.found.hits.iter().filter_map(|hit| Some((IssueRow::new(self.table.find(hit.id)?), hit)))
    }
}

impl Serialize for Hits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let issues: Vec<FoundIssue<'_>> = self
            .rows()
            .map(|(issue, hit)| FoundIssue {
                issue,
                score: hit.score,
                field: hit.field,
                excerpt: hit.excerpt.replace([BEGIN, END], ""),
            })
            .collect();
        let mut document = serializer.serialize_struct("SearchDoc", 5)?;
        document.serialize_field("count", &issues.len())?;
        document.serialize_field("total", &self.found.total)?;
        document.serialize_field("truncated", &(issues.len() < self.found.total))?;
        document.serialize_field("unreadable", &self.unreadable)?;
        document.serialize_field("issues", &issues)?;
        document.end()
    }
}

impl Render for Hits {
    fn is_long(&self) -> bool {
        true
    }

    /// A line an issue, and below it the place, unless that is the title.
    fn human(&self, text: &mut Text) {
        for (issue, hit) in self.rows() {
            let title = match hit.field {
                "title" => marked(text, &hit.excerpt),
                _ => clean(issue.title),
            };
            let state = text.state(issue.state, issue.blocked);
            let line = format!("{}  {title}  [{state}]", text.id(&issue.short_id));
            text.line(&line);
            if hit.field != "title" {
                let place: String = hit.excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
                let line = format!("          {}: {}", hit.field, marked(text, &place));
                text.line(&line);
            }
        }
    }

    fn confirmation(&self) -> Option<String> {
        if self.found.total == 0 {
            let broader = self.broader.as_ref().map_or_else(String::new, |broader| format!("; {broader}"));
            return Some(format!("nothing found{broader}"));
        }
        let count = self.found.hits.len();
        (count < self.found.total).then(|| format!("the best {count} of {} shown; -n 0 shows all", self.found.total))
    }
}

/// An excerpt with what was found in bold.
fn marked(text: &Text, excerpt: &str) -> String {
    let mut out = String::new();
    for (at, part) in excerpt.split(BEGIN).enumerate() {
        match part.split_once(END) {
            Some((found, rest)) if at > 0 => {
                out.push_str(&text.paint(Style::new().bold(), &clean(found)));
                out.push_str(&clean(rest));
            }
            _ => out.push_str(&clean(part)),
        }
    }
    out
}
