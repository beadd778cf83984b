//! One issue handed to one agent: what is written down of it, and whether its process lives.
//!
//! Each has two files, named by the token of its claim. The `.json` says what is to be run. The `.run` is locked, in the
//! kernel, by the process that runs the agent for as long as it lives, whoever started it: so liveness needs no process
//! ids, and survives the end of the coordinator. Into it that process writes what became of the agent.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::id::{EventId, IssueId};
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::file_lock;

use super::config::Name;
use super::home::Home;
use super::plan::Ended;

/// What is written down before an agent is started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The claim's token.
    pub token: EventId,
    /// The issue.
    pub issue: IssueId,
    /// The agent.
    pub agent: Name,
    /// As whom it acts.
    pub actor: Actor,
    /// The coordinator that made the claim.
    pub keeper: Actor,
    /// When it was claimed.
    pub at: Timestamp,
    /// The command's words, the issue's id among them.
    pub words: Vec<String>,
    /// The folder it runs in.
    pub dir: PathBuf,
    /// Where its output is kept.
    pub log: PathBuf,
    /// The worktree that is made for it first; it then runs there.
    pub worktree: Option<Place>,
}

impl Assignment {
    /// The folder in which the agent works, as its claims name it.
    pub fn place(&self) -> Option<String> {
        let dir = self.worktree.as_ref().map_or(&self.dir, |place| &place.path);
        dir.to_str().map(str::to_owned)
    }
}

/// A worktree to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub path: PathBuf,
    /// The folder of the checkout that it is made from, in the repository.
    pub git_dir: PathBuf,
    /// The top of that checkout.
    pub checkout: Option<PathBuf>,
}

/// What the process that runs the agent reports, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The process that runs the agent.
    Runner(u32),
    /// The agent has been started.
    Started {
        /// Its process.
        pid: u32,
        /// When that began, in ticks since the machine did.
        began: u64,
    },
    /// It exited with this code.
    Exited(i32),
    /// It was ended by this signal.
    Signalled(i32),
    /// It could not be started.
    NotStarted(String),
}

impl Home {
    /// The file that says what is to be run.
    pub fn record(&self, token: EventId) -> PathBuf {
        self.assignments().join(format!("{token}.json"))
    }

    /// The log of an issue's work by an agent.
    pub fn log(&self, agent: &Name, issue: IssueId) -> PathBuf {
        self.logs.join(agent.as_str()).join(format!("{}.log", issue.short()))
    }

    /// The file that is locked as long as it runs.
    pub fn run_file(&self, token: EventId) -> PathBuf {
        self.assignments().join(format!("{token}.run"))
    }

    /// Everything that was started and is not forgotten yet, as far as it can be read.
    pub fn known(&self) -> Vec<Assignment> {
        let mut known = Vec::new();
        for entry in fs::read_dir(self.assignments()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            known.extend(fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Assignment>(&text).ok()));
        }
        known.sort_by_key(|assignment| assignment.token);
        known
    }

    /// What was started and lives.
    pub fn running(&self) -> Vec<Assignment> {
        let mut known = self.known();
        known.retain(|assignment| self.lives(assignment.token));
        known
    }

    /// Claims whose process lives, also those of which nothing else can be read. What is left of others that cannot be
    /// read is taken away.
    pub fn living(&self) -> BTreeSet<EventId> {
        let readable: BTreeSet<EventId> = self.known().iter().map(|known| known.token).collect();
        let mut living = BTreeSet::new();
        for entry in fs::read_dir(self.assignments()).into_iter().flatten().flatten() {
            let path = entry.path();
            let token = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<EventId>().ok());
            match token {
                Some(token) if self.lives(token) => drop(living.insert(token)),
                Some(token) if readable.contains(&token) => {}
                _ => drop(fs::remove_file(&path)),
            }
        }
        living
    }

    /// Takes the files of an assignment away.
    pub fn forget(&self, token: EventId) {
        let _ = fs::remove_file(self.record(token));
        let _ = fs::remove_file(self.run_file(token));
        let _ = fs::remove_file(self.sign_file(token));
        let _ = fs::remove_file(self.told_to_end_file(token));
    }

    /// Makes the file that the process is to hold, locked.
    pub fn claim_run_file(&self, token: EventId) -> io::Result<File> {
        let path = self.run_file(token);
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)?;
        file.try_lock().map_err(|why| io::Error::other(why.to_string()))?;
        Ok(file)
    }

    /// The file that says how much processor time was used at the last sign of life, and by its own time when that was.
    pub fn sign_file(&self, token: EventId) -> PathBuf {
        self.assignments().join(format!("{token}.sign"))
    }

    /// The file that says that an agent was told to end, and after how many seconds of silence.
    pub fn told_to_end_file(&self, token: EventId) -> PathBuf {
        self.assignments().join(format!("{token}.told"))
    }

    /// Whether the process of an assignment lives.
    pub fn lives(&self, token: EventId) -> bool {
        file_lock::is_held(&self.run_file(token))
    }

    /// What its process has reported.
    pub fn reported(&self, token: EventId) -> Vec<Word> {
        words(&fs::read(self.run_file(token)).unwrap_or_default())
    }
}

/// Adds a report to the file that the process holds.
pub fn report(file: &mut File, word: &Word) {
    let mut line = serde_json::to_vec(word).expect("a report has only text keys");
    line.push(b'\n');
    // Nobody can be told that nothing can be told: the reader finds the process gone.
    let _ = file.seek(io::SeekFrom::End(0)).and_then(|_| file.write_all(&line));
}

fn words(text: &[u8]) -> Vec<Word> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// How a process ended that lives no more.
pub fn ended(reported: &[Word]) -> Ended {
    let told = reported.iter().rev().find_map(|word| match word {
        Word::Exited(code) => Some(Ended::Exited(*code)),
        Word::Signalled(signal) => Some(Ended::Signalled(*signal)),
        Word::NotStarted(why) => Some(Ended::NotStarted(why.clone())),
        Word::Runner(_) | Word::Started { .. } => None,
    });
    told.unwrap_or(Ended::Vanished)
}

/// Bytes of a record: more than a command line can have.
const MOST: u64 = 8 << 20;

/// Reads what is to be run.
pub fn read(record: &Path) -> io::Result<Assignment> {
    let mut text = Vec::new();
    File::open(record)?.take(MOST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}
