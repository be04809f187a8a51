//! How both ends of the line show bytes in their logs: one line each, on which nothing acts and in which no byte is missing.

/// Text of a line. Control characters are escaped, as `\\r` or `\\x1b`; everything else is shown as it is.
#[must_use]
pub fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            shown.extend(bytes.escape_ascii().map(char::from));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A line, as [`text`]. Bytes that are not UTF-8 are escaped too.
#[must_use]
pub fn line(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_or_end_the_line_is_shown_by_its_bytes() {
        assert_eq!(text("a\u{0}\r\n\u{1b}\u{85}é\"\\"), "a\\x00\\r\\n\\x1b\\xc2\\x85é\"\\");
        assert_eq!(line(b"\xffa\0"), "\\xffa\\x00");
        assert_eq!(data(b"\\x\"\xc3\xa9\r"), "\\\\x\"\\xc3\\xa9\\r");
    }
}
