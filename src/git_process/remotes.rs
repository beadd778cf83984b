//! Other repositories.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::process::{Command, Stdio};

use crate::store::StoreResult;

use super::{Git, failed};

impl Git {
    /// The names of the remotes.
    pub fn remotes(&self) -> StoreResult<Vec<String>> {
        let names = self.read("listing remotes", &mut self.command(&["remote"]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Whether `remote` has the ref `name`. An error means that nobody can say.
    pub fn remote_has(&self, remote: &str, name: &str) -> StoreResult<bool> {
        let doing = format!("asking {remote} for {name}");
        let mut command = self.command(&["ls-remote", "--exit-code", "--quiet", remote, name]);
        let output = self.run(&doing, quiet_prompts(&mut command))?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(2) => Ok(false),
            _ => Err(failed(&doing, &output)),
        }
    }

    /// Fetches the ref `from` of `remote` into `to`, with all its objects.
    pub fn fetch_ref(&self, remote: &str, from: &str, to: &str) -> StoreResult<()> {
        self.fetch(remote, from, to, &[])
    }

    /// Fetches as [`Git::fetch_ref`] does, also what seems to be here already.
    pub fn fetch_again(&self, remote: &str, from: &str, to: &str) -> StoreResult<()> {
        self.fetch(remote, from, to, &["--refetch"])
    }

    fn fetch(&self, remote: &str, from: &str, to: &str, more: &[&str]) -> StoreResult<()> {
        let refspec = format!("+{from}:{to}");
        // A person sees how far a long fetch is; for everybody else git keeps quiet.
        let watched = std::io::stderr().is_terminal();
        let tell = if watched { "--progress" } else { "--quiet" };
        let mut args = vec!["fetch", tell, "--no-filter", "--no-tags", "--no-write-fetch-head", "--refmap="];
        args.extend(more);
        args.extend([remote, &refspec]);
        let mut command = self.command(&args);
        if watched {
            command.stderr(Stdio::inherit());
        }
        self.read(&format!("fetching {from} from {remote}"), quiet_prompts(&mut command)).map(drop)
    }
}

/// Nobody sits at the other end of a command that an agent runs.
fn quiet_prompts(command: &mut Command) -> &mut Command {
    command.env("GIT_TERMINAL_PROMPT", "0").env(OsStr::new("GCM_INTERACTIVE"), "never")
}
