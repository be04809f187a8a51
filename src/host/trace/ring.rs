//! The last lines of the wire, in a ring of bytes.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Entry, Piece, Record};

/// The most blocks; the oldest is dropped to make room.
const BLOCKS: usize = 16;

/// The records of the latest pieces, in blocks of whole records.
#[derive(Debug)]
pub struct Ring {
    blocks: VecDeque<Vec<u8>>,
    /// The number of bytes in all blocks.
    size: usize,
    limit: usize,
    began: Instant,
}

impl Ring {
    /// An empty ring with this limit in bytes, which takes up no memory yet, for a log that began at `began`.
    pub const fn new(limit: usize, began: Instant) -> Self {
        Self {
            blocks: VecDeque::new(),
            size: 0,
            limit,
            began,
        }
    }

    /// Keeps a piece, and returns its record. A record longer than the limit is kept alone.
    pub fn take(&mut self, piece: &Piece<'_>) -> Option<&[u8]> {
        let longest = Record::longest(piece);
        if self
            .blocks
            .back()
            .is_none_or(|block| !block.is_empty() && block.len() + longest > self.limit / BLOCKS)
        {
            self.begin_block();
        }
        let block = self.blocks.back_mut()?;
        let room = self.limit / BLOCKS;
        if block.len() > room / 4 && block.len() < room {
            // Growing by doubling would exceed it.
            block.reserve_exact(room - block.len());
        }
        let mut start = block.len();
        if !Record::write(piece, self.began, block) {
            return None;
        }
        self.size += block.len() - start;
        if self.size > self.limit && start > 0 {
            // A record this long gets its own block, and all earlier ones can go.
            let record = block.split_off(start);
            self.blocks.push_back(record);
            start = 0;
        }
        while self.size > self.limit && self.blocks.len() > 1 {
            let oldest = self.blocks.pop_front()?;
            self.size -= oldest.len();
        }
        self.blocks.back().map(|block| &block[start..])
    }

    /// Begins a block, replacing the oldest if there are already enough.
    fn begin_block(&mut self) {
        let room = self.limit / BLOCKS;
        if self.blocks.len() < BLOCKS {
            // In the first block, an idle modem needs room for only a few lines.
            let reserved = if self.blocks.is_empty() { 0 } else { room };
            return self.blocks.push_back(Vec::with_capacity(reserved));
        }
        if let Some(mut oldest) = self.blocks.pop_front() {
            self.size -= oldest.len();
            oldest.clear();
            oldest.shrink_to(room);
            self.blocks.push_back(oldest);
        }
    }

    /// The last lines, at most this many, oldest first.
    pub fn last(&self, at_most: usize) -> Vec<Entry> {
        let mut records: Vec<_> = self.blocks.iter().flat_map(|block| records(block)).collect();
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
        let began = Instant::now();
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
        let room: usize = ring.blocks.iter().map(Vec::capacity).sum();
        assert!(room <= 10_000, "{room}");
    }

    #[test]
    fn a_long_line_replaces_all_before_it() {
        let began = Instant::now();
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
