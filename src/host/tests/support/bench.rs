//! A session whose module is played by hand.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use modemqtt_at::{ClientIndex, Qos, dialect};
use modemqtt_host::call::{Call, Event, Reply, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::session::Session;
use modemqtt_os::Moment;

pub(crate) const CLIENT: ClientIndex = ClientIndex(0);
pub(crate) const OK: &[u8] = b"\r\nOK\r\n";
/// The answer to the question that ends a set-up.
pub(crate) const PROBED: &[u8] = b"\r\n+CMEE: 1\r\n\r\nOK\r\n";

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The value of `ended` for a command answered with these lines.
#[expect(clippy::unnecessary_wraps, reason = "compared with what ended() gives")]
pub(crate) fn response(lines: &[&str]) -> Option<Result<Reply, Error>> {
    Some(Ok(Reply::Response {
        lines: lines.iter().map(ToString::to_string).collect(),
    }))
}

pub(crate) struct Bench {
    pub(crate) session: Session,
    now: Moment,
    pub(crate) events: Vec<Event>,
    tickets: u64,
}

impl Bench {
    /// A session that has not contacted the module yet.
    pub(crate) fn fresh(model: &str) -> Self {
        let model = dialect::of_model(model).expect("a known model");
        Self {
            session: Session::new(Some(model), 115_200),
            now: Moment::now(),
            events: Vec::new(),
            tickets: 0,
        }
    }

    /// A session that must ask for the model.
    pub(crate) fn unknown() -> Self {
        Self {
            session: Session::new(None, 115_200),
            ..Self::fresh("M95")
        }
    }

    pub(crate) fn set_up(model: &str) -> Self {
        let mut bench = Self::fresh(model);
        let ticket = bench.submit(Call::SetUp);
        bench.answers_set_up();
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
        bench
    }

    /// The module accepts the set-up of a known model, line by line.
    pub(crate) fn answers_set_up(&mut self) {
        self.answers(&[
            ("AT\r", OK),
            ("ATE0\r", OK),
            ("AT+CMEE=1\r", OK),
            ("AT+CMEE?\r", PROBED),
        ]);
    }

    /// The module answers each of these lines, and is sent nothing else.
    pub(crate) fn answers(&mut self, exchanges: &[(&str, &[u8])]) {
        for (line, answer) in exchanges {
            assert_eq!(self.sent(), *line);
            self.feed(answer);
        }
    }

    /// Client 0 connected.
    pub(crate) fn connected(model: &str) -> Self {
        let mut bench = Self::set_up(model);
        let ticket = bench.open();
        while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
            bench.feed(OK);
            if line.starts_with("AT+QMTOPEN") {
                bench.feed(b"\r\n+QMTOPEN: 0,0\r\n");
            }
        }
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
        let call = Call::connect(CLIENT, "b".into(), None, None);
        let ticket = bench.submit(call);
        assert_eq!(bench.sent(), "AT+QMTCONN=0,\"b\"\r");
        bench.feed(b"\r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n");
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
        bench
    }

    pub(crate) fn submit(&mut self, call: Call) -> Ticket {
        self.submit_for(call, None)
    }

    pub(crate) fn submit_for(&mut self, call: Call, timeout: Option<Duration>) -> Ticket {
        self.tickets += 1;
        self.session.submit(Ticket(self.tickets), call, timeout, self.now);
        Ticket(self.tickets)
    }

    pub(crate) fn open(&mut self) -> Ticket {
        self.submit(Call::Open {
            client: CLIENT,
            host: "h".into(),
            port: 1883,
        })
    }

    pub(crate) fn command(&mut self, line: &str) -> Ticket {
        self.submit(Call::command(line))
    }

    pub(crate) fn publish(&mut self, payload: &[u8]) -> Ticket {
        self.submit(Call::Publish {
            client: CLIENT,
            topic: "t".into(),
            payload: payload.to_vec(),
            qos: Qos::AtLeastOnce,
            retain: false,
            form: None,
        })
    }

    /// The message id of the last call that began.
    pub(crate) fn last_id(&mut self) -> u16 {
        self.collect();
        let ids = self.events.iter().rev().find_map(|event| match event {
            Event::Started(_, id) => *id,
            _ => None,
        });
        ids.map_or(0, |id| id.0)
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.session.receive(bytes, self.now);
    }

    pub(crate) fn sent(&mut self) -> String {
        String::from_utf8_lossy(&self.sent_bytes()).into_owned()
    }

    pub(crate) fn sent_bytes(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.session.poll_transmit()).flatten().collect()
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Lets time pass; returns how often the session woke.
    pub(crate) fn elapse(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut wakes = 0;
        while let Some(at) = self.session.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            wakes += 1;
        }
        self.now = end;
        wakes
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    pub(crate) fn ended(&mut self, ticket: Ticket) -> Option<Result<Reply, Error>> {
        self.collect();
        let at = self
            .events
            .iter()
            .position(|event| matches!(event, Event::Ended(ended, _) if *ended == ticket))?;
        match self.events.remove(at) {
            Event::Ended(_, result) => Some(*result),
            _ => None,
        }
    }

    pub(crate) fn restarted(&mut self) -> usize {
        self.collect();
        self.events
            .iter()
            .filter(|event| matches!(event, Event::Restarted))
            .count()
    }
}
