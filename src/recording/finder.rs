//! Where secrets and identities stand in a line, by the commands and answers that have them.

use std::ops::Range;

use modemqtt_at::secrets;

use crate::entry::Kind;
use crate::substitute::check_digit;

/// Commands and answers with telephone numbers.
const NUMBERS: &[&str] = &[
    "CNUM", "CMGR", "CMGL", "CMGS", "CMGW", "CMSS", "CMT", "CDS", "CLIP", "COLP", "CSCA", "CPBR", "CPBW", "CPBF",
    "CCWA", "CCFC", "QCMGS", "QCMGR", "CLCC",
];
/// Those behind which a short message follows in PDU mode.
const MESSAGES: &[&str] = &["CMGR", "CMGL", "CMGS", "CMGW", "CMT", "CDS"];
/// Answers with addresses of the module, and commands that give it one.
const ADDRESSES: &[&str] = &[
    "CGPADDR",
    "QIACT",
    "CGCONTRDP",
    "QILOCIP",
    "QIPADDR",
    "IPADDR",
    "QCGPADDR",
    "QGETIP",
    "CGDCONT",
    "NIPINFO",
    "QNETDEVCTL",
];
/// Commands of whose answer the whole line is the number of the module, of the subscriber or of the card.
const IMEI: &[&str] = &["CGSN", "GSN", "EGMR", "QGSN"];
const IMSI: &[&str] = &["CIMI", "QCIMI"];
const ICCID: &[&str] = &["CCID", "QCCID", "NCCID", "ICCID"];
const FIRMWARE: &[&str] = &["CGMR", "GMR"];
/// Commands and results with a message id behind the client index.
const MESSAGE_IDS: &[&str] = &["QMTPUB", "QMTPUBEX", "QMTSUB", "QMTUNS"];
/// A line of a credential shorter than this may stand anywhere.
pub(crate) const LONG_LINE: usize = 8;

/// What a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A parameter that is a secret.
    Secret,
    /// A line of a credential.
    Credential,
    /// A value of that kind.
    Value(Kind),
    /// A message id of the client before it.
    MessageId(Vec<u8>),
}

/// What goes on from line to line.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// The names of the last command line.
    asked: Vec<String>,
    /// Whether a short message in PDU mode is due from the module, or from the host.
    message_due: [bool; 2],
    /// Whether a credential is on its way in that direction.
    credential: [bool; 2],
    /// The firmware, once the module has named it.
    pub(crate) firmware: Option<String>,
}

impl Finder {
    /// The places of a line, without its line end, in any order.
    pub(crate) fn line(&mut self, sent: bool, line: &[u8]) -> Vec<(Range<usize>, Mark)> {
        let mut places = Vec::new();
        if self.holds_credential(sent, line, &mut places) {
            return places;
        }
        let names = names(line);
        let is_command = line.len() >= 2 && line[..2].eq_ignore_ascii_case(b"AT");
        if sent && is_command {
            self.asked = names.iter().map(|(name, _)| name.clone()).collect();
        }
        for place in secrets::places(line) {
            if !place.is_empty() {
                places.push((place, Mark::Secret));
            }
        }
        self.find_message(sent, line, &names, &mut places);
        for (name, behind) in &names {
            let is_of = |list: &[&str]| list.contains(&name.as_str());
            if is_of(NUMBERS) {
                places.extend(
                    quoted(line, *behind)
                        .filter(|place| is_phone(&line[place.clone()]))
                        .map(value(Kind::Phone)),
                );
            }
            if is_of(ADDRESSES) {
                places.extend(addresses(line, *behind).map(value(Kind::Address)));
            }
            if is_of(MESSAGE_IDS) {
                places.extend(message_id(line, *behind));
            }
            for (list, kind) in [(IMEI, Kind::Imei), (IMSI, Kind::Imsi), (ICCID, Kind::Iccid)] {
                if is_of(list) {
                    places.extend(runs(line, *behind).filter(|place| place.len() >= 14).map(value(kind)));
                }
            }
        }
        if is_command && line.get(2).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'D')) {
            places.extend(runs(line, 3).filter(|place| place.len() >= 3).map(value(Kind::Phone)));
        }
        if !sent && names.is_empty() {
            self.find_answer(line, &mut places);
        }
        places.extend(runs(line, 0).filter_map(|place| {
            let kind = telling(&line[place.clone()])?;
            Some((place, Mark::Value(kind)))
        }));
        places
    }

    /// A line of PEM, from its first to its last.
    fn holds_credential(&mut self, sent: bool, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) -> bool {
        let within = &mut self.credential[usize::from(sent)];
        let begins = position(line, b"-----BEGIN ");
        if !*within && begins.is_none() {
            return false;
        }
        *within = position(line, b"-----END ").is_none();
        let from = begins.unwrap_or(0);
        if from < line.len() {
            places.push((from..line.len(), Mark::Credential));
        }
        true
    }

    fn find_message(
        &mut self,
        sent: bool,
        line: &[u8],
        names: &[(String, usize)],
        places: &mut Vec<(Range<usize>, Mark)>,
    ) {
        let due = &mut self.message_due[usize::from(sent)];
        let text = line.strip_suffix(b"\x1a").unwrap_or(line);
        if *due && text.len() >= 20 && text.iter().all(u8::is_ascii_hexdigit) {
            places.push((0..text.len(), Mark::Value(Kind::Phone)));
            *due = false;
        }
        if let Some((_, behind)) = names.iter().find(|(name, _)| MESSAGES.contains(&name.as_str())) {
            *due = !line[*behind..].contains(&b'"') && line.last().is_some_and(u8::is_ascii_digit);
        }
    }

    /// A line that is nothing but the answer to the last command.
    fn find_answer(&mut self, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) {
        let text = line.trim_ascii();
        let start = line.len() - line.trim_ascii_start().len();
        let whole = start..start + text.len();
        let asked = |list: &[&str]| self.asked.iter().any(|name| list.contains(&name.as_str()));
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        for (list, kind) in [(IMEI, Kind::Imei), (IMSI, Kind::Imsi), (ICCID, Kind::Iccid)] {
            if digits >= 14 && digits + 1 >= text.len() && asked(list) {
                return places.push((whole, Mark::Value(kind)));
            }
        }
        if is_address(text) && asked(ADDRESSES) {
            return places.push((whole, Mark::Value(Kind::Address)));
        }
        let named = text.strip_prefix(b"Revision: ");
        let answers = asked(FIRMWARE) && text.len() > 4 && !text.starts_with(b"AT") && !text.contains(&b' ');
        if let Some(firmware) = named.or(answers.then_some(text)) {
            self.firmware
                .get_or_insert_with(|| String::from_utf8_lossy(firmware).into_owned());
        }
    }
}

impl Mark {
    /// Whether what stands there is looked for everywhere from now on.
    pub(crate) fn is_telling(&self, value: &[u8]) -> bool {
        match self {
            Self::Secret | Self::Value(_) => true,
            Self::Credential => value.len() >= LONG_LINE && !value.starts_with(b"-----"),
            Self::MessageId(_) => false,
        }
    }
}

fn value(kind: Kind) -> impl Fn(Range<usize>) -> (Range<usize>, Mark) {
    move |place| (place, Mark::Value(kind))
}

fn position(line: &[u8], part: &[u8]) -> Option<usize> {
    line.windows(part.len()).position(|window| window == part)
}

/// The extended commands or answers of a line, each with the place behind its name.
fn names(line: &[u8]) -> Vec<(String, usize)> {
    let mut names = Vec::new();
    let mut quoted = false;
    for (at, byte) in line.iter().enumerate() {
        quoted ^= *byte == b'"';
        if *byte != b'+' || quoted {
            continue;
        }
        let rest = &line[at + 1..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length > 1 && rest[0].is_ascii_alphabetic() {
            names.push((
                String::from_utf8_lossy(&rest[..length]).to_ascii_uppercase(),
                at + 1 + length,
            ));
        }
    }
    names
}

/// What stands in quotes from there on.
fn quoted(line: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let quotes: Vec<_> = (from..line.len()).filter(|at| line[*at] == b'"').collect();
    let pairs: Vec<_> = quotes.chunks_exact(2).map(|pair| pair[0] + 1..pair[1]).collect();
    pairs.into_iter()
}

/// Digits in a row from there on, with no letter or digit beside them but an F that fills up.
fn runs(line: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    std::iter::from_fn(move || {
        loop {
            let start = at + line[at..].iter().position(u8::is_ascii_digit)?;
            let mut end = start + line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            if line.get(end).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'f')) && !beside(line.get(end + 1)) {
                end += 1;
            }
            at = end.max(start + 1);
            if !(beside(line.get(end)) || start > from && beside(line.get(start - 1))) {
                return Some(start..end);
            }
        }
    })
}

/// What a number is by itself, wherever it stands: an IMEI by its check digit, an ICCID by its head (ITU-T E.118).
fn telling(digits: &[u8]) -> Option<Kind> {
    match digits.len() {
        15 if digits.iter().all(u8::is_ascii_digit)
            && digits[0] != b'0'
            && check_digit(&digits[..14]) == digits[14] =>
        {
            Some(Kind::Imei)
        }
        19 | 20 if digits.starts_with(b"89") => Some(Kind::Iccid),
        _ => None,
    }
}

/// A telephone number, or one in UCS2.
fn is_phone(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let plain =
        (3..=20).contains(&digits.len()) && digits.iter().all(|byte| byte.is_ascii_digit() || b"*#".contains(byte));
    let group = |group: &[u8]| group.starts_with(b"00") && (group[2] == b'3' || group[2..].eq_ignore_ascii_case(b"2b"));
    plain || (text.len() >= 12 && text.len().is_multiple_of(4) && text.chunks(4).all(group))
}

/// Addresses from there on. That of no network is none.
fn addresses(line: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let mut at = from;
    std::iter::from_fn(move || {
        loop {
            let start = at + line.get(at..)?.iter().position(part)?;
            let end = start + line[start..].iter().take_while(|byte| part(byte)).count();
            at = end + 1;
            if is_address(&line[start..end]) {
                return Some(start..end);
            }
        }
    })
}

fn is_address(text: &[u8]) -> bool {
    let some = text.iter().any(|byte| !matches!(byte, b'0' | b'.' | b':'));
    let parts: Vec<_> = text.split(|byte| *byte == b'.').collect();
    let octet = |part: &&[u8]| (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    // With the mask behind it, or as 16 numbers (3GPP TS 27.007, 10.1.23).
    let dotted = matches!(parts.len(), 4 | 8 | 16 | 32) && parts.iter().all(octet);
    let groups = text.split(|byte| *byte == b':').count();
    some && (dotted || (groups > 2 && text.len() > 3 && parts.len() == 1))
}

/// The message id behind the client index.
fn message_id(line: &[u8], behind: usize) -> Option<(Range<usize>, Mark)> {
    let values = behind + 1;
    let rest = line.get(values..)?;
    let comma = rest.iter().position(|byte| *byte == b',')?;
    let client = rest[..comma].trim_ascii();
    let start = values + comma + 1;
    let length = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let id = &line[start..start + length];
    if !client.iter().all(u8::is_ascii_digit) || id.is_empty() || id == b"0" {
        return None;
    }
    Some((start..start + length, Mark::MessageId([client, b"/", id].concat())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[(bool, &str)]) -> Vec<(Kind, String)> {
        let mut finder = Finder::default();
        let mut found = Vec::new();
        for (sent, line) in lines {
            for (place, mark) in finder.line(*sent, line.as_bytes()) {
                let kind = match mark {
                    Mark::Value(kind) => kind,
                    Mark::MessageId(_) => Kind::Invented,
                    Mark::Secret | Mark::Credential => Kind::Secret,
                };
                let entry = (kind, line[place].to_owned());
                if !found.contains(&entry) {
                    found.push(entry);
                }
            }
        }
        found
    }

    #[test]
    fn identities_are_found_where_the_notes_have_them() {
        for (lines, kind, value) in [
            (
                &[(true, "AT+GSN"), (false, "866425031234560")][..],
                Kind::Imei,
                "866425031234560",
            ),
            (
                &[(true, "AT+CGSN=1"), (false, "+CGSN: 866425031234560")],
                Kind::Imei,
                "866425031234560",
            ),
            (
                &[(true, "AT+CIMI"), (false, "262011234567890")],
                Kind::Imsi,
                "262011234567890",
            ),
            (
                &[(true, "AT+QCCID"), (false, "+QCCID: 8949020000123456789F")],
                Kind::Iccid,
                "8949020000123456789F",
            ),
            (
                &[(true, "AT+CCID"), (false, "8949020000123456789F")],
                Kind::Iccid,
                "8949020000123456789F",
            ),
            (
                &[(false, "+CNUM: ,\"+491701234567\",145")],
                Kind::Phone,
                "+491701234567",
            ),
            (
                &[(
                    false,
                    "+CMGR: \"REC READ\",\"+491701234567\",\"\",\"24/01/01,12:00:00+04\"",
                )],
                Kind::Phone,
                "+491701234567",
            ),
            (&[(true, "AT+CMGS=\"+491701234567\"")], Kind::Phone, "+491701234567"),
            (&[(true, "ATD+491701234567;")], Kind::Phone, "491701234567"),
            (
                &[(false, "+CLIP: \"002B0034003900310037\",145")],
                Kind::Phone,
                "002B0034003900310037",
            ),
            (&[(false, "+CGPADDR: 1,\"10.23.145.7\"")], Kind::Address, "10.23.145.7"),
            (&[(false, "+CGPADDR: 1,10.23.145.7")], Kind::Address, "10.23.145.7"),
            (
                &[(false, "+QIACT: 1,1,1,\"10.23.145.7\"")],
                Kind::Address,
                "10.23.145.7",
            ),
            (
                &[(false, "+CGPADDR: 1,\"2001:db8::4a1\"")],
                Kind::Address,
                "2001:db8::4a1",
            ),
            (
                &[(true, "AT+QILOCIP"), (false, "10.23.145.7")],
                Kind::Address,
                "10.23.145.7",
            ),
            (
                &[(false, "{\"imei\":\"490154203237518\"}")],
                Kind::Imei,
                "490154203237518",
            ),
            (
                &[(false, "+CMGR: 1,,26"), (false, "07917283010010F5040BC87238880900F1")],
                Kind::Phone,
                "07917283010010F5040BC87238880900F1",
            ),
        ] {
            assert_eq!(found(lines), [(kind, value.to_owned())], "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_identity_stays() {
        for line in [
            "AT+QMTOPEN=0,\"192.0.2.7\",1883",
            "+CSQ: 20,99",
            "+QMTRECV: 0,1,\"t\",1700000000123456",
            "+CGPADDR: 1,0.0.0.0",
            "AT+CMGF=1",
            "+QMTPUB: 0,0,0",
        ] {
            assert_eq!(found(&[(line.starts_with("AT"), line)]), [], "{line}");
        }
    }

    #[test]
    fn a_credential_is_a_secret_from_its_first_line_to_its_last() {
        let lines = [
            "-----BEGIN RSA PRIVATE KEY-----",
            "MIIEpAIBAAKCAQEA",
            "-----END RSA PRIVATE KEY-----",
            "OK",
        ];
        let found = found(&lines.map(|line| (true, line)));
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn message_ids_are_what_stands_behind_the_client() {
        let lines = [
            (true, "AT+QMTPUB=0,7,1,0,\"t\",4"),
            (false, "+QMTPUB: 0,7,0"),
            (true, "AT+QMTSUB=1,8,\"a\",1"),
        ];
        assert_eq!(
            found(&lines),
            [(Kind::Invented, "7".to_owned()), (Kind::Invented, "8".to_owned())]
        );
    }
}
