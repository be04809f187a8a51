//! What the module prints, at random, against the host: its framer, its reader and its session.
//!
//! Whatever comes, nothing panics, nothing is kept without bound, every call ends, and a module that answers again is
//! understood again. No part of a password shows, however its echo is broken.

#![no_main]

mod input;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use input::{Op, Start, calls};
use libfuzzer_sys::fuzz_target;
use modemqtt_host::call::{Call, Event, Reply, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::session::Session;
use modemqtt_os::Moment;

/// The longest payload that is waited for, and what may come with it in one read.
const MOST_BUFFERED: usize = 128 * 1024 + 64 * 1024;
/// Longer than all waits of a call together: opening, two tries of it, and a set-up before.
const LONGEST_CALL: Duration = Duration::from_secs(3600);
/// A module that answers for ever prints lines of this length, as many as no answer has.
const LONG_LINE: usize = 7 * 1024;
const LINES_WITHOUT_END: usize = 160;

fuzz_target!(|bytes: &[u8]| {
    let Some((start, ops)) = Start::read(bytes) else { return };
    let mut bench = Bench::new(&start, input::password(bytes));
    for op in input::ops(ops) {
        bench.play(op);
    }
    bench.every_call_ends();
    bench.answers_again();
});

struct Bench {
    session: Session,
    now: Moment,
    open: HashSet<Ticket>,
    ended: Vec<(Ticket, Result<Reply, Error>)>,
    tickets: u64,
    sent: Vec<u8>,
    flooded: bool,
    /// No part of it may show.
    password: String,
    /// The last lines of the wire, for whoever looks at a finding.
    wire: VecDeque<String>,
}

impl Bench {
    fn new(start: &Start, password: String) -> Self {
        let mut bench = Self {
            session: Session::new(start.model, 115_200),
            now: Moment::now(),
            open: HashSet::new(),
            ended: Vec::new(),
            tickets: 0,
            sent: Vec::new(),
            flooded: false,
            password,
            wire: VecDeque::new(),
        };
        bench.submit(Call::SetUp, None);
        if start.connected {
            bench.polite();
            for call in calls(&bench.password).into_iter().take(2) {
                bench.submit(call, None);
                bench.polite();
            }
        }
        bench
    }

    fn play(&mut self, op: Op<'_>) {
        match op {
            Op::Print(bytes) => self.session.receive(bytes, self.now),
            Op::Call(at) => {
                let mut menu = calls(&self.password);
                let at = usize::from(at) % menu.len();
                self.submit(menu.swap_remove(at), None);
            }
            Op::HurriedCall(at) => {
                let mut menu = calls(&self.password);
                let at = usize::from(at) % menu.len();
                self.submit(menu.swap_remove(at), Some(Duration::from_millis(100)));
            }
            Op::Elapse(time) => self.elapse(time),
            Op::Answer => self.polite(),
            Op::Echo => {
                let sent = std::mem::take(&mut self.sent);
                self.session.receive(&sent, self.now);
            }
            Op::HalfEcho => {
                let half: Vec<u8> = self.sent.drain(..self.sent.len() / 2).collect();
                self.session.receive(&half, self.now);
            }
            Op::Flood => self.flood(),
        }
        self.take_output();
        assert!(
            self.session.buffered() <= MOST_BUFFERED,
            "{} bytes are kept",
            self.session.buffered()
        );
    }

    /// An answer without an end. Once is enough; more would only take time.
    fn flood(&mut self) {
        if std::mem::replace(&mut self.flooded, true) {
            return;
        }
        let line = format!("\r\n+COPS: {}\r\n", "x".repeat(LONG_LINE));
        for _ in 0..LINES_WITHOUT_END {
            self.session.receive(line.as_bytes(), self.now);
            self.take_output();
        }
    }

    fn submit(&mut self, call: Call, timeout: Option<Duration>) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.open.insert(ticket);
        self.session.submit(ticket, call, timeout, self.now);
        self.take_output();
        ticket
    }

    fn elapse(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes = 0;
        while let Some(at) = self.session.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.take_output();
            wakes += 1;
            assert!(wakes < 100_000, "woken again and again");
        }
        self.now = end;
    }

    /// A module that carries everything out: each line, and each data phase.
    fn polite(&mut self) {
        for _ in 0..64 {
            let sent = String::from_utf8_lossy(&std::mem::take(&mut self.sent)).into_owned();
            if sent.is_empty() {
                return;
            }
            for line in sent.split('\r') {
                self.answer(line.trim_start_matches('\x1b'));
            }
            self.take_output();
        }
    }

    fn answer(&mut self, line: &str) {
        let Some(command) = line.strip_prefix("AT") else { return };
        let (name, rest) = command.split_at(command.find(['=', '?']).unwrap_or(command.len()));
        let client = rest.chars().find(char::is_ascii_digit).unwrap_or('0');
        let id: String = rest
            .split(',')
            .nth(1)
            .unwrap_or("0")
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let mut print = |text: String| self.session.receive(text.as_bytes(), self.now);
        match name {
            "+CMEE" if rest == "?" => print("\r\n+CMEE: 1\r\n\r\nOK\r\n".into()),
            "+CSQ" => print("\r\n+CSQ: 20,0\r\n\r\nOK\r\n".into()),
            "+CGMM" => print("\r\nQuectel_M95\r\n\r\nOK\r\n".into()),
            "+QMTPUB" | "+QMTPUBEX" => {
                print("\r\n> ".into());
                self.take_output();
                self.sent.clear();
                self.session.receive(
                    format!("\r\nOK\r\n\r\n{name}: {client},{id},0\r\n").as_bytes(),
                    self.now,
                );
            }
            "+QMTSUB" => print(format!("\r\nOK\r\n\r\n{name}: {client},{id},0,1\r\n")),
            "+QMTUNS" => print(format!("\r\nOK\r\n\r\n{name}: {client},{id},0\r\n")),
            "+QMTCONN" if rest != "?" => print(format!("\r\nOK\r\n\r\n{name}: {client},0,0\r\n")),
            "+QMTOPEN" | "+QMTCLOSE" | "+QMTDISC" if rest != "?" => {
                print(format!("\r\nOK\r\n\r\n{name}: {client},0\r\n"));
            }
            _ => print("\r\nOK\r\n".into()),
        }
    }

    fn take_output(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            self.sent.extend(bytes);
        }
        while let Some(piece) = self.session.poll_wire() {
            let Some(entry) = piece.entry() else { continue };
            shows_nothing_of(&self.password, &entry.text);
            self.wire
                .push_back(format!("{} {}", if entry.sent { '>' } else { '<' }, entry.text));
        }
        while self.wire.len() > 40 {
            self.wire.pop_front();
        }
        while let Some(event) = self.session.poll_event() {
            if let Event::Urc(line) = &event {
                shows_nothing_of(&self.password, line);
            }
            if let Event::Ended(ticket, result) = event {
                assert!(self.open.remove(&ticket), "{ticket:?} has ended twice, or never began");
                self.ended.push((ticket, *result));
            }
        }
    }

    fn every_call_ends(&mut self) {
        self.elapse(LONGEST_CALL * u32::try_from(self.open.len() + 1).unwrap_or(u32::MAX));
        assert!(self.open.is_empty(), "{:?} have not ended", self.open);
    }

    /// The module answers again: it is found, and its next answer is understood.
    fn answers_again(&mut self) {
        self.sent.clear();
        // As open() does.
        let result = self.politely(Call::SetUp);
        assert!(
            result == Ok(Reply::Done),
            "the set-up has ended with {result:?}: {:#?}",
            self.wire
        );
        let result = self.politely(Call::command("AT+CSQ"));
        let understood =
            matches!(&result, Ok(Reply::Response { lines }) if lines.iter().any(|line| line == "+CSQ: 20,0"));
        assert!(understood, "AT+CSQ has ended with {result:?}: {:#?}", self.wire);
    }

    /// How a call ends while the module answers as it should.
    fn politely(&mut self, call: Call) -> Result<Reply, Error> {
        let ticket = self.submit(call, None);
        for _ in 0..20 {
            self.polite();
            self.elapse(Duration::from_millis(1_500));
            if let Some(at) = self.ended.iter().position(|(ended, _)| *ended == ticket) {
                return self.ended.swap_remove(at).1;
            }
        }
        panic!("the call has not ended within 30 s");
    }
}

/// Six characters of a secret in a row are a part of it.
fn shows_nothing_of(secret: &str, text: &str) {
    let mut parts = secret.as_bytes().windows(6);
    let shows = parts.any(|part| text.as_bytes().windows(6).any(|shown| shown == part));
    assert!(!shows, "a part of {secret} shows in {text:?}");
}
