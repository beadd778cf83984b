//! Temporary repositories, and the program run in them.

pub mod committing;
pub mod gated;
mod output;
mod repo;
mod world;

pub use output::Output;
pub use repo::Repo;
pub use world::World;
