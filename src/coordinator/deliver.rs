//! Delivering events to sinks while the coordinator runs: by a process of its own, so that neither waits for the other.

use std::fs::File;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::session::Session;
use crate::sinks::Sinks;

use super::home::Home;
use super::start::{program, said_in_full};

/// A process that has ended is started again after this long.
const AFTER_END: Duration = Duration::from_secs(10);
/// How long it has to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// The process that delivers, while there is something to deliver to.
#[derive(Default)]
pub struct Deliverer {
    running: Option<(Child, Option<ChildStdin>)>,
    next: Option<Instant>,
}

impl Deliverer {
    /// Whether the process runs, or nothing is wrong with it not running.
    pub fn is_well(&self) -> bool {
        self.running.is_some() || self.next.is_none()
    }

    /// Starts the process when there are sinks and it does not run. Gives what is wrong, if so.
    pub fn look_after(&mut self, session: &Session, home: &Home) -> Option<String> {
        if let Some((child, _)) = &mut self.running {
            match child.try_wait() {
                Ok(None) => return None,
                _ => {
                    self.running = None;
                    self.next = Some(Instant::now() + AFTER_END);
                }
            }
        }
        if Sinks::of(session).names().is_empty() {
            self.next = None;
            return None;
        }
        if self.next.is_some_and(|next| Instant::now() < next) {
            return None;
        }
        match start(session, home) {
            Ok(mut child) => {
                // INVARIANT: it ends when this end of its stdin closes, so also when this process is killed.
                let lifeline = child.stdin.take();
                self.running = Some((child, lifeline));
                None
            }
            Err(why) => {
                self.next = Some(Instant::now() + AFTER_END);
                Some(format!("events are not delivered to sinks: {why}"))
            }
        }
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        let Some((mut child, lifeline)) = self.running.take() else { return };
        drop(lifeline);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts what delivers")]
fn start(session: &Session, home: &Home) -> std::io::Result<Child> {
    let log = File::options().create(true).append(true).open(home.own_log())?;
    let mut command = Command::new(program(session)?);
    command.args(["sink", "run", "--follow", "--with-parent"]).current_dir(&home.checkout);
    command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    said_in_full(session, &mut command);
    command.spawn()
}
