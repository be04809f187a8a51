//! The broker without its sockets: bytes in, bytes out, the clock an argument. It does no I/O and starts no thread.
//!
//! The owner of the sockets reports what happened ([`State::accept`], [`State::receive`], [`State::lost`], [`State::tick`]) and then does
//! for every connection what [`State::pending`] and [`State::disposition`] ask for.

mod packets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use modemqtt_os::Moment;

use super::connection::{Connection, ConnectionPhase, Sending};
pub use super::connection::{Disposition, SocketId};
use super::message::{Message, MessageLog, Retained};
use super::options::BrokerOptions;
use super::session::{Delivery, Session};
use super::shared::Shares;
use super::topics;
use super::wire::{ConnectReturnCode, LastWill, Packet, QoS, TopicName};

/// Why the state refuses a call from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Empty, too long, or with a wildcard or NUL in it.
    #[error("{0:?} is not a topic to publish to")]
    Topic(String),
    /// Empty, or with a wildcard in the wrong place.
    #[error("topic_filter must be a topic filter of MQTT, such as `bench/#` or `bench/+/temp`, not {0:?}")]
    Filter(String),
    /// More than a client could have published.
    #[error("a message of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Payload and topic.
        size: usize,
        /// The largest packet accepted.
        limit: usize,
    },
    /// A CONNACK refuses with 1 to 5 (MQTT 3.1.1 section 3.2.2.3).
    #[error("a return code that refuses a connection must be 1 to 5, not {0}")]
    ReturnCode(u8),
}

/// Everything that a broker knows.
#[derive(Debug)]
pub struct State {
    options: BrokerOptions,
    connections: BTreeMap<SocketId, Connection>,
    sessions: BTreeMap<String, Session>,
    shares: Shares,
    retained: Retained,
    log: MessageLog,
    misbehaviour: Misbehaviour,
    /// Wills that are due. A list and not a call, because publishing a will may close further connections.
    wills: VecDeque<(String, LastWill)>,
    connections_seen: u64,
    ids_assigned: u64,
    /// The latest time that it has been told.
    clock: Option<Moment>,
}

/// The misbehaviour that it has been asked for.
#[derive(Debug, Default)]
struct Misbehaviour {
    refuse: Option<ConnectReturnCode>,
    ignores_connects: bool,
    mute: bool,
    withhold_acks: bool,
    slow: Option<Duration>,
    cut: Option<usize>,
    denied: BTreeSet<String>,
}

impl State {
    /// A broker without clients.
    pub fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            shares: Shares::default(),
            retained: Retained::default(),
            log: MessageLog::default(),
            misbehaviour: Misbehaviour::default(),
            wills: VecDeque::new(),
            connections_seen: 0,
            ids_assigned: 0,
            clock: None,
        }
    }

    /// A TCP connection was opened; `None` when there are too many.
    pub fn accept(&mut self, now: Moment) -> Option<SocketId> {
        if self.connections.len() >= self.options.limits.connections {
            return None;
        }
        self.clock = Some(now);
        self.connections_seen += 1;
        let id = SocketId(self.connections_seen);
        let connection = Connection::new(&self.options.limits, self.misbehaviour.cut, now);
        self.connections.insert(id, connection);
        Some(id)
    }

    /// Bytes were read.
    pub fn receive(&mut self, id: SocketId, bytes: &[u8], now: Moment) {
        self.clock = Some(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.push(bytes);
        }
        while let Some(connection) = self.connections.get_mut(&id) {
            match connection.next_packet(now) {
                Ok(Some(packet)) => self.handle(id, packet),
                Ok(None) => break,
                Err(error) => self.misread(id, &error),
            }
        }
        self.publish_wills();
    }

    /// The TCP connection is gone, whoever closed it. Its id is not used again.
    pub fn lost(&mut self, id: SocketId) {
        self.fail(id);
        self.connections.remove(&id);
        self.publish_wills();
    }

    /// Time has passed: delayed bytes arrive, and connections whose clients were silent for too long are closed.
    pub fn tick(&mut self, now: Moment) {
        self.clock = Some(now);
        let limits = &self.options.limits;
        let expired = self.connections.iter_mut().filter_map(|(id, connection)| {
            let cut = connection.release(now) == Sending::Cut;
            let expired = || connection.patience_ends(limits).is_some_and(|end| end <= now);
            (cut || expired()).then_some(*id)
        });
        let expired: Vec<_> = expired.collect();
        for id in expired {
            self.fail(id);
        }
        self.publish_wills();
    }

    /// When [`State::tick`] is due next.
    pub fn deadline(&self) -> Option<Moment> {
        let connections = self.connections.values();
        connections
            .filter_map(|connection| connection.deadline(&self.options.limits))
            .min()
    }

    /// The bytes to write.
    pub fn pending(&self, id: SocketId) -> &[u8] {
        self.connections.get(&id).map_or(&[], Connection::pending)
    }

    /// This many of the pending bytes were written.
    pub fn sent(&mut self, id: SocketId, count: usize) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.sent(count);
        }
    }

    /// What to do with the socket.
    pub fn disposition(&self, id: SocketId) -> Disposition {
        self.connections
            .get(&id)
            .map_or(Disposition::Close, Connection::disposition)
    }

    /// Publishes a message from outside MQTT.
    pub fn publish(&mut self, topic: &str, payload: Bytes, qos: QoS, retain: bool) -> Result<(), StateError> {
        let limit = self.options.limits.packet_bytes;
        let size = topic.len() + payload.len();
        if size > limit {
            return Err(StateError::TooLarge { size, limit });
        }
        let name = TopicName::try_from(topic).ok();
        let Some(topic) = name.filter(|topic| topics::is_topic(topic)) else {
            return Err(StateError::Topic(topic.to_owned()));
        };
        self.route(Message {
            topic,
            payload,
            qos,
            retain,
            client_id: None,
            at: self.clock,
        });
        self.publish_wills();
        Ok(())
    }

    /// The messages published so far, oldest first, with wills and without duplicates of QoS 2; bounded by
    /// [`Limits::log_messages`](super::Limits::log_messages).
    pub fn messages(&self) -> Vec<Message> {
        self.log.to_vec()
    }

    /// The oldest message that matches the filter and that no call has taken. It stays in [`State::messages`].
    pub fn claim(&mut self, filter: &str) -> Result<Option<Message>, StateError> {
        check_filter(filter)?;
        Ok(self.log.claim(filter))
    }

    /// How many messages have been published so far.
    pub fn messages_seen(&self) -> u64 {
        self.log.count()
    }

    /// How many messages the log had to drop.
    pub fn messages_dropped(&self) -> u64 {
        self.log.dropped()
    }

    /// The ids of the clients that are connected, in alphabetical order.
    pub fn clients(&self) -> Vec<String> {
        let sessions = self.sessions.iter();
        sessions
            .filter(|(_, session)| session.connection.is_some())
            .map(|(client, _)| client.clone())
            .collect()
    }

    /// Answers every CONNECT from now on with this return code, 1 to 5, and closes; `None` lets clients in again.
    pub fn refuse(&mut self, return_code: Option<u8>) -> Result<(), StateError> {
        self.misbehaviour.refuse = match return_code {
            None => None,
            Some(code) => match ConnectReturnCode::from_u8(code) {
                Ok(ConnectReturnCode::Accepted) | Err(_) => {
                    return Err(StateError::ReturnCode(code));
                }
                Ok(refusal) => Some(refusal),
            },
        };
        Ok(())
    }

    /// Denies a topic filter: a SUBSCRIBE to it, or to a filter within it, is answered with 128, and a publish to a topic that it matches is
    /// acknowledged and dropped, whoever sends it. The filter joins those denied before; `None` clears all of them.
    pub fn deny(&mut self, filter: Option<&str>) -> Result<(), StateError> {
        match filter {
            None => self.misbehaviour.denied.clear(),
            Some(filter) => {
                check_filter(filter)?;
                self.misbehaviour.denied.insert(filter.to_owned());
            }
        }
        Ok(())
    }

    /// Leaves every CONNECT from now on without an answer. The connection stays open, and whatever else comes on it is ignored for good.
    pub fn ignore_connects(&mut self, on: bool) {
        self.misbehaviour.ignores_connects = on;
    }

    /// Sends no PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK while on. The packets take effect all the same (messages are logged and
    /// routed, subscriptions count), and nothing is sent later: the client has to repeat itself.
    pub fn withhold_acks(&mut self, on: bool) {
        self.misbehaviour.withhold_acks = on;
    }

    /// Sends nothing at all while on: no acknowledgement, no answer to a ping, no message. Packets take effect all the same, except a CONNECT,
    /// which is ignored for good as by [`State::ignore_connects`]. When it ends, what is in flight is sent again, PUBREL included.
    pub fn mute(&mut self, on: bool) {
        let ends = self.misbehaviour.mute && !on;
        self.misbehaviour.mute = on;
        if ends {
            let limits = &self.options.limits;
            let sessions = self.sessions.values_mut();
            let again = sessions.filter_map(|session| Some((session.connection?, session.resume(limits))));
            for (id, packets) in again.collect::<Vec<_>>() {
                self.send_all(id, &packets);
            }
        }
    }

    /// Delays everything from now on by this much. What is already delayed comes no later than that. `None` ends it.
    pub fn slow(&mut self, by: Option<Duration>) {
        if let Some(now) = self.clock {
            let latest = now + by.unwrap_or_default();
            self.connections
                .values_mut()
                .for_each(|connection| connection.hasten(latest));
        }
        self.misbehaviour.slow = by;
    }

    /// Cuts each connection, present and future, once this many bytes have gone to its client, even in the middle of a packet; with 0,
    /// before the next packet. Wills are published. `None` stops this.
    pub fn cut(&mut self, after: Option<usize>) {
        self.misbehaviour.cut = after;
        for connection in self.connections.values_mut() {
            connection.allow(after);
        }
    }

    /// Closes all connections as the end of a broker would: no will is published. With `forget` sessions and retained messages are gone, as
    /// when a broker keeps nothing on disk.
    pub fn stop(&mut self, forget: bool) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.fail(id);
        }
        self.wills.clear();
        if forget {
            self.sessions.clear();
            self.shares = Shares::default();
            self.retained = Retained::default();
        }
    }

    /// Closes all connections without a word; wills are published.
    pub fn drop_clients(&mut self) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.fail(id);
        }
        self.publish_wills();
    }
}

/// What the handlers of the packets use.
impl State {
    /// Logs, retains and hands out a message.
    fn route(&mut self, message: Message) {
        if self.denies(|filter| topics::matches(filter, &message.topic)) {
            return;
        }
        let limits = &self.options.limits;
        if message.retain {
            self.retained.store(&message, limits);
        }
        let mut room = self.room();
        let mut packets = Vec::new();
        let turns = self.shares.turns(&message.topic);
        for (client, session) in &mut self.sessions {
            let shared = turns.iter().filter(|(_, member)| member == client);
            let shared = shared.filter_map(|(filter, _)| session.subscriptions.granted_to(filter));
            let Some(granted) = shared.chain(session.subscriptions.granted(&message.topic)).max() else {
                continue;
            };
            // To an established subscription nothing is "retained" (MQTT 3.1.1 section 3.3.1.3).
            let packet = session.offer(Delivery::new(&message, granted, false), limits, &mut room);
            packets.extend(session.connection.zip(packet));
        }
        self.log.push(message, limits);
        for (id, packet) in packets {
            self.send(id, &packet);
        }
    }

    /// What the queues of all sessions have left.
    fn room(&self) -> usize {
        let queued: usize = self.sessions.values().map(Session::queued).sum();
        self.options.limits.all_queue_bytes.saturating_sub(queued)
    }

    fn denies(&self, applies: impl FnMut(&String) -> bool) -> bool {
        self.misbehaviour.denied.iter().any(applies)
    }

    fn deliver(&mut self, client: &str, delivery: Delivery) {
        let mut room = self.room();
        let Some(session) = self.sessions.get_mut(client) else {
            return;
        };
        let packet = session.offer(delivery, &self.options.limits, &mut room);
        if let Some((id, packet)) = session.connection.zip(packet) {
            self.send(id, &packet);
        }
    }

    fn refill(&mut self, id: SocketId, client: &str) {
        if let Some(session) = self.sessions.get_mut(client) {
            let packets = session.refill(&self.options.limits);
            self.send_all(id, &packets);
        }
    }

    fn acknowledge(&mut self, id: SocketId, packet: &Packet) {
        if !self.misbehaviour.withhold_acks {
            self.send(id, packet);
        }
    }

    fn send_all(&mut self, id: SocketId, packets: &[Packet]) {
        for packet in packets {
            self.send(id, packet);
        }
    }

    /// Sends if the connection is open; a client that does not read is dropped.
    fn send(&mut self, id: SocketId, packet: &Packet) {
        if self.misbehaviour.mute {
            return;
        }
        let due = self.misbehaviour.slow.zip(self.clock).map(|(by, now)| now + by);
        let limits = &self.options.limits;
        let ends = |connection: &mut Connection| {
            matches!(
                connection.phase,
                ConnectionPhase::Greeting | ConnectionPhase::Connected(_)
            ) && connection.send(packet, limits, due) != Sending::Done
        };
        if self.connections.get_mut(&id).is_some_and(ends) {
            self.fail(id);
        }
    }

    /// Ends a connection: the session ends or waits, the will becomes due (MQTT 3.1.1 section 3.1.2.5), the socket is to be closed.
    fn fail(&mut self, id: SocketId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let phase = std::mem::replace(&mut connection.phase, ConnectionPhase::Closing);
        let ConnectionPhase::Connected(client) = phase else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&client.id) {
            session.connection = None;
            if session.clean {
                self.sessions.remove(&client.id);
                self.shares.forget(&client.id);
            }
        }
        self.wills.extend(client.will.map(|will| (client.id, will)));
    }

    fn publish_wills(&mut self) {
        while let Some((client, will)) = self.wills.pop_front() {
            self.route(Message {
                topic: will.topic_name,
                payload: will.message,
                qos: will.qos,
                retain: will.retain,
                client_id: Some(client),
                at: self.clock,
            });
        }
    }

    fn enter(&mut self, id: SocketId, phase: ConnectionPhase) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = phase;
        }
    }
}

fn check_filter(filter: &str) -> Result<(), StateError> {
    if topics::is_filter(filter) {
        Ok(())
    } else {
        Err(StateError::Filter(filter.to_owned()))
    }
}
