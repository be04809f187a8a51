//! Messages that came in: the log of all of them, and the retained ones.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use modemqtt_os::Moment;

use super::options::Limits;
use super::topics;
use super::wire::{QoS, TopicName};

/// A message as it was published to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic name.
    pub topic: TopicName,
    /// The payload.
    pub payload: Bytes,
    /// The QoS of the publisher, not that of any delivery.
    pub qos: QoS,
    /// Whether the publisher asked to retain it.
    pub retain: bool,
    /// The client that published it or whose will it is; `None` if the message came from outside MQTT.
    pub client_id: Option<String>,
    /// When it came; `None` if the broker had not been told the time.
    pub at: Option<Moment>,
}

impl Message {
    pub(crate) fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

/// A message, and whether a call that waits for one has taken it.
#[derive(Debug)]
struct LoggedMessage {
    message: Message,
    claimed: bool,
}

/// The latest messages, oldest first.
#[derive(Debug, Default)]
pub(crate) struct MessageLog {
    entries: VecDeque<LoggedMessage>,
    bytes: usize,
    dropped: u64,
}

impl MessageLog {
    pub(crate) fn push(&mut self, message: Message, limits: &Limits) {
        self.bytes += message.size();
        self.entries.push_back(LoggedMessage {
            message,
            claimed: false,
        });
        while self.entries.len() > limits.log_messages || self.bytes > limits.log_bytes {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= oldest.message.size();
            self.dropped += 1;
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<Message> {
        self.entries.iter().map(|entry| entry.message.clone()).collect()
    }

    /// The oldest message that matches the filter and has not been claimed.
    pub(crate) fn claim(&mut self, filter: &str) -> Option<Message> {
        let mut entries = self.entries.iter_mut().filter(|entry| !entry.claimed);
        let entry = entries.find(|entry| topics::matches(filter, &entry.message.topic))?;
        entry.claimed = true;
        Some(entry.message.clone())
    }

    /// How many messages have come so far.
    pub(crate) fn count(&self) -> u64 {
        self.dropped + self.entries.len() as u64
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The last retained message of each topic (MQTT 3.1.1 section 3.3.1.3).
#[derive(Debug, Default)]
pub(crate) struct Retained(BTreeMap<TopicName, Message>);

impl Retained {
    /// Keeps `message`, or forgets the one of its topic when the payload is empty.
    pub(crate) fn store(&mut self, message: &Message, limits: &Limits) {
        if message.payload.is_empty() {
            self.0.remove(&message.topic);
        } else if self.0.len() < limits.retained_messages || self.0.contains_key(&message.topic) {
            self.0.insert(message.topic.clone(), message.clone());
        }
    }

    /// Those that a new subscription to `filter` gets at once.
    pub(crate) fn matching(&self, filter: &str) -> Vec<Message> {
        let matching = self.0.values();
        matching
            .filter(|message| topics::matches(filter, &message.topic))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str) -> Message {
        Message {
            topic: TopicName::try_from("t").unwrap(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: QoS::Level0,
            retain: true,
            client_id: None,
            at: None,
        }
    }

    #[test]
    fn a_full_log_drops_its_oldest_and_counts_them() {
        let limits = Limits {
            log_messages: 2,
            ..Limits::default()
        };
        let mut log = MessageLog::default();
        for payload in ["1", "2", "3"] {
            log.push(message(payload), &limits);
        }
        assert_eq!(log.to_vec(), [message("2"), message("3")]);
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn the_log_is_bounded_in_bytes_too() {
        let limits = Limits {
            log_bytes: 8,
            ..Limits::default()
        };
        let mut log = MessageLog::default();
        log.push(message("123"), &limits);
        log.push(message("456"), &limits);
        log.push(message("7"), &limits);
        assert_eq!(log.to_vec(), [message("456"), message("7")]);
        log.push(message("too large for it"), &limits);
        assert_eq!(log.to_vec(), []);
        assert_eq!(log.dropped(), 4);
    }

    #[test]
    fn an_empty_payload_ends_the_retention() {
        let limits = Limits::default();
        let mut retained = Retained::default();
        retained.store(&message("old"), &limits);
        retained.store(&message("new"), &limits);
        assert_eq!(retained.matching("#"), [message("new")]);
        retained.store(&message(""), &limits);
        assert_eq!(retained.matching("#"), []);
    }
}
