//! What people ask of a coordinator from outside: start, stop, one round.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::StoreError;

use super::config::OWN_VARIABLES;
use super::daemon::{Told, Wish};
use super::home::{Home, Loaded};
use super::round::Coordinator;
use super::start;

/// How long a coordinator may take to begin.
const BEGINNING: Duration = Duration::from_secs(30);
/// How long its first round is waited for.
const FIRST_ROUND: Duration = Duration::from_secs(3);
/// How long it may take to end: the round in hand, and its agents.
const ENDING: Duration = Duration::from_secs(90);
/// How long a process may take to be gone once it was killed.
const DYING: Duration = Duration::from_millis(50);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// A log is begun anew with the process once it has this many bytes.
const LARGE_LOG: u64 = 1 << 20;

/// Starts a coordinator in the background. Gives what it tells of itself, and whether it was running already.
pub fn start(session: &Session) -> Result<(Told, bool)> {
    let home = Home::of(session);
    home.make()?;
    let begun = Instant::now();
    // Whoever has the place tells of itself soon, if it is to stay; one that does a single round leaves soon.
    while home.is_at_work() {
        if let Some(told) = home.told()
            && still_tells(&home, &told)
        {
            if !was_moved(&home, &told) {
                return Ok((told, true));
            }
            // It ends as soon as it looks: what is put beside its lock has it look.
            home.write_json(&home.wish_file(), &Wish::default())?;
        }
        if begun.elapsed() > BEGINNING {
            return Err(not_begun(&home, "somebody else has its place"));
        }
        std::thread::sleep(LOOK);
    }
    // What is wrong with the configuration is said here, by its own name.
    home.load(session)?;
    let mut child = spawn(session, &home)?;
    let begun = Instant::now();
    while begun.elapsed() < BEGINNING {
        // What it hands out at once is handed out when this command is through.
        let told = home.told().filter(|told| home.is_at_work() && (told.looked || begun.elapsed() > FIRST_ROUND));
        if let Some(told) = told {
            // Somebody else may have been faster.
            let faster = told.pid != child.id();
            if !faster || still_tells(&home, &told) {
                return Ok((told, faster));
            }
        }
        if let Ok(Some(status)) = child.try_wait()
            && !home.is_at_work()
        {
            return Err(not_begun(&home, if status.success() { "it was stopped at once" } else { "it ended at once" }));
        }
        std::thread::sleep(LOOK);
    }
    let _ = child.kill();
    Err(not_begun(&home, "it did not begin in time"))
}

/// Whether the checkout is no longer where whoever has the place began.
fn was_moved(home: &Home, told: &Told) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    !told.checkout.as_os_str().is_empty() && place(&told.checkout) != place(&home.checkout)
}

/// Whether whoever has the place goes on telling this of itself. One that was killed this very moment holds its lock a
/// little longer, and what it told is taken away by the next only once that has the lock.
fn still_tells(home: &Home, told: &Told) -> bool {
    std::thread::sleep(DYING);
    home.is_at_work() && home.told().is_some_and(|now| now.pid == told.pid)
}

fn not_begun(home: &Home, why: &str) -> Error {
    let text = fs::read_to_string(home.own_log()).unwrap_or_default();
    let said = text.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or(why).to_owned();
    Error::new(Class::Outside, "coordinator_failed", format!("the coordinator could not be started: {said}"))
        .hint("jit coordinator start --foreground")
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts the daemon")]
fn spawn(session: &Session, home: &Home) -> Result<Child> {
    let doing = || StoreError::io("starting the coordinator");
    let program = start::program(session).map_err(doing())?;
    let log = home.own_log();
    let anew = fs::metadata(&log).is_ok_and(|meta| meta.len() > LARGE_LOG);
    let log = File::options().create(true).append(true).open(&log).map_err(doing())?;
    if anew {
        log.set_len(0).map_err(doing())?;
    }
    let mut command = Command::new("/bin/sh");
    command.args(["-c", start::CLOSED, "sh"]).arg(program).args(["coordinator", "start", "--foreground", "--detached"]);
    command.current_dir(&home.checkout).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // What is meant from the folder at hand is said in full: the coordinator stands in another one.
    if session.environment.git_dir.is_some() {
        command.env("GIT_DIR", session.store.git_dir());
        session.store.work_tree().map(|top| command.env("GIT_WORK_TREE", top));
    }
    start::said_in_full(session, &mut command);
    // It works for itself, whoever starts it.
    for variable in OWN_VARIABLES {
        command.env_remove(variable);
    }
    Ok(command.spawn().map_err(doing())?)
}

/// Leaves the terminal that this process was started from.
pub fn detach() {
    // Whoever leads a group already has left.
    let _ = rustix::process::setsid();
}

/// What came of a wish to stop.
#[derive(Clone, Debug, Default)]
pub struct Stopped {
    /// Whether one was running.
    pub was_running: bool,
    /// The process that ended, where it is known.
    pub pid: Option<u32>,
    /// How many agents were running.
    pub agents: usize,
}

/// Ends the coordinator after the round in hand, and its agents where that is wished. Quiet when none runs; agents that
/// an earlier one has left running are ended all the same.
pub fn stop(session: &Session, wish: Wish) -> Result<Stopped> {
    let home = Home::of(session);
    let agents = || home.running().len();
    let running = agents();
    if !home.is_at_work() {
        if wish.kill_agents && running > 0 {
            end_agents(session, &home)?;
        }
        return Ok(Stopped { was_running: false, pid: None, agents: running });
    }
    let asked = Instant::now();
    let mut pid = None;
    while home.is_at_work() {
        let now = home.told().map(|told| told.pid);
        if pid.is_some() && now.is_some() && now != pid {
            // The one that was asked has ended; this is another.
            break;
        }
        pid = pid.or(now);
        // One that begins this very moment clears away what it finds; one that somebody else asked may be asked for more.
        if home.wish().is_none_or(|known| wish.kill_agents && !known.kill_agents) {
            home.write_json(&home.wish_file(), &wish)?;
        }
        if asked.elapsed() > ENDING {
            let message = format!(
                "the coordinator has not ended within {} seconds; it ends after the round in hand",
                ENDING.as_secs()
            );
            return Err(Error::new(Class::Outside, "coordinator_busy", message)
                .hint("jit coordinator status")
                .retryable());
        }
        std::thread::sleep(LOOK);
    }
    // One that begins after this is not meant.
    let _ = fs::remove_file(home.wish_file());
    if wish.kill_agents && !home.is_at_work() && agents() > 0 {
        // Whoever had the place did not see to it.
        end_agents(session, &home)?;
    }
    let agents = if wish.kill_agents { running.saturating_sub(agents()) } else { running };
    Ok(Stopped { was_running: true, pid, agents })
}

/// Ends what an earlier coordinator has left running.
fn end_agents(session: &Session, home: &Home) -> Result<()> {
    let _lock = home.enter()?;
    // Agents are ended also when the configuration is not what it should be.
    let loaded = home.load(session).unwrap_or_else(|_| Loaded::nothing());
    Coordinator::begin(session, home.clone(), loaded, mpsc::channel().0)?.end_agents()
}

/// Does one round, and waits for nothing. Gives how many agents were started.
pub fn once(session: &Session) -> Result<(usize, Vec<String>)> {
    let home = Home::of(session);
    let _lock = home.enter()?;
    let loaded = home.load(session)?;
    let mut coordinator = Coordinator::begin(session, home, loaded, mpsc::channel().0)?;
    coordinator.round()?;
    // One round waits for no agent: whether one begins shows in the next, or in the events.
    coordinator.problems.remove("agents");
    Ok((coordinator.started, coordinator.problems_told()))
}
