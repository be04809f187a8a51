//! How long things take: no time, or as long as with a real module.
//!
//! On the air a start takes 2 to 5 s, the SIM card 0.3 to 1.5 s more, the registration 2 to 6 s, a command 5 to 20 ms and a result 50 to
//! 400 ms. The module reads no further while it carries out a command; what comes meanwhile waits. A result holds back what is reported
//! behind it, so that the order stays.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use modemqtt_os::Moment;

use super::Module;
use super::presence::Presence;
use super::terminal::{Piece, PieceKind};
use crate::random::Random;

/// In milliseconds.
pub(super) const START_TIME: (u64, u64) = (2000, 5000);
const CARD_TIME: (u64, u64) = (300, 1500);
const REGISTRATION_TIME: (u64, u64) = (2000, 6000);
const COMMAND_TIME: (u64, u64) = (5, 20);
const RESULT_TIME: (u64, u64) = (50, 400);
/// How many bytes wait while a command is carried out; the rest are lost. A real module keeps fewer.
const MOST_WAITING: usize = 4096;
/// Its stream of random numbers; the line and the faults have others.
const STREAM: u64 = 7;

/// How long a module takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// No time at all.
    #[default]
    Instant,
    /// As long as a real one.
    Field,
}

/// A name that no timing has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timing must be instant or field, not {0:?}")]
pub struct NoTiming(String);

impl FromStr for Timing {
    type Err = NoTiming;

    fn from_str(name: &str) -> Result<Self, NoTiming> {
        match name {
            "instant" => Ok(Self::Instant),
            "field" => Ok(Self::Field),
            _ => Err(NoTiming(name.into())),
        }
    }
}

/// What is taking time at present.
#[derive(Debug)]
pub(super) struct Pace {
    timing: Timing,
    random: Random,
    now: Option<Moment>,
    /// When the SIM card will have been read, after the boot text, and what is printed then.
    reading_card: Option<(Moment, Vec<&'static str>)>,
    /// When a network is found.
    searching: Option<Moment>,
    /// The command line that is being carried out, and when it is answered.
    command: Option<(Moment, Vec<u8>)>,
    /// The bytes that have come after it.
    waiting: VecDeque<u8>,
    /// Results on their way, and what is reported after them.
    results: VecDeque<(Moment, Piece)>,
}

impl Pace {
    pub(super) const fn new(timing: Timing, seed: u64) -> Self {
        Self {
            timing,
            random: Random::new(seed, STREAM),
            now: None,
            reading_card: None,
            searching: None,
            command: None,
            waiting: VecDeque::new(),
            results: VecDeque::new(),
        }
    }

    /// What remains of it after a restart.
    pub(super) fn after_end(self) -> Self {
        Self {
            random: self.random,
            now: self.now,
            ..Self::new(self.timing, 0)
        }
    }

    pub(super) const fn look(&mut self, now: Moment) {
        self.now = Some(now);
    }

    pub(super) const fn is_reading_card(&self) -> bool {
        self.reading_card.is_some()
    }

    /// Prints nothing once the card has been read.
    pub(super) fn forget_card(&mut self) {
        if let Some((_, rest)) = &mut self.reading_card {
            rest.clear();
        }
    }

    pub(super) const fn is_searching(&self) -> bool {
        self.searching.is_some()
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.command.is_some()
    }

    /// How long something takes; `None` while everything is instant.
    pub(super) fn draw(&mut self, (least, most): (u64, u64)) -> Option<Duration> {
        let drawn = || Duration::from_micros(least * 1000 + self.random.below((most - least) * 1000));
        (self.timing == Timing::Field).then(drawn)
    }

    /// How long an answer from the network takes; `None` while everything is instant.
    pub(super) fn latency(&mut self) -> Option<Duration> {
        self.draw(RESULT_TIME)
    }

    /// Keeps back a result, and whatever is reported after it; returns the piece if nothing holds it.
    pub(super) fn hold(&mut self, piece: Piece, now: Moment) -> Option<Piece> {
        let last = self.results.back().map(|(due, _)| *due);
        let own = match piece.kind {
            PieceKind::Result(_) => self.draw(RESULT_TIME).map(|takes| now + takes),
            _ if piece.kind.is_unsolicited() => None,
            _ => return Some(piece),
        };
        match own.into_iter().chain(last).max() {
            None => Some(piece),
            Some(due) => {
                self.results.push_back((due, piece));
                None
            }
        }
    }
}

impl Module {
    /// The same module, with this timing. Call it before anything else.
    #[must_use]
    pub fn with_timing(self, timing: Timing, seed: u64) -> Self {
        Self {
            pace: Pace::new(timing, seed),
            ..self
        }
    }

    /// Carries out a line, now or when it has taken its time.
    pub(super) fn begin_line(&mut self, line: Vec<u8>, now: Moment) {
        match self.pace.draw(COMMAND_TIME) {
            Some(takes) => self.pace.command = Some((now + takes, line)),
            None => self.carry_out_line(&line, now),
        }
    }

    fn carry_out_line(&mut self, line: &[u8], now: Moment) {
        if !self.answers_by_script(line, now) {
            self.execute(line, now);
        }
    }

    /// Keeps the bytes that come while a line is being carried out.
    pub(super) fn wait_for_line(&mut self, byte: u8) {
        if self.pace.waiting.len() < MOST_WAITING {
            self.pace.waiting.push_back(byte);
        }
    }

    /// Begins to look for a network, if that takes time.
    pub(super) fn search(&mut self) {
        let found = self.pace.now.zip(self.pace.draw(REGISTRATION_TIME));
        self.pace.searching = found.map(|(now, takes)| now + takes);
    }

    pub(super) const fn stop_searching(&mut self) {
        self.pace.searching = None;
    }

    pub(super) fn pace_due(&self) -> Option<Moment> {
        let Pace {
            reading_card,
            searching,
            command,
            results,
            ..
        } = &self.pace;
        let result = results.front().map(|(due, _)| *due).filter(|_| self.may_report());
        let command = command.as_ref().map(|(due, _)| *due);
        let card = reading_card.as_ref().map(|(due, _)| *due);
        let starting = match self.presence {
            Presence::Starting(due) => Some(due),
            _ => None,
        };
        [starting, card, *searching, command, result]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does whatever has become due.
    pub(super) fn tick_pace(&mut self, now: Moment) {
        self.pace.look(now);
        if let Presence::Starting(started) = self.presence
            && started <= now
        {
            self.presence = Presence::Awake;
            let rest = self.rest_of_boot();
            if !rest.is_empty() {
                self.pace.reading_card = self.pace.draw(CARD_TIME).map(|takes| (started + takes, rest));
            }
            self.boot();
            self.pace.look(started);
            self.search();
            self.pace.look(now);
        }
        if let Some((_, rest)) = self.pace.reading_card.take_if(|(due, _)| *due <= now)
            && self.reports_here()
        {
            for line in rest.into_iter().filter(|_| self.has_sim_ready()).collect::<Vec<_>>() {
                self.terminal.urc(PieceKind::Urc, line);
            }
        }
        if self.pace.searching.is_some_and(|due| due <= now) {
            self.change(Self::stop_searching);
        }
        while let Some((_, line)) = self.pace.command.take_if(|(due, _)| *due <= now) {
            self.carry_out_line(&line, now);
            while !self.pace.is_busy()
                && let Some(byte) = self.pace.waiting.pop_front()
            {
                self.receive_byte(byte, now);
            }
        }
    }

    /// Prints the results that have come.
    pub(super) fn print_results(&mut self, now: Moment) {
        while self.pace.results.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, piece)) = self.pace.results.pop_front() {
                self.print(piece, now);
            }
        }
    }
}
