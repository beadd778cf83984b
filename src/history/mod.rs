//! What the past tells: events by choice and after a cursor, who set what, what can be undone, how work went.

mod blame;
mod choice;
mod cursor;
mod figures;
mod undo;

pub use blame::{Origin, origins};
pub use choice::{Choice, check_name};
pub use cursor::{Cursor, Told, follow, resolve, since};
pub use figures::figures;
pub use undo::{Target, Wanted, find, with_id};
