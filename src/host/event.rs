//! What happens on a modem, and what a program is told about it.
//!
//! An event reaches a program's callbacks if [`Event::told`] has a line for it; code that translates events needs to
//! know none of them by name.

use std::time::Duration;

use modemqtt_at::codes::{OpenResult, StatCode};
use modemqtt_at::dialect::{Dialect, Model};
use modemqtt_at::{ClientIndex, MessageId};

use crate::call::{Reply, Ticket};
use crate::error::Error;
use crate::message::Message;

/// What the session reports. Most events are messages; the others keep large values in boxes, so that each is quickly
/// moved.
#[derive(Debug)]
pub enum Event {
    /// The call has left the queue; it can no longer be taken back.
    Started(Ticket, Option<MessageId>),
    /// The command of a publish is being sent, for the first time or again.
    Sent(Ticket),
    /// The module has accepted a publish (`OK`).
    Accepted(Ticket),
    /// The module has sent a publish again; how many times.
    Retransmitting(Ticket, i64),
    /// Progress of a credential on its way: its name, the bytes sent so far, and the bytes in all.
    Uploading(Ticket, &'static str, usize, usize),
    /// The call has ended.
    Ended(Ticket, Box<Result<Reply, Error>>),
    /// The module has been identified.
    Identified(&'static Dialect, &'static Model),
    /// The module's buffer for this client was full: messages may be lost.
    Overrun(ClientIndex),
    /// An opening failed for this reason; the host is curing it and will try once more.
    Reopening(ClientIndex, OpenResult),
    /// A client's network connection leads to this server.
    Opened {
        /// The client.
        client: ClientIndex,
        /// Name or address, as given to the module.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A client's state has changed.
    Client(ClientIndex, ClientState),
    /// A message has arrived.
    Message(Message),
    /// A client has lost its connection.
    Lost(ClientIndex, StatCode),
    /// A line that no one waited for.
    Urc(String),
    /// The module has restarted or switched itself off.
    Restarted,
    /// A kept session has lost its connection for this reason. It reconnects after this time; with `None`, once the
    /// program has opened the modem again.
    Reconnecting(ClientIndex, Box<Error>, Option<Duration>),
    /// A kept session has its connection back.
    Reconnected(Box<Reconnected>),
    /// A kept session has given up for this reason, after this number of attempts.
    ReconnectFailed(ClientIndex, Box<Error>, u32),
    /// A session is no longer kept: the program has ended its connection.
    Unkept(ClientIndex),
}

/// What a program is told about an event: its name, the client concerned, and its values in order.
#[derive(Clone, Debug)]
pub struct Told {
    /// The name that programs use.
    pub name: &'static str,
    /// The client, if the event concerns one.
    pub client: Option<ClientIndex>,
    /// The event's values, each in a form in which a call may end.
    pub facts: Vec<Result<Reply, Error>>,
}

impl Event {
    pub(crate) fn ended(ticket: Ticket, result: Result<Reply, Error>) -> Self {
        Self::Ended(ticket, Box::new(result))
    }

    /// What a program is told about this event. The engine itself tells of messages, lines, and the end of a call or a
    /// kept session, since it adds what it knows of them.
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
            Self::ReconnectFailed(client, error, _) => {
                ("reconnect failed", Some(*client), Some(Err((**error).clone())))
            }
            _ => return None,
        };
        let facts = fact.into_iter().collect();
        Some(Told { name, client, facts })
    }
}

/// How a kept session got its connection back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnected {
    /// The client.
    pub client: ClientIndex,
    /// Number of attempts made.
    pub attempts: u32,
    /// How long the client had no connection.
    pub away: Duration,
    /// Each topic filter subscribed to again, with the QoS granted; 128 where the server refused.
    pub granted: Vec<(String, i64)>,
    /// The publishes that were under way, in order, which may or may not have arrived.
    pub unknown: Vec<Ticket>,
}

/// The state of a client.
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
    /// Whether an operation under way is about to change the state.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Opening | Self::Connecting | Self::Disconnecting | Self::Closing
        )
    }

    /// The word for the state.
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
