//! The module's clients, as the host knows them.

use std::collections::{HashMap, HashSet};

use modemqtt_at::codes::StatCode;
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, MessageId};
use modemqtt_os::Moment;

use super::known_end::KnownEnd;
use super::settings::{Change, Settings, Wanted};
use crate::call::ClientState;
use crate::credentials::digest;
use crate::job::Stored;

/// The files that the session has put into the module, each with the length and digest of its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(HashMap<String, (usize, u64)>);

impl Kept {
    /// Whether this content was put there under this name.
    pub(crate) fn holds(&self, name: &str, bytes: &[u8]) -> bool {
        self.0.get(name) == Some(&(bytes.len(), digest(bytes)))
    }

    /// Notes whether the file is in the module, as the module has reported.
    pub(crate) fn note(&mut self, stored: &Stored, present: bool) {
        let Some(name) = &stored.name else { return };
        if present {
            self.0.insert(name.clone(), (stored.size, stored.digest));
        } else {
            self.0.remove(name);
        }
    }
}

/// A publish with QoS 0 has no message id: a result that comes after its publish was given up could be taken for that
/// of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Debt {
    /// Every result has come.
    #[default]
    None,
    /// One is still to come, and the next result will count as that one.
    Owed,
    /// One has come while the next publish waited, and may have been that publish's own.
    Paid,
}

/// Which spelling the module accepts for keys that have two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spelling {
    #[default]
    Untried,
    OfTheNote,
    Other,
}

/// Whether the PDP context of a client is suspected to be broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Context {
    #[default]
    Sound,
    /// A connection over it ended for a reason that a fresh context cures, and no opening has brought one up yet.
    Suspect,
}

impl Debt {
    /// A result without a message id has come. Returns whether it counts as that of a publish given up.
    pub(crate) fn pay(&mut self) -> bool {
        let owed = *self == Self::Owed;
        *self = if owed { Self::Paid } else { Self::None };
        owed
    }

    /// A publish was given up. If a result paid the last debt, it was most likely this publish's own.
    pub(crate) fn grow(&mut self) {
        *self = if *self == Self::Paid { Self::None } else { Self::Owed };
    }
}

/// The message ids that a client has used, for the next session with the same module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    last: u16,
    /// The ids of QoS 2 publishes without an outcome.
    unfinished: HashSet<u16>,
}

/// One client of the module.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) wanted: Wanted,
    /// Whether the buffer has been asked for messages that were never announced.
    pub(crate) buffer_asked: bool,
    pub(crate) state: ClientState,
    /// The state before the operation under way.
    pub(crate) before: ClientState,
    pub(crate) known_end: KnownEnd,
    /// The slots of the module's buffer that hold a message, one bit each.
    pub(crate) unread: u32,
    /// Host and port of the last opening, as errors show them.
    pub(crate) server: Option<String>,
    /// Whether a result without a message id is overdue.
    pub(crate) debt: Debt,
    /// How and when the last connection was lost, until there is a new one.
    pub(crate) lost: Option<(StatCode, Moment)>,
    pub(crate) context: Context,
    /// Publishes that await their final result.
    pub(crate) in_flight: usize,
    last_id: u16,
    ids: HashSet<u16>,
    /// The ids of QoS 2 publishes without an outcome. A server that keeps the session may have one of them half way; it
    /// would take the next message with that id for the same one and drop it (MQTT 3.1.1 section 4.3.3).
    unfinished: HashSet<u16>,
}

impl Client {
    fn new(dialect: &Dialect) -> Self {
        Self {
            settings: Settings::defaults(dialect),
            wanted: Wanted::default(),
            buffer_asked: false,
            state: ClientState::Closed,
            before: ClientState::Closed,
            known_end: KnownEnd::default(),
            unread: 0,
            server: None,
            lost: None,
            context: Context::default(),
            debt: Debt::default(),
            in_flight: 0,
            last_id: 0,
            ids: HashSet::new(),
            unfinished: HashSet::new(),
        }
    }

    /// A message id that no operation under way uses.
    pub(crate) fn take_id(&mut self) -> Option<MessageId> {
        if self.ids.len() + self.unfinished.len() >= usize::from(u16::MAX) {
            // An old id is better than none.
            self.unfinished.clear();
        }
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.unfinished.contains(&self.last_id) && self.ids.insert(self.last_id) {
                return Some(MessageId(self.last_id));
            }
        }
        None
    }

    /// Whether an operation under way uses this id.
    pub(crate) fn is_in_flight(&self, id: MessageId) -> bool {
        self.ids.contains(&id.0)
    }

    pub(crate) fn release_id(&mut self, id: MessageId) {
        self.ids.remove(&id.0);
    }

    /// Keeps the id from being used again while others are free.
    pub(crate) fn retire_id(&mut self, id: MessageId) {
        self.ids.remove(&id.0);
        self.unfinished.insert(id.0);
    }

    /// The client after a restart of the module. The ids stay, since a server that keeps the session remembers them.
    fn restarted(self, dialect: &Dialect) -> Self {
        Self {
            last_id: self.last_id,
            unfinished: self.unfinished,
            ..Self::new(dialect)
        }
    }

    /// Takes over a setting that the module has accepted; `asked` if the program asked for it.
    pub(crate) fn apply(&mut self, change: Change, asked: bool) {
        self.settings.apply(change);
        if asked {
            self.wanted.apply(change);
        }
        // Messages buffered from now on are announced.
        self.buffer_asked |= matches!(change, Change::ReceiveMode { .. });
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
    pub(crate) spelling: Spelling,
}

impl Clients {
    pub(crate) fn of(dialect: &Dialect) -> Self {
        Self {
            each: (0..=dialect.last_client).map(|_| Client::new(dialect)).collect(),
            kept: Kept::default(),
            spelling: Spelling::default(),
        }
    }

    /// Whether any other client has a connection on this PDP context.
    pub(crate) fn others_use(&self, index: ClientIndex, pdp_context: u8) -> bool {
        let mut others = self
            .each
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != usize::from(index.0));
        others.any(|(_, client)| client.settings.pdp_context == pdp_context && client.state != ClientState::Closed)
    }

    /// The PDP context that the client's next opening should bring up afresh. A context that carries another client's
    /// connection is not at fault, and giving it up would end that connection.
    pub(crate) fn context_to_renew(&self, index: ClientIndex) -> Option<u8> {
        let client = self.each.get(usize::from(index.0))?;
        let context = client.settings.pdp_context;
        (client.context == Context::Suspect && !self.others_use(index, context)).then_some(context)
    }

    /// The module has started again: everything is reset. Files may survive that, so the module is asked for them.
    pub(crate) fn restarted(&mut self, dialect: &Dialect) {
        let clients = std::mem::take(&mut self.each).into_iter();
        self.each = clients.map(|client| client.restarted(dialect)).collect();
    }

    /// The message ids of each client, by index.
    pub(crate) fn ids(&self) -> Vec<Ids> {
        let ids = self.each.iter().map(|client| Ids {
            last: client.last_id,
            unfinished: &client.unfinished | &client.ids,
        });
        ids.collect()
    }

    /// Continues after the message ids of an earlier session.
    pub(crate) fn go_on(&mut self, ids: &[Ids]) {
        for (client, ids) in self.each.iter_mut().zip(ids) {
            client.last_id = ids.last;
            client.unfinished.clone_from(&ids.unfinished);
        }
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
    fn the_id_of_an_unfinished_exchange_is_not_used_again_while_there_are_others_not_even_after_a_restart() {
        let (m95, _) = dialect::of_model("M95").unwrap();
        let mut clients = Clients::of(m95);
        let client = clients.get(ClientIndex(0)).unwrap();
        assert_eq!(client.take_id(), Some(MessageId(1)));
        client.retire_id(MessageId(1));
        client.last_id = u16::MAX;
        assert_eq!(client.take_id(), Some(MessageId(2)));
        clients.restarted(m95);
        let client = clients.get(ClientIndex(0)).unwrap();
        assert_eq!(client.take_id(), Some(MessageId(3)));
        assert_eq!((2..u16::MAX).filter_map(|_| client.take_id()).count(), 65_533);
        assert_eq!(client.take_id(), Some(MessageId(1)));
        assert_eq!(client.take_id(), None);
    }
}
