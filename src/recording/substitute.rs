//! What stands in a recording for an identity: of the same length and form, and no one's.

use crate::entry::Kind;

/// The substitute of the identity that is the `number`-th of its kind, from 1.
pub(crate) fn of(kind: Kind, value: &[u8], number: u32) -> Vec<u8> {
    match kind {
        Kind::Secret => vec![b'*'; value.len()],
        Kind::Invented => value.to_vec(),
        Kind::Imei => with_check_digit("860000", value, number),
        Kind::Imsi => counted("00101", value, number),
        Kind::Iccid => counted("89001", value, number),
        Kind::Phone if value.len() > 24 => vec![b'0'; value.len()],
        Kind::Phone => counted("", value, number),
        Kind::Address => address(value, number),
    }
}

/// The digits of a value replaced: by a head, zeros, and a number at the end. Whatever is not a digit stays.
fn counted(head: &str, value: &[u8], number: u32) -> Vec<u8> {
    let places: Vec<_> = (0..value.len()).filter(|at| value[*at].is_ascii_digit()).collect();
    let mut text = value.to_vec();
    for &at in &places {
        text[at] = b'0';
    }
    for (at, digit) in places.iter().zip(head.bytes()) {
        text[*at] = digit;
    }
    let room = places.len().saturating_sub(head.len());
    for (at, digit) in places.iter().rev().zip(number.to_string().bytes().rev()).take(room) {
        text[*at] = digit;
    }
    text
}

/// With the check digit of an IMEI (3GPP TS 23.003, annex B).
fn with_check_digit(head: &str, value: &[u8], number: u32) -> Vec<u8> {
    if value.len() != 15 || !value.iter().all(u8::is_ascii_digit) {
        return counted(head, value, number);
    }
    let mut text = counted(head, &value[..14], number);
    text.push(check_digit(&text));
    text
}

pub(crate) fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            let doubled = if at % 2 == 0 { 2 * digit } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    b'0' + u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

/// Each number of an address replaced by the least of as many digits, the last one counted.
fn address(value: &[u8], number: u32) -> Vec<u8> {
    let hexadecimal = value.contains(&b':');
    let separator = |byte: &u8| matches!(byte, b'.' | b':');
    let mut text: Vec<_> = value.to_vec();
    let mut start = 0;
    for part in value.split(separator) {
        let place = &mut text[start..start + part.len()];
        place.fill(b'0');
        if let Some(first) = place.first_mut() {
            *first = b'1';
        }
        start += part.len() + 1;
    }
    let last = value.rsplit(separator).next().map_or(0, <[u8]>::len);
    let (room, most) = match (hexadecimal, last) {
        (true, _) => (last, 9999),
        (false, 0 | 1) => (last, 8),
        (false, 2) => (2, 89),
        (false, _) => (last, 154),
    };
    let smallest = 10_u32.pow(u32::try_from(room.saturating_sub(1)).unwrap_or(0).min(8));
    let counted = (smallest + (number - 1) % (most + 1)).to_string();
    let from = text.len() - counted.len().min(text.len());
    if counted.len() <= room {
        text[from..].copy_from_slice(counted.as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitute(kind: Kind, value: &str, number: u32) -> String {
        String::from_utf8(of(kind, value.as_bytes(), number)).unwrap()
    }

    #[test]
    fn a_substitute_has_the_length_and_the_form_of_what_it_stands_for() {
        assert_eq!(substitute(Kind::Imei, "866425031234565", 1), "860000000000017");
        assert_eq!(check_digit(b"86000000000001"), b'7');
        assert_eq!(check_digit(b"49015420323751"), b'8');
        assert_eq!(substitute(Kind::Imei, "8664250-3123456", 1), "8600000-0000001");
        assert_eq!(substitute(Kind::Imsi, "262011234567890", 1), "001010000000001");
        assert_eq!(
            substitute(Kind::Iccid, "8949020000123456789F", 2),
            "8900100000000000002F"
        );
        assert_eq!(substitute(Kind::Phone, "+491701234567", 12), "+000000000012");
        assert_eq!(substitute(Kind::Phone, "110", 1), "001");
        assert_eq!(substitute(Kind::Address, "10.23.145.7", 1), "10.10.100.1");
        assert_eq!(substitute(Kind::Address, "10.23.145.250", 3), "10.10.100.102");
        assert_eq!(substitute(Kind::Address, "2001:db8::4a1", 1), "1000:100::100");
    }
}
