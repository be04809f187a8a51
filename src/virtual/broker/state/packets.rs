//! What each packet of a client does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::connection::{ConnectedClient, Connection, ConnectionPhase, SocketId};
use super::super::message::Message;
use super::super::session::{Delivery, Session};
use super::super::shared::{is_malformed, shared_filter};
use super::super::topics;
use super::super::wire::{
    Connack, Connect, ConnectReturnCode, LastWill, Packet, Protocol, Publish, QosPid, Suback, Subscribe,
    SubscribeReturnCode, Unsubscribe, WireError,
};
use super::State;

impl State {
    pub(super) fn handle(&mut self, id: SocketId, packet: Packet) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let Some(client) = connection.client().map(|client| client.id.clone()) else {
            return match packet {
                Packet::Connect(connect) => self.connect(id, connect),
                _ => self.fail(id), // MQTT 3.1.1 section 3.1: the first packet is a CONNECT
            };
        };
        let Some(session) = self.sessions.get_mut(&client) else {
            return self.fail(id);
        };
        match packet {
            Packet::Publish(publish) => self.published(id, client, publish),
            Packet::Puback(pid) => {
                session.acknowledged(pid);
                self.refill(id, &client);
            }
            Packet::Pubrec(pid) => {
                let release = session.received(pid);
                self.send(id, &release);
            }
            Packet::Pubrel(pid) => {
                session.release(pid);
                self.acknowledge(id, &Packet::Pubcomp(pid));
            }
            Packet::Pubcomp(pid) => {
                session.completed(pid);
                self.refill(id, &client);
            }
            Packet::Subscribe(subscribe) => self.subscribe(id, &client, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(id, &client, &unsubscribe),
            Packet::Pingreq => self.send(id, &Packet::Pingresp),
            Packet::Disconnect => self.part(id),
            // A second CONNECT (MQTT 3.1.1 section 3.1), or what only a server sends.
            Packet::Connect(_) | Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
                self.fail(id);
            }
        }
    }

    pub(super) fn misread(&mut self, id: SocketId, error: &WireError) {
        let greeting = |connection: &Connection| matches!(connection.phase, ConnectionPhase::Greeting);
        let is_greeting = self.connections.get(&id).is_some_and(greeting);
        if is_greeting && *error == WireError::UnacceptableProtocol {
            self.turn_away(id, ConnectReturnCode::UnacceptableProtocolVersion);
        } else {
            self.fail(id);
        }
    }

    fn connect(&mut self, id: SocketId, connect: Connect) {
        if self.misbehaviour.ignores_connects || self.misbehaviour.mute {
            return self.enter(id, ConnectionPhase::Ignored);
        }
        if is_forbidden(&connect) {
            return self.fail(id);
        }
        match self.admit(&connect) {
            Err(code) => self.turn_away(id, code),
            Ok(client) => self.welcome(id, client, connect),
        }
    }

    /// The client's id, or the return code that refuses it.
    fn admit(&mut self, connect: &Connect) -> Result<String, ConnectReturnCode> {
        if let Some(code) = self.misbehaviour.refuse {
            return Err(code);
        }
        if let Some(users) = &self.options.users {
            let Some(name) = &connect.username else {
                return Err(ConnectReturnCode::NotAuthorized);
            };
            let password = connect.password.as_deref().unwrap_or_default();
            let known = users.get(&**name);
            if known.is_none_or(|known| known.as_bytes() != password) {
                return Err(ConnectReturnCode::BadUserNameOrPassword);
            }
        }
        let is_known = self.sessions.contains_key(&*connect.client_id);
        if self.sessions.len() >= self.options.limits.sessions && !is_known {
            return Err(ConnectReturnCode::ServerUnavailable);
        }
        if connect.client_id.is_empty() {
            // 3.1 asks for an id of 1 to 23 characters; 3.1.1 lets the server choose one for a clean session (section 3.1.3.1).
            if connect.protocol == Protocol::V310 || !connect.clean_session {
                return Err(ConnectReturnCode::IdentifierRejected);
            }
            return Ok(self.assign_id());
        }
        Ok(String::from(&*connect.client_id))
    }

    fn assign_id(&mut self) -> String {
        loop {
            self.ids_assigned += 1;
            let client = format!("auto-{}", self.ids_assigned);
            if !self.sessions.contains_key(&client) {
                return client;
            }
        }
    }

    fn welcome(&mut self, id: SocketId, client: String, connect: Connect) {
        // The earlier client with that id has to go (MQTT 3.1.1 section 3.1.4). Its will may reach the session as a message.
        let known = self.sessions.get(&client);
        if let Some(former) = known.and_then(|session| session.connection) {
            self.fail(former);
            self.publish_wills();
        }
        if connect.clean_session {
            self.sessions.remove(&client);
            self.shares.forget(&client);
        }
        let resumed = self.sessions.contains_key(&client);
        let session = self.sessions.entry(client.clone()).or_insert_with(Session::new);
        session.clean = connect.clean_session;
        session.connection = Some(id);
        let packets = session.resume(&self.options.limits);
        let keep_alive = Duration::from_secs(connect.keep_alive.into());
        let phase = ConnectionPhase::Connected(ConnectedClient {
            id: client,
            keep_alive: Some(keep_alive).filter(|time| !time.is_zero()),
            will: connect.last_will,
        });
        self.enter(id, phase);
        // In 3.1 the byte of the session-present flag is reserved.
        let session_present = resumed && connect.protocol == Protocol::V311;
        let connack = Connack::new(session_present, ConnectReturnCode::Accepted);
        self.send(id, &connack.into());
        self.send_all(id, &packets);
    }

    fn turn_away(&mut self, id: SocketId, code: ConnectReturnCode) {
        self.send(id, &Connack::new(false, code).into());
        self.enter(id, ConnectionPhase::Refused);
    }

    fn published(&mut self, id: SocketId, client: String, publish: Publish) {
        // DUP has no meaning at QoS 0 and must not be set (MQTT 3.1.1 section 3.3.1.1).
        let is_dup_of_nothing = publish.dup && publish.qos_pid == QosPid::Level0;
        if is_dup_of_nothing || !topics::is_topic(&publish.topic_name) || !is_text(&publish.topic_name) {
            return self.fail(id);
        }
        let (is_first, answer) = match publish.qos_pid {
            QosPid::Level0 => (true, None),
            QosPid::Level1(pid) => (true, Some(Packet::Puback(pid))),
            QosPid::Level2(pid) => {
                let session = self.sessions.get_mut(&client);
                let is_first = session.is_some_and(|session| session.is_first(pid));
                (is_first, Some(Packet::Pubrec(pid)))
            }
        };
        // Only the server publishes what begins with `$SYS`. mosquitto 2.0.11 acknowledges and drops it, `$SYSx` too, but
        // routes `$other/x`.
        let is_own = publish.topic_name.starts_with("$SYS");
        if is_first && !is_own {
            self.route(Message {
                topic: publish.topic_name,
                payload: publish.payload,
                qos: publish.qos_pid.qos(),
                retain: publish.retain,
                client_id: Some(client),
                at: self.clock,
            });
        }
        if let Some(answer) = answer {
            self.acknowledge(id, &answer);
        }
    }

    fn subscribe(&mut self, id: SocketId, client: &str, subscribe: Subscribe) {
        // The codec accepts a last level such as `#x`.
        let mut filters = subscribe.topics.iter().map(|(filter, _)| filter);
        if !filters.all(|filter| topics::is_filter(filter) && is_text(filter) && !is_malformed(filter)) {
            return self.fail(id);
        }
        let Some(session) = self.sessions.get_mut(client) else {
            return;
        };
        let mut codes = Vec::new();
        let mut granted = BTreeMap::new(); // a filter named twice gets its retained messages once
        for (filter, qos) in subscribe.topics {
            let limit = self.options.limits.subscriptions;
            let shared = shared_filter(&filter);
            let wanted = shared.unwrap_or(&filter);
            let denied = self
                .misbehaviour
                .denied
                .iter()
                .any(|denied| topics::covers(denied, wanted));
            if denied || !session.subscriptions.insert(filter.clone(), qos, limit) {
                codes.push(SubscribeReturnCode::Failure);
                continue;
            }
            codes.push(qos.into());
            if shared.is_some() {
                self.shares.join(&filter, client); // without the retained messages (MQTT 5.0 section 4.8.2)
            } else {
                granted.insert(filter, qos);
            }
        }
        self.acknowledge(id, &Suback::new(subscribe.pid, codes).into());
        for (filter, qos) in granted {
            for message in self.retained.matching(&filter) {
                self.deliver(client, Delivery::new(&message, qos, true));
            }
        }
    }

    fn unsubscribe(&mut self, id: SocketId, client: &str, unsubscribe: &Unsubscribe) {
        if unsubscribe.topics.iter().any(|filter| is_malformed(filter)) {
            return self.fail(id);
        }
        if let Some(session) = self.sessions.get_mut(client) {
            for filter in &unsubscribe.topics {
                session.subscriptions.remove(filter);
                self.shares.leave(filter, client);
            }
        }
        self.acknowledge(id, &Packet::Unsuback(unsubscribe.pid));
    }

    /// DISCONNECT: the will is forgotten (MQTT 3.1.1 section 3.14.4).
    fn part(&mut self, id: SocketId) {
        if let Some(ConnectionPhase::Connected(client)) =
            self.connections.get_mut(&id).map(|connection| &mut connection.phase)
        {
            client.will = None;
        }
        self.fail(id);
    }
}

/// Whether a string holds no U+0000, no control character and no noncharacter. For these a server must or may close the connection
/// (MQTT 3.1.1 section 1.5.3); mosquitto does.
fn is_text(text: &str) -> bool {
    let is_none =
        |it: char| it.is_control() || matches!(it, '\u{fdd0}'..='\u{fdef}') || u32::from(it) & 0xFFFE == 0xFFFE;
    !text.contains(is_none)
}

/// What the codec accepts, but MQTT 3.1.1 forbids and mosquitto refuses in 3.1 too: a password without a user name (section 3.1.2.9), a will without a topic (4.7.3).
fn is_forbidden(connect: &Connect) -> bool {
    let is_lone_password = connect.password.is_some() && connect.username.is_none();
    let is_pointless = |will: &LastWill| !topics::is_topic(&will.topic_name) || !is_text(&will.topic_name);
    is_lone_password
        || !is_text(&connect.client_id)
        || connect.username.as_deref().is_some_and(|name| !is_text(name))
        || connect.last_will.as_ref().is_some_and(is_pointless)
}
