//! Results: one closed type, one writer. The same value gives the text for people and the JSON.

pub mod admin;
pub mod blame;
pub mod conflicts;
pub mod coordinator;
pub mod echo;
pub mod event;
pub mod gate;
pub mod gate_run;
pub mod graph;
pub mod history;
pub mod hooks;
pub mod issue;
pub mod land;
pub mod list;
pub mod log;
pub mod metrics;
pub mod plan;
mod printer;
pub mod progress;
pub mod search;
pub mod sink;
pub mod status;
pub mod sync;
pub mod text;
pub mod undo;
pub mod verify;
pub mod wait;
pub mod worktree;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

pub use printer::{Colour, Paging, Printer, reader_is_gone};
use text::Text;

/// What a command gives back.
pub enum Report {
    /// Issues that were changed.
    Changed(issue::Changed),
    /// Issues in full.
    Issues(issue::Shown),
    /// Some fields of an issue.
    Fields(issue::Fields),
    /// Issues, a line each.
    List(list::IssueList),
    /// Open questions.
    Questions(list::Questions),
    /// The state of work.
    Status(status::Status),
    /// Events.
    Events(event::Events),
    /// Events as they come.
    Follow(event::Follow),
    /// The history of the tracker.
    Log(log::Log),
    /// Who set what.
    Blame(blame::Blame),
    /// Figures of how work goes.
    Metrics(Box<metrics::Metrics>),
    /// Sinks.
    Sinks(sink::SinkList),
    /// What was delivered to sinks.
    Delivered(sink::Delivered),
    /// What a search has found.
    Search(search::Hits),
    /// What was undone.
    Undone(undo::Undone),
    /// Issues that were waited for.
    Waited(wait::Waited),
    /// Lines that are made while they are written.
    Lines(Lines),
    /// A plan that was applied.
    Planned(plan::Applied),
    /// What was taken in.
    Imported(admin::Imported),
    /// What was tidied up.
    Collected(admin::Collected),
    /// The history of an issue.
    History(history::History),
    /// What differs between two versions of an issue.
    Diff(history::Diff),
    /// A dependency tree.
    Graph(graph::Graph),
    /// Issues by their place in the graph.
    Nodes(graph::Nodes),
    /// A graph in an exchange format.
    Export(graph::Export),
    /// Gate definitions.
    Gates(gate::Gates),
    /// One gate definition.
    Gate(gate::GateDoc),
    /// The gates of an issue.
    GateStatus(gate::GateStatus),
    /// What came of running gates.
    GateRun(gate_run::GateRun),
    /// Which commands may run.
    Trusted(gate_run::Trusted),
    /// The presets.
    Presets(gate_run::Presets),
    /// What a preset defined.
    Applied(gate_run::Applied),
    /// What `init` did.
    Initialised(admin::Initialised),
    /// Settings.
    Settings(admin::Settings),
    /// One setting.
    Setting(admin::Setting),
    /// How the mirror stands.
    Mirror(admin::MirrorStatus),
    /// What was done to the mirror.
    MirrorChanged(admin::MirrorChanged),
    /// The health of the tracker.
    Fsck(admin::Fsck),
    /// Manual pages that were written.
    ManPages(admin::ManPages),
    /// A page of help.
    Page(admin::Page),
    /// A configuration of the coordinator that was written.
    ConfigWritten(coordinator::Written),
    /// A coordinator that was started.
    Began(coordinator::Began),
    /// A coordinator that was stopped.
    Stopped(coordinator::Stopped),
    /// One round of a coordinator.
    Round(coordinator::Round),
    /// A unit for systemd that was written.
    Service(coordinator::Service),
    /// The state of a coordinator.
    Coordinator(coordinator::Status),
    /// Who holds issues.
    Holders(coordinator::Agents),
    /// A worktree that was made or taken away.
    Worktree(worktree::Worktree),
    /// The worktrees of issues.
    Worktrees(worktree::Worktrees),
    /// Hooks that were put in place or taken away.
    Hooks(hooks::Hooks),
    /// Which hooks git reaches.
    HookStatus(hooks::HookStatus),
    /// Commits that were looked at.
    Verified(verify::Verified),
    /// A sync that is through.
    Synced(sync::Synced),
    /// A tracker that was fetched.
    Fetched(sync::Fetched),
    /// A tracker that was pushed.
    Pushed(sync::Pushed),
    /// Histories that were joined.
    Joined(sync::Joined),
    /// What gave way in merges.
    Conflicts(conflicts::Conflicts),
    /// What has landed.
    Landed(crate::land::Landed),
    /// What was found about a remote.
    RemoteChecked(sync::Checked),
    /// Nothing to say.
    Nothing,
    /// The description of all commands.
    Schema(Value),
}

/// Writes lines, and says how it went: an error of its own after what could be written.
pub type Lines = Box<dyn FnOnce(&mut dyn Write) -> io::Result<crate::error::Result<()>>>;

/// How a result is shown.
pub trait Render: Serialize {
    /// The text on stdout.
    fn human(&self, text: &mut Text);
    /// Whether the text may be long, so that it is shown page by page on a terminal.
    fn is_long(&self) -> bool {
        false
    }
    /// What is said on stderr besides.
    fn confirmation(&self) -> Option<String> {
        None
    }
    /// What went wrong, though the command ran to its end; said also when quiet.
    fn complaint(&self) -> Option<String> {
        None
    }
    /// The exit code of a command that ran to its end: not zero when its result is bad news.
    fn exit_code(&self) -> u8 {
        0
    }
}

impl Report {
    /// The report as something that can be shown; streams and raw documents have ways of their own.
    fn as_render(&self) -> Option<&dyn RenderObject> {
        Some(match self {
            Report::Changed(report) => report,
            Report::Issues(report) => report,
            Report::Fields(report) => report,
            Report::List(report) => report,
            Report::Questions(report) => report,
            Report::Status(report) => report,
            Report::History(report) => report,
            Report::Diff(report) => report,
            Report::Graph(report) => report,
            Report::Nodes(report) => report,
            Report::Export(report) => report,
            Report::Gates(report) => report,
            Report::Gate(report) => report,
            Report::GateStatus(report) => report,
            Report::GateRun(report) => report,
            Report::ConfigWritten(report) => report,
            Report::Began(report) => report,
            Report::Stopped(report) => report,
            Report::Round(report) => report,
            Report::Service(report) => report,
            Report::Coordinator(report) => report,
            Report::Holders(report) => report,
            Report::Worktree(report) => report,
            Report::Worktrees(report) => report,
            Report::Hooks(report) => report,
            Report::HookStatus(report) => report,
            other => return other.as_more(),
        })
    }

    /// The rest of [`Report::as_render`].
    fn as_more(&self) -> Option<&dyn RenderObject> {
        Some(match self {
            Report::Verified(report) => report,
            Report::Synced(report) => report,
            Report::Fetched(report) => report,
            Report::Pushed(report) => report,
            Report::Joined(report) => report,
            Report::Conflicts(report) => report,
            Report::RemoteChecked(report) => report,
            Report::Landed(report) => report,
            Report::Trusted(report) => report,
            Report::Presets(report) => report,
            Report::Applied(report) => report,
            Report::Initialised(report) => report,
            Report::Settings(report) => report,
            Report::Setting(report) => report,
            Report::Mirror(report) => report,
            Report::MirrorChanged(report) => report,
            Report::Fsck(report) => report,
            Report::Page(report) => report,
            Report::ManPages(report) => report,
            Report::Imported(report) => report,
            Report::Planned(report) => report,
            Report::Log(report) => report,
            Report::Blame(report) => report,
            Report::Search(report) => report,
            Report::Sinks(report) => report,
            Report::Delivered(report) => report,
            Report::Metrics(report) => &**report,
            Report::Undone(report) => report,
            Report::Waited(report) => report,
            Report::Collected(report) => report,
            _ => return None,
        })
    }
}

/// [`Render`] without the type, so that reports can be handled alike.
trait RenderObject {
    fn human(&self, text: &mut Text);
    fn is_long(&self) -> bool;
    fn confirmation(&self) -> Option<String>;
    fn complaint(&self) -> Option<String>;
    fn exit_code(&self) -> u8;
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl<T: Render> RenderObject for T {
    fn human(&self, text: &mut Text) {
        Render::human(self, text);
    }
    fn is_long(&self) -> bool {
        Render::is_long(self)
    }
    fn confirmation(&self) -> Option<String> {
        Render::confirmation(self)
    }
    fn complaint(&self) -> Option<String> {
        Render::complaint(self)
    }
    fn exit_code(&self) -> u8 {
        Render::exit_code(self)
    }
    fn write_json(&self, mut out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }
}
