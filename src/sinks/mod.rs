//! Sinks: where events are delivered to, each at least once and in order.
//!
//! A sink is local, as it names a command to run or an address to send to. It stands with its position in the folder
//! of local state, below `sinks/`, for its owner alone. What it runs or calls is agreed to as the commands of
//! gates are: text by text, in the same file, by whoever adds it here.

mod deliver;
mod position;
mod send;
mod serve;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::gate::Check;
use crate::domain::name::{Actor, SinkName};
use crate::domain::text::quoted;
use crate::error::{Class, Error, Result};
use crate::file_lock::{self, FileLock, LockError};
use crate::gates::trust;
use crate::session::Session;
use crate::store::{StoreError, derived};

pub use deliver::{Delivery, deliver, pending, skip};
pub use position::Position;
pub use serve::{Word, follow, once};

/// How long a delivery may take where nothing is said.
pub const TIMEOUT_MS: u64 = 30_000;

/// Where events go, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// What it is called here.
    pub name: SinkName,
    /// Where to.
    pub target: Target,
    /// Only events of these names; `claim.*` for all that begin so. Empty for all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only events about issues that this filter accepts when they are delivered.
    #[serde(default)]
    pub filter: Option<String>,
    /// Only events by this actor.
    #[serde(default)]
    pub actor: Option<Actor>,
    /// What deliveries over HTTP are signed with.
    #[serde(default)]
    pub secret: Option<String>,
    /// How long a delivery may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Where events are delivered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A command for `sh -c`, with the event on stdin.
    Exec(String),
    /// An address that takes a POST.
    Url(String),
}

impl Target {
    /// Says what is wrong with an address.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Target::Url(url) = self else { return Ok(()) };
        let uri: ureq::http::Uri = url.parse().map_err(|why| format!("`{url}` is not an address: {why}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(()),
            _ => Err(format!("`{url}` is not an address; write it like https://example.com/hook")),
        }
    }
}

/// An address without the password that stands in it.
pub fn without_password(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let authority = &url[start..end];
    match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{}{user}:***@{host}{}", &url[..start], &url[end..]),
        None => url.to_owned(),
    }
}

impl Sink {
    /// What has to be agreed to before anything is delivered.
    pub fn check(&self) -> Check {
        let text = match &self.target {
            Target::Exec(command) => command.clone(),
            Target::Url(url) => format!("POST {url}"),
        };
        Check { command: Some(text), ..Check::default() }
    }

    /// The command that adds it again as it is; in words, where that is not a line that can be shown.
    fn as_command(&self) -> String {
        let (Target::Exec(text) | Target::Url(text)) = &self.target;
        if text.contains(['\n', '\r']) || without_password(text) != *text {
            return format!("add {} again as it was, with --replace: jit sink list", self.name);
        }
        let mut words = vec!["jit".to_owned(), "sink".to_owned(), "add".to_owned(), self.name.to_string()];
        let mut option = |name: &str, value: &str| words.extend([format!("--{name}"), quoted(value)]);
        match &self.target {
            Target::Exec(command) => option("exec", command),
            Target::Url(url) => option("url", url),
        }
        self.types.iter().for_each(|kind| option("type", kind));
        self.filter.iter().for_each(|filter| option("filter", filter));
        self.actor.iter().for_each(|actor| option("actor", actor.as_str()));
        option("timeout", &humantime::format_duration(Duration::from_millis(self.timeout_ms)).to_string());
        words.push("--replace".to_owned());
        words.join(" ")
    }

    /// Refuses a sink that this user has not agreed to on this machine.
    pub fn require_trust(&self, session: &Session) -> Result<()> {
        if trust(session).covers(&self.check()) {
            return Ok(());
        }
        let text = match &self.target {
            Target::Exec(command) => command.clone(),
            Target::Url(url) => format!("POST {}", without_password(url)),
        };
        let message = format!(
            "you have not agreed to what the sink {} does; add it yourself if you want it:\n    {text}",
            self.name
        );
        Err(Error::new(Class::Refused, "sink_not_trusted", message)
            .hint(self.as_command())
            .details(serde_json::json!({ "sink": self.name, "runs": text })))
    }
}

/// The sinks of a repository.
#[derive(Clone, Debug)]
pub struct Sinks {
    folder: PathBuf,
}

impl Sinks {
    /// Those of the session's repository.
    pub fn of(session: &Session) -> Self {
        Self { folder: session.store.local_state().join("sinks") }
    }

    fn file(&self, name: &SinkName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Where they stand.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes files away that begin so: what somebody who was killed has left.
    pub fn sweep(&self, beginning: &str) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(beginning)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Where the position of a sink is kept.
    pub fn position_file(&self, name: &SinkName) -> PathBuf {
        self.folder.join(format!("{name}.position"))
    }

    /// Locked by whoever delivers to a sink.
    pub fn lock_file(&self, name: &SinkName) -> PathBuf {
        self.folder.join(format!("{name}.lock"))
    }

    /// The names of all sinks, sorted.
    pub fn names(&self) -> Vec<SinkName> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok();
        let mut names: Vec<SinkName> = entries.filter_map(name).collect();
        names.sort();
        names
    }

    /// A sink by its name.
    pub fn get(&self, name: &SinkName) -> Result<Sink> {
        let unreadable = |why: String| {
            let message = format!("the sink {name} cannot be read: {why}; add it again, with --replace");
            Error::new(Class::Unexpected, "sink_unreadable", message).hint("jit sink add --help")
        };
        match fs::read(self.file(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| unreadable(why.to_string())),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                Err(Error::new(Class::NotFound, "sink_not_found", format!("no sink is called {name}"))
                    .hint("jit sink list"))
            }
            Err(why) => Err(unreadable(why.to_string())),
        }
    }

    /// Whether there is a sink of this name.
    pub fn has(&self, name: &SinkName) -> bool {
        self.file(name).exists()
    }

    /// Takes the turn of a sink: one process at a time delivers to it or changes it. Waits for a delivery that is under
    /// way, at most `patience`; `None` when somebody has it for longer.
    pub fn turn(&self, name: &SinkName, patience: Duration) -> Result<Option<FileLock>> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(StoreError::io(format!("making {}", self.folder.display())))?;
        match file_lock::lock(&self.lock_file(name), patience) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::Busy) => Ok(None),
            Err(LockError::Io(why)) => Err(StoreError::io("taking the turn of a sink")(why).into()),
        }
    }

    /// Takes the turn of a sink to change it.
    pub fn turn_to_change(&self, name: &SinkName) -> Result<FileLock> {
        let timeout = self.get(name).map_or(TIMEOUT_MS, |sink| sink.timeout_ms);
        let patience = Duration::from_millis(timeout).saturating_add(Duration::from_secs(5));
        self.turn(name, patience)?.ok_or_else(|| {
            let message = format!("somebody delivers to the sink {name} all the time");
            Error::new(Class::Lost, "sink_busy", message).hint("end what runs jit sink run, and try again").retryable()
        })
    }

    /// Puts a sink in place, beginning at a position. The folder is its owner's alone: secrets stand in it. To be called in
    /// the sink's turn.
    pub fn put(&self, sink: &Sink, position: &Position) -> Result<()> {
        let failed = || StoreError::io(format!("writing {}", self.file(&sink.name).display()));
        position.write(&self.position_file(&sink.name))?;
        let text = serde_json::to_string_pretty(sink).expect("a sink has only text keys");
        derived::write(&self.file(&sink.name), |out| writeln!(out, "{text}")).map_err(failed())?;
        Ok(())
    }

    /// Takes a sink away, with its position. To be called in its turn.
    pub fn remove(&self, name: &SinkName) -> Result<()> {
        let failed = StoreError::io(format!("removing {}", self.file(name).display()));
        fs::remove_file(self.file(name)).map_err(failed)?;
        // The lock stays: somebody may stand in line for it.
        let _ = fs::remove_file(self.position_file(name));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let cases = [
            ("https://ada:secret@host:8/a@b?c#d", "https://ada:***@host:8/a@b?c#d"),
            ("https://ada:p@ss@host", "https://ada:***@host"),
            ("https://ada@host/x:y@z", "https://ada@host/x:y@z"),
            ("https://host", "https://host"),
        ];
        for (url, shown) in cases {
            assert_eq!(without_password(url), shown);
        }
    }
}
