//! From a command of the notes to its row: which form it is, and whether its parameters fit.

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::Refusal;
use modemqtt_at::{Command, Form};
use modemqtt_os::Moment;

use super::{Module, Next};
use crate::command_line::{Cursor, Refused, Suffix, Value, check, payload_position};
use crate::fault::Fault;

impl Module {
    pub(super) fn mqtt(
        &mut self,
        command: Command,
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
        now: Moment,
    ) -> Result<Next, Refusal> {
        let (form, values) = match suffix {
            Suffix::None => return Err(Refusal::Error),
            Suffix::Read => (Form::Read, Vec::new()),
            Suffix::Test => (Form::Test, Vec::new()),
            Suffix::Set => {
                let place = payload_position(self.dialect, command);
                let length = |given: &[Value]| self.inline_length(given).filter(|_| place == Some(given.len()));
                (Form::Set, cursor.parameters(length).map_err(|_| self.mqtt_refusal())?)
            }
        };
        self.look_behind(cursor);
        match check(self.dialect, command, form, values) {
            Ok(checked) => match self.faults.code(Fault::CmeCode) {
                Some(code) => Err(Refusal::Cme(CmeCode(code))),
                None if self.faults.has(Fault::CmsCode) => Err(Refusal::Error),
                None => self.carry_out(&checked, now),
            },
            Err(Refused::Unknown) => Err(Refusal::Error),
            Err(Refused::Parameter) => Err(self.mqtt_refusal()),
        }
    }

    /// Notes whether another command follows the one whose parameters have been read.
    pub(super) fn look_behind(&mut self, cursor: &Cursor<'_>) {
        self.has_more = !matches!(cursor.clone().next_head(), Ok(None));
    }

    /// Refuses a command that asks for data but is not the last of its line: the commands after it would have no answer.
    pub(super) const fn ends_its_line(&self) -> Result<(), Refusal> {
        if self.has_more {
            return Err(self.mqtt_refusal());
        }
        Ok(())
    }

    /// How many characters a payload in the command line has, by the client and the length before it.
    pub(super) fn inline_length(&self, given: &[Value]) -> Option<i64> {
        let (Some(Value::Integer(index)), Some(Value::Integer(length))) = (given.first(), given.last()) else {
            return None;
        };
        let client = usize::try_from(*index).ok().and_then(|index| self.clients.get(index));
        let digits = client.is_some_and(|client| client.settings.sends_hex());
        Some(if digits { length.saturating_mul(2) } else { *length })
    }
}
