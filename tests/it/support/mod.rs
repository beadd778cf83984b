//! Temporary repositories, and the program run in them.

mod output;
mod repo;

pub use output::Output;
pub use repo::Repo;
