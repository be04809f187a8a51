//! A publish, `AT+QMTPUB` or `AT+QMTPUBEX`, in the safest form that the dialect has and that fits the payload: exact
//! length, then the prompt with Ctrl-Z, then inside the command line.

use modemqtt_at::ascii::{CTRL_Z, ESC, QUOTE, is_forbidden_in_string};
use modemqtt_at::dialect::DataPhase;
use modemqtt_at::{ClientIndex, MessageId, Operation, Qos};

use super::clients::Client;
use super::own::{Nothing, Own};
use super::plan::{Planner, Steps, dialects, index_of, outcome};
use super::rules::{Meaning, Rules, acknowledged};
use super::topics::topic_name;
use crate::call::Reply;
use crate::error::Error;
use crate::job::{Data, OutcomeKey, Task};
use crate::names::models;
use crate::reader::Outcome;
use crate::writer::Argument;

/// A message to publish.
pub(super) struct Outgoing {
    pub(super) client: ClientIndex,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// The form that the program wants; `None` chooses the safest.
    pub(super) form: Option<DataPhase>,
    /// Whether the payload is sent as hexadecimal digits.
    pub(super) hex: bool,
}

pub(super) struct Publish;

impl Rules for Publish {
    fn needs_connection(&self) -> bool {
        true
    }

    fn overtakes_publishes(&self) -> bool {
        false
    }

    fn begins(&self, client: &mut Client, _: Option<(&str, u16)>) {
        client.in_flight += 1;
    }

    fn is_of_another(&self, client: &mut Client, outcome: &Outcome) -> bool {
        outcome.message_id == Some(MessageId(0)) && client.debt.pay()
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        acknowledged(outcome, Reply::Published)
    }

    fn given_up(&self, client: &mut Client, key: OutcomeKey) {
        if key.message_id == Some(MessageId(0)) {
            client.debt.grow();
        }
    }
}

/// A publish with QoS 2, which takes two exchanges with the server.
#[derive(Debug)]
enum ExactlyOnce {
    /// It has no result yet, and the message may have got half way.
    Unfinished,
    /// The server has all of the message or none of it.
    Settled,
}

impl Own for ExactlyOnce {
    fn may_be_half_way(&self) -> bool {
        matches!(self, Self::Unfinished)
    }

    fn was_not_sent(&mut self) {
        *self = Self::Settled;
    }

    fn told(&mut self, _: ClientIndex, _: bool, result: Result<Reply, Error>) -> Option<Result<Reply, Error>> {
        if result.is_ok() {
            *self = Self::Settled;
        }
        Some(result)
    }
}

/// From the safest to the least safe.
const FORMS: [DataPhase; 4] = [
    DataPhase::Counted,
    DataPhase::UntilCtrlZ,
    DataPhase::Inline,
    DataPhase::Quoted,
];

impl Planner {
    pub(super) fn publish(&self, message_id: MessageId, message: Outgoing) -> Result<(Task, Steps), Error> {
        let Outgoing {
            client,
            topic,
            payload,
            qos,
            retain,
            form,
            hex,
        } = message;
        topic_name(&topic)?;
        let most = self.dialect.hex_payload.filter(|_| hex).unwrap_or(self.dialect.payload);
        if payload.len() > most {
            return Err(Error::Usage(format!(
                "payload must be at most {most} bytes long{}, not {} ({})",
                if hex { " in hexadecimal digits" } else { "" },
                payload.len(),
                models(self.dialect)
            )));
        }
        let length = Argument::Number(i64::try_from(payload.len()).unwrap_or(i64::MAX));
        let bytes = if hex { in_hex(&payload) } else { payload };
        let phase = self.form(form, &bytes)?;
        let Some(row) = self.dialect.publish(phase) else {
            return Err(self.lacks(phase));
        };
        let mut arguments = vec![
            index_of(client),
            Argument::Number(message_id.0.into()),
            Argument::Number(qos.number().into()),
            Argument::Number(retain.into()),
            Argument::Text(topic.as_bytes()),
        ];
        match phase {
            DataPhase::UntilCtrlZ => {}
            DataPhase::Counted => arguments.push(length),
            DataPhase::Inline => arguments.extend([length, Argument::Text(&bytes)]),
            DataPhase::Quoted => arguments.push(Argument::Text(&bytes)),
        }
        let mut step = self.step(row, &arguments, outcome(row, client, Some(message_id)))?;
        if matches!(phase, DataPhase::Counted | DataPhase::UntilCtrlZ) {
            step.data = Some(Data::payload(phase, bytes));
        }
        let key = OutcomeKey {
            operation: Operation::Publish,
            client,
            message_id: Some(message_id),
        };
        let task = match qos {
            Qos::ExactlyOnce => Task::of(key, ExactlyOnce::Unfinished),
            Qos::AtMostOnce | Qos::AtLeastOnce => Task::of(key, Nothing),
        };
        Ok((task, [step].into()))
    }

    /// The form requested, or the first that the dialect has and that can carry the bytes.
    fn form(&self, wanted: Option<DataPhase>, bytes: &[u8]) -> Result<DataPhase, Error> {
        // Some firmware takes a length of 0 to mean no length.
        let empty = wanted.is_none() && bytes.is_empty() && self.dialect.publish(DataPhase::UntilCtrlZ).is_some();
        let wanted = if empty { Some(DataPhase::UntilCtrlZ) } else { wanted };
        let candidates = FORMS
            .into_iter()
            .filter(|form| wanted.is_none_or(|wanted| wanted == *form));
        let mut refused = None;
        for form in candidates.filter(|form| self.dialect.publish(*form).is_some()) {
            match unfit(form, bytes) {
                None => return Ok(form),
                Some(byte) => refused = refused.or(Some(byte)),
            }
        }
        match (refused, wanted) {
            (Some(byte), _) => Err(Error::Usage(format!(
                "the payload holds the byte 0x{byte:02X}, which would end the data phase or the command line; {} has no \
                 form of publish that can carry it",
                self.dialect.name
            ))),
            (None, Some(wanted)) => Err(self.lacks(wanted)),
            (None, None) => Err(Error::Usage(format!("{} has no publish", self.dialect.name))),
        }
    }

    fn lacks(&self, form: DataPhase) -> Error {
        let have = dialects(|dialect| dialect.publish(form).is_some());
        Error::Usage(format!(
            "{} has no publish in that form; dialects that have it: {have}",
            self.dialect.name
        ))
    }
}

/// The first byte that the form cannot carry.
fn unfit(form: DataPhase, bytes: &[u8]) -> Option<u8> {
    let acts = |byte: &u8| match form {
        DataPhase::Counted => false,
        DataPhase::UntilCtrlZ => matches!(*byte, CTRL_Z | ESC),
        DataPhase::Inline => is_forbidden_in_string(*byte),
        DataPhase::Quoted => is_forbidden_in_string(*byte) || *byte == QUOTE,
    };
    bytes.iter().copied().find(|byte| acts(byte))
}

/// Two upper-case hexadecimal digits per byte.
fn in_hex(payload: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let pair = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    payload.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use modemqtt_at::dialect;

    use super::*;

    fn line(model: &str, payload: &[u8], form: Option<DataPhase>) -> Result<String, Error> {
        let (dialect, _) = dialect::of_model(model).unwrap();
        let message = Outgoing {
            client: ClientIndex(0),
            topic: "t".into(),
            payload: payload.to_vec(),
            qos: Qos::AtMostOnce,
            retain: false,
            form,
            hex: false,
        };
        let (_, steps) = Planner { dialect }.publish(MessageId(0), message)?;
        Ok(steps[0].line.shown.clone())
    }

    #[test]
    fn every_form_of_a_dialect_can_be_asked_for() {
        let form = |form| line("BC660K-GL", b"say \"hi\"", Some(form)).unwrap();
        assert_eq!(form(DataPhase::Counted), "AT+QMTPUB=0,0,0,0,\"t\",8");
        assert_eq!(form(DataPhase::UntilCtrlZ), "AT+QMTPUB=0,0,0,0,\"t\"");
        assert_eq!(form(DataPhase::Inline), "AT+QMTPUB=0,0,0,0,\"t\",8,\"say \"hi\"\"");
        let error = line("M95", b"x", Some(DataPhase::Inline)).unwrap_err().to_string();
        assert!(error.contains("dialects that have it: bc660k"), "{error}");
    }

    #[test]
    fn a_payload_in_a_command_line_cannot_end_it() {
        for byte in [b'\r', b'\n', 0, CTRL_Z, ESC, 0x08] {
            assert!(
                line("BC660K-GL", &[b'a', byte], Some(DataPhase::Inline)).is_err(),
                "{byte}"
            );
        }
        assert!(line("BG95", b"\"", Some(DataPhase::Quoted)).is_err());
    }
}
