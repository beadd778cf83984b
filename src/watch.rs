//! Being told that files have changed, by the system where it can.

use std::path::PathBuf;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// Tells of changes as long as it is kept.
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// Calls `changed` soon after something in one of the folders has changed. It may be called for nothing, and where the
/// system cannot tell (`None`), or has stopped telling, never: whoever waits looks by itself now and then.
pub fn watch(folders: &[PathBuf], changed: impl Fn() + Send + 'static) -> Option<Watch> {
    let told = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            changed();
        }
    };
    let mut watcher = notify::recommended_watcher(told).ok()?;
    let mut watched = 0;
    for folder in folders {
        watched += usize::from(watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
    }
    (watched > 0).then_some(Watch { _watcher: watcher })
}
