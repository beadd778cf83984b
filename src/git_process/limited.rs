//! Child processes that talk to other machines, and so may hang: each has a time limit.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::store::{StoreError, StoreResult};

/// How long a process that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long it is waited for the end of what is only said.
const BRIEFLY: Duration = Duration::from_millis(100);

/// Runs a command to its end, and gives what it printed. One that is not through within `limit` is ended, and said
/// to have timed out.
pub fn output(doing: &str, command: &mut Command, limit: Duration) -> StoreResult<Output> {
    let io = |source| StoreError::Io { doing: format!("{doing}: starting git"), source };
    let failed = |message: String| StoreError::Git { doing: doing.to_owned(), message };
    if limit.is_zero() {
        return Err(failed("there was no time left for it".to_owned()));
    }
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
            return Err(failed(format!("no answer within {}", humantime::format_duration(limit))));
        }
    };
    // What git started in the background may hold the other end of a pipe for as long as it lives.
    let (stdout, whole) = stdout.take(GRACE);
    if !whole {
        return Err(failed("its answer did not come to an end".to_owned()));
    }
    let (stderr, _) = stderr.take(BRIEFLY);
    Ok(Output { status, stdout, stderr })
}

fn wait(mut child: Child) -> Receiver<std::io::Result<ExitStatus>> {
    let (sender, receiver) = channel();
    // The thread ends with the child, whether anybody waits for it or not.
    std::thread::spawn(move || sender.send(child.wait()));
    receiver
}

/// What comes through a pipe, read by a thread of its own.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Reader {
    /// What has come, and whether that is all: waits so long for the end.
    fn take(self, patience: Duration) -> (Vec<u8>, bool) {
        let whole = self.end.recv_timeout(patience).is_ok();
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *bytes), whole)
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Reader {
    let (sender, end) = channel();
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let shared = bytes.clone();
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        if let Some(mut pipe) = pipe {
            // What could be read before an error is what there is.
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..count]);
            }
        }
        sender.send(())
    });
    Reader { bytes, end }
}
