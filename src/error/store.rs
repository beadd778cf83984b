//! The words for each failure of the store.

use serde_json::json;

use crate::domain::text::quoted;
use crate::store::StoreError;

use super::{Class, Error};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoRepository(place) => {
                Error::new(Class::NotFound, "no_repository", format!("{} is in no git repository", place.display()))
                    .hint("jit init")
            }
            StoreError::NotInitialised => {
                Error::new(Class::NotFound, "not_initialised", "this repository has no tracker").hint("jit init")
            }
            StoreError::ForeignOwner(place) => Error::new(
                Class::Refused,
                "foreign_repository",
                format!("{place} belongs to another user, whom you may trust or not"),
            )
            .hint(format!("git config --global --add safe.directory {}", quoted(&place))),
            StoreError::Unopenable { place, why } => {
                let message = format!("the repository at {} could not be opened: {why}", place.display());
                Error::new(Class::NotFound, "repository_unusable", message)
                    .hint(format!("git -C {} status", quoted(&place.display().to_string())))
            }
            StoreError::Unsupported(what) => {
                Error::new(Class::Refused, "unsupported", format!("{what} is not supported"))
            }
            StoreError::BadConfig { key, value, why } => {
                Error::new(Class::Usage, "bad_configuration", format!("git configuration {key} = `{value}`: {why}"))
                    .hint(format!("git config --unset {key}"))
            }
            StoreError::Lost => {
                Error::new(Class::NotFound, "tracker_lost", "there was a tracker here, and its ref is gone")
                    .hint("jit fsck --repair")
            }
            StoreError::TooNew { needed, readable } => {
                let what = if readable { "write" } else { "read" };
                let message = format!("the tracker needs format version {needed} to {what} it");
                Error::new(Class::Refused, "format_too_new", message).hint("install a newer jit")
            }
            StoreError::NoRevision(name) => {
                Error::new(Class::NotFound, "revision_not_found", format!("`{name}` names no commit of the tracker"))
                    .hint("git log --oneline refs/jit")
            }
            StoreError::Moved => {
                Error::new(Class::Lost, "ref_moved", "the tracker moved at the same moment").retryable()
            }
            StoreError::Busy { what, age, file } => busy(&what, age, file.as_deref()),
            StoreError::Unreadable(unreadable) => {
                Error::new(Class::Unexpected, "object_unreadable", format!("cannot use {unreadable}"))
                    .hint("jit fsck --repair")
                    .details(json!({ "object": unreadable.object, "why": unreadable.why }))
            }
            StoreError::Io { doing, source } => Error::new(Class::Outside, "io", format!("{doing}: {source}")),
            StoreError::Git { doing, message } => {
                Error::new(Class::Outside, "git_failed", format!("{doing}: git says: {message}"))
            }
            StoreError::Internal(source) => Error::new(Class::Unexpected, "internal", format!("{source:#}")),
        }
    }
}

fn busy(what: &str, age: Option<std::time::Duration>, file: Option<&std::path::Path>) -> Error {
    let since = age.map_or_else(String::new, |age| format!(" for {}", humantime::format_duration(whole_seconds(age))));
    let hint = match file {
        Some(_) => "ps -e | grep git, to see whether a git command is at it; without one the file is left over",
        None => "ps -e | grep jit, to see whether a process is stopped; then the same command again",
    };
    Error::new(Class::Outside, "busy", format!("somebody holds {what}{since}")).hint(hint).retryable()
}

fn whole_seconds(age: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(age.as_secs())
}
