//! What must not be shown, in command lines and in what the module gives back.
//!
//! Lines that the host writes itself know their secrets from the rows. These rules are for lines that a program has
//! written, and for answers; they would rather mask too much than too little.

/// Commands that take a secret, the parameter from which on everything is masked, counted from 0, and for `QMTCFG` the key.
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
    ("QSMTPCFG", Some("account"), 1),
];

/// Answers that repeat a secret, likewise. Their key, where there is one, comes first.
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
    ("QSMTPCFG", Some("account"), 1),
];

/// A line with its secrets masked.
pub fn masked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let (command, tail) = split_outside(rest, ';');
        shown.push_str(&masked_command(command));
        match tail {
            Some(tail) => {
                shown.push(';');
                rest = tail;
            }
            None => return shown,
        }
    }
}

/// The parameters of a line that are secrets, without their quotes.
pub fn secrets_in(line: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut rest = Some(line);
    while let Some(command) = rest {
        let (command, tail) = split_outside(command, ';');
        if let Some((_, fields, from)) = sensitive(command) {
            secrets.extend(
                split(fields)
                    .into_iter()
                    .skip(from)
                    .map(|field| field.trim().trim_matches('"').to_owned()),
            );
        }
        rest = tail;
    }
    secrets
}

/// A secret as it is looked for in what the module prints; one so short that it would be found everywhere is not.
pub fn remembered(secret: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(secret).into_owned();
    (text.len() > 3).then_some(text)
}

fn masked_command(command: &str) -> String {
    let Some((head, fields, from)) = sensitive(command) else {
        return command.to_owned();
    };
    let fields: Vec<_> = split(fields)
        .into_iter()
        .enumerate()
        .map(|(at, field)| match (at >= from, field.contains('"')) {
            (false, _) => field,
            (true, true) => "\"***\"",
            (true, false) => "***",
        })
        .collect();
    format!("{head}{}", fields.join(","))
}

/// The head of a command or of an answer that holds a secret, its fields, and the first of them that is masked.
fn sensitive(line: &str) -> Option<(&str, &str, usize)> {
    let plus = line.find('+')?;
    let end = line[plus..].find(['=', ':', '?'])? + plus;
    let name = line[plus + 1..end].trim();
    let (head, fields) = line.split_at(end + 1);
    let table = match &line[end..=end] {
        "=" => COMMANDS,
        ":" => ANSWERS,
        _ => return None,
    };
    let key = split(fields).first().map(|field| field.trim().trim_matches('"'));
    let &(_, _, from) = table.iter().find(|(known, wanted, _)| {
        known.eq_ignore_ascii_case(name)
            && wanted.is_none_or(|wanted| key.is_some_and(|key| key.eq_ignore_ascii_case(wanted)))
    })?;
    // A token that is read back stands alone, without a result before it.
    let alone = table == ANSWERS && from == 1 && !key.is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_digit()));
    Some((head, fields, if alone { 0 } else { from }))
}

fn split(fields: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = Some(fields);
    while let Some(text) = rest {
        let (part, tail) = split_outside(text, ',');
        parts.push(part);
        rest = tail;
    }
    parts
}

/// Splits at the first separator that stands outside quotes.
fn split_outside(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => return (&text[..at], Some(&text[at + separator.len_utf8()..])),
            _ => {}
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert!(!masked(line).contains("hunter2"), "{}", masked(line));
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
