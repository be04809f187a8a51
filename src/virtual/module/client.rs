//! One MQTT client of the module, and its connection.
//!
//! | link | what it is | what ends it |
//! |---|---|---|
//! | `Closed` | no connection | `AT+QMTOPEN` |
//! | `Opening` | a TCP connection, and its TLS handshake, on the way | news of it, or its time is up |
//! | `Open` | a session on it, however far it has come ([`SessionPhase`]) | `AT+QMTCLOSE`, the server, the network, or [`Leaving`] |

use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::ConnectionId;
use super::messages::Store;
use super::settings::Settings;
use crate::broker::bridge::{ClientSession, Memory, SessionPhase};

/// One MQTT client of the module.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: Settings,
    pub(super) link: Link,
    kept: Option<KeptSession>,
}

/// The state of a session that is not clean, for the next connection of the same client to the same server.
#[derive(Debug)]
struct KeptSession {
    server: ServerAddress,
    client_id: String,
    memory: Memory,
}

/// Its network connection.
#[derive(Debug)]
pub(super) enum Link {
    Closed,
    Opening {
        connection: ConnectionId,
        server: ServerAddress,
        due: Moment,
    },
    Open {
        connection: ConnectionId,
        server: ServerAddress,
        session: Box<ClientSession>,
        /// That of its CONNECT.
        client_id: String,
        store: Store,
        leaving: Leaving,
    },
}

/// Whether an open connection is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    No,
    /// DISCONNECT has been sent, and the server should close the connection; if it has not by this time, the module does.
    Disconnected(Moment),
    /// `QMTCLOSE` was asked for, and takes until this time (the fault `slow-close`).
    Closing(Moment),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Client {
    pub(super) fn new(dialect: &'static Dialect) -> Self {
        Self {
            settings: Settings::new(dialect),
            link: Link::Closed,
            kept: None,
        }
    }

    /// Hands the state of an earlier session to one that is about to connect under the same client id.
    pub(super) fn recall(&mut self, client_id: &str) {
        let Link::Open {
            server,
            session,
            client_id: own,
            ..
        } = &mut self.link
        else {
            return;
        };
        client_id.clone_into(own);
        if let Some(kept) = self
            .kept
            .take_if(|kept| kept.server == *server && kept.client_id == client_id)
        {
            session.recall(kept.memory);
        }
    }

    /// Keeps what the next session of the same client needs to resume.
    pub(super) fn remember(&mut self) {
        if let Link::Open {
            server,
            session,
            client_id,
            ..
        } = &self.link
            && session.phase() != SessionPhase::Initial
        {
            self.kept = session.memory().map(|memory| KeptSession {
                server: server.clone(),
                client_id: client_id.clone(),
                memory,
            });
        }
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match &self.link {
            Link::Closed => None,
            Link::Opening { connection, .. } | Link::Open { connection, .. } => Some(*connection),
        }
    }

    pub(super) fn session(&self) -> Option<&ClientSession> {
        match &self.link {
            Link::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut ClientSession> {
        match &mut self.link {
            Link::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(super) fn store(&self) -> Option<&Store> {
        match &self.link {
            Link::Open { store, .. } => Some(store),
            _ => None,
        }
    }

    pub(super) fn store_mut(&mut self) -> Option<&mut Store> {
        match &mut self.link {
            Link::Open { store, .. } => Some(store),
            _ => None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Moment> {
        match &self.link {
            Link::Closed => None,
            Link::Opening { due, .. } => Some(*due),
            // A connection that is being left sends nothing again.
            Link::Open { session, leaving, .. } => match leaving {
                Leaving::No => session.next_timeout(),
                Leaving::Disconnected(due) | Leaving::Closing(due) => Some(*due),
            },
        }
    }

    /// Has an open connection begin to leave, or stay after all.
    pub(super) const fn leave(&mut self, how: Leaving) {
        if let Link::Open { leaving, .. } = &mut self.link {
            *leaving = how;
        }
    }
}
