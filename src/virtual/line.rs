//! The serial line between the module and its host: a bounded queue that lets bytes through at once, or at the pace of a UART, and that
//! faults make noisy or slow.

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_os::Moment;

use crate::fault::{Fault, Faults};
use crate::random::Random;

/// Start bit, eight data bits, stop bit.
const BITS: u128 = 10;
const NANOSECONDS: u128 = 1_000_000_000;
/// The size of a UART's FIFO: it hands over at most this many bytes at a time, and loses as many if it is not emptied in time.
const FIFO: u8 = 16;

/// One direction of the line.
#[derive(Debug)]
pub struct Line {
    bytes: Vec<u8>,
    /// How many of the bytes have left.
    gone: usize,
    limit: usize,
    baudrate: Option<u32>,
    quality: Quality,
    /// When the bytes were sent, in their order.
    spans: VecDeque<Span>,
    /// When the last of them leaves the sender.
    free: Option<Moment>,
    /// Nothing comes through before this time.
    rests: Option<Moment>,
    /// How many bytes come out together next.
    piece: usize,
    /// How many more bytes are lost because the receiver is late.
    overrun: u8,
    pace: Random,
    noise: Random,
}

/// What faults do to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    lost: f64,
    flipped: f64,
    broken: f64,
    overrun: f64,
    piece: Option<usize>,
    gap: Duration,
    latency: Duration,
}

/// Bytes that were sent without a gap.
#[derive(Debug)]
struct Span {
    start: Moment,
    count: usize,
    gone: usize,
    latency: Duration,
}

impl Quality {
    /// What the faults do to the line.
    pub(crate) fn of(faults: &Faults) -> Self {
        let probability = |fault| faults.value(fault).unwrap_or_default();
        let piece = faults.value(Fault::LineChunk);
        Self {
            lost: probability(Fault::LineLost),
            flipped: probability(Fault::LineFlipped),
            broken: probability(Fault::LineBreak),
            overrun: probability(Fault::LineOverrun),
            // A whole number, as its row says.
            piece: piece.map(|bytes| format!("{bytes}").parse().unwrap_or(1)),
            gap: faults.duration(Fault::LineGap).unwrap_or_default(),
            latency: faults.duration(Fault::Latency).unwrap_or_default(),
        }
    }

    fn is_noisy(&self) -> bool {
        self.lost > 0.0 || self.flipped > 0.0 || self.broken > 0.0 || self.overrun > 0.0
    }

    /// Whether no more than one piece comes through at a time.
    const fn is_broken_up(&self) -> bool {
        self.piece.is_some() || !self.gap.is_zero()
    }
}

impl Line {
    /// A line that holds this many bytes. With a baud rate, bytes come out in handfuls whose size depends on the seed; each direction
    /// has a stream of the seed to itself.
    pub fn new(limit: usize, baudrate: Option<u32>, seed: u64, stream: u64) -> Self {
        let mut line = Self {
            bytes: Vec::new(),
            gone: 0,
            limit,
            baudrate,
            quality: Quality::default(),
            spans: VecDeque::new(),
            free: None,
            rests: None,
            piece: 1,
            overrun: 0,
            pace: Random::new(seed, 2 * stream + 1),
            noise: Random::new(seed, 2 * stream + 2),
        };
        line.draw();
        line
    }

    /// Changes the quality from now on. Bytes that are on their way get no noisier.
    pub fn set_quality(&mut self, quality: Quality) {
        if self.quality != quality {
            // What is on its way keeps its order and arrives before what comes now.
            for span in &mut self.spans {
                span.latency = span.latency.min(quality.latency);
            }
            self.quality = quality;
            self.rests = None;
            self.overrun = 0;
            self.draw();
        }
    }

    /// Puts bytes on the line; what finds no room is lost as a whole.
    pub fn push(&mut self, bytes: &[u8], now: Moment) {
        if bytes.is_empty() || bytes.len() > self.room() {
            return;
        }
        let start = self.free.map_or(now, |free| free.max(now));
        let before = self.bytes.len();
        if self.quality.is_noisy() {
            let heard = bytes.iter().filter_map(|byte| self.hear(*byte)).collect::<Vec<_>>();
            self.bytes.extend(heard);
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        // A byte that is lost takes its time as well.
        self.free = Some(start + self.time_of(bytes.len()));
        let count = self.bytes.len() - before;
        match self.spans.back_mut() {
            Some(last) if last.start == start && last.latency == self.quality.latency => last.count += count,
            _ if count == 0 => {}
            _ => self.spans.push_back(Span {
                start,
                count,
                gone: 0,
                latency: self.quality.latency,
            }),
        }
    }

    /// Takes everything off the line.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.gone = 0;
        self.spans.clear();
        self.free = None;
    }

    /// How many bytes find room.
    pub const fn room(&self) -> usize {
        self.limit - self.len()
    }

    /// The next bytes that have come through.
    pub fn due(&self, now: Moment) -> &[u8] {
        let through = self.through(now);
        let piece = self.piece.min(self.len());
        let count = if self.rests.is_some_and(|until| until > now) {
            0
        } else if self.quality.is_broken_up() {
            if through < piece { 0 } else { piece }
        } else if self.baudrate.is_some() && through < piece {
            0
        } else {
            through
        };
        &self.bytes[self.gone..self.gone + count]
    }

    /// Takes this many of the due bytes off the line.
    pub fn consume(&mut self, count: usize, now: Moment) {
        self.gone += count;
        if self.gone * 2 >= self.bytes.len() {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
        let mut left = count;
        while let Some(span) = self.spans.front_mut() {
            let taken = left.min(span.count - span.gone);
            span.gone += taken;
            left -= taken;
            if span.gone < span.count {
                break;
            }
            self.spans.pop_front();
        }
        // The other end may take less than a piece.
        self.piece = self.piece.saturating_sub(count);
        if self.piece == 0 || self.len() == 0 || !self.quality.is_broken_up() {
            self.rests = Some(now + self.quality.gap).filter(|_| !self.quality.gap.is_zero());
            self.draw();
        }
    }

    /// When more bytes will have come through; `None` where there are none, or they need no time.
    pub fn next_timeout(&self) -> Option<Moment> {
        let plain = self.baudrate.is_none() && !self.quality.is_broken_up();
        let span = self.spans.front()?;
        if plain && span.latency.is_zero() {
            return None;
        }
        // Without a pace all of a span comes through at once.
        let mut wanted = if plain { 1 } else { self.piece.min(self.len()) };
        let mut due = span.start;
        for span in &self.spans {
            let there = span.count - span.gone;
            due = span.start + span.latency + self.time_of(span.gone + wanted.min(there));
            if wanted <= there {
                break;
            }
            wanted -= there;
        }
        Some(self.rests.map_or(due, |until| until.max(due)))
    }

    const fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// How many bytes have come through by then and have not left.
    fn through(&self, now: Moment) -> usize {
        let mut through = 0;
        for span in &self.spans {
            let begins = span.start + span.latency;
            if now < begins {
                break;
            }
            let passed = now - begins;
            let count = self.baudrate.map_or(span.count, |rate| {
                let count = passed.as_nanos() * u128::from(rate) / (BITS * NANOSECONDS);
                usize::try_from(count).unwrap_or(usize::MAX).min(span.count)
            });
            through += count.saturating_sub(span.gone);
            if count < span.count {
                break;
            }
        }
        through
    }

    /// How long this many bytes take, rounded up, so that they are through by then.
    fn time_of(&self, count: usize) -> Duration {
        let Some(rate) = self.baudrate else {
            return Duration::ZERO;
        };
        let count = u128::try_from(count).unwrap_or(u128::MAX);
        let nanoseconds = (count * BITS * NANOSECONDS).div_ceil(u128::from(rate.max(1)));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The byte as it is received, if it is.
    fn hear(&mut self, byte: u8) -> Option<u8> {
        if self.overrun > 0 {
            self.overrun -= 1;
            return None;
        }
        if self.noise.happens(self.quality.overrun) {
            self.overrun = FIFO - 1;
            return None;
        }
        if self.noise.happens(self.quality.lost) {
            return None;
        }
        if self.noise.happens(self.quality.flipped) {
            return Some(byte ^ 1 << self.noise.below(8));
        }
        // The line is held low for longer than a byte takes, which no stop bit ends.
        let broken = self.noise.happens(self.quality.broken);
        Some(if broken { 0 } else { byte })
    }

    /// How many bytes come out together next.
    fn draw(&mut self) {
        let random = || usize::try_from(self.pace.below(u64::from(FIFO))).unwrap_or_default() + 1;
        self.piece = self.quality.piece.unwrap_or_else(random);
    }
}

#[cfg(test)]
mod tests;
