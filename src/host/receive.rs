//! Where a `+QMTRECV` ends.
//!
//! The end of this line, unlike that of any other, depends on its fields. With a length, the payload is that many
//! bytes, whatever they are; without one, it runs to the end of the line, and a line end inside the payload looks like
//! the message's own. Six layouts occur in the field: topic quoted or not, length or not, payload quoted or not, and
//! payload on its own line after the length. Quotes inside a payload are never escaped.

use modemqtt_at::ascii::{CR, LF, QUOTE};
use modemqtt_at::find::first_of;

use crate::message::Content;
use crate::trace::Place;

mod counted;
mod cursor;
mod layout;

use cursor::{Cursor, Missing};
pub(crate) use layout::Layout;
use layout::Wrapping;

const PREFIX: &[u8; 8] = b"+QMTRECV";
/// The longest payload accepted: far above the capacity of any module's buffer.
pub(crate) const LONGEST_PAYLOAD: usize = 128 * 1024;
/// The longest answer to `AT+QMTRECV?`: a client, and a flag for each of its few slots.
const LONGEST_FLAGS: usize = 256;
/// The longest topic (MQTT 3.1.1 section 1.5.3).
const LONGEST_TOPIC: usize = 65_535;
/// The longest head: prefix, client index, message id, commas and a few blanks.
const LONGEST_HEAD: usize = 40;

/// A message by its places on the line, from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    head: Head,
    topic: Place,
    pub(crate) payload: Place,
    complete: bool,
}

impl Found {
    /// The message, taken from the bytes that it was found in.
    pub(crate) fn message(self, bytes: &[u8], layout: &Layout) -> Content {
        let (topic, payload) = (self.topic, self.payload);
        let Head { client, message_id } = self.head;
        let mut complete = self.complete;
        if layout.hex.get(client) {
            // If it is not hexadecimal, it stays unchanged and is marked.
            match layout::undigits(payload.of(bytes)) {
                Some(payload) => return Content::new(client, message_id, topic.of(bytes), &payload, complete),
                None => complete = false,
            }
        }
        Content::within(client, message_id, bytes, topic, payload, complete)
    }
}

/// How far a message has been read, so that each byte is looked at once. Fields that the section has not reached mean
/// nothing yet.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    section: Section,
    head: Head,
    topic: Place,
    /// Where the current section begins.
    at: usize,
    /// Nothing that ends it lies before this position.
    scanned: usize,
    lines: TopicLines,
    /// Whether a line end lies in the payload read so far.
    torn: bool,
    /// The length of the payload, if known.
    length: usize,
    /// Where the length begins, if nothing follows it on its line.
    alone: Option<usize>,
}

/// Which part of a message comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    /// At the start of a line.
    #[default]
    Head,
    /// In the topic.
    Topic,
    /// After the topic, where a length may stand.
    Length,
    /// In a payload whose length is known.
    Counted,
    /// In a payload that ends with the line.
    Open,
}

impl Scan {
    /// Returns to the start of a line.
    pub(crate) fn restart(&mut self) {
        self.section = Section::Head;
    }

    pub(crate) fn in_payload(&self) -> bool {
        matches!(self.section, Section::Counted | Section::Open)
    }

    /// The lines of the topic being read, if one is.
    pub(crate) fn topic_lines(&self) -> Option<TopicLines> {
        (self.section == Section::Topic).then_some(self.lines)
    }

    /// Goes on to this section, which begins at `at`.
    fn go(&mut self, section: Section, at: usize) -> Advance {
        self.section = section;
        self.at = at;
        self.scanned = at;
        self.torn = false;
        Advance::Go
    }

    /// Takes bytes that follow the `known` ones if they do no more than lengthen the topic or the payload; returns
    /// whether they do.
    #[inline]
    pub(crate) fn lengthen(&mut self, known: usize, more: &[u8]) -> bool {
        let length = known + more.len();
        match self.section {
            Section::Topic
                if self.lines == TopicLines::One
                    && self.scanned == known
                    && known > self.at
                    && length - self.at <= LONGEST_TOPIC
                    && first_of([QUOTE, CR, b','], more).is_none() =>
            {
                self.scanned = length;
                true
            }
            Section::Open if length - self.at <= LONGEST_PAYLOAD && first_of([LF], more).is_none() => {
                // The last byte may be the CR of a line end.
                self.scanned = length.saturating_sub(1).max(self.at);
                true
            }
            _ => false,
        }
    }

    /// The message if no payload follows the length on a line of its own, which begins at `from`: the number may have
    /// been the payload. The rest is read as lines, so that nothing is lost.
    fn without_payload(&self, from: usize) -> Found {
        self.found(from..self.at - 2, false)
    }

    /// The message with this payload.
    fn found(&self, payload: impl Into<Place>, complete: bool) -> Found {
        Found {
            head: self.head,
            topic: self.topic,
            payload: payload.into(),
            complete,
        }
    }
}

/// The lines of a quoted topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TopicLines {
    /// One so far.
    #[default]
    One,
    /// It contains a line end, or the rest of its line was lost.
    Several,
    /// The same, with a quote before the line end: the line may have ended there, without a payload.
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    client: u8,
    message_id: u16,
}

/// What the start of a line turned out to be.
pub(crate) enum Parsed {
    /// Not a message.
    Other,
    /// Possibly a message; more bytes are needed.
    Incomplete,
    /// A message whose end is certain.
    Message { found: Found, consumed: usize },
    /// A message that has reached a line end, which may be its own.
    Unterminated { found: Found, consumed: usize },
}

/// Continues where the last call stopped. `bytes` starts at the start of the line.
pub(crate) fn parse(bytes: &[u8], layout: &mut Layout, scan: &mut Scan) -> Parsed {
    loop {
        let step = match scan.section {
            Section::Head => head(bytes, scan),
            Section::Topic => topic(bytes, scan),
            Section::Length => length(bytes, layout, scan),
            Section::Counted => counted::payload(bytes, layout.hex.get(scan.head.client), scan),
            Section::Open => open(bytes, layout, scan),
        };
        match step {
            Advance::Go => {}
            Advance::More => return Parsed::Incomplete,
            Advance::End(parsed) => {
                scan.restart();
                return match parsed {
                    // A response starts with CRLF, a line of a payload hardly ever.
                    Parsed::Unterminated { found, consumed } if matches!(bytes.get(consumed), Some(&(CR | LF))) => {
                        Parsed::Message { found, consumed }
                    }
                    parsed => parsed,
                };
            }
        }
    }
}

/// Whether a line is `+QMTRECV:` followed only by numbers, the answer to `AT+QMTRECV?`. `None` while undecided.
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

/// Gives up on a payload whose end has not come: the message ends at its first line end, and the rest is read as lines,
/// so that nothing is lost. `None` if there is no line end yet.
pub(crate) fn give_up(bytes: &[u8], layout: &Layout, scan: &mut Scan) -> Option<(Found, usize)> {
    let at = scan.at;
    let (payload, complete, consumed) = match (scan.section, scan.alone) {
        (Section::Counted, Some(from)) => (scan.without_payload(from).payload, false, at),
        (Section::Counted, None) => {
            let hex = layout.hex.get(scan.head.client);
            let (from, to, complete, consumed) = counted::cut_short(bytes, hex, at, scan.length)?;
            (Place::from(from..to), complete, consumed)
        }
        (Section::Open, _) => {
            let end = find_line_end(bytes, at)?;
            // Some firmware prints no closing quote if the payload contains a NUL.
            (((at + 1).min(end)..end).into(), false, end + 2)
        }
        (Section::Head | Section::Topic | Section::Length, _) => return None,
    };
    scan.restart();
    Some((scan.found(payload, complete), consumed))
}

enum Advance {
    Go,
    More,
    End(Parsed),
}

const OTHER: Advance = Advance::End(Parsed::Other);

fn head(bytes: &[u8], scan: &mut Scan) -> Advance {
    match bytes.first_chunk() {
        Some(start) if start == PREFIX => {}
        None if PREFIX.starts_with(bytes) => return Advance::More,
        _ => return OTHER,
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
            (Ok(client), Ok(message_id)) if client < 32 => {
                scan.head = Head { client, message_id };
                scan.lines = TopicLines::One;
                scan.go(Section::Topic, cursor.at)
            }
            _ => OTHER,
        },
        Err(Missing::More) if bytes.len() <= LONGEST_HEAD => Advance::More,
        Err(_) => OTHER,
    }
}

/// A quoted topic ends at a quote before a comma, and may contain line ends. An unquoted one ends at its comma and
/// contains none, since a line end in it would look like the end of the line.
fn topic(bytes: &[u8], scan: &mut Scan) -> Advance {
    let at = scan.at;
    let Some(&first) = bytes.get(at) else {
        return Advance::More;
    };
    if first == b' ' && at > 2 * LONGEST_HEAD {
        return OTHER;
    }
    if first == b' ' {
        scan.lines = TopicLines::One;
        return scan.go(Section::Topic, at + 1);
    }
    let quoted = first == QUOTE;
    let mut from = scan.scanned.max(at + usize::from(quoted));
    let next = |from: usize, lines: TopicLines| {
        let rest = &bytes[from..];
        let found = match (quoted, lines) {
            (false, _) => first_of([b',', CR], rest),
            (true, TopicLines::One) => first_of([QUOTE, CR], rest),
            (true, _) => first_of([QUOTE, b'+', b'#'], rest),
        };
        found.map(|found| from + found)
    };
    while let Some(found) = next(from, scan.lines) {
        match bytes[found] {
            CR if quoted => {
                let closed = found > at + 1 && bytes[found - 1] == QUOTE;
                scan.lines = if closed {
                    TopicLines::Closed
                } else {
                    TopicLines::Several
                };
            }
            QUOTE => match bytes.get(found + 1) {
                None => {
                    scan.scanned = found;
                    return Advance::More;
                }
                Some(b',') => {
                    scan.topic = (at + 1..found).into();
                    return scan.go(Section::Length, found + 2);
                }
                Some(_) => {}
            },
            b',' => {
                scan.topic = (at..found).into();
                return scan.go(Section::Length, found + 1);
            }
            // The line ended without a payload, or has a byte that no topic may contain (MQTT 3.1.1 section 4.7.1): the
            // rest of the line was lost.
            _ => return OTHER,
        }
        from = found + 1;
    }
    scan.scanned = bytes.len().max(at);
    if bytes.len() - at > LONGEST_TOPIC + 2 {
        OTHER
    } else {
        Advance::More
    }
}

fn length(bytes: &[u8], layout: &Layout, scan: &mut Scan) -> Advance {
    let at = scan.at;
    let shown = layout.length_shown.get(scan.head.client);
    // A module that quotes payloads prints a number before one only as its length: another program has left the setting
    // on.
    let guessed = layout.switchable && layout.wrapping != Wrapping::Never;
    if !(shown || guessed) {
        return scan.go(Section::Open, at);
    }
    let mut cursor = Cursor { bytes, at };
    cursor.blanks();
    if cursor.at - at > LONGEST_HEAD {
        return scan.go(Section::Open, at);
    }
    match cursor.number() {
        Err(Missing::More) => Advance::More,
        Ok(length) if length <= LONGEST_PAYLOAD => {
            scan.length = length;
            match (bytes.get(cursor.at), bytes.get(cursor.at + 1)) {
                (Some(b','), Some(&next)) if !shown && next != QUOTE => scan.go(Section::Open, at),
                (Some(b','), None) if !shown => Advance::More,
                (Some(b','), _) => {
                    scan.alone = None;
                    scan.go(Section::Counted, cursor.at + 1)
                }
                // The payload is on the next line.
                (Some(&CR), Some(&LF)) if shown => {
                    scan.alone = Some(at);
                    scan.go(Section::Counted, cursor.at + 2)
                }
                (None, _) => Advance::More,
                (Some(&CR), None) if shown => Advance::More,
                _ => scan.go(Section::Open, at),
            }
        }
        // No readable length: it was damaged, the setting was lost, or the firmware does not know it.
        _ => scan.go(Section::Open, at),
    }
}

fn open(bytes: &[u8], layout: &mut Layout, scan: &mut Scan) -> Advance {
    let at = scan.at;
    let Some(&first) = bytes.get(at) else {
        return Advance::More;
    };
    // An example in one note has a blank before the quote.
    let quote = if first == b' ' && bytes.get(at + 1) == Some(&QUOTE) {
        at + 1
    } else {
        at
    };
    let wrapped = bytes[quote] == QUOTE && layout.wrapping != Wrapping::Never;
    // A length was due but unreadable: the payload may begin with the remains of it.
    let length_due = layout.length_shown.get(scan.head.client);
    let mut from = scan.scanned;
    while let Some(end) = find_line_end(bytes, from) {
        if !wrapped {
            if bytes[quote] != QUOTE {
                layout.unquoted_payload_seen();
            }
            return Advance::End(Parsed::Unterminated {
                found: scan.found(at..end, !length_due),
                consumed: end + 2,
            });
        }
        if end > quote + 1 && bytes[end - 1] == QUOTE {
            // An earlier line end was inside the payload, or ended a payload whose closing quote is missing.
            let first_line = !scan.torn;
            let complete = first_line && layout.wrapping == Wrapping::Always && !length_due;
            let found = scan.found(quote + 1..end - 1, complete);
            let consumed = end + 2;
            // The quote may also belong to the payload.
            return Advance::End(if first_line {
                Parsed::Unterminated { found, consumed }
            } else {
                Parsed::Message { found, consumed }
            });
        }
        if layout.wrapping != Wrapping::Always {
            // An opening quote only: it belongs to the payload, or the module put it before a payload that contains a
            // line end, or before one that it prints no further.
            return Advance::End(Parsed::Unterminated {
                found: scan.found(at..end, false),
                consumed: end + 2,
            });
        }
        scan.torn = true;
        from = end + 2;
    }
    scan.scanned = bytes.len().saturating_sub(1).max(at);
    if bytes.len() - at > LONGEST_PAYLOAD {
        OTHER
    } else {
        Advance::More
    }
}

/// The position of the first CRLF from `from` on.
fn find_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += first_of([LF], bytes.get(at..)?)?;
        if at > from && bytes[at - 1] == CR {
            return Some(at - 1);
        }
        at += 1;
    }
}
