//! How both ends of the line show bytes in their logs: on one line, with no byte missing and nothing that a terminal would act on.
//!
//! A log doubles each backslash, so that every byte can be read back; text in an error, and elsewhere, leaves it alone.

/// How many bytes of data are shown.
pub const MOST_DATA: usize = 64;

/// Text of a line. Characters that act on the terminal or on the text beside them are escaped, as `\\r` or `\\x1b`; all others are shown as they are.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || acts_on_text(character) {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            shown.extend(bytes.escape_ascii().map(char::from));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether a character, control characters aside, ends a line, reverses the text after it, or is invisible: U+2028 and U+2029,
/// those of the bidirectional algorithm, those without a width, and tags.
fn acts_on_text(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A line of a log, as [`escaped`], with each backslash doubled. Bytes that are not UTF-8 are escaped too.
#[must_use]
pub fn line(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Nothing else makes a backslash of what is valid and printable.
        for (at, part) in chunk.valid().split('\\').enumerate() {
            if at > 0 {
                shown.push_str("\\\\");
            }
            shown.push_str(&escaped(part));
        }
        shown.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    shown
}

/// Data. Printable ASCII is shown as it is, a backslash is doubled, and every other byte is escaped.
#[must_use]
pub fn data(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => shown.push_str("\\\\"),
            b' '..=b'~' => shown.push(char::from(byte)),
            byte => shown.extend(byte.escape_ascii().map(char::from)),
        }
    }
    shown
}

/// Data with the text before and after it: its first bytes, at most [`MOST_DATA`], and their number in all (`count`).
#[must_use]
pub fn counted(before: &str, first: &[u8], count: usize, behind: &str) -> String {
    let first = &first[..first.len().min(MOST_DATA)];
    let more = if first.len() < count { "…" } else { "" };
    let bytes = if count == 1 { "byte" } else { "bytes" };
    format!("{before}{}{more}{behind} <{count} {bytes}>", data(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_or_end_the_line_is_shown_by_its_bytes() {
        assert_eq!(
            escaped("a\u{0}\r\n\u{1b}\u{85}é\"\\"),
            "a\\x00\\r\\n\\x1b\\xc2\\x85é\"\\"
        );
        assert_eq!(escaped("a\u{202e}b\u{2028}"), "a\\xe2\\x80\\xaeb\\xe2\\x80\\xa8");
        assert_eq!(line("\\xc3é\0".as_bytes()), "\\\\xc3é\\x00");
        assert_eq!(line(b"\xffa\0"), "\\xffa\\x00");
        assert_eq!(data(b"\\x\"\xc3\xa9\r"), "\\\\x\"\\xc3\\xa9\\r");
    }

    #[test]
    fn data_is_shown_as_far_as_it_is_short_with_its_length() {
        assert_eq!(counted("x,\"", b"a\x1a", 2, "\""), "x,\"a\\x1a\" <2 bytes>");
        assert_eq!(counted("", b"\x1b", 1, ""), "\\x1b <1 byte>");
        let long = counted("", &[b'a'; 70], 100, "");
        assert_eq!(long, format!("{}… <100 bytes>", "a".repeat(MOST_DATA)));
    }
}
