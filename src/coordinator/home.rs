//! Where a coordinator keeps what it needs to remember: in the folder of its checkout in the repository, which no fetch
//! writes to, and which every checkout has for itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::domain::draft::Ids;
use crate::domain::name::Actor;
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
        let made = fs::create_dir_all(self.assignments()).and_then(|()| fs::create_dir_all(&self.logs));
        Ok(made.map_err(StoreError::io(format!("making {}", self.dir.display())))?)
    }

    /// Reads the configuration. One that git clean took away comes back from where it was last read.
    pub fn load(&self, session: &Session) -> Result<Loaded> {
        let file = self.config.display().to_string();
        self.refuse_shared(session)?;
        let text = match fs::read_to_string(&self.config) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => self.bring_back(session)?,
            Err(why) => {
                return Err(Error::new(Class::Usage, "unreadable_file", format!("{file}: {why}")));
            }
        };
        let config = Config::parse(&file, &text)?;
        let kept = self.remembered();
        if fs::read_to_string(&kept).ok().as_deref() != Some(&text) && self.dir.is_dir() {
            // Only a convenience: without it the file is not brought back.
            let _ = derived::write(&kept, |out| out.write_all(text.as_bytes()));
        }
        Ok(Loaded { config, text })
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
        derived::write(&self.config, |out| out.write_all(text.as_bytes()))
    }

    /// Refuses a configuration that came with a commit: it names commands to run, and whoever wrote it is not asked.
    fn refuse_shared(&self, session: &Session) -> Result<()> {
        let Ok(path) = self.config.strip_prefix(&self.checkout) else { return Ok(()) };
        if session.store.work_tree().is_none() || !session.store.git().is_tracked(path)? {
            return Ok(());
        }
        let message =
            format!("{} is part of the repository; it names commands to run, and must be local", path.display());
        Err(Error::new(Class::Refused, "config_not_local", message)
            .hint(format!("git rm --cached {}, and look at what it runs", path.display())))
    }

    /// Writes the sample configuration. False when there is one and `force` is not said.
    pub fn write_sample(&self, force: bool) -> Result<()> {
        let file = self.config.display();
        if self.config.exists() && !force {
            return Err(Error::new(Class::Exists, "config_exists", format!("{file} exists already"))
                .hint("jit coordinator init-config --force writes it anew"));
        }
        Ok(self.put(SAMPLE).map_err(StoreError::io(format!("writing {file}")))?)
    }

    /// The name under which the coordinator of this checkout acts. A checkout that was moved or copied gets another one,
    /// so that no two claim the same issues as theirs.
    pub fn own_name(&self, host: Option<&str>) -> Result<Actor> {
        let file = self.dir.join("name.json");
        let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<OwnName>(&text).ok());
        if let Some(known) = known.filter(|known| known.checkout == self.checkout) {
            return Ok(known.name);
        }
        let id = RandomIds::default().random().simple().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let host: String = host.unwrap_or("here").chars().filter(|c| plain(*c)).take(64).collect();
        let name: Actor = format!("coordinator:{host}-{}", &id[..6]).parse().map_err(Error::usage)?;
        let own = OwnName { name: name.clone(), checkout: self.checkout.clone() };
        self.write_json(&file, &own)?;
        Ok(name)
    }

    /// Writes a document that others read.
    pub fn write_json(&self, file: &Path, value: &impl Serialize) -> StoreResult<()> {
        let text = serde_json::to_vec_pretty(value).expect("documents have only text keys");
        derived::write(file, |out| out.write_all(&text)).map_err(StoreError::io(format!("writing {}", file.display())))
    }

    /// Takes logs away that nobody has written to for a month.
    pub fn forget_old_logs(&self, now: SystemTime) {
        let old = |path: &Path| {
            let written = fs::metadata(path).and_then(|meta| meta.modified()).ok();
            written.and_then(|at| now.duration_since(at).ok()).is_some_and(|age| age > KEPT_LOGS)
        };
        for agent in fs::read_dir(&self.logs).into_iter().flatten().flatten() {
            for log in fs::read_dir(agent.path()).into_iter().flatten().flatten().filter(|log| old(&log.path())) {
                let _ = fs::remove_file(log.path());
            }
        }
    }
}

/// How long logs are kept that nobody writes to.
const KEPT_LOGS: Duration = Duration::from_secs(30 * 24 * 3600);

/// The name of a coordinator, and the checkout that it is of.
#[derive(Serialize, Deserialize)]
struct OwnName {
    name: Actor,
    checkout: PathBuf,
}
