//! The secrets in command lines and in answers, which must not be shown.
//!
//! Lines that the host writes itself know their secrets from the rows. These rules are for lines that a program has
//! written, and for answers; in doubt they mask too much.

use std::ops::Range;

/// What a log shows instead of a secret.
pub const MASK: &str = "***";

/// Commands that take a secret, with the first parameter to mask, counted from 0, and for `QMTCFG` the key. Everything after that parameter is
/// masked too.
const COMMANDS: &[(&str, Option<&str>, usize)] = &[
    ("QMTCONN", None, 3),
    ("QMTCFG", Some("aliauth"), 4),
    ("QMTCFG", Some("onenet"), 3),
    ("QMTENAUTH", None, 3),
    ("QMTTENAUTH", None, 3),
    ("QSSLCFG", Some("clientkey"), 3),
    ("QSSLCFG", Some("psk"), 2),
    ("CPIN", None, 0),
    ("CPWD", None, 1),
    ("CLCK", None, 2),
    ("CGAUTH", None, 2),
    ("QICSGP", None, 3),
    ("QCGDEFCONT", None, 2),
    ("QHTTPCFG", Some("auth"), 1),
    ("QFTPCFG", Some("account"), 1),
    ("QFTPUSER", None, 0),
    ("QFTPPASS", None, 0),
    ("QSMTPCFG", Some("account"), 1),
    ("QSMTPUSER", None, 0),
    ("QSMTPPWD", None, 0),
    ("QIREGAPP", None, 1),
    ("QSETPSK", None, 1),
    ("QLWCONFIG", None, 6),
];

/// The same for answers that repeat a secret. A key, if there is one, comes first.
const ANSWERS: &[(&str, Option<&str>, usize)] = &[
    ("QMTCFG", Some("aliauth"), 3),
    ("QMTCFG", Some("onenet"), 2),
    ("QMTENAUTH", None, 1),
    ("QMTTENAUTH", None, 1),
    ("QSSLCFG", Some("clientkey"), 3),
    ("QSSLCFG", Some("psk"), 2),
    ("CGAUTH", None, 2),
    ("QICSGP", None, 3),
    ("QCGDEFCONT", None, 2),
    ("QHTTPCFG", Some("auth"), 1),
    ("QFTPCFG", Some("account"), 1),
    ("QFTPUSER", None, 0),
    ("QFTPPASS", None, 0),
    ("QSMTPCFG", Some("account"), 1),
    ("QSMTPUSER", None, 0),
    ("QSMTPPWD", None, 0),
    ("QIREGAPP", None, 1),
    ("QSETPSK", None, 1),
    ("QLWCONFIG", None, 6),
];

/// A line with its secrets masked.
pub fn masked(line: &str) -> String {
    with_mask(line.as_bytes(), &places(line.as_bytes()))
}

/// A line with `***` in these places, which are in order and do not overlap; bytes that are not UTF-8 are replaced.
pub fn with_mask(line: &[u8], places: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut from = 0;
    for place in places {
        shown.push_str(&String::from_utf8_lossy(&line[from..place.start]));
        shown.push_str(MASK);
        from = place.end;
    }
    shown.push_str(&String::from_utf8_lossy(&line[from..]));
    shown
}

/// The places of the secrets of a line, without their quotes, in order. A secret that was left out has an empty place.
pub fn places(line: &[u8]) -> Vec<Range<usize>> {
    let mut places = readings(line);
    places.sort_by_key(|place| (place.start, place.end));
    places.dedup_by(|next, place| {
        let overlaps = next.start < place.end;
        if overlaps {
            place.end = place.end.max(next.end);
        }
        overlaps
    });
    places
}

/// The places of the secrets of a line for a reader who knows no escapes and for one to whom `\"` ends nothing: the notes do not say
/// which of them a firmware is. Places may overlap.
pub fn readings(line: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    collect(line, Escapes::None, &mut places);
    if line.contains(&b'\\') {
        collect(line, Escapes::Backslash, &mut places);
    }
    places
}

/// What keeps a quote from ending a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

fn collect(line: &[u8], escapes: Escapes, places: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        // Most lines are a single command, and that is seen at once.
        let end = if rest.contains(&b';') {
            end_outside(rest, b';', escapes)
        } else {
            rest.len()
        };
        let command = &rest[..end];
        if let Some((head, from)) = sensitive(command) {
            for (position, field) in fields(&command[head..], escapes).enumerate() {
                let field = head + field.start..head + field.end;
                if !is_well_quoted(&command[field.clone()], escapes) {
                    // What looks like a separator from here on may be part of a secret, and the other way round.
                    places.push(at + field.start..line.len());
                    return;
                }
                if position >= from {
                    places.push(within_quotes(command, field, at));
                }
            }
        }
        at += command.len() + 1;
    }
}

/// The parameters of a line that are secrets, without their quotes: as they were written, and as what they stand for.
pub fn secrets_in(line: &str) -> Vec<String> {
    places(line.as_bytes())
        .into_iter()
        .filter_map(|place| line.get(place))
        .flat_map(|secret| with_meanings(secret.trim()))
        .collect()
}

/// A parameter without its quotes, and what it stands for if a quote in it was written with a backslash or twice.
fn with_meanings(parameter: &str) -> Vec<String> {
    let inner = parameter.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = inner.unwrap_or(parameter);
    let mut all = vec![text.to_owned()];
    for meaning in [
        without_backslashes(text.as_bytes()),
        without_doubled_quotes(text.as_bytes()),
    ] {
        let meaning = String::from_utf8_lossy(&meaning).into_owned();
        if !all.contains(&meaning) {
            all.push(meaning);
        }
    }
    all
}

/// A text whose characters may each have a backslash before them, without these.
pub fn without_backslashes(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter();
    let next = || match bytes.next()? {
        b'\\' => bytes.next().or(Some(&b'\\')),
        byte => Some(byte),
    };
    std::iter::from_fn(next).copied().collect()
}

/// A text in which quotes are written twice, with each of them once.
pub fn without_doubled_quotes(text: &[u8]) -> Vec<u8> {
    let mut once: Vec<u8> = Vec::new();
    let mut is_second = false;
    for &byte in text {
        is_second = byte == b'"' && !is_second && once.last() == Some(&b'"');
        if !is_second {
            once.push(byte);
        }
    }
    once
}

/// The text by which a secret is recognised in what the module prints; `None` for one so short that it would be found everywhere.
pub fn remembered(secret: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(secret).into_owned();
    (text.len() > 3).then_some(text)
}

/// Whether a field has no quotes, or one at each end.
fn is_well_quoted(field: &[u8], escapes: Escapes) -> bool {
    let field = field.trim_ascii();
    let inner = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    !inner.unwrap_or(field).contains(&b'"') || escapes == Escapes::Backslash && !ends_early(inner.unwrap_or(field))
}

/// Whether there is a quote without a backslash before it.
fn ends_early(text: &[u8]) -> bool {
    let mut escaped = false;
    text.iter().any(|byte| {
        let is_quote = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_quote
    })
}

/// The place of what is between the quotes of a field, or of the whole field if it has none.
fn within_quotes(command: &[u8], field: Range<usize>, at: usize) -> Range<usize> {
    let text = &command[field.clone()];
    let quote = |byte: &u8| *byte == b'"';
    let Range { mut start, mut end } = field;
    if let (Some(first), Some(last)) = (text.iter().position(quote), text.iter().rposition(quote)) {
        end = if first < last { start + last } else { end };
        start += first + 1;
    }
    at + start..at + end
}

/// Whether commands or answers of this name may have secrets.
pub fn may_follow(name: &[u8]) -> bool {
    let mut all = COMMANDS.iter().chain(ANSWERS);
    all.any(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Where the fields of a command or of an answer that holds a secret begin, and the first of them that is masked.
fn sensitive(line: &[u8]) -> Option<(usize, usize)> {
    let plus = line.iter().position(|byte| *byte == b'+')?;
    let end = line[plus..]
        .iter()
        .position(|byte| matches!(byte, b'=' | b':' | b'?'))?
        + plus;
    let name = line[plus + 1..end].trim_ascii();
    let table = match line[end] {
        b'=' => COMMANDS,
        b':' => ANSWERS,
        _ => return None,
    };
    let known = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    if !table.iter().any(|(name, ..)| known(name)) {
        return None;
    }
    let values = &line[end + 1..];
    let key = fields(values, Escapes::None)
        .next()
        .map(|field| unquoted(&values[field]));
    let &(_, _, from) = table.iter().find(|(name, wanted, _)| {
        known(name) && wanted.is_none_or(|wanted| key.is_some_and(|key| key.eq_ignore_ascii_case(wanted.as_bytes())))
    })?;
    // A token that is read back comes alone, without a result before it.
    let alone = table == ANSWERS && from == 1 && !key.is_some_and(|key| key.iter().all(u8::is_ascii_digit));
    Some((end + 1, if alone { 0 } else { from }))
}

/// A field without the blanks and the quotes round it.
fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    let inner = |byte: &u8| *byte != b'"';
    match (field.iter().position(inner), field.iter().rposition(inner)) {
        (Some(first), Some(last)) => &field[first..=last],
        _ => &[],
    }
}

fn fields(values: &[u8], escapes: Escapes) -> impl Iterator<Item = Range<usize>> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let from = at?;
        let end = from + end_outside(&values[from..], b',', escapes);
        at = (end < values.len()).then_some(end + 1);
        Some(from..end)
    })
}

/// The position of the first separator outside quotes, or of the end.
fn end_outside(text: &[u8], separator: u8, escapes: Escapes) -> usize {
    let (mut quoted, mut behind_backslash) = (false, false);
    let ends = |byte: &u8| {
        quoted ^= *byte == b'"' && !behind_backslash;
        behind_backslash = escapes == Escapes::Backslash && *byte == b'\\' && !behind_backslash;
        *byte == separator && !quoted
    };
    text.iter().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_quotes_is_known_as_it_was_written_and_as_what_it_stands_for() {
        let known = secrets_in(r#"AT+QMTCONN=0,"bench","lab","hun\"ter\\2""#);
        assert!(known.contains(&r#"hun\"ter\\2"#.to_owned()), "{known:?}");
        assert!(known.contains(&r#"hun"ter\2"#.to_owned()), "{known:?}");
        let known = secrets_in(r#"AT+QMTCONN=0,"bench","lab","hun""ter2""#);
        assert!(known.contains(&r#"hun"ter2"#.to_owned()), "{known:?}");
    }

    #[test]
    fn no_line_shows_a_secret() {
        for line in [
            "AT+QMTCONN=0,\"bench-7\",\"lab\",\"hunter2\"",
            "at+qmtconn=0,\"bench-7\",\"lab\",\"hunter2\"",
            "AT+QMTCONN =0,\"bench-7\",,\"hunter2\"",
            "AT+QMTCONN=0,\"bench-7\",\"lab\",\"hunter2",
            "AT+CSQ;+QMTCONN=0,\"a;b\",\"lab\",\"hunter2\";+CREG?",
            "AT+QMTCFG=\"aliauth\",0,\"key\",\"name\",\"hunter2\"",
            "+QMTCFG: \"aliauth\",\"key\",\"name\",\"hunter2\"",
            "AT+QMTCFG=\"onenet\",0,\"product\",\"hunter2\"",
            "AT+QMTENAUTH=\"p\",\"d\",\"c\",\"hunter2\",60,\"url\"",
            "+QMTTENAUTH: 0,\"hunter2\"",
            "+QMTTENAUTH : 0,hunter2",
            "+QMTENAUTH:\"hunter2\"",
            "AT+CPIN=hunter2",
            "AT+QCGDEFCONT=\"IP\",\"apn\",\"lab\",\"hunter2\"",
            "+QCGDEFCONT: \"IP\",\"apn\",\"lab\",\"hunter2\"",
            "AT+CGAUTH=1,1,\"lab\",\"hunter2\"",
            "AT+QHTTPCFG=\"auth\",\"lab:hunter2\"",
            "AT+QFTPCFG=\"account\",\"lab\",\"hunter2\"",
            "AT+QSSLCFG=\"clientkey\",2,\"UFS:key2.pem\",\"hunter2\"",
            "+QSSLCFG: \"clientkey\",2,\"UFS:key2.pem\",\"hunter2\"",
            "AT+QSSLCFG=\"psk\",2,\"bench,hunter2\"",
            "AT+QIREGAPP=\"apn\",\"lab\",\"hunter2\"",
            "AT+QFTPPASS=\"hunter2\"",
            "AT+QSMTPPWD=hunter2",
            "AT+QSETPSK=0,hunter2",
            // Quotes that do not fit.
            "AT+QMTCONN=0,\"i\"d\",\"lab\",\"hunter2\"",
            "AT+QMTCONN=0,\"id,\"lab\",\"hunter2\"",
            "AT+QMTCONN=0,\"id\",\"lab\",\"hun\"hunter2",
            "AT+QMTCONN=0,id\",\"a;b\",\"hunter2\"",
            "AT+QMTCONN=0,\"id\"\",\"lab\",\"x;hunter2\"",
            "+QMTCFG: \"aliauth\",\"k\"ey\",\"name\",\"hunter2\"",
        ] {
            assert!(!masked(line).contains("hunter2"), "{}", masked(line));
        }
    }

    #[test]
    fn a_secret_with_quotes_of_its_own_is_masked_whole_however_they_are_read() {
        for line in [
            r#"AT+QMTCONN=0,"c","u","hun\",ter2""#,
            r#"AT+QMTCONN=0,"c","u","hun",ter2""#,
            r#"AT+QMTCONN=0,"c","u","\"hun;ter2""#,
            r#"AT+QMTCONN=0,"c","u\","hunter2""#,
            r#"AT+QMTCONN=0,"c","u\\","hun\\\",ter2";+CSQ"#,
            r#"AT+QMTCONN=0,"c","u","hun\\","ter2""#,
        ] {
            let masked = masked(line);
            assert!(!masked.contains("hun") && !masked.contains("ter2"), "{masked}");
            assert!(masked.starts_with("AT+QMTCONN=0,\"c\","), "{masked}");
        }
    }

    #[test]
    fn a_line_without_a_secret_stays_as_it_is() {
        for line in [
            "+QMTTENAUTH: 4",
            "+QMTCFG: \"keepalive\",60",
            "AT+QMTCONN?",
            "AT+CSQ;+CREG?",
            "AT",
            "+CPIN: READY",
        ] {
            assert_eq!(masked(line), line);
        }
        assert_eq!(
            masked("AT+QMTCONN=0,\"id\",\"u\",\"p\""),
            "AT+QMTCONN=0,\"id\",\"u\",\"***\""
        );
    }
}
