//! A recording as steps: what the host sent, cut into command lines and data, and what the module printed.

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_at::ascii::CR;
use modemqtt_recording::{Entry, Piece, Span, What};

/// How much of what the module printed is looked at to know what the host's next bytes are.
const TAIL: usize = 64;
/// How much a module may have printed into the middle of a line of the host's.
const INTO_A_LINE: usize = 64 * 1024;

/// Bytes and those of them that stand for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) bytes: Vec<u8>,
    pub(super) spans: Vec<Span>,
}

impl Marked {
    fn push(&mut self, byte: u8, span: Option<&Span>) {
        if let Some(span) = span {
            match self.spans.last_mut() {
                Some(last)
                    if last.start + last.length == self.bytes.len() && (last.kind, last.id) == (span.kind, span.id) =>
                {
                    last.length += 1;
                }
                _ => self.spans.push(Span {
                    start: self.bytes.len(),
                    length: 1,
                    ..*span
                }),
            }
        }
        self.bytes.push(byte);
    }
}

/// What the host's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line, which its CR ends.
    Line,
    /// What a module has asked for.
    Data,
}

/// Something that the host sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) at: Duration,
    /// The line of the file that it begins in.
    pub(super) line: u64,
    pub(super) form: Form,
    pub(super) text: Marked,
}

/// One step of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Sent(Sent),
    Printed(Duration, Marked),
}

/// Cuts entries into steps.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// What the host is in the middle of.
    open: Option<Sent>,
    /// What the module has printed meanwhile.
    meanwhile: Vec<(Duration, Marked)>,
    /// The last of what it has printed.
    tail: Vec<u8>,
    steps: VecDeque<Recorded>,
}

impl Cutter {
    /// Takes an entry, with its line in the file.
    pub(super) fn take(&mut self, entry: Entry, line: u64) {
        if let What::Piece(piece) = entry.what {
            if piece.sent {
                self.sent(entry.at, line, &piece);
            } else {
                self.printed(entry.at, piece);
            }
        }
    }

    /// There are no more.
    pub(super) fn finish(&mut self) {
        self.close();
    }

    pub(super) fn next(&mut self) -> Option<Recorded> {
        self.steps.pop_front()
    }

    fn sent(&mut self, at: Duration, line: u64, piece: &Piece) {
        let answered = self.open.as_ref().is_some_and(|open| open.form == Form::Data) && !self.meanwhile.is_empty();
        if answered
            && piece
                .bytes
                .get(..2)
                .is_some_and(|head| head.eq_ignore_ascii_case(b"AT"))
        {
            self.close();
            self.tail.clear();
        }
        let mut spans = piece.spans.iter().peekable();
        for (place, byte) in piece.bytes.iter().enumerate() {
            while spans.next_if(|span| span.start + span.length <= place).is_some() {}
            let span = spans.peek().copied().filter(|span| span.start <= place);
            let form = if asks_for_data(&self.tail) {
                Form::Data
            } else {
                Form::Line
            };
            let open = self.open.get_or_insert_with(|| Sent {
                at,
                line,
                form,
                text: Marked::default(),
            });
            open.text.push(*byte, span);
            if open.form == Form::Line && *byte == CR {
                self.close();
                self.tail.clear();
            }
        }
    }

    fn printed(&mut self, at: Duration, piece: Piece) {
        self.tail
            .extend_from_slice(&piece.bytes[piece.bytes.len().saturating_sub(TAIL)..]);
        let beyond = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..beyond);
        let ends = ends_what_was_sent(&piece.bytes);
        let marked = Marked {
            bytes: piece.bytes,
            spans: piece.spans,
        };
        if self.open.is_none() {
            return self.steps.push_back(Recorded::Printed(at, marked));
        }
        self.meanwhile.push((at, marked));
        let held: usize = self.meanwhile.iter().map(|(_, marked)| marked.bytes.len()).sum();
        if ends || held > INTO_A_LINE {
            self.close();
        }
    }

    fn close(&mut self) {
        self.steps.extend(self.open.take().map(Recorded::Sent));
        let meanwhile = self.meanwhile.drain(..);
        self.steps
            .extend(meanwhile.map(|(at, marked)| Recorded::Printed(at, marked)));
    }
}

/// Whether the last that a module printed is a prompt, or the word that opens a data phase.
fn asks_for_data(tail: &[u8]) -> bool {
    let text = tail.trim_ascii_end();
    text.ends_with(b"\n>") || text == b">" || text.ends_with(b"\nCONNECT") || text == b"CONNECT"
}

/// Whether it holds a final result code, or anything else that does not belong to a data phase.
fn ends_what_was_sent(printed: &[u8]) -> bool {
    printed.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| {
        matches!(
            line,
            b"OK" | b"ERROR" | b"SEND OK" | b"SEND FAIL" | b"CONNECT" | b">" | b"> "
        ) || line.starts_with(b"+CME ERROR")
            || line.starts_with(b"+CMS ERROR")
            || line.starts_with(b"+QFUPL")
    })
}
