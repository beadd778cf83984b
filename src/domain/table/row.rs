//! The form of a row: numbers of fixed size, so that a table is read and written as it lies in memory.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Stands for "none" where the number of a name, or a place in the text, is expected.
pub const NO_NAME: u32 = u32::MAX;
/// Stands for "none" where a time is expected.
pub const NO_TIME: i64 = i64::MIN;

/// The issue holds nobody up.
pub const RELEASES: u8 = 1;
/// The issue has a question that waits for a person.
pub const QUESTION: u8 = 2;

/// Work on the issue failed, and it was not put forward anew since.
pub const FAILED: u8 = 4;

/// A part of a list or a text: where it begins and how long it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// How long it is.
    pub len: u32,
}

impl Span {
    /// The part of `list`; empty when it does not lie within.
    pub fn of<T>(self, list: &[T]) -> &[T] {
        let start = self.start as usize;
        list.get(start..start + self.len as usize).unwrap_or_default()
    }

    /// The part of `text`; empty when it does not lie within.
    pub fn text(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// What a table holds of one issue. Times are milliseconds since the epoch.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Row {
    /// The id.
    pub id: [u8; 16],
    /// When it was created.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// When it became done, or `NO_TIME`.
    pub completed_at: i64,
    /// When the lease of its claim ends, or `NO_TIME`.
    pub lease_end: i64,
    /// The title, in the text.
    pub title: Span,
    /// The labels, in the lists: numbers of names.
    pub labels: Span,
    /// The gates, in the lists: the number of a name, then the number of a status.
    pub gates: Span,
    /// What it waits for, in the lists: numbers of rows.
    pub dependencies: Span,
    /// Who it is meant for: the number of a name, or `NO_NAME`.
    pub assignee: u32,
    /// Who holds it: the number of a name, or `NO_NAME`.
    pub holder: u32,
    /// The number of a [`super::Presence`].
    pub presence: u8,
    /// The number of a state.
    pub state: u8,
    /// The number of a priority.
    pub priority: u8,
    /// `RELEASES`, `QUESTION` and `FAILED`.
    pub flags: u8,
    /// Where its mark of a plan begins in the text, which a line break ends; or `NO_NAME`.
    pub plan: u32,
}

impl Row {
    /// A row about which nothing is known but the id.
    pub fn empty(id: [u8; 16]) -> Self {
        Self {
            id,
            created_at: 0,
            updated_at: 0,
            completed_at: NO_TIME,
            lease_end: NO_TIME,
            title: Span::default(),
            labels: Span::default(),
            gates: Span::default(),
            dependencies: Span::default(),
            assignee: NO_NAME,
            holder: NO_NAME,
            presence: super::Presence::Absent as u8,
            state: 0,
            priority: 0,
            flags: 0,
            plan: NO_NAME,
        }
    }
}
