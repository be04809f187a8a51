//! A payload whose length is known. The length decides; the bytes after it show which layout it belongs to.
//!
//! If a quote follows the length, only one reading is certain, with quotes around the payload: the right number of
//! bytes and then the closing quote end it, whatever follows. Some firmware omits the end of a long report, and some
//! prints a payload only up to its first NUL: what has arrived is handed out, marked if it may be incomplete.

use modemqtt_at::ascii::{CR, LF, QUOTE};

use super::{Advance, LONGEST_PAYLOAD, OTHER, Parsed, Scan, find_line_end};
use crate::tokens;

/// How many blank lines may separate the payload from a length at the end of its line.
const MOST_BLANK_LINES: usize = 6;

/// Whether a reading of the payload fits.
enum Fit {
    /// It fits: where the payload lies, and where the message ends.
    Whole { payload: (usize, usize), consumed: usize },
    /// More bytes are needed.
    More,
    /// It does not fit.
    No,
}

/// Continues. With hexadecimal digits, some firmware counts the bytes they stand for.
pub(super) fn payload(bytes: &[u8], hex: bool, scan: &Scan) -> Advance {
    let Scan { at, length, alone, .. } = *scan;
    let starts = [Some(at), alone.and_then(|_| behind_blank_lines(bytes, at))];
    // A number at the end of its line may also be a payload without a length, so a known line after it is a line. Blank
    // lines do not count as a payload if it would consist of nothing else.
    let is_line = |(from, to): (usize, usize)| {
        let text = &bytes[from..to];
        (from != at && bytes[from - 1] == LF && tokens::is_recognised(text))
            || (length > 0 && text.iter().all(|byte| matches!(*byte, CR | LF)))
    };
    for start in starts.into_iter().flatten() {
        for length in lengths(hex, length) {
            match fit(bytes, start, length, alone.is_none()) {
                Fit::Whole { payload, consumed } if alone.is_none() || !is_line(payload) => {
                    return Advance::End(Parsed::Message {
                        found: scan.found(payload.0..payload.1, true),
                        consumed,
                    });
                }
                Fit::Whole { .. } | Fit::No => {}
                Fit::More => return Advance::More,
            }
        }
    }
    if let Some(from) = alone {
        return Advance::End(Parsed::Message {
            found: scan.without_payload(from),
            consumed: at,
        });
    }
    // The length does not fit: bytes were lost, or the firmware counts something else.
    match short(bytes, hex, at, length) {
        Some((from, to, complete, consumed)) => Advance::End(Parsed::Message {
            found: scan.found(from..to, complete),
            consumed,
        }),
        None if bytes.len() - at > LONGEST_PAYLOAD => OTHER,
        None => Advance::More,
    }
}

/// What has arrived of a payload whose end is overdue: its start, its end, whether it is complete, and where the
/// message ends. `None` while too little has arrived to decide.
pub(super) fn cut_short(bytes: &[u8], hex: bool, at: usize, length: usize) -> Option<(usize, usize, bool, usize)> {
    let (from, quoted) = opening(bytes, at);
    for length in lengths(hex, length) {
        let to = from + length;
        let Some(behind) = bytes.get(to..) else { continue };
        // Nothing follows but the beginning of the missing line end.
        let over = matches!(behind, b"" | b"\r") || (!quoted && behind.starts_with(b"\r"));
        let payload = &bytes[from..to];
        // Its end may be that of a shorter payload.
        let doubtful = if quoted {
            holds_end(payload)
        } else {
            matches!(payload.last(), Some(&CR | &LF))
        };
        if over && !doubtful {
            return Some((from, to, true, to));
        }
    }
    // The end of a report may be missing together with the last bytes of its payload.
    short(bytes, hex, at, length).or(Some((from, bytes.len(), false, bytes.len())))
}

/// The payload, as far as it seems to go.
fn short(bytes: &[u8], hex: bool, at: usize, length: usize) -> Option<(usize, usize, bool, usize)> {
    let (from, quoted) = opening(bytes, at);
    if !quoted {
        // Its LF was lost.
        let ends = |length: &usize| bytes.get(from + length) == Some(&CR);
        if let Some(to) = lengths(hex, length).find(ends).map(|length| from + length) {
            return Some((from, to, true, to + 1));
        }
        let end = find_line_end(bytes, at)?;
        return Some((at, end, false, end + 2));
    }
    for length in lengths(hex, length) {
        let to = from + length;
        if bytes.get(to..).is_some_and(|behind| behind.starts_with(b"\r\n")) && !holds_end(&bytes[from..to]) {
            return Some((from, to, true, to + 2));
        }
    }
    let end = find_line_end(bytes, from)?;
    // The module's own quotes are not part of the payload.
    let closing = usize::from(bytes[from..end].ends_with(b"\""));
    Some((from, end - closing, false, end + 2))
}

/// Whether a payload of the full length contains the end of a shorter one: the closing quote and the line end, or the
/// beginning of that.
fn holds_end(payload: &[u8]) -> bool {
    let cut = [&b"\""[..], b"\"\r"].iter().any(|end| payload.ends_with(end));
    cut || memchr::memmem::find(payload, b"\"\r\n").is_some()
}

/// The lengths that may be meant.
fn lengths(hex: bool, length: usize) -> impl Iterator<Item = usize> {
    [length, 2 * length].into_iter().take(1 + usize::from(hex))
}

/// Where the payload begins, and whether it is in quotes. An example in one note has a blank before the quote.
fn opening(bytes: &[u8], at: usize) -> (usize, bool) {
    match bytes.get(at..).unwrap_or_default() {
        [QUOTE, ..] => (at + 1, true),
        [b' ', QUOTE, ..] => (at + 2, true),
        _ => (at, false),
    }
}

/// Whether a payload of this length starts here.
fn fit(bytes: &[u8], start: usize, length: usize, comma: bool) -> Fit {
    let Some(&first) = bytes.get(start) else {
        return Fit::More;
    };
    if first == b' ' && bytes.get(start + 1).is_none() {
        return Fit::More;
    }
    let (from, quoted) = opening(bytes, start);
    let to = from + length;
    if quoted {
        return match bytes.get(to) {
            None => Fit::More,
            Some(&QUOTE) => Fit::Whole {
                payload: (from, to),
                consumed: to + 1,
            },
            Some(_) => Fit::No,
        };
    }
    match unquoted(bytes, start, length) {
        // Comma, line end, payload.
        Fit::No if comma && first == CR => match stands(bytes, start, b"\r\n") {
            Some(true) => unquoted(bytes, start + 2, length),
            Some(false) => Fit::No,
            None => Fit::More,
        },
        fit => fit,
    }
}

fn unquoted(bytes: &[u8], from: usize, length: usize) -> Fit {
    let to = from + length;
    match stands(bytes, to, b"\r\n") {
        Some(true) => Fit::Whole {
            payload: (from, to),
            consumed: to + 2,
        },
        Some(false) => Fit::No,
        None => Fit::More,
    }
}

/// Where the first line after any blank lines starts; `None` if there are none.
fn behind_blank_lines(bytes: &[u8], at: usize) -> Option<usize> {
    let blank = bytes[at..].chunks(2).take_while(|pair| pair == b"\r\n").count();
    (blank > 0).then_some(at + 2 * blank.min(MOST_BLANK_LINES))
}

/// Whether this text is at this position; `None` while undecided.
fn stands(bytes: &[u8], at: usize, text: &[u8]) -> Option<bool> {
    let there = bytes.get(at.min(bytes.len())..)?;
    let known = there.len().min(text.len());
    if bytes.len() < at {
        return None;
    }
    match there[..known] == text[..known] {
        false => Some(false),
        true if known == text.len() => Some(true),
        true => None,
    }
}
