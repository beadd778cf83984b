//! Processes and what they have started: found, watched, told to end.
//!
//! Where the system lists processes (`/proc`) all of them are found; elsewhere only the group of each.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group, waitid};

/// What a process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// To end by itself.
    End,
    /// Nothing: it is ended.
    Kill,
}

impl Word {
    fn signal(self) -> Signal {
        match self {
            Word::End => Signal::TERM,
            Word::Kill => Signal::KILL,
        }
    }
}

/// Tells when a child has ended, and leaves it as it is: its id stays taken until it is waited for.
pub fn watch(child: Pid) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        await_end(child);
        // Nobody listens any more when the process was ended meanwhile.
        let _ = sender.send(());
    });
    receiver
}

/// Waits until a child has ended, and leaves it as it is.
pub fn await_end(child: Pid) {
    let ended = || waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    while ended().is_err_and(|why| why == rustix::io::Errno::INTR) {}
}

/// A process by its id, if that can be one.
pub fn process(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Tells one process. That it is gone is not a failure.
pub fn tell(process: Pid, word: Word) {
    let _ = kill_process(process, word.signal());
}

/// Tells the group that `leader` leads, and what was started below it and below `others`: some, `timeout` among them,
/// make groups of their own. Each is told once: a second word to end means "at once" to many. The leader must not have
/// been waited for, so that its id is nobody else's.
pub fn tell_all(leader: Pid, others: &[Pid], word: Word) {
    let listed = listed();
    let mut told = below(&listed, leader);
    told.extend(others);
    told.extend(listed.iter().filter(|process| process.group == Some(leader)).map(|process| process.id));
    told.sort_unstable_by_key(|process| process.as_raw_nonzero());
    told.dedup();
    told.into_iter().for_each(|process| tell(process, word));
    if word == Word::Kill || listed.is_empty() {
        // At once, also those that were started just now. There may be nobody left in it.
        let _ = kill_process_group(leader, word.signal());
    }
}

/// Ends a group whose leader began at `began`, if that one still is the leader: its id may be another's by now.
pub fn kill_group(leader: Pid, began: u64) {
    let listed = listed();
    if listed.iter().any(|process| process.id == leader && process.began == began && process.group == Some(leader)) {
        below(&listed, leader).into_iter().for_each(|process| tell(process, Word::Kill));
        let _ = kill_process_group(leader, Word::Kill.signal());
    }
}

/// When a process began, in ticks since the machine did; 0 where that is not known.
pub fn began(process: Pid) -> u64 {
    listed().iter().find(|listed| listed.id == process).map_or(0, |listed| listed.began)
}

/// A process as the system lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its id.
    pub id: Pid,
    /// Who started it, or took it over.
    pub parent: Pid,
    /// Its group.
    pub group: Option<Pid>,
    /// When it began, in ticks since the machine did.
    pub began: u64,
    /// The processor time that it and its ended children have used.
    pub used: Duration,
}

/// Every process that can be seen.
pub fn listed() -> Vec<Listed> {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let read = |entry: std::fs::DirEntry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in parentheses may hold anything; the state and the parent follow it.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let used: u64 = (11..15).filter_map(number).sum();
        let parent = Pid::from_raw(i32::try_from(number(1)?).ok()?)?;
        let group = number(2).and_then(|group| Pid::from_raw(i32::try_from(group).ok()?));
        let (began, used) = (number(19).unwrap_or(0), Duration::from_millis(used * 1000 / ticks));
        Some(Listed { id: Pid::from_raw(id)?, parent, group, began, used })
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(read).collect()
}

/// The processes that `leader` started, and theirs.
pub fn below(listed: &[Listed], leader: Pid) -> Vec<Pid> {
    let mut found = vec![leader];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(listed.iter().filter(|process| process.parent == parent).map(|process| process.id));
        at += 1;
    }
    found.split_off(1)
}

/// The processes of this user that have `variable` with this value in the environment they were started with.
pub fn carrying(variable: &str, value: &str) -> Vec<Pid> {
    let own = rustix::process::getpid();
    let listed = listed().into_iter().map(|process| process.id);
    listed.filter(|process| *process != own && carries(*process, variable, value)).collect()
}

/// Whether a process was started with this value of a variable. Those of other users cannot be asked.
pub fn carries(process: Pid, variable: &str, value: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", process.as_raw_nonzero())).unwrap_or_default();
    let wanted = format!("{variable}={value}");
    environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
}

/// Has everything that is started from here on, however far down, become a child of this process when its own parent
/// ends. Where the system does not know that (it is Linux that does), such processes are lost sight of.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// Waits for children that have ended, without waiting for others, and never for one of them. Only on Linux, where
/// orphans become children of a process that did not start them.
pub fn reap_all_but(kept: Pid) {
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let ids = children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?));
        for id in ids.filter(|id| *id != kept) {
            let _ = rustix::process::waitpid(Some(id), WaitOptions::NOHANG);
        }
    }
}

/// Waits for children that have ended, without waiting for others. Whether there are others.
pub fn reap() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
