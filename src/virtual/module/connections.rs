//! What brokers and time do to the connections of the clients, and what the host is told of it.
//!
//! These events cause `+QMTSTAT`, and nothing else does:
//!
//! | what has happened | code |
//! |---|---|
//! | the server has closed the connection, or it broke | [`StatCode::PEER_CLOSED`] |
//! | the server has closed it after DISCONNECT, or the time for that is over | [`StatCode::SERVER_CLOSED`] |
//! | CONNACK refuses, or is missing | [`StatCode::CONNACK_FAILED`] |
//! | PINGRESP is missing | [`StatCode::PING_FAILED`] |
//! | the network or the PDP context is gone, or the server does not speak MQTT | [`StatCode::LINK_DOWN`] |
//!
//! The fault `stat-code` puts another code in place of each.

use modemqtt_at::codes::{CloseResult, ConnectionState, OpenResult, PacketResult, StatCode};
use modemqtt_at::{ClientIndex, Operation};
use modemqtt_os::Moment;

use super::client::{Leaving, Link};
use super::messages::{ReceivedMessage, Store};
use super::{Action, ConnectionEvent, Failure, Module, Parting, PieceKind};
use crate::broker::bridge::{ClientSession, SessionEvent, SessionPhase};
use crate::fault::Fault;

/// The largest packet taken from a broker; a module has less memory, but no note gives a figure.
const PACKET_LIMIT: usize = 256 * 1024;

impl Module {
    pub(super) fn handle_connection(&mut self, index: ClientIndex, event: ConnectionEvent<'_>, now: Moment) {
        match event {
            ConnectionEvent::Connected => self.opened(index, now),
            ConnectionEvent::Failed(failure) => self.open_failed(index, failure),
            ConnectionEvent::Data(bytes) => {
                if let Some(session) = self.client_mut(index).session_mut() {
                    session.receive(bytes, now);
                }
                self.follow(index);
            }
            ConnectionEvent::Closed => match self.client(index).session().map(ClientSession::phase) {
                None => self.open_failed(index, Failure::Unreachable),
                Some(SessionPhase::Over) => self.lose(index, StatCode::SERVER_CLOSED),
                Some(_) => self.lose(index, StatCode::PEER_CLOSED),
            },
        }
    }

    fn opened(&mut self, index: ClientIndex, now: Moment) {
        let client = self.client_mut(index);
        if let Link::Opening { connection, server, .. } = &client.link {
            client.link = Link::Open {
                connection: *connection,
                server: server.clone(),
                session: Box::new(ClientSession::new(PACKET_LIMIT, now)),
                client_id: String::new(),
                store: Store::default(),
                leaving: Leaving::No,
            };
            self.open_result(index, OpenResult::OPENED);
            if self
                .faults
                .code(Fault::OpenResult)
                .is_some_and(|code| code != OpenResult::OPENED.0)
            {
                self.close(index);
            }
        }
    }

    pub(super) fn tick_clients(&mut self, now: Moment) {
        for index in self.indices() {
            match &mut self.client_mut(index).link {
                Link::Closed => {}
                Link::Opening { due, .. } => {
                    if *due <= now {
                        self.open_failed(index, Failure::Unreachable);
                    }
                }
                Link::Open { session, leaving, .. } => match *leaving {
                    Leaving::No => {
                        session.tick(now);
                        self.follow(index);
                    }
                    Leaving::Disconnected(due) | Leaving::Closing(due) if due > now => {}
                    Leaving::Disconnected(_) => self.lose(index, StatCode::SERVER_CLOSED),
                    Leaving::Closing(_) => self.finish_close(index),
                },
            }
        }
    }

    /// Reports a session's events, and passes on what it wants sent. If an event ends the connection, messages behind it
    /// are not reported, and so they must not be acknowledged.
    pub(super) fn follow(&mut self, index: ClientIndex) {
        while let Some(event) = self.client_mut(index).session_mut().and_then(ClientSession::next_event) {
            self.report(index, event);
        }
        let client = self.client_mut(index);
        let (Some(connection), Some(session)) = (client.connection(), client.session_mut()) else {
            return;
        };
        let bytes = session.take_output();
        if !bytes.is_empty() {
            self.actions.push_back(Action::Send { connection, bytes });
        }
    }

    pub(super) fn open_failed(&mut self, index: ClientIndex, failure: Failure) {
        let unreachable = if self.dialect.open_results.contains(&OpenResult::NETWORK_ERROR) {
            OpenResult::NETWORK_ERROR
        } else {
            OpenResult::FAILED
        };
        let result = match failure {
            Failure::NameUnknown => OpenResult::NAME_NOT_RESOLVED,
            Failure::Unreachable => unreachable,
            Failure::NetworkDown => OpenResult::PDP_FAILED,
            Failure::Handshake => OpenResult::FAILED,
        };
        self.open_result(index, result);
        self.close(index);
    }

    fn report(&mut self, index: ClientIndex, event: SessionEvent) {
        match event {
            SessionEvent::Connack(_) if self.faults.strikes(Fault::ConnectWithoutResult) => {
                self.lose(index, StatCode::PEER_CLOSED);
            }
            SessionEvent::Connack(0) if self.faults.strikes(Fault::ConnectTwoFields) => {
                self.connect_result(index, format_args!("{}", ConnectionState::CONNECTED.0));
            }
            SessionEvent::Connack(0) => self.connected(index),
            SessionEvent::Connack(code) => {
                self.connect_result(index, format_args!("0,{code}"));
                if self.faults.strikes(Fault::RefusedWithoutStat) {
                    self.close(index);
                } else {
                    self.lose(index, StatCode::CONNACK_FAILED);
                }
            }
            SessionEvent::ConnackMissing => {
                self.lose(index, StatCode::CONNACK_FAILED);
                self.connect_result(index, format_args!("2"));
            }
            SessionEvent::Acknowledged(operation, id, values) => {
                self.operation_result(index, operation, id, PacketResult::ACKNOWLEDGED, &values);
            }
            SessionEvent::Retransmitted(operation, id, times) => {
                if self.client(index).settings.timeout_notice() {
                    self.operation_result(index, operation, id, PacketResult::RETRANSMISSION, &[times]);
                }
            }
            SessionEvent::Failed(operation, id) => {
                self.operation_result::<u8>(index, operation, id, PacketResult::FAILED, &[]);
            }
            SessionEvent::Message { id, topic, payload } => self.message(index, ReceivedMessage { id, topic, payload }),
            SessionEvent::PingMissing => {
                // EG800Q&EG91xQ note 4.3; its only result is 1.
                if self.dialect.urcs.iter().any(|urc| urc.name == "QMTPING") {
                    self.terminal.urc(PieceKind::Urc, &format!("+QMTPING: {index},1"));
                }
                self.lose(index, StatCode::PING_FAILED);
            }
            SessionEvent::Broken(_) => self.lose(index, StatCode::LINK_DOWN),
        }
    }

    /// A CONNECT was accepted.
    fn connected(&mut self, index: ClientIndex) {
        let result = self.faults.code(Fault::ConnectResult).unwrap_or_default();
        let code = self.faults.code(Fault::ReturnCode).unwrap_or_default();
        if result == PacketResult::RETRANSMISSION.0 {
            let text = format!("+QMTCONN: {index},{result}");
            self.result(Operation::Connect, index, 0, false, &text);
        } else if result != 0 {
            self.lose(index, StatCode::CONNACK_FAILED);
            return self.connect_result(index, format_args!("{result}"));
        }
        self.connect_result(index, format_args!("0,{code}"));
        if code != 0 {
            self.lose(index, StatCode::CONNACK_FAILED);
        }
    }

    /// The network, or the PDP context, is gone.
    pub(super) fn lose_every_connection(&mut self, parting: Parting) {
        for index in self.indices() {
            if let Some(connection) = self.client(index).connection() {
                self.actions.push_back(parting.of(connection));
            }
            match self.client(index).link {
                Link::Closed => {}
                Link::Opening { .. } => self.open_failed(index, Failure::NetworkDown),
                Link::Open { .. } => self.lose(index, StatCode::LINK_DOWN),
            }
        }
    }

    /// Ends a connection, and has `+QMTSTAT` say why (M95 note 4.1.1; BC660K-GL note 5.1).
    pub(super) fn lose(&mut self, index: ClientIndex, code: StatCode) {
        if let Link::Open {
            leaving: Leaving::Closing(_),
            connection,
            ..
        } = self.client(index).link
        {
            // The host has asked for the end: `finish_close` tells it.
            self.actions.push_back(Action::Close { connection });
            return;
        }
        self.close(index);
        self.stat(index, code);
    }

    /// Finishes a `QMTCLOSE`.
    pub(super) fn finish_close(&mut self, index: ClientIndex) {
        let code = self.faults.code(Fault::CloseResult).unwrap_or(CloseResult::CLOSED.0);
        let text = format!("+QMTCLOSE: {index},{code}");
        self.result(Operation::Close, index, 0, true, &text);
        if code == CloseResult::CLOSED.0 {
            self.close(index);
        } else {
            self.client_mut(index).leave(Leaving::No);
        }
    }

    /// Forgets a connection. Commands whose `OK` has been held back get it now, because their result will not come.
    pub(super) fn close(&mut self, index: ClientIndex) {
        if let Some(connection) = self.client(index).connection() {
            self.actions.push_back(Action::Close { connection });
        }
        self.client_mut(index).remember();
        self.client_mut(index).link = Link::Closed;
        for _ in self.late_oks.extract_if(.., |late| late.client == index) {
            self.terminal.late_ok();
        }
    }
}
