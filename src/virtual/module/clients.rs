//! The clients' connections: what the brokers and time do to them.

use std::fmt;
use std::time::Instant;

use modemqtt_at::codes::{CloseResult, ConnectionState, OpenResult, PacketResult, StatCode};
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, Command, Form, Operation};

use super::messages::{Message, Store};
use super::settings::Settings;
use super::{Action, ConnectionId, Event, Failure, Kind, LateOk, Module, Parting};
use crate::broker::bridge::{self, Memory, Phase, Session};
use crate::fault::Fault;

/// The largest packet taken from a broker; a module has less memory, but no note gives a figure.
const PACKET_LIMIT: usize = 256 * 1024;

/// One MQTT client of the module.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: Settings,
    pub(super) link: Link,
    kept: Option<Kept>,
}

/// What is left of a session that is not clean, for the next connection of the same client to the same server.
#[derive(Debug)]
struct Kept {
    server: Server,
    client_id: String,
    memory: Memory,
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
        /// That of its CONNECT.
        client_id: String,
        store: Store,
        /// After DISCONNECT the server closes the connection; the client does it when the server has not by then.
        leaves: Option<Instant>,
        /// Whether the host has asked for that with `QMTCLOSE`, and awaits its result.
        closing: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
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

    /// Has the session that is about to connect under that client id go on with what is left of a former one.
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

    fn remember(&mut self) {
        if let Link::Open {
            server,
            session,
            client_id,
            ..
        } = &self.link
            && session.phase() != Phase::Initial
        {
            self.kept = session.memory().map(|memory| Kept {
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
            // One that is on its way out sends nothing again.
            Link::Open { session, leaves, .. } => leaves.or_else(|| session.next_timeout()),
        }
    }

    /// Does not close the connection after all.
    pub(super) const fn stay(&mut self) {
        if let Link::Open { leaves, closing, .. } = &mut self.link {
            *leaves = None;
            *closing = false;
        }
    }

    /// Closes the connection then, if it has not been closed by the server.
    pub(super) const fn leave_by(&mut self, due: Instant, close: bool) {
        if let Link::Open { leaves, closing, .. } = &mut self.link {
            *leaves = Some(due);
            *closing = close;
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
                Link::Open {
                    leaves: Some(due),
                    closing,
                    ..
                } => match *closing {
                    _ if *due > now => {}
                    true => self.finish_close(index),
                    false => self.lose(index, StatCode::SERVER_CLOSED),
                },
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
            Failure::Handshake => OpenResult::FAILED,
        };
        self.open_result(index, result);
        self.close(index);
    }

    pub(super) fn open_result(&mut self, index: ClientIndex, result: OpenResult) {
        let other = self
            .faults
            .code(Fault::OpenResult)
            .filter(|code| *code != OpenResult::OPENED.0);
        let result = other.map_or(result, OpenResult);
        let text = format!("+QMTOPEN: {index},{}", result.0);
        self.result(Operation::Open, index, 0, true, &text);
    }

    /// The connection is no more, for a reason that the host is told (M95 note 4.1.1; BC660K-GL note 5.1).
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

    pub(super) fn lose(&mut self, index: ClientIndex, code: StatCode) {
        if let Link::Open {
            closing: true,
            connection,
            ..
        } = self.client(index).link
        {
            // The host has asked for the end, and is told when that is due.
            self.actions.push_back(Action::Close { connection });
            return;
        }
        self.close(index);
        self.stat(index, code);
    }

    /// Ends what `QMTCLOSE` has begun.
    pub(super) fn finish_close(&mut self, index: ClientIndex) {
        let code = self.faults.code(Fault::CloseResult).unwrap_or(CloseResult::CLOSED.0);
        let text = format!("+QMTCLOSE: {index},{code}");
        self.result(Operation::Close, index, 0, true, &text);
        if code == CloseResult::CLOSED.0 {
            self.close(index);
        } else {
            self.client_mut(index).stay();
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

    fn opened(&mut self, index: ClientIndex, now: Instant) {
        let client = self.client_mut(index);
        if let Link::Opening { connection, server, .. } = &client.link {
            client.link = Link::Open {
                connection: *connection,
                server: server.clone(),
                session: Box::new(Session::new(PACKET_LIMIT, now)),
                client_id: String::new(),
                store: Store::default(),
                leaves: None,
                closing: false,
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

    fn report(&mut self, index: ClientIndex, event: bridge::Event) {
        match event {
            bridge::Event::Connack(_) if self.faults.strikes(Fault::ConnectWithoutResult) => {
                self.lose(index, StatCode::PEER_CLOSED);
            }
            bridge::Event::Connack(0) if self.faults.strikes(Fault::ConnectTwoFields) => {
                self.connect_result(index, format_args!("{}", ConnectionState::CONNECTED.0));
            }
            bridge::Event::Connack(0) => self.connected(index),
            bridge::Event::Connack(code) => {
                self.connect_result(index, format_args!("0,{code}"));
                if self.faults.strikes(Fault::RefusedWithoutStat) {
                    self.close(index);
                } else {
                    self.lose(index, StatCode::CONNACK_FAILED);
                }
            }
            bridge::Event::ConnackMissing => {
                self.lose(index, StatCode::CONNACK_FAILED);
                self.connect_result(index, format_args!("2"));
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
                    self.terminal.urc(Kind::Urc, &format!("+QMTPING: {index},1"));
                }
                self.lose(index, StatCode::PING_FAILED);
            }
            bridge::Event::Broken(_) => self.lose(index, StatCode::LINK_DOWN),
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
        let name = self.result_name(operation);
        let other = self.faults.code(Fault::PacketResult).unwrap_or_default();
        let (result, values) = match PacketResult(other) {
            PacketResult::ACKNOWLEDGED => (result, values),
            _ if result == PacketResult::RETRANSMISSION => (result, values),
            PacketResult::RETRANSMISSION => {
                let text = format!("+{name}: {index},{id},{other},1");
                self.result(operation, index, id, false, &text);
                (result, values)
            }
            other => (other, String::new()),
        };
        let last = result != PacketResult::RETRANSMISSION;
        let text = format!("+{name}: {index},{id},{}{values}", result.0);
        self.result(operation, index, id, last, &text);
    }

    fn connect_result(&mut self, index: ClientIndex, values: fmt::Arguments<'_>) {
        let text = format!("+QMTCONN: {index},{values}");
        self.result(Operation::Connect, index, 0, true, &text);
    }

    /// Reports a result, with the `OK` of its command if that has been held back. After the last one no other comes.
    pub(super) fn result(&mut self, operation: Operation, client: ClientIndex, id: u16, last: bool, text: &str) {
        let awaits = |late: &LateOk| (late.operation, late.client, late.id) == (operation, client, id);
        let at = self.late_oks.iter().position(awaits).filter(|_| last);
        let late = at.map(|at| self.late_oks.remove(at));
        self.terminal.result(operation, text, late.map(LateOk::place));
    }

    /// Reports that an operation has come off.
    pub(super) fn succeed(&mut self, operation: Operation, command: Command, client: ClientIndex, id: u16) {
        let id_field = if operation.has_message_id() {
            format!("{id},")
        } else {
            String::new()
        };
        let text = format!("+{}: {client},{id_field}0", command.name());
        self.result(operation, client, id, true, &text);
    }

    /// The name that results of an operation bear: that of the command that starts it.
    fn result_name(&mut self, operation: Operation) -> &'static str {
        let mut rows = self.dialect.rows.iter().filter(|row| row.form == Form::Set);
        match rows.find(|row| Operation::of(row.command) == Some(operation)) {
            Some(row) if row.command == Command::PublishExact && self.faults.strikes(Fault::PublishExShortName) => {
                Command::Publish.name()
            }
            Some(row) => row.command.name(),
            None => operation.word(),
        }
    }

    fn stat(&mut self, index: ClientIndex, code: StatCode) {
        let other = self.faults.value(Fault::StatCode);
        let code = other.map_or_else(|| code.0.to_string(), |other| other.to_string());
        self.terminal.urc(Kind::Stat, &format!("+QMTSTAT: {index},{code}"));
    }
}
