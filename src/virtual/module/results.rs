//! The lines that report how an operation ended, and the `OK` that a fault holds back for one.

use std::fmt;

use modemqtt_at::codes::{OpenResult, PacketResult, StatCode};
use modemqtt_at::{ClientIndex, Command, Form, Operation};

use super::terminal::Side;
use super::{Module, PieceKind};
use crate::fault::Fault;

/// An `OK` that waits for the result of its command.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateOk {
    pub(super) operation: Operation,
    pub(super) client: ClientIndex,
    pub(super) id: u16,
    /// The result that holds it back.
    pub(super) by: Fault,
}

impl LateOk {
    pub(super) const fn place(self) -> Side {
        match self.by {
            Fault::ResultWithOk => Side::Before,
            _ => Side::Behind,
        }
    }
}

impl Module {
    pub(super) fn open_result(&mut self, index: ClientIndex, result: OpenResult) {
        let other = self
            .faults
            .code(Fault::OpenResult)
            .filter(|code| *code != OpenResult::OPENED.0);
        let result = other.map_or(result, OpenResult);
        let text = format!("+QMTOPEN: {index},{}", result.0);
        self.result(Operation::Open, index, 0, true, &text);
    }

    pub(super) fn connect_result(&mut self, index: ClientIndex, values: fmt::Arguments<'_>) {
        let text = format!("+QMTCONN: {index},{values}");
        self.result(Operation::Connect, index, 0, true, &text);
    }

    pub(super) fn operation_result<T: ToString>(
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

    /// Reports a result, and with the last one of an operation the `OK` of its command, if that has been held back.
    pub(super) fn result(&mut self, operation: Operation, client: ClientIndex, id: u16, last: bool, text: &str) {
        let awaits = |late: &LateOk| (late.operation, late.client, late.id) == (operation, client, id);
        let at = self.late_oks.iter().position(awaits).filter(|_| last);
        let late = at.map(|at| self.late_oks.remove(at));
        self.terminal.result(operation, text, late.map(LateOk::place));
    }

    /// Reports that an operation has succeeded.
    pub(super) fn succeed(&mut self, operation: Operation, command: Command, client: ClientIndex, id: u16) {
        let id_field = if operation.has_message_id() {
            format!("{id},")
        } else {
            String::new()
        };
        let text = format!("+{}: {client},{id_field}0", command.name());
        self.result(operation, client, id, true, &text);
    }

    /// The name in the results of an operation, which is that of its command.
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

    /// Queues `+QMTSTAT`.
    pub(super) fn stat(&mut self, index: ClientIndex, code: StatCode) {
        let other = self.faults.value(Fault::StatCode);
        let code = other.map_or_else(|| code.0.to_string(), |other| other.to_string());
        self.terminal.urc(PieceKind::Stat, &format!("+QMTSTAT: {index},{code}"));
    }
}
