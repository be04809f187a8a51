//! Bytes as they come, and entries in which no secret and no identity is left.
//!
//! A piece is held back until the line that it is part of is whole, or [`HELD`] is over: what is to be replaced can be cut anywhere. A
//! place that is replaced stands whole in the entry in which it begins.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use memchr::memrchr2;
use modemqtt_at::find::first_of;

use crate::entry::{Entry, Kind, Piece, Span, What};
use crate::finder::{Finder, LONG_LINE, Mark};
use crate::known::{Known, NAMELESS, Place};

/// How long a piece is held back for the rest of its line.
const HELD: Duration = Duration::from_millis(500);
/// How many lines behind the beginning of a value the rest of it may come: a module prints others in between.
const TORN: usize = 3;
/// How many bytes of a line without end are held back.
const LONGEST_LINE: usize = 64 * 1024;

/// What stands in a recording for a parameter that is a secret: a reader must not learn its length.
const MASK: &[u8] = b"***";

/// An entry, perhaps before all of its bytes are known.
#[derive(Debug)]
struct Held {
    entry: Entry,
    /// How many of its bytes are looked through yet.
    due: usize,
}

/// One direction.
#[derive(Debug, Default)]
struct Stream {
    /// What is held back.
    text: Vec<u8>,
    /// Where secrets stand in it, as whoever handed it over knows.
    secrets: Vec<Range<usize>>,
    /// The pieces that it belongs to, by their number, and how much is of each.
    pieces: VecDeque<(u64, usize)>,
    /// A place that was cut off at the end of what is behind us.
    cut: Option<Place>,
}

/// Takes the bytes of both directions and gives entries.
#[derive(Debug, Default)]
pub struct Masker {
    keeps_identities: bool,
    known: Known,
    finder: Finder,
    streams: [Stream; 2],
    queue: VecDeque<Held>,
    /// The number of the first in the queue.
    first: u64,
    told_firmware: bool,
    /// What was found in a line.
    marks: Vec<(Range<usize>, Mark)>,
    /// The lines being looked through.
    lines: Vec<Range<usize>>,
}

impl Masker {
    /// One that replaces secrets, and identities unless they are to be kept.
    pub fn new(keeps_identities: bool) -> Self {
        Self {
            keeps_identities,
            ..Self::default()
        }
    }

    /// Takes bytes of one direction.
    pub fn bytes(&mut self, at: Duration, sent: bool, bytes: &[u8]) {
        self.bytes_with_secrets(at, sent, bytes, &[]);
    }

    /// Takes bytes of one direction, and the places of secrets that are known beforehand.
    pub fn bytes_with_secrets(&mut self, at: Duration, sent: bool, bytes: &[u8], secrets: &[Range<usize>]) {
        if sent && begins_command(bytes) {
            // Data behind a prompt have no line end, and the command after them is a line of its own.
            self.settle(sent, self.streams[usize::from(sent)].text.len(), true);
        }
        if sent {
            // What answers the last command is looked at before the next one.
            let answers = &self.streams[usize::from(false)].text;
            let whole = memrchr2(b'\r', b'\n', answers).map_or(0, |last| last + 1);
            self.settle(false, whole, false);
        }
        let number = self.first + self.queue.len() as u64;
        let piece = Piece {
            sent,
            ..Piece::default()
        };
        self.queue.push_back(Held {
            entry: Entry {
                at,
                what: What::Piece(piece),
            },
            due: bytes.len(),
        });
        let stream = &mut self.streams[usize::from(sent)];
        let before = stream.text.len();
        let known = secrets.iter().map(|place| before + place.start..before + place.end);
        stream.secrets.extend(known);
        stream.text.extend_from_slice(bytes);
        stream.pieces.push_back((number, bytes.len()));
        if let Some(last) = memrchr2(b'\r', b'\n', bytes) {
            let whole = stream.text.len() - bytes.len() + last + 1;
            let upto = if sent { whole } else { self.torn_from(whole) };
            self.settle(sent, upto, false);
        }
        let held = self.streams[usize::from(sent)].text.len();
        if held > LONGEST_LINE {
            self.settle(sent, held, true);
        }
    }

    /// Takes an entry of another kind.
    pub fn note(&mut self, at: Duration, what: What) {
        self.queue.push_back(Held {
            entry: Entry { at, what },
            due: 0,
        });
    }

    /// A text that is told beside the bytes, without what is known to be secret or an identity.
    pub fn masked(&self, text: &str) -> String {
        let mut places = Vec::new();
        self.known.find(text.as_bytes(), false, &mut places);
        places.retain(|place| self.replaces(place.kind));
        let (bytes, _) = replaced(text.as_bytes(), resolved(places));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Has a secret be masked wherever it stands from now on; of a longer one each line is.
    pub fn secret(&mut self, value: &[u8]) {
        const LONG: usize = 100;
        if value.len() <= LONG && lines(value).count() <= 1 {
            self.known.learn(Kind::Secret, value.trim_ascii());
            return;
        }
        for line in lines(value).filter(|line| line.len() >= LONG_LINE) {
            self.known.learn(Kind::Secret, &value[line]);
        }
    }

    /// Has a value that the library made up match any.
    pub fn invented(&mut self, value: &[u8]) {
        self.known.learn(Kind::Invented, value);
    }

    /// Gives up waiting for the rest of lines that have been held back for long.
    pub fn tick(&mut self, now: Duration) {
        while let Some(front) = self.queue.front()
            && front.due > 0
            && front.entry.at + HELD <= now
        {
            self.settle_front();
        }
    }

    /// When [`Masker::tick`] is due.
    pub fn next_timeout(&self) -> Option<Duration> {
        let front = self.queue.front()?;
        (front.due > 0).then(|| front.entry.at + HELD)
    }

    /// Nothing more will come.
    pub fn finish(&mut self) {
        for sent in [false, true] {
            self.settle(sent, self.streams[usize::from(sent)].text.len(), true);
        }
    }

    /// The next entry.
    pub fn poll(&mut self) -> Option<Entry> {
        if self.queue.front()?.due > 0 {
            return None;
        }
        self.first += 1;
        self.queue.pop_front().map(|held| held.entry)
    }

    /// The firmware, the first time after the module has named it.
    pub fn poll_firmware(&mut self) -> Option<String> {
        if self.told_firmware {
            return None;
        }
        self.told_firmware = self.finder.firmware.is_some();
        self.finder.firmware.clone()
    }

    fn replaces(&self, kind: Kind) -> bool {
        !self.keeps_identities || matches!(kind, Kind::Secret | Kind::Invented)
    }

    fn settle_front(&mut self) {
        let Some(What::Piece(piece)) = self.queue.front().map(|held| &held.entry.what) else {
            return;
        };
        let sent = piece.sent;
        self.settle(sent, self.streams[usize::from(sent)].text.len(), true);
    }

    /// Looks through what is held back of a direction, as far as that. With `open` the line may go on.
    fn settle(&mut self, sent: bool, upto: usize, open: bool) {
        if upto == 0 {
            return;
        }
        let mut text = std::mem::take(&mut self.streams[usize::from(sent)].text);
        let places = self.places(sent, &text[..upto], open);
        self.hand_out(sent, &text[..upto], &places);
        text.drain(..upto);
        self.streams[usize::from(sent)].text = text;
    }

    /// Where the first of the last lines from the module begins that may end within a value.
    fn torn_from(&self, whole: usize) -> usize {
        let text = &self.streams[usize::from(false)].text[..whole];
        let (mut from, mut end) = (whole, whole);
        for _ in 0..TORN {
            let inner = |byte: &u8| !matches!(byte, b'\r' | b'\n');
            let Some(last) = text[..end].iter().rposition(inner) else {
                break;
            };
            let start = memrchr2(b'\r', b'\n', &text[..last]).map_or(0, |at| at + 1);
            if self.known.may_be_torn(&text[start..=last]) {
                from = start;
            }
            end = start;
        }
        from
    }

    /// What is to be replaced, in order.
    fn places(&mut self, sent: bool, text: &[u8], open: bool) -> Vec<Place> {
        let mut places = Vec::new();
        let mut marks = std::mem::take(&mut self.marks);
        let mut within = std::mem::take(&mut self.lines);
        within.extend(lines(text));
        for line in &within {
            self.finder.line(sent, &text[line.clone()], &mut marks);
            for (place, mark) in marks.drain(..) {
                let range = line.start + place.start..line.start + place.end;
                places.push(self.place(&text[range.clone()], range, &mark));
            }
        }
        self.marks = marks;
        if let Some(mut place) = self.streams[usize::from(sent)].cut.take() {
            let length = place
                .rest
                .iter()
                .zip(text)
                .take_while(|(rest, byte)| rest == byte)
                .count();
            (place.range, place.put) = (0..length, vec![b'*'; length]);
            place.rest.drain(..length);
            if length > 0 {
                places.push(place);
            }
        }
        self.known.find(text, open, &mut places);
        if !sent {
            self.find_torn(text, &within, &mut places);
        }
        within.clear();
        // A text may have had very many.
        within.shrink_to(LONGEST_LINE / 64);
        self.lines = within;
        for range in self.secrets_before(sent, text.len()) {
            let part = lines(&text[range.clone()]);
            places.extend(part.map(|line| Place::masked(range.start + line.start..range.start + line.end)));
        }
        places.retain(|place| self.replaces(place.kind));
        let mut places = resolved(places);
        for place in places.iter_mut().filter(|place| place.id == NAMELESS) {
            place.id = self.known.fresh(place.kind);
        }
        let cut = places
            .last()
            .filter(|place| place.range.end == text.len() && !place.rest.is_empty());
        self.streams[usize::from(sent)].cut = cut.cloned();
        places
    }

    /// Values of which the beginning and the rest are in different lines.
    fn find_torn(&self, text: &[u8], lines: &[Range<usize>], places: &mut Vec<Place>) {
        if self.known.is_empty() {
            return;
        }
        let mut before: [Range<usize>; TORN] = Default::default();
        for line in lines {
            for earlier in &before {
                let torn = self
                    .known
                    .torn(&text[earlier.clone()], &text[line.clone()], |kind| self.replaces(kind));
                if let Some((end, beginning)) = torn {
                    places.push(Place::masked(earlier.end - end..earlier.end));
                    places.push(Place::masked(line.start..line.start + beginning));
                }
            }
            before.rotate_left(1);
            before[TORN - 1].clone_from(line);
        }
    }

    /// Takes the secrets of a direction that stand before that place.
    fn secrets_before(&mut self, sent: bool, upto: usize) -> Vec<Range<usize>> {
        let all = std::mem::take(&mut self.streams[usize::from(sent)].secrets);
        let rest = all.iter().filter(|place| place.end > upto);
        self.streams[usize::from(sent)].secrets = rest
            .map(|place| place.start.saturating_sub(upto)..place.end - upto)
            .collect();
        let before = all.into_iter().map(|place| place.start..place.end.min(upto));
        before.filter(|place| !place.is_empty()).collect()
    }

    fn place(&mut self, value: &[u8], range: Range<usize>, mark: &Mark) -> Place {
        let kind = match mark {
            Mark::Secret | Mark::Credential => Kind::Secret,
            Mark::Value(kind) => *kind,
            Mark::MessageId(_) => Kind::Invented,
        };
        let (id, put) = match mark {
            Mark::MessageId(key) => (self.known.id(kind, key), value.to_vec()),
            mark if mark.is_telling(value) => self.known.learn(kind, value),
            _ => (NAMELESS, vec![b'*'; value.len()]),
        };
        let put = if *mark == Mark::Secret { MASK.to_vec() } else { put };
        Place {
            range,
            put,
            kind,
            id,
            rest: Vec::new(),
        }
    }

    /// Gives each piece its part.
    fn hand_out(&mut self, sent: bool, text: &[u8], places: &[Place]) {
        let mut places = places.iter().peekable();
        let mut at = 0;
        while at < text.len() {
            let stream = &mut self.streams[usize::from(sent)];
            let Some((number, left)) = stream.pieces.front_mut() else {
                return;
            };
            let index = usize::try_from(*number - self.first).unwrap_or(usize::MAX);
            let end = (at + *left).min(text.len());
            *left -= end - at;
            if *left == 0 {
                stream.pieces.pop_front();
            }
            let Some(held) = self.queue.get_mut(index) else { return };
            held.due -= end - at;
            let What::Piece(piece) = &mut held.entry.what else {
                return;
            };
            let mut from = at;
            while let Some(place) = places.next_if(|place| place.range.start < end) {
                // What an earlier piece has of it is behind us.
                piece
                    .bytes
                    .extend_from_slice(&text[from.min(place.range.start)..place.range.start]);
                piece.spans.push(Span {
                    start: piece.bytes.len(),
                    length: place.put.len(),
                    kind: place.kind,
                    id: place.id,
                });
                piece.bytes.extend_from_slice(&place.put);
                from = place.range.end;
            }
            if from < end {
                piece.bytes.extend_from_slice(&text[from..end]);
            }
            at = end.max(from);
            // The rest of a place that goes on in the next pieces is taken from them.
            self.skip(sent, at - end);
        }
    }

    /// Takes this many bytes from the next pieces of a direction.
    fn skip(&mut self, sent: bool, mut count: usize) {
        let stream = &mut self.streams[usize::from(sent)];
        while count > 0 {
            let Some((number, left)) = stream.pieces.front_mut() else {
                return;
            };
            let taken = count.min(*left);
            *left -= taken;
            count -= taken;
            let index = usize::try_from(*number - self.first).unwrap_or(usize::MAX);
            if *left == 0 {
                stream.pieces.pop_front();
            }
            if let Some(held) = self.queue.get_mut(index) {
                held.due -= taken;
            }
        }
    }
}

/// Whether bytes from the host begin a command line, perhaps behind the escape characters that end a prompt.
pub fn begins_command(bytes: &[u8]) -> bool {
    const ESC: u8 = 0x1b;
    let escapes = bytes.iter().take_while(|byte| **byte == ESC).count();
    let head = bytes[escapes..].get(..2).map(<[u8]>::to_ascii_uppercase);
    head.is_some_and(|head| head == b"AT" || head == b"A/")
}

/// Places in order and without overlap: no byte of a secret is left out, and an identity hides behind no invention. Of two identities the
/// first is taken, and of two that begin together the longer; one by its place before one by its value.
fn resolved(mut places: Vec<Place>) -> Vec<Place> {
    if places.len() < 2 {
        return places;
    }
    let rank = |place: &Place| match place.kind {
        Kind::Secret => 0,
        Kind::Invented => 2,
        _ => 1,
    };
    places.sort_by_key(|place| (rank(place), place.range.start, usize::MAX - place.range.len()));
    let mut taken: BTreeMap<usize, Place> = BTreeMap::new();
    for place in places {
        if hides(&taken, &place.range).next().is_none() {
            taken.insert(place.range.start, place);
        } else if place.kind != Kind::Invented
            && (place.kind == Kind::Secret || hides(&taken, &place.range).any(|other| other.kind == Kind::Secret))
        {
            // What the others leave of it is masked.
            for range in uncovered(&taken, &place.range) {
                let mut part = Place::masked(range.clone());
                if range.end == place.range.end {
                    part.rest.clone_from(&place.rest);
                }
                taken.insert(range.start, part);
            }
        }
    }
    taken.into_values().collect()
}

/// Those that have a part of a range, the last one first.
fn hides<'a>(taken: &'a BTreeMap<usize, Place>, range: &Range<usize>) -> impl Iterator<Item = &'a Place> + use<'a> {
    let start = range.start;
    let before = taken.range(..range.end).rev().map(|(_, place)| place);
    before.take_while(move |place| place.range.end > start)
}

/// What no other has of a range.
fn uncovered(taken: &BTreeMap<usize, Place>, range: &Range<usize>) -> Vec<Range<usize>> {
    let mut end = range.end;
    let mut parts = Vec::new();
    for place in hides(taken, range) {
        parts.push(place.range.end..end);
        end = place.range.start;
    }
    parts.push(range.start..end);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The lines of a text, without their ends; the last one may have none.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + text[end..].iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let rest = &text[start..];
        end = start + first_of([b'\r', b'\n'], rest).unwrap_or(rest.len());
        Some(start..end)
    })
}

/// A text with what is put in those places.
fn replaced(text: &[u8], places: Vec<Place>) -> (Vec<u8>, Vec<Span>) {
    let (mut bytes, mut spans, mut from) = (Vec::new(), Vec::new(), 0);
    for place in places {
        bytes.extend_from_slice(&text[from..place.range.start]);
        spans.push(Span {
            start: bytes.len(),
            length: place.put.len(),
            kind: place.kind,
            id: place.id,
        });
        bytes.extend_from_slice(&place.put);
        from = place.range.end;
    }
    bytes.extend_from_slice(&text[from..]);
    (bytes, spans)
}

#[cfg(test)]
mod tests;
