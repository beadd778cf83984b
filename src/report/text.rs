//! Text for people: safe to show, short, coloured where wanted.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// A number of things: `1 file`, `2 files`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// Builds a text, with colours or without.
pub struct Text {
    out: String,
    colour: bool,
    /// The time against which spans are given.
    pub now: Timestamp,
}

impl Text {
    /// An empty text.
    pub fn new(colour: bool, now: Timestamp) -> Self {
        Self { out: String::new(), colour, now }
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.out
    }

    /// Adds text as it is.
    pub fn put(&mut self, text: &str) -> &mut Self {
        self.out.push_str(text);
        self
    }

    /// Adds a line as it is.
    pub fn line(&mut self, text: &str) -> &mut Self {
        self.out.push_str(text);
        self.out.push('\n');
        self
    }

    /// `text` in a style, for [`Text::put`].
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// An id.
    pub fn id(&self, id: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), id)
    }

    /// A heading.
    pub fn strong(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// A state, with `blocked` where that is so.
    pub fn state(&self, state: State, blocked: bool) -> String {
        let words = if blocked { format!("{state}, blocked") } else { state.to_string() };
        self.in_state(state, blocked, &words)
    }

    /// Words in the colour of a state.
    pub fn in_state(&self, state: State, blocked: bool, words: &str) -> String {
        if blocked {
            return self.paint(AnsiColor::Red.on_default(), words);
        }
        let colour = match state {
            State::Open => AnsiColor::White,
            State::Ready => AnsiColor::Cyan,
            State::InProgress => AnsiColor::Blue,
            State::Gated => AnsiColor::Magenta,
            State::Done => AnsiColor::Green,
            State::Rejected | State::Archived => AnsiColor::BrightBlack,
        };
        self.paint(colour.on_default(), words)
    }

    /// How long ago `then` was: `3m ago`.
    pub fn ago(&self, then: Timestamp) -> String {
        format!("{} ago", span(self.now.since(then)))
    }

    /// Adds text of several lines, each indented and made safe.
    pub fn block(&mut self, indent: &str, text: &str) -> &mut Self {
        for line in text.lines() {
            let _ = writeln!(self.out, "{}", format!("{indent}{}", clean(line)).trim_end());
        }
        self
    }
}

/// One line of somebody's text with control characters made visible, so that it cannot move the cursor
/// or start a new line.
pub fn clean(text: &str) -> String {
    let risky = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(risky) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            c if risky(c) => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
        safe
    })
}

/// The largest unit of a span: `3m`, `2h`, `5d`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// How many columns of a terminal a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// How many columns a cell takes, which may hold what [`Text::paint`] made.
fn cell_width(cell: &str) -> usize {
    let mut parts = cell.split('\u{1b}');
    let first = parts.next().map_or(0, str::width);
    first + parts.map(|part| part.split_once('m').map_or(0, |(_, shown)| shown.width())).sum::<usize>()
}

/// Rows in columns two spaces apart, as wide as the widest text in each. `rows` is gone through twice, so
/// that a long list need not be held.
pub fn table<const N: usize>(rows: impl Iterator<Item = [String; N]> + Clone) -> String {
    let mut widths = [0; N];
    for row in rows.clone() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell_width(cell).max(*width);
        }
    }
    let mut out = String::new();
    for row in rows {
        let start = out.len();
        for (cell, width) in row.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width - cell_width(cell) + 2));
        }
        out.truncate(start + out[start..].trim_end().len());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}\u{202e}"), "a\\u{1b}[31mb\\u{7}\\u{202e}");
        assert_eq!(clean("äöü — fine"), "äöü — fine");
    }

    #[test]
    fn columns_line_up_whatever_the_characters() {
        let rows = [["a", "öö", "x"], ["漢字", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(rows.into_iter()), "a     öö  x\n漢字  b\n");
        let text = Text::new(true, Timestamp::from_millis(0));
        let rows = [["abc".to_owned(), "x".to_owned()], [text.id("a"), text.strong("x")]];
        assert_eq!(table(rows.into_iter()), "abc  x\n\u{1b}[33ma\u{1b}[0m    \u{1b}[1mx\u{1b}[0m\n");
    }

    #[test]
    fn a_span_is_given_in_its_largest_unit() {
        let words: Vec<String> = [5, 65, 7200, 200_000].into_iter().map(|s| span(Duration::from_secs(s))).collect();
        assert_eq!(words, ["5s", "1m", "2h", "2d"]);
    }
}
