//! Lines to meaning, given the command in flight and the dialect.
//!
//! Lines are compared as whole tokens: `OK` is the line `OK`. Where one prefix serves both an answer and a notice, the
//! pending command decides; the fields alone are never trusted.

use modemqtt_at::{ClientIndex, Command, Form, MessageId, Operation, dialect, general};

use crate::call::Secret;
use crate::error::Refusal;
use crate::tokens::{final_result, is_smeared_start};

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The command in flight was carried out or refused.
    Final(Result<(), Refusal>),
    /// The outcome of an operation (`+QMTOPEN: 0,0`), interim or final.
    Outcome(Outcome),
    /// Something that the module reports about a client by itself (`+QMTSTAT: 0,1`).
    Report(Report),
    /// Part of the answer to the command in flight.
    Information(String),
    /// The whole answer to the command in flight; no final result code follows.
    Whole(String),
    /// The module has started.
    Started,
    /// A line that nothing was waiting for.
    Unsolicited(String),
}

/// The fields of a result URC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The operation it reports on.
    pub operation: Operation,
    /// The client.
    pub client: ClientIndex,
    /// The message id, where the operation has one.
    pub message_id: Option<MessageId>,
    /// `<result>`.
    pub result: i64,
    /// The values after it.
    pub values: Vec<i64>,
    /// The token, the only result that is text.
    pub token: Option<Secret>,
}

/// A URC about a client that is not the result of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name, without `+`.
    pub name: String,
    /// The client.
    pub client: ClientIndex,
    /// The values after it.
    pub values: Vec<i64>,
}

/// What the reader must know about the command in flight.
#[derive(Clone, Copy, Debug)]
pub struct InFlight<'a> {
    /// The command's name with its prefix, as in `+QMTOPEN`; names of commands joined in one line are separated by `;`.
    pub name: &'a str,
    /// The form of the command.
    pub form: Form,
}

impl<'a> InFlight<'a> {
    fn names(self) -> impl Iterator<Item = &'a str> {
        self.name.split(';').map(|name| name.trim_start_matches('+'))
    }

    /// A final result code that only this command has.
    fn own_result(self, line: &str) -> Option<Result<(), Refusal>> {
        if self.names().any(|name| general::is_accepted(name, line)) {
            return Some(Ok(()));
        }
        let refused = |name| general::is_no_call(name, line) || general::is_refused(name, line);
        self.names().any(refused).then(|| Err(Refusal::NoCall(line.to_owned())))
    }
}

/// Reads one line.
pub fn read(line: &[u8], pending: Option<InFlight<'_>>) -> Incoming {
    if is_smeared_start(line) {
        return Incoming::Started;
    }
    // A module prints text; invalid UTF-8 is replaced, and no line is dropped because of it.
    let line = String::from_utf8_lossy(line);
    if let Some(pending) = pending
        && let Some(result) = final_result(&line).or_else(|| pending.own_result(&line))
    {
        return Incoming::Final(result);
    }
    if general::is_unsolicited(&line) {
        return Incoming::Unsolicited(line.into_owned());
    }
    if dialect::is_start(&line) {
        return Incoming::Started;
    }
    let answers = pending.is_some_and(|pending| answers(pending, &line) && !is_result(&line));
    if !answers && let Some(incoming) = urc(&line) {
        return incoming;
    }
    if answers {
        if pending.is_some_and(|pending| pending.names().any(general::is_bare)) {
            return Incoming::Whole(line.into_owned());
        }
        return Incoming::Information(line.into_owned());
    }
    Incoming::Unsolicited(line.into_owned())
}

/// Whether a line is part of the answer to the command in flight.
fn answers(pending: InFlight<'_>, line: &str) -> bool {
    let Some(name) = name_of(line) else {
        // Text without a name answers any command except MQTT commands, whose answers all carry a name.
        return !line.starts_with('+')
            && pending
                .names()
                .all(|name| Command::from_name(name.as_bytes()).is_none());
    };
    pending.names().any(|pending_name| {
        let operation = Command::from_name(pending_name.as_bytes()).and_then(Operation::of);
        let same = pending_name.eq_ignore_ascii_case(name)
            || (operation.is_some() && Command::from_name(name.as_bytes()).and_then(Operation::of) == operation);
        let is_receive = Command::from_name(pending_name.as_bytes()) == Some(Command::Receive);
        // The only answer to the set form of an MQTT operation is its result URC; a command that reads the module's
        // buffer is answered with messages.
        same && ((operation.is_none() && !is_receive) || pending.form != Form::Set)
    })
}

/// Whether a line that could answer a read nevertheless has the fields of a result. A read form gives a name in quotes
/// (`+QMTOPEN: 0,"host",1883`) or exactly two numbers (`+QMTCONN: 0,3`).
fn is_result(line: &str) -> bool {
    match urc(line) {
        Some(Incoming::Outcome(outcome)) => outcome.operation != Operation::Connect || !outcome.values.is_empty(),
        _ => false,
    }
}

fn name_of(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('+')?.split_once(':')?;
    Some(name.trim_end())
}

fn urc(line: &str) -> Option<Incoming> {
    let name = name_of(line)?;
    let operation = Command::from_name(name.as_bytes()).and_then(Operation::of);
    if operation == Some(Operation::Token) {
        return token(line.split_once(':')?.1).map(Incoming::Outcome);
    }
    let fields = integers(line.split_once(':')?.1)?;
    if operation.is_none() && name.starts_with("QMT") {
        let (client, values) = fields.split_first()?;
        return Some(Incoming::Report(Report {
            name: name.to_owned(),
            client: client_index(*client)?,
            values: values.to_vec(),
        }));
    }
    // Some firmware answers `AT+QMTPUBEX` with `+QMTPUBEX`, some with `+QMTPUB`; both report a publish.
    let operation = operation?;
    let (client, rest) = fields.split_first()?;
    let (message_id, rest) = if operation.has_message_id() {
        let (id, rest) = rest.split_first()?;
        (Some(MessageId(u16::try_from(*id).ok()?)), rest)
    } else {
        (None, rest)
    };
    let (&result, values) = rest.split_first()?;
    Some(Incoming::Outcome(Outcome {
        operation,
        client: client_index(*client)?,
        message_id,
        result,
        values: values.to_vec(),
        token: None,
    }))
}

/// `<result_code>[,<password>]`, the password in quotes or not.
fn token(fields: &str) -> Option<Outcome> {
    let (result, token) = match fields.split_once(',') {
        Some((result, token)) => (result, Some(token.trim().trim_matches('"'))),
        None => (fields, None),
    };
    Some(Outcome {
        operation: Operation::Token,
        client: ClientIndex(0),
        message_id: None,
        result: result.trim().parse().ok()?,
        values: Vec::new(),
        token: token.map(|token| Secret(token.to_owned())),
    })
}

fn client_index(number: i64) -> Option<ClientIndex> {
    u8::try_from(number).ok().map(ClientIndex)
}

/// The fields of a result URC as integers; examples in some notes have blanks around the commas.
fn integers(fields: &str) -> Option<Vec<i64>> {
    fields.split(',').map(|field| field.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use modemqtt_at::codes::CmeCode;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "read() takes an option")]
    fn set(name: &str) -> Option<InFlight<'_>> {
        Some(InFlight { name, form: Form::Set })
    }

    fn outcome(operation: Operation, message_id: Option<u16>, result: i64, values: &[i64]) -> Incoming {
        Incoming::Outcome(Outcome {
            operation,
            client: ClientIndex(0),
            message_id: message_id.map(MessageId),
            result,
            values: values.to_vec(),
            token: None,
        })
    }

    #[test]
    fn a_final_result_code_is_the_whole_line() {
        assert_eq!(read(b"OK", set("+QMTOPEN")), Incoming::Final(Ok(())));
        assert_eq!(
            read(b"OK then", set("+QMTOPEN")),
            Incoming::Unsolicited("OK then".into())
        );
        assert_eq!(
            read(b"+CME ERROR: 8512", set("+QMTPUB")),
            Incoming::Final(Err(Refusal::Cme(CmeCode(8512))))
        );
        assert_eq!(
            read(b"+CME ERROR: operation not allowed", set("+QMTPUB")),
            Incoming::Final(Err(Refusal::CmeText("operation not allowed".into())))
        );
    }

    #[test]
    fn a_final_result_code_that_no_command_waits_for_is_unsolicited() {
        assert_eq!(read(b"OK", None), Incoming::Unsolicited("OK".into()));
    }

    #[test]
    fn a_start_is_known_with_noise_in_front_of_it() {
        for line in [
            &b"RDY"[..],
            b"\xffRDY",
            b"\0\xfeRDY",
            b"^boot.rom 0x1F!\nRDY",
            b"^bootRDY",
        ] {
            assert_eq!(read(line, set("+CSQ")), Incoming::Started, "{}", line.escape_ascii());
        }
        for line in [&b"NOT RDY"[..], b"^RDY", b"RDY\xff", b"boot RDY"] {
            assert_ne!(read(line, None), Incoming::Started, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_a_call_prints_answers_only_the_command_that_makes_it() {
        for line in ["RING", "NO CARRIER", "BUSY", "Call Ready", "SMS Ready"] {
            for name in ["", "I", "+CSQ", "+CGMM"] {
                assert_eq!(read(line.as_bytes(), set(name)), Incoming::Unsolicited(line.into()));
            }
        }
        for name in ["D*99#", "A", "d0123"] {
            let refused = Incoming::Final(Err(Refusal::NoCall("NO CARRIER".into())));
            assert_eq!(read(b"NO CARRIER", set(name)), refused);
            assert_eq!(read(b"RING", set(name)), Incoming::Unsolicited("RING".into()));
        }
    }

    #[test]
    fn the_pending_command_decides_what_a_shared_prefix_means() {
        let asked = Some(InFlight {
            name: "+QMTCONN",
            form: Form::Read,
        });
        assert_eq!(
            read(b"+QMTCONN: 0,3", asked),
            Incoming::Information("+QMTCONN: 0,3".into())
        );
        assert_eq!(read(b"+QMTCONN: 0,3", None), outcome(Operation::Connect, None, 3, &[]));
        assert_eq!(
            read(b"+QMTOPEN: 0,0", set("+QMTOPEN")),
            outcome(Operation::Open, None, 0, &[])
        );
    }

    #[test]
    fn the_fields_of_a_result_follow_its_operation() {
        assert_eq!(
            read(b"+QMTSUB: 0,7,0,1,128", None),
            outcome(Operation::Subscribe, Some(7), 0, &[1, 128])
        );
        assert_eq!(
            read(b"+QMTPUB : 0, 7, 1, 2", None),
            outcome(Operation::Publish, Some(7), 1, &[2])
        );
        assert_eq!(
            read(b"+QMTUNS: 0,2,0,1", None),
            outcome(Operation::Unsubscribe, Some(2), 0, &[1])
        );
        assert_eq!(
            read(b"+QMTSTAT: 0,77", None),
            Incoming::Report(Report {
                name: "QMTSTAT".into(),
                client: ClientIndex(0),
                values: vec![77],
            })
        );
    }

    #[test]
    fn text_without_a_name_answers_a_basic_command_only() {
        assert_eq!(
            read(b"Quectel_M95", set("")),
            Incoming::Information("Quectel_M95".into())
        );
        assert_eq!(
            read(b"Quectel_M95", set("+QMTPUB")),
            Incoming::Unsolicited("Quectel_M95".into())
        );
        assert_eq!(read(b"+CREG: 1", set("+CSQ")), Incoming::Unsolicited("+CREG: 1".into()));
    }
}
