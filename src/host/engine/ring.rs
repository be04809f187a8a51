//! The last lines of the wire, in a ring of bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::trace::Entry;

/// What stands before the text of a line: the microseconds since the ring was made, whether the host sent it, and its length.
const HEAD: usize = 8 + 1 + 4;

/// Lines, of which the oldest go for want of room.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    limit: usize,
    origin: Instant,
}

impl Ring {
    /// An empty one, which takes up nothing.
    pub(super) const fn new(limit: usize, origin: Instant) -> Self {
        Self {
            bytes: VecDeque::new(),
            limit,
            origin,
        }
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        let needed = HEAD + entry.text.len();
        while self.bytes.len() + needed > self.limit && !self.bytes.is_empty() {
            let oldest = HEAD + self.length_at(0);
            self.bytes.drain(..oldest);
        }
        if needed > self.limit {
            return;
        }
        // Doubled up to the limit, and never beyond.
        if self.bytes.capacity() < self.bytes.len() + needed {
            let doubled = (2 * self.bytes.capacity()).clamp(self.bytes.len() + needed, self.limit);
            self.bytes.reserve_exact(doubled - self.bytes.len());
        }
        let since = entry.at.saturating_duration_since(self.origin).as_micros();
        self.bytes
            .extend(u64::try_from(since).unwrap_or(u64::MAX).to_le_bytes());
        self.bytes.push_back(u8::from(entry.sent));
        // The ring is not as long as that.
        let length = u32::try_from(entry.text.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(entry.text.as_bytes());
    }

    /// The last lines, so many at most, oldest first.
    pub(super) fn last(&self, at_most: usize) -> Vec<Entry> {
        let mut starts = VecDeque::new();
        let mut at = 0;
        while at < self.bytes.len() {
            if starts.len() == at_most {
                starts.pop_front();
            }
            starts.push_back(at);
            at += HEAD + self.length_at(at);
        }
        if at_most == 0 {
            starts.clear();
        }
        starts.into_iter().map(|at| self.entry_at(at)).collect()
    }

    fn entry_at(&self, at: usize) -> Entry {
        let since = Duration::from_micros(u64::from_le_bytes(self.number_at(at)));
        let text = at + HEAD..at + HEAD + self.length_at(at);
        let text: Vec<u8> = self.bytes.range(text).copied().collect();
        Entry {
            at: self.origin + since,
            sent: self.bytes[at + 8] == 1,
            text: String::from_utf8(text).unwrap_or_default(),
        }
    }

    fn length_at(&self, at: usize) -> usize {
        u32::from_le_bytes(self.number_at(at + 9)) as usize
    }

    fn number_at<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|index| self.bytes[at + index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_there_as_they_were_and_the_oldest_have_gone() {
        let origin = Instant::now();
        let mut ring = Ring::new(1000, origin);
        let line = |number: u64| Entry {
            at: origin + Duration::from_millis(number),
            sent: number.is_multiple_of(2),
            text: format!("+N: {number}ä"),
        };
        for number in 0..1000 {
            ring.push(&line(number));
        }
        let kept = ring.last(usize::MAX);
        assert_eq!(kept.len(), 1000 / (HEAD + line(999).text.len()));
        let first = 1000 - kept.len() as u64;
        assert!(kept.iter().eq(&(first..1000).map(line).collect::<Vec<_>>()));
        assert_eq!(ring.last(2), [line(998), line(999)]);
        assert_eq!(ring.last(0), []);
        assert!(ring.bytes.capacity() <= 1000);
    }

    #[test]
    fn a_line_that_finds_no_room_at_all_is_not_kept() {
        let origin = Instant::now();
        let mut ring = Ring::new(100, origin);
        let text = "x".repeat(100);
        ring.push(&Entry {
            at: origin,
            sent: true,
            text,
        });
        assert_eq!(ring.last(9), []);
    }
}
