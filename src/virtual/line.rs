//! The serial line between the module and its host: a bounded queue that lets bytes through at once, or at the pace of a UART.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Start bit, eight data bits, stop bit.
const BITS: u64 = 10;
/// A UART's FIFO hands over at most so many bytes at a time.
const FIFO: u64 = 16;

/// One direction of the line.
#[derive(Debug)]
pub struct Line {
    queue: VecDeque<u8>,
    limit: usize,
    byte_time: Option<Duration>,
    /// When the first byte of the queue began to be sent.
    began: Option<Instant>,
    chunk: usize,
    random: u64,
}

impl Line {
    /// A line that holds so many bytes. With a baud rate, bytes come out in handfuls whose size depends on the seed.
    pub fn new(limit: usize, baudrate: Option<u32>, seed: u64) -> Self {
        let byte_time = baudrate.map(|rate| Duration::from_nanos(BITS * 1_000_000_000 / u64::from(rate.max(1))));
        Self {
            queue: VecDeque::new(),
            limit,
            byte_time,
            began: None,
            chunk: 1,
            // The generator below stands still at 0.
            random: seed ^ 0x9E37_79B9_7F4A_7C15 | 1,
        }
    }

    /// Puts bytes on the line; what finds no room is lost as a whole.
    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() || bytes.len() > self.room() {
            return;
        }
        if self.queue.is_empty() {
            self.began = Some(now);
            self.draw();
        }
        self.queue.extend(bytes);
    }

    /// Takes everything off the line.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// How many bytes find room.
    pub fn room(&self) -> usize {
        self.limit - self.queue.len()
    }

    /// The next bytes that have come through.
    pub fn due(&self, now: Instant) -> &[u8] {
        let slice = self.queue.as_slices().0;
        match (self.byte_time, self.began) {
            (Some(byte_time), Some(began)) => {
                let through = now.saturating_duration_since(began).as_nanos() / byte_time.as_nanos().max(1);
                let through = usize::try_from(through).unwrap_or(usize::MAX).min(self.queue.len());
                let whole = if through < self.chunk.min(self.queue.len()) {
                    0
                } else {
                    through
                };
                &slice[..whole.min(slice.len())]
            }
            _ => slice,
        }
    }

    /// Takes so many of the due bytes off the line.
    pub fn consume(&mut self, count: usize) {
        self.queue.drain(..count);
        if let (Some(byte_time), Some(began)) = (self.byte_time, self.began) {
            self.began = Some(began + byte_time * u32::try_from(count).unwrap_or(u32::MAX));
        }
        self.draw();
    }

    /// When more bytes will have come through.
    pub fn next_timeout(&self) -> Option<Instant> {
        let count = u32::try_from(self.chunk.min(self.queue.len()))
            .ok()
            .filter(|count| *count > 0)?;
        Some(self.began? + self.byte_time? * count)
    }

    /// How many bytes come out together next (xorshift64).
    fn draw(&mut self) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.chunk = usize::try_from(self.random % FIFO).unwrap_or_default() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_baud_rate_bytes_pass_at_once() {
        let now = Instant::now();
        let mut line = Line::new(100, None, 0);
        line.push(b"abc", now);
        assert_eq!((line.due(now), line.next_timeout()), (&b"abc"[..], None));
        line.consume(2);
        assert_eq!(line.due(now), b"c");
    }

    #[test]
    fn with_a_baud_rate_a_byte_takes_ten_bits() {
        for seed in 0..20 {
            let mut now = Instant::now();
            let start = now;
            let mut line = Line::new(1000, Some(9600), seed);
            line.push(&[b'x'; 960], now);
            let mut count = 0;
            while let Some(due) = line.next_timeout() {
                now = due;
                let through = line.due(now).len();
                assert!((1..=16).contains(&through));
                count += through;
                line.consume(through);
            }
            assert_eq!(count, 960);
            let taken = now - start;
            assert!(
                (Duration::from_millis(999)..Duration::from_millis(1001)).contains(&taken),
                "{taken:?}"
            );
        }
    }

    #[test]
    fn what_finds_no_room_is_lost() {
        let now = Instant::now();
        let mut line = Line::new(4, None, 0);
        line.push(b"abc", now);
        line.push(b"de", now);
        line.push(b"f", now);
        assert_eq!((line.due(now), line.room()), (&b"abcf"[..], 0));
        line.clear();
        assert_eq!((line.due(now), line.room()), (&b""[..], 4));
    }
}
