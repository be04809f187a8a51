//! The world beyond the antenna: a small MQTT broker inside the process.
//!
//! It speaks MQTT 3.1 (`MQIsdp`, level 3) and 3.1.1, keeps nothing on disk, and misbehaves on request: it refuses, stays silent,
//! withholds acknowledgements, drops its clients. Downward: `server` (the public handle) starts the `reactor` (one thread, the sockets),
//! which feeds `state` (pure: bytes in, bytes out, the clock an argument). The state keeps a `connection` for each socket and a
//! `session` for each client, `message` the log and the retained messages, `topics` the matching rules, `shared` the groups of shared subscriptions; `wire` turns bytes into
//! packets and back, for the broker as well as for an MQTT client.

pub mod bridge;
mod connection;
mod message;
mod options;
mod reactor;
pub mod server;
mod session;
mod shared;
pub mod state;
pub mod topics;
pub mod wire;

pub use message::Message;
pub use options::{BrokerOptions, Limits};
pub use server::{Broker, BrokerError};
pub use wire::QoS;
