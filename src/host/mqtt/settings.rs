//! The settings of a client that affect the host: as the module has them, as the program wants them, and what changes
//! them.

use std::time::Duration;

use modemqtt_at::SettingKey;
use modemqtt_at::dialect::Dialect;

use crate::options::{self, Options};

/// How payloads are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Byte for byte.
    #[default]
    Text,
    /// In hexadecimal digits.
    Hex,
}

impl Format {
    /// The format that an option names.
    pub(super) fn of(hex: bool) -> Self {
        if hex { Self::Hex } else { Self::Text }
    }

    /// Whether it is hexadecimal.
    pub(crate) fn is_hex(self) -> bool {
        self == Self::Hex
    }
}

/// Whether `+QMTRECV` carries a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// As the module starts, or as it has reported.
    Assumed(bool),
    /// As the host set it.
    Set(bool),
}

impl Length {
    /// Whether it does.
    pub(crate) fn is_shown(self) -> bool {
        let (Self::Assumed(shown) | Self::Set(shown)) = self;
        shown
    }

    /// The same after the module has reported its setting.
    pub(super) fn told(self, shown: Option<bool>) -> Self {
        match self {
            Self::Assumed(known) => Self::Assumed(shown.unwrap_or(known)),
            Self::Set(known) => Self::Set(shown.unwrap_or(known)),
        }
    }
}

/// How an accepted `AT+QMTCFG` affects the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// `timeout`.
    Timeout {
        packet_timeout: u8,
        retries: u8,
        notice: bool,
    },
    /// Whether `+QMTRECV` carries a length.
    Length(bool),
    /// The same, and whether messages are kept in the module's buffer.
    ReceiveMode { buffered: bool, length: bool },
    /// The PDP context.
    PdpContext(u8),
    /// How payloads are sent.
    SendMode(Format),
    /// How payloads are sent and received.
    Formats { send: Format, receive: Format },
}

/// The settings that decide how long the host waits and how it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Seconds until the module sends a packet again.
    pub(crate) packet_timeout: u8,
    /// How often the module sends it again.
    pub(crate) retries: u8,
    /// Whether the module reports that.
    pub(crate) timeout_notice: bool,
    pub(crate) length: Length,
    /// Whether messages are kept in the module's buffer.
    pub(crate) buffered: bool,
    /// How payloads are sent.
    pub(crate) send: Format,
    /// How payloads are received.
    pub(crate) receive: Format,
    /// The PDP context of its connection.
    pub(crate) pdp_context: u8,
}

impl Settings {
    pub(super) fn defaults(dialect: &Dialect) -> Self {
        let timeout = dialect.defaults(SettingKey::TIMEOUT);
        let number = |at: usize| timeout.get(at).and_then(|value| u8::try_from(*value).ok());
        Self {
            packet_timeout: number(0).unwrap_or(60),
            retries: number(1).unwrap_or(10),
            timeout_notice: number(2) == Some(1),
            // Every dialect starts without lengths, in text, and reports messages as they come.
            length: Length::Assumed(false),
            buffered: false,
            send: Format::Text,
            receive: Format::Text,
            pdp_context: dialect
                .defaults(SettingKey::PDP_CONTEXT)
                .first()
                .and_then(|value| u8::try_from(*value).ok())
                .unwrap_or(1),
        }
    }

    /// Takes over a setting that the module has accepted.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Timeout {
                packet_timeout,
                retries,
                notice,
            } => {
                self.packet_timeout = packet_timeout;
                self.retries = retries;
                self.timeout_notice = notice;
            }
            Change::PdpContext(context) => self.pdp_context = context,
            Change::SendMode(send) => self.send = send,
            Change::Length(shown) => self.length = Length::Set(shown),
            Change::ReceiveMode { buffered, length } => {
                self.buffered = buffered;
                self.length = Length::Set(length);
            }
            Change::Formats { send, receive } => {
                self.send = send;
                self.receive = receive;
            }
        }
    }

    /// `<pkt_timeout>` × (`<retry_times>` + 1).
    pub(crate) fn delivery(self) -> Duration {
        Duration::from_secs(u64::from(self.packet_timeout) * (u64::from(self.retries) + 1))
    }

    /// Takes over what `AT+QMTCFG="<key>",<client>` printed; illegible values change nothing.
    pub(crate) fn read_back(&mut self, dialect: &Dialect, key: SettingKey, values: &str) {
        let mut told = Options::default();
        options::read_setting(dialect, key, values, &mut told);
        self.packet_timeout = told.packet_timeout.unwrap_or(self.packet_timeout);
        self.retries = told.retries.unwrap_or(self.retries);
        self.timeout_notice = told.timeout_notice.unwrap_or(self.timeout_notice);
        self.length = self.length.told(told.show_length);
        self.buffered = told.buffered.unwrap_or(self.buffered);
        self.send = told.send_mode_hex.or(told.send_hex).map_or(self.send, Format::of);
        self.receive = told.receive_hex.map_or(self.receive, Format::of);
    }
}

/// The settings that the program wants for how bytes are written and read, whatever the module has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether `+QMTRECV` carries a length; `None` where the program has not said.
    pub(crate) length_shown: Option<bool>,
    /// Whether messages are kept in the module's buffer.
    pub(crate) buffered: bool,
    /// How payloads are sent.
    pub(crate) send: Format,
    /// How payloads are received.
    pub(crate) receive: Format,
}

impl Wanted {
    /// Takes over what the program has set, once the module has accepted it.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Length(shown) => self.length_shown = Some(shown),
            Change::ReceiveMode { buffered, length } => {
                self.buffered = buffered;
                self.length_shown = Some(length);
            }
            Change::SendMode(send) => self.send = send,
            Change::Formats { send, receive } => {
                self.send = send;
                self.receive = receive;
            }
            Change::Timeout { .. } | Change::PdpContext(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use modemqtt_at::dialect;

    use super::*;

    #[test]
    fn a_wait_is_never_shorter_than_the_retransmissions() {
        let (bc660k, _) = dialect::of_model("BC660K-GL").unwrap();
        let mut settings = Settings::defaults(bc660k);
        assert_eq!(settings.delivery(), Duration::from_secs(30));
        settings.read_back(bc660k, SettingKey::TIMEOUT, "5, 3,1");
        assert_eq!(settings.delivery(), Duration::from_secs(20));
        settings.read_back(bc660k, SettingKey::TIMEOUT, "garbage");
        assert_eq!(settings.delivery(), Duration::from_secs(20));
    }
}
