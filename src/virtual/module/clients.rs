//! The clients' connections: what the brokers and time do to them.

use std::time::Instant;

use modemqtt_at::codes::{OpenResult, PacketResult, StatCode};
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, Command, Form, Operation};

use super::messages::{Message, Store};
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
        store: Store,
        /// After DISCONNECT the server closes the connection; the client does it when the server has not by then.
        leaves: Option<Instant>,
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

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.link {
            Link::Closed => None,
            Link::Opening { due, .. } => Some(*due),
            Link::Open { session, leaves, .. } => session.next_timeout().into_iter().chain(*leaves).min(),
        }
    }

    /// Closes the connection then, if it has not been closed by the server.
    pub(super) const fn leave_by(&mut self, due: Instant) {
        if let Link::Open { leaves, .. } = &mut self.link {
            *leaves = Some(due);
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
                Link::Open { leaves: Some(due), .. } => {
                    if *due <= now {
                        self.lose(index, StatCode::SERVER_CLOSED);
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
    /// The network, or the PDP context, is gone.
    pub(super) fn lose_every_connection(&mut self) {
        for index in self.indices() {
            match self.client(index).link {
                Link::Closed => {}
                Link::Opening { .. } => self.open_failed(index, Failure::NetworkDown),
                Link::Open { .. } => self.lose(index, StatCode::LINK_DOWN),
            }
        }
    }

    pub(super) fn lose(&mut self, index: ClientIndex, code: StatCode) {
        self.close(index);
        self.stat(index, code);
    }

    /// Forgets a connection. Publishes whose `OK` has been held back get it now, because their result will not come.
    pub(super) fn close(&mut self, index: ClientIndex) {
        if let Some(connection) = self.client(index).connection() {
            self.actions.push_back(Action::Close { connection });
        }
        self.client_mut(index).link = Link::Closed;
        for _ in self.late_oks.extract_if(.., |(client, _)| *client == index) {
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
                store: Store::default(),
                leaves: None,
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
            bridge::Event::Message { id, topic, payload } => self.message(index, Message { id, topic, payload }),
            bridge::Event::PingMissing => {
                // EG800Q&EG91xQ note 4.3; its only result is 1.
                if self.dialect.urcs.iter().any(|urc| urc.name == "QMTPING") {
                    self.terminal.urc(&format!("+QMTPING: {index},1"));
                }
                self.lose(index, StatCode::PING_FAILED);
            }
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
            let name = self.result_name(operation);
            self.terminal
                .urc(&format!("+{name}: {index},{id},{}{values}", result.0));
        }
        let last = result != PacketResult::RETRANSMISSION;
        if publish
            && last
            && let Some(at) = self.late_oks.iter().position(|late| *late == (index, id))
        {
            self.late_oks.remove(at);
            self.terminal.late_ok();
        }
    }

    /// The name that results of an operation bear: that of the command that starts it.
    fn result_name(&self, operation: Operation) -> &'static str {
        let mut rows = self.dialect.rows.iter().filter(|row| row.form == Form::Set);
        match rows.find(|row| Operation::of(row.command) == Some(operation)) {
            Some(row) if row.command == Command::PublishExact && self.faults.has(Fault::PublishExShortName) => {
                Command::Publish.name()
            }
            Some(row) => row.command.name(),
            None => operation.word(),
        }
    }

    fn stat(&mut self, index: ClientIndex, code: StatCode) {
        self.terminal.urc(&format!("+QMTSTAT: {index},{}", code.0));
    }
}
