//! The clients of the module, as the host knows them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, MessageId, SettingKey};

use crate::call::ClientState;
use crate::credentials::digest;
use crate::job::{Change, Stored};

/// The files that the session has put into the module, each with the length and the digest of its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(HashMap<String, (usize, u64)>);

impl Kept {
    /// Whether that content was put there under that name.
    pub(crate) fn holds(&self, name: &str, bytes: &[u8]) -> bool {
        self.0.get(name) == Some(&(bytes.len(), digest(bytes)))
    }

    /// From now on it is there, as the module has said; or not any longer.
    pub(crate) fn note(&mut self, stored: &Stored, present: bool) {
        let Some(name) = &stored.name else { return };
        if present {
            self.0.insert(name.clone(), (stored.size, stored.digest));
        } else {
            self.0.remove(name);
        }
    }
}

/// The settings that decide how long the host waits and how it reads.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent settings of the module"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Seconds until the module sends a packet again.
    pub(crate) packet_timeout: u8,
    /// How often it does.
    pub(crate) retries: u8,
    /// Whether it reports that.
    pub(crate) timeout_notice: bool,
    /// Whether `+QMTRECV` carries a length.
    pub(crate) length_shown: bool,
    /// Whether that was set, one way or the other.
    pub(crate) length_asked: bool,
    /// Whether messages are kept in the module's buffer.
    pub(crate) buffered: bool,
    /// Whether payloads are sent as hexadecimal digits.
    pub(crate) send_hex: bool,
    /// Whether payloads are received as hexadecimal digits.
    pub(crate) receive_hex: bool,
}

impl Settings {
    fn defaults(dialect: &Dialect) -> Self {
        let timeout = dialect.defaults(SettingKey::Timeout);
        let number = |at: usize| timeout.get(at).and_then(|value| u8::try_from(*value).ok());
        Self {
            packet_timeout: number(0).unwrap_or(60),
            retries: number(1).unwrap_or(10),
            timeout_notice: number(2) == Some(1),
            // Every dialect starts without, in text, and reports messages as they come.
            length_shown: false,
            length_asked: false,
            buffered: false,
            send_hex: false,
            receive_hex: false,
        }
    }

    /// Takes over what the module has accepted.
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
            Change::SendMode(hex) => self.send_hex = hex,
            Change::Length(shown) => {
                self.length_shown = shown;
                self.length_asked = true;
            }
            Change::ReceiveMode { buffered, length } => {
                self.buffered = buffered;
                self.length_shown = length;
                self.length_asked = true;
            }
            Change::Format { send_hex, receive_hex } => {
                self.send_hex = send_hex;
                self.receive_hex = receive_hex;
            }
        }
    }

    /// `<pkt_timeout>` × (`<retry_times>` + 1).
    pub(crate) fn delivery(self) -> Duration {
        Duration::from_secs(u64::from(self.packet_timeout) * (u64::from(self.retries) + 1))
    }

    /// Takes over what `AT+QMTCFG="timeout",<client>` has printed; values that are no numbers are left as they were.
    pub(crate) fn read_timeout(&mut self, values: &str) {
        let mut numbers = values.split(',').map(|value| value.trim().parse::<u8>().ok());
        if let Some(Some(packet_timeout)) = numbers.next() {
            self.packet_timeout = packet_timeout;
        }
        if let Some(Some(retries)) = numbers.next() {
            self.retries = retries;
        }
        if let Some(Some(notice)) = numbers.next() {
            self.timeout_notice = notice == 1;
        }
    }
}

/// One client of the module.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) state: ClientState,
    /// The state before the operation under way.
    pub(crate) before: ClientState,
    /// A `+QMTSTAT` that follows is the tail of something already reported: a refused CONNECT or a DISCONNECT.
    pub(crate) end_reported: bool,
    /// The slots of the module's buffer that hold a message, a bit each.
    pub(crate) unread: u32,
    /// Publishes that await their final result.
    pub(crate) in_flight: usize,
    last_id: u16,
    ids: HashSet<u16>,
}

impl Client {
    /// A message id that no operation under way has.
    pub(crate) fn take_id(&mut self) -> Option<MessageId> {
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.ids.insert(self.last_id) {
                return Some(MessageId(self.last_id));
            }
        }
        None
    }

    pub(crate) fn release_id(&mut self, id: MessageId) {
        self.ids.remove(&id.0);
    }

    pub(crate) fn slot_is_free(&mut self, slot: u8) {
        self.unread &= !(1 << slot);
    }
}

/// Every client of the module.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    each: Vec<Client>,
    pub(crate) kept: Kept,
}

impl Clients {
    pub(crate) fn of(dialect: &Dialect) -> Self {
        let client = || Client {
            settings: Settings::defaults(dialect),
            state: ClientState::Closed,
            before: ClientState::Closed,
            end_reported: false,
            unread: 0,
            in_flight: 0,
            last_id: 0,
            ids: HashSet::new(),
        };
        Self {
            each: (0..=dialect.last_client).map(|_| client()).collect(),
            kept: Kept::default(),
        }
    }

    /// The module has started: nothing is as it was, but files may outlast that, and the module is asked.
    pub(crate) fn start_anew(&mut self, dialect: &Dialect) {
        self.each = Self::of(dialect).each;
    }

    pub(crate) fn get(&mut self, index: ClientIndex) -> Option<&mut Client> {
        self.each.get_mut(usize::from(index.0))
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = ClientIndex> + use<> {
        (0..self.each.len()).filter_map(|index| u8::try_from(index).ok().map(ClientIndex))
    }
}

#[cfg(test)]
mod tests {
    use modemqtt_at::dialect;

    use super::*;

    #[test]
    fn message_ids_count_from_one_and_pass_over_those_in_use() {
        let (m95, _) = dialect::of_model("M95").unwrap();
        let mut clients = Clients::of(m95);
        let client = clients.get(ClientIndex(0)).unwrap();
        client.last_id = u16::MAX - 1;
        assert_eq!(client.take_id(), Some(MessageId(u16::MAX)));
        assert_eq!(client.take_id(), Some(MessageId(1)));
        client.last_id = u16::MAX;
        assert_eq!(client.take_id(), Some(MessageId(2)));
        client.release_id(MessageId(1));
        client.last_id = u16::MAX;
        assert_eq!(client.take_id(), Some(MessageId(1)));
    }

    #[test]
    fn a_wait_is_never_shorter_than_the_retransmissions() {
        let (bc660k, _) = dialect::of_model("BC660K-GL").unwrap();
        let mut settings = Settings::defaults(bc660k);
        assert_eq!(settings.delivery(), Duration::from_secs(30));
        settings.read_timeout("5, 3,1");
        assert_eq!(settings.delivery(), Duration::from_secs(20));
        settings.read_timeout("garbage");
        assert_eq!(settings.delivery(), Duration::from_secs(20));
    }
}
