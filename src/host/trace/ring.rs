//! The last lines of the wire, in a ring of bytes.

use std::collections::VecDeque;

use modemqtt_os::Moment;

use super::{Entry, Piece, Record};

/// The most blocks; the oldest is dropped to make room.
const BLOCKS: usize = 16;

/// The records of the latest pieces, in blocks of whole records.
#[derive(Debug)]
pub struct Ring {
    /// The block that is being filled, and those before it.
    block: Vec<u8>,
    full: VecDeque<Vec<u8>>,
    /// The number of bytes in all blocks.
    size: usize,
    limit: usize,
    began: Moment,
    /// The time of the latest piece, and how many microseconds after the beginning that is.
    latest: (Moment, u64),
}

impl Ring {
    /// An empty ring with this limit in bytes, which takes up no memory yet, for a log that began at `began`.
    pub const fn new(limit: usize, began: Moment) -> Self {
        Self {
            block: Vec::new(),
            full: VecDeque::new(),
            size: 0,
            limit,
            began,
            latest: (began, 0),
        }
    }

    /// How many microseconds after the beginning this is. What comes together has one time.
    fn since(&mut self, at: Moment) -> u64 {
        if at != self.latest.0 {
            self.latest = (at, at.nanos_since(self.began) / 1000);
        }
        self.latest.1
    }

    /// Keeps a piece, and returns its record. A record longer than the limit is kept alone.
    pub fn take(&mut self, piece: &Piece<'_>) -> Option<&[u8]> {
        let (longest, since) = (Record::longest(piece), self.since(piece.at));
        if self.block.len() + longest > self.block.capacity().min(self.limit / BLOCKS) {
            self.make_room(longest);
        }
        let mut start = self.block.len();
        if !Record::write(piece, since, &mut self.block) {
            return None;
        }
        self.size += self.block.len() - start;
        if self.size > self.limit {
            start = self.drop_oldest(start);
        }
        Some(&self.block[start..])
    }

    /// Makes room for a record in the block, or begins another.
    #[cold]
    fn make_room(&mut self, longest: usize) {
        let room = self.limit / BLOCKS;
        if !self.block.is_empty() && self.block.len() + longest > room {
            let block = self.next_block(room);
            self.full.push_back(std::mem::replace(&mut self.block, block));
        }
        // In the first block, an idle modem needs room for only a few lines; then growing by doubling would exceed it.
        let begun = !self.full.is_empty() || self.block.len() > room / 4;
        if begun && self.block.len() < room {
            self.block.reserve_exact(room - self.block.len());
        }
    }

    /// An empty block: the oldest, emptied, if there are already enough.
    fn next_block(&mut self, room: usize) -> Vec<u8> {
        if self.full.len() + 1 < BLOCKS {
            return Vec::new();
        }
        let mut oldest = self.full.pop_front().unwrap_or_default();
        self.size -= oldest.len();
        oldest.clear();
        oldest.shrink_to(room);
        oldest
    }

    /// Returns to the limit. Returns where the latest record begins now.
    #[cold]
    fn drop_oldest(&mut self, start: usize) -> usize {
        while self.size > self.limit
            && let Some(oldest) = self.full.pop_front()
        {
            self.size -= oldest.len();
        }
        if self.size <= self.limit || start == 0 {
            return start;
        }
        // A record this long is kept alone.
        self.block.drain(..start);
        self.size = self.block.len();
        0
    }

    /// The last lines, at most this many, oldest first.
    pub fn last(&self, at_most: usize) -> Vec<Entry> {
        let blocks = self.full.iter().chain([&self.block]);
        let mut records: Vec<_> = blocks.flat_map(|block| records(block)).collect();
        let more = records.len().saturating_sub(at_most);
        records.drain(..more);
        records
            .into_iter()
            .map(|record| Record::read(record).entry(self.began))
            .collect()
    }
}

fn records(mut block: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = Record::length(*block.first_chunk()?);
        let (record, rest) = block.split_at_checked(length)?;
        block = rest;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trace::Form;

    fn take<'a>(ring: &'a mut Ring, line: &Entry) -> Option<&'a [u8]> {
        let bytes = line.text.as_bytes();
        ring.take(&Piece {
            at: line.at,
            sent: line.sent,
            bytes,
            secrets: &[],
            form: Form::Line((0..bytes.len()).into()),
        })
    }

    #[test]
    fn the_last_lines_are_there_as_they_were_and_the_oldest_have_gone() {
        let began = Moment::now();
        let mut ring = Ring::new(10_000, began);
        let line = |number: u64| Entry {
            at: began + Duration::from_millis(number),
            sent: number.is_multiple_of(2),
            text: format!("+N: {number}ä"),
        };
        let mut size = 0;
        for number in 0..10_000 {
            size = take(&mut ring, &line(number)).map_or(0, <[u8]>::len);
            assert!(ring.size <= 10_000);
        }
        let kept = ring.last(usize::MAX);
        assert!(kept.len() * size > 10_000 * (BLOCKS - 2) / BLOCKS);
        let first = 10_000 - kept.len() as u64;
        assert!(kept.iter().eq(&(first..10_000).map(line).collect::<Vec<_>>()));
        assert_eq!(ring.last(2), [line(9998), line(9999)]);
        assert_eq!(ring.last(0), []);
        let room: usize = ring.full.iter().chain([&ring.block]).map(Vec::capacity).sum();
        assert!(room <= 10_000, "{room}");
    }

    #[test]
    fn a_long_line_replaces_all_before_it() {
        let began = Moment::now();
        let mut ring = Ring::new(1000, began);
        let line = |length: usize| Entry {
            at: began,
            sent: true,
            text: "x".repeat(length),
        };
        for length in [10, 20, 960, 10] {
            take(&mut ring, &line(length));
        }
        assert_eq!(ring.last(9), [line(960), line(10)]);
        take(&mut ring, &line(2000));
        assert_eq!(ring.last(9), [line(2000)]);
    }
}
