//! Finding and opening the repository, as git would.

use std::path::{Path, PathBuf};

use gix::sec::trust::Mapping;

use crate::domain::limits::OBJECT_BYTES;
use crate::store::{StoreError, StoreResult};

/// Opens the repository around `start`, or at `git_dir`.
pub fn open(start: &Path, git_dir: Option<&Path>) -> StoreResult<gix::Repository> {
    let start = std::path::absolute(start).map_err(StoreError::io("finding the current folder"))?;
    // An object in a pack may claim any size; more than this is never taken for it.
    let limit = [format!("gitoxide.objects.allocLimit={}", 8 * OBJECT_BYTES)];
    let options = || gix::open::Options::default().bail_if_untrusted(true).config_overrides(limit.clone());
    let opened = match git_dir {
        // gix would take a relative `GIT_DIR`, as hooks get it, for relative to something else.
        Some(git_dir) => gix::ThreadSafeRepository::open_opts(start.join(git_dir), options().open_path_as_is(true)),
        None => gix::ThreadSafeRepository::discover_with_environment_overrides_opts(
            &start,
            gix::discover::upwards::Options { match_ceiling_dir_or_error: false, ..Default::default() },
            Mapping { full: options(), reduced: options() },
        ),
    };
    opened.map(|repo| repo.to_thread_local()).map_err(|why| explain(&start, git_dir, &why))
}

fn explain(start: &Path, git_dir: Option<&Path>, why: &gix::Error) -> StoreError {
    let place = git_dir.map_or_else(|| start.to_owned(), |git_dir| start.join(git_dir));
    let has_repository = |dir: &Path| dir.join(".git").exists() || dir.join("HEAD").is_file();
    let found = match git_dir {
        Some(_) => has_repository(&place),
        None => place.ancestors().any(has_repository),
    };
    if !found {
        return StoreError::NoRepository(place);
    }
    if why.is_permission_denied() || is_foreign(&place) {
        return StoreError::ForeignOwner(place.display().to_string());
    }
    StoreError::Unopenable { place, why: why.to_string() }
}

/// Whether a repository at or above `place` belongs to another user.
fn is_foreign(place: &Path) -> bool {
    let mut candidates = place.ancestors().flat_map(|dir| [dir.join(".git"), dir.to_owned()]);
    candidates.any(|dir| {
        dir.join("HEAD").is_file() && !gix::sec::identity::is_path_owned_by_current_user(&dir).unwrap_or(true)
    })
}

/// The path without relative parts or links, where it exists.
pub fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}
