//! What the wire log shows of the module's output, and which of its bytes are secret.

use std::collections::VecDeque;
use std::ops::Range;

use modemqtt_at::SettingKey;
use modemqtt_at::ascii::{CR, LF, QUOTE};
use modemqtt_at::secrets::{places, with_mask};
use modemqtt_os::Moment;

use super::{Exchange, Session};
use crate::framer::Taken;
use crate::job::Goal;
use crate::reader::Incoming;
use crate::tokens;
use crate::trace::{Form, Place, Trace};

/// How many bytes of a secret in a row are a part of it, in a line that is not known.
const PIECE: usize = 4;
/// The same in a message, whose topic and payload may have a word in common with a password.
const LONG_PIECE: usize = 6;

impl Session {
    /// A line from the module as it may be shown.
    pub(super) fn without_secrets(&self, line: &[u8]) -> String {
        with_mask(line, &self.secrets_in(line))
    }

    /// Where secrets are in a line from the module, judged by its form and by what was sent.
    fn secrets_in(&self, line: &[u8]) -> Vec<Range<usize>> {
        if self.uploads.hold(line) {
            return all(0..line.len());
        }
        let mut secrets = places(line);
        secrets.extend(known_secrets_in(&self.secrets, line));
        merged(secrets)
    }

    /// The same for a line that was read. An echo out of step with its command may hold a password, and some settings
    /// contain a secret when read back.
    pub(super) fn secrets_of(&self, line: &[u8], incoming: &Incoming) -> Vec<Range<usize>> {
        match incoming {
            Incoming::Information(_) if self.reads_secret() => {
                let values = line.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
                let blanks = line[values..].iter().take_while(|byte| **byte == b' ').count();
                all(values + blanks..line.len())
            }
            Incoming::Unsolicited(_) if self.may_be_an_echo(line) => all(0..line.len()),
            // A command that takes any line as its answer also takes a fragment of an echo.
            Incoming::Information(_) if self.holds_a_part_of_a_secret(line) => all(0..line.len()),
            _ => self.secrets_in(line),
        }
    }

    /// Whether a line may be a fragment of an echo with a secret: noise or a line of the module's own can break an echo
    /// anywhere, and the rest of it may come long after the command.
    fn may_be_an_echo(&self, line: &[u8]) -> bool {
        let due = self.exchange.as_ref().is_some_and(Exchange::may_echo_a_secret);
        (due && !is_known(line)) || self.holds_a_part_of_a_secret(line)
    }

    /// Whether an unknown line contains part of a secret, but not all of it.
    fn holds_a_part_of_a_secret(&self, line: &[u8]) -> bool {
        !is_known(line) && self.secrets.iter().any(|secret| shares(line, secret.as_bytes(), PIECE))
    }

    /// Whether the command in flight reads back a secret.
    fn reads_secret(&self) -> bool {
        let goal = self.exchange.as_ref().map(|exchange| &exchange.step.goal);
        matches!(goal, Some(Goal::Values(SettingKey::ALIBABA | SettingKey::ONE_NET)))
    }

    /// Shows the latest line, with these secrets masked.
    pub(super) fn show_line(&mut self, secrets: &[Range<usize>], now: Moment) {
        self.show(now, secrets, |line, _| Form::Line(line));
    }

    /// Shows the latest message.
    pub(super) fn show_message(&mut self, now: Moment) {
        let taken = self.framer.taken();
        let data = Form::Data {
            head: (taken.line.start()..taken.payload.start()).into(),
            data: taken.payload,
        };
        if self.secrets.is_empty() {
            return tell(&mut self.trace, &taken, &[], data, now);
        }
        let secrets = secrets_in_message(&self.secrets, taken.line.of(taken.bytes));
        let form = if secrets.is_empty() {
            data
        } else {
            Form::Line(taken.line)
        };
        tell(&mut self.trace, &taken, &secrets, form, now);
    }

    /// Shows the beginning of the latest line without end.
    pub(super) fn show_overlong(&mut self, head: &[u8], now: Moment) {
        let secrets = self.secrets_in(head);
        let form = |line: Place| match secrets.as_slice() {
            [] => Form::Data {
                head: (line.start()..line.start()).into(),
                data: line,
            },
            _ => Form::Line(line),
        };
        self.show(now, &secrets, |line, _| form(line));
    }

    /// Shows the echo of a command line, with its own secrets masked, or of data.
    pub(super) fn show_echo(&mut self, now: Moment) {
        let secrets: Vec<_> = match &self.exchange {
            Some(exchange) if exchange.uploaded() => all(0..exchange.data_sent().map_or(0, <[u8]>::len)),
            Some(exchange) if exchange.data_sent().is_none() => {
                let places = exchange.step.line.places.iter();
                places.map(|place| place.start()..place.end()).collect()
            }
            _ => Vec::new(),
        };
        self.show(now, &secrets, |_, _| Form::Unseen);
    }

    /// Shows the last bytes received, which form no frame. They may be a fragment of an echo.
    pub(super) fn show_rest(&mut self, now: Moment) {
        let place = self.framer.rest();
        let bytes = place.of(self.framer.bytes());
        let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let all = [(blank..bytes.len()).into()];
        let known = !self.secrets.is_empty() || !self.uploads.is_empty();
        self.trace
            .received(now, place, if known { &all } else { &[] }, Form::Unseen);
    }

    /// Shows what is being dropped of a line without end, which nobody has examined.
    pub(super) fn show_dropped(&mut self, now: Moment) {
        if self.framer.is_dropping() {
            let place = self.framer.taken().place;
            let all = [(0..place.len()).into()];
            self.trace.received(now, place, &all, Form::Unseen);
        }
    }

    /// Shows the latest frame.
    fn show(&mut self, now: Moment, secrets: &[Range<usize>], form: impl FnOnce(Place, Place) -> Form) {
        let taken = self.framer.taken();
        let form = form(taken.line, taken.payload);
        tell(&mut self.trace, &taken, secrets, form, now);
    }
}

/// Puts a frame into the trace, with those secrets of its line.
fn tell(trace: &mut Trace, taken: &Taken<'_>, secrets: &[Range<usize>], form: Form, now: Moment) {
    let (from, to) = (taken.line.start(), taken.line.end());
    // A line is surrounded by line ends or dropped bytes, which nobody has examined.
    let blank = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == QUOTE);
    let around = [blank(&taken.bytes[..from]), blank(&taken.bytes[to..])];
    if around == [true; 2] && secrets.is_empty() {
        return trace.received(now, taken.place, &[], form);
    }
    let mut places = Vec::new();
    if !around[0] {
        places.push((0..from).into());
    }
    places.extend(
        secrets
            .iter()
            .map(|secret| Place::from(from + secret.start..from + secret.end)),
    );
    if !around[1] {
        places.push((to..taken.bytes.len()).into());
    }
    trace.received(now, taken.place, &places, form);
}

/// Where the secrets that were sent are in what the module has printed.
fn known_secrets_in(secrets: &VecDeque<String>, line: &[u8]) -> Vec<Range<usize>> {
    let places = secrets.iter().flat_map(|secret| {
        let found = memchr::memmem::find_iter(line, secret.as_bytes());
        found.map(|at| at..at + secret.len())
    });
    merged(places.collect())
}

/// Places in order, those that meet as one.
fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| place.start);
    places.dedup_by(|next, place| {
        let meets = next.start < place.end || (next.start == place.end && next.start < next.end);
        if meets {
            place.end = place.end.max(next.end);
        }
        meets
    });
    places
}

/// Where secrets are in a message. If it holds a line end, it may have taken in an echo: where the module left its topic
/// or its payload open.
fn secrets_in_message(secrets: &VecDeque<String>, line: &[u8]) -> Vec<Range<usize>> {
    let torn = line.iter().any(|byte| matches!(*byte, CR | LF));
    if torn && secrets.iter().any(|secret| shares(line, secret.as_bytes(), LONG_PIECE)) {
        return all(0..line.len());
    }
    known_secrets_in(secrets, line)
}

/// Whether a line is one that modules print. An incomplete line end does not separate it from what came before.
fn is_known(line: &[u8]) -> bool {
    tokens::is_recognised(line) && !line.contains(&CR)
}

/// Whether a line holds part of a secret beside the places where it holds all of it.
fn shares(line: &[u8], secret: &[u8], piece: usize) -> bool {
    if secret.len() <= piece {
        return false;
    }
    let whole = memchr::memmem::find_iter(line, secret).map(|at| at..at + secret.len());
    let ends = whole.chain(std::iter::once(line.len()..line.len()));
    let mut from = 0;
    for place in ends {
        let between = &line[from..place.start.max(from)];
        if secret
            .windows(PIECE)
            .any(|piece| memchr::memmem::find(between, piece).is_some())
        {
            return true;
        }
        from = place.end;
    }
    false
}

fn all(place: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(place).collect()
}
