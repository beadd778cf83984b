//! One command to be run, and what its end means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::domain::event::Ran;
use crate::domain::gate::Check;
use crate::domain::name::GateKey;
use crate::file_lock::{FileLock, LockError};
use crate::progress::Echo;

use super::outcome::{How, Outcome, Verdict};
use super::process::{self, Ended, Sink, Task};
use super::runs::Runs;
use super::tail::end_of;

/// The exit code by which a command says that it cannot tell (`EX_TEMPFAIL`).
const CANNOT_TELL: i32 = 75;

/// One command to be run.
pub(super) struct Work {
    pub(super) gate: GateKey,
    pub(super) check: Check,
    pub(super) key: String,
    pub(super) tree: String,
    pub(super) environment: Option<String>,
    pub(super) dir: PathBuf,
    pub(super) variables: Vec<(&'static str, OsString)>,
    pub(super) force: bool,
}

/// An equal run that passed in this repository.
pub(super) fn passed_here(runs: &Runs, work: &Work) -> Option<Ran> {
    let run = runs.find(&work.key)?;
    let equal = run.passed
        && run.tree == work.tree
        && work.check.is_run_by(Some(&run.ran.command), run.ran.workdir.as_deref())
        && run.ran.environment == work.environment;
    let ran = Ran { reused_from: Some(run.issue), ..run.ran };
    equal.then_some(ran)
}

/// The folder `dir` below `top`, wherever links lead; `None` when that is outside.
pub(super) fn inside(top: &Path, dir: &str) -> Option<PathBuf> {
    let (top, dir) = (top.canonicalize().ok()?, top.join(dir).canonicalize().ok()?);
    (dir.starts_with(&top) && dir.is_dir()).then_some(dir)
}

/// What came of a work.
pub(super) struct Performed {
    pub(super) outcome: Outcome,
    /// Whether the command was run by this process.
    pub(super) ran: bool,
    /// Held until the verdict is kept: whoever waits for it then finds it.
    _turn: Option<FileLock>,
}

/// Runs one command, unless another process is at it and passes: then that is the verdict.
pub(super) fn perform(
    work: &Work,
    runs: &Runs,
    host: Option<&str>,
    echo: Arc<dyn Echo>,
    label: Option<String>,
    stop: &AtomicBool,
) -> Performed {
    let outcome =
        |how, verdict, output| Outcome { gate: work.gate.clone(), check: work.check.clone(), how, verdict, output };
    let turn = match runs.turn(&work.key) {
        Err(LockError::Busy) if !work.force => {
            echo.line(&format!("waiting for another run of {} on this tree", work.gate));
            wait_for_turn(runs, &work.key, work.check.timeout(), stop)
        }
        turn => turn.ok(),
    };
    let done = |outcome, ran| Performed { outcome, ran, _turn: turn };
    if !work.force
        && let Some(ran) = passed_here(runs, work)
    {
        return done(outcome(How::Reused, Verdict::Given { passed: true, ran }, None), false);
    }
    if stop.load(Ordering::Relaxed) {
        return done(outcome(How::Ran, Verdict::None("it was interrupted".to_owned()), None), false);
    }
    let command = work.check.command.as_deref().unwrap_or_default();
    let task = Task { command, dir: &work.dir, variables: &work.variables, timeout: work.check.timeout() };
    let sink: Arc<Sink> = Arc::new(move |bytes: &[u8]| echo.output(label.as_deref(), bytes));
    let finished = match process::run(&task, sink, stop) {
        Ok(finished) => finished,
        Err(why) => {
            return done(outcome(How::Ran, Verdict::None(format!("it could not be started: {why}")), None), false);
        }
    };
    let log = runs.keep_output(&work.key, &finished.output);
    let verdict = match judge(finished.ended, work.check.timeout()) {
        Err(why) => Verdict::None(why),
        Ok(exit_code) => Verdict::Given {
            passed: exit_code == 0,
            ran: Ran {
                command: command.to_owned(),
                workdir: work.check.workdir.clone(),
                environment: work.environment.clone(),
                exit_code,
                duration_ms: u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX),
                output_tail: end_of(&finished.output),
                host: host.map(str::to_owned),
                reused_from: None,
            },
        },
    };
    done(outcome(How::Ran, verdict, Some((end_of(&finished.output), log))), true)
}

/// Waits while another process runs the same, as long as that may take.
fn wait_for_turn(runs: &Runs, key: &str, most: Duration, stop: &AtomicBool) -> Option<FileLock> {
    let deadline = Instant::now() + most;
    while Instant::now() < deadline && !stop.load(Ordering::Relaxed) {
        match runs.turn(key) {
            Err(LockError::Busy) => {}
            turn => return turn.ok(),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The exit code that is a verdict, or why there is none.
fn judge(ended: Ended, timeout: Duration) -> std::result::Result<i32, String> {
    match ended {
        Ended::Exited(CANNOT_TELL) => Err(format!("it says that it cannot tell (exit {CANNOT_TELL})")),
        Ended::Exited(code @ (126 | 127)) => Err(format!("its command could not be started (exit {code})")),
        // What the shell says when a signal ended the command in it.
        Ended::Exited(code @ 129..=159) => Err(format!("signal {} ended it", code - 128)),
        Ended::Exited(code) => Ok(code),
        Ended::Signalled(signal) => Err(format!("signal {signal} ended it")),
        Ended::TimedOut => Err(format!("it was not done after {}", humantime::format_duration(timeout))),
        Ended::Interrupted => Err("it was interrupted".to_owned()),
    }
}
