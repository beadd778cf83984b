//! The process that runs one agent: it stands between the coordinator and the agent, and outlives the coordinator.
//!
//! It makes the worktree, starts the agent in a process group of its own, keeps what it prints, takes notice of its end
//! and ends whatever it left running. It knows nothing of the tracker.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use rustix::process::{Pid, getpid};

use crate::environment::on_end_asked;
use crate::git_process::{Git, HOUSEKEEPING, REPOSITORY_VARIABLES};
use crate::processes::{self, Word as Tell, adopt_orphans, reap, reap_all_but};
use crate::session::Acting;
use crate::worktree;

use super::assignment::{self, Assignment, Word, report};
use super::log::Log;

/// How long an agent has to end when it is told to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How long those have that an agent left running.
const AFTERMATH: Duration = Duration::from_secs(2);
/// How often orphans are waited for that have ended while the agent works.
const SWEEP: Duration = Duration::from_secs(2);
/// How long output may be on its way after everybody who could write it is gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What happens while the agent runs.
enum Happening {
    Ended,
    Told,
}

/// Runs the agent that `record` describes, to its end. The file on stdin is locked, and takes the report.
pub fn run(record: &Path) -> io::Result<()> {
    let mut reports = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    report(&mut reports, &Word::Runner(std::process::id()));
    let (sender, happenings) = mpsc::channel();
    let asked = sender.clone();
    on_end_asked(move || asked.send(Happening::Told).unwrap_or_default())?;
    adopt_orphans();
    let said = match assignment::read(record).and_then(|assignment| start(&assignment, &mut reports)) {
        Ok(started) => started.wait(&sender, &happenings)?,
        Err(why) => Word::NotStarted(why.to_string()),
    };
    report(&mut reports, &said);
    Ok(())
}

/// An agent that runs.
struct Started {
    child: Child,
    id: Pid,
    /// Tells when everybody who could write to the log is gone.
    silence: Receiver<()>,
}

fn start(assignment: &Assignment, reports: &mut File) -> io::Result<Started> {
    let mut log = Log::open(&assignment.log);
    let (issue, agent) = (assignment.issue, &assignment.agent);
    log.put(format!("== {} {agent} begins {issue}, claim {}\n", assignment.at, assignment.token).as_bytes());
    let started = place(assignment).and_then(|dir| spawn(assignment, &dir));
    let (child, output) = match started {
        Ok(started) => started,
        Err(why) => {
            log.put(format!("== {why}\n").as_bytes());
            return Err(why);
        }
    };
    let id = Pid::from_child(&child);
    report(reports, &Word::Started { pid: child.id(), began: processes::began(id) });
    Ok(Started { id, child, silence: keep_output(output, log, reports.try_clone()?) })
}

/// The folder in which the agent works; its worktree is made first, where it has one.
fn place(assignment: &Assignment) -> io::Result<PathBuf> {
    let Some(place) = &assignment.worktree else { return Ok(assignment.dir.clone()) };
    let git = Git::in_work_tree(&place.git_dir, place.checkout.as_deref());
    let (actor, keeper) = (assignment.actor.clone(), Some(assignment.keeper.clone()));
    let acting = Acting { actor, issue: assignment.issue, token: assignment.token, keeper };
    worktree::make(&git, &place.path, &acting).map_err(|error| io::Error::other(error.message))
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts agents")]
fn spawn(assignment: &Assignment, dir: &Path) -> io::Result<(Child, io::PipeReader)> {
    let program = assignment.words.first().map(String::as_str).unwrap_or_default();
    let (output, writer) = io::pipe()?;
    // A path is meant from the checkout, as the configuration is.
    let named = if program.contains('/') { assignment.dir.join(program) } else { PathBuf::from(program) };
    let mut command = Command::new(named);
    command.args(&assignment.words[1..]).current_dir(dir).process_group(0);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    for variable in REPOSITORY_VARIABLES {
        command.env_remove(variable);
    }
    let child = command.spawn().map_err(|why| io::Error::other(format!("{program}: {why}")))?;
    Ok((child, output))
}

/// Gives a file the present time.
fn touch(file: &File) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    // Without it an agent that only prints seems silent; nothing else can be done here.
    let _ = futimens(file, &Timestamps { last_access: now, last_modification: now });
}

/// Keeps what comes through the pipe until nobody can write to it any more.
///
/// That something came is told by the time of the file of reports, at most ten times a second, whatever becomes of the
/// log.
fn keep_output(mut output: io::PipeReader, mut log: Log, reports: File) -> Receiver<()> {
    let (sender, silence) = mpsc::channel();
    std::thread::spawn(move || {
        let mut chunk = vec![0; 64 << 10];
        let mut told: Option<Instant> = None;
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            log.put(&chunk[..count]);
            if told.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
                told = Some(Instant::now());
                touch(&reports);
            }
        }
        drop(sender);
    });
    silence
}

impl Started {
    fn wait(mut self, sender: &Sender<Happening>, happenings: &Receiver<Happening>) -> io::Result<Word> {
        let (id, sender) = (self.id, sender.clone());
        std::thread::spawn(move || {
            processes::await_end(id);
            let _ = sender.send(Happening::Ended);
        });
        let mut kill_at: Option<Instant> = None;
        loop {
            let left = kill_at.map_or(SWEEP, |at| at.saturating_duration_since(Instant::now()).min(SWEEP));
            match happenings.recv_timeout(left) {
                Ok(Happening::Ended) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Happening::Told) => {
                    self.tell(Tell::End);
                    kill_at.get_or_insert(Instant::now() + GRACE);
                }
                Err(RecvTimeoutError::Timeout) if kill_at.is_none_or(|at| Instant::now() < at) => reap_all_but(id),
                Err(RecvTimeoutError::Timeout) => {
                    self.tell(Tell::Kill);
                    kill_at = Some(Instant::now() + GRACE);
                }
            }
        }
        // INVARIANT: the agent is waited for before its group is told anything more only where orphans come to this
        // process, and are found below it.
        let status = self.child.wait()?;
        self.clear_up();
        // What was printed is kept before the end is told.
        let _ = self.silence.recv_timeout(LAST_WORDS);
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Word::Exited(code),
            (None, signal) => Word::Signalled(signal.unwrap_or_default()),
        })
    }

    fn tell(&self, word: Tell) {
        processes::tell_all(self.id, &leftovers(), word);
    }

    /// Ends what the agent left running.
    fn clear_up(&self) {
        if !reap() {
            return;
        }
        for (word, patience) in [(Tell::End, AFTERMATH), (Tell::Kill, AFTERMATH)] {
            let begun = Instant::now();
            leftovers().into_iter().for_each(|process| processes::tell(process, word));
            while begun.elapsed() < patience {
                reap();
                let left = leftovers();
                if left.is_empty() {
                    return;
                }
                if word == Tell::Kill {
                    left.into_iter().for_each(|process| processes::tell(process, word));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Everything that lives below this process, but for what tidies up the repository.
fn leftovers() -> Vec<Pid> {
    let mut found = processes::below(&processes::listed(), getpid());
    found.retain(|process| !processes::carries(*process, HOUSEKEEPING, "1"));
    found
}
