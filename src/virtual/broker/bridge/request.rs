//! What the host asks of a session.

use std::time::Duration;

use bytes::Bytes;
use modemqtt_at::Version;

use crate::broker::wire::{LastWill, QoS, TopicName};

/// What CONNECT says.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The version of MQTT.
    pub version: Version,
    /// The client identifier, perhaps empty.
    pub client_id: String,
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// Whether the server forgets the client's session.
    pub clean_session: bool,
    /// Seconds between signs of life; 0 for none.
    pub keep_alive: u16,
    /// How long a PINGREQ may stay unanswered.
    pub ping_timeout: Duration,
    /// What the server publishes when the client vanishes.
    pub will: Option<LastWill>,
}

/// How long a packet may stay unacknowledged, and how often it is sent again: `QMTCFG="timeout"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// `<pkt_timeout>`.
    pub timeout: Duration,
    /// `<retry_times>`.
    pub retries: u32,
}

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The topic.
    pub topic: TopicName,
    /// The payload.
    pub payload: Bytes,
    /// The QoS.
    pub qos: QoS,
    /// Whether the server keeps it.
    pub retain: bool,
}
