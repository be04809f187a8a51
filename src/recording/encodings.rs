//! The ways in which a value may stand in what goes over a line.

use modemqtt_at::secrets::{without_backslashes, without_doubled_quotes};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A form shorter than this would be found by chance.
const TELLING: usize = 4;

/// Every form of a value other than itself, and beside each the same form of another value of the same length.
pub(crate) fn forms(value: &[u8], other: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut forms = Vec::new();
    let mut both = |form: &dyn Fn(&[u8]) -> Vec<u8>| {
        let pair = (form(value), form(other));
        if pair.0 != value && pair.0.len() == pair.1.len() && !forms.contains(&pair) {
            forms.push(pair);
        }
    };
    both(&|value| hex(value, b"0123456789abcdef"));
    both(&|value| hex(value, b"0123456789ABCDEF"));
    both(&|value| percent(value, true));
    both(&|value| wide(value, b"0123456789ABCDEF"));
    both(&|value| wide(value, b"0123456789abcdef"));
    if value.iter().all(u8::is_ascii_digit) && value.len() > 4 {
        both(&swapped);
    }
    for offset in 0..3 {
        both(&|value| base64(value, offset, false));
        both(&|value| base64(value, offset, true));
    }
    // Of these not every byte is replaced by one, so that the lengths may differ.
    let mut others = vec![percent(value, false), percent_lower(value), escaped(value, b'\\')];
    for (all, solidus, digits) in [
        (false, true, b"0123456789abcdef"),
        (true, false, b"0123456789abcdef"),
        (true, true, b"0123456789abcdef"),
        (true, false, b"0123456789ABCDEF"),
        (true, true, b"0123456789ABCDEF"),
    ] {
        others.push(json(value, all, solidus, digits));
    }
    if !value.is_ascii() {
        others.extend([wide(value, b"0123456789ABCDEF"), wide(value, b"0123456789abcdef")]);
    }
    for form in others {
        if form != value && !forms.iter().any(|(known, _)| *known == form) {
            let stands_for_it = vec![b'*'; form.len()];
            forms.push((form, stands_for_it));
        }
    }
    forms.retain(|(form, _)| form.len() >= TELLING);
    forms
}

/// The texts that a value stands for if it is itself written in one of these ways: with escapes, in per cent encoding, in hexadecimal,
/// UCS2 or base 64. Whoever gives it back may have read it so.
pub(crate) fn meanings(value: &[u8]) -> Vec<Vec<u8>> {
    let read = [
        without_backslashes(value),
        without_escapes(value),
        without_doubled_quotes(value),
        from_percent(value),
        from_hex(value).unwrap_or_default(),
        from_wide(value).unwrap_or_default(),
        from_base64(value).unwrap_or_default(),
    ];
    let mut meanings = Vec::new();
    for meaning in read {
        let is_text =
            std::str::from_utf8(&meaning).is_ok_and(|text| !text.is_empty() && !text.contains(char::is_control));
        if is_text && meaning != value && !meanings.contains(&meaning) {
            meanings.push(meaning);
        }
    }
    meanings
}

/// A character for each backslash and what is behind it; `\22`, `\x22` and `\u0022` are one each.
fn without_escapes(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let (b'\\', Some((&next, after))) = (byte, behind.split_first()) else {
            text.push(byte);
            continue;
        };
        let (digits, length) = match next {
            b'u' => (after, 4),
            b'x' => (after, 2),
            _ => (behind, 2),
        };
        let number = digits.get(..length).and_then(number);
        match number.and_then(char::from_u32) {
            Some(character) if length == 4 => text.extend(character.encode_utf8(&mut [0; 4]).bytes()),
            Some(character) => text.push(character as u8),
            None => {
                text.push(next);
                rest = after;
                continue;
            }
        }
        rest = &digits[length..];
    }
    text
}

fn from_percent(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let coded = value.get(at + 1..at + 3).filter(|_| value[at] == b'%').and_then(byte);
        text.push(coded.unwrap_or(value[at]));
        at += if coded.is_some() { 3 } else { 1 };
    }
    text
}

/// Bytes of two digits each.
fn from_hex(value: &[u8]) -> Option<Vec<u8>> {
    if !value.len().is_multiple_of(2) {
        return None;
    }
    value.chunks(2).map(byte).collect()
}

/// Code units of four digits each, as UTF-8.
fn from_wide(value: &[u8]) -> Option<Vec<u8>> {
    if !value.len().is_multiple_of(4) {
        return None;
    }
    let units: Option<Vec<_>> = value.chunks(4).map(|unit| u16::try_from(number(unit)?).ok()).collect();
    String::from_utf16(&units?).ok().map(String::into_bytes)
}

/// With either alphabet, with or without padding.
fn from_base64(value: &[u8]) -> Option<Vec<u8>> {
    let text = value.trim_ascii_end();
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::new();
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for character in group {
            let character = match character {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            };
            let index = BASE64.iter().position(|known| *known == character)?;
            bits = (bits << 6) | u32::try_from(index).ok()?;
        }
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(bits.to_be_bytes().get(1..group.len())?);
    }
    Some(bytes)
}

fn byte(digits: &[u8]) -> Option<u8> {
    u8::try_from(number(digits)?).ok()
}

/// A number in hexadecimal.
fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let digit = |value: u8| digits[usize::from(value)];
    value
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// As in a URL: all bytes, or those that have to be.
fn percent(value: &[u8], all: bool) -> Vec<u8> {
    let free = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut text = Vec::new();
    for &byte in value {
        if free(byte) && !all {
            text.push(byte);
        } else {
            text.push(b'%');
            text.extend(hex(&[byte], b"0123456789ABCDEF"));
        }
    }
    text
}

/// The same with small hexadecimal digits; letters that stand for themselves stay as they are.
fn percent_lower(value: &[u8]) -> Vec<u8> {
    let mut text = percent(value, false);
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'%' {
            text[at..(at + 3)].make_ascii_lowercase();
            at += 2;
        }
        at += 1;
    }
    text
}

/// As in JSON (RFC 8259, 7): with `all`, quotes and whatever is not printing ASCII by number; with `solidus`, `/` escaped.
fn json(value: &[u8], all: bool, solidus: bool, digits: &[u8; 16]) -> Vec<u8> {
    let mut text = Vec::new();
    for unit in units(value) {
        let ascii = u8::try_from(unit).ok().filter(|byte| (0x20..0x7f).contains(byte));
        match ascii {
            Some(b'/') if solidus => text.extend(b"\\/"),
            Some(byte @ (b'"' | b'\\')) if !all => text.extend([b'\\', byte]),
            Some(byte) if !b"\"\\&<>'".contains(&byte) || !all => text.push(byte),
            _ => {
                text.extend(b"\\u");
                text.extend(hex(&unit.to_be_bytes(), digits));
            }
        }
    }
    text
}

/// The code units of UTF-16: of text in UTF-8 or, if it is not, in Latin 1.
fn units(value: &[u8]) -> Vec<u16> {
    std::str::from_utf8(value).map_or_else(
        |_| value.iter().map(|byte| u16::from(*byte)).collect(),
        |text| text.encode_utf16().collect(),
    )
}

/// As in JSON, or as a command line may have it.
fn escaped(value: &[u8], escape: u8) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in value {
        if byte == b'"' || byte == b'\\' {
            text.push(escape);
        }
        text.push(byte);
    }
    text
}

/// UCS2 in hexadecimal (3GPP TS 27.005, 3.1).
fn wide(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    units(value)
        .into_iter()
        .flat_map(|unit| hex(&unit.to_be_bytes(), digits))
        .collect()
}

/// Digits two by two the other way round, as in PDU mode (3GPP TS 23.040, 9.1.2.3).
fn swapped(value: &[u8]) -> Vec<u8> {
    let mut digits = value.to_vec();
    if digits.len() % 2 == 1 {
        digits.push(b'F');
    }
    digits.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect()
}

/// The characters of base 64 that depend on the value alone, where it begins at this byte of a group of three.
fn base64(value: &[u8], offset: usize, url: bool) -> Vec<u8> {
    let whole = [&[0, 0, 0][..offset], value].concat();
    let mut text = Vec::new();
    for group in whole.chunks(3) {
        let mut bits = [0; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for at in 0..=group.len() {
            let index = (bits >> (18 - 6 * at)) & 63;
            text.push(match (BASE64[index as usize], url) {
                (b'+', true) => b'-',
                (b'/', true) => b'_',
                (character, _) => character,
            });
        }
    }
    if whole.len() % 3 != 0 {
        text.pop();
    }
    text.split_off([0, 2, 3][offset].min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_in_each_of_its_forms() {
        let forms: Vec<_> = forms(b"hunter2?", b"********")
            .into_iter()
            .map(|(form, _)| form)
            .collect();
        for form in [
            "68756e746572323f",
            "68756E746572323F",
            "hunter2%3F",
            "hunter2%3f",
            "%68%75%6E%74%65%72%32%3F",
            "aHVudGVyMj",
            "h1bnRlcjI/",
            "odW50ZXIyP",
            "h1bnRlcjI_",
            "00680075006E007400650072003200 3F".replace(' ', "").as_str(),
        ] {
            assert!(
                forms.iter().any(|known| known == form.as_bytes()),
                "{form} in {:?}",
                forms
                    .iter()
                    .map(|form| String::from_utf8_lossy(form).into_owned())
                    .collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn letters_keep_their_case_and_other_characters_are_known_by_their_numbers() {
        for (value, form) in [
            ("Hunter2?x", "Hunter2%3fx"),
            ("p\u{e4}ss9", "007000E4007300730039"),
            ("p\u{e4}ss9", "p\\u00e4ss9"),
            ("p\u{e4}ss9", "p\\u00E4ss9"),
            ("ab/cd/ef9", "ab\\/cd\\/ef9"),
            ("pass\"word9", "pass\\u0022word9"),
            ("pass\"word9", "pass\\\"word9"),
            ("geheim&co9", "geheim\\u0026co9"),
        ] {
            let forms = forms(value.as_bytes(), &vec![b'*'; value.len()]);
            assert!(forms.iter().any(|(known, _)| known == form.as_bytes()), "{form}");
        }
    }

    #[test]
    fn a_value_that_is_itself_encoded_is_read() {
        for (value, meaning) in [
            (r#"pa\"ss\\word"#, r#"pa"ss\word"#),
            (r"pa\22ss", r#"pa"ss"#),
            (r"pa\x22ss", r#"pa"ss"#),
            (r"pa\u00e4ss", "pa\u{e4}ss"),
            (r#"pa""ss"#, r#"pa"ss"#),
            ("hunter2%3F%", "hunter2?%"),
            ("68756e7465723F", "hunter?"),
            ("00680075006e00740020AC", ""),
            ("00680075006e007420AC", "hunt\u{20ac}"),
            ("aHVudGVyMg==", "hunter2"),
            ("aHVudGVyMg", "hunter2"),
        ] {
            let known = meanings(value.as_bytes());
            let is_known = known.iter().any(|known| known == meaning.as_bytes());
            assert_eq!(is_known, !meaning.is_empty(), "{value}: {known:?}");
        }
        assert_eq!(meanings(b"hunter-2"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_stands_beside_a_value_does_not_hide_it_in_base_64() {
        for before in ["", "a", "ab", "abc"] {
            for behind in ["", "x", "xy", "xyz"] {
                let whole = base64(format!("{before}hunter2{behind}").as_bytes(), 0, false);
                let cores = (0..3).map(|offset| base64(b"hunter2", offset, false));
                let found = cores
                    .into_iter()
                    .any(|core| whole.windows(core.len()).any(|part| part == core));
                assert!(found, "{before} {behind}");
            }
        }
    }

    #[test]
    fn the_forms_of_a_number_are_those_of_short_messages_too() {
        let forms = forms(b"491701234567", b"000000000001");
        assert!(forms.contains(&(b"947110325476".to_vec(), b"000000000010".to_vec())));
    }
}
