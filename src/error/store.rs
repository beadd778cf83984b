//! The words for each failure of the store.

use serde_json::json;

use crate::store::StoreError;

use super::{Class, Error};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoRepository(place) => {
                Error::new(Class::NotFound, "no_repository", format!("{} is in no git repository", place.display()))
                    .hint("jit init makes one, or go where it is with -C DIR")
            }
            StoreError::NotInitialised => {
                Error::new(Class::NotFound, "not_initialised", "this repository has no tracker").hint("jit init")
            }
            StoreError::ForeignOwner(place) => {
                Error::new(Class::Refused, "foreign_repository", format!("{place} belongs to another user"))
                    .hint("git config --global --add safe.directory PATH, when you trust it")
            }
            StoreError::Unsupported(what) => {
                Error::new(Class::Refused, "unsupported", format!("{what} is not supported"))
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
            StoreError::Busy { what, age } => busy(&what, age),
            StoreError::Unreadable(unreadable) => {
                Error::new(Class::Unexpected, "object_unreadable", format!("cannot use {unreadable}"))
                    .hint("jit fsck")
                    .details(json!({ "object": unreadable.object, "why": unreadable.why }))
            }
            StoreError::Io { doing, source } => Error::new(Class::Unexpected, "io", format!("{doing}: {source}")),
            StoreError::Git { doing, message } => {
                Error::new(Class::Outside, "git_failed", format!("{doing}: git says: {message}"))
            }
            StoreError::Internal(source) => Error::new(Class::Unexpected, "internal", format!("{source:#}")),
        }
    }
}

fn busy(what: &str, age: Option<std::time::Duration>) -> Error {
    let since = age.map_or_else(String::new, |age| format!(" for {} s", age.as_secs()));
    Error::new(Class::Outside, "busy", format!("somebody holds {what}{since}"))
        .hint("try again; when no git command is running, its lock file is left over and can go")
        .retryable()
}
