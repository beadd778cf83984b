//! Setting up and looking after a tracker.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::store::git::ObjectCount;

use super::Render;
use super::text::{Text, clean, counted, table};

/// What `jit init` found or made.
#[derive(Serialize, JsonSchema)]
pub struct Initialised {
    /// The ref that holds the tracker.
    pub r#ref: String,
    /// The commit it points to.
    pub commit: String,
    /// Whether the tracker was made now.
    pub created: bool,
    /// The remote whose tracker was adopted.
    pub adopted_from: Option<String>,
    /// Whether a git repository was made first.
    pub repository_created: bool,
    /// The folder of the mirror.
    pub mirror: Option<String>,
}

impl Render for Initialised {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let made = if self.repository_created { "made a git repository; " } else { "" };
        Some(match (&self.adopted_from, self.created) {
            (Some(remote), _) => format!("{made}adopted the tracker of {remote} on {}", self.r#ref),
            (None, true) => format!("{made}a new tracker is on {}", self.r#ref),
            (None, false) => format!("the tracker on {} is there already", self.r#ref),
        })
    }
}

/// Settings.
#[derive(Serialize, JsonSchema)]
pub struct Settings {
    /// The settings, by key.
    pub settings: Vec<Setting>,
    /// How many.
    pub count: usize,
}

/// One setting.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// What holds: the value that was set, or the default.
    pub value: Value,
    /// `shared`, `local` or `default`.
    pub source: String,
    /// What it does.
    pub about: String,
    /// Whether a command changed it, so that people see only a confirmation.
    #[serde(skip)]
    pub changed: bool,
}

impl Setting {
    fn value_text(&self) -> String {
        match &self.value {
            Value::Null => String::new(),
            Value::String(text) => clean(text),
            other => other.to_string(),
        }
    }
}

impl Render for Settings {
    fn human(&self, text: &mut Text) {
        let rows = self.settings.iter().map(|setting| {
            let value = setting.value_text();
            let value = if value.is_empty() { "-".to_owned() } else { value };
            [setting.key.clone(), value, format!("({})", setting.source), setting.about.clone()]
        });
        text.put(&table(rows));
    }
}

impl Render for Setting {
    fn human(&self, text: &mut Text) {
        if !self.changed {
            text.line(&self.value_text());
        }
    }

    fn confirmation(&self) -> Option<String> {
        self.changed.then(|| format!("{} = {} ({})", self.key, self.value_text(), self.source))
    }
}

/// How the mirror stands to the tracker.
#[derive(Serialize, JsonSchema)]
pub struct MirrorStatus {
    /// Whether the mirror is written.
    pub enabled: bool,
    /// Its folder.
    pub dir: String,
    /// The commit it shows.
    pub shows: Option<String>,
    /// The tracker's commit.
    pub tip: String,
    /// Whether it shows the tracker as it is.
    pub current: bool,
    /// Files changed by hand.
    pub edited: Vec<String>,
    /// Files that are gone.
    pub missing: Vec<String>,
    /// Files that are not the mirror's.
    pub foreign: Vec<String>,
}

impl Render for MirrorStatus {
    fn human(&self, text: &mut Text) {
        let state = match (self.enabled, &self.shows) {
            (false, _) => "turned off (mirror.enabled)".to_owned(),
            (true, None) => "not written yet".to_owned(),
            (true, Some(_)) if self.current => "up to date".to_owned(),
            (true, Some(commit)) if *commit == self.tip => "not as the tracker is".to_owned(),
            (true, Some(commit)) => format!("behind, at {}", commit.get(..10).unwrap_or(commit)),
        };
        text.line(&format!("{}: {state}", self.dir));
        let groups = [
            ("Changed by hand (jit mirror import takes them in):", &self.edited),
            ("Missing (jit mirror refresh writes them):", &self.missing),
            ("Not the mirror's:", &self.foreign),
        ];
        for (title, files) in groups.into_iter().filter(|(_, files)| !files.is_empty()) {
            text.line("").line(title);
            for file in files {
                text.line(&format!("  {}", clean(file)));
            }
        }
    }
}

/// What was done to the mirror.
#[derive(Serialize, JsonSchema)]
pub struct MirrorChanged {
    /// The folder.
    pub dir: String,
    /// The commit it shows now.
    pub shows: String,
    /// Files whose edits were taken in.
    pub imported: Vec<String>,
    /// Files written.
    pub written: usize,
    /// Files changed by hand, and kept.
    pub kept: Vec<String>,
}

impl Render for MirrorChanged {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let mut said = format!("{} imported, {} written", counted(self.imported.len(), "file"), self.written);
        if !self.kept.is_empty() {
            said.push_str(&format!("; kept as edited by hand: {}", self.kept.join(", ")));
        }
        Some(said)
    }
}

/// The health of a tracker.
#[derive(Serialize, JsonSchema)]
pub struct Fsck {
    /// Whether nothing is wrong.
    pub clean: bool,
    /// The commit that was looked at.
    pub commit: Option<String>,
    /// Commits read.
    pub commits: usize,
    /// Events replayed.
    pub events: usize,
    /// Issues read, tombstones included.
    pub issues: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What was mended, when that was asked for.
    pub repaired: Vec<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Problem {
    /// The object.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Render for Fsck {
    fn human(&self, text: &mut Text) {
        for problem in &self.problems {
            text.line(&format!("{}: {}", clean(&problem.object), clean(&problem.problem)));
        }
        for repaired in &self.repaired {
            text.line(&format!("mended: {}", clean(repaired)));
        }
    }

    fn confirmation(&self) -> Option<String> {
        Some(format!(
            "{} problems in {} issues, {} commits, {} events",
            self.problems.len(),
            self.issues,
            self.commits,
            self.events
        ))
    }

    fn exit_code(&self) -> u8 {
        u8::from(!self.clean)
    }
}

/// A page of help.
#[derive(Serialize, JsonSchema)]
pub struct Page {
    /// What it is about.
    pub topic: String,
    /// The text.
    pub text: String,
}

impl Render for Page {
    fn is_long(&self) -> bool {
        true
    }

    fn human(&self, text: &mut Text) {
        text.put(&self.text);
    }
}

/// Manual pages that were written.
#[derive(Serialize, JsonSchema)]
pub struct ManPages {
    /// The folder.
    pub dir: String,
    /// The files in it.
    pub files: Vec<String>,
    /// How many.
    pub count: usize,
}

impl Render for ManPages {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        Some(format!("wrote {} pages to {}", self.count, self.dir))
    }
}

/// What `import` took in.
#[derive(Serialize, JsonSchema)]
pub struct Imported {
    /// Issues that are new.
    pub imported: usize,
    /// Issues that were here already.
    pub skipped: usize,
    /// Gates that are new.
    pub gates: usize,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The commit of the tracker that holds them.
    pub commit: String,
}

impl Render for Imported {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let verb = if self.dry_run { "would import" } else { "imported" };
        let mut said = format!("{verb} {}", counted(self.imported, "issue"));
        if self.skipped > 0 {
            said.push_str(&format!(", {} here already", self.skipped));
        }
        Some(said)
    }
}

/// What `gc` did.
#[derive(Serialize, JsonSchema)]
pub struct Collected {
    /// The levels of folders, when there are more now.
    pub fanout: Option<Fanout>,
    /// Loose objects before.
    pub loose_before: u64,
    /// Loose objects after.
    pub loose_after: u64,
    /// Packs before.
    pub packs_before: u64,
    /// Packs after.
    pub packs_after: u64,
    /// Bytes of all objects before.
    pub bytes_before: u64,
    /// Bytes of all objects after.
    pub bytes_after: u64,
}

/// The levels of folders that issues stand in.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Fanout {
    /// Before.
    pub from: u8,
    /// After.
    pub to: u8,
}

impl Collected {
    /// What changed between two counts.
    pub fn new(fanout: Option<Fanout>, before: ObjectCount, after: ObjectCount) -> Self {
        Self {
            fanout,
            loose_before: before.loose,
            loose_after: after.loose,
            packs_before: before.packs,
            packs_after: after.packs,
            bytes_before: before.bytes,
            bytes_after: after.bytes,
        }
    }
}

impl Render for Collected {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let mut said = format!(
            "objects: {} loose and {} packs before, {} and {} after; {} KiB before, {} after",
            self.loose_before,
            self.packs_before,
            self.loose_after,
            self.packs_after,
            self.bytes_before / 1024,
            self.bytes_after / 1024
        );
        if let Some(Fanout { to, .. }) = self.fanout {
            said.push_str(&format!("\nissues now stand {to} folders deep"));
        }
        Some(said)
    }
}
