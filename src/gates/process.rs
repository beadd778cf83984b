//! Running one command: in a process group of its own, watched, and ended with everything it started.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::git_process::REPOSITORY_VARIABLES;
use crate::processes::{Word, tell_all, watch};

use super::tail::Tail;

/// What is to be run.
pub struct Task<'a> {
    /// For `sh -c`.
    pub command: &'a str,
    /// Where.
    pub dir: &'a Path,
    /// Variables besides the inherited ones. Those that tie a process to a repository are not inherited.
    pub variables: &'a [(&'a str, OsString)],
    /// How long it may take.
    pub timeout: Duration,
}

/// Takes what a command prints, as it comes.
pub type Sink = dyn Fn(&[u8]) + Send + Sync;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signalled(i32),
    /// By us, because its time was over.
    TimedOut,
    /// By us, because we were told to stop.
    Interrupted,
}

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// How long it took.
    pub duration: Duration,
    /// The end of what it printed, on both streams as it came.
    pub output: Vec<u8>,
}

/// Runs the command in the place of this shell, and beside it, as nobody's child, a watch that ends the group when
/// the lifeline on stdin breaks: a process that is killed takes its check with it. The watch begins deaf to
/// signals, so that a command which ends its own group at once does not end it.
const UNDER_WATCH: &str = "exec 3<&0 </dev/null; trap '' TERM INT HUP USR1 USR2 ALRM PIPE; ({ read -r _ <&3; kill -9 0; } >/dev/null 2>&1 &); trap - TERM INT HUP USR1 USR2 ALRM PIPE; exec sh -c -- \"$1\" 3<&-";
/// How long a group has to end by itself when it is told to, before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long those have that the command left behind.
const AFTERMATH: Duration = Duration::from_millis(500);
/// How long output may be on its way after everybody who could write it is gone.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How often a command that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a command to its end and hands out what it prints as it comes.
///
/// Whatever it left running in its process group is ended with it. A process that made a group of its own (a
/// daemon) is not; it cannot hold the run up either. Errors say why it could not be started.
pub fn run(task: &Task<'_>, echo: Arc<Sink>, stop: &AtomicBool) -> io::Result<Finished> {
    let started = Instant::now();
    let (reader, writer) = io::pipe()?;
    // Open as long as this process lives and the run is not over.
    let (lifeline, _alive) = io::pipe()?;
    let child = spawn(task, lifeline, writer)?;
    let group = Pid::from_child(&child);
    let output = Output::collect(reader, echo);
    let mut group = Group { leader: child, id: group, exited: watch(group) };
    let cut = group.wait(started + task.timeout, stop);
    let ended = group.end(cut.is_some(), &output)?;
    Ok(Finished { ended: cut.unwrap_or(ended), duration: started.elapsed(), output: output.end() })
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts commands of gates")]
fn spawn(task: &Task<'_>, lifeline: io::PipeReader, writer: io::PipeWriter) -> io::Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", UNDER_WATCH, "sh", task.command]).current_dir(task.dir).process_group(0);
    command.stdin(lifeline).stdout(writer.try_clone()?).stderr(writer);
    // Nor what git says in a hook about the commit it is making.
    for variable in REPOSITORY_VARIABLES.iter().chain(&["GIT_AUTHOR_DATE", "GIT_EDITOR"]) {
        command.env_remove(variable);
    }
    command.envs(task.variables.iter().map(|(name, value)| (name, value)));
    command.spawn()
}

/// A process and those it started.
struct Group {
    leader: Child,
    id: Pid,
    exited: Receiver<()>,
}

impl Group {
    /// Waits for the leader. Gives why it did not wait to the end, if so.
    fn wait(&mut self, deadline: Instant, stop: &AtomicBool) -> Option<Ended> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Some(Ended::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.exited.recv_timeout(left.min(LOOK)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Some(Ended::TimedOut),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Ends what is left of the group, and waits for the leader.
    ///
    /// INVARIANT: the leader is waited for last. Until then its id, and with it the group's, is not given to
    /// anybody else, so that no stranger is killed.
    fn end(&mut self, running: bool, output: &Output) -> io::Result<Ended> {
        if running || !output.is_over(LAST_WORDS) {
            tell_all(self.id, &[], Word::End);
            let patience = Instant::now() + if running { GRACE } else { AFTERMATH };
            if running {
                let _ = self.exited.recv_timeout(GRACE);
            }
            output.is_over(patience.saturating_duration_since(Instant::now()));
        }
        tell_all(self.id, &[], Word::Kill);
        let status = self.leader.wait()?;
        output.is_over(LAST_WORDS);
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, signal) => Ended::Signalled(signal.unwrap_or_default()),
        })
    }
}

/// What a command prints, read by a thread.
struct Output {
    tail: Arc<Mutex<Tail>>,
    over: Receiver<()>,
    is_over: Cell<bool>,
    /// Set when nobody is interested any more: what still comes is thrown away.
    closed: Arc<AtomicBool>,
}

impl Output {
    fn collect(mut reader: io::PipeReader, echo: Arc<Sink>) -> Self {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let closed = Arc::new(AtomicBool::new(false));
        let (sender, over) = mpsc::channel();
        let (shared, shut) = (tail.clone(), closed.clone());
        std::thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if shut.load(Ordering::Relaxed) {
                    break;
                }
                shared.lock().unwrap_or_else(PoisonError::into_inner).put(&chunk[..count]);
                echo(&chunk[..count]);
            }
            let _ = sender.send(());
        });
        Self { tail, over, is_over: Cell::new(false), closed }
    }

    /// Whether everybody who could write has closed its end; waits for that at most `patience`.
    fn is_over(&self, patience: Duration) -> bool {
        if !self.is_over.get() {
            self.is_over.set(self.over.recv_timeout(patience).is_ok());
        }
        self.is_over.get()
    }

    /// The end of what was printed.
    fn end(self) -> Vec<u8> {
        self.closed.store(true, Ordering::Relaxed);
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).bytes()
    }
}
