//! Progress bars on a terminal.

use std::cell::RefCell;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::Progress;

/// Work on fewer things than this is over before a bar could be read.
const WORTH_SHOWING: usize = 500;

/// A bar on stderr, when that is a terminal.
#[derive(Default)]
pub struct Bar {
    bar: RefCell<Option<ProgressBar>>,
}

impl Progress for Bar {
    fn begin(&self, what: &str, total: usize) {
        if total < WORTH_SHOWING || !std::io::stderr().is_terminal() {
            return;
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is valid");
        let bar = ProgressBar::new(total as u64).with_style(style).with_message(what.to_owned());
        self.bar.replace(Some(bar));
    }

    fn step(&self) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.inc(1);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
