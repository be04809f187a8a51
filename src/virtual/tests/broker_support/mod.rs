//! MQTT by hand: packets as bytes over a plain socket, so that the judge shares no code with the broker; and the brokers to judge.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "each test program uses its own part"
)]
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

/// Runs each function as a test against our broker and as a test against mosquitto.
macro_rules! behaviour {
    ($($name:ident,)*) => {
        mod ours {
            $(#[test] fn $name() {
                let subject = super::Subject::ours();
                super::$name(subject.port);
            })*
        }
        mod mosquitto {
            $(#[test] fn $name() {
                if let Some(subject) = super::Subject::mosquitto() {
                    super::$name(subject.port);
                }
            })*
        }
    };
}

mod packets;
mod subject;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

pub use packets::*;
pub use subject::Subject;

/// Far longer than anything takes: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client's end of a TCP connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Opens the TCP connection and sends nothing.
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Connects with a clean session and is let in.
    pub fn connect(port: u16, id: &str) -> Self {
        Self::connect_with(port, &Connect::new(id))
    }

    /// Connects and is let in, without an earlier session.
    pub fn connect_with(port: u16, connect: &Connect) -> Self {
        let mut client = Self::open(port);
        client.send(&connect.bytes());
        client.expect(&CONNACK);
        client
    }

    /// Connects to a session of before.
    pub fn resume(port: u16, connect: &Connect) -> Self {
        let mut client = Self::open(port);
        client.send(&connect.bytes());
        client.expect(&CONNACK_RESUMED);
        client
    }

    /// Connects, subscribes to one filter and has the QoS granted.
    pub fn subscribed(port: u16, id: &str, filter: &str, qos: u8) -> Self {
        let mut client = Self::connect(port, id);
        client.subscribe(filter, qos);
        client
    }

    pub fn subscribe(&mut self, filter: &str, qos: u8) {
        self.send(&subscribe(9, &[(filter, qos)]));
        self.expect(&suback(9, &[qos]));
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Publishes with QoS 1 and has it acknowledged: from then on every subscriber's copy is on its way.
    pub fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) {
        let message = Publish::new(topic, payload).qos(1, 77).retain(retain);
        self.send(&message.bytes());
        self.expect(&puback(77));
    }

    /// The next packet, whole.
    pub fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = whole_packet(&self.buffer) {
                return self.buffer.drain(..length).collect();
            }
            assert!(self.read(), "the connection was closed");
        }
    }

    #[track_caller]
    pub fn expect(&mut self, packet: &[u8]) {
        let received = self.receive();
        assert_eq!(brief(&received), brief(packet));
        assert!(received == packet, "the packets differ further on");
    }

    /// Both packets, in whichever order.
    #[track_caller]
    pub fn expect_both(&mut self, one: &[u8], other: &[u8]) {
        let mut received = [self.receive(), self.receive()];
        let mut expected = [one.to_vec(), other.to_vec()];
        received.sort();
        expected.sort();
        assert_eq!(received, expected);
    }

    /// Nothing is on its way: a PINGREQ is answered with nothing before it.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.send(&PINGREQ);
        self.expect(&PINGRESP);
    }

    /// The broker closes, with nothing further to say.
    #[track_caller]
    pub fn expect_close(&mut self) {
        while self.read() {}
        assert_eq!(brief(&self.buffer), "", "bytes before the close");
    }

    /// Nothing comes for so long, neither bytes nor the end.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let error = self.stream.read(&mut [0; 1]).expect_err("something came");
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{error}"
        );
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Closes the TCP connection without DISCONNECT.
    pub fn vanish(self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }

    /// DISCONNECT, and waits until the broker has closed.
    pub fn leave(mut self) {
        self.send(&DISCONNECT);
        self.expect_close();
    }

    /// Reads some more; false at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}

fn whole_packet(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.get(1..)?.iter().enumerate() {
        length += usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let total = length + index + 2;
            return (bytes.len() >= total).then_some(total);
        }
    }
    None
}

/// The start of a packet, readable, for messages.
fn brief(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(60)].escape_ascii().to_string()
}
