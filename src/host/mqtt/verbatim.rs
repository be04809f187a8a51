//! A command line that the program wrote itself: what answers it, how long that may take, and which data it asks for.

use modemqtt_at::ascii::{CTRL_Z, ESC};
use modemqtt_at::dialect::{Count, DataPhase, Dialect, Uncounted};
use modemqtt_at::general::{MAXIMUM_RESPONSE_TIME, maximum_response_time};
use modemqtt_at::tls::{TlsForm, TlsValue, Upload};
use modemqtt_at::{ClientIndex, Command, Form, MessageId, SettingKey};

use super::clients::{Client, Clients};
use super::own::Own;
use super::parts::{Part, names_of, parts};
use super::plan::Steps;
use crate::call::Reply;
use crate::error::Error;
use crate::job::{About, Data, Goal, Invitation, Step, Task};
use crate::writer::{self, CommandLine};

/// A line that the program wrote itself, and the data for the module when it asks for them.
pub(super) fn verbatim(
    line: &str,
    data: Option<Vec<u8>>,
    dialect: &Dialect,
    clients: &mut Clients,
) -> Result<(Task, Steps), Error> {
    let step = step_of(line, data, dialect, clients)?;
    let task = Task::Call(About::Module, Box::new(Verbatim { lines: Vec::new() }));
    Ok((task, [step].into()))
}

/// The answer to such a line. A refusal is the whole answer.
#[derive(Debug)]
struct Verbatim {
    lines: Vec<String>,
}

impl Own for Verbatim {
    fn is_verbatim(&self) -> bool {
        true
    }

    fn take(&mut self, _: Option<SettingKey>, lines: Vec<String>, _: &'static Dialect, _: Option<&mut Client>) {
        self.lines = lines;
    }

    fn reply(&mut self) -> Reply {
        Reply::Response {
            lines: std::mem::take(&mut self.lines),
        }
    }
}

fn step_of(line: &str, data: Option<Vec<u8>>, dialect: &Dialect, clients: &mut Clients) -> Result<Step, Error> {
    let mut step = plain(line)?;
    let text = String::from_utf8_lossy(&step.line.bytes).into_owned();
    let parts: Vec<_> = parts(&text).collect();
    for part in &parts {
        no_id_in_flight(part, clients)?;
    }
    let mut asking = None;
    for (at, part) in parts.iter().enumerate() {
        let Some(request) = request(part, dialect, &step.line)? else {
            continue;
        };
        if at + 1 < parts.len() {
            return Err(Error::Usage(format!(
                "AT+{} asks for data, so it must be the last command of its line",
                part.name
            )));
        }
        asking = Some(request);
    }
    step.data = match (asking, data) {
        (None, None) => None,
        (Some(request), None) => return Err(request.without_data(&step.line)),
        (Some(request), Some(bytes)) => {
            let hex = request
                .publish
                .is_some_and(|client| clients.get(client).is_some_and(|client| client.settings.send.is_hex()));
            Some(request.data(bytes, hex)?)
        }
        (None, Some(bytes)) => {
            if let Some(error) = parts.last().and_then(|part| asks_for_none(part, &bytes)) {
                return Err(error);
            }
            Some(unknown(parts.last(), bytes)?)
        }
    };
    Ok(step)
}

/// A line that asks for no data.
pub(super) fn plain(line: &str) -> Result<Step, Error> {
    let line = writer::as_written(line)?;
    let name = names_of(&line.bytes);
    let wait = name
        .split(';')
        .map(maximum_response_time)
        .max()
        .unwrap_or(MAXIMUM_RESPONSE_TIME);
    let form = match line.bytes.as_slice() {
        [.., b'=', b'?'] => Form::Test,
        [.., b'?'] => Form::Read,
        _ => Form::Set,
    };
    Ok(Step {
        line,
        form,
        name,
        data: None,
        goal: Goal::Lines,
        final_wait: wait,
        change: None,
        setting: None,
        other: None,
    })
}

/// The data that a command asks for.
struct DataRequest {
    /// The number of bytes declared; `None` if Ctrl-Z ends them.
    count: Option<usize>,
    /// Whether the data are a file.
    file: bool,
    /// The client of a publish.
    publish: Option<ClientIndex>,
}

impl DataRequest {
    fn without_data(&self, line: &CommandLine) -> Error {
        let wanted = match self.count {
            Some(1) => "1 byte of data".into(),
            Some(count) => format!("{count} bytes of data"),
            None => "data".into(),
        };
        let instead = if self.publish.is_some() {
            ", or use publish()"
        } else {
            ""
        };
        Error::Usage(format!(
            "{} asks for {wanted}; give it as command(line, data=b\"…\"){instead}",
            line.shown
        ))
    }

    fn data(&self, bytes: Vec<u8>, hex: bool) -> Result<Data, Error> {
        let phase = match self.count {
            None => DataPhase::UntilCtrlZ,
            // With hexadecimal digits, a publish declares the number of bytes that they stand for.
            Some(count) if bytes.len() == count || (hex && bytes.len() == 2 * count) => DataPhase::Counted,
            Some(count) => return Err(wrong_length(count, &bytes)),
        };
        carried(phase, &bytes)?;
        Ok(Data {
            phase,
            invitation: Invitation::Any,
            upload: self.file.then_some("file"),
            bytes,
        })
    }
}

/// Data for a line that the dialect does not know to ask for any. If one of its numbers equals the number of bytes,
/// they are counted; otherwise Ctrl-Z ends them.
fn unknown(part: Option<&Part<'_>>, bytes: Vec<u8>) -> Result<Data, Error> {
    let declared = |part: &Part<'_>| part.fields.iter().any(|field| field.parse() == Ok(bytes.len()));
    let phase = if part.is_some_and(declared) {
        DataPhase::Counted
    } else {
        DataPhase::UntilCtrlZ
    };
    carried(phase, &bytes)?;
    Ok(Data {
        phase,
        invitation: Invitation::Any,
        upload: None,
        bytes,
    })
}

/// The error for data given to a line that asks for none, or for different data.
fn asks_for_none(part: &Part<'_>, bytes: &[u8]) -> Option<Error> {
    let command = Command::from_name(part.name.as_bytes());
    let publish = matches!(command, Some(Command::Publish | Command::PublishExact));
    if part.form != Form::Set || (command.is_some() && !publish) {
        return Some(Error::Usage(format!(
            "AT+{} asks for no data in this form; leave data out",
            part.name
        )));
    }
    let declared: usize = part
        .fields
        .last()
        .filter(|_| publish && part.fields.len() > 5)?
        .parse()
        .ok()?;
    (declared != bytes.len()).then(|| wrong_length(declared, bytes))
}

fn wrong_length(declared: usize, bytes: &[u8]) -> Error {
    Error::Usage(format!(
        "data must be as long as the line declares, {declared} bytes, not {}",
        bytes.len()
    ))
}

/// Refuses bytes that would end the data phase early.
fn carried(phase: DataPhase, bytes: &[u8]) -> Result<(), Error> {
    let ends = |byte: &&u8| phase == DataPhase::UntilCtrlZ && matches!(**byte, CTRL_Z | ESC);
    match bytes.iter().find(ends) {
        None => Ok(()),
        Some(byte) => Err(Error::Usage(format!(
            "data cannot hold the byte 0x{byte:02X}, which ends a data phase of this form; declare the length in the \
             line where the command has such a form"
        ))),
    }
}

/// The data that a command of the line asks for.
fn request(part: &Part<'_>, dialect: &Dialect, line: &CommandLine) -> Result<Option<DataRequest>, Error> {
    if part.form != Form::Set {
        return Ok(None);
    }
    if let Some(command) = Command::from_name(part.name.as_bytes()) {
        return Ok(of_the_note(part, command, dialect));
    }
    if asks_for_credential(part, dialect) {
        return Ok(Some(DataRequest {
            count: None,
            file: true,
            publish: None,
        }));
    }
    let known = dialect
        .data_commands
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(part.name));
    let Some(known) = known else { return Ok(None) };
    let field = match known.count {
        Count::Never => None,
        Count::At(at) => part.fields.get(at).copied(),
        Count::Last => part.fields.last().copied(),
    };
    let count = match field {
        None if known.uncounted == Uncounted::Unbounded && !part.fields.is_empty() => {
            return Err(Error::Usage(format!(
                "{} must declare how many bytes of data follow",
                line.shown
            )));
        }
        // The module will refuse the command.
        None if known.uncounted == Uncounted::Unbounded => return Ok(None),
        None => None,
        Some(digits) => match digits.parse() {
            Ok(0) if known.zero_reports => return Ok(None),
            Ok(count) => Some(count),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(DataRequest {
        count,
        file: known.file,
        publish: None,
    }))
}

/// A publish, or `willex`, with every parameter that its row has.
fn of_the_note(part: &Part<'_>, command: Command, dialect: &Dialect) -> Option<DataRequest> {
    dialect.rows.iter().find_map(|row| {
        let fields = match row.setting {
            None => &part.fields[..],
            Some(key) => {
                part.fields
                    .split_first()
                    .filter(|(first, _)| dialect.is_key(first.trim_matches('"').as_bytes(), key))?
                    .1
            }
        };
        if row.command != command || row.form != Form::Set || fields.len() != row.parameters.len() {
            return None;
        }
        let count = match row.data? {
            DataPhase::UntilCtrlZ => None,
            DataPhase::Counted => Some(fields.last()?.parse().ok()?),
            DataPhase::Inline | DataPhase::Quoted => return None,
        };
        let publish = row.setting.is_none().then(|| fields[0].parse().ok().map(ClientIndex));
        Some(DataRequest {
            count,
            file: false,
            publish: publish.flatten(),
        })
    })
}

/// Whether it is `AT+QSSLCFG` with the value of a credential left out, so that the module asks for it.
fn asks_for_credential(part: &Part<'_>, dialect: &Dialect) -> bool {
    let Some(tls) = dialect.tls.filter(|tls| matches!(tls.upload, Upload::Prompt { .. })) else {
        return false;
    };
    let (count, at) = match tls.form {
        TlsForm::OptionFirst => (2, 0),
        TlsForm::ContextFirst => (3, 2),
    };
    let names_credential = |field: &&str| {
        let credentials = tls.options.iter().filter(|option| option.value == TlsValue::Credential);
        credentials
            .map(|option| option.name)
            .any(|name| name.eq_ignore_ascii_case(field.trim_matches('"')))
    };
    part.name.eq_ignore_ascii_case("QSSLCFG")
        && part.fields.len() == count
        && part.fields.get(at).is_some_and(names_credential)
}

/// Refuses a message id that one of our operations uses: the two results would look alike.
fn no_id_in_flight(part: &Part<'_>, clients: &mut Clients) -> Result<(), Error> {
    let with_id = matches!(
        Command::from_name(part.name.as_bytes()),
        Some(Command::Subscribe | Command::Unsubscribe | Command::Publish | Command::PublishExact)
    );
    let [client, id, ..] = part.fields.as_slice() else {
        return Ok(());
    };
    let (Ok(client), Ok(id)) = (client.parse().map(ClientIndex), id.parse().map(MessageId)) else {
        return Ok(());
    };
    if with_id && clients.get(client).is_some_and(|client| client.is_in_flight(id)) {
        return Err(Error::Usage(format!(
            "message id {} of client {client} is in flight; wait for its result or give another id",
            id.0
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use modemqtt_at::dialect;

    use super::*;

    fn step(model: &str, line: &str, data: Option<&[u8]>) -> Result<Step, Error> {
        let (dialect, _) = dialect::of_model(model).unwrap();
        step_of(line, data.map(<[u8]>::to_vec), dialect, &mut Clients::of(dialect))
    }

    fn refused(model: &str, line: &str, data: Option<&[u8]>) -> String {
        match step(model, line, data) {
            Err(Error::Usage(message)) => message,
            other => panic!("{model} {line}: {other:?}"),
        }
    }

    #[test]
    fn a_line_that_asks_for_data_goes_with_its_data_or_not_at_all() {
        for (model, line, count) in [
            ("EG915Q", "AT+QMTPUBEX=0,1,1,1,\"t\",3", Some(3)),
            ("BC660K-GL", "AT+QMTPUB=0,0,0,0,\"t\",3", Some(3)),
            ("BC660K-GL", "at+qmtpub=0,0,0,0,\"a,b\"", None),
            ("M95", "AT+QMTPUB=0,0,0,0,\"t\"", None),
            ("EG915Q", "AT+QMTCFG=\"willex\",0,1,1,0,\"t\",3", Some(3)),
            ("EG915Q", "AT+QFUPL=\"UFS:x.pem\",3,100", Some(3)),
            ("M95", "AT+QSECWRITE=\"RAM:x.pem\",3", Some(3)),
            ("BC660K-GL", "AT+QSSLCFG=0,0,\"cacert\"", None),
            ("M95", "AT+CMGS=\"+4917\"", None),
            ("BC660K-GL", "AT+QISEND=0,3", Some(3)),
            ("M95", "AT+QISEND=3", Some(3)),
            ("M95", "AT+CSQ;+QISEND", None),
            ("EG915Q", "ATE0+QMTPUBEX=0,1,1,1,\"t\",3", Some(3)),
            ("M95", "AT+CMGC=1,2", None),
        ] {
            let message = refused(model, line, None);
            assert!(message.contains("data=b"), "{line}: {message}");
            let data = step(model, line, Some(b"abc")).unwrap().data.unwrap();
            assert_eq!(data.phase == DataPhase::Counted, count.is_some(), "{line}");
            if count.is_some() {
                let message = refused(model, line, Some(b"four"));
                assert!(message.contains("3 bytes, not 4"), "{line}: {message}");
            } else {
                let message = refused(model, line, Some(b"a\x1ab"));
                assert!(message.contains("0x1A"), "{line}: {message}");
            }
        }
    }

    #[test]
    fn a_line_that_asks_for_no_data_is_sent_as_it_is() {
        for (model, line) in [
            ("BC660K-GL", "AT+QMTPUB=0,0,0,0,\"t\",3,\"abc\""),
            ("BC660K-GL", "AT+QMTPUB=0,0,0,0,\"t\",17,\"{\"a\":\"1\",\"b\":\"2\"}\""),
            ("BC660K-GL", "AT+QISEND=0,0"),
            ("EG915Q", "AT+QMTCFG=\"willex\",0"),
            ("EG915Q", "AT+QMTPUBEX=?"),
            ("EG915Q", "AT+QFUPL=?"),
            ("EG915Q", "AT+QHTTPURL?"),
            ("M95", "AT+QSSLCFG=\"cacert\",0,\"RAM:ca.pem\""),
            ("M95", "ATI;+CSQ"),
        ] {
            assert!(step(model, line, None).unwrap().data.is_none(), "{line}");
        }
    }

    #[test]
    fn data_for_an_unknown_line_are_counted_where_it_declares_so_many() {
        let phase = |line| step("M95", line, Some(b"abc")).unwrap().data.unwrap().phase;
        assert_eq!(phase("AT+QFOO=1,3"), DataPhase::Counted);
        assert_eq!(phase("AT+QFOO=\"3\""), DataPhase::UntilCtrlZ);
    }

    #[test]
    fn a_line_has_one_request_for_data_and_it_is_the_last() {
        let message = refused("M95", "AT+QISEND=3;+CSQ", Some(b"abc"));
        assert!(message.contains("last command"), "{message}");
        let message = refused("EG915Q", "AT+QFUPL=\"x.pem\"", Some(b"abc"));
        assert!(message.contains("declare how many"), "{message}");
    }

    #[test]
    fn a_message_id_in_flight_is_not_given_to_a_second_operation() {
        let (dialect, _) = dialect::of_model("M95").unwrap();
        let mut clients = Clients::of(dialect);
        let id = clients.get(ClientIndex(0)).unwrap().take_id().unwrap();
        for line in [
            format!("AT+QMTPUB=0,{},1,0,\"t\"", id.0),
            format!("AT+QMTSUB=0,{},\"t\",1", id.0),
        ] {
            let error = step_of(&line, Some(b"x".into()), dialect, &mut clients).unwrap_err();
            assert!(error.to_string().contains("in flight"), "{error}");
        }
    }
}
