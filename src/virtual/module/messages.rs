//! Received messages: printed at once, or kept until the host reads them (EG800Q&EG91xQ note 3.3.9 and 4.2).

use bytes::Bytes;
use modemqtt_at::{ClientIndex, Command};

use super::terminal::Payload;
use super::{Module, PieceKind, hex};
use crate::broker::wire::TopicName;
use crate::command_line::Checked;
use crate::fault::Fault;

/// A message from the broker; its identifier is 0 with QoS 0.
#[derive(Clone, Debug)]
pub(super) struct ReceivedMessage {
    pub(super) id: u16,
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
}

/// The messages that one connection keeps, in the order in which they came, each with its slot.
#[derive(Debug, Default)]
pub(super) struct Store(Vec<(usize, ReceivedMessage)>);

impl Store {
    /// Puts a message into the first free slot, and returns the slot; `None` if all are full.
    fn keep(&mut self, message: ReceivedMessage, slots: usize) -> Option<usize> {
        let slot = (0..slots).find(|slot| !self.holds(*slot))?;
        self.0.push((slot, message));
        Some(slot)
    }

    /// Empties one slot, or every one.
    fn take(&mut self, slot: Option<usize>) -> Vec<ReceivedMessage> {
        let taken = self.0.extract_if(.., |(at, _)| slot.is_none_or(|slot| *at == slot));
        taken.map(|(_, message)| message).collect()
    }

    fn holds(&self, slot: usize) -> bool {
        self.0.iter().any(|(at, _)| *at == slot)
    }
}

impl Module {
    /// Passes on a message, or keeps it. Without room the message is lost, and counted.
    pub(super) fn message(&mut self, index: ClientIndex, message: ReceivedMessage) {
        let client = self.client_mut(index);
        if let (Some(slots), Some(store)) = (client.settings.slots(), client.store_mut()) {
            match store.keep(message, slots) {
                Some(slot) => {
                    self.terminal.urc(
                        PieceKind::Message,
                        &format!("+{}: {index},{slot}", Command::Receive.name()),
                    );
                }
                None => self.lost_messages += 1,
            }
            return;
        }
        let (line, payload) = self.message_line(index, &message);
        if !self.terminal.message(&line, payload) {
            self.lost_messages += 1;
        }
    }

    /// The answer to `AT+QMTRECV?`: which slots of which connected client hold a message.
    pub(super) fn store_lines(&mut self) -> Vec<String> {
        let single = self.faults.strikes(Fault::StoreStatusSingle);
        let slots = self.dialect.buffer.map_or(0, |buffer| buffer.slots);
        let lines = self.indices().filter_map(|index| {
            let store = self.client(index).store().filter(|_| self.is_connected(index))?;
            let flags: Vec<_> = if single {
                vec![!store.0.is_empty()]
            } else {
                (0..slots).map(|slot| store.holds(slot)).collect()
            };
            let flags: Vec<_> = flags.into_iter().map(|flag| u8::from(flag).to_string()).collect();
            Some(format!("+{}: {index},{}", Command::Receive.name(), flags.join(",")))
        });
        lines.collect()
    }

    /// Prints the messages of one slot, or of all of them, and frees it.
    pub(super) fn read_messages(&mut self, checked: &Checked, index: ClientIndex) {
        let slot = checked.arguments.get(1).map(|_| checked.number(1));
        let taken = self.client_mut(index).store_mut().map(|store| store.take(slot));
        for message in taken.unwrap_or_default() {
            let (line, payload) = self.message_line(index, &message);
            self.terminal.message_read(&line, payload);
        }
    }

    /// `+QMTRECV: <client>,<msgID>,<topic>[,<payload_len>],<payload>`, as the dialect lays it out.
    fn message_line(&mut self, index: ClientIndex, message: &ReceivedMessage) -> (Vec<u8>, Payload) {
        let ReceivedMessage { id, topic, payload } = message;
        let form = self.dialect.receive;
        let topic_quoted = form.topic_quoted && !self.faults.strikes(Fault::UrcTopicUnquoted);
        let payload_quoted = (form.payload_quoted || self.faults.strikes(Fault::UrcPayloadQuoted))
            && !self.faults.strikes(Fault::UrcPayloadUnquoted);
        let closed = !(payload_quoted && payload.contains(&0) && self.faults.strikes(Fault::UrcNulUnclosed));
        let has_length = self.client(index).settings.shows_length() || self.faults.strikes(Fault::UrcLength);
        let hex = self.client(index).settings.receives_hex();
        let shown = if hex { hex::digits(payload) } else { payload.to_vec() };
        let length = if has_length {
            let count = if hex && self.faults.strikes(Fault::HexLengthDigits) {
                shown.len()
            } else {
                payload.len()
            };
            let split = self.faults.strikes(Fault::UrcHeaderSplit);
            format!("{count}{}", if split { "\r\n" } else { "," })
        } else {
            String::new()
        };
        let quote = |quoted: bool| if quoted { "\"" } else { "" };
        let (around_topic, before, after) = (
            quote(topic_quoted),
            quote(payload_quoted),
            quote(payload_quoted && closed),
        );
        let name = Command::Receive.name();
        let topic: &str = topic;
        let head = format!("+{name}: {index},{id},{around_topic}{topic}{around_topic},{length}{before}");
        let place = Payload {
            length: shown.len(),
            behind: after.len(),
        };
        ([head.as_bytes(), &shown, after.as_bytes()].concat(), place)
    }
}
