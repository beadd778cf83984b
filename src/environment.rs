//! Everything that comes from outside the arguments: the process's environment, read once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use uuid::{Builder, Uuid};

use crate::domain::draft::Ids;
use crate::domain::time::Timestamp;

/// The environment of the process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `JIT_AGENT`: the acting agent.
    pub agent: Option<OsString>,
    /// `JIT_CLAIM`: the token of the claim the process works under.
    pub claim: Option<OsString>,
    /// `JIT_DATA_DIR`: where the mirror is kept.
    pub data_dir: Option<PathBuf>,
    /// `JIT_REMOTE`: the remote to use.
    pub remote: Option<OsString>,
    /// `JIT_CLOCK`: a fixed time, for tests and replays.
    pub clock: Option<OsString>,
    /// This very program, to be started again for work in the background.
    pub program: Option<PathBuf>,
    /// `JIT_GATES_RUNNING`: the gates that processes above this one are running.
    pub gates_running: Option<String>,
    /// `JIT_HOOK_PROBE`: the file in which a hook notes that git has reached it, and does nothing else.
    pub hook_probe: Option<PathBuf>,
    /// The folder of user configuration: `XDG_CONFIG_HOME`, else `.config` in `HOME`.
    pub config_home: Option<PathBuf>,
    /// `GIT_DIR`.
    pub git_dir: Option<PathBuf>,
    /// `JIT_REF`: the ref that holds the tracker.
    pub ref_name: Option<String>,
    /// `GIT_QUARANTINE_PATH`: where objects are that were pushed and are not taken yet.
    pub quarantine: Option<PathBuf>,
    /// Whether `GIT_EDITOR` says that a hook's commit is made without an editor.
    pub no_editor: bool,
    /// `GIT_INDEX_FILE`: in a hook, the index of the commit that is being made.
    pub index_file: Option<PathBuf>,
    /// `GIT_AUTHOR_NAME` and `GIT_AUTHOR_EMAIL`.
    pub author: (Option<OsString>, Option<OsString>),
    /// The user's login name.
    pub user: Option<OsString>,
    /// `PATH`: where plugins are looked for.
    pub path: Option<OsString>,
    /// `JIT_PAGER`: what shows long results; `cat` for nothing.
    pub pager: Option<String>,
    /// Whether `NO_COLOR` is set to anything.
    pub no_color: bool,
    /// Whether the terminal is `dumb`.
    pub dumb_terminal: bool,
}

impl Environment {
    /// Reads the environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Self {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            agent: var("JIT_AGENT"),
            claim: var("JIT_CLAIM"),
            data_dir: var("JIT_DATA_DIR").map(PathBuf::from),
            remote: var("JIT_REMOTE"),
            clock: var("JIT_CLOCK"),
            program: std::env::current_exe().ok(),
            gates_running: var("JIT_GATES_RUNNING").and_then(|running| running.into_string().ok()),
            hook_probe: var("JIT_HOOK_PROBE").map(PathBuf::from),
            config_home: var("XDG_CONFIG_HOME")
                .map(PathBuf::from)
                .or_else(|| var("HOME").map(|home| PathBuf::from(home).join(".config"))),
            git_dir: var("GIT_DIR").map(PathBuf::from),
            ref_name: var("JIT_REF").map(|name| name.to_string_lossy().into_owned()),
            quarantine: var("GIT_QUARANTINE_PATH").map(PathBuf::from),
            no_editor: var("GIT_EDITOR").is_some_and(|editor| editor == ":"),
            index_file: var("GIT_INDEX_FILE").map(PathBuf::from),
            author: (var("GIT_AUTHOR_NAME"), var("GIT_AUTHOR_EMAIL")),
            user: var("USER").or_else(|| var("LOGNAME")),
            path: var("PATH"),
            pager: var("JIT_PAGER").and_then(|pager| pager.into_string().ok()),
            no_color: var("NO_COLOR").is_some(),
            dumb_terminal: var("TERM").is_some_and(|term| term == "dumb"),
        }
    }

    /// The name of this machine.
    pub fn host(&self) -> Option<String> {
        rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
    }
}

/// Set once somebody asks the process to end (Ctrl-C, `kill`). From the first call on the process does not end by
/// that itself: whoever calls this looks at it, and cleans up.
pub fn interrupted() -> &'static AtomicBool {
    static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    ASKED.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Where that is not allowed the signal ends the process, as it would without.
            let _ = signal_hook::flag::register(signal, flag.clone());
        }
        flag
    })
}

/// Calls `told` each time somebody asks the process to end. It then does not end by that itself.
pub fn on_end_asked(told: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || signals.forever().for_each(|_| told()));
    Ok(())
}

/// The system's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn system_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Ids from the system's random source.
#[derive(Debug, Default)]
pub struct RandomIds {
    given: u16,
}

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes random ids")]
    fn random(&mut self) -> Uuid {
        Uuid::new_v4()
    }

    /// The twelve bits after the time count up, so that the ids of one process keep their order.
    fn ordered(&mut self, now: Timestamp) -> Uuid {
        let random = self.random().into_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&random[6..]);
        tail[..2].copy_from_slice(&self.given.to_be_bytes());
        tail[2] = random[0];
        self.given = (self.given + 1) & 0x0fff;
        Builder::from_unix_timestamp_millis(u64::try_from(now.millis()).unwrap_or(0), &tail).into_uuid()
    }
}
