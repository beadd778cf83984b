//! `jit config`.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::domain::name::Actor;
use crate::domain::ops::config;
use crate::domain::settings::{KNOWN, Known, Settings};
use crate::domain::snapshot::Snapshot;
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::admin::{Setting, Settings as Listed};
use crate::session::{Manners, Session};
use crate::store::StoreError;
use crate::store::git::{Durability, check_ref_name};

use super::at::AtArg;

/// Read and change settings: shared ones, kept with the tracker, and local ones, kept in git's configuration
#[derive(Subcommand, Debug)]
pub enum Config {
    List(List),
    Get(Get),
    Set(Set),
    Unset(Unset),
}

/// List all settings with their values
///
/// Reads the shared settings and git's configuration.
#[derive(Args, Debug)]
pub struct List {
    /// Only local settings
    #[arg(long, conflicts_with = "at")]
    local: bool,
    #[command(flatten)]
    at: AtArg,
}

/// Print the value of a setting
///
/// Reads the shared settings and git's configuration.
#[derive(Args, Debug)]
pub struct Get {
    /// The key
    key: String,
    /// A local setting
    #[arg(long, conflicts_with = "at")]
    local: bool,
    #[command(flatten)]
    at: AtArg,
}

/// Change a setting
///
/// Reads the shared settings.
#[derive(Args, Debug)]
pub struct Set {
    /// The key
    key: String,
    /// The new value
    value: String,
    /// A local setting
    #[arg(long)]
    local: bool,
}

/// Remove a setting, so that its default applies
///
/// Reads the shared settings.
#[derive(Args, Debug)]
pub struct Unset {
    /// The key
    key: String,
    /// A local setting
    #[arg(long)]
    local: bool,
}

/// A local setting: git's configuration key `jit.NAME`.
pub struct Local {
    /// The key.
    pub key: &'static str,
    /// What holds when it is not set; empty for nothing.
    pub default: &'static str,
    /// What it says.
    pub about: &'static str,
    check: fn(&str) -> std::result::Result<(), String>,
}

/// Every local setting.
pub const LOCAL: &[Local] = &[
    Local {
        key: "jit.agent",
        default: "",
        about: "who acts in this repository, when neither --as nor JIT_AGENT says so",
        check: |text| text.parse::<Actor>().map(drop),
    },
    Local {
        key: "jit.fsync",
        default: "batch",
        about: "how a change is flushed to disk: off, batch or full",
        check: |text| Durability::parse(Some(text)).map(drop).map_err(|_| "write off, batch or full".to_owned()),
    },
    Local {
        key: "jit.ref",
        default: crate::store::git::DEFAULT_REF,
        about: "the ref that holds the tracker",
        check: |text| {
            check_ref_name(text)
                .map_err(|_| "write a full name that is not a branch's, like refs/tracker/jit".to_owned())
        },
    },
    Local {
        key: "jit.remoteRef",
        default: crate::store::git::DEFAULT_REMOTE_REF,
        about: "the ref under which remotes share the tracker",
        check: |text| match text.strip_prefix("refs/") {
            Some(name) if name.contains('/') => Ok(()),
            _ => Err("write a full name, like refs/tracker/jit".to_owned()),
        },
    },
];

impl Config {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        match self {
            Config::List(List { local, at }) => list(session, local, &at),
            Config::Get(Get { key, local, .. }) if local || key.starts_with("jit.") => {
                Ok(Report::Setting(find_local(&key)?.read(session)))
            }
            Config::Get(Get { key, at, .. }) => {
                Ok(Report::Setting(shared(find_shared(&key)?, &settings(session, &at)?)))
            }
            Config::Set(Set { key, value, local }) if local => set_local(session, &key, Some(&value)),
            Config::Set(Set { key, value, .. }) => {
                let known = find_shared(&key)?;
                let value = known.parse(&value).map_err(|why| Error::usage(format!("{key}: {why}")))?;
                change(session, known, Some(value))
            }
            Config::Unset(Unset { key, local }) if local => set_local(session, &key, None),
            Config::Unset(Unset { key, .. }) => change(session, find_shared(&key)?, None),
        }
    }
}

fn settings(session: &Session, at: &AtArg) -> Result<Settings> {
    Ok(at.view(session)?.state.settings().map_err(StoreError::from)?)
}

fn list(session: &Session, local: bool, at: &AtArg) -> Result<Report> {
    let mut all: Vec<Setting> = LOCAL.iter().map(|setting| setting.read(session)).collect();
    if !local {
        let settings = settings(session, at)?;
        all.extend(KNOWN.iter().map(|known| shared(known, &settings)));
        // What a newer version has set is shown, though this one does not know it.
        let unknown = settings.iter().filter(|(key, _)| Known::find(key).is_none());
        all.extend(unknown.map(|(key, value)| Setting {
            key: key.clone(),
            value: value.clone(),
            source: "shared".to_owned(),
            about: "unknown to this version".to_owned(),
            changed: false,
        }));
    }
    Ok(Report::Settings(Listed { count: all.len(), settings: all }))
}

fn shared(known: &Known, settings: &Settings) -> Setting {
    let set = settings.get(known.key).cloned();
    let source = if set.is_some() { "shared" } else { "default" };
    let default =
        || if known.default.is_empty() { Value::Null } else { known.parse(known.default).unwrap_or(Value::Null) };
    Setting {
        key: known.key.to_owned(),
        value: set.unwrap_or_else(default),
        source: source.to_owned(),
        about: known.about.to_owned(),
        changed: false,
    }
}

fn change(session: &Session, known: &'static Known, value: Option<Value>) -> Result<Report> {
    let command = if value.is_some() { "config set" } else { "config unset" };
    session.change(command, &Manners::default(), |draft| {
        config::set(draft, known.key, value.as_ref()).map(|()| Vec::new())
    })?;
    Ok(Report::Setting(Setting { changed: true, ..shared(known, &settings(session, &AtArg::default())?) }))
}

impl Local {
    fn read(&self, session: &Session) -> Setting {
        let set = session.store.config(self.key);
        self.setting(set.as_deref())
    }

    fn setting(&self, set: Option<&str>) -> Setting {
        let source = if set.is_some() { "local" } else { "default" };
        let value = set
            .map_or_else(|| if self.default.is_empty() { Value::Null } else { Value::from(self.default) }, Value::from);
        Setting {
            key: self.key.to_owned(),
            value,
            source: source.to_owned(),
            about: self.about.to_owned(),
            changed: false,
        }
    }
}

fn set_local(session: &Session, key: &str, value: Option<&str>) -> Result<Report> {
    let setting = find_local(key)?;
    let git = session.store.git();
    match value {
        Some(value) => {
            (setting.check)(value).map_err(|why| Error::usage(format!("{key}: {why}")))?;
            git.config_set(setting.key, value)?;
        }
        None => git.config_unset(setting.key)?,
    }
    Ok(Report::Setting(Setting { changed: true, ..setting.setting(value) }))
}

fn find_shared(key: &str) -> Result<&'static Known> {
    Known::find(key).ok_or_else(|| {
        let is_local = LOCAL.iter().any(|setting| setting.key == local_key(key));
        unknown(key, KNOWN.iter().map(|known| known.key), is_local)
    })
}

fn find_local(key: &str) -> Result<&'static Local> {
    let full = local_key(key);
    let found = LOCAL.iter().find(|setting| setting.key.eq_ignore_ascii_case(&full));
    found.ok_or_else(|| unknown(key, LOCAL.iter().map(|setting| setting.key), false))
}

/// The key in git's configuration; `agent` stands for `jit.agent`.
fn local_key(key: &str) -> String {
    if key.starts_with("jit.") { key.to_owned() } else { format!("jit.{key}") }
}

fn unknown<'k>(key: &str, known: impl Iterator<Item = &'k str>, is_local: bool) -> Error {
    let known: Vec<&str> = known.collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
    let hint = match nearest {
        _ if is_local => "it is a local setting: add --local".to_owned(),
        Some(nearest) if strsim::jaro_winkler(key, nearest) > 0.8 => format!("did you mean {nearest}?"),
        _ => format!("one of {}", known.join(", ")),
    };
    Error::new(Class::Usage, "unknown_setting", format!("no setting is called `{key}`")).hint(hint)
}
