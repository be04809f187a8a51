//! Everything that went over the line, byte for byte and in order, and what a log shows of it.
//!
//! The session cuts the traffic into pieces. Each is one frame from the module or one thing that the host sent, with
//! the line ends around it. A log keeps a [`Record`] of each, with secrets masked, and formats it as text only when
//! someone looks.

mod ring;

use std::ops::Range;
use std::time::Duration;

use modemqtt_at::secrets::MASK;
use modemqtt_at::shown;
use modemqtt_os::Moment;

pub use ring::Ring;

/// A piece of the traffic.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// When its last byte was read, or when it was handed over for sending.
    pub at: Moment,
    /// Whether the host sent it.
    pub sent: bool,
    /// Every byte of it, including line ends, echoes and blank lines.
    pub bytes: &'a [u8],
    /// Where the secrets are, in order and without overlap.
    pub secrets: &'a [Place],
    /// What a log shows of it.
    pub form: Form,
}

/// A range of bytes in a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    from: u32,
    to: u32,
}

/// What a log shows of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: it is an echo, or has nothing visible.
    Unseen,
    /// A line.
    Line(Place),
    /// Data, with what precedes them on their line: their beginning and their number.
    Data {
        /// What precedes the data.
        head: Place,
        /// The data.
        data: Place,
    },
    /// Data that are never shown; their name is shown instead.
    Named(&'static str),
}

impl From<Range<usize>> for Place {
    fn from(range: Range<usize>) -> Self {
        Self {
            from: position(range.start),
            to: position(range.end),
        }
    }
}

impl Place {
    /// The first byte.
    pub const fn start(self) -> usize {
        self.from as usize
    }

    /// One past the last byte.
    pub const fn end(self) -> usize {
        self.to as usize
    }

    /// How many bytes it has.
    pub const fn len(self) -> usize {
        self.to.saturating_sub(self.from) as usize
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Its bytes.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start()..self.end()).unwrap_or_default()
    }

    /// The same place as seen from this byte.
    pub(crate) fn seen_from(self, start: usize) -> Self {
        let start = position(start);
        Self {
            from: self.from.saturating_sub(start),
            to: self.to.saturating_sub(start),
        }
    }

    /// The same place, if it was seen from this byte.
    pub(crate) fn behind(self, start: usize) -> Self {
        (start + self.start()..start + self.end()).into()
    }
}

/// Pieces are shorter than 4 GiB.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Piece<'_> {
    /// How the piece is shown; `None` if nothing of it is.
    pub fn entry(&self) -> Option<Entry> {
        let mut record = Vec::new();
        Record::write(self, 0, &mut record).then(|| Record::read(&record).entry(self.at))
    }

    /// The bytes in this range, with secrets masked, part by part.
    fn masked(&self, place: Place, mut take: impl FnMut(&[u8])) {
        let mut from = place.start();
        for secret in self.secrets {
            if secret.end() >= from && secret.start() <= place.end() {
                take(&self.bytes[from..secret.start().max(from)]);
                take(MASK.as_bytes());
                from = secret.end().min(place.end());
            }
        }
        take(&self.bytes[from..place.end()]);
    }
}

/// What a log keeps of a piece, in bytes: no secrets, and only as much of any data as is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Microseconds since the log began.
    since: u64,
    sent: bool,
    /// A line, or what precedes data.
    head: &'a [u8],
    /// The beginning of data, and how many bytes there were.
    data: Option<(&'a [u8], usize)>,
}

/// The header of a record: length, time, kind.
const HEAD: usize = 4 + 8 + 1;
/// The extra header of a record with data: length of the head, number of data bytes.
const DATA_HEAD: usize = 4 + 4;
/// What stands beside the name of data that are never shown.
const NAMED: usize = "<, 18446744073709551615 bytes>".len();
/// The kind of a record: one of these bits, or both.
const SENT: u8 = 1;
const DATA: u8 = 2;

impl<'a> Record<'a> {
    /// Appends the record of a piece to a log. `since` is its time, in microseconds from the beginning of the log.
    /// Returns whether there was anything to keep.
    #[inline]
    pub fn write(piece: &Piece<'_>, since: u64, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut header = [0; HEAD + DATA_HEAD];
        header[4..12].copy_from_slice(&since.to_le_bytes());
        header[12] = if piece.sent { SENT } else { 0 };
        match piece.form {
            Form::Unseen => return false,
            Form::Line(line) => {
                out.extend_from_slice(&header[..HEAD]);
                piece.masked(line, |part| out.extend_from_slice(part));
            }
            Form::Named(name) => {
                out.extend_from_slice(&header[..HEAD]);
                out.extend(format!("<{name}, {} bytes>", piece.bytes.len()).bytes());
            }
            Form::Data { head, data } => {
                header[12] |= DATA;
                let count = data.of(piece.bytes).len();
                header[HEAD + 4..].copy_from_slice(&number(count));
                let data = Place::from(data.start()..data.start() + count.min(shown::MOST_DATA));
                if piece.secrets.is_empty() && head.to == data.from {
                    // A message, as most pieces are.
                    let text = Place::from(head.start()..data.end()).of(piece.bytes);
                    header[..4].copy_from_slice(&number(HEAD + DATA_HEAD + text.len()));
                    header[HEAD..][..4].copy_from_slice(&number(head.len()));
                    out.extend_from_slice(&header);
                    out.extend_from_slice(text);
                    return true;
                }
                out.extend_from_slice(&header);
                piece.masked(head, |part| out.extend_from_slice(part));
                let head = number(out.len() - start - HEAD - DATA_HEAD);
                out.extend_from_slice(data.of(piece.bytes));
                out[start + HEAD..][..4].copy_from_slice(&head);
            }
        }
        let length = number(out.len() - start);
        out[start..][..4].copy_from_slice(&length);
        true
    }

    /// How long the record of a piece can be, unless a mask is longer than its secret.
    #[inline]
    pub fn longest(piece: &Piece<'_>) -> usize {
        let shown = match piece.form {
            Form::Unseen => 0,
            Form::Line(line) => line.of(piece.bytes).len(),
            Form::Named(name) => name.len() + NAMED,
            Form::Data { head, data } => {
                let data = data.of(piece.bytes).len().min(shown::MOST_DATA);
                DATA_HEAD + head.of(piece.bytes).len() + data
            }
        };
        HEAD + shown
    }

    /// The length of the record that begins with these bytes.
    pub fn length(head: [u8; 4]) -> usize {
        u32::from_le_bytes(head) as usize
    }

    /// Reads what [`Record::write`] wrote.
    pub fn read(bytes: &'a [u8]) -> Self {
        let (head, rest) = bytes.split_at(HEAD.min(bytes.len()));
        let mut since = [0; 8];
        since.copy_from_slice(&head[4..12]);
        let flags = head[12];
        let (head, data) = if flags & DATA == 0 {
            (rest, None)
        } else {
            let number = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]) as usize;
            let (head, data) = rest[DATA_HEAD..].split_at(number(0));
            (head, Some((data, number(4))))
        };
        Self {
            since: u64::from_le_bytes(since),
            sent: flags & SENT != 0,
            head,
            data,
        }
    }

    /// The time since the log began.
    pub fn since(&self) -> Duration {
        Duration::from_micros(self.since)
    }

    /// Whether the host sent it.
    pub fn sent(&self) -> bool {
        self.sent
    }

    /// The text, without its line end, as [`modemqtt_at::shown`] writes it.
    pub fn text(&self) -> String {
        let head = shown::line(self.head);
        match self.data {
            None => head,
            Some((data, count)) => {
                let closing = if self.head.ends_with(b"\"") { "\"" } else { "" };
                shown::counted(&head, data, count, closing)
            }
        }
    }

    /// The entry of a log that began at `began`.
    pub fn entry(&self, began: Moment) -> Entry {
        Entry {
            at: began + self.since(),
            sent: self.sent,
            text: self.text(),
        }
    }
}

fn number(count: usize) -> [u8; 4] {
    position(count).to_le_bytes()
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Moment,
    /// Whether the host sent it.
    pub sent: bool,
    /// The text, without its line end, as [`modemqtt_at::shown`] writes it.
    pub text: String,
}

/// Escapes what the module prints, so that it cannot act on the terminal or break one line into two.
pub(crate) fn escaped(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    shown::escaped(&text)
}

/// The pieces that nobody has taken yet. Those that were received stay where the framer has them.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    bytes: Vec<u8>,
    secrets: Vec<Place>,
    pieces: Vec<PlacedPiece>,
    /// How many pieces have been handed out.
    given: usize,
}

/// A piece, given by the places of its parts.
#[derive(Clone, Copy, Debug)]
struct PlacedPiece {
    at: Moment,
    sent: bool,
    bytes: Whose,
    secrets: Place,
    form: Form,
}

/// Whose bytes a place is in.
#[derive(Clone, Copy, Debug)]
enum Whose {
    /// The framer's.
    Framer(Place),
    /// Those of the trace itself.
    Own(Place),
}

/// The most memory kept once all pieces are handed out.
const SPARE: usize = 2048;

impl Trace {
    /// Adds a piece that was received, which lies at this place in the framer's bytes.
    pub(crate) fn received(&mut self, at: Moment, place: Place, secrets: &[Place], form: Form) {
        self.push(at, false, Whose::Framer(place), secrets, form);
    }

    /// Adds a line that the host sent; `end` ends it on the wire.
    pub(crate) fn sent_line(&mut self, at: Moment, line: &[u8], secrets: &[Place], end: &[u8]) {
        self.sent(at, &[line, end], secrets, Form::Line((0..line.len()).into()));
    }

    /// Adds data that the host sent.
    pub(crate) fn sent_data(&mut self, at: Moment, bytes: &[u8]) {
        let (head, data) = (Place::default(), (0..bytes.len()).into());
        self.sent(at, &[bytes], &[], Form::Data { head, data });
    }

    /// Adds data that the host sent and that must not be shown.
    pub(crate) fn sent_secret(&mut self, at: Moment, name: &'static str, bytes: &[u8]) {
        self.sent(at, &[bytes], &[(0..bytes.len()).into()], Form::Named(name));
    }

    fn sent(&mut self, at: Moment, parts: &[&[u8]], secrets: &[Place], form: Form) {
        let place = self.copy(parts);
        self.push(at, true, Whose::Own(place), secrets, form);
    }

    fn push(&mut self, at: Moment, sent: bool, bytes: Whose, secrets: &[Place], form: Form) {
        let secrets = {
            let from = self.secrets.len();
            self.secrets.extend_from_slice(secrets);
            (from..self.secrets.len()).into()
        };
        self.pieces.push(PlacedPiece {
            at,
            sent,
            bytes,
            secrets,
            form,
        });
    }

    fn copy(&mut self, parts: &[&[u8]]) -> Place {
        let from = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        (from..self.bytes.len()).into()
    }

    /// The next piece. `received` are the framer's bytes.
    #[inline]
    pub(crate) fn next<'a>(&'a mut self, received: &'a [u8]) -> Option<Piece<'a>> {
        let Some(taken) = self.pieces.get(self.given) else {
            if self.given > 0 {
                self.clear();
            }
            return None;
        };
        self.given += 1;
        Some(Piece {
            at: taken.at,
            sent: taken.sent,
            bytes: match taken.bytes {
                Whose::Framer(place) => place.of(received),
                Whose::Own(place) => place.of(&self.bytes),
            },
            secrets: &self.secrets[taken.secrets.start()..taken.secrets.end()],
            form: taken.form,
        })
    }

    /// Copies what nobody has taken yet: the framer's bytes are about to change.
    #[inline]
    pub(crate) fn keep(&mut self, received: &[u8]) {
        if self.given < self.pieces.len() {
            self.copy_from(received);
        } else if self.given > 0 {
            self.clear();
        }
    }

    fn copy_from(&mut self, received: &[u8]) {
        for at in self.given..self.pieces.len() {
            if let Whose::Framer(place) = self.pieces[at].bytes {
                self.pieces[at].bytes = Whose::Own(self.copy(&[place.of(received)]));
            }
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(SPARE);
        self.secrets.clear();
        self.pieces.clear();
        self.pieces.shrink_to(SPARE / size_of::<PlacedPiece>());
        self.given = 0;
    }
}
