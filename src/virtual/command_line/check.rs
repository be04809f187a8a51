//! Raw parameters against the rows of the dialect: arity, type, range and length.

use modemqtt_at::ascii::is_forbidden_in_string;
use modemqtt_at::dialect::{Dialect, Kind, Row};
use modemqtt_at::{Command, Form, SettingKey};

use super::Value;

/// A command as its row allows it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The row.
    pub row: &'static Row,
    /// The parameters, each of the kind that the row asks for, without the key of `QMTCFG`.
    pub arguments: Vec<Argument>,
}

/// A parameter of the kind that its row asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number, or a port.
    Integer(i64),
    /// A string.
    Text(String),
    /// The payload of a publish.
    Payload(Vec<u8>),
    /// Left empty, as the row allows.
    Omitted,
}

/// Why no row allows a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The dialect has no such command, or not this form of it.
    #[error("unknown command")]
    Unknown,
    /// The number of parameters, or the type, range or length of one.
    #[error("wrong parameter")]
    Parameter,
}

impl Checked {
    /// The number at a position, which the row guarantees; 0 for an optional one that is missing.
    pub fn integer(&self, position: usize) -> i64 {
        match self.arguments.get(position) {
            Some(Argument::Integer(number)) => *number,
            _ => 0,
        }
    }

    /// The number at a position, for the ranges of message ids, ports and the like.
    pub fn number<T: TryFrom<i64> + Default>(&self, position: usize) -> T {
        T::try_from(self.integer(position)).unwrap_or_default()
    }

    /// The string at a position; an optional one that is missing is empty.
    pub fn text(&self, position: usize) -> &str {
        match self.arguments.get(position) {
            Some(Argument::Text(text)) => text,
            _ => "",
        }
    }

    /// The payload, if the command line carries it.
    pub fn payload(&self) -> Option<&[u8]> {
        self.arguments.iter().find_map(|argument| match argument {
            Argument::Payload(payload) => Some(payload.as_slice()),
            _ => None,
        })
    }
}

/// The position of the payload, if a command line may carry one: the only parameter whose text does not show its end.
pub(crate) fn payload_position(dialect: &Dialect, command: Command) -> Option<usize> {
    let mut rows = dialect.rows.iter().filter(|row| row.command == command);
    rows.find_map(|row| {
        row.parameters
            .iter()
            .position(|parameter| parameter.kind == Kind::Payload)
    })
}

/// The row that allows a command with these parameters.
pub fn check(dialect: &Dialect, command: Command, form: Form, values: Vec<Value>) -> Result<Checked, Refused> {
    let mut rows: Vec<&'static Row> = dialect.rows.iter().filter(|row| row.command == command).collect();
    let mut values = values;
    if form == Form::Set && rows.iter().any(|row| row.setting.is_some()) {
        let key = setting(dialect, &rows, values.first()).ok_or(Refused::Parameter)?;
        values.remove(0);
        // Reading a setting looks like setting it: only the number of parameters differs.
        rows.retain(|row| row.setting == Some(key));
    } else {
        rows.retain(|row| row.form == form && row.setting.is_none());
    }
    if rows.is_empty() {
        return Err(Refused::Unknown);
    }
    let row = rows
        .iter()
        .find(|row| row.arity.allows(values.len()))
        .ok_or(Refused::Parameter)?;
    let arguments = values
        .into_iter()
        .enumerate()
        .map(|(position, value)| match value {
            Value::Omitted if row.skips.contains(&position) => Some(Argument::Omitted),
            value => argument(row.parameter(position)?.kind, value),
        })
        .collect::<Option<Vec<_>>>()
        .ok_or(Refused::Parameter)?;
    Ok(Checked { row, arguments })
}

/// Keys are accepted in either case, as modules do, and in either spelling of the note.
fn setting(dialect: &Dialect, rows: &[&Row], value: Option<&Value>) -> Option<SettingKey> {
    let Some(Value::Quoted(text)) = value else { return None };
    rows.iter()
        .filter_map(|row| row.setting)
        .find(|key| dialect.is_key(text, *key))
}

fn argument(kind: Kind, value: Value) -> Option<Argument> {
    match (kind, value) {
        (Kind::Integer { low, high }, Value::Integer(number)) if (low..=high).contains(&number) => {
            Some(Argument::Integer(number))
        }
        (Kind::Text { least, most }, Value::Quoted(text)) if (least..=most).contains(&text.len()) => string(text),
        (Kind::Port { .. }, Value::Integer(number)) => port(number),
        (Kind::Port { quoted_too: true }, Value::Quoted(text)) => port(std::str::from_utf8(&text).ok()?.parse().ok()?),
        (Kind::Payload, Value::Payload(payload)) => Some(Argument::Payload(payload)),
        _ => None,
    }
}

/// MQTT strings are UTF-8 (MQTT 3.1.1 section 1.5.3).
fn string(text: Vec<u8>) -> Option<Argument> {
    if text.iter().any(|byte| is_forbidden_in_string(*byte)) {
        return None;
    }
    String::from_utf8(text).ok().map(Argument::Text)
}

fn port(number: i64) -> Option<Argument> {
    (1..=65_535).contains(&number).then_some(Argument::Integer(number))
}

#[cfg(test)]
mod tests {
    use modemqtt_at::dialect::{DataPhase, of_model};

    use super::*;

    fn checked(model: &str, command: Command, values: &[Value]) -> Result<Checked, Refused> {
        let (dialect, _) = of_model(model).unwrap();
        check(dialect, command, Form::Set, values.to_vec())
    }

    fn quoted(text: &str) -> Value {
        Value::Quoted(text.as_bytes().to_vec())
    }

    #[test]
    fn the_number_of_parameters_tells_reading_from_setting() {
        let read = checked("M95", Command::Configure, &[quoted("KeepAlive"), Value::Integer(0)]).unwrap();
        assert_eq!(
            (read.row.form, read.row.setting),
            (Form::Read, Some(SettingKey::KEEP_ALIVE))
        );
        let values = [quoted("KEEPALIVE"), Value::Integer(0), Value::Integer(60)];
        let set = checked("M95", Command::Configure, &values).unwrap();
        assert_eq!((set.row.form, set.integer(1)), (Form::Set, 60));
    }

    #[test]
    fn the_number_of_parameters_tells_the_forms_of_publish_apart() {
        let (zero, topic) = (Value::Integer(0), quoted("t"));
        let mut values = vec![zero.clone(), zero.clone(), zero.clone(), zero, topic];
        let data = |values: &[Value]| checked("BC660K-GL", Command::Publish, values).map(|checked| checked.row.data);
        assert_eq!(data(&values), Ok(Some(DataPhase::UntilCtrlZ)));
        values.push(Value::Integer(3));
        assert_eq!(data(&values), Ok(Some(DataPhase::Counted)));
        values.push(Value::Payload(b"abc".to_vec()));
        assert_eq!(data(&values), Ok(Some(DataPhase::Inline)));
        values.push(Value::Integer(3));
        assert_eq!(data(&values), Err(Refused::Parameter));
    }

    #[test]
    fn a_port_in_quotes_is_taken_where_the_row_says_so() {
        let values = [Value::Integer(0), quoted("h"), quoted("8883")];
        assert_eq!(checked("M95", Command::Open, &values).unwrap().number::<u16>(2), 8883);
        assert_eq!(
            checked("BC660K-GL", Command::Open, &values).unwrap_err(),
            Refused::Parameter
        );
    }

    #[test]
    fn a_string_holds_neither_control_characters_nor_broken_utf_8() {
        for text in [&b"a\x1ab"[..], b"a\0", b"\xff"] {
            let values = [Value::Integer(0), Value::Quoted(text.to_vec()), Value::Integer(1)];
            assert_eq!(checked("M95", Command::Open, &values).unwrap_err(), Refused::Parameter);
        }
    }

    #[test]
    fn a_form_that_no_row_has_is_unknown() {
        let (dialect, _) = of_model("M95").unwrap();
        let refused = check(dialect, Command::Subscribe, Form::Read, Vec::new()).unwrap_err();
        assert_eq!(refused, Refused::Unknown);
    }
}
