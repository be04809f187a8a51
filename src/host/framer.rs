//! Bytes to frames.
//!
//! Frames first, meaning later: nothing here looks for `OK`. A frame is the echo of the command just sent, a prompt, a
//! line, or a received message; the start of a line decides which, never its middle. Any split of the same bytes into
//! reads gives the same frames: the framer decides only on the bytes it has, says when more could change the decision,
//! and resumes where it stopped.
//!
//! | position | entered | left |
//! |---|---|---|
//! | `Line` | at first, and from every other position | |
//! | `AfterPrompt` | by a prompt that was due | by the blank that some modules print, by the echo of the data, or by any other text |
//! | `LonePrompt` | by a `>` that stands alone and is not due | by the next byte, or by a flush, which takes it as a prompt |
//! | `Held` | by a message without a length that has reached a line end | once the next line is known not to belong to it |
//! | `Dropping` | by an overlong line | by its end |

use modemqtt_at::ascii::{CR, LF, PROMPT};
use modemqtt_at::dialect::ReceiveUrc;

use crate::message::Content;
use crate::receive::{self, Found, Layout, Parsed, TopicLines};
use crate::tokens;
use crate::trace::Place;

mod data_echo;
mod held;

pub use data_echo::DataEcho;
use held::Held;

/// The longest line that is not a message. BC35-G/BC28 answers have at most 2,048 characters; no note gives a higher
/// figure.
const LONGEST_LINE: usize = 8 * 1024;

/// One unit of the module's output.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The command line just sent, echoed by the module.
    Echo,
    /// The module waits for data.
    Prompt,
    /// A line without its end; never empty.
    Line(Vec<u8>),
    /// A `+QMTRECV` with its payload.
    Message(Content),
    /// The head of a line longer than any module prints. The rest is dropped.
    Overlong(Vec<u8>),
}

/// What the session is waiting for, which decides what the start of a line may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expect<'a> {
    /// The command line in flight, without its CR.
    pub echo: Option<&'a [u8]>,
    /// Whether `>` is a prompt.
    pub prompt: Prompt,
    /// Whether a `+QMTRECV` that holds only numbers is the state of the module's buffer.
    pub flags: bool,
    /// The data just sent after the prompt.
    pub data: Option<&'a [u8]>,
    /// Whether the module has echoed the command line that the data belong to.
    pub echoing: bool,
}

/// What `>` at the start of a line means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// The start of a line.
    #[default]
    None,
    /// The prompt that the command in flight is waiting for.
    Due,
    /// A prompt if it stands alone and nothing follows: the program wrote the command in flight itself, and its answer
    /// may start with this character.
    Unasked,
}

/// Why the framer holds bytes back although no more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A message without a length has reached a line end, and the next byte shows whether that ended the message; or a
    /// known line is complete except for its LF, which some firmware leaves off.
    Settling,
    /// A payload, or a topic that holds a line end, has begun and has not ended.
    Payload,
}

/// The bytes of a frame as they arrived.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Everything between the previous frame and the next, including line ends and dropped bytes.
    pub bytes: &'a [u8],
    /// Where that lies in [`Framer::bytes`].
    pub place: Place,
    /// Where the line lies among them, without its end; a message runs up to the end of its payload.
    pub line: Place,
    /// Where the payload of a message lies.
    pub payload: Place,
}

/// Splits the module's output into frames.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Everything in the buffer up to here has been shown by [`Framer::taken`].
    shown: usize,
    /// Where the latest frame lies, and the payload in it.
    line: Place,
    payload: Place,
    /// Where the line being read starts.
    start: usize,
    /// The buffer holds no line end before this position.
    scanned: usize,
    position: Position,
    data_echo: DataEcho,
    layout: Layout,
    receiving: receive::Scan,
}

/// What the next bytes may belong to.
#[derive(Debug, Default)]
enum Position {
    /// A line, of which any part may have come.
    #[default]
    Line,
    /// What follows a prompt: the blank that some modules print, and the echo of the data.
    AfterPrompt,
    /// A line, unless the `>` that stands alone is an unexpected prompt.
    LonePrompt,
    /// A message that may go on behind its line end.
    Held(Held),
    /// An overlong line that is being dropped.
    Dropping,
}

impl Framer {
    /// A framer that knows how the dialect reports messages.
    pub fn set_receive(&mut self, row: ReceiveUrc) {
        self.layout = Layout::of(row);
    }

    /// Says whether the module prints lengths in this client's messages.
    pub fn set_length_shown(&mut self, client: u8, shown: bool) {
        self.layout.set_length_shown(client, shown);
    }

    /// Says whether the module prints this client's payloads as hexadecimal digits.
    pub fn set_hex(&mut self, client: u8, hex: bool) {
        self.layout.set_hex(client, hex);
    }

    /// Appends bytes that were read. Returns whether they do no more than lengthen a topic or a payload: then there is
    /// no frame yet.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let gone = self.shown;
        if gone == self.buffer.len() || (gone > 1024 && gone * 2 > self.buffer.len()) {
            self.buffer.drain(..gone);
            self.shown = 0;
            self.scanned -= gone;
            self.start -= gone;
            for place in [&mut self.line, &mut self.payload] {
                // Of a message held back.
                *place = place.seen_from(gone);
            }
        }
        let known = self.buffer.len() - self.start;
        self.buffer.extend_from_slice(bytes);
        self.receiving.lengthen(known, bytes)
    }

    /// The bytes of the latest frame as they arrived; given once.
    pub fn taken(&mut self) -> Taken<'_> {
        let from = std::mem::replace(&mut self.shown, self.start);
        Taken {
            bytes: &self.buffer[from..self.start],
            place: (from..self.start).into(),
            line: self.line.seen_from(from),
            payload: self.payload.seen_from(from),
        }
    }

    /// Whether the rest of an overlong line is being dropped.
    pub fn is_dropping(&self) -> bool {
        matches!(self.position, Position::Dropping)
    }

    /// Where the bytes are that belong to no frame; given once. No more may follow.
    pub fn rest(&mut self) -> Place {
        let from = std::mem::replace(&mut self.shown, self.buffer.len());
        self.position = Position::Line;
        self.consume_to(self.buffer.len());
        (from..self.buffer.len()).into()
    }

    /// What has been read lately. All places hold until more is pushed.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The next frame, or `None` until more bytes come or, if [`Framer::hold`] says so, until a flush.
    pub fn next_frame(&mut self, expect: Expect<'_>) -> Option<Frame> {
        loop {
            match self.position {
                Position::Held(_) => return self.settle(expect).map(Frame::Message),
                Position::Dropping => {
                    if !self.drop_line() {
                        return None;
                    }
                }
                Position::LonePrompt => self.position = Position::Line,
                Position::AfterPrompt | Position::Line => {}
            }
            match self.take_data_echo(expect.data, expect.echoing) {
                Some(true) => return Some(Frame::Echo),
                None => return None,
                Some(false) => {}
            }
            self.skip_blank();
            let rest = &self.buffer[self.start..];
            let first = *rest.first()?;
            if expect.prompt == Prompt::Unasked && matches!(rest, b">" | b"> ") {
                self.position = Position::LonePrompt;
                return None;
            }
            if first == PROMPT && expect.prompt == Prompt::Due {
                self.line = (self.start..self.start + 1).into();
                self.consume(1);
                self.position = Position::AfterPrompt;
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
                    let quoted = rest[..found.payload.start()].ends_with(b"\"");
                    let closed = quoted && rest[..consumed].ends_with(b"\"\r\n");
                    self.note(found);
                    self.consume(consumed);
                    self.position = Position::Held(Held {
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

    /// Why bytes are held back, if any are.
    pub fn hold(&self) -> Option<Hold> {
        if matches!(self.position, Position::Held(_) | Position::LonePrompt) {
            Some(Hold::Settling)
        } else if self.receiving.in_payload() {
            Some(Hold::Payload)
        } else {
            match self.receiving.topic_lines() {
                Some(TopicLines::Several) => Some(Hold::Payload),
                Some(TopicLines::Closed) => Some(Hold::Settling),
                _ => self.lacks_line_feed().then_some(Hold::Settling),
            }
        }
    }

    /// Whether a known line is complete except for its LF.
    fn lacks_line_feed(&self) -> bool {
        let rest = &self.buffer[self.start..];
        !self.is_dropping()
            && rest.len() <= LONGEST_LINE
            && rest.ends_with(b"\r")
            && tokens::is_recognised(trim_end(rest))
    }

    /// The number of bytes kept.
    pub fn buffered(&self) -> usize {
        let held = match &self.position {
            Position::Held(held) => held.length(),
            _ => 0,
        };
        self.buffer.len() - self.start + held
    }

    /// Takes the bytes held back as they are, because no more have come for a while.
    pub fn flush(&mut self) -> Option<Frame> {
        if let Some(message) = self.take_held() {
            return Some(Frame::Message(message));
        }
        if matches!(self.position, Position::LonePrompt) {
            self.position = Position::Line;
            self.line = (self.start..self.start + 1).into();
            self.consume_to(self.buffer.len());
            return Some(Frame::Prompt);
        }
        if self
            .receiving
            .topic_lines()
            .is_some_and(|lines| lines != TopicLines::One)
        {
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

    /// Notes where the message that begins here lies.
    fn note(&mut self, found: Found) {
        self.payload = found.payload.behind(self.start);
        self.line = (self.start..self.payload.end()).into();
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
        self.position = Position::Dropping;
        Some(Frame::Overlong(head))
    }

    /// Drops the rest of an overlong line; returns whether its end was reached.
    fn drop_line(&mut self) -> bool {
        let end = memchr::memchr(LF, &self.buffer[self.start..]);
        match end {
            Some(at) => {
                self.consume(at + 1);
                self.position = Position::Line;
            }
            None => self.consume_to(self.buffer.len()),
        }
        end.is_some()
    }

    /// Skips blank lines, which carry no information. A line ends in CRLF, LF or, from a boot ROM, LF CR.
    fn skip_blank(&mut self) {
        let mut at = self.start;
        while let Some(&byte) = self.buffer.get(at) {
            if !matches!(byte, CR | LF) {
                let after_prompt = matches!(self.position, Position::AfterPrompt);
                self.position = Position::Line;
                if !after_prompt || byte != b' ' {
                    break;
                }
            }
            at += 1;
        }
        if at > self.start {
            self.consume_to(at);
        }
    }

    fn consume(&mut self, count: usize) {
        self.consume_to(self.start + count);
    }

    fn consume_to(&mut self, position: usize) {
        self.start = position;
        self.scanned = position;
        // What began as a message turned out to be something else.
        self.receiving.restart();
    }
}

/// Whether `bytes` starts with `line` and a CR; `None` while undecided.
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
