//! Temporary repositories, and the program run in them.

pub mod committing;
mod fleet;
pub mod game;
pub mod gated;
pub mod memory;
mod output;
pub mod pool;
mod processes;
mod random;
mod repo;
mod world;

pub use fleet::{Fleet, claim};
pub use output::Output;
pub use pool::{DONE, Pool, UNTIL_GO};
pub use processes::{started_with, until};
pub use random::Random;
pub use repo::{Repo, jit_path};
pub use world::World;
