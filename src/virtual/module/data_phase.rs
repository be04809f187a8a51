//! The data phase of a publish: what comes in after the prompt is payload.

use std::time::Instant;

use modemqtt_at::ascii::{CTRL_Z, ESC};
use modemqtt_at::dialect::Dialect;

use super::operations::Publication;
use super::{Module, Next};
use crate::fault::Fault;

/// A payload on its way in.
#[derive(Debug)]
pub(super) struct Data {
    publication: Publication,
    end: End,
    payload: Vec<u8>,
    last_byte: Instant,
}

/// How the payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With Ctrl-Z, or ESC, which discards it. What is over the limit is dropped (M95 note 5.1; BC660K-GL note 3.3.8, note 2).
    CtrlZ,
    /// With so many bytes, whatever they are.
    Count(usize),
}

impl Data {
    /// When the module gives up waiting.
    pub(super) fn due(&self, dialect: &Dialect) -> Option<Instant> {
        dialect.data_idle.map(|idle| self.last_byte + idle)
    }
}

impl Module {
    pub(super) fn begin_data(&mut self, publication: Publication, end: End, now: Instant) -> Next {
        let prompt: &[u8] = if self.faults.has(Fault::PromptCrlf) {
            b"\r\n>\r\n"
        } else {
            b"\r\n> "
        };
        self.terminal.print(prompt);
        self.data = Some(Data {
            publication,
            end,
            payload: Vec::new(),
            last_byte: now,
        });
        if end == End::Count(0) {
            self.complete_data(now);
        }
        Next::Data
    }

    pub(super) fn receive_data(&mut self, byte: u8, now: Instant) {
        let limit = self.dialect.payload;
        let Some(data) = &mut self.data else { return };
        data.last_byte = now;
        match (data.end, byte) {
            (End::CtrlZ, CTRL_Z) => self.complete_data(now),
            (End::CtrlZ, ESC) => {
                self.data = None;
                self.terminal.ok();
            }
            (End::CtrlZ, _) => {
                if data.payload.len() < limit {
                    data.payload.push(byte);
                }
                self.terminal.echo(byte);
            }
            (End::Count(count), _) => {
                data.payload.push(byte);
                let complete = data.payload.len() >= count;
                self.terminal.echo(byte);
                if complete {
                    self.complete_data(now);
                }
            }
        }
    }

    /// BC660K-GL note 3.3.8, note 5. A sibling of the module prints `Timeout` and `OK` then.
    pub(super) fn expire_data(&mut self, now: Instant) {
        let due = self.data.as_ref().and_then(|data| data.due(self.dialect));
        if due.is_some_and(|due| due <= now) {
            self.data = None;
            self.terminal.information(&["Timeout"]);
            self.terminal.ok();
        }
    }

    fn complete_data(&mut self, now: Instant) {
        let Some(data) = self.data.take() else { return };
        match self.publish(&data.publication, data.payload, now) {
            Ok(Next::LateOk) => {}
            Ok(_) => self.terminal.ok(),
            Err(refusal) => self.terminal.refuse(refusal),
        }
    }
}
