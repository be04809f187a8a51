//! What the host asks of a session, and what it is told.

use std::time::Duration;

use bytes::Bytes;
use modemqtt_at::{Operation, Version};

use crate::broker::wire::{LastWill, QoS, TopicName, WireError};

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
    /// The keep-alive in seconds; 0 switches it off.
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

/// What the broker, or its silence, brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// CONNACK, with its return code.
    Connack(u8),
    /// No CONNACK in time.
    ConnackMissing,
    /// An operation was acknowledged; a subscription with the granted QoS, or 128, for each topic.
    Acknowledged(Operation, u16, Vec<u8>),
    /// A packet was sent again; the number says how many times so far.
    Retransmitted(Operation, u16, u32),
    /// An operation was given up.
    Failed(Operation, u16),
    /// A message arrived; its identifier is 0 with QoS 0.
    Message {
        /// The packet identifier.
        id: u16,
        /// The topic.
        topic: TopicName,
        /// The payload.
        payload: Bytes,
    },
    /// No PINGRESP in time.
    PingMissing,
    /// The broker does not speak MQTT, or sent what only a client may send.
    Broken(String),
}

/// Why an operation cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BridgeError {
    /// An identifier must be unique among those in flight (MQTT 3.1.1 section 2.3.1).
    #[error("the packet identifier is in use")]
    IdentifierInUse,
    /// Identifiers begin with 1 (MQTT 3.1.1 section 2.3.1).
    #[error("a packet identifier must not be 0")]
    IdentifierZero,
    /// The codec cannot encode it.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPhase {
    /// Nothing has been sent.
    Initial,
    /// CONNECT has been sent.
    Connecting,
    /// CONNACK has accepted it.
    Connected,
    /// DISCONNECT has been sent, or the connection has failed.
    Over,
}
