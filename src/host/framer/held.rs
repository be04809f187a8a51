//! A message without a length whose line end may not be its own.

use modemqtt_at::ascii::{CR, LF, PROMPT, QUOTE};

use super::{Expect, Framer, LONGEST_LINE, Position, Prompt, trim_end};
use crate::message::Content;
use crate::receive::{self, Found};
use crate::tokens;

/// A message without a length that has reached a line end. It begins where the latest frame does.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) found: Found,
    /// The message, once another line has been taken as part of it.
    pub(super) joined: Option<Box<Joined>>,
    /// A quote precedes it.
    pub(super) quoted: bool,
    /// The quote after it was taken to be the module's.
    pub(super) closed: bool,
}

/// A message of several lines.
#[derive(Debug)]
pub(super) struct Joined {
    /// Its first line.
    first: Content,
    payload: Vec<u8>,
}

impl Held {
    /// The length of the payload so far.
    pub(super) fn length(&self) -> usize {
        let joined = self.joined.as_ref();
        joined.map_or(self.found.payload.len(), |joined| joined.payload.len())
    }
}

impl Framer {
    /// Decides whether the line end that a message without a length has reached ends the message.
    ///
    /// Responses start with CRLF. Text directly after the line end is either a line from a module that omits that CRLF,
    /// or the rest of a payload that contains a line end.
    pub(super) fn settle(&mut self, expect: Expect<'_>) -> Option<Content> {
        while let Position::Held(held) = &mut self.position {
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
            let joined = held.joined.get_or_insert_with(|| {
                let first = held.found.message(&self.buffer[self.line.start()..], &self.layout);
                let payload = first.payload().to_vec();
                Box::new(Joined { first, payload })
            });
            // The quote after the payload was taken to be the module's, but was the payload's own.
            if held.closed {
                joined.payload.push(QUOTE);
            }
            held.closed = held.quoted && line.ends_with(b"\"");
            let text = &line[..line.len() - usize::from(held.closed)];
            joined.payload.extend_from_slice(b"\r\n");
            joined.payload.extend_from_slice(text);
            let text_end = self.start + text.len();
            self.payload = (self.payload.start()..text_end).into();
            self.line = (self.line.start()..text_end).into();
            self.consume_to(end + 1);
        }
        // Frame again from the start what was read as one line.
        self.scanned = self.start;
        self.take_held()
    }

    /// The message held back, as far as it goes.
    pub(super) fn take_held(&mut self) -> Option<Content> {
        let Position::Held(held) = &mut self.position else {
            return None;
        };
        let message = match held.joined.take() {
            Some(joined) => joined.first.with_doubtful_payload(&joined.payload),
            None => held.found.message(&self.buffer[self.line.start()..], &self.layout),
        };
        self.position = Position::Line;
        Some(message)
    }
}
