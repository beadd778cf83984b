//! The command line: one noun a file, an argument struct and a short function a verb. clap lives only here.

mod apply;
mod at;
mod blame;
mod colour;
mod common;
mod complete;
mod config;
mod conflicts;
mod contract;
mod coordinator;
mod dep;
mod events;
mod export;
mod fsck;
mod gate;
mod gc;
mod graph;
mod help;
mod hooks;
mod import;
mod init;
mod issue;
mod land;
mod log;
mod man;
mod metrics;
mod mirror;
mod plugin;
mod query;
pub mod reference;
mod remote;
mod search;
mod sink;
mod status;
mod sync;
mod undo;
mod usage;
mod verify;
mod wait;
mod worktree;

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::rc::Rc;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::domain::name::{Actor, OpId};
use crate::environment::{Environment, system_clock};
use crate::error::{Class, Error};
use crate::report::echo::{shown, watched};
use crate::report::progress::Bar;
use crate::report::{Colour, Paging, Printer, Report};
use crate::session::{Caller, Session};

/// An issue tracker for fleets of coding agents that keeps all its state in git.
///
/// Issues, gates and events are JSON documents committed on the ref refs/jit. Every change is one
/// commit; a claim is a compare-and-swap of the ref, so that of any number of agents exactly one wins.
#[derive(Parser, Debug)]
#[command(name = "jit", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// Act as this actor (`type:name`)
    #[arg(long = "as", global = true, value_name = "ACTOR", help_heading = "Global options")]
    acting_as: Option<Actor>,
    /// Print one JSON document on stdout; errors too
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Leave out confirmations and hints
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// When to use colours
    #[arg(
        long,
        visible_alias = "colour",
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    color: Colour,
    /// Print long results as they are, without a pager
    #[arg(long, global = true, help_heading = "Global options")]
    no_pager: bool,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR", help_heading = "Global options")]
    dir: Option<PathBuf>,
    /// Make this change only once: repeated with the same key it gives the first result
    #[arg(long, global = true, value_name = "KEY", help_heading = "Global options")]
    op_id: Option<OpId>,
    /// Describe every command, its arguments, output and exit codes as JSON
    #[arg(long)]
    schema: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The top-level commands.
#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Issue(issue::Issue),
    #[command(subcommand)]
    Dep(dep::Dep),
    #[command(subcommand)]
    Graph(graph::Graph),
    #[command(subcommand)]
    Gate(gate::Gate),
    #[command(subcommand)]
    Coordinator(coordinator::Coordinator),
    #[command(subcommand)]
    Worktree(worktree::Worktree),
    #[command(subcommand)]
    Hooks(hooks::Hooks),
    Verify(verify::Verify),
    Sync(sync::Sync),
    Fetch(sync::Fetch),
    Push(sync::Push),
    Merge(sync::Merge),
    Conflicts(conflicts::Conflicts),
    Land(land::Land),
    #[command(subcommand)]
    Remote(remote::Remote),
    Status(status::Status),
    #[command(subcommand)]
    Query(query::Query),
    Ready(query::Ready),
    #[command(subcommand)]
    Events(events::Events),
    Metrics(metrics::Metrics),
    Search(search::Search),
    Log(log::Log),
    Blame(blame::Blame),
    Undo(undo::Undo),
    Wait(wait::Wait),
    Watch(events::Watch),
    #[command(subcommand)]
    Mirror(mirror::Mirror),
    Fsck(fsck::Fsck),
    Gc(gc::Gc),
    #[command(subcommand)]
    Sink(sink::Sink),
    Export(export::Export),
    Import(import::Import),
    Apply(apply::Apply),
    Completions(complete::Completions),
    Man(man::Man),
    Help(help::Help),
    #[command(subcommand, hide = true)]
    Registry(gate::Registry),
    #[command(hide = true)]
    List(issue::list::List),
    #[command(hide = true)]
    Show(issue::show::Show),
    #[command(hide = true)]
    Create(issue::create::Create),
    #[command(hide = true)]
    Update(issue::update::Update),
    #[command(hide = true)]
    Claim(issue::claim::Claim),
    #[command(hide = true)]
    ClaimNext(issue::claim_next::ClaimNext),
    #[command(hide = true)]
    Release(issue::claim::Release),
    #[command(hide = true)]
    Comment(issue::talk::Comment),
    #[command(hide = true)]
    Done(issue::update::Done),
}

impl Command {
    /// Whether the mirror is brought up to date afterwards: not by work in the background, nor while git commits.
    fn refreshes_mirror(&self) -> bool {
        match self {
            Command::Gc(gc) => !gc.in_background(),
            Command::Hooks(hooks) => hooks.called().is_none_or(crate::hooks::refreshes_mirror),
            _ => true,
        }
    }

    /// Whether the command looks whether something was fetched that is not joined yet: not those that see to it
    /// themselves, nor what git and this program call.
    fn looks_for_news(&self) -> bool {
        !matches!(
            self,
            Command::Hooks(_)
                | Command::Gc(_)
                | Command::Sync(_)
                | Command::Fetch(_)
                | Command::Merge(_)
                | Command::Land(_)
                | Command::Fsck(_)
                | Command::Remote(_)
        )
    }

    fn run(self, session: &Session) -> crate::error::Result<Report> {
        match self {
            Command::Init(_) | Command::Help(_) | Command::Completions(_) | Command::Man(_) => {
                unreachable!("these run without a session")
            }
            Command::Config(command) => command.run(session),
            Command::Issue(command) => command.run(session),
            Command::Dep(command) => command.run(session),
            Command::Graph(command) => command.run(session),
            Command::Gate(command) => command.run(session),
            Command::Coordinator(command) => command.run(session),
            Command::Worktree(command) => command.run(session),
            Command::Hooks(command) => command.run(session),
            Command::Verify(command) => command.run(session),
            Command::Sync(command) => command.run(session),
            Command::Fetch(command) => command.run(session),
            Command::Push(command) => command.run(session),
            Command::Merge(command) => command.run(session),
            Command::Conflicts(command) => command.run(session),
            Command::Land(command) => command.run(session),
            Command::Remote(command) => command.run(session),
            Command::Status(command) => command.run(session),
            Command::Query(command) => command.run(session),
            Command::Ready(command) => command.run(session),
            Command::Events(command) => command.run(session),
            Command::Metrics(command) => command.run(session),
            Command::Search(command) => command.run(session),
            Command::Log(command) => command.run(session),
            Command::Blame(command) => command.run(session),
            Command::Undo(command) => command.run(session),
            Command::Wait(command) => command.run(session),
            Command::Watch(command) => command.run(session),
            Command::Mirror(command) => command.run(session),
            Command::Fsck(command) => command.run(session),
            Command::Gc(command) => command.run(session),
            Command::Sink(command) => command.run(session),
            Command::Export(command) => command.run(session),
            Command::Import(command) => command.run(session),
            Command::Apply(command) => command.run(session),
            Command::Registry(command) => command.run(session),
            Command::List(command) => command.run(session),
            Command::Show(command) => command.run(session),
            Command::Create(command) => command.run(session),
            Command::Update(command) => command.run(session),
            Command::Claim(command) => command.run(session),
            Command::ClaimNext(command) => command.run(session),
            Command::Release(command) => command.run(session),
            Command::Comment(command) => command.run(session),
            Command::Done(command) => command.run(session),
        }
    }
}

/// Reads the arguments as [`Cli::try_parse_from`] does, but leaves the description of all commands to the end
/// of the process: taking it apart is a tenth of the work of a short command.
fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut description = ManuallyDrop::new(Cli::command());
    let mut matches = description.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|why| why.format(&mut description))
}

/// Runs a command line and gives the exit code.
pub fn run(args: &[OsString], environment: Environment) -> u8 {
    if complete::answer(args) {
        return 0;
    }
    let plain = environment.no_color || environment.dumb_terminal;
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(why) => {
            return plugin::run(&why, args, &environment, plain)
                .unwrap_or_else(|| usage::answer(&why, args, plain, environment.path.as_deref()));
        }
    };
    let paging = Paging { own: environment.pager.clone(), dir: cli.dir.clone().unwrap_or_else(|| PathBuf::from(".")) };
    let mut printer = Printer::new(cli.json, cli.quiet, cli.color, plain).with_pager((!cli.no_pager).then_some(paging));
    if cli.schema && cli.command.is_some() {
        let stray = Error::new(Class::Usage, "usage", "--schema describes every command, and stands alone");
        return printer.error(&stray.hint("jit --schema"));
    }
    if cli.schema {
        return printer.report(Report::Schema(reference::schema()), system_clock());
    }
    let caller = Caller {
        actor: cli.acting_as,
        op_id: cli.op_id,
        request: usage::request(args),
        dir: cli.dir,
        quiet: cli.quiet,
        wants_json: cli.json,
    };
    match cli.command {
        None => usage::answer(
            &Cli::command().error(ErrorKind::MissingSubcommand, "a command is missing"),
            args,
            plain,
            None,
        ),
        Some(Command::Apply(apply::Apply { schema: true, .. })) => alone(&printer, Ok(apply::schema())),
        Some(Command::Help(help)) => alone(&printer, help.run(environment.path.as_deref())),
        Some(Command::Completions(completions)) => alone(&printer, completions.run()),
        Some(Command::Man(man)) => alone(&printer, man.run()),
        Some(Command::Coordinator(coordinator::Coordinator::RunAgent(command))) => alone(&printer, command.run()),
        Some(Command::Init(init)) => {
            finish(&printer, init.open(environment, caller), true, |session| init.run(session))
        }
        Some(command) => {
            let mirror = command.refreshes_mirror();
            let is_hook = matches!(&command, Command::Hooks(_));
            let echo = if is_hook { watched() } else { shown(cli.quiet) };
            let mut session = Session::open(environment, caller, Rc::new(Bar::default()));
            if let Ok(session) = &mut session {
                printer.follow(session.store.config("color.ui").as_deref());
                session.echo = echo;
                if command.looks_for_news() {
                    crate::sync::look_for_news(session);
                }
            }
            finish(&printer, session, mirror, |session| command.run(session))
        }
    }
}

/// Prints the result of a command that needs no session.
fn alone(printer: &Printer, result: crate::error::Result<Report>) -> u8 {
    match result {
        Ok(report) => printer.report(report, system_clock()),
        Err(error) => printer.error(&error),
    }
}

/// Runs a command in its session, brings the mirror up to date where that is wanted, and prints.
fn finish(
    printer: &Printer,
    session: Result<Session, Error>,
    mirror: bool,
    command: impl FnOnce(&Session) -> crate::error::Result<Report>,
) -> u8 {
    let session = match session {
        Ok(session) => session,
        Err(error) => return printer.error(&error),
    };
    let result = command(&session);
    if mirror {
        session.refresh_mirror();
    }
    for notice in session.take_notices() {
        printer.warn(&notice);
    }
    match result {
        Ok(report) => printer.report(report, session.now()),
        Err(error) => printer.error(&error),
    }
}
