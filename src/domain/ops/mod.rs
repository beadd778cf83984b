//! *Decide*: one function a command, from a draft to events or a refusal.

pub mod agent;
pub mod claim;
pub mod config;
pub mod dep;
pub mod gate;
pub mod import;
pub mod issue;
pub mod link;
pub mod load;
mod ownership;
pub mod plan;
pub mod state;
pub mod talk;
pub mod undo;
pub mod verdict;

pub use ownership::authorize;
