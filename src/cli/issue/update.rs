//! `jit issue update`, and `done` for short.

use clap::Args;

use crate::cli::common::{Answer, FilterArg, Force, LabelChange, free_key, key_value, nothing_asked, read_text};
use crate::domain::event::Edit;
use crate::domain::filter::Filter;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::name::Title;
use crate::domain::ops::claim::Terms;
use crate::domain::ops::issue::{Update as Asked, update};
use crate::domain::ops::state::Finish;
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::state::{Priority, State};
use crate::domain::table::Entry;
use crate::error::Result;
use crate::report::Report;
use crate::session::Session;
use crate::store::StoreError;
use crate::sync::claims::{self, Scope, Wish};

/// Change issues: all of them, in one commit, or none
///
/// With --filter, changes every issue that fits at that moment; it succeeds if none does. Reads the issues named and,
/// for a change of state, their dependencies; with --filter also the index.
#[derive(Args, Debug)]
pub struct Update {
    /// The issues
    #[arg(required_unless_present = "filter", conflicts_with = "filter", value_name = "ID")]
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    filter: FilterArg,
    /// The new title
    #[arg(short, long, value_name = "TITLE", allow_hyphen_values = true)]
    title: Option<Title>,
    /// The new description
    #[arg(short, long = "desc", alias = "description", value_name = "TEXT", allow_hyphen_values = true)]
    desc: Option<String>,
    /// Read the new description from a file, or from stdin with `-`
    #[arg(long, value_name = "FILE", conflicts_with = "desc")]
    desc_file: Option<String>,
    /// critical, high, normal or low
    #[arg(short, long)]
    priority: Option<Priority>,
    /// open, ready, in_progress, gated, done, rejected or archived; see `jit help states`
    #[arg(short, long)]
    state: Option<State>,
    /// Add a label (`x`, `+x`) or take one away (`-x`)
    #[arg(short, long = "label", value_name = "[+|-]LABEL", allow_hyphen_values = true)]
    labels: Vec<LabelChange>,
    #[arg(long, hide = true)]
    add_label: Vec<crate::domain::name::Label>,
    #[arg(long, hide = true)]
    remove_label: Vec<crate::domain::name::Label>,
    /// Set a key for tools
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    context: Vec<(String, String)>,
    /// Remove a key for tools
    #[arg(long, value_name = "KEY", value_parser = free_key)]
    unset_context: Vec<String>,
    /// Finish although others changed the issue: you have seen it as of this commit of the tracker
    #[arg(long, value_name = "COMMIT")]
    seen: Option<String>,
    #[command(flatten)]
    force: Force,
}

impl Update {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let description = match (self.desc, &self.desc_file) {
            (None, Some(file)) => Some(read_text(session, file)?),
            (desc, _) => desc,
        };
        let labels =
            |add: bool| self.labels.iter().filter(move |change| change.add == add).map(|change| change.label.clone());
        let edit = Edit {
            title: self.title,
            description,
            priority: self.priority,
            labels_added: labels(true).chain(self.add_label.clone()).collect(),
            labels_removed: labels(false).chain(self.remove_label.clone()).collect(),
            context_set: self.context.into_iter().collect(),
            context_unset: self.unset_context.into_iter().collect(),
        };
        if edit == Edit::default() && self.state.is_none() {
            return Err(nothing_asked("jit issue update"));
        }
        let asked = Asked { edit, state: self.state };
        let which = match self.filter.read(session)? {
            Some(filter) => Which::Fitting(filter),
            None => Which::Named(self.ids),
        };
        change(session, &which, &asked, self.seen.as_deref(), self.force)
    }
}

/// Finish issues: `update --state done`
#[derive(Args, Debug)]
pub struct Done {
    /// The issues
    #[arg(required = true, value_name = "ID")]
    ids: Vec<IdPrefix>,
    /// They were seen as they are in this commit of the tracker
    #[arg(long, value_name = "COMMIT")]
    seen: Option<String>,
    #[command(flatten)]
    force: Force,
}

impl Done {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let asked = Asked { edit: Edit::default(), state: Some(State::Done) };
        change(session, &Which::Named(self.ids), &asked, self.seen.as_deref(), self.force)
    }
}

/// Which issues are changed.
enum Which {
    /// These.
    Named(Vec<IdPrefix>),
    /// All that a filter accepts.
    Fitting(Filter),
}

impl Which {
    /// The issues that are meant in a state.
    fn of(&self, state: &dyn Snapshot) -> Read<Vec<IdPrefix>> {
        match self {
            Which::Named(ids) => Ok(ids.clone()),
            Which::Fitting(filter) => {
                let table = state.table()?;
                let mut ids: Vec<IssueId> =
                    table.issues().filter(|issue| filter.accepts(*issue)).map(Entry::id).collect();
                ids.sort_unstable();
                Ok(ids.into_iter().map(IdPrefix::from).collect())
            }
        }
    }
}

/// Makes the claims that going to work stands for, where claims are made for all clones.
fn claim_for_all(session: &Session, which: &Which, force: Force) -> Result<()> {
    let Scope::Remote(_) = claims::scope(session, Wish::Usual)? else { return Ok(()) };
    let (holder, _) = session.actor(None)?;
    for id in &which.of(&session.view()?.state).map_err(StoreError::from)? {
        let issue = session.resolve(&session.view()?.state, id)?;
        if issue.claim.is_none() && issue.state != State::InProgress {
            claims::claim(session, Wish::Remote, &force.manners(), id, &Terms::local(holder.clone(), None))?;
        }
    }
    Ok(())
}

fn change(session: &Session, which: &Which, asked: &Asked, seen: Option<&str>, force: Force) -> Result<Report> {
    let seen = seen.map(|commit| session.view_named(commit));
    let seen = seen.transpose()?;
    let many = !matches!(which, Which::Named(ids) if ids.len() == 1);
    if asked.state == Some(State::InProgress) {
        claim_for_all(session, which, force)?;
    }
    let result = session.change("issue update", &force.manners(), |draft| {
        let mut all: Vec<crate::domain::id::IssueId> = Vec::new();
        for id in &which.of(draft.state())? {
            // What was seen is read at a fixed commit, so it is the same on every attempt.
            let seen = match &seen {
                Some(view) => crate::domain::draft::resolve(&view.state, id).ok().map(Box::new),
                None => None,
            };
            for id in update(draft, std::slice::from_ref(id), asked, &Finish { seen, reason: None })? {
                if !all.contains(&id) {
                    all.push(id);
                }
            }
        }
        Ok(all)
    });
    match result {
        Ok(change) => {
            let answer = Answer { many, ..Answer::quiet("updated") };
            answer.report(session, &change)
        }
        Err(error) if error.code == "unseen_changes" => {
            let tip = session.view()?.commit;
            let ids = which.of(&session.view()?.state).map_err(StoreError::from)?;
            let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let state = asked.state.map_or("done", State::as_str);
            Err(error.hint(format!("jit issue update {ids} --state {state} --seen {}", tip.short())))
        }
        Err(error) => Err(error),
    }
}
