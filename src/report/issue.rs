//! Issues in full, and issues that were changed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::id::IssueId;
use crate::domain::issue::{Claim, Issue};
use crate::domain::name::GateKey;
use crate::domain::plan::BASE;
use crate::domain::state::{GateStatus, State};
use crate::domain::table::Entry;

use super::Render;
use super::event::EventDoc;
use super::text::{Text, clean};

/// An issue named by another.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssueRef {
    /// The id.
    pub id: IssueId,
    /// Its first eight characters.
    pub short_id: String,
    /// The title.
    pub title: String,
    /// The state.
    pub state: State,
}

impl From<&Issue> for IssueRef {
    fn from(issue: &Issue) -> Self {
        Self { id: issue.id, short_id: issue.id.short(), title: issue.title.to_string(), state: issue.state }
    }
}

impl From<Entry<'_>> for IssueRef {
    fn from(issue: Entry<'_>) -> Self {
        let id = issue.id();
        Self { id, short_id: id.short(), title: issue.title().to_owned(), state: issue.state() }
    }
}

/// An issue with what follows from it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssueDoc {
    /// The stored document.
    #[serde(flatten)]
    pub issue: Issue,
    /// The first eight characters of the id.
    pub short_id: String,
    /// Whether a dependency holds it up.
    pub blocked: bool,
    /// Which ones.
    pub blocked_by: Vec<IssueRef>,
    /// Where the live claim was made: `remote` for all clones, `local` here alone; `null` when there is none.
    pub scope: Option<String>,
    /// The object that stands for the claim on the remote.
    pub object: Option<String>,
    /// The commit of the tracker that this is read from.
    pub commit: String,
}

impl IssueDoc {
    /// The document of an issue that `blocked_by` hold up.
    pub fn new(issue: Issue, blocked_by: Vec<IssueRef>, commit: &str) -> Self {
        let claim = issue.claim.as_ref();
        let remote = claim.and_then(|claim| claim.remote.as_ref());
        Self {
            scope: claim.map(|_| if remote.is_some() { "remote" } else { "local" }.to_owned()),
            object: remote.and_then(|remote| remote.object.clone()),
            short_id: issue.id.short(),
            blocked: !blocked_by.is_empty(),
            blocked_by,
            commit: commit.to_owned(),
            issue,
        }
    }
}

/// Several issues.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssueDocs {
    /// The issues.
    pub issues: Vec<IssueDoc>,
    /// How many.
    pub count: usize,
}

/// One issue, or several when several were named.
fn one_or_list(issues: &[IssueDoc], many: bool) -> Value {
    let value = match issues {
        [one] if !many => serde_json::to_value(one),
        issues => serde_json::to_value(IssueDocs { issues: issues.to_vec(), count: issues.len() }),
    };
    value.expect("issues have only text keys")
}

/// Issues that a command changed.
pub struct Changed {
    /// The issues after the change.
    pub issues: Vec<IssueDoc>,
    /// Whether the command names several issues.
    pub many: bool,
    /// Whether the ids are the command's product.
    pub product: bool,
    /// What to say about it.
    pub said: String,
}

impl Serialize for Changed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one_or_list(&self.issues, self.many).serialize(serializer)
    }
}

impl Render for Changed {
    fn human(&self, text: &mut Text) {
        if self.product {
            for doc in &self.issues {
                text.line(&doc.issue.id.to_string());
            }
        }
    }

    fn confirmation(&self) -> Option<String> {
        Some(self.said.clone())
    }
}

/// Issues shown in full.
pub struct Shown {
    /// Each with what people see besides.
    pub issues: Vec<ShownIssue>,
    /// Whether several were named.
    pub many: bool,
}

/// An issue shown in full.
pub struct ShownIssue {
    /// The issue.
    pub doc: IssueDoc,
    /// Its dependencies.
    pub dependencies: Vec<IssueRef>,
    /// Its newest events.
    pub events: Vec<EventDoc>,
    /// Whether there may be older ones that were not looked for.
    pub more_events: bool,
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let docs: Vec<IssueDoc> = self.issues.iter().map(|shown| shown.doc.clone()).collect();
        one_or_list(&docs, self.many).serialize(serializer)
    }
}

impl Render for Shown {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        for (at, shown) in self.issues.iter().enumerate() {
            if at > 0 {
                text.line("");
            }
            shown.human(text);
        }
    }
}

impl ShownIssue {
    fn human(&self, text: &mut Text) {
        let issue = &self.doc.issue;
        let head = format!("{}  {}", text.id(&self.doc.short_id), text.strong(&clean(issue.title.as_str())));
        text.line(&head);
        let state = text.state(issue.state, self.doc.blocked);
        text.line(&format!("State:     {state}    Priority: {}", issue.priority));
        let created = text.ago(issue.created_at);
        text.line(&format!("Id:        {}", issue.id));
        text.line(&format!("Created:   {created} by {}", issue.created_by));
        if !issue.labels.is_empty() {
            let labels: Vec<&str> = issue.labels.iter().map(|label| label.as_str()).collect();
            text.line(&format!("Labels:    {}", labels.join(", ")));
        }
        if let Some(assignee) = &issue.assignee {
            text.line(&format!("Assignee:  {assignee}"));
        }
        if let Some(claim) = &issue.claim {
            let claim = claim_line(claim, text);
            text.line(&format!("Claim:     {claim}"));
        }
        if let Some(landed) = &issue.landed {
            let ago = text.ago(landed.at);
            let commit = clean(landed.commit.get(..10).unwrap_or(&landed.commit));
            text.line(&format!("Landed:    {commit} on {}, {ago}", clean(&landed.branch)));
        }
        if let Some(question) = &issue.question {
            text.line(&format!("Question from {}:", question.by)).block("    ", &question.text);
        }
        if !issue.description.is_empty() {
            text.line("").block("    ", &issue.description);
        }
        self.sections(text);
    }

    fn sections(&self, text: &mut Text) {
        let issue = &self.doc.issue;
        section(text, "Depends on", &self.dependencies, |text, dependency| {
            format!(
                "{}  {}  {}",
                text.id(&dependency.short_id),
                text.state(dependency.state, false),
                clean(dependency.title.as_str())
            )
        });
        let gates: Vec<_> = issue.gates.iter().collect();
        section(text, "Gates", &gates, |text, (key, verdict)| {
            let judged = verdict
                .by
                .as_ref()
                .zip(verdict.at)
                .map_or_else(String::new, |(by, at)| format!(" by {by} {}", text.ago(at)));
            let overridden = if verdict.overridden { ", overridden" } else { "" };
            format!("{}  {}{judged}{overridden}", gate_mark(verdict.status), key)
        });
        let commits: Vec<_> = issue.commits.iter().collect();
        section(text, "Commits", &commits, |_, commit| clean(commit.get(..10).unwrap_or(commit)));
        let context: Vec<_> = issue.context.iter().filter(|(key, _)| *key != BASE).collect();
        section(text, "Context", &context, |_, (key, value)| format!("{key} = {}", clean(value)));
        if !issue.comments.is_empty() {
            text.line("\nComments:");
            for comment in &issue.comments {
                let head = format!("  {} by {} {}", comment.kind, comment.by, text.ago(comment.at));
                text.line(&clean(&head)).block("    ", &comment.text);
            }
        }
        if !self.events.is_empty() {
            text.line("\nEvents:");
            for event in &self.events {
                text.put("  ");
                event.human(text);
            }
        }
        if self.more_events {
            let id = &self.doc.short_id;
            text.line(&format!("\nEvents of older or large changes are left out here; jit issue log {id} has all."));
        }
    }
}

fn section<T>(text: &mut Text, title: &str, items: &[T], line: impl Fn(&Text, &T) -> String) {
    if items.is_empty() {
        return;
    }
    text.line(&format!("\n{title}:"));
    for item in items {
        let line = line(text, item);
        text.line(&format!("  {line}"));
    }
}

fn claim_line(claim: &Claim, text: &Text) -> String {
    let lease = claim.expires_at.map_or_else(String::new, |end| {
        if end < text.now {
            format!(", lease ended {}", text.ago(end))
        } else {
            format!(", lease {}", super::text::span(end.since(text.now)))
        }
    });
    let place = claim.worktree.as_deref().map_or_else(String::new, |tree| format!(", in {}", clean(tree)));
    format!("{}, {}{lease}, number {}{place}", claim.by, text.ago(claim.at), claim.generation)
}

/// A mark for what is known of a gate.
pub fn gate_mark(status: GateStatus) -> &'static str {
    match status {
        GateStatus::Passed => "passed ",
        GateStatus::Failed => "failed ",
        GateStatus::Pending => "pending",
    }
}

/// Chosen fields of an issue.
pub struct Fields {
    /// The fields in the order asked for.
    pub fields: Vec<(String, Value)>,
}

impl Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, value)| (name, value)))
    }
}

impl Render for Fields {
    fn human(&self, text: &mut Text) {
        for (_, value) in &self.fields {
            match value {
                Value::Null => drop(text.line("")),
                Value::String(value) => drop(text.block("", value)),
                Value::Array(values) if values.iter().all(Value::is_string) => {
                    for value in values {
                        text.line(&clean(value.as_str().unwrap_or_default()));
                    }
                }
                value => drop(text.line(&value.to_string())),
            }
        }
    }
}

/// Words for a command that changed issues: `claimed 3f2a91c0 for copilot:worker-1`.
pub fn say(verb: &str, issues: &[IssueDoc], rest: &str) -> String {
    let ids: Vec<&str> = issues.iter().map(|doc| doc.short_id.as_str()).collect();
    format!("{verb} {}{rest}", ids.join(" "))
}

/// Keys of gates in words.
pub fn keys(keys: &[GateKey]) -> String {
    keys.iter().map(GateKey::as_str).collect::<Vec<_>>().join(", ")
}
