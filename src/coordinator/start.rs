//! Starting the process that runs an agent, and taking notice of its end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;

use crate::domain::id::EventId;
use crate::session::Session;

use super::assignment::{Assignment, Word, report};
use super::home::Home;
use super::round::Message;

/// Writes an assignment down and starts the process that runs its agent, in a group of its own: what interrupts the
/// coordinator does not end it.
#[expect(clippy::disallowed_methods, reason = "the one place that starts what runs agents")]
pub fn start(
    session: &Session,
    home: &Home,
    assignment: &Assignment,
    env: &BTreeMap<String, String>,
) -> io::Result<Child> {
    let program = program(session)?;
    // INVARIANT: the file is locked from before the process begins until its end: it inherits the lock.
    let run = home.claim_run_file(assignment.token)?;
    let record = home.record(assignment.token);
    home.write_json(&record, assignment).map_err(|why| io::Error::other(crate::error::Error::from(why).message))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", CLOSED, "sh"]).arg(program).args(["coordinator", "run-agent"]).arg(record);
    command.current_dir(&home.checkout).process_group(0);
    command.stdin(run).stdout(Stdio::null()).stderr(Stdio::null());
    said_in_full(session, &mut command);
    command.envs(env);
    command.env("JIT_ISSUE", assignment.issue.to_string()).env("JIT_AGENT", assignment.actor.as_str());
    command.env("JIT_CLAIM", assignment.token.to_string()).env("JIT_REPO", &home.checkout);
    command.spawn()
}

/// This very program.
pub fn program(session: &Session) -> io::Result<&Path> {
    session.environment.program.as_deref().ok_or_else(|| io::Error::other("this program is not found"))
}

/// Runs a command in the place of this shell without the files that whoever started us had open, as far as every shell can
/// name them: a lock that a scheduler holds for us is not held for as long as an agent works.
pub const CLOSED: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$@\"";

/// Says in full what the environment says from the folder at hand: the process stands in another one.
pub fn said_in_full(session: &Session, command: &mut Command) {
    if let (Some(_), Some(mirror)) = (&session.environment.data_dir, session.mirror()) {
        command.env("JIT_DATA_DIR", mirror.dir());
    }
}

/// Leaves word that an agent could not even be begun.
pub fn note_failure(home: &Home, assignment: &Assignment, why: &io::Error) {
    if let Ok(mut file) = File::options().create(true).truncate(true).write(true).open(home.run_file(assignment.token))
    {
        report(&mut file, &Word::NotStarted(why.to_string()));
    }
}

/// Sends word when the process of an assignment is gone, at once.
pub fn tell_when_gone(home: &Home, token: EventId, child: Option<Child>, wakes: Sender<Message>) {
    let file = home.run_file(token);
    std::thread::spawn(move || {
        match child {
            Some(mut child) => drop(child.wait()),
            // Locked by the process as long as it lives.
            None => drop(File::open(file).and_then(|file| file.lock_shared())),
        }
        // Nobody listens any more when the coordinator has ended.
        let _ = wakes.send(Message::Ended(token));
    });
}
