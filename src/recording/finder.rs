//! Where secrets and identities stand in a line, by the commands and answers that have them.

use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter};
use modemqtt_at::find::first_of;
use modemqtt_at::secrets;

use crate::entry::Kind;
use crate::substitute::check_digit;

/// What a command, or the answer of that name, has.
#[derive(Clone, Copy, Debug, Default)]
struct Subjects(u8);

impl Subjects {
    /// Telephone numbers.
    const NUMBERS: Self = Self(1);
    /// A short message behind it, in PDU mode.
    const MESSAGES: Self = Self(2);
    /// Addresses of the module.
    const ADDRESSES: Self = Self(4);
    /// The number of the module; its answer may be that alone, and so below.
    const IMEI: Self = Self(8);
    /// The number of the subscriber.
    const IMSI: Self = Self(16);
    /// The number of the card.
    const ICCID: Self = Self(32);
    /// The firmware.
    const FIRMWARE: Self = Self(64);
    /// A message id behind the client index.
    const MESSAGE_IDS: Self = Self(128);
    const ANY: Self = Self(u8::MAX);
    const TEXTS: Self = Self(Self::NUMBERS.0 | Self::MESSAGES.0);
    const ALONE: Self = Self(Self::IMEI.0 | Self::IMSI.0 | Self::ICCID.0 | Self::ADDRESSES.0 | Self::FIRMWARE.0);

    const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

const VALUES: [(Subjects, Kind); 3] = [
    (Subjects::IMEI, Kind::Imei),
    (Subjects::IMSI, Kind::Imsi),
    (Subjects::ICCID, Kind::Iccid),
];

/// By name, in order.
const NAMES: [(&str, Subjects); 46] = [
    ("CCFC", Subjects::NUMBERS),
    ("CCID", Subjects::ICCID),
    ("CCWA", Subjects::NUMBERS),
    ("CDS", Subjects::TEXTS),
    ("CGCONTRDP", Subjects::ADDRESSES),
    ("CGDCONT", Subjects::ADDRESSES),
    ("CGMR", Subjects::FIRMWARE),
    ("CGPADDR", Subjects::ADDRESSES),
    ("CGSN", Subjects::IMEI),
    ("CIMI", Subjects::IMSI),
    ("CLCC", Subjects::NUMBERS),
    ("CLIP", Subjects::NUMBERS),
    ("CMGL", Subjects::TEXTS),
    ("CMGR", Subjects::TEXTS),
    ("CMGS", Subjects::TEXTS),
    ("CMGW", Subjects::TEXTS),
    ("CMSS", Subjects::NUMBERS),
    ("CMT", Subjects::TEXTS),
    ("CNUM", Subjects::NUMBERS),
    ("COLP", Subjects::NUMBERS),
    ("CPBF", Subjects::NUMBERS),
    ("CPBR", Subjects::NUMBERS),
    ("CPBW", Subjects::NUMBERS),
    ("CSCA", Subjects::NUMBERS),
    ("EGMR", Subjects::IMEI),
    ("GMR", Subjects::FIRMWARE),
    ("GSN", Subjects::IMEI),
    ("ICCID", Subjects::ICCID),
    ("IPADDR", Subjects::ADDRESSES),
    ("NCCID", Subjects::ICCID),
    ("NIPINFO", Subjects::ADDRESSES),
    ("QCCID", Subjects::ICCID),
    ("QCGPADDR", Subjects::ADDRESSES),
    ("QCIMI", Subjects::IMSI),
    ("QCMGR", Subjects::NUMBERS),
    ("QCMGS", Subjects::NUMBERS),
    ("QGETIP", Subjects::ADDRESSES),
    ("QGSN", Subjects::IMEI),
    ("QIACT", Subjects::ADDRESSES),
    ("QILOCIP", Subjects::ADDRESSES),
    ("QIPADDR", Subjects::ADDRESSES),
    ("QMTPUB", Subjects::MESSAGE_IDS),
    ("QMTPUBEX", Subjects::MESSAGE_IDS),
    ("QMTSUB", Subjects::MESSAGE_IDS),
    ("QMTUNS", Subjects::MESSAGE_IDS),
    ("QNETDEVCTL", Subjects::ADDRESSES),
];

/// The names as numbers in the same order, which are compared at once.
const KEYS: [u128; NAMES.len()] = {
    let mut keys = [0; NAMES.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = key(NAMES[at].0.as_bytes());
        at += 1;
    }
    keys
};

/// The first 16 letters of a name as a number, large or small; a longer name is not in [`NAMES`] and differs from each.
const fn key(name: &[u8]) -> u128 {
    let mut letters = [0; 16];
    let mut at = 0;
    while at < letters.len() && at < name.len() {
        letters[at] = name[at].to_ascii_uppercase();
        at += 1;
    }
    u128::from_be_bytes(letters)
}
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
    /// What the last command line asked for.
    asked: Subjects,
    /// The commands or answers of a line: what each has, and where its name ends.
    names: Vec<(Subjects, usize)>,
    /// How the last line began whose name has neither secrets nor identities: the name, and the character behind it.
    harmless: Vec<u8>,
    /// Whether a short message in PDU mode is due from the module, or from the host.
    message_due: [bool; 2],
    /// The credential that is on its way in that direction.
    credential: [Option<Credential>; 2],
    /// The firmware, once the module has named it.
    pub(crate) firmware: Option<String>,
}

/// The lines of a credential so far.
#[derive(Clone, Copy, Debug, Default)]
struct Credential {
    lines: usize,
    /// The length of its first line of base 64; all but the last are as long.
    width: Option<usize>,
    /// Whether a shorter one was there, behind which nothing but the end is due.
    is_last: bool,
}

impl Finder {
    /// Adds the places of a line, without its line end, in any order.
    pub(crate) fn line(&mut self, sent: bool, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) {
        if self.holds_credential(sent, line, places) {
            return;
        }
        if !self.is_harmless(line) {
            self.find_by_names(sent, line, places);
        }
        if has_run(line) {
            places.extend(runs(line, 0).filter_map(|place| {
                let kind = telling(&line[place.clone()])?;
                Some((place, Mark::Value(kind)))
            }));
        }
    }

    /// Whether a line has one name only, the same as such a line before it. Most lines are messages.
    fn is_harmless(&self, line: &[u8]) -> bool {
        let values = line.strip_prefix(self.harmless.as_slice());
        !self.harmless.is_empty() && values.is_some_and(|values| first_of([b'+'], values).is_none())
    }

    /// Notes how a line begins that has this one name only, if none of that name has anything.
    fn note_harmless(&mut self, line: &[u8], has: Subjects, behind: usize) {
        let ends = matches!(line.get(behind), Some(b':' | b'=' | b'?'));
        let is_alone = line[0] == b'+' && first_of([b'+'], &line[1..]).is_none();
        if ends && is_alone && !has.any(Subjects::ANY) && !secrets::may_follow(&line[1..behind]) {
            self.harmless.clear();
            self.harmless.extend_from_slice(&line[..=behind]);
        }
    }

    /// Adds what the commands and answers of a line have.
    fn find_by_names(&mut self, sent: bool, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) {
        let is_command = line.len() >= 2 && line[..2].eq_ignore_ascii_case(b"AT");
        for place in secrets::readings(line) {
            if !place.is_empty() {
                places.push((place, Mark::Secret));
            }
        }
        let mut names = std::mem::take(&mut self.names);
        find_names(line, &mut names);
        if sent && is_command {
            self.asked = Subjects(names.iter().fold(0, |all, (has, _)| all | has.0));
        }
        self.find_message(sent, line, &names, places);
        for &(has, behind) in &names {
            if has.any(Subjects::NUMBERS) {
                places.extend(
                    in_quotes(line, behind)
                        .filter(|place| is_phone(&line[place.clone()]))
                        .map(value(Kind::Phone)),
                );
            }
            if has.any(Subjects::ADDRESSES) {
                places.extend(addresses(line, behind).map(value(Kind::Address)));
            }
            if has.any(Subjects::MESSAGE_IDS) {
                places.extend(message_id(line, behind));
            }
            for (subject, kind) in VALUES {
                if has.any(subject) {
                    places.extend(runs(line, behind).filter(|place| place.len() >= 14).map(value(kind)));
                }
            }
        }
        if is_command && line.get(2).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'D')) {
            places.extend(runs(line, 3).filter(|place| place.len() >= 3).map(value(Kind::Phone)));
        }
        if !sent && names.is_empty() {
            self.find_answer(line, places);
        }
        if let [(has, behind)] = names[..] {
            self.note_harmless(line, has, behind);
        }
        names.clear();
        self.names = names;
    }

    /// A line of PEM, from its first to its last.
    fn holds_credential(&mut self, sent: bool, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) -> bool {
        let within = &mut self.credential[usize::from(sent)];
        if let Some((from, is_whole)) = credential_begins(line) {
            *within = is_whole.then(Credential::default);
            places.push((from..line.len(), Mark::Credential));
            return true;
        }
        let Some(credential) = within else { return false };
        let ends = line.starts_with(b"-----END ");
        if !ends && !credential.takes(line) {
            *within = None;
            return false;
        }
        if ends {
            *within = None;
        }
        places.push((0..line.len(), Mark::Credential));
        true
    }

    fn find_message(
        &mut self,
        sent: bool,
        line: &[u8],
        names: &[(Subjects, usize)],
        places: &mut Vec<(Range<usize>, Mark)>,
    ) {
        let due = &mut self.message_due[usize::from(sent)];
        let text = line.strip_suffix(b"\x1a").unwrap_or(line);
        if *due && text.len() >= 20 && text.iter().all(u8::is_ascii_hexdigit) {
            places.push((0..text.len(), Mark::Value(Kind::Phone)));
            *due = false;
        }
        if let Some((_, behind)) = names.iter().find(|(has, _)| has.any(Subjects::MESSAGES)) {
            *due = !line[*behind..].contains(&b'"') && line.last().is_some_and(u8::is_ascii_digit);
        }
    }

    /// A line that is nothing but the answer to the last command.
    fn find_answer(&mut self, line: &[u8], places: &mut Vec<(Range<usize>, Mark)>) {
        const NAMED: &[u8] = b"Revision: ";
        let asked = |subject| self.asked.any(subject);
        let text = line.trim_ascii();
        if !asked(Subjects::ALONE) && !text.starts_with(NAMED) {
            return;
        }
        let start = line.len() - line.trim_ascii_start().len();
        let whole = start..start + text.len();
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        for (subject, kind) in VALUES {
            if digits >= 14 && digits + 1 >= text.len() && asked(subject) {
                return places.push((whole, Mark::Value(kind)));
            }
        }
        if is_address(text) && asked(Subjects::ADDRESSES) {
            return places.push((whole, Mark::Value(Kind::Address)));
        }
        let named = text.strip_prefix(NAMED);
        let answers = asked(Subjects::FIRMWARE) && text.len() > 4 && !text.starts_with(b"AT") && !text.contains(&b' ');
        if let Some(firmware) = named.or(answers.then_some(text)) {
            self.firmware
                .get_or_insert_with(|| String::from_utf8_lossy(firmware).into_owned());
        }
    }
}

impl Credential {
    /// Whether the next line is one of it.
    fn takes(&mut self, line: &[u8]) -> bool {
        const MOST_LINES: usize = 200;
        let text = line.trim_ascii_end();
        self.lines += 1;
        if self.is_last || self.lines > MOST_LINES {
            return false;
        }
        // Proc-Type and the like (RFC 1421, 4.6).
        let colon = text.iter().position(|byte| *byte == b':');
        if self.width.is_none() && colon.is_some_and(|colon| is_header_name(&text[..colon])) {
            return true;
        }
        if !text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        {
            return false;
        }
        let width = *self.width.get_or_insert(text.len());
        self.is_last = text.len() < width;
        text.len() <= width
    }
}

fn is_header_name(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_uppercase)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Where a credential begins in a line (RFC 7468, 3), and whether its other lines follow it.
fn credential_begins(line: &[u8]) -> Option<(usize, bool)> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const DASHES: &[u8] = b"-----";
    let from = position(line, BEGIN)?;
    let label = &line[from + BEGIN.len()..];
    let length = position(label, DASHES)?;
    let is_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    let is_named = length > 0 && label[..length].iter().all(is_label);
    let behind = label[length + DASHES.len()..].trim_ascii_end();
    is_named.then_some((from, behind.is_empty()))
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
    memchr_iter(*part.first()?, line).find(|at| line[*at..].starts_with(part))
}

/// Adds the extended commands or answers of a line, each with the place behind its name.
fn find_names(line: &[u8], names: &mut Vec<(Subjects, usize)>) {
    let mut quoted = false;
    for at in memchr2_iter(b'+', b'"', line) {
        quoted ^= line[at] == b'"';
        if line[at] == b'"' || quoted {
            continue;
        }
        let rest = &line[at + 1..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length > 1 && rest[0].is_ascii_alphabetic() {
            let known = KEYS.binary_search(&key(&rest[..length]));
            let has = known.map_or(Subjects::default(), |at| NAMES[at].1);
            names.push((has, at + 1 + length));
        }
    }
}

/// Whether there are enough digits in a row for [`telling`].
fn has_run(line: &[u8]) -> bool {
    const SHORTEST: usize = 15;
    let mut end = SHORTEST;
    while end <= line.len() {
        // Wherever such a row begins, one of its digits is looked at here.
        match line[end - SHORTEST..end]
            .iter()
            .rposition(|byte| !byte.is_ascii_digit())
        {
            None => return true,
            Some(last) => end += last + 1,
        }
    }
    false
}

/// What stands in quotes from there on.
fn in_quotes(line: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
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

/// The addresses from there on. Zeros alone, such as 0.0.0.0, are not an address.
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
mod tests;
