//! The pure module joined to the pure broker, on a clock of its own.

#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use modemqtt_at::dialect::{self, Dialect};
use modemqtt_os::Moment;
use modemqtt_virtual::broker::state::{self, Disposition, State};
use modemqtt_virtual::broker::{BrokerOptions, QoS};
use modemqtt_virtual::module::{
    Action, ConnectionEvent, ConnectionId, Failure, Ipv4, Module, Parting, PingReply, Registration,
};
use modemqtt_virtual::{Fault, Injection};

pub struct Rig {
    pub module: Module,
    pub broker: State,
    pub dialect: &'static Dialect,
    now: Moment,
    connections: BTreeMap<ConnectionId, state::SocketId>,
    unknown_names: BTreeSet<String>,
    broker_down: bool,
    /// Whether what is sent to the broker is lost on the way.
    pub muted: bool,
    pub printed: Vec<u8>,
    /// What has been sent to brokers.
    pub sent: Vec<u8>,
}

impl Rig {
    /// A module as a host finds it after its own set-up: echo off, `+CMEE` 1.
    pub fn new(model: &str) -> Self {
        let (dialect, model) = dialect::of_model(model).unwrap_or_else(|| panic!("no model {model}"));
        Self::of(dialect, model.name)
    }

    /// The same with another seed than 0.
    pub fn seeded(model: &str, seed: u64) -> Self {
        let mut rig = Self::new(model);
        rig.module = rig.module.with_seed(seed);
        rig
    }

    /// The same of a dialect that may be none of those that are listed.
    pub fn of(dialect: &'static Dialect, model: &str) -> Self {
        let model = dialect.model(model).unwrap_or_else(|| panic!("no model {model}"));
        let mut rig = Self {
            module: Module::new(dialect, model),
            broker: State::new(BrokerOptions::default()),
            dialect,
            now: Moment::now(),
            connections: BTreeMap::new(),
            unknown_names: BTreeSet::new(),
            broker_down: false,
            muted: false,
            printed: Vec::new(),
            sent: Vec::new(),
        };
        rig.type_in(b"ATE0\rAT+CMEE=1\r");
        rig.printed.clear();
        rig
    }

    /// The same with a client that is connected, and with these faults from then on.
    pub fn connected(model: &str, faults: &[&str]) -> Self {
        let mut rig = Self::new(model);
        rig.connect();
        for fault in faults {
            rig.inject(fault);
        }
        rig
    }

    pub fn connect(&mut self) {
        assert!(self.answer("AT+QMTOPEN=0,\"h\",1883\r").contains("+QMTOPEN: 0,0"));
        assert!(self.answer("AT+QMTCONN=0,\"c\"\r").contains("+QMTCONN: 0,0,0"));
    }

    pub fn inject(&mut self, fault: &str) {
        self.module.inject(fault.parse::<Injection>().unwrap());
    }

    /// Heals one fault, or all, and tells what is printed then.
    pub fn heal(&mut self, fault: Option<Fault>) -> String {
        self.module.heal(fault);
        self.answer("")
    }

    /// What is printed within that time.
    pub fn after(&mut self, milliseconds: u64) -> String {
        self.elapse(Duration::from_millis(milliseconds));
        self.take()
    }

    /// What the module prints when these bytes come in.
    pub fn answer(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.type_in(bytes.as_ref());
        self.take()
    }

    /// What it has printed since.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.printed).escape_ascii().to_string()
    }

    pub fn type_in(&mut self, bytes: &[u8]) {
        self.module.receive(bytes, self.now);
        self.pump();
    }

    pub fn elapse(&mut self, duration: Duration) {
        let target = self.now + duration;
        while let Some(due) = [self.module.next_timeout(), self.broker.deadline()]
            .into_iter()
            .flatten()
            .min()
            && due <= target
        {
            self.now = self.now.max(due);
            self.module.tick(self.now);
            self.broker.tick(self.now);
            self.pump();
        }
        self.now = target;
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: u8, retain: bool) {
        let qos = QoS::from_u8(qos).unwrap();
        self.broker
            .publish(topic, payload.to_vec().into(), qos, retain)
            .unwrap();
        self.pump();
    }

    pub fn drop_clients(&mut self) {
        self.broker.drop_clients();
        self.pump();
    }

    pub fn set_broker_silent(&mut self, on: bool) {
        self.broker.mute(on);
        self.pump();
    }

    pub fn set_broker_down(&mut self, down: bool) {
        self.broker_down = down;
    }

    pub fn forget_name(&mut self, name: &str) {
        self.unknown_names.insert(name.to_string());
    }

    pub fn restart(&mut self) {
        self.module.restart(self.now);
        self.pump();
    }

    pub fn set_network(&mut self, up: bool) {
        self.module.set_network(up, Parting::Silent, self.now);
        self.pump();
    }

    pub fn set_registration(&mut self, stat: u8) {
        let registration = Registration::new(stat).unwrap();
        self.module.set_registration(registration, self.now);
        self.pump();
    }

    pub fn set_cell(&mut self, area: u16, cell: u32) {
        self.module.set_cell(area, cell, self.now);
        self.pump();
    }

    pub fn set_sim(&mut self, state: &str) {
        self.module.set_sim(state.parse().unwrap(), self.now);
        self.pump();
    }

    pub fn power_off(&mut self) {
        self.module.power_off(Parting::Silent, self.now);
        self.pump();
    }

    pub fn power_on(&mut self) {
        self.module.power_on(self.now);
        self.pump();
    }

    /// What no broker sends.
    pub fn babble(&mut self, bytes: &[u8]) {
        for connection in self.connections.keys() {
            self.module.tell(*connection, ConnectionEvent::Data(bytes), self.now);
        }
        self.pump();
    }

    /// Carries bytes to and fro until nobody has anything to say.
    fn pump(&mut self) {
        loop {
            self.printed.extend(self.module.take_output());
            if let Some(action) = self.module.next_action() {
                self.carry_out(action);
            } else if !self.deliver() {
                return;
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { connection, host, .. } => {
                let event = if self.unknown_names.contains(&host) {
                    ConnectionEvent::Failed(Failure::NameUnknown)
                } else if self.broker_down {
                    ConnectionEvent::Failed(Failure::Unreachable)
                } else {
                    self.connections
                        .insert(connection, self.broker.accept(self.now).unwrap());
                    ConnectionEvent::Connected
                };
                self.module.tell(connection, event, self.now);
            }
            // Every host that has a name answers alike.
            Action::Ping { ping, host, .. } => {
                let outcome = if self.unknown_names.contains(&host) {
                    Err(Failure::NameUnknown)
                } else if self.broker_down {
                    Err(Failure::Unreachable)
                } else {
                    Ok(PingReply {
                        address: Ipv4([192, 0, 2, 7]),
                        took: Duration::from_millis(48),
                        ttl: 55,
                    })
                };
                self.module.tell_ping(ping, outcome, self.now);
            }
            Action::Send { connection, bytes } => {
                self.sent.extend(&bytes);
                if let Some(id) = self.connections.get(&connection).filter(|_| !self.muted) {
                    self.broker.receive(*id, &bytes, self.now);
                }
            }
            // Nothing comes to the broker any more, and nothing from it.
            Action::Abandon { connection } => drop(self.connections.remove(&connection)),
            Action::Close { connection } => {
                if let Some(id) = self.connections.remove(&connection) {
                    self.broker.lost(id);
                }
            }
        }
    }

    fn deliver(&mut self) -> bool {
        for (connection, id) in &self.connections {
            let (connection, id) = (*connection, *id);
            let bytes = self.broker.pending(id).to_vec();
            if !bytes.is_empty() {
                self.broker.sent(id, bytes.len());
                self.module.tell(connection, ConnectionEvent::Data(&bytes), self.now);
                return true;
            }
            if self.broker.disposition(id) != Disposition::Open {
                self.broker.lost(id);
                self.connections.remove(&connection);
                self.module.tell(connection, ConnectionEvent::Closed, self.now);
                return true;
            }
        }
        false
    }
}
