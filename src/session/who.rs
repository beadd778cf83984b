//! Who acts, and under which claim.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::domain::id::EventId;
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::environment::system_clock;
use crate::error::{Error, Result};

use super::Session;

impl Session {
    /// Who acts, and whether that was said by name.
    ///
    /// In this order: the command's own argument, `--as`, `JIT_AGENT`, the one the work tree was made for,
    /// `git config jit.agent`; else a person, called as git's user is.
    pub fn actor(&self, own: Option<&Actor>) -> Result<(Actor, bool)> {
        if let Some(actor) = own.or(self.caller.actor.as_ref()) {
            return Ok((actor.clone(), true));
        }
        if let Some(agent) = self.environment.agent.as_deref() {
            return Ok((parse("JIT_AGENT", agent)?, true));
        }
        if let Some(acting) = self.acting_here() {
            return Ok((acting.actor.clone(), true));
        }
        if let Some(agent) = self.store.config("jit.agent") {
            return Ok((parse("the git configuration key jit.agent", OsStr::new(&agent))?, true));
        }
        let variables = [&self.environment.author.0, &self.environment.user];
        let variable = || variables.into_iter().flatten().find_map(|name| name.clone().into_string().ok());
        let name = self.store.config("user.name").or_else(variable);
        let name: String = name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
        let name = if name.trim().is_empty() { "unknown" } else { name.trim() };
        let actor = format!("human:{name}").parse().map_err(Error::usage)?;
        Ok((actor, false))
    }

    /// Whether the caller gave the operation a key, under which it may be repeated.
    pub fn names_operation(&self) -> bool {
        self.caller.op_id.is_some()
    }

    /// Name and address for commits, as git would choose them.
    pub fn author(&self) -> (String, String) {
        let given = |value: &Option<std::ffi::OsString>| value.as_deref().and_then(OsStr::to_str).map(str::to_owned);
        let name = given(&self.environment.author.0).or_else(|| self.store.config("user.name"));
        let email = given(&self.environment.author.1).or_else(|| self.store.config("user.email"));
        let clean = |text: Option<String>, otherwise: &str| {
            let text: String =
                text.unwrap_or_default().chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            if text.trim().is_empty() { otherwise.to_owned() } else { text.trim().to_owned() }
        };
        (clean(name, "jit"), clean(email, "jit@localhost"))
    }

    /// The token of the claim that this process works under, as the environment names it.
    pub fn claim_token(&self) -> Result<Option<EventId>> {
        self.environment.claim.as_deref().map(|text| parse::<EventId>("JIT_CLAIM", text)).transpose()
    }
}

/// The clock that `JIT_CLOCK` stands for: a fixed time, or with `offset:FILE` the system's, moved by as many
/// milliseconds as the file says whenever it is asked.
pub(super) fn clock(text: &OsStr) -> Result<Box<dyn Fn() -> Timestamp>> {
    if let Some(file) = text.to_str().and_then(|text| text.strip_prefix("offset:")).map(PathBuf::from) {
        return Ok(Box::new(move || {
            let offset = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i64>().ok());
            Timestamp::from_millis(system_clock().millis().saturating_add(offset.unwrap_or(0)))
        }));
    }
    let fixed: Timestamp = parse("JIT_CLOCK", text)?;
    Ok(Box::new(move || fixed))
}

/// Reads a value that stands in the environment or in git's configuration.
pub(super) fn parse<T: FromStr<Err = String>>(what: &str, text: &OsStr) -> Result<T> {
    let text = text.to_str().ok_or_else(|| Error::usage(format!("{what} is not valid UTF-8")))?;
    text.parse().map_err(|why| Error::usage(format!("{what}: {why}")))
}
