//! `jit coordinator logs`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::coordinator::config::Config;
use crate::coordinator::home::Home;
use crate::domain::id::IdPrefix;
use crate::error::{Class, Error, Result};
use crate::report::{Lines, Report};
use crate::session::Session;

/// Show what an agent prints, by its issue or by its name
///
/// For an agent it is the log of the issue it last worked on. Reads the log; an issue is looked for in the tracker.
#[derive(Args, Debug)]
pub struct Logs {
    /// An issue, or an agent of the pool
    #[arg(value_name = "ID|AGENT")]
    of: String,
    /// Keep printing as more arrives
    #[arg(short, long)]
    follow: bool,
    /// This many lines from the end; 0 for all
    #[arg(short = 'n', value_name = "N", default_value_t = 200)]
    lines: usize,
}

/// How often a log is looked at that is followed.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are looked through at a time, from the end.
const CHUNK: u64 = 256 << 10;

impl Logs {
    pub(super) fn run(self, session: &Session) -> Result<Report> {
        let home = Home::of(session);
        let path = match newest(home.logs.join(&self.of).as_path(), None).filter(|_| is_name(&self.of)) {
            Some(path) => path,
            None => self.of_issue(session, &home)?,
        };
        let (lines, follow, json) = (self.lines, self.follow, session.wants_json());
        Ok(Report::Lines(show(path, lines, follow, json)))
    }

    /// The newest log of an issue, whoever worked on it.
    fn of_issue(&self, session: &Session, home: &Home) -> Result<PathBuf> {
        let none = |what: &str| {
            Error::new(
                Class::NotFound,
                "no_log",
                format!("there is no log of {what}: it begins when the coordinator starts an agent"),
            )
            .hint("jit coordinator agents")
        };
        let is_agent = |config: Config| config.agent_pool.iter().any(|agent| agent.id.as_str() == self.of);
        if home.last().is_some_and(is_agent) {
            return Err(none(&format!("the agent {}", self.of)));
        }
        let prefix: IdPrefix = self.of.parse().map_err(|_| none(&format!("an agent called `{}`", self.of)))?;
        let issue = session.resolve(&session.view()?.state, &prefix)?;
        let name = format!("{}.log", issue.id.short());
        let agents = fs::read_dir(&home.logs).into_iter().flatten().flatten();
        let logs = agents.filter_map(|agent| newest(&agent.path(), Some(&name)));
        logs.max_by_key(|path| written(path)).ok_or_else(|| none(&issue.id.short()))
    }
}

/// Whether it can be the name of a folder of logs, and nothing else.
fn is_name(text: &str) -> bool {
    !text.contains('/') && !text.starts_with('.')
}

fn written(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// The log in a folder that was written to last, of those called `name`.
fn newest(folder: &Path, name: Option<&str>) -> Option<PathBuf> {
    let logs = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let wanted = |path: &PathBuf| name.is_none_or(|name| path.file_name().is_some_and(|file| file == name));
    logs.filter(wanted).max_by_key(|path| written(path))
}

fn show(path: PathBuf, lines: usize, follow: bool, json: bool) -> Lines {
    Box::new(move |out| {
        let mut reader = match Reader::begin(&path, lines) {
            Ok(reader) => reader,
            Err(why) => return Ok(Err(unreadable(&path, &why))),
        };
        // A line that is not whole yet waits for its end.
        let mut begun = Vec::new();
        loop {
            let grown = match reader.read(&path) {
                Ok(bytes) => bytes,
                Err(why) => return Ok(Err(unreadable(&path, &why))),
            };
            let mut text = [std::mem::take(&mut begun), grown].concat();
            if follow {
                let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                begun = text.split_off(end);
            }
            write(out, &text, json)?;
            out.flush()?;
            if !follow {
                return Ok(Ok(()));
            }
            std::thread::sleep(LOOK);
        }
    })
}

/// Reads a log on, also when it is put aside and begun anew.
struct Reader {
    file: File,
}

impl Reader {
    /// Begins at the last `count` lines; with 0 at the beginning.
    fn begin(path: &Path, count: usize) -> io::Result<Self> {
        let start = beginning(path, count)?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file })
    }

    /// What has come since.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let meta = self.file.metadata()?;
        if meta.len() < self.file.stream_position()? {
            self.file.seek(SeekFrom::Start(0))?;
        }
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let number = |path: &Path| fs::metadata(path).map(|meta| meta.ino()).ok();
        if number(path).is_none_or(|present| present == meta.ino()) {
            return Ok(bytes);
        }
        // It was put aside: the rest of it first, then what came after it.
        self.file.read_to_end(&mut bytes)?;
        let older = |part: usize| path.with_extension(format!("log.{part}"));
        let parts = [older(2), older(1), path.to_owned()];
        let next = parts.iter().position(|part| number(part) == Some(meta.ino())).map_or(0, |at| at + 1);
        for part in &parts[next..] {
            let Ok(mut file) = File::open(part) else { continue };
            file.read_to_end(&mut bytes)?;
            self.file = file;
        }
        Ok(bytes)
    }
}

fn unreadable(path: &Path, why: &io::Error) -> Error {
    Error::new(Class::Outside, "unreadable_file", format!("{}: {why}", path.display()))
}

/// Where the last `count` lines begin; with 0 all of them.
fn beginning(path: &Path, count: usize) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut start = length;
    let mut tail = Vec::new();
    while start > 0 && count > 0 {
        let part = start.min(CHUNK);
        start -= part;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(part).read_to_end(&mut bytes)?;
        bytes.append(&mut tail);
        tail = bytes;
        let kept = last_lines(&tail, count).len();
        if kept < tail.len() {
            return Ok(length - kept as u64);
        }
    }
    Ok(0)
}

fn last_lines(text: &[u8], count: usize) -> &[u8] {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = ends.map(|(at, _)| at + 1).nth(count - 1).unwrap_or(0);
    &text[start..]
}

/// As it is, or an object a line.
fn write(out: &mut dyn Write, text: &[u8], json: bool) -> io::Result<()> {
    if !json {
        return out.write_all(text);
    }
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        serde_json::to_writer(&mut *out, &serde_json::json!({ "line": line.trim_end_matches('\n') }))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
