//! Waiting for what other processes do.

use std::time::{Duration, Instant};

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(180), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Living processes with a variable, as `NAME=VALUE`, in the environment they were started with: their numbers and words.
pub fn started_with(variable: &str) -> Vec<(u32, String)> {
    let listed = std::fs::read_dir("/proc").expect("processes are listed").flatten();
    let living = listed.filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        environment.split(|byte| *byte == 0).find(|one| *one == variable.as_bytes())?;
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((id, String::from_utf8_lossy(&words).replace('\0', " ")))
    });
    // Housekeeping is nobody's work.
    living.filter(|(_, words)| !words.contains(" gc ")).collect()
}
