//! Command lines, from a row and its arguments.
//!
//! Everything that reaches a command line passes through here and is checked against the row before a byte is sent, so
//! that no argument can inject a command.

use std::fmt::{self, Write};

use modemqtt_at::ascii::{self, QUOTE};
use modemqtt_at::dialect::{Dialect, Kind, Parameter, Row};
use modemqtt_at::{ClientIndex, Form};

use crate::error::Error;
use crate::names::{called, models};
use crate::trace::Place;
use modemqtt_at::secrets::{masked, places, remembered, secrets_in};

/// A command line and how it may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// From `AT` on, without its CR.
    pub bytes: Vec<u8>,
    /// The same with secrets masked.
    pub shown: String,
    /// The secrets.
    pub(crate) secrets: Vec<String>,
    /// Where they lie among the bytes.
    pub(crate) places: Vec<Place>,
}

impl CommandLine {
    /// A line without secrets.
    pub(crate) fn plain(line: &str) -> Self {
        Self {
            bytes: line.into(),
            shown: line.into(),
            secrets: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// A number.
    Number(i64),
    /// The content of a quoted string.
    Text(&'a [u8]),
}

/// Writes a row's command line.
pub fn command(dialect: &Dialect, row: &Row, arguments: &[Argument<'_>]) -> Result<CommandLine, Error> {
    spelled(dialect, row, row.setting.map(|key| dialect.spelling(key)), arguments)
}

/// The same with the other spelling of the key; `None` if there is only one.
pub fn other_spelling(dialect: &Dialect, row: &Row, arguments: &[Argument<'_>]) -> Result<Option<CommandLine>, Error> {
    let other = row.setting.filter(|key| dialect.spelling(*key) != key.name());
    other
        .map(|key| spelled(dialect, row, Some(key.name()), arguments))
        .transpose()
}

fn spelled(dialect: &Dialect, row: &Row, key: Option<&str>, arguments: &[Argument<'_>]) -> Result<CommandLine, Error> {
    if !row.arity.allows(arguments.len()) {
        let names: Vec<_> = row.parameters.iter().map(|parameter| parameter.name).collect();
        return Err(Error::Usage(format!(
            "{} cannot be given {} of its parameters {} ({}, section {})",
            row.command,
            arguments.len(),
            names.join(", "),
            dialect.note,
            row.source
        )));
    }
    let mut bytes = row.command.to_string().into_bytes();
    let mut shown = row.command.to_string();
    let sign = match (row.form, key) {
        (Form::Test, _) => "=?",
        (Form::Read, None) => "?",
        (Form::Set | Form::Read, _) => "=",
    };
    bytes.extend_from_slice(sign.as_bytes());
    shown.push_str(sign);
    let (mut secrets, mut secret_places) = (Vec::new(), Vec::new());
    let mut separator = "";
    if let Some(key) = key {
        let key = format!("\"{key}\"");
        bytes.extend_from_slice(key.as_bytes());
        shown.push_str(&key);
        separator = ",";
    }
    for (position, argument) in arguments.iter().enumerate() {
        let Some(parameter) = row.parameter(position) else {
            continue;
        };
        bytes.extend_from_slice(separator.as_bytes());
        shown.push_str(separator);
        separator = ",";
        check(dialect, row, position, parameter, *argument)?;
        match *argument {
            Argument::Number(number) => {
                bytes.extend_from_slice(number.to_string().as_bytes());
                // Writing to a string cannot fail.
                let _ = write!(shown, "{number}");
            }
            Argument::Text(text) => {
                quote(&mut bytes, text);
                if parameter.secret {
                    let end = bytes.len() - 1;
                    secret_places.push((end - text.len()..end).into());
                    secrets.extend(remembered(text));
                    shown.push_str("\"***\"");
                } else {
                    let _ = write!(shown, "\"{}\"", String::from_utf8_lossy(text));
                }
            }
        }
    }
    if bytes.len() > dialect.command_line {
        return Err(Error::Usage(format!(
            "the command line for {} is {} bytes long; {} takes {}: use shorter strings or fewer topics",
            row.command,
            bytes.len(),
            dialect.name,
            dialect.command_line
        )));
    }
    Ok(CommandLine {
        bytes,
        shown,
        secrets,
        places: secret_places,
    })
}

/// A command line that the program wrote itself.
pub fn as_written(line: &str) -> Result<CommandLine, Error> {
    let line = line.trim_end_matches('\r');
    if let Some(byte) = line.bytes().find(|byte| ascii::is_forbidden_in_string(*byte)) {
        return Err(Error::Usage(format!(
            "a command line cannot hold the byte 0x{byte:02X}; one call sends one line, its CR is added"
        )));
    }
    if !line.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("AT")) {
        return Err(Error::Usage(format!(
            "a command line starts with AT, as in \"AT+CSQ\"; this one is {:?}",
            masked(line)
        )));
    }
    Ok(CommandLine {
        bytes: line.as_bytes().to_vec(),
        shown: masked(line),
        secrets: secrets_in(line)
            .iter()
            .filter_map(|secret| remembered(secret.as_bytes()))
            .collect(),
        places: places(line.as_bytes()).into_iter().map(Place::from).collect(),
    })
}

/// Refuses a client index that the dialect lacks.
pub fn client(dialect: &Dialect, client: ClientIndex) -> Result<(), Error> {
    if client.0 <= dialect.last_client {
        return Ok(());
    }
    let allowed = match dialect.last_client {
        0 => "0".to_owned(),
        last => format!("0 to {last}"),
    };
    Err(Error::Usage(format!(
        "client index must be {allowed}, not {client} ({})",
        models(dialect)
    )))
}

fn check(
    dialect: &Dialect,
    row: &Row,
    position: usize,
    parameter: &Parameter,
    argument: Argument<'_>,
) -> Result<(), Error> {
    let (name, unit) = called(row, position);
    let wrong = |problem: String| Err(Error::Usage(format!("{name} {problem} ({})", models(dialect))));
    match (parameter.kind, argument) {
        (Kind::Integer { low, high }, Argument::Number(number)) => {
            if !(low..=high).contains(&number) {
                return wrong(format!("must be {low} to {high}{unit}, not {number}"));
            }
        }
        (Kind::Port { .. }, Argument::Number(number)) => {
            if !(1..=65_535).contains(&number) {
                return wrong(format!("must be 1 to 65535, not {number}"));
            }
        }
        // Its length precedes it, so quotes inside it do no harm.
        (Kind::Payload, Argument::Text(text)) => {
            if let Some(byte) = text.iter().find(|byte| ascii::is_forbidden_in_string(**byte)) {
                return wrong(format!(
                    "must not hold the byte 0x{byte:02X}, which acts on the command line"
                ));
            }
        }
        (Kind::Text { least, most }, Argument::Text(text)) => {
            if !(least..=most).contains(&text.len()) {
                return wrong(format!("must be {least} to {most} bytes long, not {}", text.len()));
            }
            if let Some(byte) = text.iter().find(|byte| ascii::is_forbidden_in_string(**byte)) {
                return wrong(format!(
                    "must not hold the byte 0x{byte:02X}, which acts on the command line"
                ));
            }
            if text.contains(&QUOTE) {
                return wrong("must not hold a double quote, which ends it on the command line".into());
            }
        }
        (kind, _) => return wrong(format!("takes {kind:?}, by {} of {}", row.source, dialect.note)),
    }
    Ok(())
}

fn quote(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.push(QUOTE);
    bytes.extend_from_slice(text);
    bytes.push(QUOTE);
}

#[cfg(test)]
mod tests {
    use modemqtt_at::{Command, dialect};

    use super::*;

    fn bc660k() -> &'static Dialect {
        dialect::of_model("BC660K-GL").unwrap().0
    }

    fn connect(password: &str) -> Result<CommandLine, Error> {
        let row = bc660k().row(Command::Connect, Form::Set).unwrap();
        let arguments = [
            Argument::Number(0),
            Argument::Text(b"bench-7"),
            Argument::Text(b"lab"),
            Argument::Text(password.as_bytes()),
        ];
        command(bc660k(), row, &arguments)
    }

    #[test]
    fn a_secret_is_sent_and_never_shown() {
        let line = connect("hunter2").unwrap();
        assert_eq!(line.bytes, b"AT+QMTCONN=0,\"bench-7\",\"lab\",\"hunter2\"");
        assert_eq!(line.shown, "AT+QMTCONN=0,\"bench-7\",\"lab\",\"***\"");
        let places: Vec<_> = line.places.iter().map(|place| place.of(&line.bytes)).collect();
        assert_eq!(places, [b"hunter2"]);
    }

    #[test]
    fn nothing_that_acts_on_a_command_line_gets_into_a_string() {
        for bad in [
            "a\rb", "a\nb", "a\x1ab", "a\x1bb", "a\0b", "a\x08b", "a\x7fb", "a\tb", "a\"b",
        ] {
            let error = connect(bad).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{bad:?}");
            assert!(!error.to_string().contains(bad));
        }
    }

    #[test]
    fn a_string_over_the_limit_is_refused_with_the_limit() {
        let error = connect(&"x".repeat(257)).unwrap_err().to_string();
        assert!(error.contains("0 to 256"), "{error}");
        assert!(
            error.contains("password must be") && error.ends_with("(BC660K-GL)"),
            "{error}"
        );
    }

    #[test]
    fn a_line_that_is_no_command_or_more_than_one_is_refused() {
        for bad in ["", "hello", "AT\rATZ", "AT+CSQ\nATZ"] {
            assert!(matches!(as_written(bad), Err(Error::Usage(_))), "{bad:?}");
        }
        assert_eq!(as_written("AT+CSQ\r").unwrap().bytes, b"AT+CSQ");
    }
}
