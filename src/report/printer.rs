//! The one place that prints.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::Value;

use crate::domain::time::Timestamp;
use crate::error::{Class, Error};

use super::Report;
use super::text::{Text, clean};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, unless `color.ui` or `NO_COLOR` says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes results to stdout and everything else to stderr.
#[derive(Clone, Debug)]
pub struct Printer {
    /// Print JSON.
    pub json: bool,
    /// Leave out confirmations and hints.
    pub quiet: bool,
    /// Use colours.
    pub colour: bool,
    /// Whether git's configuration may say whether to use colours.
    open: bool,
    /// How long results are shown on a terminal.
    pager: Option<Paging>,
}

/// How long results are shown.
#[derive(Clone, Debug)]
pub struct Paging {
    /// The user's own pager for this program.
    pub own: Option<String>,
    /// Where git is asked for its pager.
    pub dir: PathBuf,
}

impl Printer {
    /// Decides on colours.
    pub fn new(json: bool, quiet: bool, colour: Colour, plain_environment: bool) -> Self {
        let open = colour == Colour::Auto && !plain_environment;
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !plain_environment && io::stdout().is_terminal(),
        };
        Self { json, quiet, colour, open, pager: None }
    }

    /// Shows long results on a terminal page by page.
    pub fn with_pager(self, pager: Option<Paging>) -> Self {
        Self { pager, ..self }
    }

    /// Follows git's configuration (`color.ui`) where nothing else says whether to use colours.
    pub fn follow(&mut self, colours: Option<&str>) {
        match colours {
            Some("always") if self.open => self.colour = true,
            Some("never" | "false" | "no" | "off" | "0") if self.open => self.colour = false,
            _ => {}
        }
    }

    /// Prints a text, or shows it page by page.
    fn show(&self, text: &str, is_long: bool) -> Result<(), Failed> {
        let pager = self.pager.as_ref().filter(|_| is_long && io::stdout().is_terminal());
        match pager {
            Some(paging) if crate::pager::show(text, paging.own.as_deref(), &paging.dir) => Ok(()),
            _ => write_out(text.as_bytes()),
        }
    }

    /// Prints a result and gives the exit code.
    pub fn report(&self, report: Report, now: Timestamp) -> u8 {
        match self.try_report(report, now) {
            Ok(code) => code,
            // The reader has gone: there is nobody to tell, and what was to be done is done.
            Err(Failed::Write(why)) if why.kind() == ErrorKind::BrokenPipe => 0,
            Err(Failed::Write(why)) => {
                let message = format!("the command was carried out, but its result could not be written: {why}");
                self.error(&Error::new(Class::Unexpected, "output_failed", message))
            }
            Err(Failed::Command(error)) => self.error(&error),
        }
    }

    fn try_report(&self, report: Report, now: Timestamp) -> Result<u8, Failed> {
        match report {
            Report::Events(events) => {
                let text = self.events(&events.events, now);
                match self.json {
                    true => write_out(text.as_bytes())?,
                    false => self.show(&text, true)?,
                }
                if let Some(said) = events.truncation() {
                    self.say(&said);
                }
                Ok(0)
            }
            Report::Follow(follow) => {
                for batch in follow.batches {
                    write_out(self.events(&batch.map_err(Failed::Command)?, now).as_bytes())?;
                }
                Ok(0)
            }
            Report::Lines(lines) => {
                let mut stdout = BufWriter::with_capacity(LARGE_WRITE, io::stdout().lock());
                let outcome = lines(&mut stdout).map_err(Failed::Write)?;
                stdout.flush().map_err(Failed::Write)?;
                outcome.map(|()| 0).map_err(Failed::Command)
            }
            Report::Nothing if self.json => self.document(&serde_json::json!({})).map(|()| 0),
            Report::Schema(schema) => self.document(&schema).map(|()| 0),
            report => {
                let Some(report) = report.as_render() else { return Ok(0) };
                if self.json {
                    // Written as it is made: a list may be long.
                    let mut stdout = BufWriter::with_capacity(LARGE_WRITE, io::stdout().lock());
                    report.write_json(&mut stdout).and_then(|()| stdout.flush()).map_err(Failed::Write)?;
                } else {
                    let mut text = Text::new(self.colour, now);
                    report.human(&mut text);
                    self.show(&text.finish(), report.is_long())?;
                }
                if let Some(said) = report.confirmation() {
                    self.say(&said);
                }
                if let Some(complaint) = report.complaint() {
                    note(&format!("error: {}", clean_lines(&complaint)));
                }
                Ok(report.exit_code())
            }
        }
    }

    fn events(&self, events: &[super::event::EventDoc], now: Timestamp) -> String {
        let mut text = Text::new(self.colour, now);
        for event in events {
            match self.json {
                true => drop(text.line(&serde_json::to_string(event).expect("events have only text keys"))),
                false => event.human(&mut text),
            }
        }
        text.finish()
    }

    fn document(&self, document: &Value) -> Result<(), Failed> {
        let mut out = serde_json::to_vec_pretty(document).expect("documents have only text keys");
        out.push(b'\n');
        write_out(&out)
    }

    /// Prints text that is a result by itself: help and version.
    pub fn page(&self, text: &str) -> u8 {
        // A reader that has gone is not a failure.
        let _ = write_out(text.as_bytes());
        0
    }

    /// Prints a confirmation on stderr.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            note(&clean_lines(text));
        }
    }

    /// Prints a warning on stderr, also when quiet.
    pub fn warn(&self, text: &str) {
        note(&format!("warning: {}", clean_lines(text)));
    }

    /// Prints an error and gives its exit code. With JSON, stdout carries it as a document in one line, so that it ends
    /// a stream of such as well.
    pub fn error(&self, error: &Error) -> u8 {
        if self.json {
            // When stdout is gone too, the exit code still tells.
            let _ = write_out(format!("{}\n", error.to_json()).as_bytes());
        }
        note(&format!("error: {}", clean_lines(&error.message)));
        if let Some(hint) = error.hint.as_ref().filter(|_| !self.quiet) {
            note(&format!("hint: {}", clean_lines(hint)));
        }
        error.class.exit_code()
    }
}

/// Whether nobody reads what is printed any more: the other end of the pipe is closed.
pub fn reader_is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let asked = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    asked.is_ok() && ends[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
}

/// Bytes that are collected before they are written.
const LARGE_WRITE: usize = 1 << 16;

enum Failed {
    Write(io::Error),
    Command(Error),
}

fn write_out(bytes: &[u8]) -> Result<(), Failed> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failed::Write)
}

/// Writes a line to stderr; when that fails there is nowhere left to say so.
fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}
