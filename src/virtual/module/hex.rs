//! Payloads as hexadecimal digits (BC660K-GL note 3.3.1, `dataformat`; EG800Q&EG91xQ note 3.3.1, `dataformat` and `send/mode`).

/// Two digits for each byte, as modules print them.
pub(super) fn digits(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]))
        .collect()
}

/// The bytes of digits in either case; `None` if anything else is among them, or if their number is odd.
pub(super) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(value(*high)? << 4 | value(*low)?))
        .collect()
}

fn value(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_pairs_and_in_either_case() {
        assert_eq!(digits(b"\x00\x9a\xff"), b"009AFF");
        assert_eq!(decode(b"009aFf").as_deref(), Some(&b"\x00\x9a\xff"[..]));
        assert_eq!(decode(b""), Some(Vec::new()));
        for wrong in [&b"0"[..], b"000", b"0g", b" 0", b"+1"] {
            assert_eq!(decode(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
