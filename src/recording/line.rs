//! An entry as a line of JSON.
//!
//! A busy line makes a million of them a minute, so nothing here goes through a formatter, and bytes that stand for themselves are
//! copied together.

use std::time::Duration;

use serde_json::{Value, json};

use crate::entry::{Entry, Fact, Note, Piece, Span, What};

impl Entry {
    /// The line, without its line end.
    pub fn to_line(&self) -> String {
        let mut line = Vec::new();
        self.write(&mut line);
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Appends the line, without its line end.
    pub fn write(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"t\":");
        write_time(line, self.at);
        match &self.what {
            What::Piece(piece) => write_piece(line, piece),
            What::Module {
                model,
                dialect,
                firmware,
            } => {
                let module = json!({"model": model, "dialect": dialect, "firmware": firmware});
                line.extend_from_slice(b",\"module\":");
                line.extend_from_slice(module.to_string().as_bytes());
            }
            What::Call(note) => write_note(line, "call", note),
            What::Event(note) => write_note(line, "event", note),
            What::Message { client, length } => {
                line.extend_from_slice(b",\"event\":\"message\",\"client\":");
                write_number(line, (*client).into());
                line.extend_from_slice(b",\"bytes\":");
                write_number(line, *length);
            }
            What::Mark(name) => {
                line.extend_from_slice(b",\"mark\":");
                write_text(line, name);
            }
            What::Missing(count) => {
                line.extend_from_slice(b",\"missing\":");
                write_number(line, *count);
            }
            What::Other => {}
        }
        line.push(b'}');
    }
}

/// Seconds with six digits behind the point.
fn write_time(line: &mut Vec<u8>, at: Duration) {
    write_number(line, at.as_secs());
    line.push(b'.');
    let mut digits = [b'0'; 6];
    write_digits(&mut digits, at.subsec_micros().into());
    line.extend_from_slice(&digits);
}

fn write_number(line: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; 20];
    let from = write_digits(&mut digits, number).min(digits.len() - 1);
    line.extend_from_slice(&digits[from..]);
}

/// Writes the digits of a number at the end of a place; returns where they begin.
fn write_digits(place: &mut [u8], mut number: u64) -> usize {
    let mut from = place.len();
    while number > 0 && from > 0 {
        from -= 1;
        place[from] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    from
}

fn write_piece(line: &mut Vec<u8>, piece: &Piece) {
    line.extend_from_slice(if piece.sent { b",\">\":\"" } else { b",\"<\":\"" });
    write_bytes(line, &piece.bytes);
    line.push(b'"');
    if piece.spans.is_empty() {
        return;
    }
    line.extend_from_slice(b",\"spans\":");
    for (at, span) in piece.spans.iter().enumerate() {
        let Span {
            start,
            length,
            kind,
            id,
        } = *span;
        line.extend_from_slice(if at > 0 { b",[" } else { b"[[" });
        write_number(line, start as u64);
        line.push(b',');
        write_number(line, length as u64);
        line.extend_from_slice(b",\"");
        line.extend_from_slice(kind.word().as_bytes());
        line.extend_from_slice(b"\",");
        write_number(line, id.into());
        line.push(b']');
    }
    line.push(b']');
}

/// One character for each byte.
fn write_bytes(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = bytes;
    loop {
        let (plain, other) = rest.split_at(plain(rest));
        line.extend_from_slice(plain);
        let Some((&byte, behind)) = other.split_first() else {
            return;
        };
        if let Some(behind) = other.strip_prefix(b"\r\n") {
            line.extend_from_slice(b"\\r\\n");
            rest = behind;
            continue;
        }
        match byte {
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\t' => line.extend_from_slice(b"\\t"),
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            _ => {
                let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
                line.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = behind;
    }
}

/// How many bytes from the first on stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    // In the arithmetic of bytes, so that a chunk of them is compared at once.
    let odd = |byte: &u8| {
        let is_no_character = byte.wrapping_sub(b' ') > b'~' - b' ';
        u8::from(is_no_character) | u8::from(*byte == b'"') | u8::from(*byte == b'\\')
    };
    let (chunks, _) = bytes.as_chunks::<16>();
    let all_plain = |chunk: &&[u8; 16]| chunk.iter().fold(0, |any, byte| any | odd(byte)) == 0;
    let from = 16 * chunks.iter().take_while(all_plain).count();
    from + bytes[from..].iter().take_while(|byte| odd(byte) == 0).count()
}

fn write_note(line: &mut Vec<u8>, key: &str, note: &Note) {
    let mut write = |key: &str, value: &dyn Fn(&mut Vec<u8>)| {
        line.push(b',');
        write_text(line, key);
        line.push(b':');
        value(line);
    };
    write(key, &|line| write_text(line, &note.name));
    for (name, fact) in &note.facts {
        write(name, &|line| match fact {
            Fact::Number(number) => line.extend_from_slice(number.to_string().as_bytes()),
            Fact::Text(text) => write_text(line, text),
        });
    }
}

/// A string in ASCII.
fn write_text(line: &mut Vec<u8>, text: &str) {
    for character in Value::from(text).to_string().chars() {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => line.push(byte),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    line.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: Duration, what: What) -> String {
        Entry { at, what }.to_line()
    }

    #[test]
    fn a_line_is_as_the_document_has_it() {
        let piece = Piece {
            sent: false,
            bytes: b"\r\n\t\"\\ ~\x7f\x00\xff0123456789abcdefghi\"".into(),
            spans: Vec::new(),
        };
        assert_eq!(
            line(Duration::from_micros(1), What::Piece(piece)),
            "{\"t\":0.000001,\"<\":\"\\r\\n\\t\\\"\\\\ ~\\u007f\\u0000\\u00ff0123456789abcdefghi\\\"\"}"
        );
        let what = What::Message { client: 0, length: 0 };
        assert_eq!(
            line(Duration::from_micros(12_345_678_901), what),
            "{\"t\":12345.678901,\"event\":\"message\",\"client\":0,\"bytes\":0}"
        );
        let most = What::Missing(u64::MAX);
        assert_eq!(
            line(Duration::ZERO, most),
            "{\"t\":0.000000,\"missing\":18446744073709551615}"
        );
    }

    #[test]
    fn a_message_is_read_back_as_an_event() {
        let written = line(Duration::ZERO, What::Message { client: 5, length: 70 });
        let note = Note {
            name: "message".into(),
            facts: vec![("bytes".into(), Fact::Number(70)), ("client".into(), Fact::Number(5))],
        };
        let What::Event(mut read) = Entry::parse(written.as_bytes()).unwrap().what else {
            panic!("{written}")
        };
        read.facts.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(read, note);
    }
}
