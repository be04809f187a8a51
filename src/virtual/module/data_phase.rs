//! What the host's bytes are to the module, and the data phase: after the prompt they are the payload of a publish, a will or a file.
//!
//! | intake | what a byte is | what ends it |
//! |---|---|---|
//! | `Commands` | part of a command line | a command that asks for data |
//! | `Data` | part of the payload | its last byte, Ctrl-Z, ESC or silence, as [`End`] and [`Idle`] say |
//! | `Surplus` | dropped: the payload was counted, and is complete | CR or Ctrl-Z, or whatever the module prints next |

use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::ascii::{CTRL_Z, ESC};
use modemqtt_at::dialect::{DataIdle, Refusal};
use modemqtt_os::Moment;

use super::files::Writing;
use super::publish::Publication;
use super::{Module, Next, hex};
use crate::command_line::Checked;
use crate::fault::Fault;

/// The table above.
#[derive(Debug, Default)]
pub(super) enum Intake {
    #[default]
    Commands,
    Data(Data),
    Surplus,
}

impl Intake {
    /// The payload on its way in.
    pub(super) const fn data(&self) -> Option<&Data> {
        match self {
            Self::Data(data) => Some(data),
            Self::Commands | Self::Surplus => None,
        }
    }

    /// Ends the data phase if it is the one that is meant.
    fn take_data(&mut self, is_meant: impl FnOnce(&Data) -> bool) -> Option<Data> {
        match std::mem::take(self) {
            Self::Data(data) if is_meant(&data) => Some(data),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The module has printed something after the payload: what comes next is a command line.
    pub(super) fn end_surplus(&mut self) {
        if matches!(self, Self::Surplus) {
            *self = Self::Commands;
        }
    }
}

/// A payload on its way in.
#[derive(Debug)]
pub(super) struct Data {
    purpose: Purpose,
    end: End,
    /// Whether each byte comes as two hexadecimal digits.
    hex: bool,
    echo: bool,
    idle: Option<Idle>,
    bytes: Vec<u8>,
    last_byte: Moment,
}

/// What the payload is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A message.
    Publish(Publication),
    /// The will of a client: `willex`.
    Will(ClientIndex, Checked),
    /// A file.
    File(Writing),
    /// The credential with this name.
    Credential(String),
    /// A script, which decides what comes after it.
    Nothing,
}

/// How the payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With Ctrl-Z, or ESC, which discards it. Bytes beyond this many are dropped (M95 note 5.1; BC660K-GL note 3.3.8, note 2).
    CtrlZ(usize),
    /// After this many bytes, whatever they are. What follows does not belong to it.
    Count(usize),
}

/// How long the line may be silent, and what happens then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Idle {
    /// A report and `OK`, as the row has it.
    Cancel(DataIdle),
    /// `ERROR`: EG800Q&EG91xQ note 3.3.1, `edit/timeout`.
    Fail(Duration),
    /// What has come is kept; some families report an error all the same (logs of M95 and EG800K).
    Keep(Duration, Option<Refusal>),
}

impl Data {
    /// When the module gives up waiting.
    pub(super) fn due(&self) -> Option<Moment> {
        let after = match self.idle? {
            Idle::Cancel(idle) => idle.after,
            Idle::Fail(after) | Idle::Keep(after, _) => after,
        };
        Some(self.last_byte + after)
    }

    /// A data phase that has nothing to do with a client.
    pub(super) const fn raw(purpose: Purpose, end: End, echo: bool, idle: Option<Idle>, now: Moment) -> Self {
        Self {
            purpose,
            end,
            hex: false,
            echo,
            idle,
            bytes: Vec::new(),
            last_byte: now,
        }
    }
}

impl Module {
    /// Asks for data. While the client sends digits, two of them make one byte.
    pub(super) fn begin_data(&mut self, purpose: Purpose, end: End, now: Moment) -> Next {
        self.terminal.prompt();
        let (hex, idle, client) = match &purpose {
            Purpose::Publish(publication) => {
                let settings = &self.client(publication.client).settings;
                let idle = self.dialect.data_idle.map(Idle::Cancel);
                let idle = settings.edit_timeout().map(Idle::Fail).or(idle);
                (settings.sends_hex(), idle, publication.client)
            }
            Purpose::Will(client, _) => (false, None, *client),
            Purpose::File(_) | Purpose::Credential(_) | Purpose::Nothing => (false, None, ClientIndex(0)),
        };
        let digits = if hex { 2 } else { 1 };
        let end = match end {
            End::CtrlZ(most) => End::CtrlZ(most * digits),
            End::Count(count) => End::Count(count * digits),
        };
        let echo = self.client(client).settings.echoes_data().unwrap_or(self.terminal.echo)
            || self.faults.strikes(Fault::DataEcho);
        self.intake = Intake::Data(Data {
            hex,
            ..Data::raw(purpose, end, echo, idle, now)
        });
        if end == End::Count(0) {
            self.complete_data(now);
        }
        Next::Data
    }

    pub(super) fn receive_data(&mut self, byte: u8, now: Moment) {
        let Intake::Data(data) = &mut self.intake else { return };
        data.last_byte = now;
        match (data.end, byte) {
            (End::CtrlZ(_), CTRL_Z) => return self.complete_data(now),
            (End::CtrlZ(_), ESC) => {
                let by_script = matches!(data.purpose, Purpose::Nothing);
                self.intake = Intake::Commands;
                if !by_script {
                    self.terminal.ok();
                }
                return;
            }
            (End::CtrlZ(most), _) if data.bytes.len() >= most => {}
            _ => data.bytes.push(byte),
        }
        let complete = matches!(data.end, End::Count(count) if data.bytes.len() >= count);
        let (piece, count) = match &data.purpose {
            Purpose::File(writing) => (writing.acknowledged(), data.bytes.len()),
            _ => (None, 0),
        };
        if data.echo {
            self.terminal.echo_data(byte);
        }
        self.acknowledge_piece(piece, count);
        if complete {
            self.complete_data(now);
            self.intake = Intake::Surplus;
        }
    }

    pub(super) fn expire_data(&mut self, now: Moment) {
        let is_due = |data: &Data| data.due().is_some_and(|due| due <= now);
        let Some(data) = self.intake.take_data(is_due) else {
            return;
        };
        match (data.idle, data.purpose) {
            (Some(Idle::Fail(_)), _) => self.terminal.refuse(Refusal::Error),
            (Some(Idle::Cancel(idle)), _) => {
                self.terminal.information(&[idle.report]);
                self.terminal.ok();
            }
            (Some(Idle::Keep(_, late)), Purpose::File(writing)) => {
                self.store(writing, data.bytes);
                match late {
                    None => self.terminal.ok(),
                    Some(refusal) => self.terminal.refuse(refusal),
                }
            }
            (Some(Idle::Keep(..)) | None, _) => {}
        }
    }

    fn complete_data(&mut self, now: Moment) {
        let Some(data) = self.intake.take_data(|_| true) else {
            return;
        };
        match self.use_data(data, now) {
            Ok(Next::LateOk | Next::Answered) => {}
            Ok(_) => self.terminal.ok(),
            Err(refusal) => self.terminal.refuse(refusal),
        }
    }

    fn use_data(&mut self, data: Data, now: Moment) -> Result<Next, Refusal> {
        let payload = if data.hex {
            hex::decode(&data.bytes).ok_or(self.mqtt_refusal())?
        } else {
            data.bytes
        };
        match data.purpose {
            Purpose::Publish(publication) => self.publish(&publication, payload, now),
            Purpose::Will(client, checked) => self.set(&checked, client, payload),
            Purpose::File(writing) => {
                self.store(writing, payload);
                Ok(Next::Command)
            }
            Purpose::Nothing => Ok(Next::Answered),
            Purpose::Credential(name) => {
                self.keep_credential(name, payload);
                Ok(Next::Command)
            }
        }
    }
}
