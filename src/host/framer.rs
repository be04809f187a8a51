//! Bytes to frames.
//!
//! Frames first, meaning later: nothing here looks for `OK`. A frame is the echo of the command just sent, a
//! prompt, a line, or a received message, and which of them it is depends on what stands at the start of a line,
//! never on what stands somewhere inside. Any split of the same bytes into reads gives the same frames: the
//! framer decides only on what it has, says when more could change its mind, and resumes where it stopped.

use modemqtt_at::ascii::{CR, LF, PROMPT, QUOTE};
use modemqtt_at::dialect::ReceiveUrc;

use crate::receive::{self, Found, Layout, Lines, Parsed, RawMessage};
use crate::tokens;
use crate::trace::Place;

/// The longest line that is not a message. BC35-G/BC28 answers are at most 2,048 characters; no note says more.
const LONGEST_LINE: usize = 8 * 1024;

/// One unit of what the module printed.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The command line that was just sent, given back by the module.
    Echo,
    /// The module waits for data.
    Prompt,
    /// A line without its end; never empty.
    Line(Vec<u8>),
    /// A `+QMTRECV` with its payload.
    Message(RawMessage),
    /// The head of a line that is longer than any the module prints. The rest of it is dropped.
    Overlong(Vec<u8>),
}

/// What the session waits for, which decides what the start of a line may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expect<'a> {
    /// The command line in flight, without its CR.
    pub echo: Option<&'a [u8]>,
    /// Whether `>` is a prompt.
    pub prompt: Prompt,
    /// Whether a `+QMTRECV` of numbers alone is the state of the module's buffer.
    pub flags: bool,
    /// The data that were just sent behind the prompt.
    pub data: Option<&'a [u8]>,
    /// Whether the module has echoed the command line that they belong to.
    pub echoing: bool,
}

/// What `>` at the start of a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// The start of a line.
    #[default]
    None,
    /// The prompt that the command in flight waits for.
    Due,
    /// A prompt if it stands alone and nothing follows: the command in flight is the program's own, and its answer may
    /// start with the character.
    Unasked,
}

/// Why the framer holds bytes back although no more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A message without a length has reached a line end, and the next byte tells whether it was the message's own; or a
    /// line that is known stands there whole but for its LF, which some firmware leaves off.
    Settling,
    /// A payload, or a topic that holds a line end, has begun and its end has not come.
    Payload,
}

/// The bytes of a frame as they came.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Those between the frame before and the one after: line ends are among them, and what was dropped.
    pub bytes: &'a [u8],
    /// Where the line is among them, without its end; of a message up to the end of its payload.
    pub line: Place,
    /// Where the payload of a message is.
    pub payload: Place,
}

/// Splits the module's output into frames.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// What was taken of the buffer up to here has been shown by [`Framer::taken`].
    shown: usize,
    /// Where the latest frame is, and the payload in it.
    line: Place,
    payload: Place,
    /// Where the line being read starts.
    start: usize,
    /// How far into the buffer no line end was found.
    scanned: usize,
    /// The blank that some modules print behind the prompt has not come yet.
    after_prompt: bool,
    /// A `>` stands alone and may be a prompt that no one asked for.
    lone_prompt: bool,
    /// Whether the module echoes data, once that was seen.
    echoes_data: Option<bool>,
    /// An overlong line is being dropped.
    discarding: bool,
    layout: Layout,
    receiving: receive::Progress,
    held: Option<Held>,
}

/// A message without a length that has reached a line end. It begins where the latest frame does.
#[derive(Debug)]
struct Held {
    found: Found,
    /// The message, once another line was taken for a part of it.
    joined: Option<Box<RawMessage>>,
    /// A quote stands in front of it.
    quoted: bool,
    /// A quote that stood behind it was taken for the module's.
    closed: bool,
}

impl Held {
    /// How long the payload is so far.
    fn length(&self) -> usize {
        let (from, to) = self.found.payload;
        self.joined.as_ref().map_or(to - from, |message| message.payload.len())
    }
}

impl Framer {
    /// A framer that knows how the dialect reports messages.
    pub fn set_receive(&mut self, row: ReceiveUrc) {
        self.layout = Layout::of(row);
    }

    /// Whether the module prints lengths in the messages of that client.
    pub fn set_length_shown(&mut self, client: u8, shown: bool) {
        self.layout.set_length_shown(client, shown);
    }

    /// Whether the module prints the payloads of that client as hexadecimal digits.
    pub fn set_hex(&mut self, client: u8, hex: bool) {
        self.layout.set_hex(client, hex);
    }

    /// Appends what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        let gone = self.shown;
        if gone == self.buffer.len() || (gone > 4096 && gone * 2 > self.buffer.len()) {
            self.buffer.drain(..gone);
            self.shown = 0;
            self.scanned -= gone;
            self.start -= gone;
            for place in [&mut self.line, &mut self.payload] {
                // Of a message that is held back.
                *place = (place.from.saturating_sub(gone)..place.to.saturating_sub(gone)).into();
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of the latest frame as they came, once.
    pub fn taken(&mut self) -> Taken<'_> {
        let from = std::mem::replace(&mut self.shown, self.start);
        let shifted = |place: Place| (place.from.saturating_sub(from)..place.to.saturating_sub(from)).into();
        Taken {
            bytes: &self.buffer[from..self.start],
            line: shifted(self.line),
            payload: shifted(self.payload),
        }
    }

    /// Whether the rest of an overlong line is being dropped.
    pub fn is_dropping(&self) -> bool {
        self.discarding
    }

    /// Everything that has come and is in no frame, once. Nothing comes behind it.
    pub fn rest(&mut self) -> &[u8] {
        let from = std::mem::replace(&mut self.shown, self.buffer.len());
        self.held = None;
        self.consume_to(self.buffer.len());
        &self.buffer[from..]
    }

    /// The next frame, or `None` until more bytes come or, where [`Framer::hold`] says so, until it is flushed.
    pub fn next_frame(&mut self, expect: Expect<'_>) -> Option<Frame> {
        loop {
            if self.discarding && !self.discard() {
                return None;
            }
            if self.held.is_some() {
                return self.settle(expect).map(Frame::Message);
            }
            match self.data_echo(expect.data, expect.echoing) {
                Some(true) => return Some(Frame::Echo),
                None => return None,
                Some(false) => {}
            }
            self.skip_blank();
            let rest = &self.buffer[self.start..];
            let first = *rest.first()?;
            self.lone_prompt = expect.prompt == Prompt::Unasked && matches!(rest, b">" | b"> ");
            if self.lone_prompt {
                return None;
            }
            if first == PROMPT && expect.prompt == Prompt::Due {
                self.line = (self.start..self.start + 1).into();
                self.consume(1);
                self.after_prompt = true;
                return Some(Frame::Prompt);
            }
            if let Some(echo) = expect.echo {
                match starts_with_line(rest, echo) {
                    Some(true) => {
                        self.line = (self.start..self.start + echo.len()).into();
                        self.consume(echo.len() + 1);
                        return Some(Frame::Echo);
                    }
                    None => return None,
                    Some(false) => {}
                }
            }
            if expect.flags {
                match receive::is_flags(rest) {
                    Some(true) => return self.line(),
                    None => return None,
                    Some(false) => {}
                }
            }
            match receive::parse(rest, &mut self.layout, &mut self.receiving) {
                Parsed::Incomplete => return None,
                Parsed::Message { found, consumed } => {
                    let message = found.message(rest, &self.layout);
                    self.note(found);
                    self.consume(consumed);
                    return Some(Frame::Message(message));
                }
                Parsed::Unterminated { found, consumed } => {
                    let quoted = rest[..found.payload.0].ends_with(b"\"");
                    let closed = quoted && rest[..consumed].ends_with(b"\"\r\n");
                    self.note(found);
                    self.consume(consumed);
                    self.held = Some(Held {
                        found,
                        joined: None,
                        quoted,
                        closed,
                    });
                }
                Parsed::Other => return self.line(),
            }
        }
    }

    /// Why bytes are held back, if they are.
    pub fn hold(&self) -> Option<Hold> {
        if self.held.is_some() || self.lone_prompt {
            Some(Hold::Settling)
        } else if self.receiving.in_payload() {
            Some(Hold::Payload)
        } else {
            match self.receiving.topic_lines() {
                Some(Lines::Several) => Some(Hold::Payload),
                Some(Lines::Closed) => Some(Hold::Settling),
                _ => self.lacks_line_feed().then_some(Hold::Settling),
            }
        }
    }

    /// Whether a line that is known stands there, but for its LF.
    fn lacks_line_feed(&self) -> bool {
        let rest = &self.buffer[self.start..];
        !self.discarding && rest.len() <= LONGEST_LINE && rest.ends_with(b"\r") && tokens::is_recognised(trim_end(rest))
    }

    /// How many bytes are kept.
    pub fn buffered(&self) -> usize {
        let held = self.held.as_ref().map_or(0, Held::length);
        self.buffer.len() - self.start + held
    }

    /// Takes what is held back as it stands, because nothing more has come for a while.
    pub fn flush(&mut self) -> Option<Frame> {
        if let Some(message) = self.take_held() {
            return Some(Frame::Message(message));
        }
        if std::mem::take(&mut self.lone_prompt) {
            self.line = (self.start..self.start + 1).into();
            self.consume_to(self.buffer.len());
            return Some(Frame::Prompt);
        }
        if self.receiving.topic_lines().is_some_and(|lines| lines != Lines::One) {
            self.receiving.restart();
            if let Some(line) = self.line() {
                return Some(line);
            }
        }
        if self.hold() == Some(Hold::Settling) {
            let line = trim_end(&self.buffer[self.start..]).to_vec();
            self.line = (self.start..self.start + line.len()).into();
            self.consume_to(self.buffer.len());
            return Some(Frame::Line(line));
        }
        let rest = &self.buffer[self.start..];
        let (found, consumed) = receive::give_up(rest, &self.layout, &mut self.receiving)?;
        let message = found.message(rest, &self.layout);
        self.note(found);
        self.consume(consumed);
        Some(Frame::Message(message))
    }

    /// Decides whether a line end that a message without length has reached was its own.
    ///
    /// Responses start with CRLF. Text that follows the line end directly is either a line of a module that saves
    /// that CRLF, or the rest of a payload that held one.
    fn settle(&mut self, expect: Expect<'_>) -> Option<RawMessage> {
        while let Some(held) = &mut self.held {
            let first = *self.buffer.get(self.start)?;
            if matches!(first, CR | LF) || (first == PROMPT && expect.prompt == Prompt::Due) {
                break;
            }
            let from = self.scanned.max(self.start);
            let Some(end) = memchr::memchr(LF, &self.buffer[from..]).map(|at| from + at) else {
                self.scanned = self.buffer.len();
                if self.buffer.len() - self.start > LONGEST_LINE {
                    break;
                }
                return None;
            };
            let line = trim_end(&self.buffer[self.start..end]);
            let echoed = expect.echo.is_some_and(|echo| line.starts_with(echo));
            if echoed || tokens::is_recognised(line) || held.length() > receive::LONGEST_PAYLOAD {
                break;
            }
            let message = held.joined.get_or_insert_with(|| {
                let message = held.found.message(&self.buffer[self.line.from..], &self.layout);
                Box::new(message)
            });
            // What was taken for the quote behind the payload was its own.
            if held.closed {
                message.payload.push(QUOTE);
            }
            held.closed = held.quoted && line.ends_with(b"\"");
            let text = &line[..line.len() - usize::from(held.closed)];
            message.payload.extend_from_slice(b"\r\n");
            message.payload.extend_from_slice(text);
            self.payload.to = self.start + text.len();
            self.line.to = self.payload.to;
            message.complete = false;
            self.consume_to(end + 1);
        }
        // What was looked at as one line is framed again from its start.
        self.scanned = self.start;
        self.take_held()
    }

    /// The message that was held back, as far as it goes.
    fn take_held(&mut self) -> Option<RawMessage> {
        let held = self.held.take()?;
        Some(match held.joined {
            Some(joined) => *joined,
            None => held.found.message(&self.buffer[self.line.from..], &self.layout),
        })
    }

    /// Whether the module echoes data: known, or to be found out. What it was told may have changed that.
    pub fn set_echoes_data(&mut self, echoes: Option<bool>) {
        self.echoes_data = echoes;
    }

    /// Takes the echo of the data, which stands directly behind the prompt and may look like anything. `None` while
    /// that cannot be told. A response starts with CRLF, and so does what follows a prompt that has a line end: what
    /// could be either is an echo unless the module was seen not to echo. The doubt is worth a late final result code,
    /// not a false one.
    fn data_echo(&mut self, data: Option<&[u8]>, echoing: bool) -> Option<bool> {
        let Some((data, &first)) = data
            .filter(|_| self.after_prompt)
            .and_then(|data| Some((data, data.first()?)))
        else {
            return Some(false);
        };
        let doubtful = echoing || self.echoes_data != Some(false);
        let like_a_response = matches!(first, CR | LF);
        if like_a_response && !doubtful {
            return Some(false);
        }
        let rest = &self.buffer[self.start..];
        // The blank behind the prompt may have come by now, or a line end in its place.
        let leads: &[&[u8]] = if doubtful { &[b"", b" ", b"\r\n"] } else { &[b"", b" "] };
        let mut undecided = false;
        for lead in leads {
            let echo = lead.iter().chain(data);
            let known = rest
                .iter()
                .zip(echo)
                .take_while(|(there, echoed)| there == echoed)
                .count();
            if known == lead.len() + data.len() {
                self.line = (self.start + lead.len()..self.start + known).into();
                self.consume(known);
                self.after_prompt = false;
                if !like_a_response && lead.len() < 2 {
                    self.echoes_data = Some(true);
                }
                return Some(true);
            }
            undecided |= known == rest.len();
        }
        if undecided {
            return None;
        }
        self.after_prompt = false;
        if self.buffer[self.start] == b' ' {
            self.consume(1);
        }
        self.echoes_data = Some(false);
        Some(false)
    }

    /// Notes where a message is that begins here.
    fn note(&mut self, found: Found) {
        let (from, to) = found.payload;
        self.payload = (self.start + from..self.start + to).into();
        self.line = (self.start..self.payload.to).into();
    }

    fn line(&mut self) -> Option<Frame> {
        let from = self.scanned.max(self.start);
        if let Some(at) = memchr::memchr(LF, &self.buffer[from..]) {
            let end = from + at;
            let line = trim_end(&self.buffer[self.start..end]).to_vec();
            self.line = (self.start..self.start + line.len()).into();
            self.consume_to(end + 1);
            return Some(Frame::Line(line));
        }
        self.scanned = self.buffer.len();
        if self.buffer.len() - self.start <= LONGEST_LINE {
            return None;
        }
        let head = self.buffer[self.start..self.start + LONGEST_LINE].to_vec();
        self.line = (self.start..self.start + LONGEST_LINE).into();
        self.consume_to(self.buffer.len());
        self.discarding = true;
        Some(Frame::Overlong(head))
    }

    /// Drops the rest of an overlong line; whether its end was reached.
    fn discard(&mut self) -> bool {
        if let Some(at) = memchr::memchr(LF, &self.buffer[self.start..]) {
            self.consume(at + 1);
            self.discarding = false;
        } else {
            self.consume_to(self.buffer.len());
        }
        !self.discarding
    }

    /// Blank lines carry no information, and the ends of lines are CRLF, LF or, from a boot ROM, LF CR.
    fn skip_blank(&mut self) {
        while let Some(&byte) = self.buffer.get(self.start) {
            if byte == b' ' && self.after_prompt {
                self.after_prompt = false;
            } else if !matches!(byte, CR | LF) {
                self.after_prompt = false;
                break;
            }
            self.consume(1);
        }
    }

    fn consume(&mut self, count: usize) {
        self.consume_to(self.start + count);
    }

    fn consume_to(&mut self, position: usize) {
        self.start = position;
        self.scanned = position;
        // What was begun to be read as a message has been read as something else.
        self.receiving.restart();
    }
}

/// Whether `bytes` starts with `line` and a CR; `None` while that cannot be told.
fn starts_with_line(bytes: &[u8], line: &[u8]) -> Option<bool> {
    let known = bytes.len().min(line.len());
    if bytes[..known] != line[..known] {
        return Some(false);
    }
    bytes.get(line.len()).map(|&end| end == CR)
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| byte != CR).map_or(0, |last| last + 1);
    &line[..end]
}
