//! What the read and test forms of the dialect's rows answer.

use modemqtt_at::codes::ConnectionState;
use modemqtt_at::{ClientIndex, Command};

use super::Module;
use super::client::Link;
use crate::broker::bridge::SessionPhase;
use crate::command_line::Checked;
use crate::fault::Fault;

impl Module {
    pub(super) fn read(&mut self, checked: &Checked) {
        let lines: Vec<String> = match (checked.row.command, checked.row.setting) {
            (_, Some(key)) => {
                let line = self.client(ClientIndex(checked.number(0))).settings.read(key);
                line.into_iter().collect()
            }
            (Command::Open, None) => self.indices().filter_map(|index| self.open_line(index)).collect(),
            (Command::Connect, None) => self.indices().filter_map(|index| self.state_line(index)).collect(),
            (Command::Receive, None) => self.store_lines(),
            (Command::Token, None) => self.token_line().into_iter().collect(),
            _ => Vec::new(),
        };
        self.inform(&lines);
    }

    /// Each line is a response of its own (BC660K-GL note 3.1.2).
    pub(super) fn inform(&mut self, lines: &[impl AsRef<[u8]>]) {
        for line in lines {
            self.terminal.information(&[line]);
        }
    }

    fn open_line(&self, index: ClientIndex) -> Option<String> {
        match &self.client(index).link {
            Link::Open { server, .. } => Some(format!("+QMTOPEN: {index},\"{}\",{}", server.host, server.port)),
            _ => None,
        }
    }

    fn state_line(&self, index: ClientIndex) -> Option<String> {
        let phase = self.client(index).session()?.phase();
        if let Some(code) = self.faults.code(Fault::StateCode) {
            return Some(format!("+QMTCONN: {index},{code}"));
        }
        let state = match phase {
            SessionPhase::Initial => ConnectionState::INITIALISING,
            SessionPhase::Connecting => ConnectionState::CONNECTING,
            SessionPhase::Connected => ConnectionState::CONNECTED,
            SessionPhase::Over => ConnectionState::DISCONNECTING,
        };
        Some(format!("+QMTCONN: {index},{}", state.0))
    }
}
