//! Completion while one types: the shell asks this program, which looks at the tracker.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::rc::Rc;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command, CommandFactory, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::domain::id::IdPrefix;
use crate::domain::name::{Actor, GateKey, Label, SinkName};
use crate::domain::query::{Sort, first};
use crate::domain::snapshot::Snapshot;
use crate::domain::state::{Priority, State};
use crate::domain::table::{Entry, Table};
use crate::environment::Environment;
use crate::error::{Class, Error, Result};
use crate::plugins;
use crate::report::Report;
use crate::report::admin::Page;
use crate::report::progress::Bar;
use crate::session::{Caller, Session, View};
use crate::sinks::Sinks;

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "_JIT_COMPLETE";
/// So many ids are offered at once, those that changed last.
const OFFERED: usize = 200;

/// Print what a shell needs to complete commands, options, ids, gates and labels
///
/// For bash: `echo 'source <(jit completions bash)' >> ~/.bashrc`. For zsh the same with ~/.zshrc; for fish:
/// `jit completions fish > ~/.config/fish/completions/jit.fish`. Reads nothing; a completion reads the index.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Shells that complete.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl Completions {
    /// Runs the command.
    pub fn run(&self) -> Result<Report> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::Elvish => "elvish",
            Shell::Powershell => "powershell",
        };
        let mut text = Vec::new();
        let shells = Shells::builtins();
        let written =
            shells.completer(name).map(|shell| shell.write_registration(VARIABLE, "jit", "jit", "jit", &mut text));
        match (written, String::from_utf8(text)) {
            (Some(Ok(())), Ok(text)) => Ok(Report::Page(Page { topic: format!("completions {name}"), text })),
            _ => Err(Error::new(Class::Unexpected, "internal", format!("no completions for {name}"))),
        }
    }
}

/// Answers a shell that asks for completions. `false` when none did: the command line is to be carried out.
pub fn answer(args: &[OsString]) -> bool {
    let asked = CompleteEnv::with_factory(|| live(folder(args))).var(VARIABLE).try_complete(args.iter().cloned(), None);
    // A shell that asks in a way that is not understood gets no completions.
    asked.unwrap_or(true)
}

/// The folder that the command line to be completed names with `-C`.
fn folder(args: &[OsString]) -> Option<PathBuf> {
    let mut words = args.iter().skip_while(|word| *word != "--").skip(1);
    let word = words.by_ref().find(|word| word.as_encoded_bytes().starts_with(b"-C"))?;
    match word.to_str()?.strip_prefix("-C")? {
        "" => words.next().map(PathBuf::from),
        folder => Some(PathBuf::from(folder)),
    }
}

/// The description of all commands, with values from the tracker and the plugins that are there.
fn live(folder: Option<PathBuf>) -> Command {
    let path = Environment::read().path;
    // Names live as long as the process, which ends when it has answered.
    let plugin = |name: String| Command::new(&*name.leak()).about("a plugin");
    let plugins = plugins::names(path.as_deref()).0.into_iter().filter(|name| super::plugin::is_free(name)).map(plugin);
    let here = Here { folder };
    with_values(super::Cli::command(), &here).subcommands(plugins)
}

fn with_values(command: Command, here: &Here) -> Command {
    command.mut_args(|arg| with_value(arg, here)).mut_subcommands(|command| with_values(command, here))
}

fn with_value(arg: Arg, here: &Here) -> Arg {
    let from = |complete: fn(&Here, &OsStr) -> Vec<CompletionCandidate>| {
        let here = here.clone();
        ArgValueCompleter::new(move |current: &OsStr| complete(&here, current))
    };
    let kind = arg.get_value_parser().type_id();
    let is = |known: TypeId| kind == known;
    if is(TypeId::of::<IdPrefix>()) {
        arg.add(from(ids))
    } else if is(TypeId::of::<GateKey>()) {
        arg.add(from(gates))
    } else if is(TypeId::of::<Label>()) {
        arg.add(from(labels))
    } else if is(TypeId::of::<Actor>()) {
        arg.add(from(actors))
    } else if is(TypeId::of::<SinkName>()) {
        arg.add(from(sinks))
    } else if is(TypeId::of::<State>()) {
        named(arg, State::ALL.iter().map(|state| state.as_str()))
    } else if is(TypeId::of::<Priority>()) {
        named(arg, Priority::ALL.iter().map(|priority| priority.as_str()))
    } else {
        arg
    }
}

/// Offers fixed values; the command line that is carried out later reads them as ever.
fn named(arg: Arg, names: impl Iterator<Item = &'static str>) -> Arg {
    let values: Vec<PossibleValue> = names.map(PossibleValue::new).collect();
    arg.value_parser(PossibleValuesParser::new(values).map(|name| name))
}

/// Where values are looked for.
#[derive(Clone)]
struct Here {
    /// The folder that `-C` names.
    folder: Option<PathBuf>,
}

impl Here {
    /// The tracker as it is; `None` where there is none.
    fn view(&self) -> Option<(Session, View)> {
        let caller = Caller { dir: self.folder.clone(), ..Caller::default() };
        let session = Session::open(Environment::read(), caller, Rc::new(Bar::default())).ok()?;
        let view = session.view().ok()?;
        Some((session, view))
    }

    fn table(&self) -> Option<Rc<Table>> {
        self.view()?.1.state.table().ok()
    }
}

fn offer(current: &OsStr, value: &str, help: &str) -> Option<CompletionCandidate> {
    let wanted = current.to_str()?;
    value.starts_with(wanted).then(|| CompletionCandidate::new(value).help(Some(help.to_owned().into())))
}

fn ids(here: &Here, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(table) = here.table() else { return Vec::new() };
    let wanted = current.to_string_lossy().to_lowercase();
    let mut issues: Vec<Entry<'_>> =
        table.issues().filter(|issue| issue.id().to_string().starts_with(&wanted)).collect();
    first(&mut issues, Sort::Updated, Some(OFFERED));
    let candidate = |issue: Entry<'_>| {
        let id = issue.id();
        let value = if wanted.len() > 8 { id.to_string() } else { id.short() };
        offer(OsStr::new(&wanted), &value, &format!("{} [{}]", issue.title(), issue.state()))
    };
    issues.into_iter().filter_map(candidate).collect()
}

fn gates(here: &Here, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some((_, view)) = here.view() else { return Vec::new() };
    let keys = view.state.gate_keys().unwrap_or_default();
    let title = |key: &GateKey| view.state.gate(key).ok().flatten().map(|gate| gate.title).unwrap_or_default();
    keys.iter().filter_map(|key| offer(current, key.as_str(), &title(key))).collect()
}

fn sinks(here: &Here, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some((session, _)) = here.view() else { return Vec::new() };
    Sinks::of(&session).names().iter().filter_map(|name| offer(current, name.as_str(), "")).collect()
}

fn labels(here: &Here, current: &OsStr) -> Vec<CompletionCandidate> {
    distinct(here, current, &|issue| issue.labels().map(str::to_owned).collect())
}

fn actors(here: &Here, current: &OsStr) -> Vec<CompletionCandidate> {
    distinct(here, current, &|issue| {
        [issue.assignee(), issue.holder()].into_iter().flatten().map(str::to_owned).collect()
    })
}

/// Each text that issues have, once.
fn distinct(here: &Here, current: &OsStr, texts: &dyn Fn(Entry<'_>) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(table) = here.table() else { return Vec::new() };
    let known: std::collections::BTreeSet<String> = table.issues().flat_map(texts).collect();
    known.iter().filter_map(|text| offer(current, text, "")).collect()
}
