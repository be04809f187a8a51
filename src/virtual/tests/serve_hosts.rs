//! What hosts that come, go and do not read are given.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod serve_support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use modemqtt_virtual::VirtualModem;
use modemqtt_virtual::module::Signal;
use modemqtt_virtual::script::{Expectation, Step};
use serve_support::*;

const OK: &str = "\r\nOK\r\n";

/// A broker made by hand, so that a test knows what the module has read: it has acknowledged what came last.
struct Broker(TcpStream);

impl Broker {
    /// Connects client 0 of the module to it.
    fn connect(host: &mut Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        host.ask("ATE0\r", OK);
        host.ask(&format!("AT+QMTOPEN=0,\"127.0.0.1\",{port}\r"), "\r\n+QMTOPEN: 0,0\r\n");
        let mut stream = listener.accept().unwrap().0;
        host.send("AT+QMTCONN=0,\"bench-7\"\r");
        let mut packet = [0; 2];
        stream.read_exact(&mut packet).unwrap();
        stream.read_exact(&mut vec![0; packet[1].into()]).unwrap();
        stream.write_all(b"\x20\x02\x00\x00").unwrap();
        host.expect("\r\n+QMTCONN: 0,0,0\r\n");
        Self(stream)
    }

    /// Sends this many messages of 1000 bytes, and returns when the module has read them all.
    fn publish(&mut self, count: usize) {
        let payload = "x".repeat(1000);
        for _ in 0..count {
            // 2 bytes of length and the topic come before the payload: 1003 is 0xEB 0x07.
            self.0
                .write_all(&[b"\x30\xeb\x07\x00\x01t", payload.as_bytes()].concat())
                .unwrap();
        }
        self.0.write_all(b"\x32\x06\x00\x01t\x00\x09!").unwrap();
        let mut puback = [0; 4];
        self.0.read_exact(&mut puback).unwrap();
        assert_eq!(&puback, b"\x40\x02\x00\x09");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_printed_while_no_host_is_there_goes_nowhere() {
    let modem = start("M95");
    modem.restart();
    let mut host = Host::on_pty(&modem);
    host.ask_alone("AT\r", "AT\r\r\nOK\r\n");
    let mut broker = Broker::connect(&mut host);
    for count in [1, 30, 900] {
        drop(host);
        broker.publish(count);
        modem.set_signal(Signal::of(20, 0)); // what it has printed is written
        host = Host::on_pty(&modem);
        host.ask_alone("AT+CSQ\r", "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
        broker.publish(1);
        host.expect("\r\n+QMTRECV: 0,9,\"t\",!\r\n");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_one_host_has_not_read_is_not_given_to_the_next() {
    let modem = start("M95");
    let mut host = Host::on_pty(&modem);
    let mut broker = Broker::connect(&mut host);
    for count in [1, 30, 900] {
        broker.publish(count);
        modem.set_signal(Signal::of(20, 0));
        drop(host);
        modem.set_signal(Signal::of(20, 0)); // it has seen the host leave
        host = Host::on_pty(&modem);
        host.ask_alone("AT+CSQ\r", "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    }
}

#[test]
fn a_host_that_writes_at_once_loses_nothing() {
    let modem = start("M95");
    for _ in 0..300 {
        Host::on_pty(&modem).ask("AT\r", "AT\r\r\nOK\r\n");
    }
    for _ in 0..300 {
        // What it wrote before it left still counts, and its answer is nobody's.
        Host::on_pty(&modem).send("AT+CSQ\r");
    }
    modem.set_signal(Signal::of(20, 0));
    Host::on_pty(&modem).ask("AT\r", "AT\r\r\nOK\r\n");
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_host_wrote_before_it_left_is_carried_out() {
    let modem = start("M95");
    Host::on_pty(&modem).send("ATE0\r");
    let mut host = Host::on_pty(&modem);
    host.ask("AT+CSQ\r", "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    host.ask_alone("AT\r", OK);
}

#[cfg(target_os = "linux")]
#[test]
fn another_host_that_looks_in_takes_nothing_from_the_first() {
    let modem = start("M95");
    let mut host = Host::on_pty(&modem);
    let mut broker = Broker::connect(&mut host);
    broker.publish(0);
    modem.set_signal(Signal::of(20, 0));
    drop(Host::on_pty(&modem));
    modem.set_signal(Signal::of(20, 0));
    host.expect("\r\n+QMTRECV: 0,9,\"t\",!\r\n");
    broker.publish(0);
    host.expect("\r\n+QMTRECV: 0,9,\"t\",!\r\n");
}

#[cfg(target_os = "linux")]
#[test]
fn hosts_that_open_it_at_once_and_leave_take_nothing_from_one_that_stays() {
    let modem = start("M95");
    for _ in 0..30 {
        let [mut host, others @ ..] = [(); 4].map(|()| Host::on_pty(&modem));
        host.send("AT\r");
        modem.set_signal(Signal::of(20, 0)); // the answer is written
        for other in others {
            drop(other);
            modem.set_signal(Signal::of(20, 0)); // it has seen it leave
        }
        host.ask_alone("", "AT\r\r\nOK\r\n");
    }
}

/// A host on a PTY, and one on TCP.
fn both() -> [(VirtualModem, Host); 2] {
    let (on_pty, on_tcp) = (start("M95"), VirtualModem::start(over_tcp("M95")).unwrap());
    let (first, second) = (Host::on_pty(&on_pty), Host::on_tcp(&on_tcp));
    [(on_pty, first), (on_tcp, second)]
}

#[test]
fn a_slow_host_loses_no_message_because_the_broker_waits() {
    for (modem, mut host) in both() {
        let mut broker = Broker::connect(&mut host);
        let mut answer = Expectation::new("AT+COPS=?").unwrap();
        answer.steps = vec![Step::Line(vec![b'x'; 1000]); 1000];
        modem.expect(answer);
        host.send("AT+COPS=?\r");
        // The way is full before the host reads.
        while modem.commands().last().is_none_or(|line| line != "AT+COPS=?") {
            thread::yield_now();
        }
        thread::scope(|scope| {
            scope.spawn(|| broker.publish(3_000));
            assert!(host.until(|read| read.ends_with(b"+QMTRECV: 0,9,\"t\",!\r\n")));
        });
        let message = format!("\r\n+QMTRECV: 0,0,\"t\",{}\r\n", "x".repeat(1000));
        let read = String::from_utf8(host.read).unwrap();
        assert_eq!(read.matches(&message).count(), 3_000);
    }
}

#[test]
fn a_slow_host_loses_whole_lines_that_come_of_nothing_and_no_answer() {
    for (modem, mut host) in both() {
        host.ask("ATE0\r", OK);
        let line = format!("+N: {}", "x".repeat(1000));
        for _ in 0..12_000 {
            modem.urc(line.clone().into());
        }
        host.send("AT+CSQ\r");
        assert!(host.until(|read| read.ends_with(b"+CSQ: 20,0\r\n\r\nOK\r\n")));
        let read = String::from_utf8(host.read).unwrap();
        let lines: Vec<_> = read.split("\r\n").filter(|line| !line.is_empty()).collect();
        let (urcs, _answer) = lines.split_last_chunk::<2>().unwrap();
        assert!(urcs.iter().all(|urc| *urc == line), "{urcs:?}");
        assert!((500..12_000).contains(&urcs.len()), "{}", urcs.len());
    }
}

/// The superuser may open a locked port as well.
#[cfg(target_os = "linux")]
#[test]
fn the_lock_of_a_host_ends_with_it_and_not_with_another() {
    let modem = start("M95");
    for _ in 0..3 {
        let mut host = Host::on_pty(&modem);
        host.ask("AT\r", OK);
        rustix::termios::ioctl_tiocexcl(&host.port).unwrap();
        if !rustix::process::geteuid().is_root() {
            assert!(std::fs::File::open(modem.port()).is_err());
        }
        drop(host);
        modem.set_signal(Signal::of(20, 0));
    }
}
