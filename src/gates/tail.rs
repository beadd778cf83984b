//! The end of a long output.

use std::collections::VecDeque;

use crate::domain::event::TAIL_BYTES;

/// Bytes of output that are kept of a run: 64 KiB.
pub const KEPT_BYTES: usize = 64 << 10;

/// Keeps the last [`KEPT_BYTES`] of what is put into it.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    /// Adds to the end.
    pub fn put(&mut self, chunk: &[u8]) {
        let chunk = &chunk[chunk.len().saturating_sub(KEPT_BYTES)..];
        let excess = (self.bytes.len() + chunk.len()).saturating_sub(KEPT_BYTES);
        self.bytes.drain(..excess);
        self.bytes.extend(chunk);
    }

    /// What is kept.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }
}

/// The last [`TAIL_BYTES`] of an output as text, from the beginning of a line where there is one.
pub fn end_of(output: &[u8]) -> String {
    let cut = output.len() > TAIL_BYTES;
    let mut end = &output[output.len().saturating_sub(TAIL_BYTES)..];
    if cut && let Some(line) = end.iter().position(|byte| *byte == b'\n').filter(|at| at + 1 < end.len()) {
        end = &end[line + 1..];
    }
    // Replaced bytes become three each; the limit holds for the text.
    let mut text = String::from_utf8_lossy(end).into_owned();
    while text.len() > TAIL_BYTES {
        text.remove(0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_however_it_comes() {
        let all: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        for size in [1000, 65_536, 100_000, all.len()] {
            let mut tail = Tail::default();
            all.chunks(size).for_each(|chunk| tail.put(chunk));
            assert_eq!(tail.bytes(), &all[all.len() - KEPT_BYTES..], "chunks of {size}");
        }
    }

    #[test]
    fn the_text_of_an_end_is_whole_lines_within_the_limit() {
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let end = end_of(lines.as_bytes());
        assert!(end.len() <= TAIL_BYTES && end.starts_with("line ") && end.ends_with("line 999\n"), "{end}");
        assert!(end_of(&[0xff; 5000]).len() <= TAIL_BYTES);
        assert_eq!(end_of(b"short"), "short");
    }
}
