//! What each command gives: its product on stdout, the shape of its JSON, its exit codes.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::domain::gate::Gate;
use crate::domain::issue::Issue;
use crate::error::Class;
use crate::land::Landed;
use crate::report::{
    admin, blame, conflicts, coordinator, event, gate, gate_run, graph, history, hooks, issue, list, log, metrics,
    plan, search, sink, status, sync, undo, verify, wait, worktree,
};
use crate::store::exchange::GateLine;

/// The promise of one command.
pub struct Contract {
    /// The words of the command.
    pub command: &'static str,
    /// What stands on stdout without `--json`.
    pub stdout: &'static str,
    /// Whether the JSON is a stream of one object a line.
    pub stream: bool,
    /// The shape of the JSON document, or of each line.
    pub shape: fn() -> Value,
    /// The classes of errors that have to do with this command; usage and unexpected ones can always be.
    pub errors: &'static [Class],
}

/// The shape of a document as it is written: every field that is always there is required.
fn shape<T: JsonSchema>() -> Value {
    root_schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// The JSON Schema of what is read as `T`.
pub fn accepted<T: JsonSchema>() -> Value {
    root_schema::<T>(SchemaSettings::draft2020_12())
}

fn root_schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    serde_json::to_value(settings.into_generator().into_root_schema_for::<T>()).expect("a schema is JSON")
}

/// One of several shapes. Definitions move to the top, where references look for them.
fn any_of(shapes: Vec<Value>) -> Value {
    let mut definitions = serde_json::Map::new();
    let mut options = Vec::new();
    for mut shape in shapes {
        if let Some(fields) = shape.as_object_mut() {
            fields.remove("$schema");
            if let Some(Value::Object(own)) = fields.remove("$defs") {
                definitions.extend(own);
            }
        }
        options.push(shape);
    }
    json!({ "anyOf": options, "$defs": definitions })
}

/// One issue, or a list when several ids were given.
fn one_or_many() -> Value {
    any_of(vec![shape::<issue::IssueDoc>(), shape::<issue::IssueDocs>()])
}

fn rows() -> Value {
    any_of(vec![shape::<list::ListDoc<list::IssueRow<'static>>>(), shape::<list::ListDoc<issue::IssueDoc>>()])
}

fn whole_or_fields() -> Value {
    let fields = json!({ "type": "object", "description": "the fields asked for" });
    any_of(vec![shape::<issue::IssueDoc>(), shape::<issue::IssueDocs>(), fields])
}

/// What was delivered, or with `--follow` a line for each event and failure.
fn delivered_or_told() -> Value {
    any_of(vec![shape::<sink::Delivered>(), shape::<sink::Told>()])
}

/// A manual page, or the files of all.
fn page_or_pages() -> Value {
    any_of(vec![shape::<admin::Page>(), shape::<admin::ManPages>()])
}

/// What became of a plan, or the schema of plans.
fn applied_or_schema() -> Value {
    any_of(vec![shape::<plan::Applied>(), json!({ "type": "object", "description": "a JSON Schema" })])
}

/// What gave way, or one value of it.
fn conflicts_or_value() -> Value {
    any_of(vec![shape::<conflicts::Conflicts>(), json!({ "type": "object", "properties": { "lost": {} } })])
}

use Class::{Exists, Lost, NotFound, Nothing, Outside, Refused, Unexpected};

const CHANGE: &[Class] = &[NotFound, Refused, Lost, Outside];
const SYNC: &[Class] = &[NotFound, Refused, Lost, Outside];
const COORDINATOR: &[Class] = &[NotFound, Refused, Exists, Outside];
const READ: &[Class] = &[NotFound];

const fn change(command: &'static str) -> Contract {
    Contract { command, stdout: "nothing", stream: false, shape: shape::<issue::IssueDoc>, errors: CHANGE }
}

const fn read(command: &'static str, stdout: &'static str, shape: fn() -> Value) -> Contract {
    Contract { command, stdout, stream: false, shape, errors: READ }
}

const ID: &str = "the issue's full id";
const LIST: &str = "one line per issue";

/// Every visible command.
pub const CONTRACTS: &[Contract] = &[
    Contract { errors: CHANGE, ..read("init", "nothing", shape::<admin::Initialised>) },
    read("config list", "one line per setting", shape::<admin::Settings>),
    read("config get", "the value", shape::<admin::Setting>),
    Contract { errors: CHANGE, ..read("config set", "nothing", shape::<admin::Setting>) },
    Contract { errors: CHANGE, ..read("config unset", "nothing", shape::<admin::Setting>) },
    Contract { stdout: ID, ..change("issue create") },
    read("issue list", LIST, rows),
    read("issue show", "the issues in full, or the fields asked for", whole_or_fields),
    Contract { shape: one_or_many, ..change("issue update") },
    Contract { stdout: ID, ..change("issue claim") },
    Contract { stdout: ID, errors: &[NotFound, Refused, Lost, Nothing, Outside], ..change("issue claim-next") },
    change("issue heartbeat"),
    change("issue release"),
    change("issue ask"),
    change("issue answer"),
    change("issue assign"),
    change("issue unassign"),
    change("issue comment"),
    read("issue log", "one line per event", shape::<history::History>),
    read("issue diff", "a unified diff", shape::<history::Diff>),
    change("issue delete"),
    change("issue reject"),
    change("dep add"),
    change("dep rm"),
    read("graph show", "a tree", shape::<graph::Graph>),
    read("graph downstream", LIST, shape::<graph::Nodes>),
    read("graph roots", LIST, shape::<graph::Nodes>),
    read("graph critical-path", LIST, shape::<graph::Nodes>),
    Contract { errors: &[NotFound, Outside], ..read("graph export", "the graph", shape::<graph::Export>) },
    Contract { shape: shape::<gate::GateDoc>, errors: &[NotFound, Refused, Exists, Outside], ..change("gate define") },
    Contract { shape: shape::<gate::GateDoc>, ..change("gate undefine") },
    read("gate list", "one line per gate", shape::<gate::Gates>),
    read("gate show", "the definition", shape::<gate::GateDoc>),
    change("gate add"),
    change("gate rm"),
    Contract { shape: shape::<gate_run::GateRun>, errors: &[NotFound, Refused, Lost, Outside], ..change("gate run") },
    change("gate pass"),
    change("gate fail"),
    Contract { errors: &[NotFound, Outside], ..read("gate status", "one line per gate", shape::<gate::GateStatus>) },
    read("gate trust", "each command, and whether it may run", shape::<gate_run::Trusted>),
    read("gate preset list", "the presets with their gates", shape::<gate_run::Presets>),
    Contract { errors: CHANGE, ..read("gate preset apply", "one line per gate", shape::<gate_run::Applied>) },
    Contract {
        errors: &[NotFound, Exists, Outside],
        ..read("coordinator init-config", "nothing", shape::<coordinator::Written>)
    },
    Contract { errors: COORDINATOR, ..read("coordinator start", "the process that runs", shape::<coordinator::Began>) },
    Contract {
        errors: COORDINATOR,
        ..read("coordinator stop", "whether one was running", shape::<coordinator::Stopped>)
    },
    read("coordinator status", "the state, the pool and the queue", shape::<coordinator::Status>),
    read("coordinator agents", "the holders, each with one line per issue", shape::<coordinator::Agents>),
    Contract { errors: COORDINATOR, ..read("coordinator once", "nothing", shape::<coordinator::Round>) },
    Contract { stream: true, ..read("coordinator logs", "what the agent printed", log_line) },
    Contract {
        errors: &[NotFound, Exists, Outside],
        ..read("coordinator init-service", "the path of the unit", shape::<coordinator::Service>)
    },
    Contract {
        errors: &[NotFound, Refused, Lost, Exists, Outside],
        ..read("worktree add", "the path of the worktree", shape::<worktree::Worktree>)
    },
    Contract {
        errors: &[NotFound, Outside],
        ..read("worktree list", "one line per worktree", shape::<worktree::Worktrees>)
    },
    Contract { errors: CHANGE, ..read("worktree rm", "nothing", shape::<worktree::Worktree>) },
    Contract { errors: &[NotFound, Refused, Outside], ..read("hooks install", "nothing", shape::<hooks::Hooks>) },
    Contract { errors: &[NotFound, Refused, Outside], ..read("hooks uninstall", "nothing", shape::<hooks::Hooks>) },
    Contract {
        errors: &[NotFound, Refused, Outside],
        ..read("hooks status", "one line per hook", shape::<hooks::HookStatus>)
    },
    Contract { errors: CHANGE, ..read("hooks run", "nothing", nothing) },
    Contract {
        errors: &[NotFound, Refused, Outside],
        ..read("verify", "one line per commit", shape::<verify::Verified>)
    },
    Contract { errors: SYNC, ..read("sync", "what came, what went, the commit", shape::<sync::Synced>) },
    Contract { errors: SYNC, ..read("fetch", "how many are new, the commit", shape::<sync::Fetched>) },
    Contract { errors: SYNC, ..read("push", "how many went, the commit", shape::<sync::Pushed>) },
    Contract { errors: SYNC, ..read("merge", "what came, the commit", shape::<sync::Joined>) },
    read("conflicts", "what gave way, and the command that takes it back", conflicts_or_value),
    Contract { errors: SYNC, ..read("land", "the commit that landed", shape::<Landed>) },
    Contract { errors: SYNC, ..read("remote check", "one line per check", shape::<sync::Checked>) },
    read("status", "counts and the newest completions", shape::<status::Status>),
    read("query ready", LIST, rows),
    read("query blocked", LIST, rows),
    read("query assignee", LIST, rows),
    read("query state", LIST, rows),
    read("query priority", LIST, rows),
    read("query questions", "one paragraph per question", shape::<list::Questions>),
    read("query all", LIST, rows),
    read("ready", LIST, rows),
    Contract { stream: true, ..read("events tail", "one line per event", shape::<event::EventDoc>) },
    Contract { stream: true, ..read("events query", "one line per event", shape::<event::EventDoc>) },
    read("metrics", "figures, in the format asked for", shape::<metrics::Metrics>),
    read("search", "one line per issue, and where it was found", shape::<search::SearchDoc<'static>>),
    read("log", "one line per change", shape::<log::Log>),
    read("blame", "one line per field", shape::<blame::Blame>),
    Contract { shape: shape::<undo::Undone>, ..change("undo") },
    Contract {
        errors: &[NotFound, Refused, Nothing],
        ..read("wait", "the ids of the issues that have reached the state", shape::<wait::Waited>)
    },
    Contract { stream: true, ..read("watch", "one line per event", shape::<event::EventDoc>) },
    read("mirror status", "the state of the mirror", shape::<admin::MirrorStatus>),
    Contract { errors: &[NotFound, Outside], ..read("mirror refresh", "nothing", shape::<admin::MirrorChanged>) },
    Contract { errors: CHANGE, ..read("mirror import", "nothing", shape::<admin::MirrorChanged>) },
    Contract { errors: &[Unexpected, NotFound], ..read("fsck", "one line per problem", shape::<admin::Fsck>) },
    Contract { errors: &[NotFound, Outside], ..read("gc", "nothing", shape::<admin::Collected>) },
    Contract { errors: &[NotFound, Exists], ..read("sink add", "nothing", shape::<sink::SinkList>) },
    read("sink list", "one line per sink", shape::<sink::SinkList>),
    read("sink rm", "nothing", shape::<sink::SinkList>),
    Contract { errors: &[NotFound, Lost], ..read("sink skip", "nothing", shape::<sink::SinkList>) },
    Contract {
        shape: delivered_or_told,
        errors: &[NotFound, Refused, Outside],
        ..read("sink run", "nothing; with --follow one line per event or failure", shape::<sink::Delivered>)
    },
    Contract { stream: true, errors: &[Unexpected, NotFound], ..read("export", "one line per issue", export_line) },
    Contract { shape: shape::<admin::Imported>, errors: &[NotFound, Refused, Exists, Outside], ..change("import") },
    Contract {
        shape: applied_or_schema,
        stdout: "one line per issue: its key and its id; with --dry-run a tree",
        errors: &[NotFound, Refused, Lost, Outside],
        ..change("apply")
    },
    read("completions", "a script for the shell", shape::<admin::Page>),
    Contract {
        shape: page_or_pages,
        errors: &[NotFound, Outside],
        ..read("man", "the page; with --dir nothing", shape::<admin::Page>)
    },
    read("help", "the page", shape::<admin::Page>),
];

/// A line of an agent's log.
fn log_line() -> Value {
    json!({ "type": "object", "properties": { "line": { "type": "string" } }, "required": ["line"] })
}

/// A document that says nothing.
fn nothing() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// The shape of a line of the exchange format.
fn export_line() -> Value {
    any_of(vec![shape::<Issue>(), shape::<GateLine<Gate>>()])
}

/// The promise of the command with these words.
pub fn of(command: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.command == command)
}
