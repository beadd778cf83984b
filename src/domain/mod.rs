//! The rules of the tracker: pure values and functions, no input or output, no clock, no randomness.
//!
//! A command is decided on a [`snapshot::Snapshot`] inside a [`draft::Draft`]; what it decides are
//! [`event::Event`]s, and [`apply`] alone says what those do to the state.

pub mod apply;
pub mod draft;
pub mod event;
pub mod filter;
pub mod gate;
pub mod graph;
pub mod id;
pub mod invariants;
pub mod issue;
pub mod lawful;
pub mod limits;
pub mod merge;
pub mod metrics;
pub mod name;
pub mod ops;
pub mod plan;
pub mod query;
pub mod refusal;
pub mod replay;
pub mod search;
pub mod settings;
pub mod snapshot;
pub mod standing;
pub mod state;
pub mod table;
pub mod text;
pub mod time;
