//! What a broker is started with.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a broker is started; the default is an open one on a port the system chooses.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    /// The TCP port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// User names and their passwords; `None` lets everybody in.
    pub users: Option<BTreeMap<String, String>>,
    /// The bounds of everything that grows.
    pub limits: Limits,
}

/// The bounds of everything that grows. A message counts with its payload and its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time, 256; one more is closed at once.
    pub connections: usize,
    /// Sessions, connected or away, 1000; one more is answered with return code 3.
    pub sessions: usize,
    /// Subscriptions of a session, 1000; one more is answered with 0x80.
    pub subscriptions: usize,
    /// The largest packet a client may send, 256 KiB; a larger one closes its connection.
    pub packet_bytes: usize,
    /// Bytes waiting for a client that reads slowly, 8 MiB (more than a full window of the largest packets); one more byte closes its connection.
    pub output_bytes: usize,
    /// QoS 1 and 2 messages on their way to a client, 20; further ones are queued.
    pub window: usize,
    /// Messages queued for a session, 1000; further ones are lost, as with mosquitto.
    pub queue_messages: usize,
    /// Bytes of the messages queued for a session, 16 MiB.
    pub queue_bytes: usize,
    /// Bytes of the messages queued for all sessions together, 64 MiB; further ones are lost.
    pub all_queue_bytes: usize,
    /// Retained messages, 1000; further topics are not retained.
    pub retained_messages: usize,
    /// Messages in the log, 10 000; the oldest ones are dropped and counted.
    pub log_messages: usize,
    /// Bytes of the messages in the log, 64 MiB.
    pub log_bytes: usize,
    /// How long a client may take between the TCP connection and its CONNECT, 30 s.
    pub connect_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            connections: 256,
            sessions: 1000,
            subscriptions: 1000,
            packet_bytes: 256 * KIB,
            output_bytes: 8 * MIB,
            window: 20,
            queue_messages: 1000,
            queue_bytes: 16 * MIB,
            all_queue_bytes: 64 * MIB,
            retained_messages: 1000,
            log_messages: 10_000,
            log_bytes: 64 * MIB,
            connect_timeout: Duration::from_secs(30),
        }
    }
}
