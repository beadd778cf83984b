//! Packing and tidying.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::store::StoreResult;

use super::Git;

/// Marks processes that tidy up in the background: they are nobody's work, and are not ended with it.
pub const HOUSEKEEPING: &str = "JIT_HOUSEKEEPING";

impl Git {
    /// Starts `PROGRAM gc --auto` and does not wait for it. Failing to start it does no harm.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
    pub fn start_tidying(&self, program: &Path, repository: &Path) {
        let mut command = Command::new(program);
        command.args(["gc", "--auto", "--quiet"]).env("GIT_DIR", repository).env_remove("GIT_WORK_TREE");
        command.current_dir(repository).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env(HOUSEKEEPING, "1");
        // In a group of its own, so that what interrupts this command does not end that one.
        if let Ok(mut child) = command.process_group(0).spawn() {
            // Whoever lives longer than it takes notice of its end; whoever does not need not.
            std::thread::spawn(move || drop(child.wait()));
        }
    }

    /// Rolls loose objects and small packs up into one pack.
    pub fn roll_up(&self) -> StoreResult<()> {
        // Others are writing meanwhile: one processor is left to them, and speed matters more than the last
        // bytes, which `git gc` squeezes out later.
        let configured = ["-c", "pack.threads=1", "-c", "pack.compression=1"];
        let repack = ["repack", "--geometric=2", "-d", "-l", "--quiet", "--no-write-bitmap-index"];
        let args = [&configured[..], &repack].concat();
        self.read("packing loose objects", &mut self.command(&args)).map(drop)
    }

    /// Runs `git gc` to its end.
    pub fn gc(&self, args: &[&str]) -> StoreResult<()> {
        let mut command = self.command(&["-c", "gc.autoDetach=false", "gc"]);
        self.read("tidying up", command.args(args)).map(drop)
    }

    /// What `git count-objects` says, a line a field.
    pub fn count_objects(&self) -> StoreResult<String> {
        self.read("counting objects", &mut self.command(&["count-objects", "-v"]))
    }
}
