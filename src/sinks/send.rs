//! One event on its way: to a command, or over HTTP.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::domain::event::Event;
use crate::domain::name::SinkName;
use crate::gates::{Ended, Task, run_command};

use super::{Sink, Target};

/// So much of what a command printed is told when it fails.
const TOLD: usize = 300;
/// An answer over HTTP is read up to so many bytes.
const ANSWER: u64 = 1 << 16;
/// How often it is looked whether the work is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Takes events to one sink.
pub struct Carrier<'s> {
    sink: &'s Sink,
    /// Where commands run.
    dir: &'s Path,
    /// Where the file with the event stands, as long as a command runs.
    scratch: &'s Path,
    /// Keeps the connection to an address between events.
    agent: Agent,
}

impl<'s> Carrier<'s> {
    /// One for a sink.
    pub fn new(sink: &'s Sink, dir: &'s Path, scratch: &'s Path) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::WebPki).build();
        let config = Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(sink.timeout_ms)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("jit/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        Self { sink, dir, scratch, agent: config.build().into() }
    }

    /// Delivers one event, whose document is `body`. Errors say why it was not taken.
    pub fn send(&self, event: &Event, body: &[u8], stop: &AtomicBool) -> Result<(), String> {
        match &self.sink.target {
            Target::Exec(command) => {
                let written = written(self.sink, body, self.scratch);
                let file = written.map_err(|why| format!("the event could not be written to a file: {why}"))?;
                exec(self.sink, command, event, file.path(), self.dir, stop)
            }
            Target::Url(url) => {
                let (agent, sink, url) = (self.agent.clone(), self.sink.clone(), url.clone());
                let (event, body) = (event.clone(), body.to_vec());
                while_wanted(stop, move || post(&agent, &sink, &url, &event, &body))
            }
        }
    }
}

/// How the names of files with events begin, for one sink. No name of a sink holds a `~`, so none of these begins
/// another.
pub fn scratch_name(sink: &SinkName) -> String {
    format!("event~{sink}~")
}

/// An event as a file, gone with the value.
fn written(sink: &Sink, body: &[u8], scratch: &Path) -> std::io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(&scratch_name(&sink.name)).tempfile_in(scratch)?;
    file.write_all(body)?;
    Ok(file)
}

fn exec(sink: &Sink, command: &str, event: &Event, file: &Path, dir: &Path, stop: &AtomicBool) -> Result<(), String> {
    let text = |text: String| OsString::from(text);
    let variables = [
        ("JIT_SINK", text(sink.name.to_string())),
        ("JIT_EVENT", text(event.event.clone())),
        ("JIT_EVENT_ID", text(event.id.to_string())),
        ("JIT_EVENT_FILE", file.as_os_str().to_owned()),
        ("JIT_ISSUE", text(event.issue.map(|id| id.to_string()).unwrap_or_default())),
    ];
    // stdin is taken by what ends the command with this process.
    let command = format!("exec <\"$JIT_EVENT_FILE\"\n{command}");
    let timeout = Duration::from_millis(sink.timeout_ms);
    let task = Task { command: &command, dir, variables: &variables, timeout };
    let finished = run_command(&task, Arc::new(|_: &[u8]| {}), stop).map_err(|why| format!("not started: {why}"))?;
    let said = String::from_utf8_lossy(&finished.output).trim().chars().rev().take(TOLD).collect::<Vec<_>>();
    let said: String = said.into_iter().rev().collect();
    let ended = match finished.ended {
        Ended::Exited(0) => return Ok(()),
        Ended::Exited(code) => format!("it exited {code}"),
        Ended::Signalled(signal) => format!("it was ended by signal {signal}"),
        Ended::TimedOut => format!("it took longer than {} ms", sink.timeout_ms),
        Ended::Interrupted => "it was interrupted".to_owned(),
    };
    Err(if said.is_empty() { ended } else { format!("{ended}: {said}") })
}

/// Does something that cannot be broken off in a thread of its own, and does not wait for it when told to stop.
fn while_wanted(stop: &AtomicBool, work: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<(), String> {
    let (sender, done) = channel();
    std::thread::spawn(move || sender.send(work()).unwrap_or_default());
    loop {
        match done.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err("it broke off".to_owned()),
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => {
                return Err("it was interrupted".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// POSTs the event. Any answer from 200 to 299 means that it was taken; redirects are not followed.
fn post(agent: &Agent, sink: &Sink, url: &str, event: &Event, body: &[u8]) -> Result<(), String> {
    let mut request = agent
        .post(url)
        .header("Content-Type", "application/json")
        .header("X-Jit-Event", &event.event)
        .header("X-Jit-Delivery", event.id.to_string())
        .header("X-Jit-Sink", sink.name.as_str());
    if let Some(secret) = &sink.secret {
        request = request.header("X-Jit-Signature-256", format!("sha256={}", signature(secret, body)));
    }
    let mut answer = request.send(body).map_err(|why| why.to_string())?;
    // A connection is used again when the answer was read to its end; a long one is not worth that.
    let _ = answer.body_mut().with_config().limit(ANSWER).read_to_vec();
    match answer.status().as_u16() {
        200..300 => Ok(()),
        status => Err(format!("it answered {status}")),
    }
}

/// The HMAC (RFC 2104) of a body with SHA-256, in hexadecimal.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_receivers_of_webhooks_know() {
        // The example of GitHub's documentation.
        let expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signature("It's a Secret to Everybody", b"Hello, World!"), expected);
    }
}
