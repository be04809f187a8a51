//! A recording, played: the module's end of a line that answers as it did when it was recorded.
//!
//! Bytes in, bytes out; the clock is an argument. A step of the recording is either something that the host sent, which is waited for, or
//! something that the module printed, which is printed when its time has come: at once, or in the time of the recording by a factor. What
//! was printed unasked so comes where it came, relative to what the host had sent.
//!
//! The opening of a module need not be the same: its commands may come less or more often than recorded.

mod matching;
mod steps;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use modemqtt_at::ascii::{CR, CTRL_Z, LF};
use modemqtt_os::Moment;
use modemqtt_recording::{Entry, ReadError};

use matching::{Bound, told};
use steps::{Cutter, Form, Marked, Recorded, Sent};

/// What opens a module, and asks whether it is there: how often each is sent depends on more than the recording. It is a list and not the
/// plan of our host, of which this end knows nothing: other programs open a module with these as well.
const OPENING: &[&str] = &["", "AT", "ATE0", "ATQ0V1", "AT+CMEE=1", "AT+CMEE?", "AT+CGMM", "ATI"];
/// How many steps are looked at ahead.
const AHEAD: usize = 64;
/// How much of the host's is taken for one line.
const LONGEST_LINE: usize = 16 * 1024;
/// How much longer than recorded data may be before they are looked at without their end.
const SLACK: usize = 4096;
/// How much of the host's waits to be compared.
const RECEIVED: usize = 64 * 1024;
/// How many differences are kept.
pub(crate) const MOST: usize = 100;
/// How much of an answer is remembered.
const ANSWER: usize = 4096;

/// Where entries come from, each with its line in the file.
pub type Entries = Box<dyn Iterator<Item = Result<(Entry, u64), ReadError>> + Send>;
/// What begins a recording, as often as it is played.
pub type Source = Box<dyn FnMut() -> Result<Entries, ReadError> + Send>;

/// Something that the host sent otherwise than recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the file in which what was due stands; `None` behind its end.
    pub line: Option<u64>,
    /// What was due.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// A recording under way.
pub struct Replay {
    source: Source,
    entries: Option<Entries>,
    failure: Option<ReadError>,
    cutter: Cutter,
    ahead: VecDeque<Recorded>,
    /// How fast: `None` at once.
    speed: Option<f64>,
    /// The time of the recording that was at that time.
    anchor: Option<(Moment, Duration)>,
    received: Vec<u8>,
    /// What is to be printed before anything else.
    urgent: Vec<u8>,
    bound: Bound,
    /// The answers to commands of the opening.
    answers: HashMap<Vec<u8>, Vec<u8>>,
    /// The one that is being answered.
    answering: Option<Vec<u8>>,
    differences: Vec<Difference>,
    dropped: u64,
}

impl Replay {
    /// One that begins with the first entry. `speed` is how many times as fast as recorded; `None` prints at once.
    pub fn new(mut source: Source, speed: Option<f64>) -> Self {
        let (entries, failure) = match source() {
            Ok(entries) => (Some(entries), None),
            Err(failure) => (None, Some(failure)),
        };
        Self {
            source,
            entries,
            failure,
            cutter: Cutter::default(),
            ahead: VecDeque::new(),
            speed,
            anchor: None,
            received: Vec::new(),
            urgent: Vec::new(),
            bound: Bound::default(),
            answers: HashMap::new(),
            answering: None,
            differences: Vec::new(),
            dropped: 0,
        }
    }

    /// Goes on with another section, whatever is left of this one.
    pub fn play(&mut self, mut source: Source, now: Moment) {
        (self.entries, self.failure) = match source() {
            Ok(entries) => (Some(entries), None),
            Err(failure) => (None, Some(failure)),
        };
        self.source = source;
        (self.cutter, self.answering) = (Cutter::default(), None);
        self.ahead.clear();
        self.look_ahead(1);
        let begins = self.ahead.front().map_or(Duration::ZERO, |step| match step {
            Recorded::Sent(sent) => sent.at,
            Recorded::Printed(at, _) => *at,
        });
        self.anchor = Some((now, begins));
    }

    /// Ends a section: what the host should have sent in it and did not is a difference.
    pub fn end_section(&mut self, now: Moment) {
        if let Some(due) = self.due_from_host().cloned() {
            self.differs(Some(&due), b"");
        }
        self.play(Box::new(|| Ok(Box::new(std::iter::empty()))), now);
    }

    /// What the host has left unsent of what it should send next, with its line in the file.
    pub fn left(&mut self) -> Option<(u64, String)> {
        let due = self.due_from_host().cloned()?;
        Some((due.line, told(&self.bound.filled(&due.text))))
    }

    /// What the host should send next, the opening left out.
    fn due_from_host(&mut self) -> Option<&Sent> {
        self.look_ahead(AHEAD);
        self.ahead.iter().find_map(|step| match step {
            Recorded::Sent(sent) if sent.form == Form::Data || !is_opening(&sent.text.bytes) => Some(sent),
            _ => None,
        })
    }

    /// Takes bytes from the host.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        self.begin(now);
        self.received.extend_from_slice(bytes);
    }

    /// A host is there.
    pub fn begin(&mut self, now: Moment) {
        self.anchor.get_or_insert((now, Duration::ZERO));
    }

    /// The next bytes for the host, if their time has come.
    pub fn next_print(&mut self, now: Moment) -> Option<Vec<u8>> {
        loop {
            if !self.urgent.is_empty() {
                return Some(std::mem::take(&mut self.urgent));
            }
            if let Some(bytes) = self.due(now) {
                return Some(bytes);
            }
            if !self.compare(now) {
                return None;
            }
        }
    }

    /// When there is more to print, unless the host sends something before.
    pub fn next_timeout(&self) -> Option<Moment> {
        match self.ahead.front()? {
            Recorded::Printed(at, _) => self.time(*at),
            Recorded::Sent(_) => None,
        }
    }

    /// What the host sent otherwise than recorded, the first of it.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// Hands them out, with the number of those that were not kept.
    pub fn take_differences(&mut self) -> (Vec<Difference>, u64) {
        (std::mem::take(&mut self.differences), std::mem::take(&mut self.dropped))
    }

    /// Whether it takes more from the host.
    pub const fn has_room(&self) -> bool {
        self.received.len() < RECEIVED
    }

    /// Forgets what a host has left half sent.
    pub fn forget_received(&mut self) {
        self.received.clear();
    }

    /// Why the recording cannot be read any further, if that is so.
    pub const fn failure(&self) -> Option<&ReadError> {
        self.failure.as_ref()
    }

    /// Whether all was played.
    pub fn is_over(&mut self) -> bool {
        self.look_ahead(1);
        self.ahead.is_empty() && self.urgent.is_empty()
    }

    /// When something is printed that was printed at that time of the recording.
    fn time(&self, at: Duration) -> Option<Moment> {
        let (anchor, then) = self.anchor?;
        let rest = at.saturating_sub(then);
        Some(self.speed.map_or(anchor, |speed| {
            anchor + Duration::try_from_secs_f64(rest.as_secs_f64() / speed).unwrap_or(Duration::from_hours(24 * 365))
        }))
    }

    /// What the module prints next, if its time has come.
    fn due(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.look_ahead(1);
        let Some(Recorded::Printed(at, _)) = self.ahead.front() else {
            return None;
        };
        if self.time(*at)? > now {
            return None;
        }
        let Some(Recorded::Printed(_, marked)) = self.ahead.pop_front() else {
            return None;
        };
        Some(self.printed(&marked))
    }

    fn printed(&mut self, marked: &Marked) -> Vec<u8> {
        let bytes = self.bound.filled(marked);
        if let Some(command) = &self.answering {
            let answer = self.answers.entry(command.clone()).or_default();
            if answer.len() < ANSWER {
                answer.extend_from_slice(&bytes);
            }
        }
        bytes
    }

    fn look_ahead(&mut self, count: usize) {
        while self.ahead.len() < count {
            if let Some(step) = self.cutter.next() {
                self.ahead.push_back(step);
                continue;
            }
            let Some(entries) = &mut self.entries else { return };
            match entries.next() {
                Some(Ok((entry, line))) => self.cutter.take(entry, line),
                end => {
                    self.failure = end.and_then(Result::err);
                    self.entries = None;
                    self.cutter.finish();
                }
            }
        }
    }

    /// Compares what the host has sent with what is due; whether there is something to print, or more to compare.
    fn compare(&mut self, now: Moment) -> bool {
        if self.received.is_empty() {
            return false;
        }
        self.look_ahead(AHEAD);
        let sent = self.ahead.iter().position(|step| matches!(step, Recorded::Sent(_)));
        let Some(Recorded::Sent(due)) = sent.map(|at| &self.ahead[at]) else {
            // What is printed before is printed first.
            return self.ahead.is_empty() && self.beyond(None, now);
        };
        let due = due.clone();
        let at = sent.unwrap_or(0);
        match due.form {
            Form::Data => self.compare_data(&due, at, now),
            Form::Line => self.beyond(Some((at, &due)), now),
        }
    }

    /// Takes a line, which is the one that is due at that step, or is not.
    fn beyond(&mut self, due: Option<(usize, &Sent)>, now: Moment) -> bool {
        let Some(line) = self.line(due.map(|(_, due)| due)) else {
            return false;
        };
        if let Some((at, due)) = due
            && self.bound.line(&due.text, &line)
        {
            self.advance(at, now);
            self.answering = is_opening(&line).then_some(line);
            return true;
        }
        // The opening was longer then.
        if let Some(at) = self.behind_opening(&line) {
            self.take_further(at, &line, now);
            self.answering = is_opening(&line).then_some(line);
            return true;
        }
        if due.is_none() && self.entries.is_none() && self.failure.is_none() && opens(&line) && self.rewind(now) {
            let mut again = line;
            again.append(&mut self.received);
            self.received = again;
            return true;
        }
        if is_opening(&line) {
            let answer = self.remembered(&line);
            self.urgent.extend(answer);
            return true;
        }
        self.differs(due.map(|(_, due)| due), &line);
        // What was left out is told; from here on it goes on as recorded.
        let further = |step: &Recorded| matches!(step, Recorded::Sent(sent) if sent.form == Form::Line && Bound::fits(&sent.text, &line));
        match self.ahead.iter().position(further) {
            Some(at) => self.take_further(at, &line, now),
            None => self.urgent.extend(b"\r\nERROR\r\n"),
        }
        true
    }

    /// Takes a line as the one that was sent at that step; what was recorded before it is left out.
    fn take_further(&mut self, at: usize, line: &[u8], now: Moment) {
        if let Some(Recorded::Sent(sent)) = self.ahead.get(at) {
            self.bound.line(&sent.text, line);
        }
        self.ahead.drain(..at);
        self.advance(0, now);
        self.answering = None;
    }

    /// All was played, and a host opens the module once more: from the beginning, without what the module printed before it was asked
    /// anything. Whether there is anything that the host is to send.
    fn rewind(&mut self, now: Moment) -> bool {
        match (self.source)() {
            Ok(entries) => self.entries = Some(entries),
            Err(failure) => self.failure = Some(failure),
        }
        (self.cutter, self.bound, self.answering) = (Cutter::default(), Bound::default(), None);
        self.anchor = Some((now, Duration::ZERO));
        loop {
            self.look_ahead(1);
            match self.ahead.front() {
                Some(Recorded::Printed(..)) => self.ahead.pop_front(),
                Some(Recorded::Sent(_)) => return true,
                None => return false,
            };
        }
    }

    /// The next line of the host's, once it is whole. What was recorded without CR needs none.
    fn line(&mut self, due: Option<&Sent>) -> Option<Vec<u8>> {
        let feeds = self.received.iter().take_while(|byte| **byte == LF).count();
        self.received.drain(..feeds);
        let bare = due.map(|due| &due.text.bytes).filter(|bytes| bytes.last() != Some(&CR));
        if let Some(bytes) = bare
            && self.received.starts_with(bytes)
        {
            return Some(self.received.drain(..bytes.len()).collect());
        }
        let end = self.received.iter().position(|byte| *byte == CR);
        let end = end.or_else(|| (self.received.len() > LONGEST_LINE).then_some(LONGEST_LINE))?;
        let mut line: Vec<_> = self.received.drain(..=end).collect();
        // An ESC that ends what another program may have left open stands before a line of its own.
        let escapes = line.iter().take_while(|byte| **byte == 0x1b).count();
        if due.is_none_or(|due| !due.text.bytes.starts_with(&[0x1b])) {
            line.drain(..escapes);
        }
        Some(line)
    }

    /// Data, whose length is known, or which end with Ctrl-Z.
    fn compare_data(&mut self, due: &Sent, at: usize, now: Moment) -> bool {
        let expected = self.bound.filled(&due.text);
        if self.received.len() < expected.len() && expected.starts_with(&self.received) {
            return false;
        }
        // One that holds another is counted.
        let ends = expected.iter().position(|byte| *byte == CTRL_Z) == Some(expected.len() - 1) && expected.len() > 1;
        let count = if ends {
            let end = self.received.iter().position(|byte| *byte == CTRL_Z).map(|end| end + 1);
            end.or_else(|| (self.received.len() > expected.len() + SLACK).then_some(self.received.len()))
        } else {
            (self.received.len() >= expected.len()).then_some(expected.len())
        };
        let count = if self.received.starts_with(&expected) {
            Some(expected.len())
        } else {
            count
        };
        let Some(count) = count else { return false };
        let got: Vec<_> = self.received.drain(..count).collect();
        if got != expected && !self.bound.line(&due.text, &got) {
            self.differs(Some(due), &got);
        }
        self.advance(at, now);
        self.answering = None;
        true
    }

    /// Prints what was printed before that step, and takes it as sent.
    fn advance(&mut self, at: usize, now: Moment) {
        let before: Vec<_> = self.ahead.drain(..at).collect();
        for step in before {
            if let Recorded::Printed(_, marked) = step {
                let bytes = self.printed(&marked);
                self.urgent.extend(bytes);
            }
        }
        if let Some(Recorded::Sent(sent)) = self.ahead.pop_front() {
            self.anchor = Some((now, sent.at));
        }
    }

    /// The step that a line is, where nothing but the opening of a module is left out before it.
    fn behind_opening(&self, line: &[u8]) -> Option<usize> {
        for (at, step) in self.ahead.iter().enumerate() {
            let Recorded::Sent(sent) = step else { continue };
            if Bound::fits(&sent.text, line) {
                return Some(at);
            }
            if sent.form == Form::Data || !is_opening(&sent.text.bytes) {
                return None;
            }
        }
        None
    }

    /// How a command of the opening was answered: before, or further on, or as any module does.
    fn remembered(&self, line: &[u8]) -> Vec<u8> {
        let command = line.trim_ascii();
        if command.is_empty() {
            return Vec::new();
        }
        let known = self.answers.get(line).filter(|answer| !answer.is_empty());
        let same = |step: &Recorded| matches!(step, Recorded::Sent(sent) if sent.text.bytes == line);
        let later = || {
            let at = self.ahead.iter().position(same)?;
            let printed = self.ahead.iter().skip(at + 1).map_while(|step| match step {
                Recorded::Printed(_, marked) => Some(self.bound.filled(marked)),
                Recorded::Sent(_) => None,
            });
            Some(printed.collect::<Vec<_>>().concat()).filter(|answer| !answer.is_empty())
        };
        known.cloned().or_else(later).unwrap_or_else(|| b"\r\nOK\r\n".to_vec())
    }

    fn differs(&mut self, due: Option<&Sent>, got: &[u8]) {
        if self.differences.len() == MOST {
            self.dropped += 1;
            return;
        }
        self.differences.push(Difference {
            line: due.map(|due| due.line),
            expected: due.map_or_else(|| "nothing more".into(), |due| told(&self.bound.filled(&due.text))),
            got: if got.is_empty() {
                "nothing more".into()
            } else {
                told(got)
            },
        });
    }
}

/// Whether a line is the first that a host sends.
fn opens(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.eq_ignore_ascii_case(b"AT") || line.eq_ignore_ascii_case(b"ATE0")
}

/// Whether a line belongs to the opening of a module.
fn is_opening(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"\x1b").unwrap_or(line);
    line == b"+++"
        || OPENING
            .iter()
            .any(|command| line.eq_ignore_ascii_case(command.as_bytes()))
}

#[cfg(test)]
mod tests;
