//! What commands print while they run, on stderr.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::progress::{Echo, Silent};

/// For a command that says itself what it runs: all of it is shown, unless quiet.
pub fn shown(quiet: bool) -> Arc<dyn Echo> {
    if quiet { Arc::new(Silent) } else { Arc::new(StderrEcho::default()) }
}

/// For a hook: a person sees what goes on, everybody else only what went wrong.
pub fn watched() -> Arc<dyn Echo> {
    shown(!io::stderr().is_terminal())
}

/// A line longer than this is shown in pieces.
const LONG_LINE: usize = 8 << 10;

/// Shows output on stderr as it comes. What several commands print at a time is kept apart line by line.
#[derive(Default)]
pub struct StderrEcho {
    begun: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Echo for StderrEcho {
    fn output(&self, label: Option<&str>, bytes: &[u8]) {
        let Some(label) = label else { return show(bytes) };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let line = begun.entry(label.to_owned()).or_default();
        for byte in bytes {
            line.push(*byte);
            if *byte == b'\n' || line.len() >= LONG_LINE {
                show_labelled(label, line);
                line.clear();
            }
        }
    }

    fn line(&self, text: &str) {
        show(format!("{text}\n").as_bytes());
    }
}

impl Drop for StderrEcho {
    fn drop(&mut self) {
        let begun = self.begun.get_mut().unwrap_or_else(PoisonError::into_inner);
        begun.iter().filter(|(_, line)| !line.is_empty()).for_each(|(label, line)| show_labelled(label, line));
    }
}

fn show_labelled(label: &str, line: &[u8]) {
    let mut whole = format!("{label} | ").into_bytes();
    whole.extend(line);
    if line.last() != Some(&b'\n') {
        whole.push(b'\n');
    }
    show(&whole);
}

/// When stderr is gone there is nowhere left to say so; the command goes on.
fn show(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}
