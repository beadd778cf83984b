//! `jit coordinator`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::coordinator::control;
use crate::coordinator::daemon::{Daemon, End, Wish};
use crate::coordinator::home::Home;
use crate::coordinator::{runner, service};
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::coordinator::{Began, Round, Service, Stopped, Written};
use crate::session::Session;

mod logs;
mod look;

/// A daemon that hands ready issues to agents and watches over them
#[derive(Subcommand, Debug)]
pub enum Coordinator {
    InitConfig(InitConfig),
    Start(Start),
    Stop(Stop),
    Status(look::Status),
    Agents(look::Agents),
    Once(Once),
    Logs(logs::Logs),
    InitService(InitService),
    #[command(hide = true)]
    RunAgent(RunAgent),
}

/// Write a configuration with two sample agents to .jit/coordinator.json
///
/// It is local to this checkout: it names commands to run. Reads nothing of the tracker.
#[derive(Args, Debug)]
pub struct InitConfig {
    /// Overwrite the existing file
    #[arg(long)]
    force: bool,
}

/// Start the coordinator of this checkout
///
/// It runs in the background. If one is running already, nothing happens. Each round reads the index, the issues of its
/// agents and those whose lease ran out, and makes one change for all that was decided.
#[derive(Args, Debug)]
pub struct Start {
    /// Stay in the foreground, and report on stderr
    #[arg(long)]
    foreground: bool,
    #[arg(long, hide = true, requires = "foreground")]
    detached: bool,
}

/// Stop the coordinator after the current round
///
/// Its agents go on, and are found again at the next start. Reads no issue, with --kill-agents those of its agents.
#[derive(Args, Debug)]
pub struct Stop {
    /// End its agents too, with everything they started, and give their work back
    #[arg(long)]
    kill_agents: bool,
}

/// Run one round and exit
///
/// For a scheduler that calls it again and again: agents go on afterwards, and are looked after by the next round.
/// Refused (6) while a coordinator runs. Reads what a round reads; see `jit coordinator start`.
#[derive(Args, Debug)]
pub struct Once {}

/// Write a unit for systemd that starts the coordinator of this checkout with the user's session
///
/// Reads nothing of the tracker.
#[derive(Args, Debug)]
pub struct InitService {
    /// Write over another one of the same name
    #[arg(long)]
    force: bool,
}

/// What the coordinator starts to run one agent
#[derive(Args, Debug)]
pub struct RunAgent {
    /// The file that says what is to be run
    record: PathBuf,
}

impl Coordinator {
    /// Runs the command.
    pub fn run(self, session: &Session) -> Result<Report> {
        if matches!(self, Coordinator::InitConfig(_) | Coordinator::Start(_) | Coordinator::Once(_)) {
            // Without a tracker there is nothing to hand out, and no line yet that keeps git from the configuration.
            session.view()?;
        }
        match self {
            Coordinator::InitConfig(InitConfig { force }) => {
                let home = Home::of(session);
                home.write_sample(force)?;
                Ok(Report::ConfigWritten(Written { path: home.config_file().display().to_string() }))
            }
            Coordinator::Start(command) => command.run(session),
            Coordinator::Stop(Stop { kill_agents }) => {
                let stopped = control::stop(session, Wish { kill_agents })?;
                Ok(Report::Stopped(Stopped {
                    was_running: stopped.was_running,
                    pid: stopped.pid,
                    agents_running: if kill_agents { 0 } else { stopped.agents },
                    agents_ended: if kill_agents { stopped.agents } else { 0 },
                }))
            }
            Coordinator::Status(command) => command.run(session),
            Coordinator::Agents(command) => command.run(session),
            Coordinator::Once(Once {}) => {
                let (started, problems) = control::once(session)?;
                Ok(Report::Round(Round { started, problems }))
            }
            Coordinator::Logs(command) => command.run(session),
            Coordinator::InitService(InitService { force }) => {
                let unit = service::write(session, force)?;
                Ok(Report::Service(Service { path: unit.path.display().to_string(), unit: unit.name }))
            }
            Coordinator::RunAgent(_) => unreachable!("this runs without a session"),
        }
    }
}

impl Start {
    fn run(self, session: &Session) -> Result<Report> {
        if !self.foreground {
            let (told, already_running) = control::start(session)?;
            return Ok(Report::Began(Began { pid: told.pid, already_running, ended: None }));
        }
        if self.detached {
            control::detach();
        }
        session.view()?;
        let daemon = Daemon::begin(session)?;
        let pid = daemon.pid();
        let ended = match daemon.run()? {
            End::Stopped => "stopped",
            End::Moved => "moved",
        };
        Ok(Report::Began(Began { pid, already_running: false, ended: Some(ended.to_owned()) }))
    }
}

impl RunAgent {
    /// Runs the command, which needs no repository.
    pub fn run(self) -> Result<Report> {
        let run = runner::run(&self.record).map(|()| Report::Nothing);
        run.map_err(|why| Error::new(Class::Outside, "not_run", format!("{}: {why}", self.record.display())))
    }
}
