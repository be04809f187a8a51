//! One line of a recording behind its header.

use std::time::Duration;

use serde_json::Value;

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A password, a key, a token.
    Secret,
    /// The number of the module.
    Imei,
    /// The number of the subscriber.
    Imsi,
    /// The number of the SIM card.
    Iccid,
    /// A telephone number, or a short message in PDU mode, which holds one.
    Phone,
    /// An IP address of the module.
    Address,
    /// What the library made up: a message id, a client id, a topic of a test's own.
    Invented,
}

impl Kind {
    const ALL: [(Self, &str); 7] = [
        (Self::Secret, "secret"),
        (Self::Imei, "imei"),
        (Self::Imsi, "imsi"),
        (Self::Iccid, "iccid"),
        (Self::Phone, "phone"),
        (Self::Address, "address"),
        (Self::Invented, "invented"),
    ];

    /// Its word in a recording.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    fn of_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }

    /// Whether a byte may stand in what a span of this kind matches.
    pub const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Imei | Self::Imsi | Self::Iccid | Self::Phone => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=' | b'/')
            }
            Self::Address => byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'),
            Self::Secret | Self::Invented => !matches!(byte, b'\r' | b'\n' | b'"'),
        }
    }
}

/// Bytes of an entry that stand for others. In a replay they match any of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first of them.
    pub start: usize,
    /// How many there are.
    pub length: usize,
    /// What they stand for.
    pub kind: Kind,
    /// The same for spans that stand for the same value.
    pub id: u32,
}

/// Bytes of one direction that were read or written at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Whether the host sent them.
    pub sent: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Those that stand for others, in order.
    pub spans: Vec<Span>,
}

/// A value of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A call of the program's, or what it was told, beside the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What happened, such as `publish` or `lost`.
    pub name: String,
    /// What there is to say of it.
    pub facts: Vec<(String, Fact)>,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Bytes.
    Piece(Piece),
    /// The module is known.
    Module {
        /// Its model.
        model: Option<String>,
        /// Its dialect.
        dialect: Option<String>,
        /// Its firmware.
        firmware: Option<String>,
    },
    /// The program has called.
    Call(Note),
    /// The program was told.
    Event(Note),
    /// A section begins, which the program has named.
    Mark(String),
    /// A message has reached the program. It is read back as an [`What::Event`]: this is the form for writing many.
    Message {
        /// The index of its client.
        client: u8,
        /// How many bytes its payload has.
        length: u64,
    },
    /// So many bytes are missing here, because the file could not be written fast enough.
    Missing(u64),
    /// Something that this version does not know.
    Other,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time since the recording began.
    pub at: Duration,
    /// What it says.
    pub what: What,
}

impl Entry {
    /// Reads a line, or says what is wrong with it.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, &'static str> {
        let value: Value = serde_json::from_slice(line).map_err(|_| "is not JSON")?;
        if value.get("recording").is_some() {
            return Err("is the header of another recording");
        }
        let at = value.get("t").and_then(Value::as_f64).ok_or("has no time \"t\"")?;
        let at = Duration::try_from_secs_f64(at).map_err(|_| "has a \"t\" that is not a time in seconds")?;
        // What was printed with six digits is read as the same number of microseconds.
        let micros = u64::try_from((at + Duration::from_nanos(500)).as_micros())
            .map_err(|_| "has a \"t\" that is not a time in seconds")?;
        Ok(Self {
            at: Duration::from_micros(micros),
            what: what(&value)?,
        })
    }
}

fn what(value: &Value) -> Result<What, &'static str> {
    for (key, sent) in [("<", false), (">", true)] {
        if let Some(text) = value.get(key) {
            let text = text.as_str().ok_or("has bytes that are not a string")?;
            let bytes = text.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>();
            let bytes = bytes.map_err(|_| "has a character beyond \\u00ff in its bytes")?;
            let spans = value
                .get("spans")
                .map_or(Ok(Vec::new()), |spans| read_spans(spans, bytes.len()))?;
            return Ok(What::Piece(Piece { sent, bytes, spans }));
        }
    }
    if let Some(module) = value.get("module") {
        let text = |name: &str| module.get(name).and_then(Value::as_str).map(str::to_owned);
        return Ok(What::Module {
            model: text("model"),
            dialect: text("dialect"),
            firmware: text("firmware"),
        });
    }
    if let Some(name) = value.get("mark") {
        let name = name.as_str().ok_or("has a \"mark\" that is not a string")?;
        return Ok(What::Mark(name.to_owned()));
    }
    if let Some(missing) = value.get("missing") {
        return missing
            .as_u64()
            .map(What::Missing)
            .ok_or("has a \"missing\" that is not a number");
    }
    for (key, wrap) in [("call", What::Call as fn(Note) -> What), ("event", What::Event)] {
        if let Some(name) = value.get(key) {
            let name = name.as_str().ok_or("has a name that is not a string")?.to_owned();
            return Ok(wrap(Note {
                name,
                facts: facts(value, key),
            }));
        }
    }
    Ok(What::Other)
}

fn facts(value: &Value, name: &str) -> Vec<(String, Fact)> {
    let fields = value.as_object().into_iter().flatten();
    let fact = |(key, value): (&String, &Value)| {
        let fact = match value {
            Value::Number(number) => Fact::Number(number.as_i64()?),
            Value::String(text) => Fact::Text(text.clone()),
            _ => return None,
        };
        Some((key.clone(), fact))
    };
    fields
        .filter(|(key, _)| *key != name && *key != "t")
        .filter_map(fact)
        .collect()
}

fn read_spans(value: &Value, length: usize) -> Result<Vec<Span>, &'static str> {
    const WRONG: &str = "has a span that is not [start, length, kind, id] within its bytes";
    let mut from = 0;
    let span = |value: &Value| {
        let number = |at: usize| usize::try_from(value.get(at)?.as_u64()?).ok();
        let span = Span {
            start: number(0)?,
            length: number(1)?,
            kind: Kind::of_word(value.get(2)?.as_str()?)?,
            id: u32::try_from(number(3)?).ok()?,
        };
        let end = span.start.checked_add(span.length)?;
        if span.start < from || end > length {
            return None;
        }
        from = end;
        Some(span)
    };
    let spans = value.as_array().ok_or(WRONG)?.iter().map(span);
    spans.collect::<Option<_>>().ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written_whatever_its_bytes() {
        let piece = Piece {
            sent: true,
            bytes: (0..=255).collect(),
            spans: vec![Span {
                start: 3,
                length: 9,
                kind: Kind::Imei,
                id: 7,
            }],
        };
        let note = Note {
            name: "lost \"it\"".into(),
            facts: vec![
                ("client".into(), Fact::Number(0)),
                ("why".into(), Fact::Text("é\n😀".into())),
            ],
        };
        for what in [
            What::Piece(piece),
            What::Module {
                model: Some("M95".into()),
                dialect: None,
                firmware: Some("R\"1".into()),
            },
            What::Call(note.clone()),
            What::Event(note),
            What::Mark("test_a.py::test_b[\u{1f600}é]".into()),
            What::Missing(9),
        ] {
            for micros in [0, 1, 999_999, 1_000_001, 86_400_123_457, 31_536_000_000_001] {
                let entry = Entry {
                    at: Duration::from_micros(micros),
                    what: what.clone(),
                };
                let line = entry.to_line();
                assert!(line.is_ascii(), "{line}");
                assert_eq!(Entry::parse(line.as_bytes()).as_ref(), Ok(&entry), "{line}");
            }
        }
    }

    #[test]
    fn a_line_that_is_no_entry_says_what_is_wrong_with_it() {
        for (line, wrong) in [
            ("{", "JSON"),
            ("[]", "time"),
            ("{\"t\":-1}", "time"),
            ("{\"t\":1,\"<\":1}", "string"),
            ("{\"t\":1,\"<\":\"\\u0100\"}", "\\u00ff"),
            ("{\"t\":1,\"<\":\"ab\",\"spans\":[[1,2,\"imei\",1]]}", "span"),
            ("{\"t\":1,\"<\":\"ab\",\"spans\":[[0,1,\"size\",1]]}", "span"),
            (
                "{\"t\":1,\"<\":\"ab\",\"spans\":[[0,2,\"imei\",1],[1,1,\"imei\",1]]}",
                "span",
            ),
            ("{\"t\":1,\"mark\":7}", "mark"),
            ("{\"recording\":\"modemqtt\"}", "header"),
        ] {
            let error = Entry::parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(wrong), "{line}: {error}");
        }
        assert_eq!(Entry::parse(b"{\"t\":1,\"new\":1}").unwrap().what, What::Other);
    }
}
