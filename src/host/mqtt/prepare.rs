//! The settings that decide how bytes are written and read. A new session of the host does not reset the module:
//! another program may have left other settings, so an opening sets each one as this program wants it.

use modemqtt_at::dialect::ReceiveLength;
use modemqtt_at::{ClientIndex, Form, SettingKey};

use super::plan::{Planner, Steps};
use super::settings::{Change, Wanted};
use crate::error::Error;
use crate::job::Step;
use crate::writer::Argument;

/// Their keys, in the order in which they are set: of `dataformat` and `send/mode` the last one wins.
pub(super) const PREPARED: [SettingKey; 4] = [
    SettingKey::RECEIVE_MODE,
    SettingKey::SHOW_RECEIVE_LENGTH,
    SettingKey::DATA_FORMAT,
    SettingKey::SEND_MODE,
];

impl Planner {
    /// The steps that set those of these keys that the dialect has.
    pub(super) fn prepare(&self, client: ClientIndex, wanted: Wanted, keys: &[SettingKey]) -> Result<Steps, Error> {
        let known = |key: &&SettingKey| self.dialect.setting(**key, Form::Set).is_some();
        keys.iter()
            .filter(known)
            .map(|key| {
                let (values, change) = self.wanted(*key, wanted);
                let values: Vec<_> = values.iter().map(|on| Argument::Number((*on).into())).collect();
                Ok(Step {
                    change: Some(change),
                    ..self.set(*key, client, &values)?
                })
            })
            .collect()
    }

    /// The values of a key, and the changes they make.
    fn wanted(&self, key: SettingKey, wanted: Wanted) -> (Vec<bool>, Change) {
        // Only with a length can a payload contain every byte.
        let length = wanted.length_shown.unwrap_or(true);
        match key {
            SettingKey::RECEIVE_MODE => {
                let shows = matches!(self.dialect.receive.length, ReceiveLength::Switchable { key, .. } if key == SettingKey::RECEIVE_MODE);
                let length = length && shows;
                let buffered = wanted.buffered;
                (vec![buffered, length], Change::ReceiveMode { buffered, length })
            }
            SettingKey::SHOW_RECEIVE_LENGTH => (vec![length], Change::Length(length)),
            SettingKey::SEND_MODE => (vec![wanted.send.is_hex()], Change::SendMode(wanted.send)),
            _ => {
                let (send, receive) = (wanted.send, wanted.receive);
                (vec![send.is_hex(), receive.is_hex()], Change::Formats { send, receive })
            }
        }
    }
}
