//! The module's side of MQTT: one client session over one TCP connection, without the connection.
//!
//! Bytes from the broker in, bytes for it and events out, the clock an argument. Packet identifiers are the host's choice, because the
//! AT commands carry them; a packet gets another one only if its own belongs to a publish of an earlier connection. Whatever a broker sends, memory stays bounded: one packet in the decoder, at most 65,535 identifiers of
//! unfinished QoS 2 messages, and the operations that the host has started.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use modemqtt_at::{Operation, Version};
use modemqtt_os::Moment;

pub use memory::Memory;
use memory::Unfinished;
pub use request::{BridgeError, Credentials, Outgoing, Patience, SessionEvent, SessionPhase};

use super::wire::{
    self, Connack, Connect, ConnectReturnCode, Decoder, Packet, Pid, Protocol, Publish, QoS, QosPid, Suback, Subscribe,
    SubscribeReturnCode, TopicFilter, Unsubscribe,
};

mod memory;
mod request;
#[cfg(test)]
mod tests;

/// The DUP flag in the first byte of a fixed header (MQTT 3.1.1 section 3.3.1.1).
const DUP_FLAG: u8 = 0b1000;

/// One session.
#[derive(Debug)]
pub struct ClientSession {
    phase: SessionPhase,
    decoder: Decoder,
    version: Version,
    ping_timeout: Duration,
    connack_due: Option<Moment>,
    keep_alive: Option<Duration>,
    last_sent: Moment,
    pingresp_due: Option<Moment>,
    in_flight: BTreeMap<u16, Unacknowledged>,
    /// What outlasts the connection, unless the session is clean.
    memory: Memory,
    clean: bool,
    sent: u64,
    output: Vec<u8>,
    events: VecDeque<SessionEvent>,
}

#[derive(Debug)]
struct Unacknowledged {
    operation: Operation,
    /// The identifier by which the host knows it.
    id: u16,
    awaits: Awaits,
    /// What is sent again.
    packet: Vec<u8>,
    patience: Patience,
    due: Moment,
    times: u32,
    /// Its place among all that were sent.
    place: u64,
}

/// The packet that moves an operation on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Suback,
    Unsuback,
    Puback,
    Pubrec,
    Pubcomp,
}

impl ClientSession {
    /// A session over a new connection; `packet_limit` is the largest packet that it accepts, in bytes.
    pub fn new(packet_limit: usize, now: Moment) -> Self {
        Self {
            phase: SessionPhase::Initial,
            decoder: Decoder::new(packet_limit),
            version: Version::V311,
            ping_timeout: Duration::ZERO,
            connack_due: None,
            keep_alive: None,
            last_sent: now,
            pingresp_due: None,
            in_flight: BTreeMap::new(),
            memory: Memory::default(),
            clean: true,
            sent: 0,
            output: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// How far it has come.
    pub const fn phase(&self) -> SessionPhase {
        self.phase
    }

    /// Resumes what an earlier connection left unfinished. Call it before [`ClientSession::connect`], which forgets all of it for a clean session.
    pub fn recall(&mut self, memory: Memory) {
        self.memory = memory;
    }

    /// What the next connection has to resume; `None` after a clean session.
    pub fn memory(&self) -> Option<Memory> {
        if self.clean {
            return None;
        }
        let mut memory = self.memory.clone();
        for event in &self.events {
            // Nobody has taken it.
            if let SessionEvent::Message { id, .. } = event {
                memory.received.remove(id);
            }
        }
        let in_flight = self.in_flight.iter();
        let mut publishes: Vec<_> = in_flight.filter(|(_, it)| it.operation == Operation::Publish).collect();
        publishes.sort_by_key(|(_, in_flight)| in_flight.place);
        memory
            .unfinished
            .extend(publishes.into_iter().map(|(pid, in_flight)| Unfinished {
                pid: *pid,
                awaits: in_flight.awaits,
                packet: in_flight.packet.clone(),
            }));
        Some(memory)
    }

    /// How many operations of that kind await their acknowledgement.
    pub fn in_flight(&self, operation: Operation) -> usize {
        self.in_flight
            .values()
            .filter(|other| other.operation == operation)
            .count()
    }

    /// Sends CONNECT. It is never sent again: a second one is a violation of the protocol (MQTT 3.1.1 section 3.1).
    pub fn connect(&mut self, with: Credentials, patience: Patience, now: Moment) -> Result<(), BridgeError> {
        let mut connect = Connect::new(with.client_id.as_str().into(), with.keep_alive);
        connect.protocol = match with.version {
            Version::V31 => Protocol::V310,
            Version::V311 => Protocol::V311,
        };
        connect.clean_session = with.clean_session;
        connect.last_will = with.will;
        connect.username = with.username.map(|name| name.as_str().into());
        connect.password = with.password.map(|password| Bytes::from(password.into_bytes()));
        let packet = wire::encode(&connect.into())?;
        self.version = with.version;
        self.clean = with.clean_session;
        if self.clean {
            self.memory = Memory::default();
        }
        self.ping_timeout = with.ping_timeout;
        self.keep_alive = (with.keep_alive > 0).then(|| Duration::from_secs(with.keep_alive.into()));
        self.connack_due = Some(now + patience.timeout);
        self.phase = SessionPhase::Connecting;
        self.send(&packet, now);
        Ok(())
    }

    /// Sends DISCONNECT, and forgets what is in flight.
    pub fn disconnect(&mut self, now: Moment) -> Result<(), BridgeError> {
        let packet = wire::encode(&Packet::Disconnect)?;
        self.send(&packet, now);
        self.end();
        Ok(())
    }

    /// Sends SUBSCRIBE. Identifier 0 goes out as one of the session's own, and events name it 0.
    pub fn subscribe(
        &mut self,
        id: u16,
        topics: Vec<(TopicFilter, QoS)>,
        patience: Patience,
        now: Moment,
    ) -> Result<(), BridgeError> {
        let pid = self.identifier_or_own(id)?;
        let packet = wire::encode(&Subscribe::new(pid, topics).into())?;
        let operation = (Operation::Subscribe, id);
        self.begin(pid, operation, Awaits::Suback, packet, patience, now)
    }

    /// Sends UNSUBSCRIBE. Identifier 0 is as with [`ClientSession::subscribe`].
    pub fn unsubscribe(
        &mut self,
        id: u16,
        topics: Vec<TopicFilter>,
        patience: Patience,
        now: Moment,
    ) -> Result<(), BridgeError> {
        let pid = self.identifier_or_own(id)?;
        let packet = wire::encode(&Unsubscribe::new(pid, topics).into())?;
        let operation = (Operation::Unsubscribe, id);
        self.begin(pid, operation, Awaits::Unsuback, packet, patience, now)
    }

    /// Sends PUBLISH. With QoS 0, where the identifier does not matter, sending it counts as its acknowledgement.
    pub fn publish(&mut self, id: u16, message: Outgoing, patience: Patience, now: Moment) -> Result<(), BridgeError> {
        let (qos_pid, awaits) = match message.qos {
            QoS::Level0 => (QosPid::Level0, None),
            QoS::Level1 => {
                let pid = self.identifier_of_publish(id)?;
                (QosPid::Level1(pid), Some((pid, Awaits::Puback)))
            }
            QoS::Level2 => {
                let pid = self.identifier_of_publish(id)?;
                (QosPid::Level2(pid), Some((pid, Awaits::Pubrec)))
            }
        };
        let mut publish = Publish::new(qos_pid, message.topic, message.payload);
        publish.retain = message.retain;
        let packet = wire::encode(&publish.into())?;
        if let Some((pid, awaits)) = awaits {
            return self.begin(pid, (Operation::Publish, id), awaits, packet, patience, now);
        }
        self.send(&packet, now);
        self.events
            .push_back(SessionEvent::Acknowledged(Operation::Publish, id, Vec::new()));
        Ok(())
    }

    /// Takes what was read from the connection.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        if self.phase == SessionPhase::Over {
            return;
        }
        self.decoder.push(bytes);
        while self.phase != SessionPhase::Over {
            match self.decoder.next_packet() {
                Ok(Some(packet)) => self.handle(packet, now),
                Ok(None) => break,
                Err(error) => self.fail(SessionEvent::Broken(error.to_string())),
            }
        }
    }

    /// Does whatever is due by now.
    pub fn tick(&mut self, now: Moment) {
        if self.connack_due.is_some_and(|due| due <= now) {
            self.fail(SessionEvent::ConnackMissing);
        }
        if self.pingresp_due.is_some_and(|due| due <= now) {
            self.fail(SessionEvent::PingMissing);
        }
        let due: Vec<u16> = self
            .in_flight
            .iter()
            .filter(|(_, other)| other.due <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.repeat(id, now);
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.answer(&Packet::Pingreq, now);
            self.pingresp_due = Some(now + self.ping_timeout);
        }
    }

    /// When [`ClientSession::tick`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        let operations = self.in_flight.values().map(|other| other.due);
        let others = [self.connack_due, self.pingresp_due, self.ping_due()];
        operations.chain(others.into_iter().flatten()).min()
    }

    /// The bytes to write to the connection.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    fn begin(
        &mut self,
        pid: Pid,
        (operation, id): (Operation, u16),
        awaits: Awaits,
        packet: Vec<u8>,
        patience: Patience,
        now: Moment,
    ) -> Result<(), BridgeError> {
        let Entry::Vacant(place) = self.in_flight.entry(pid.value()) else {
            return Err(BridgeError::IdentifierInUse);
        };
        let in_flight = place.insert(Unacknowledged {
            operation,
            id,
            awaits,
            packet,
            patience,
            due: now + patience.timeout,
            times: 0,
            place: self.sent,
        });
        self.sent += 1;
        self.output.extend_from_slice(&in_flight.packet);
        self.last_sent = now;
        Ok(())
    }

    fn handle(&mut self, packet: Packet, now: Moment) {
        match (self.phase, packet) {
            (SessionPhase::Connecting, Packet::Connack(connack)) => self.handle_connack(connack, now),
            (SessionPhase::Connected, Packet::Publish(publish)) => self.handle_publish(publish, now),
            (SessionPhase::Connected, Packet::Suback(Suback { pid, topics })) => {
                let granted = topics.into_iter().map(granted).collect();
                self.acknowledge(pid, Awaits::Suback, granted);
            }
            (SessionPhase::Connected, Packet::Unsuback(pid)) => self.acknowledge(pid, Awaits::Unsuback, Vec::new()),
            (SessionPhase::Connected, Packet::Puback(pid)) => self.acknowledge(pid, Awaits::Puback, Vec::new()),
            (SessionPhase::Connected, Packet::Pubcomp(pid)) => self.acknowledge(pid, Awaits::Pubcomp, Vec::new()),
            (SessionPhase::Connected, Packet::Pubrec(pid)) => self.handle_pubrec(pid, now),
            (SessionPhase::Connected, Packet::Pubrel(pid)) => {
                self.memory.received.remove(&pid.value());
                self.answer(&Packet::Pubcomp(pid), now);
            }
            (SessionPhase::Connected, Packet::Pingresp) => self.pingresp_due = None,
            (_, packet) => self.fail(SessionEvent::Broken(format!(
                "{:?} at the wrong time",
                packet.get_type()
            ))),
        }
    }

    fn handle_connack(&mut self, connack: Connack, now: Moment) {
        self.connack_due = None;
        if connack.code == ConnectReturnCode::Accepted {
            self.phase = SessionPhase::Connected;
            self.events.push_back(SessionEvent::Connack(0));
            // MQTT 3.1 has no flag that tells whether the server remembers as well.
            if !connack.session_present && self.version == Version::V311 {
                self.memory = Memory::default();
            }
            let again = self.memory.packets(self.version);
            if !again.is_empty() {
                self.send(&again, now);
            }
        } else {
            self.fail(SessionEvent::Connack(connack.code as u8));
        }
    }

    fn handle_publish(&mut self, publish: Publish, now: Moment) {
        if publish.topic_name.is_empty() {
            // MQTT 3.1.1 section 4.7.3.
            return self.fail(SessionEvent::Broken("PUBLISH without a topic".into()));
        }
        let id = publish.qos_pid.pid().map_or(0, Pid::value);
        let fresh = match publish.qos_pid {
            QosPid::Level0 => true,
            QosPid::Level1(pid) => {
                self.answer(&Packet::Puback(pid), now);
                true
            }
            QosPid::Level2(pid) => {
                self.answer(&Packet::Pubrec(pid), now);
                self.memory.received.insert(id)
            }
        };
        if fresh {
            self.events.push_back(SessionEvent::Message {
                id,
                topic: publish.topic_name,
                payload: publish.payload,
            });
        }
    }

    fn handle_pubrec(&mut self, pid: Pid, now: Moment) {
        let packet = wire::encode(&Packet::Pubrel(pid)).unwrap_or_default();
        if let Some(in_flight) = self.in_flight.get_mut(&pid.value())
            && in_flight.awaits == Awaits::Pubrec
        {
            // The schedule of the PUBLISH goes on, so that the whole operation ends within `<pkt_timeout>` × (`<retry_times>` + 1).
            in_flight.awaits = Awaits::Pubcomp;
            in_flight.packet.clone_from(&packet);
        } else {
            self.memory.release(pid);
        }
        // An unknown message is released as well, or the server would keep it for ever.
        self.send(&packet, now);
    }

    /// Drops an acknowledgement that nothing awaits, such as one that comes too late.
    fn acknowledge(&mut self, pid: Pid, awaited: Awaits, granted: Vec<u8>) {
        if let Entry::Occupied(entry) = self.in_flight.entry(pid.value())
            && entry.get().awaits == awaited
        {
            let Unacknowledged { operation, id, .. } = entry.remove();
            self.events
                .push_back(SessionEvent::Acknowledged(operation, id, granted));
        } else {
            self.memory.acknowledge(pid, awaited);
        }
    }

    /// Sends an overdue packet again, or gives up.
    fn repeat(&mut self, pid: u16, now: Moment) {
        let Some(in_flight) = self.in_flight.get_mut(&pid) else {
            return;
        };
        let (operation, id) = (in_flight.operation, in_flight.id);
        if in_flight.times >= in_flight.patience.retries {
            self.in_flight.remove(&pid);
            self.events.push_back(SessionEvent::Failed(operation, id));
            return;
        }
        in_flight.times += 1;
        in_flight.due += in_flight.patience.timeout;
        // MQTT 3.1 marks every packet that is repeated (its section 2.1), 3.1.1 only PUBLISH.
        let publish = matches!(in_flight.awaits, Awaits::Puback | Awaits::Pubrec);
        if let Some(control) = in_flight.packet.first_mut()
            && (publish || self.version == Version::V31)
        {
            *control |= DUP_FLAG;
        }
        self.output.extend_from_slice(&in_flight.packet);
        self.last_sent = now;
        self.events
            .push_back(SessionEvent::Retransmitted(operation, id, in_flight.times));
    }

    fn identifier_or_own(&self, id: u16) -> Result<Pid, BridgeError> {
        match id {
            // Counted down from the highest, which hosts that count up from 1 reach last.
            0 => (1..=u16::MAX)
                .rev()
                .find(|own| !self.in_flight.contains_key(own) && !self.memory.holds(*own))
                .ok_or(BridgeError::IdentifierInUse)
                .and_then(identifier),
            _ if self.memory.holds(id) => self.identifier_or_own(0),
            _ => identifier(id),
        }
    }

    fn identifier_of_publish(&self, id: u16) -> Result<Pid, BridgeError> {
        identifier(id)?;
        self.identifier_or_own(id)
    }

    /// The keep-alive counts from the last packet sent (MQTT 3.1.1 section 3.1.2.10).
    fn ping_due(&self) -> Option<Moment> {
        let keep_alive = self
            .keep_alive
            .filter(|_| self.phase == SessionPhase::Connected && self.pingresp_due.is_none())?;
        Some(self.last_sent + keep_alive)
    }

    fn answer(&mut self, packet: &Packet, now: Moment) {
        let packet = wire::encode(packet).unwrap_or_default();
        self.send(&packet, now);
    }

    fn send(&mut self, packet: &[u8], now: Moment) {
        self.output.extend_from_slice(packet);
        self.last_sent = now;
    }

    fn fail(&mut self, event: SessionEvent) {
        self.end();
        self.events.push_back(event);
    }

    fn end(&mut self) {
        if let Some(memory) = self.memory() {
            self.memory = memory;
        }
        self.phase = SessionPhase::Over;
        self.connack_due = None;
        self.pingresp_due = None;
        self.in_flight.clear();
    }
}

fn identifier(id: u16) -> Result<Pid, BridgeError> {
    Pid::try_from(id).map_err(|_| BridgeError::IdentifierZero)
}

const fn granted(code: SubscribeReturnCode) -> u8 {
    match code {
        SubscribeReturnCode::MaxLevel0 => 0,
        SubscribeReturnCode::MaxLevel1 => 1,
        SubscribeReturnCode::MaxLevel2 => 2,
        SubscribeReturnCode::Failure => 128,
    }
}
