//! `jit mirror`.

use clap::{Args, Subcommand};

use crate::domain::ops::import::import;
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::mirror::{Consumed, Edits, Manner, Mirror as Files, MirrorError, Update};
use crate::report::Report;
use crate::report::admin::{MirrorChanged, MirrorStatus};
use crate::session::{Manners, Session};
use crate::store::StoreError;

/// Look after the plain files in .jit/
#[derive(Subcommand, Debug)]
pub enum Mirror {
    Status(Status),
    Refresh(Refresh),
    Import(Import),
}

/// Compare the mirror with the tracker, file by file
///
/// Reads every file of the mirror.
#[derive(Args, Debug)]
pub struct Status {}

/// Write the files that are missing or out of date
///
/// Files changed by hand are kept, unless --discard says otherwise. Reads every file and every issue.
#[derive(Args, Debug)]
pub struct Refresh {
    /// Drop what was changed by hand
    #[arg(long)]
    discard: bool,
}

/// Import hand edits of the mirror into the tracker
///
/// Everything in one commit, or nothing. What changed in the tracker meanwhile is joined field by
/// field. Reads every file of the mirror, and the issues that were changed.
#[derive(Args, Debug)]
pub struct Import {}

impl Mirror {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        let mirror = session.mirror().ok_or_else(|| {
            Error::new(Class::NotFound, "no_mirror", "a bare repository has no work tree for a mirror")
                .hint("set JIT_DATA_DIR to a folder for it")
        })?;
        match self {
            Mirror::Status(Status {}) => status(session, &mirror),
            Mirror::Refresh(Refresh { discard }) => {
                let update = update(session, &mirror, &Manner { whole: true, discard, consumed: None })?;
                changed(session, &mirror, Vec::new(), update)
            }
            Mirror::Import(Import {}) => take_in(session, &mirror),
        }
    }
}

fn status(session: &Session, mirror: &Files) -> Result<Report> {
    session.refresh_mirror();
    let view = session.view()?;
    let enabled = view.state.settings().map_err(StoreError::from)?.mirror_enabled();
    let status = mirror.status(&session.store).map_err(explain)?;
    let (shows, tip) = (status.shows.map(|commit| commit.0), view.commit.0);
    Ok(Report::Mirror(MirrorStatus {
        enabled,
        dir: mirror.dir().display().to_string(),
        current: shows.as_ref() == Some(&tip) && status.edited.is_empty() && status.missing.is_empty(),
        shows,
        tip,
        edited: status.edited,
        missing: status.missing,
        foreign: status.foreign,
    }))
}

fn take_in(session: &Session, mirror: &Files) -> Result<Report> {
    session.view()?;
    let mut edits = mirror.edits(&session.store).map_err(explain)?;
    for file in &edits.refused {
        session.notice(format!("{file} holds nothing that can be taken in"));
    }
    if !edits.edits.is_empty() {
        let change = session.change("mirror import", &Manners::default(), |draft| import(draft, &edits.edits))?;
        if change.replayed {
            // An earlier import is given again; what was edited since has not been looked at.
            edits = Edits { refused: edits.refused, ..Edits::default() };
        }
    }
    let manner = Manner { consumed: Some(&edits.consumed), ..Manner::default() };
    let update = update(session, mirror, &manner)?;
    let imported = Consumed::into_keys(edits.consumed).collect();
    changed(session, mirror, imported, update)
}

fn update(session: &Session, mirror: &Files, manner: &Manner<'_>) -> Result<Update> {
    mirror.update(&session.store, manner, &*session.progress).map_err(explain)
}

fn changed(session: &Session, mirror: &Files, imported: Vec<String>, update: Update) -> Result<Report> {
    Ok(Report::MirrorChanged(MirrorChanged {
        dir: mirror.dir().display().to_string(),
        shows: session.view()?.commit.0,
        imported,
        written: update.written,
        kept: update.kept,
    }))
}

fn explain(why: MirrorError) -> Error {
    match why {
        MirrorError::Store(StoreError::Unreadable(why)) => {
            Error::new(Class::Usage, "mirror_file_invalid", format!("cannot use {why}"))
                .hint("mend the file; jit mirror status lists what was changed by hand")
        }
        MirrorError::Store(error) => error.into(),
        MirrorError::Busy => Error::new(Class::Outside, "busy", "another process works on the mirror").retryable(),
        other => Error::new(Class::Outside, "mirror", format!("the mirror: {other}")),
    }
}
