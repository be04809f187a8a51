//! The clients' connections: what the brokers and time do to them.

use std::time::Instant;

use modemqtt_at::codes::{OpenResult, PacketResult, StatCode};
use modemqtt_at::dialect::{Dialect, ReceiveLength};
use modemqtt_at::{ClientIndex, Operation};

use super::settings::Settings;
use super::{Action, ConnectionId, Event, Failure, Module};
use crate::broker::bridge::{self, Phase, Session};
use crate::fault::Fault;

/// The largest packet taken from a broker; a module has less memory, but no note gives a figure.
const PACKET_LIMIT: usize = 256 * 1024;

/// One MQTT client of the module.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: Settings,
    pub(super) link: Link,
}

/// Its network connection.
#[derive(Debug)]
pub(super) enum Link {
    Closed,
    Opening {
        connection: ConnectionId,
        server: Server,
        due: Instant,
    },
    Open {
        connection: ConnectionId,
        server: Server,
        session: Box<Session>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Client {
    pub(super) fn new(dialect: &'static Dialect) -> Self {
        Self {
            settings: Settings::new(dialect),
            link: Link::Closed,
        }
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match &self.link {
            Link::Closed => None,
            Link::Opening { connection, .. } | Link::Open { connection, .. } => Some(*connection),
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match &self.link {
            Link::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.link {
            Link::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.link {
            Link::Closed => None,
            Link::Opening { due, .. } => Some(*due),
            Link::Open { session, .. } => session.next_timeout(),
        }
    }
}

impl Module {
    pub(super) fn handle_connection(&mut self, index: ClientIndex, event: Event<'_>, now: Instant) {
        match event {
            Event::Connected => self.opened(index, now),
            Event::Failed(failure) => self.open_failed(index, failure),
            Event::Data(bytes) => {
                if let Some(session) = self.client_mut(index).session_mut() {
                    session.receive(bytes, now);
                }
                self.follow(index);
            }
            Event::Closed => match self.client(index).session().map(Session::phase) {
                None => self.open_failed(index, Failure::Unreachable),
                Some(Phase::Over) => self.lose(index, StatCode::SERVER_CLOSED),
                Some(_) => self.lose(index, StatCode::PEER_CLOSED),
            },
        }
    }

    pub(super) fn tick_clients(&mut self, now: Instant) {
        for index in self.indices() {
            match &mut self.client_mut(index).link {
                Link::Closed => {}
                Link::Opening { due, .. } => {
                    if *due <= now {
                        self.open_failed(index, Failure::Unreachable);
                    }
                }
                Link::Open { session, .. } => {
                    session.tick(now);
                    self.follow(index);
                }
            }
        }
    }

    /// Passes on what a session has to send and reports what it has to tell.
    pub(super) fn follow(&mut self, index: ClientIndex) {
        let client = self.client_mut(index);
        let (Some(connection), Some(session)) = (client.connection(), client.session_mut()) else {
            return;
        };
        let bytes = session.take_output();
        if !bytes.is_empty() {
            self.actions.push_back(Action::Send { connection, bytes });
        }
        while let Some(event) = self.client_mut(index).session_mut().and_then(Session::next_event) {
            self.report(index, event);
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
        };
        self.close(index);
        self.open_result(index, result);
    }

    pub(super) fn open_result(&mut self, index: ClientIndex, result: OpenResult) {
        self.terminal.urc(&format!("+QMTOPEN: {index},{}", result.0));
    }

    /// The connection is no more, for a reason that the host is told (M95 note 4.1.1; BC660K-GL note 5.1).
    pub(super) fn lose(&mut self, index: ClientIndex, code: StatCode) {
        self.close(index);
        self.stat(index, code);
    }

    /// Forgets a connection. A publish whose `OK` has been held back gets it now, because its result will not come.
    pub(super) fn close(&mut self, index: ClientIndex) {
        if let Some(connection) = self.client(index).connection() {
            self.actions.push_back(Action::Close { connection });
        }
        self.client_mut(index).link = Link::Closed;
        if self.late_ok.take_if(|(client, _)| *client == index).is_some() {
            self.terminal.late_ok();
        }
    }

    fn opened(&mut self, index: ClientIndex, now: Instant) {
        let client = self.client_mut(index);
        if let Link::Opening { connection, server, .. } = &client.link {
            client.link = Link::Open {
                connection: *connection,
                server: server.clone(),
                session: Box::new(Session::new(PACKET_LIMIT, now)),
            };
            self.open_result(index, OpenResult::OPENED);
        }
    }

    fn report(&mut self, index: ClientIndex, event: bridge::Event) {
        match event {
            bridge::Event::Connack(0) => self.terminal.urc(&format!("+QMTCONN: {index},0,0")),
            bridge::Event::Connack(code) => {
                self.terminal.urc(&format!("+QMTCONN: {index},0,{code}"));
                self.lose(index, StatCode::CONNACK_FAILED);
            }
            bridge::Event::ConnackMissing => {
                self.lose(index, StatCode::CONNACK_FAILED);
                self.terminal.urc(&format!("+QMTCONN: {index},2"));
            }
            bridge::Event::Acknowledged(operation, id, values) => {
                self.operation_result(index, operation, id, PacketResult::ACKNOWLEDGED, &values);
            }
            bridge::Event::Retransmitted(operation, id, times) => {
                if self.client(index).settings.timeout_notice() {
                    self.operation_result(index, operation, id, PacketResult::RETRANSMISSION, &[times]);
                }
            }
            bridge::Event::Failed(operation, id) => {
                self.operation_result::<u8>(index, operation, id, PacketResult::FAILED, &[]);
            }
            bridge::Event::Message { id, topic, payload } => self.message(index, id, &topic, &payload),
            bridge::Event::PingMissing => self.lose(index, StatCode::PING_FAILED),
            bridge::Event::Broken(_) => self.lose(index, StatCode::LINK_DOWN),
        }
    }

    fn operation_result<T: ToString>(
        &mut self,
        index: ClientIndex,
        operation: Operation,
        id: u16,
        result: PacketResult,
        values: &[T],
    ) {
        let values: String = values
            .iter()
            .flat_map(|value| [",".into(), value.to_string()])
            .collect();
        let publish = operation == Operation::Publish;
        if !(publish && self.faults.has(Fault::SilentPublish)) {
            let name = operation.command().name();
            self.terminal
                .urc(&format!("+{name}: {index},{id},{}{values}", result.0));
        }
        let last = result != PacketResult::RETRANSMISSION;
        if publish && last && self.late_ok.take_if(|late| *late == (index, id)).is_some() {
            self.terminal.late_ok();
        }
    }

    fn stat(&mut self, index: ClientIndex, code: StatCode) {
        self.terminal.urc(&format!("+QMTSTAT: {index},{}", code.0));
    }

    fn message(&mut self, index: ClientIndex, id: u16, topic: &str, payload: &[u8]) {
        let form = self.dialect.receive;
        let quote = |quoted: bool| if quoted { "\"" } else { "" };
        let around_topic = quote(form.topic_quoted && !self.faults.has(Fault::UrcTopicUnquoted));
        let around_payload = quote(form.payload_quoted || self.faults.has(Fault::UrcPayloadQuoted));
        let length = match form.length {
            ReceiveLength::Switchable(key) if self.client(index).settings.shows(key) => format!("{},", payload.len()),
            ReceiveLength::Switchable(_) | ReceiveLength::Never => String::new(),
        };
        let mut line =
            format!("\r\n+QMTRECV: {index},{id},{around_topic}{topic}{around_topic},{length}{around_payload}")
                .into_bytes();
        line.extend_from_slice(payload);
        line.extend_from_slice(around_payload.as_bytes());
        line.extend_from_slice(b"\r\n");
        self.terminal.message(line);
    }
}
