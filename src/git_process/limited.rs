//! Child processes that talk to other machines, and so may hang: each has a time limit.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::store::{StoreError, StoreResult};

/// How long a process that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a command to its end, and gives what it printed. One that is not through within `limit` is ended, and said
/// to have timed out.
pub fn output(doing: &str, command: &mut Command, limit: Duration) -> StoreResult<Output> {
    let io = |source| StoreError::Io { doing: format!("{doing}: starting git"), source };
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(io)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let ended = wait(child);
    let status = match ended.recv_timeout(limit) {
        Ok(status) => status.map_err(io)?,
        Err(RecvTimeoutError::Disconnected) => return Err(io(std::io::ErrorKind::BrokenPipe.into())),
        Err(RecvTimeoutError::Timeout) => {
            let send = |signal| pid.map(|pid| kill_process(pid, signal));
            // git takes its own temporary files along when it is asked to end.
            send(Signal::TERM);
            if ended.recv_timeout(GRACE).is_err() {
                send(Signal::KILL);
            }
            let message = format!("no answer within {}", humantime::format_duration(limit));
            return Err(StoreError::Git { doing: doing.to_owned(), message });
        }
    };
    // What git started may hold its end of the pipe a little longer.
    let take = |from: Receiver<Vec<u8>>| from.recv_timeout(GRACE).unwrap_or_default();
    Ok(Output { status, stdout: take(stdout), stderr: take(stderr) })
}

fn wait(mut child: Child) -> Receiver<std::io::Result<ExitStatus>> {
    let (sender, receiver) = channel();
    // The thread ends with the child, whether anybody waits for it or not.
    std::thread::spawn(move || sender.send(child.wait()));
    receiver
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        sender.send(bytes)
    });
    receiver
}
