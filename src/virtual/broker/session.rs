//! What the broker remembers of a client: subscriptions, messages on their way to it, ids on their way from it (MQTT 3.1.1 section 4.1).

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::connection::SocketId;
use super::message::Message;
use super::options::Limits;
use super::topics::Subscriptions;
use super::wire::{Packet, Pid, Publish, QoS, QosPid, TopicName};

/// A client's state; it outlives the connection unless the client asked for a clean session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) clean: bool,
    pub(crate) connection: Option<SocketId>,
    pub(crate) subscriptions: Subscriptions,
    /// Ids of QoS 2 messages that were routed and not yet released: a PUBLISH with one of them is a duplicate.
    unreleased: BTreeSet<Pid>,
    in_flight: VecDeque<InFlight>,
    queue: VecDeque<Delivery>,
    queue_bytes: usize,
    last_id: u16,
}

/// A message for this client at its own QoS.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    topic: TopicName,
    payload: Bytes,
    qos: QoS,
    retain: bool,
}

impl Delivery {
    /// At the lower of the published and the granted QoS (MQTT 3.1.1 section 3.8.4).
    pub(crate) fn new(message: &Message, granted: QoS, retain: bool) -> Self {
        Self {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            qos: message.qos.min(granted),
            retain,
        }
    }

    fn packet(&self, qos_pid: QosPid, dup: bool) -> Packet {
        let publish = Publish {
            dup,
            retain: self.retain,
            qos_pid,
            topic_name: self.topic.clone(),
            payload: self.payload.clone(),
        };
        publish.into()
    }

    fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

#[derive(Debug)]
struct InFlight {
    id: Pid,
    delivery: Delivery,
    /// The client has answered a QoS 2 message with PUBREC; from now on the PUBREL is repeated.
    released: bool,
}

impl InFlight {
    fn packet(&self, dup: bool) -> Packet {
        match self.delivery.qos {
            _ if self.released => Packet::Pubrel(self.id),
            QoS::Level2 => self.delivery.packet(QosPid::Level2(self.id), dup),
            QoS::Level1 => self.delivery.packet(QosPid::Level1(self.id), dup),
            QoS::Level0 => self.delivery.packet(QosPid::Level0, false), // never in flight
        }
    }
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            clean: true,
            connection: None,
            subscriptions: Subscriptions::default(),
            unreleased: BTreeSet::new(),
            in_flight: VecDeque::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            last_id: 0,
        }
    }

    /// Takes a message for the client; returns the packet if it goes out at once.
    ///
    /// QoS 0 is not kept for a client that is away (MQTT 3.1.1 section 3.1.2.4 leaves the choice; mosquitto does the same).
    /// `room` is what the queues of all sessions have left.
    pub(crate) fn offer(&mut self, delivery: Delivery, limits: &Limits, room: &mut usize) -> Option<Packet> {
        if delivery.qos == QoS::Level0 {
            let packet = delivery.packet(QosPid::Level0, false);
            return self.connection.map(|_| packet);
        }
        if self.connection.is_some() && self.in_flight.len() < limits.window {
            return Some(self.launch(delivery));
        }
        let size = delivery.size();
        let bytes = self.queue_bytes + size;
        if self.queue.len() < limits.queue_messages && bytes <= limits.queue_bytes && size <= *room {
            self.queue_bytes = bytes;
            *room -= size;
            self.queue.push_back(delivery);
        }
        None
    }

    /// How many bytes wait for the client.
    pub(crate) fn queued(&self) -> usize {
        self.queue_bytes
    }

    fn launch(&mut self, delivery: Delivery) -> Packet {
        let flight = InFlight {
            id: self.free_id(),
            delivery,
            released: false,
        };
        let packet = flight.packet(false);
        self.in_flight.push_back(flight);
        packet
    }

    /// The next id that is not in use (MQTT 3.1.1 section 2.3.1); the window is far smaller than the number of ids.
    fn free_id(&mut self) -> Pid {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            match Pid::try_from(self.last_id) {
                Ok(id) if self.in_flight.iter().all(|flight| flight.id != id) => return id,
                _ => {}
            }
        }
    }

    /// PUBACK from the client.
    pub(crate) fn acknowledged(&mut self, id: Pid) {
        self.in_flight
            .retain(|flight| flight.id != id || flight.delivery.qos != QoS::Level1);
    }

    /// PUBREC from the client; PUBREL answers even an unknown id, or the client would repeat it for ever.
    pub(crate) fn received(&mut self, id: Pid) -> Packet {
        for flight in &mut self.in_flight {
            if flight.id == id && flight.delivery.qos == QoS::Level2 {
                flight.released = true;
                flight.delivery.payload = Bytes::new();
            }
        }
        Packet::Pubrel(id)
    }

    /// PUBCOMP from the client.
    pub(crate) fn completed(&mut self, id: Pid) {
        self.in_flight.retain(|flight| flight.id != id || !flight.released);
    }

    /// What goes out of the queue now that there is room in the window.
    pub(crate) fn refill(&mut self, limits: &Limits) -> Vec<Packet> {
        let mut packets = Vec::new();
        while self.in_flight.len() < limits.window {
            let Some(delivery) = self.queue.pop_front() else {
                break;
            };
            self.queue_bytes -= delivery.size();
            packets.push(self.launch(delivery));
        }
        packets
    }

    /// What a returning client gets: everything unacknowledged again, in the old order, then the queue (MQTT 3.1.1 section 4.4).
    pub(crate) fn resume(&mut self, limits: &Limits) -> Vec<Packet> {
        let again = self.in_flight.iter().map(|flight| flight.packet(true));
        let mut packets: Vec<_> = again.collect();
        packets.extend(self.refill(limits));
        packets
    }

    /// PUBLISH with QoS 2 from the client; false for a duplicate (MQTT 3.1.1 section 4.3.3).
    pub(crate) fn is_first(&mut self, id: Pid) -> bool {
        self.unreleased.insert(id)
    }

    /// PUBREL from the client.
    pub(crate) fn release(&mut self, id: Pid) {
        self.unreleased.remove(&id);
    }
}
