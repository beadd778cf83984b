//! Git hooks.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Class;

use super::Render;
use super::text::{Text, clean, table};

/// Hooks that were put in place or taken away.
#[derive(Serialize, JsonSchema)]
pub struct Hooks {
    /// Where git looks for hooks.
    pub folder: String,
    /// The hooks.
    pub hooks: Vec<HookRow>,
    /// How many.
    pub count: usize,
    /// What was done.
    #[serde(skip)]
    pub verb: String,
}

/// One hook.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HookRow {
    /// Its name.
    pub hook: String,
    /// `installed`, `joined` (one that was there is called first), `unchanged`, `removed`, `restored` or `left`.
    pub done: String,
}

impl Render for Hooks {
    fn human(&self, _text: &mut Text) {}

    fn confirmation(&self) -> Option<String> {
        let joined: Vec<&str> =
            self.hooks.iter().filter(|row| row.done == "joined").map(|row| row.hook.as_str()).collect();
        let kept =
            if joined.is_empty() { String::new() } else { format!("; kept and called first: {}", joined.join(", ")) };
        Some(format!("{} {}{kept}", self.verb, self.folder))
    }
}

/// Which hooks git reaches.
#[derive(Serialize, JsonSchema)]
pub struct HookStatus {
    /// Where git looks for hooks.
    pub folder: String,
    /// Whether git reaches all of them.
    pub reached: bool,
    /// The hooks.
    pub hooks: Vec<StatusRow>,
    /// How many.
    pub count: usize,
    /// The command that puts there what is not reached.
    #[serde(skip)]
    pub way_out: &'static str,
}

/// One hook.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusRow {
    /// Its name.
    pub hook: String,
    /// Whether `jit` was called when git ran it.
    pub reached: bool,
    /// The hook of somebody else that is called first.
    pub calls: Option<String>,
    /// Why it was not reached.
    pub why: Option<String>,
}

impl Render for HookStatus {
    fn human(&self, text: &mut Text) {
        let rows = self.hooks.iter().map(|row| {
            let state = if row.reached { "reached" } else { "not reached" };
            let calls = row.calls.as_ref().map_or_else(String::new, |path| format!("after {}", clean(path)));
            [row.hook.clone(), state.to_owned(), row.why.as_deref().map_or(calls, clean)]
        });
        let table = table(rows);
        text.put(&table);
    }

    fn complaint(&self) -> Option<String> {
        (!self.reached).then(|| format!("git does not reach every hook\nhint: {}", self.way_out))
    }

    fn exit_code(&self) -> u8 {
        if self.reached { 0 } else { Class::Refused.exit_code() }
    }
}
