//! The settings of one client: what `QMTCFG` sets and reads. None survives a restart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use modemqtt_at::dialect::{Dialect, ReadBack, Row};
use modemqtt_at::{Form, SettingKey, Version};

use crate::broker::bridge::Patience;
use crate::broker::wire::{LastWill, QoS, TopicName};
use crate::command_line::{Argument, Checked};

/// The values of each key, in the order of its row, without the client index.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    dialect: &'static Dialect,
    values: BTreeMap<SettingKey, Vec<Argument>>,
}

impl Settings {
    pub(super) fn new(dialect: &'static Dialect) -> Self {
        let rows = dialect.rows.iter().filter(|row| row.form == Form::Set);
        let values = rows
            .filter_map(|row| {
                Some((
                    row.setting?,
                    row.defaults.iter().copied().map(Argument::Integer).collect(),
                ))
            })
            .collect();
        Self { dialect, values }
    }

    /// Takes the values of a set command; `false` where they contradict one another.
    pub(super) fn set(&mut self, key: SettingKey, checked: &Checked) -> bool {
        let given = checked.arguments.get(1..).unwrap_or_default();
        if key == SettingKey::Will && !is_will(given) {
            return false;
        }
        let current = self.values.entry(key).or_default();
        if is_partial(checked.row, given) {
            // What is not given keeps its value (BC660K-GL note 3.1.1).
            current.splice(..given.len(), given.iter().cloned());
        } else {
            *current = given.to_vec();
        }
        true
    }

    /// The line that answers a read command.
    pub(super) fn read(&self, key: SettingKey) -> String {
        let mut line = String::from("+QMTCFG: ");
        if self.dialect.read_back == ReadBack::KeyThenValues {
            let _ = write!(line, "\"{}\",", key.name());
        }
        for (position, value) in self.of(key).iter().enumerate() {
            let separator = if position == 0 { "" } else { "," };
            let _ = match value {
                Argument::Integer(number) => write!(line, "{separator}{number}"),
                Argument::Text(text) => write!(line, "{separator}\"{text}\""),
                Argument::Payload(_) => Ok(()),
            };
        }
        line
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            timeout: Duration::from_secs(self.number(SettingKey::Timeout, 0)),
            retries: self.number(SettingKey::Timeout, 1),
        }
    }

    pub(super) fn timeout_notice(&self) -> bool {
        self.number::<u8>(SettingKey::Timeout, 2) == 1
    }

    pub(super) fn clean_session(&self) -> bool {
        self.number::<u8>(SettingKey::Session, 0) == 1
    }

    pub(super) fn keep_alive(&self) -> u16 {
        self.number(SettingKey::KeepAlive, 0)
    }

    pub(super) fn version(&self) -> Version {
        let code: i64 = self.number(SettingKey::Version, 0);
        let found = self.dialect.versions.iter().find(|(_, other)| *other == code);
        found.map_or(self.dialect.default_version, |(version, _)| *version)
    }

    pub(super) fn shows(&self, key: SettingKey) -> bool {
        self.number::<u8>(key, 0) == 1
    }

    pub(super) fn will(&self) -> Option<LastWill> {
        let [
            _,
            Argument::Integer(qos),
            Argument::Integer(retain),
            Argument::Text(topic),
            Argument::Text(message),
        ] = self.of(SettingKey::Will)
        else {
            return None;
        };
        let qos = QoS::from_u8(u8::try_from(*qos).ok()?).ok()?;
        let topic = TopicName::try_from(topic.as_str()).ok()?;
        let mut will = LastWill::new(qos, topic, message.clone().into_bytes().into());
        will.retain = *retain == 1;
        Some(will)
    }

    fn of(&self, key: SettingKey) -> &[Argument] {
        self.values.get(&key).map_or(&[], Vec::as_slice)
    }

    fn number<T: TryFrom<i64> + Default>(&self, key: SettingKey, position: usize) -> T {
        match self.of(key).get(position) {
            Some(Argument::Integer(number)) => T::try_from(*number).unwrap_or_default(),
            _ => T::default(),
        }
    }
}

/// Whether a set command leaves out values that it could have given.
fn is_partial(row: &Row, given: &[Argument]) -> bool {
    row.defaults.len() + 1 == row.parameters.len() && given.len() < row.defaults.len()
}

/// With flag 1 everything must be given, with flag 0 nothing (M95 note 3.2.1, note 1; BC660K-GL note 3.3.1, note 1).
fn is_will(given: &[Argument]) -> bool {
    match given {
        [Argument::Integer(flag)] => *flag == 0,
        [Argument::Integer(flag), _, _, Argument::Text(topic), _] => *flag == 1 && !TopicName::is_invalid(topic),
        _ => false,
    }
}
