//! A session with its kept sessions, and a virtual module, on a simulated line and clock.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[path = "../../../virtual/tests/rig/mod.rs"]
pub(crate) mod rig;

use std::collections::BTreeMap;
use std::time::Duration;

use modemqtt_at::{ClientIndex, Qos, dialect};
use modemqtt_host::call::{Call, ClientState, Event, Message, Reply, Submission, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::keep::Upkeep;
use modemqtt_host::session::Session;
use modemqtt_os::Moment;
use rig::Rig;

pub(crate) const CLIENT: ClientIndex = ClientIndex(0);

/// Something that happens to a module.
pub(crate) type Befall = fn(&mut Rig);

/// Both ends, and what the program was told.
pub(crate) struct Pair {
    pub(crate) host: Upkeep,
    pub(crate) rig: Rig,
    pub(crate) now: Moment,
    /// The bytes of the host, line by line.
    pub(crate) sent: Vec<u8>,
    pub(crate) chunk: usize,
    pub(crate) tickets: u64,
    pub(crate) ended: Vec<(Ticket, Result<Reply, Error>)>,
    pub(crate) messages: Vec<Message>,
    pub(crate) interim: Vec<String>,
    pub(crate) others: Vec<String>,
    /// The events of kept sessions.
    pub(crate) told: Vec<Event>,
    pub(crate) state: ClientState,
    /// The last state that the program was told of each client, by index.
    pub(crate) states: BTreeMap<u8, ClientState>,
    /// The line loses the second half of the next data of a hundred bytes or more, with whatever ends them.
    pub(crate) half_of_the_data: bool,
    /// What happens to the module after it has received this many more pieces from the host.
    pub(crate) befalls: Option<(usize, Befall)>,
}

impl Pair {
    pub(crate) fn new(model: &str, chunk: usize) -> Self {
        Self::of(Session::new(None, 115_200), model, chunk)
    }

    pub(crate) fn of(session: Session, model: &str, chunk: usize) -> Self {
        let mut pair = Self {
            host: Upkeep::new(session),
            rig: Rig::new(model),
            now: Moment::now(),
            sent: Vec::new(),
            chunk,
            tickets: 0,
            ended: Vec::new(),
            messages: Vec::new(),
            interim: Vec::new(),
            others: Vec::new(),
            told: Vec::new(),
            state: ClientState::Closed,
            states: BTreeMap::new(),
            half_of_the_data: false,
            befalls: None,
        };
        assert_eq!(pair.call(Call::SetUp), Ok(Reply::Done), "{model}");
        pair
    }

    pub(crate) fn connected(model: &str, chunk: usize) -> Self {
        let mut pair = Self::new(model, chunk);
        pair.log_in();
        pair
    }

    pub(crate) fn log_in(&mut self) {
        self.open().expect("an open connection");
        let call = Call::connect(CLIENT, "bench".into(), None, None);
        assert_eq!(self.call(call), Ok(Reply::Done));
    }

    pub(crate) fn open(&mut self) -> Result<Reply, Error> {
        self.call(Call::Open {
            client: CLIENT,
            host: "broker.lab".into(),
            port: 1883,
        })
    }

    pub(crate) fn submit(&mut self, call: impl Into<Submission>) -> Ticket {
        self.submit_for(call, None)
    }

    /// Begins a call with a time limit.
    pub(crate) fn submit_for(&mut self, call: impl Into<Submission>, timeout: Option<Duration>) -> Ticket {
        self.tickets += 1;
        self.host.submit(Ticket(self.tickets), call, timeout, self.now);
        self.pump();
        Ticket(self.tickets)
    }

    /// Carries out a call, letting time pass until it ends.
    pub(crate) fn call(&mut self, call: impl Into<Submission>) -> Result<Reply, Error> {
        let ticket = self.submit(call);
        for _ in 0..100_000 {
            if let Some(at) = self.ended.iter().position(|(ended, _)| *ended == ticket) {
                return self.ended.remove(at).1;
            }
            self.elapse(Duration::from_millis(100));
        }
        panic!("the call did not end");
    }

    pub(crate) fn elapse(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let next = self.host.next_timeout().map_or(end, |at| at.clamp(self.now, end));
            self.rig.elapse(next - self.now);
            self.now = next;
            self.pump();
            self.host.handle_timeout(self.now);
            self.pump();
        }
    }

    pub(crate) fn pump(&mut self) {
        loop {
            let sent = self.host.poll_transmit();
            if let Some(bytes) = &sent {
                self.befall();
                let cut = self.half_of_the_data && bytes.len() >= 100;
                let bytes = if cut { &bytes[..bytes.len() / 2] } else { bytes };
                self.half_of_the_data &= !cut;
                self.sent.extend(bytes);
                for chunk in bytes.chunks(self.chunk) {
                    self.rig.type_in(chunk);
                }
            }
            let printed = std::mem::take(&mut self.rig.printed);
            for chunk in printed.chunks(self.chunk) {
                self.host.receive(chunk, self.now);
            }
            self.collect();
            if sent.is_none() && printed.is_empty() {
                return;
            }
        }
    }

    fn befall(&mut self) {
        match &mut self.befalls {
            Some((0, befall)) => {
                befall(&mut self.rig);
                self.befalls = None;
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
    }

    pub(crate) fn collect(&mut self) {
        while self.host.poll_wire().is_some() {}
        while let Some(event) = self.host.poll_event() {
            match event {
                Event::Ended(ticket, result) => self.ended.push((ticket, *result)),
                Event::Message(message) => self.messages.push(message),
                Event::Accepted(ticket) => self.interim.push(format!("accepted {}", ticket.0)),
                Event::Retransmitting(ticket, times) => self.interim.push(format!("again {} {times}", ticket.0)),
                Event::Lost(client, code) => self.others.push(format!("lost {client} {}", code.0)),
                Event::Urc(line) => self.others.push(line),
                Event::Restarted => self.others.push("restarted".into()),
                Event::Reopening(client, _) => self.others.push(format!("reopening {client}")),
                Event::Overrun(client) => self.others.push(format!("overrun {client}")),
                Event::Client(client, state) => {
                    self.states.insert(client.0, state.clone());
                    self.state = state;
                }
                told @ (Event::Reconnecting(..)
                | Event::Reconnected(_)
                | Event::ReconnectFailed(..)
                | Event::Unkept(_)) => self.told.push(told),
                Event::Started(..)
                | Event::Sent(_)
                | Event::Identified(..)
                | Event::Opened { .. }
                | Event::Uploading(..) => {}
            }
        }
    }
}

pub(crate) fn publish(payload: &[u8], qos: Qos) -> Call {
    Call::Publish {
        client: CLIENT,
        topic: "bench/t".into(),
        payload: payload.to_vec(),
        qos,
        retain: false,
        form: None,
    }
}

pub(crate) fn each_model(test: impl Fn(&str, usize)) {
    for (_, model) in dialect::models() {
        for chunk in [1, 7, 4096] {
            test(model.name, chunk);
        }
    }
}
