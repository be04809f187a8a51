//! The ways in which a value may stand in what goes over a line.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A piece of base 64 shorter than this would be found by chance.
const TELLING: usize = 5;

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
    both(&|value| escaped(value, b'\\'));
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
    let mut others = vec![percent(value, false), percent_lower(value)];
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

/// As in JSON (RFC 8259, 7): with `all`, quotes and what is no printing ASCII by their numbers; with `solidus`, `/` escaped.
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

/// The code units of UTF-16, of UTF-8 or, where it is none, of Latin 1.
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

/// The characters of base 64 that depend on nothing else, where so many bytes of a group stand before the value.
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
