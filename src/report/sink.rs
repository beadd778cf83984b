//! Sinks, and what was delivered to them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::EventId;
use crate::domain::name::{Actor, SinkName};
use crate::domain::time::Timestamp;
use crate::error::Class;
use crate::sinks::{Position, Sink, Target, Word, without_password};

use super::Render;
use super::text::{Text, clean, table};

/// Sinks.
#[derive(Serialize, JsonSchema)]
pub struct SinkList {
    /// The sinks, by name.
    pub sinks: Vec<SinkDoc>,
    /// How many.
    pub count: usize,
    #[serde(skip)]
    said: String,
}

/// A sink, and how far it has come.
#[derive(Serialize, JsonSchema)]
pub struct SinkDoc {
    /// Its name.
    pub name: SinkName,
    /// The command that takes events; `null` for an address.
    pub exec: Option<String>,
    /// The address that takes events, without its password; `null` for a command.
    pub url: Option<String>,
    /// The names of events it takes; none for all.
    pub types: Vec<String>,
    /// The filter of issues.
    pub filter: Option<String>,
    /// The actor whose events it takes.
    pub actor: Option<Actor>,
    /// Whether what is sent is signed.
    pub signed: bool,
    /// How long a delivery may take, in milliseconds.
    pub timeout_ms: u64,
    /// How many events were delivered.
    pub delivered: u64,
    /// How many wait; `null` when that cannot be told.
    pub pending: Option<usize>,
    /// How often the next event was tried in vain.
    pub failures: u32,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
}

impl SinkDoc {
    /// A sink with its position.
    pub fn new(sink: &Sink, position: &Position, pending: Option<usize>) -> Self {
        let (exec, url) = match &sink.target {
            Target::Exec(command) => (Some(command.clone()), None),
            Target::Url(url) => (None, Some(without_password(url))),
        };
        Self {
            name: sink.name.clone(),
            exec,
            url,
            types: sink.types.clone(),
            filter: sink.filter.clone(),
            actor: sink.actor.clone(),
            signed: sink.secret.is_some(),
            timeout_ms: sink.timeout_ms,
            delivered: position.delivered,
            pending,
            failures: position.failures,
            error: position.error.clone(),
            retry_at: position.retry_at,
        }
    }
}

impl SinkList {
    /// Sinks, and what is said of them; an empty text for a list that was asked for.
    pub fn of(sinks: Vec<SinkDoc>, said: String) -> Self {
        Self { count: sinks.len(), sinks, said }
    }
}

impl Render for SinkList {
    fn human(&self, text: &mut Text) {
        if !self.said.is_empty() {
            return;
        }
        let row = |sink: &SinkDoc| {
            let pending = sink.pending.map_or_else(|| "?".to_owned(), |pending| pending.to_string());
            let to = sink.exec.as_deref().or(sink.url.as_deref()).unwrap_or_default();
            let state = match &sink.error {
                Some(error) if sink.failures == 0 => clean(error),
                Some(error) => format!("failed {} times by now: {}", sink.failures, clean(error)),
                None => "ok".to_owned(),
            };
            [
                sink.name.to_string(),
                format!("{} delivered", sink.delivered),
                format!("{pending} wait"),
                state,
                clean(to),
            ]
        };
        text.put(&table(self.sinks.iter().map(row)));
    }

    fn confirmation(&self) -> Option<String> {
        (!self.said.is_empty()).then(|| self.said.clone())
    }
}

/// What was delivered.
#[derive(Serialize, JsonSchema)]
pub struct Delivered {
    /// The sinks.
    pub sinks: Vec<DeliveredTo>,
    /// How many.
    pub count: usize,
    /// How many events were taken, by all of them together.
    pub delivered: usize,
}

/// What was delivered to a sink.
#[derive(Serialize, JsonSchema)]
pub struct DeliveredTo {
    /// Its name.
    pub name: SinkName,
    /// How many events were taken.
    pub delivered: usize,
    /// Why the next one was not; `null` when all were.
    pub error: Option<String>,
}

impl Render for Delivered {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let sinks: Vec<String> =
            self.sinks.iter().map(|sink| format!("{}: {} delivered", sink.name, sink.delivered)).collect();
        Some(if sinks.is_empty() { "there are no sinks".to_owned() } else { sinks.join("\n") })
    }

    fn complaint(&self) -> Option<String> {
        let failed = self.sinks.iter().filter_map(|sink| Some(format!("{}: {}", sink.name, sink.error.as_ref()?)));
        let failed: Vec<String> = failed.collect();
        (!failed.is_empty()).then(|| format!("not delivered: {}", failed.join("; ")))
    }

    fn exit_code(&self) -> u8 {
        if self.sinks.iter().any(|sink| sink.error.is_some()) { Class::Outside.exit_code() } else { 0 }
    }
}

/// A word of a run that goes on.
#[derive(Serialize, JsonSchema)]
pub struct Told {
    /// The sink.
    pub sink: SinkName,
    /// The event that was taken; `null` for a failure.
    pub event: Option<String>,
    /// Its id.
    pub event_id: Option<EventId>,
    /// How often the next event was tried in vain.
    pub failures: Option<u32>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Told {
    /// What is told of a sink.
    pub fn new(sink: SinkName, word: Word) -> Self {
        let nothing = Self { sink, event: None, event_id: None, failures: None, error: None };
        match word {
            Word::Delivered(event) => Self { event_id: Some(event.id), event: Some(event.event), ..nothing },
            Word::Failed(failures, why) => Self { failures, error: Some(why), ..nothing },
        }
    }

    /// It in a line.
    pub fn line(&self) -> String {
        match (&self.event, &self.error) {
            (Some(event), _) => format!("{}  {}", self.sink, clean(event)),
            (None, error) => format!("{}  not delivered: {}", self.sink, clean(error.as_deref().unwrap_or_default())),
        }
    }
}
