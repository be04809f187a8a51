//! Characters to command lines (V.250 sections 5.2.1 and 5.2.2).

use modemqtt_at::ascii::{CR, LF};

/// Deletes the character before it (S5 of V.250).
const BACKSPACE: u8 = 0x08;
/// `AT` counts towards the limit of a line.
const PREFIX: usize = 2;

/// Collects one command line at a time, in bounded memory.
#[derive(Debug)]
pub struct LineReader {
    limit: usize,
    state: LineProgress,
    body: Vec<u8>,
    last: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineProgress {
    /// Everything before the prefix is ignored (V.250 section 5.2.1).
    Idle,
    /// This `A` or `a` may begin a prefix.
    Begun(u8),
    /// After `AT`.
    Body,
    /// The line is over its limit; the rest is swallowed up to its end.
    TooLong,
}

/// A line that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The characters between `AT` and CR.
    Line(Vec<u8>),
    /// More characters than the module takes.
    TooLong,
}

impl LineReader {
    /// A reader of lines of at most this many characters, with `AT` and without CR.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            state: LineProgress::Idle,
            body: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Takes an LF as a character of the line that has begun. Returns whether one has.
    pub fn push_lf(&mut self) -> bool {
        let fits = self.state == LineProgress::Body && self.body.len() + PREFIX < self.limit;
        if fits {
            self.body.push(LF);
        }
        fits
    }

    /// Whether a line has begun.
    pub fn is_in_line(&self) -> bool {
        self.state == LineProgress::Body
    }

    /// Takes one character. Returns the line that it completes.
    pub fn push(&mut self, byte: u8) -> Option<Entered> {
        match (self.state, byte) {
            (_, LF) => None,
            (LineProgress::Body, CR) => {
                self.state = LineProgress::Idle;
                self.last = std::mem::take(&mut self.body);
                Some(Entered::Line(self.last.clone()))
            }
            (LineProgress::TooLong, CR) => {
                self.state = LineProgress::Idle;
                Some(Entered::TooLong)
            }
            (LineProgress::Idle | LineProgress::Begun(_), b'A' | b'a') => {
                self.state = LineProgress::Begun(byte);
                None
            }
            (LineProgress::Begun(b'A'), b'T') | (LineProgress::Begun(b'a'), b't') => {
                self.state = LineProgress::Body;
                None
            }
            // `A/` repeats the line before, without waiting for a CR (V.250 section 5.2.4).
            (LineProgress::Begun(_), b'/') => {
                self.state = LineProgress::Idle;
                Some(Entered::Line(self.last.clone()))
            }
            (LineProgress::Idle | LineProgress::Begun(_), _) => {
                self.state = LineProgress::Idle;
                None
            }
            (LineProgress::Body, BACKSPACE) => {
                self.body.pop();
                None
            }
            (LineProgress::Body, _) if self.body.len() + PREFIX >= self.limit => {
                self.state = LineProgress::TooLong;
                self.body = Vec::new();
                None
            }
            (LineProgress::Body, _) => {
                self.body.push(byte);
                None
            }
            (LineProgress::TooLong, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Entered> {
        let mut reader = LineReader::new(10);
        bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    fn line(body: &str) -> Entered {
        Entered::Line(body.as_bytes().to_vec())
    }

    #[test]
    fn a_line_begins_with_its_prefix_and_ends_with_cr() {
        assert_eq!(read(b"AT+X\r\nat\r"), [line("+X"), line("")]);
    }

    #[test]
    fn what_stands_before_the_prefix_is_ignored() {
        assert_eq!(read(b"\x1a\x1bnoise\rAAT\raT\rAt\r"), [line("")]);
    }

    #[test]
    fn a_backspace_deletes_the_character_before_it_but_not_the_prefix() {
        assert_eq!(read(b"AT+Y\x08X\x08\x08\x08\x08I\r"), [line("I")]);
    }

    #[test]
    fn a_slash_after_a_repeats_the_line() {
        assert_eq!(read(b"AT+X\rA/a/"), [line("+X"), line("+X"), line("+X")]);
        assert_eq!(read(b"A/"), [line("")]);
    }

    #[test]
    fn a_line_over_the_limit_is_told_at_its_end() {
        assert_eq!(
            read(b"AT34567890\rAT345678901\rAT\r"),
            [line("34567890"), Entered::TooLong, line("")]
        );
    }

    #[test]
    fn a_line_that_never_ends_takes_no_memory() {
        let mut reader = LineReader::new(10);
        assert!(
            b"AT"
                .iter()
                .chain(vec![b'x'; 100_000].iter())
                .all(|byte| reader.push(*byte).is_none())
        );
        assert_eq!(reader.body.capacity(), 0);
    }
}
