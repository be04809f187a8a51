//! Where a `+QMTRECV` ends.
//!
//! It is the one line whose end depends on its fields: with a length the payload is that many bytes, whatever they
//! are; without one it runs to the end of the line, and a line end inside the payload cannot be told from the
//! message's own. Six layouts are met in the field: topic quoted or not, length or not, payload quoted or not, and
//! the payload on a line of its own behind the length. Quotes inside a payload are never escaped.

use modemqtt_at::ascii::{CR, LF, QUOTE};

mod counted;
mod cursor;
mod layout;

use cursor::{Cursor, Missing};
pub(crate) use layout::Layout;
use layout::Wrapping;

use crate::trace::Place;

const PREFIX: &[u8] = b"+QMTRECV";
/// The longest payload believed: far above what any module's buffer holds.
pub(crate) const LONGEST_PAYLOAD: usize = 128 * 1024;
/// The longest answer to `AT+QMTRECV?`: a client, and a flag for each of a few places.
const LONGEST_FLAGS: usize = 256;
/// The longest topic (MQTT 3.1.1 section 1.5.3).
const LONGEST_TOPIC: usize = 65_535;
/// The longest head: prefix, client index, message id, commas and a few blanks.
const LONGEST_HEAD: usize = 40;

/// A received message as it stood on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    /// Client index.
    pub client: u8,
    /// Message id; 0 for QoS 0.
    pub message_id: u16,
    /// Topic, without quotes.
    pub topic: Vec<u8>,
    /// Payload, without the quotes round it.
    pub payload: Vec<u8>,
    /// Whether the layout left no doubt where the payload ends.
    pub complete: bool,
    /// Where the payload begins and ends on the line, as it was printed.
    pub place: Place,
}

/// How far a message has been read, so that each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) enum Progress {
    /// At the start of a line.
    #[default]
    Head,
    /// In the topic.
    Topic {
        head: Head,
        at: usize,
        scanned: usize,
        lines: Lines,
    },
    /// Behind the topic, where a length may stand.
    Length {
        head: Head,
        topic: (usize, usize),
        at: usize,
    },
    /// In a payload whose length is known.
    Counted {
        head: Head,
        topic: (usize, usize),
        at: usize,
        length: usize,
        /// Where the length begins if its line ends with it.
        alone: Option<usize>,
    },
    /// In a payload that ends with its line.
    Open {
        head: Head,
        topic: (usize, usize),
        at: usize,
        scanned: usize,
    },
}

impl Progress {
    pub(crate) fn in_payload(&self) -> bool {
        matches!(self, Self::Counted { .. } | Self::Open { .. })
    }

    /// How the lines of a topic stand, in one.
    pub(crate) fn topic_lines(&self) -> Option<Lines> {
        match self {
            Self::Topic { lines, .. } => Some(*lines),
            _ => None,
        }
    }
}

/// The lines of a topic in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// One so far.
    One,
    /// A line end stands in it, or the rest of its line was lost.
    Several,
    /// The same, and a quote before the line end: the line may have ended there, without a payload.
    Closed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    client: u8,
    message_id: u16,
}

/// What stands at the start of a line.
pub(crate) enum Parsed {
    /// Not a message.
    Other,
    /// It may be one; more bytes are needed.
    Incomplete,
    /// A message whose end is certain.
    Message { message: RawMessage, consumed: usize },
    /// A message that has reached a line end, which may be its own.
    Unterminated { message: RawMessage, consumed: usize },
}

/// Reads on where the last call stopped. `bytes` starts where the line starts.
pub(crate) fn parse(bytes: &[u8], layout: &mut Layout, progress: &mut Progress) -> Parsed {
    loop {
        let step = match progress {
            Progress::Head => head(bytes),
            Progress::Topic {
                head,
                at,
                scanned,
                lines,
            } => topic(bytes, *head, *at, scanned, lines),
            Progress::Length { head, topic, at } => length(bytes, layout, *head, *topic, *at),
            Progress::Counted {
                head,
                topic,
                at,
                length,
                alone,
            } => counted::read(bytes, layout.hex.get(head.client), *head, *topic, *at, *length, *alone),
            Progress::Open {
                head,
                topic,
                at,
                scanned,
            } => open(bytes, layout, *head, *topic, *at, scanned),
        };
        match step {
            Step::Go(next) => *progress = next,
            Step::More => return Parsed::Incomplete,
            Step::End(mut parsed) => {
                *progress = Progress::Head;
                if let Parsed::Message { message, .. } | Parsed::Unterminated { message, .. } = &mut parsed {
                    layout.decode(message);
                }
                return parsed;
            }
        }
    }
}

/// Whether a line is `+QMTRECV:` and numbers alone, as `AT+QMTRECV?` is answered. `None` while that cannot be told.
pub(crate) fn is_flags(bytes: &[u8]) -> Option<bool> {
    let known = bytes.len().min(PREFIX.len());
    if bytes[..known] != PREFIX[..known] {
        return Some(false);
    }
    let odd = |byte: &&u8| !matches!(**byte, b'0'..=b'9' | b',' | b' ' | b':');
    let end = bytes[known..]
        .iter()
        .take(LONGEST_FLAGS)
        .find(odd)
        .map(|&byte| byte == CR);
    end.or_else(|| (bytes.len() > LONGEST_FLAGS).then_some(false))
}

/// Ends a payload whose end has not come: the message goes as far as its first line end, and what follows is read
/// as lines again, so that nothing is lost. `None` while not even a line end is there.
pub(crate) fn give_up(bytes: &[u8], layout: &Layout, progress: &mut Progress) -> Option<(RawMessage, usize)> {
    if let Progress::Counted {
        head,
        topic,
        at,
        alone: Some(from),
        ..
    } = *progress
    {
        *progress = Progress::Head;
        let mut message = length_for_payload(bytes, head, topic, from, at);
        layout.decode(&mut message);
        return Some((message, at));
    }
    if let Progress::Counted {
        head,
        topic,
        at,
        length,
        ..
    } = *progress
    {
        let (from, to, complete, consumed) = counted::cut_short(bytes, layout.hex.get(head.client), at, length)?;
        *progress = Progress::Head;
        let mut message = message(bytes, head, topic, (from, to), complete);
        layout.decode(&mut message);
        return Some((message, consumed));
    }
    let Progress::Open { head, topic, at, .. } = *progress else {
        return None;
    };
    let end = find_line_end(bytes, at)?;
    *progress = Progress::Head;
    // Some firmware prints no closing quote when the payload held a NUL.
    let mut message = message(bytes, head, topic, ((at + 1).min(end), end), false);
    layout.decode(&mut message);
    Some((message, end + 2))
}

enum Step {
    Go(Progress),
    More,
    End(Parsed),
}

const OTHER: Step = Step::End(Parsed::Other);

fn head(bytes: &[u8]) -> Step {
    let known = bytes.len().min(PREFIX.len());
    if bytes[..known] != PREFIX[..known] {
        return OTHER;
    }
    let mut cursor = Cursor {
        bytes,
        at: PREFIX.len(),
    };
    let fields = cursor
        .separator(b':')
        .and_then(|()| cursor.number())
        .and_then(|client| cursor.separator(b',').map(|()| client))
        .and_then(|client| cursor.number().map(|id| (client, id)))
        .and_then(|fields| cursor.exactly(b',').map(|()| fields));
    match fields {
        Ok(_) if cursor.at > LONGEST_HEAD => OTHER,
        Ok((client, message_id)) => match (u8::try_from(client), u16::try_from(message_id)) {
            (Ok(client), Ok(message_id)) if client < 32 => Step::Go(Progress::Topic {
                head: Head { client, message_id },
                at: cursor.at,
                scanned: cursor.at,
                lines: Lines::One,
            }),
            _ => OTHER,
        },
        Err(Missing::More) if bytes.len() <= LONGEST_HEAD => Step::More,
        Err(_) => OTHER,
    }
}

/// A quoted topic ends at a quote before a comma, and a line end inside is its own. An unquoted one ends at its comma, and holds
/// no line end: it could not be told from that of a line.
fn topic(bytes: &[u8], head: Head, at: usize, scanned: &mut usize, lines: &mut Lines) -> Step {
    let Some(&first) = bytes.get(at) else { return Step::More };
    if first == b' ' && at > 2 * LONGEST_HEAD {
        return OTHER;
    }
    if first == b' ' {
        return Step::Go(Progress::Topic {
            head,
            at: at + 1,
            scanned: at + 1,
            lines: Lines::One,
        });
    }
    let quoted = first == QUOTE;
    let mut from = (*scanned).max(at + usize::from(quoted));
    let next = |from: usize, lines: Lines| {
        let rest = &bytes[from..];
        let found = match (quoted, lines) {
            (false, _) => memchr::memchr2(b',', CR, rest),
            (true, Lines::One) => memchr::memchr2(QUOTE, CR, rest),
            (true, _) => memchr::memchr3(QUOTE, b'+', b'#', rest),
        };
        found.map(|found| from + found)
    };
    while let Some(found) = next(from, *lines) {
        match bytes[found] {
            CR if quoted => {
                let closed = found > at + 1 && bytes[found - 1] == QUOTE;
                *lines = if closed { Lines::Closed } else { Lines::Several };
            }
            QUOTE => match bytes.get(found + 1) {
                None => {
                    *scanned = found;
                    return Step::More;
                }
                Some(b',') => {
                    return Step::Go(Progress::Length {
                        head,
                        topic: (at + 1, found),
                        at: found + 2,
                    });
                }
                Some(_) => {}
            },
            b',' => {
                return Step::Go(Progress::Length {
                    head,
                    topic: (at, found),
                    at: found + 1,
                });
            }
            // The end of a line without a payload, or a byte that no topic holds (MQTT 3.1.1 section 4.7.1): the rest of the line
            // was lost.
            _ => return OTHER,
        }
        from = found + 1;
    }
    *scanned = bytes.len().max(at);
    if bytes.len() - at > LONGEST_TOPIC + 2 {
        OTHER
    } else {
        Step::More
    }
}

fn length(bytes: &[u8], layout: &Layout, head: Head, topic: (usize, usize), at: usize) -> Step {
    let open = || {
        Step::Go(Progress::Open {
            head,
            topic,
            at,
            scanned: at,
        })
    };
    let shown = layout.length_shown.get(head.client);
    // A module that puts payloads in quotes prints a number in front of one only as its length: another program has
    // left the setting on.
    let guessed = layout.switchable && layout.wrapping != Wrapping::Never;
    if !(shown || guessed) {
        return open();
    }
    let mut cursor = Cursor { bytes, at };
    cursor.blanks();
    if cursor.at - at > LONGEST_HEAD {
        return open();
    }
    match cursor.number() {
        Err(Missing::More) => Step::More,
        Ok(length) if length <= LONGEST_PAYLOAD => match (bytes.get(cursor.at), bytes.get(cursor.at + 1)) {
            (Some(b','), Some(&next)) if !shown && next != QUOTE => open(),
            (Some(b','), None) if !shown => Step::More,
            (Some(b','), _) => Step::Go(Progress::Counted {
                head,
                topic,
                at: cursor.at + 1,
                length,
                alone: None,
            }),
            // The payload on the next line.
            (Some(&CR), Some(&LF)) if shown => Step::Go(Progress::Counted {
                head,
                topic,
                at: cursor.at + 2,
                length,
                alone: Some(at),
            }),
            (None, _) => Step::More,
            (Some(&CR), None) if shown => Step::More,
            _ => open(),
        },
        // None can be read: it was damaged, the setting was lost, or the firmware does not know it.
        _ => open(),
    }
}

/// The payload that a length announced on a line of its own does not follow: the number may have been the payload. What
/// follows is read as lines, so that nothing is lost.
fn length_for_payload(bytes: &[u8], head: Head, topic: (usize, usize), from: usize, at: usize) -> RawMessage {
    message(bytes, head, topic, (from, at - 2), false)
}

fn open(bytes: &[u8], layout: &mut Layout, head: Head, topic: (usize, usize), at: usize, scanned: &mut usize) -> Step {
    let Some(&first) = bytes.get(at) else { return Step::More };
    // A note's own example has a blank before the quote.
    let quote = if first == b' ' && bytes.get(at + 1) == Some(&QUOTE) {
        at + 1
    } else {
        at
    };
    let wrapped = bytes[quote] == QUOTE && layout.wrapping != Wrapping::Never;
    // A length was due and none could be read: what stands here may begin with what is left of it.
    let length_due = layout.length_shown.get(head.client);
    let mut from = *scanned;
    while let Some(end) = find_line_end(bytes, from) {
        if !wrapped {
            if bytes[quote] != QUOTE {
                layout.unquoted_payload_seen();
            }
            return Step::End(Parsed::Unterminated {
                message: message(bytes, head, topic, (at, end), !length_due),
                consumed: end + 2,
            });
        }
        if end > quote + 1 && bytes[end - 1] == QUOTE {
            // A line end before this one was inside the payload, or the end of a payload whose quote is missing.
            let first_line = find_line_end(bytes, at) == Some(end);
            let complete = first_line && layout.wrapping == Wrapping::Always && !length_due;
            let message = message(bytes, head, topic, (quote + 1, end - 1), complete);
            let consumed = end + 2;
            // The quote may be the payload's own as well.
            return Step::End(if first_line {
                Parsed::Unterminated { message, consumed }
            } else {
                Parsed::Message { message, consumed }
            });
        }
        if layout.wrapping != Wrapping::Always {
            // One quote at the front only: the payload's own, or the module's before a payload that holds a line end, or
            // of which it prints no more.
            return Step::End(Parsed::Unterminated {
                message: message(bytes, head, topic, (at, end), false),
                consumed: end + 2,
            });
        }
        from = end + 2;
    }
    *scanned = bytes.len().saturating_sub(1).max(at);
    if bytes.len() - at > LONGEST_PAYLOAD {
        OTHER
    } else {
        Step::More
    }
}

fn message(bytes: &[u8], head: Head, topic: (usize, usize), payload: (usize, usize), complete: bool) -> RawMessage {
    RawMessage {
        client: head.client,
        message_id: head.message_id,
        topic: bytes[topic.0..topic.1].to_vec(),
        payload: bytes[payload.0..payload.1].to_vec(),
        complete,
        place: (payload.0..payload.1).into(),
    }
}

fn find_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..)?, b"\r\n").map(|at| from + at)
}
