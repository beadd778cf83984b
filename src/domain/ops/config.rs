//! The beginning of a tracker, and its shared settings.

use serde_json::Value;

use crate::domain::draft::Draft;
use crate::domain::event::{Body, Initialized, SettingChange};
use crate::domain::gate::default_gates;
use crate::domain::refusal::Decision;
use crate::domain::snapshot::Snapshot;

/// Begins a tracker: its default gates.
pub fn initialize(draft: &mut Draft<'_>, format: u32) -> Decision {
    draft.emit(None, Body::TrackerInitialized(Initialized { format }))?;
    for gate in default_gates() {
        draft.emit(None, Body::GateDefined(gate))?;
    }
    Ok(())
}

/// Sets a shared setting, or with `None` takes it away. Quiet when it is so already.
pub fn set(draft: &mut Draft<'_>, key: &str, value: Option<&Value>) -> Decision {
    if draft.state().settings()?.get(key) == value {
        return Ok(());
    }
    draft.emit(None, Body::ConfigChanged(SettingChange { key: key.to_owned(), value: value.cloned() }))
}
