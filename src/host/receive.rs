//! Where a `+QMTRECV` ends.
//!
//! It is the one line whose end depends on its fields: with a length the payload is that many bytes, whatever they
//! are; without one it runs to the end of the line, and a line end inside the payload cannot be told from the
//! message's own. Six layouts are met in the field: topic quoted or not, length or not, payload quoted or not, and
//! the payload on a line of its own behind the length. Quotes inside a payload are never escaped.

use modemqtt_at::ascii::{CR, LF, QUOTE};
use modemqtt_at::dialect::ReceiveUrc;

const PREFIX: &[u8] = b"+QMTRECV";
/// The longest payload believed: far above what any module's buffer holds.
pub(crate) const LONGEST_PAYLOAD: usize = 128 * 1024;
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
}

/// Whether quotes round a payload without a length are the module's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wrapping {
    /// The note says so.
    #[default]
    Always,
    /// The note has it both ways.
    Doubtful,
    /// The module was seen to print a payload without: any quotes are the payload's own.
    Never,
}

/// How the module at hand prints messages.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    wrapping: Wrapping,
    length_shown: u32,
}

impl Layout {
    pub(crate) fn of(row: ReceiveUrc) -> Self {
        Self {
            wrapping: if row.payload_quoted {
                Wrapping::Always
            } else {
                Wrapping::Doubtful
            },
            length_shown: 0,
        }
    }

    pub(crate) fn set_length_shown(&mut self, client: u8, shown: bool) {
        let bit = 1u32.checked_shl(u32::from(client)).unwrap_or(0);
        self.length_shown = if shown {
            self.length_shown | bit
        } else {
            self.length_shown & !bit
        };
    }

    fn length_shown(&self, client: u8) -> bool {
        self.length_shown.checked_shr(u32::from(client)).unwrap_or(0) & 1 == 1
    }
}

/// How far a message has been read, so that each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) enum Progress {
    /// At the start of a line.
    #[default]
    Head,
    /// In the topic.
    Topic { head: Head, at: usize, scanned: usize },
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
            Progress::Topic { head, at, scanned } => topic(bytes, *head, *at, scanned),
            Progress::Length { head, topic, at } => length(bytes, layout, *head, *topic, *at),
            Progress::Counted {
                head,
                topic,
                at,
                length,
            } => counted(bytes, *head, *topic, *at, *length),
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
            Step::End(parsed) => {
                *progress = Progress::Head;
                return parsed;
            }
        }
    }
}

/// Ends a payload whose end has not come: the message goes as far as its first line end, and what follows is read
/// as lines again, so that nothing is lost. `None` while not even a line end is there.
pub(crate) fn give_up(bytes: &[u8], progress: &mut Progress) -> Option<(RawMessage, usize)> {
    let (Progress::Counted { head, topic, at, .. } | Progress::Open { head, topic, at, .. }) = *progress else {
        return None;
    };
    let end = find_line_end(bytes, at)?;
    // Some firmware prints no closing quote when the payload held a NUL.
    let from = if matches!(progress, Progress::Open { .. }) {
        at + 1
    } else {
        at
    };
    *progress = Progress::Head;
    Some((message(bytes, head, topic, (from.min(end), end), false), end + 2))
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
        Ok((client, message_id)) => match (u8::try_from(client), u16::try_from(message_id)) {
            (Ok(client), Ok(message_id)) if client < 32 => Step::Go(Progress::Topic {
                head: Head { client, message_id },
                at: cursor.at,
                scanned: cursor.at,
            }),
            _ => OTHER,
        },
        Err(Missing::More) if bytes.len() <= LONGEST_HEAD => Step::More,
        Err(_) => OTHER,
    }
}

/// A quoted topic ends at a quote before a comma, an unquoted one at its comma; neither holds a line end.
fn topic(bytes: &[u8], head: Head, at: usize, scanned: &mut usize) -> Step {
    let Some(&first) = bytes.get(at) else { return Step::More };
    if first == b' ' {
        return Step::Go(Progress::Topic {
            head,
            at: at + 1,
            scanned: at + 1,
        });
    }
    let quoted = first == QUOTE;
    let mut from = (*scanned).max(at + usize::from(quoted));
    while let Some(found) = memchr::memchr3(b',', QUOTE, CR, &bytes[from..]).map(|found| from + found) {
        match bytes[found] {
            CR => return OTHER,
            QUOTE if quoted => match bytes.get(found + 1) {
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
            b',' if !quoted => {
                return Step::Go(Progress::Length {
                    head,
                    topic: (at, found),
                    at: found + 1,
                });
            }
            _ => {}
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
    if !layout.length_shown(head.client) {
        return open();
    }
    let mut cursor = Cursor { bytes, at };
    cursor.blanks();
    match cursor.number() {
        Err(Missing::More) => Step::More,
        Ok(length) if length <= LONGEST_PAYLOAD => match (bytes.get(cursor.at), bytes.get(cursor.at + 1)) {
            (Some(b','), _) => Step::Go(Progress::Counted {
                head,
                topic,
                at: cursor.at + 1,
                length,
            }),
            // The payload on the next line.
            (Some(&CR), Some(&LF)) => Step::Go(Progress::Counted {
                head,
                topic,
                at: cursor.at + 2,
                length,
            }),
            (None, _) | (Some(&CR), None) => Step::More,
            _ => open(),
        },
        // A length was due and none is there: the setting was lost, or the firmware does not know it.
        _ => open(),
    }
}

/// The length rules; what follows tells which layout it counts in.
fn counted(bytes: &[u8], head: Head, topic: (usize, usize), at: usize, length: usize) -> Step {
    let end_at = |at: usize| bytes.get(at..at + 2).map(|end| end == b"\r\n");
    let done = |from: usize, consumed: usize| {
        Step::End(Parsed::Message {
            message: message(bytes, head, topic, (from, from + length), true),
            consumed,
        })
    };
    match end_at(at + length) {
        Some(true) => return done(at, at + length + 2),
        None => return Step::More,
        Some(false) => {}
    }
    if bytes[at] == QUOTE && bytes[at + length + 1] == QUOTE {
        match end_at(at + length + 2) {
            Some(true) => return done(at + 1, at + length + 4),
            None => return Step::More,
            Some(false) => {}
        }
    }
    // A blank before the quote, as in a note's own example.
    if bytes.get(at..at + 2) == Some(b" \"") && bytes.get(at + length + 2).is_none_or(|&byte| byte == QUOTE) {
        match end_at(at + length + 3) {
            Some(true) => return done(at + 2, at + length + 5),
            None => return Step::More,
            Some(false) => {}
        }
    }
    // Comma, line end, payload.
    if end_at(at) == Some(true) {
        match end_at(at + 2 + length) {
            Some(true) => return done(at + 2, at + length + 4),
            None => return Step::More,
            Some(false) => {}
        }
    }
    // The length does not fit: bytes were lost, or the firmware counts something else.
    match find_line_end(bytes, at) {
        Some(end) => Step::End(Parsed::Message {
            message: message(bytes, head, topic, (at, end), false),
            consumed: end + 2,
        }),
        None if bytes.len() - at > LONGEST_PAYLOAD => OTHER,
        None => Step::More,
    }
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
    let mut from = *scanned;
    while let Some(end) = find_line_end(bytes, from) {
        if !wrapped {
            layout.wrapping = Wrapping::Never;
            return Step::End(Parsed::Unterminated {
                message: message(bytes, head, topic, (at, end), true),
                consumed: end + 2,
            });
        }
        if end > quote + 1 && bytes[end - 1] == QUOTE {
            // A line end before this one was inside the payload, or the end of a payload whose quote is missing.
            let first_line = find_line_end(bytes, at) == Some(end);
            let complete = first_line && layout.wrapping == Wrapping::Always;
            return Step::End(Parsed::Message {
                message: message(bytes, head, topic, (quote + 1, end - 1), complete),
                consumed: end + 2,
            });
        }
        if layout.wrapping == Wrapping::Doubtful {
            // One quote at the front only is the payload's own.
            layout.wrapping = Wrapping::Never;
            return Step::Go(Progress::Open {
                head,
                topic,
                at,
                scanned: at,
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
    }
}

fn find_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..)?, b"\r\n").map(|at| from + at)
}

enum Missing {
    /// More bytes may bring it.
    More,
    /// Something else stands there.
    Wrong,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// A separator, with blanks round it.
    fn separator(&mut self, separator: u8) -> Result<(), Missing> {
        self.blanks();
        self.exactly(separator)?;
        self.blanks();
        Ok(())
    }

    fn exactly(&mut self, wanted: u8) -> Result<(), Missing> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Missing::Wrong),
            None => Err(Missing::More),
        }
    }

    /// A decimal number that something follows.
    fn number(&mut self) -> Result<usize, Missing> {
        let digits = self.bytes[self.at.min(self.bytes.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if self.bytes.get(self.at + digits).is_none() && digits <= 7 {
            return Err(Missing::More);
        }
        let text = std::str::from_utf8(&self.bytes[self.at..self.at + digits]).map_err(|_| Missing::Wrong)?;
        let number = text.parse().map_err(|_| Missing::Wrong)?;
        self.at += digits;
        Ok(number)
    }

    fn blanks(&mut self) {
        while self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }
}
