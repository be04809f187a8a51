//! What happens on a modem, and what a program is told of it.
//!
//! What a program may be called for is an [`Event`] with a line in [`Event::told`]; whatever translates events knows of no single one.

use std::time::{Duration, Instant};

use modemqtt_at::codes::{OpenResult, StatCode};
use modemqtt_at::dialect::{Dialect, Model};
use modemqtt_at::{ClientIndex, MessageId};

use crate::call::{Reply, Ticket};
use crate::error::Error;

/// What the session has to say.
#[derive(Debug)]
pub enum Event {
    /// The call has left the queue; it can no longer be taken back.
    Started(Ticket, Option<MessageId>),
    /// The command of a publish goes out now, or again.
    Sent(Ticket),
    /// The module has taken a publish (`OK`).
    Accepted(Ticket),
    /// The module has sent a publish again, so many times.
    Retransmitting(Ticket, i64),
    /// So many bytes of a credential, by its name, of so many are on their way.
    Uploading(Ticket, &'static str, usize, usize),
    /// The call has ended.
    Ended(Ticket, Result<Reply, Error>),
    /// The module is known.
    Identified(&'static Dialect, &'static Model),
    /// The module's buffer for that client was full: messages may be lost.
    Overrun(ClientIndex),
    /// A client could not be opened for that reason, which is being cured before it is tried once more.
    Reopening(ClientIndex, OpenResult),
    /// The network connection of a client leads to that server.
    Opened {
        /// Whose.
        client: ClientIndex,
        /// Name or address, as the module was given it.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A client has changed its state.
    Client(ClientIndex, ClientState),
    /// A message has come.
    Message(Message),
    /// A client has lost its connection.
    Lost(ClientIndex, StatCode),
    /// A line that no one waited for.
    Urc(String),
    /// The module has restarted, or switched itself off.
    Restarted,
    /// A kept session has lost its connection, for that reason. It connects again after that time; with `None`, once the program
    /// has opened the modem again.
    Reconnecting(ClientIndex, Error, Option<Duration>),
    /// A kept session has its connection back.
    Reconnected(Reconnected),
    /// A kept session has given up, for that reason, after this number of attempts.
    ReconnectFailed(ClientIndex, Error, u32),
    /// A session is kept no longer: the program has ended its connection.
    Unkept(ClientIndex),
}

/// What a program is told of an event: its name, the client that it is about, and its values in order.
#[derive(Clone, Debug)]
pub struct Told {
    /// What programs call it.
    pub name: &'static str,
    /// Whose, if it is about a client.
    pub client: Option<ClientIndex>,
    /// What there is to say of it, each in the form in which a call may end.
    pub facts: Vec<Result<Reply, Error>>,
}

impl Event {
    /// What a program is told of it. Messages, lines, and what ends a call or a kept session are told with what the engine
    /// has of them.
    pub(crate) fn told(&self) -> Option<Told> {
        let (name, client, fact) = match self {
            Self::Restarted => ("restarted", None, None),
            Self::Overrun(client) => ("overrun", Some(*client), None),
            Self::Lost(client, code) => {
                let (client, code) = (*client, *code);
                let error = Error::ConnectionLost { client, code };
                ("lost", Some(client), Some(Err(error)))
            }
            Self::Reopening(client, reason) => {
                let reason = reason.name().unwrap_or("an unknown reason");
                ("reopening", Some(*client), Some(Ok(Reply::Text(reason.into()))))
            }
            Self::ReconnectFailed(client, error, _) => ("reconnect failed", Some(*client), Some(Err(error.clone()))),
            _ => return None,
        };
        let facts = fact.into_iter().collect();
        Some(Told { name, client, facts })
    }
}

/// How a kept session got its connection back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnected {
    /// Whose it is.
    pub client: ClientIndex,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long it was without a connection.
    pub away: Duration,
    /// Each topic filter that was subscribed to again with the QoS that was granted; 128: refused by the server.
    pub granted: Vec<(String, i64)>,
    /// The publishes that were under way, in order, of which nobody knows whether they have arrived.
    pub unknown: Vec<Ticket>,
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose.
    pub client: ClientIndex,
    /// 0 with QoS 0.
    pub message_id: MessageId,
    /// Topic name.
    pub topic: String,
    /// Payload, bit for bit.
    pub payload: Vec<u8>,
    /// Whether the layout left no doubt where the payload ends.
    pub complete: bool,
    /// When its last byte was read.
    pub at: Instant,
}

/// Where a client stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientState {
    /// No network connection.
    #[default]
    Closed,
    /// `QMTOPEN` is under way.
    Opening,
    /// The network connection is open.
    Open,
    /// `QMTCONN` is under way.
    Connecting,
    /// Connected to the server.
    Connected,
    /// `QMTDISC` is under way.
    Disconnecting,
    /// `QMTCLOSE` is under way.
    Closing,
}

impl ClientState {
    /// Whether an operation under way is about to change it.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Opening | Self::Connecting | Self::Disconnecting | Self::Closing
        )
    }

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnecting => "disconnecting",
            Self::Closing => "closing",
        }
    }
}
