//! How long work tells that it goes on.

/// Told by long work how far it is.
pub trait Progress {
    /// Work on `total` things begins.
    fn begin(&self, what: &str, total: usize);
    /// One more is done.
    fn step(&self);
    /// All are done.
    fn end(&self);
}
