//! The settings of one client: what `QMTCFG` sets and reads. None survives a restart.
//!
//! Each key reads back what was set by it. Where two keys are about the same thing, the one that was set last holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use modemqtt_at::dialect::{Dialect, Flag, ReadBack, ReceiveLength, Row};
use modemqtt_at::{Form, SettingKey, Version};

use crate::broker::bridge::Patience;
use crate::broker::wire::{LastWill, QoS, TopicName};
use crate::command_line::{Argument, Checked};

/// The values of each key, in the order of its row, without the client index.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    dialect: &'static Dialect,
    values: BTreeMap<SettingKey, Vec<Argument>>,
    /// Which of `will` and `willex` was set last.
    will: SettingKey,
    /// What `willex` was given behind its prompt.
    will_message: Vec<u8>,
    /// Which of `dataformat` and `send/mode` was set last.
    sending: SettingKey,
    /// Whether `version` has been set.
    has_version: bool,
    /// Whether data is echoed, by `echo_mode` or `view/mode` if one has been set.
    data_echo: Option<bool>,
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
        Self {
            dialect,
            values,
            will: SettingKey::WILL,
            will_message: Vec::new(),
            sending: SettingKey::DATA_FORMAT,
            has_version: false,
            data_echo: None,
        }
    }

    /// Takes the values of a set command that [`agrees`] has accepted, and the payload if the row has a data phase.
    pub(super) fn set(&mut self, key: SettingKey, checked: &Checked, payload: Vec<u8>) {
        let given = checked.arguments.get(1..).unwrap_or_default();
        let current = self.values.entry(key).or_default();
        if is_partial(checked.row, given) {
            // What is not given keeps its value (BC660K-GL note 3.1.1).
            for (value, given) in current.iter_mut().zip(given) {
                if *given != Argument::Omitted {
                    value.clone_from(given);
                }
            }
        } else {
            *current = given.to_vec();
        }
        if current.first() == Some(&Argument::Integer(1)) {
            // Only one value works for a parameter that is left out, and it is also the default (BC660K-GL note 3.3.1, `ssl`).
            let missing = checked.row.only.iter().filter(|(position, _)| *position > given.len());
            current.extend(missing.map(|(_, value)| Argument::Integer(*value)));
        }
        match key {
            SettingKey::WILL | SettingKey::WILL_EXACT => {
                self.will = key;
                self.will_message = payload;
            }
            SettingKey::DATA_FORMAT | SettingKey::SEND_MODE => self.sending = key,
            SettingKey::VERSION => self.has_version = true,
            SettingKey::ECHO_DATA | SettingKey::VIEW_MODE => self.data_echo = Some(checked.integer(1) == 1),
            _ => {}
        }
    }

    /// The line that answers a read command; `None` if there is no value yet.
    pub(super) fn read(&self, key: SettingKey) -> Option<String> {
        let values = self.of(key);
        if values.is_empty() {
            return None;
        }
        let mut line = String::from("+QMTCFG: ");
        if self.dialect.read_back == ReadBack::KeyThenValues {
            let _ = write!(line, "\"{}\",", key.name());
        }
        for (position, value) in values.iter().enumerate() {
            let separator = if position == 0 { "" } else { "," };
            let _ = match value {
                Argument::Integer(number) => write!(line, "{separator}{number}"),
                Argument::Text(text) => write!(line, "{separator}\"{text}\""),
                Argument::Payload(_) | Argument::Omitted => Ok(()),
            };
        }
        Some(line)
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            timeout: Duration::from_secs(self.number(SettingKey::TIMEOUT, 0)),
            retries: self.number(SettingKey::TIMEOUT, 1),
        }
    }

    pub(super) fn timeout_notice(&self) -> bool {
        self.flag(SettingKey::TIMEOUT, 2)
    }

    pub(super) fn clean_session(&self) -> bool {
        self.flag(SettingKey::SESSION, 0)
    }

    pub(super) fn keep_alive(&self) -> u16 {
        self.number(SettingKey::KEEP_ALIVE, 0)
    }

    /// How long a PINGREQ may stay unanswered: `qmtping`, or as long as any packet.
    pub(super) fn ping_timeout(&self) -> Duration {
        match self.number(SettingKey::PING_INTERVAL, 0) {
            0 => self.patience().timeout,
            seconds => Duration::from_secs(seconds),
        }
    }

    pub(super) const fn has_version(&self) -> bool {
        self.has_version
    }

    pub(super) fn version(&self) -> Version {
        let code: i64 = self.number(SettingKey::VERSION, 0);
        let found = self.dialect.versions.iter().find(|(_, other)| *other == code);
        found.map_or(self.dialect.default_version, |(version, _)| *version)
    }

    /// The TLS context; `None` if connections are plain.
    pub(super) fn tls(&self) -> Option<u8> {
        self.flag(SettingKey::TLS, 0).then(|| self.number(SettingKey::TLS, 1))
    }

    /// Whether `+QMTRECV` carries the length of the payload.
    pub(super) fn shows_length(&self) -> bool {
        match self.dialect.receive.length {
            ReceiveLength::Never => false,
            ReceiveLength::Switchable { key, value } => self.flag(key, value),
        }
    }

    /// Whether received messages go into the buffer, and how many of them it holds.
    pub(super) fn slots(&self) -> Option<usize> {
        let buffer = self.dialect.buffer.filter(|buffer| self.flag(buffer.key, 0))?;
        Some(buffer.slots)
    }

    pub(super) fn sends_hex(&self) -> bool {
        self.flag(self.sending, 0)
    }

    pub(super) fn receives_hex(&self) -> bool {
        self.flag(SettingKey::DATA_FORMAT, 1)
    }

    /// The most bytes that one publish carries.
    pub(super) fn payload(&self) -> usize {
        let hex = self.dialect.hex_payload.filter(|_| self.sends_hex());
        hex.unwrap_or(self.dialect.payload)
    }

    /// Whether the data phase is echoed; `None` if `ATE` decides.
    pub(super) const fn echoes_data(&self) -> Option<bool> {
        self.data_echo
    }

    /// How long the data phase of a publish may be idle.
    pub(super) fn edit_timeout(&self) -> Option<Duration> {
        /// The upper end of the range, in seconds; the note has no default.
        const LONGEST_IDLE: u64 = 180;
        let enabled = self.flag(SettingKey::EDIT_TIMEOUT, 0);
        let given = Some(self.number(SettingKey::EDIT_TIMEOUT, 1)).filter(|seconds| *seconds > 0);
        enabled.then(|| Duration::from_secs(given.unwrap_or(LONGEST_IDLE)))
    }

    pub(super) fn will(&self) -> Option<LastWill> {
        let [
            _,
            Argument::Integer(qos),
            Argument::Integer(retain),
            Argument::Text(topic),
            message,
        ] = self.of(self.will)
        else {
            return None;
        };
        let message = match message {
            Argument::Text(message) => message.clone().into_bytes(),
            _ => self.will_message.clone(),
        };
        let qos = QoS::from_u8(u8::try_from(*qos).ok()?).ok()?;
        let topic = TopicName::try_from(topic.as_str()).ok()?;
        let mut will = LastWill::new(qos, topic, message.into());
        will.retain = *retain == 1;
        Some(will)
    }

    /// User name and password, made from the device's credentials for a cloud. A stand-in: the clouds ask for signatures, which a module
    /// computes and our broker could not check.
    pub(super) fn device(&self) -> Option<(String, String)> {
        match (self.of(SettingKey::ALIBABA), self.of(SettingKey::ONE_NET)) {
            ([Argument::Text(product), Argument::Text(device), Argument::Text(secret)], _) => {
                Some((format!("{device}&{product}"), secret.clone()))
            }
            (_, [Argument::Text(product), Argument::Text(key)]) => Some((product.clone(), key.clone())),
            _ => None,
        }
    }

    fn of(&self, key: SettingKey) -> &[Argument] {
        self.values.get(&key).map_or(&[], Vec::as_slice)
    }

    fn flag(&self, key: SettingKey, position: usize) -> bool {
        self.number::<u8>(key, position) == 1
    }

    fn number<T: TryFrom<i64> + Default>(&self, key: SettingKey, position: usize) -> T {
        match self.of(key).get(position) {
            Some(Argument::Integer(number)) => T::try_from(*number).unwrap_or_default(),
            _ => T::default(),
        }
    }
}

/// Whether the values of a set command agree with one another and are all supported.
pub(super) fn agrees(checked: &Checked) -> bool {
    let row = checked.row;
    let given = checked.arguments.len();
    let all = row.parameters.len();
    let complete = match (row.flag, checked.integer(1)) {
        (Flag::Free, _) | (Flag::Complete, 0) => true,
        (Flag::Complete | Flag::Whole, 1) => given == all,
        (Flag::Whole, _) => given == 2,
        (Flag::Complete, _) => false,
    };
    let works = |(position, value): &(usize, i64)| match checked.arguments.get(*position) {
        Some(Argument::Integer(number)) => number == value,
        _ => true,
    };
    let is_will = matches!(row.setting, Some(SettingKey::WILL | SettingKey::WILL_EXACT));
    let topic = !(is_will && TopicName::is_invalid(checked.text(4)));
    complete && topic && row.only.iter().all(works)
}

/// Whether a set command leaves out optional values.
fn is_partial(row: &Row, given: &[Argument]) -> bool {
    row.defaults.len() + 1 == row.parameters.len()
        && (given.len() < row.defaults.len() || given.contains(&Argument::Omitted))
}
