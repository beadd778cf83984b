//! Where a coordinator keeps what it needs to remember: in the folder of its checkout in the repository, which no fetch
//! writes to, and which every checkout has for itself.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::draft::Ids;
use crate::domain::name::{Actor, is_plain};
use crate::domain::text::quoted;
use crate::domain::time::Timestamp;
use crate::environment::RandomIds;
use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::derived;
use crate::store::{StoreError, StoreResult};

use super::config::{Config, SAMPLE};

/// The file of the configuration, in the folder of the mirror.
const CONFIG: &str = "coordinator.json";

/// The folders of one checkout's coordinator.
#[derive(Clone, Debug)]
pub struct Home {
    /// Its own folder.
    pub dir: PathBuf,
    /// The folder of logs, which all checkouts share.
    pub logs: PathBuf,
    /// The top of the checkout; of a bare repository the folder itself.
    pub checkout: PathBuf,
    config: PathBuf,
}

/// A configuration as it was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// It.
    pub config: Config,
    /// The file's bytes, to tell whether it has changed.
    pub text: String,
}

impl Loaded {
    /// A configuration without agents: for whoever only ends what is there.
    pub fn nothing() -> Self {
        Self { config: Config::default(), text: String::new() }
    }
}

impl Home {
    /// The home of the coordinator of the checkout at hand.
    pub fn of(session: &Session) -> Self {
        let dir = session.store.git_dir().join("jit-coordinator");
        let checkout = session.store.work_tree().unwrap_or_else(|| session.store.common_dir().to_owned());
        let config = match session.mirror() {
            Some(mirror) => mirror.dir().join(CONFIG),
            None => dir.join(CONFIG),
        };
        Self { logs: session.store.local_state().join("agents"), dir, checkout, config }
    }

    /// The file of the configuration.
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// What is held by the coordinator that runs.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The folder of what was started.
    pub fn assignments(&self) -> PathBuf {
        self.dir.join("assignments")
    }

    /// What a coordinator in the background says.
    pub fn own_log(&self) -> PathBuf {
        self.dir.join("coordinator.log")
    }

    /// Makes the folder, for this user alone.
    pub fn make(&self) -> Result<()> {
        if self.checkout.to_str().is_none() {
            let message =
                format!("the path {} is not valid UTF-8, and cannot be written down", self.checkout.display());
            return Err(Error::new(Class::Usage, "invalid_path", message));
        }
        // What stands in it may be secret: the words and variables of commands, and what agents print.
        let own = |folder: &Path| match DirBuilder::new().mode(0o700).create(folder) {
            Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => Err(why),
            _ => Ok(()),
        };
        // Logs are in a folder that others share; each is for its owner alone.
        let made = fs::create_dir_all(&self.logs).and_then(|()| own(&self.dir)).and_then(|()| own(&self.assignments()));
        Ok(made.map_err(StoreError::io(format!("making {}", self.dir.display())))?)
    }

    /// Reads the configuration. One that git clean took away comes back from where it was last read.
    pub fn load(&self, session: &Session) -> Result<Loaded> {
        let file = self.config.display().to_string();
        let text = self.text();
        let last = fs::read_to_string(self.remembered()).ok();
        if let (Ok(text), Some(last)) = (&text, last)
            && *text == last
        {
            // It has been in force: it did not come just now.
            self.refuse_shared(session)?;
            return Ok(Loaded { config: Config::parse(&file, text)?, text: text.clone() });
        }
        // Before and after: git holds its lock from before it writes the first file until the index tells of all.
        Self::refuse_while_git_works(session)?;
        let text = match self.text() {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => self.bring_back(session)?,
            Err(why) => {
                return Err(Error::new(Class::Usage, "unreadable_file", format!("{file}: {why}")));
            }
        };
        Self::refuse_while_git_works(session)?;
        self.refuse_shared(session)?;
        let config = Config::parse(&file, &text)?;
        if self.dir.is_dir() {
            // Only a convenience: without it the file is not brought back.
            let _ = derived::write(&self.remembered(), |out| out.write_all(text.as_bytes()));
        }
        Ok(Loaded { config, text })
    }

    /// While git changes the checkout it cannot be told whether the configuration comes with a commit.
    fn refuse_while_git_works(session: &Session) -> Result<()> {
        let lock = index_lock(session);
        if !lock.exists() {
            return Ok(());
        }
        let message = format!(
            "git is changing this checkout ({}): whether the configuration came with a commit shows afterwards",
            lock.display()
        );
        let hint = "try again; git status explains a lock that no git command holds any more";
        Err(Error::new(Class::Outside, GIT_AT_WORK, message).hint(hint).retryable())
    }

    /// Whether git's lock has been there for long: whoever made it may have been killed.
    pub fn is_lock_old(&self, session: &Session) -> bool {
        derived::age(&index_lock(session), session.now()).is_some_and(|age| age > OLD_LOCK)
    }

    /// The configuration's text. Never waits, as a pipe would have it, and reads no more than a configuration has.
    pub fn text(&self) -> std::io::Result<String> {
        let meta = fs::metadata(&self.config)?;
        if !meta.is_file() || meta.len() > LARGEST_CONFIG {
            let most = LARGEST_CONFIG >> 20;
            return Err(std::io::Error::other(format!("it is not a regular file of at most {most} MiB")));
        }
        let mut text = String::new();
        let opened = derived::open(&self.config).ok_or_else(|| std::io::Error::other("it cannot be opened"))?;
        opened.take(LARGEST_CONFIG).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The configuration that was last in force, for those who only look.
    pub fn last(&self) -> Option<Config> {
        Config::parse("", &fs::read_to_string(self.remembered()).ok()?).ok()
    }

    fn remembered(&self) -> PathBuf {
        self.dir.join("last-coordinator.json")
    }

    fn bring_back(&self, session: &Session) -> Result<String> {
        let file = self.config.display();
        let Ok(text) = fs::read_to_string(self.remembered()) else {
            return Err(Error::new(Class::NotFound, "no_config", format!("there is no configuration: {file}"))
                .hint("jit coordinator init-config"));
        };
        self.put(&text).map_err(StoreError::io(format!("writing {file}")))?;
        session.notice(format!("{file} was gone, and is back as it was last read"));
        Ok(text)
    }

    fn put(&self, text: &str) -> std::io::Result<()> {
        fs::create_dir_all(self.config.parent().unwrap_or(&self.config))?;
        derived::write(&self.config, |out| out.write_all(text.as_bytes()))?;
        fs::set_permissions(&self.config, fs::Permissions::from_mode(0o600))
    }

    /// Refuses a configuration that came with a commit: it names commands to run, and whoever wrote it is not asked.
    fn refuse_shared(&self, session: &Session) -> Result<()> {
        if session.store.work_tree().is_none() {
            return Ok(());
        }
        // By its own path, and by the one that links lead to.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let places = [(self.config.clone(), self.checkout.clone()), (real(&self.config), real(&self.checkout))];
        for (config, checkout) in &places {
            if let Ok(path) = config.strip_prefix(checkout) {
                self.refuse_tracked(session, path)?;
            }
        }
        Ok(())
    }

    fn refuse_tracked(&self, session: &Session, path: &Path) -> Result<()> {
        // A folder on the way may itself be part of a commit: as a link to another one, or as a submodule.
        let ways: Vec<&Path> = path.ancestors().filter(|way| !way.as_os_str().is_empty()).collect();
        let is_link = |way: &&Path| self.checkout.join(way).symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        if !ways.iter().any(is_link) && !session.store.git().is_tracked(&ways)? {
            return Ok(());
        }
        let message = format!(
            "{} is part of the repository; it names commands to run: look at them, and keep it local",
            path.display()
        );
        Err(Error::new(Class::Refused, "config_not_local", message)
            .hint(format!("git rm --cached {}", quoted(&path.display().to_string()))))
    }

    /// Writes the sample configuration. Refused when there is one and `force` is not said.
    pub fn write_sample(&self, force: bool) -> Result<()> {
        let file = self.config.display();
        if self.config.exists() && !force {
            let message = format!("{file} exists already; --force writes over it");
            return Err(Error::new(Class::Exists, "config_exists", message).hint("jit help coordinator-config"));
        }
        Ok(self.put(SAMPLE).map_err(StoreError::io(format!("writing {file}")))?)
    }

    /// The name under which the coordinator of this checkout acts. It stays when the repository is moved. One that was
    /// copied gets a name of its own and begins with nothing, so that no two take the same agents for theirs.
    pub fn own_name(&self, host: Option<&str>) -> Result<Actor> {
        let file = self.dir.join("name.json");
        let place = fs::metadata(&self.dir).map(|meta| (meta.dev(), meta.ino()));
        let place = place.map_err(StoreError::io("looking at its folder"))?;
        let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<OwnName>(&text).ok());
        let copied = known.is_some();
        // A move keeps the number and the device, a restart of the machine the number and the path.
        let same =
            |known: &OwnName| known.place.1 == place.1 && (known.place.0 == place.0 || known.checkout == self.checkout);
        if let Some(known) = known.filter(same) {
            return Ok(known.name);
        }
        if copied {
            // What is written down here is the work of the one that this was copied from.
            let _ = fs::remove_dir_all(self.assignments());
            self.make()?;
        }
        let id = RandomIds::default().random().simple().to_string();
        let host: String = host.unwrap_or("here").chars().filter(|c| is_plain(*c)).take(64).collect();
        let name: Actor = format!("coordinator:{host}-{}", &id[..6]).parse().map_err(Error::usage)?;
        let own = OwnName { name: name.clone(), place, checkout: self.checkout.clone() };
        self.write_json(&file, &own)?;
        Ok(name)
    }

    /// Writes a document that others read.
    pub fn write_json(&self, file: &Path, value: &impl Serialize) -> StoreResult<()> {
        let text = serde_json::to_vec_pretty(value).expect("documents have only text keys");
        derived::write(file, |out| out.write_all(&text)).map_err(StoreError::io(format!("writing {}", file.display())))
    }

    /// Takes logs away that nobody has written to for a month.
    pub fn forget_old_logs(&self, now: Timestamp) {
        let old = |path: &Path| derived::age(path, now).is_some_and(|age| age > KEPT_LOGS);
        for agent in fs::read_dir(&self.logs).into_iter().flatten().flatten() {
            for log in fs::read_dir(agent.path()).into_iter().flatten().flatten().filter(|log| old(&log.path())) {
                let _ = fs::remove_file(log.path());
            }
        }
    }
}

/// What git holds while it changes the checkout.
fn index_lock(session: &Session) -> PathBuf {
    session.store.git_dir().join("index.lock")
}

/// The code of the error that git is changing the checkout.
pub const GIT_AT_WORK: &str = "git_at_work";

/// A lock of git that is older than this is told of.
const OLD_LOCK: Duration = Duration::from_secs(10);

/// Bytes of a configuration.
const LARGEST_CONFIG: u64 = 1 << 20;

/// How long logs are kept that nobody writes to.
const KEPT_LOGS: Duration = Duration::from_secs(30 * 24 * 3600);

/// The name of a coordinator, and the folder that it is of, which a copy is not.
#[derive(Serialize, Deserialize)]
struct OwnName {
    name: Actor,
    /// Device and number.
    place: (u64, u64),
    checkout: PathBuf,
}
