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

/// Takes what commands print while they run.
pub trait Echo: Send + Sync {
    /// Output as it comes; with a label when several commands run at a time.
    fn output(&self, label: Option<&str>, bytes: &[u8]);
    /// Something to say between.
    fn line(&self, text: &str);
}

/// Keeps everything to itself.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: usize) {}
    fn step(&self) {}
    fn end(&self) {}
}

impl Echo for Silent {
    fn output(&self, _label: Option<&str>, _bytes: &[u8]) {}
    fn line(&self, _text: &str) {}
}
