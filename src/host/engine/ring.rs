//! The last lines of the wire, in a ring of bytes.

use std::collections::VecDeque;
use std::time::Instant;

use crate::trace::{Entry, Record};

/// How many bytes there is room for to begin with, enough for a modem that does nothing.
const LEAST: usize = 2 * 1024;
/// How many times as much room there is when that is used up.
const STEP: usize = 32;

/// The records of lines, of which the oldest go for want of room.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl Ring {
    /// An empty one, which takes up nothing.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            limit,
        }
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        let needed = record.len();
        while self.bytes.len() + needed > self.limit && !self.bytes.is_empty() {
            let oldest = self.length_at(0);
            self.bytes.drain(..oldest);
        }
        if needed > self.limit {
            return;
        }
        // In few steps, and never beyond the limit: of a new piece the system gives what is used, and keeps what an old one
        // leaves behind.
        if self.bytes.capacity() < self.bytes.len() + needed {
            let grown = (STEP * self.bytes.capacity()).max(LEAST);
            let grown = grown.clamp(self.bytes.len() + needed, self.limit);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend(record);
    }

    /// The last lines of a log that began then, so many at most, oldest first.
    pub(super) fn last(&self, at_most: usize, began: Instant) -> Vec<Entry> {
        let mut places = VecDeque::new();
        let mut at = 0;
        while at < self.bytes.len() {
            if places.len() == at_most {
                places.pop_front();
            }
            let length = self.length_at(at);
            places.push_back(at..at + length);
            at += length;
        }
        if at_most == 0 {
            places.clear();
        }
        let mut record = Vec::new();
        let entry = |place| {
            record.clear();
            record.extend(self.bytes.range(place));
            Record::read(&record).entry(began)
        };
        places.into_iter().map(entry).collect()
    }

    fn length_at(&self, at: usize) -> usize {
        Record::length(std::array::from_fn(|index| self.bytes[at + index]))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trace::{Form, Piece};

    fn record(began: Instant, line: &Entry) -> Vec<u8> {
        let mut record = Vec::new();
        let bytes = line.text.as_bytes();
        let piece = Piece {
            at: line.at,
            sent: line.sent,
            bytes,
            secrets: &[],
            form: Form::Line((0..bytes.len()).into()),
        };
        assert!(Record::write(&piece, began, &mut record));
        record
    }

    #[test]
    fn the_last_lines_are_there_as_they_were_and_the_oldest_have_gone() {
        let began = Instant::now();
        let mut ring = Ring::new(1000);
        let line = |number: u64| Entry {
            at: began + Duration::from_millis(number),
            sent: number.is_multiple_of(2),
            text: format!("+N: {number}ä"),
        };
        for number in 0..1000 {
            ring.push(&record(began, &line(number)));
        }
        let kept = ring.last(usize::MAX, began);
        assert_eq!(kept.len(), 1000 / record(began, &line(999)).len());
        let first = 1000 - kept.len() as u64;
        assert!(kept.iter().eq(&(first..1000).map(line).collect::<Vec<_>>()));
        assert_eq!(ring.last(2, began), [line(998), line(999)]);
        assert_eq!(ring.last(0, began), []);
        assert!(ring.bytes.capacity() <= 1000);
    }

    #[test]
    fn a_line_that_finds_no_room_at_all_is_not_kept() {
        let began = Instant::now();
        let mut ring = Ring::new(100);
        let text = "x".repeat(100);
        let sent = true;
        ring.push(&record(began, &Entry { at: began, sent, text }));
        assert_eq!(ring.last(9, began), []);
    }
}
