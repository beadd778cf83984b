//! Letting git tidy up once in a while.

use std::fs;
use std::time::Duration;

use super::GitStore;

/// git tidies up at 6,700 loose objects; they spread evenly over 256 folders, of which one is counted.
const COUNTED: &str = "17";
const MANY: usize = 6_700 / 256;
/// No more often than this.
const PAUSE: Duration = Duration::from_secs(60 * 60);

impl GitStore {
    /// Starts `git gc --auto` in the background when there are many loose objects, at most once an hour.
    ///
    /// What git's configuration says about `gc.auto` holds. Costs a look into one folder. Not to be called
    /// by whoever holds the writers' queue.
    pub fn tidy_up(&self) {
        let folder = self.objects.folder().join(COUNTED);
        let loose = fs::read_dir(folder).map_or(0, |entries| entries.take(MANY + 1).count());
        if loose <= MANY {
            return;
        }
        let marker = self.state_dir.join("tidied");
        let age = fs::metadata(&marker).and_then(|meta| meta.modified()).ok().and_then(|then| then.elapsed().ok());
        if age.is_some_and(|age| age < PAUSE) {
            return;
        }
        // Made anew, it is young; two processes that find it old both start git, which sorts that out.
        let _ = fs::remove_file(&marker);
        if fs::write(&marker, "").is_ok() {
            self.git().tidy_up();
        }
    }
}
