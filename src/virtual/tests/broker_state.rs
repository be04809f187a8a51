//! The state alone, on a clock of the test's own: what depends on time, and the bounds.
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod broker_support;

use std::time::Duration;

use broker_support::*;
use bytes::Bytes;
use modemqtt_os::Moment;
use modemqtt_virtual::broker::QoS;
use modemqtt_virtual::broker::state::{Disposition, SocketId, State};
use modemqtt_virtual::broker::{BrokerOptions, Limits};

/// A state, its clock, and a client at the end of every connection.
struct Bench {
    state: State,
    now: Moment,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let options = BrokerOptions {
            limits,
            ..BrokerOptions::default()
        };
        Self {
            state: State::new(options),
            now: Moment::now(),
        }
    }

    fn open(&mut self) -> SocketId {
        self.state.accept(self.now).unwrap()
    }

    fn connect(&mut self, connect: &Connect) -> SocketId {
        let id = self.open();
        self.send(id, &connect.bytes());
        assert_eq!(self.take(id), CONNACK);
        id
    }

    fn send(&mut self, id: SocketId, bytes: &[u8]) {
        self.state.receive(id, bytes, self.now);
    }

    fn take(&mut self, id: SocketId) -> Vec<u8> {
        let bytes = self.state.pending(id).to_vec();
        self.state.sent(id, bytes.len());
        bytes
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.state.tick(self.now);
    }

    fn publish(&mut self, payload: &[u8], qos: QoS) {
        self.publish_to("t", payload, qos);
    }

    fn publish_to(&mut self, topic: &str, payload: &[u8], qos: QoS) {
        let payload = Bytes::copy_from_slice(payload);
        self.state.publish(topic, payload, qos, false).unwrap();
    }

    fn is_open(&self, id: SocketId) -> bool {
        self.state.disposition(id) == Disposition::Open
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn patience_is_one_and_a_half_times_the_keep_alive() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.connect(&Connect::new("c").keep_alive(10));
    bench.pass(milliseconds(14_000));
    bench.send(id, &PINGREQ);
    assert_eq!(bench.state.deadline(), Some(bench.now + milliseconds(15_000)));
    bench.pass(milliseconds(14_999));
    assert!(bench.is_open(id));
    bench.pass(milliseconds(1));
    assert_eq!(bench.state.disposition(id), Disposition::Close);
}

#[test]
fn a_keep_alive_of_zero_never_ends() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.connect(&Connect::new("c").keep_alive(0));
    assert_eq!(bench.state.deadline(), None);
    bench.pass(Duration::from_secs(1_000_000));
    assert!(bench.is_open(id));
}

#[test]
fn half_a_packet_is_no_sign_of_life() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.connect(&Connect::new("c").keep_alive(10));
    bench.pass(milliseconds(10_000));
    bench.send(id, &PINGREQ[..1]);
    bench.pass(milliseconds(5_000));
    assert!(!bench.is_open(id));
}

#[test]
fn a_connection_without_a_connect_is_closed_in_the_end() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.open();
    bench.pass(milliseconds(29_999));
    assert!(bench.is_open(id));
    bench.pass(milliseconds(1));
    assert!(!bench.is_open(id));
}

#[test]
fn an_ignored_client_is_ignored_for_as_long_as_it_stays() {
    let mut bench = Bench::new(Limits::default());
    bench.state.ignore_connects(true);
    let id = bench.open();
    bench.send(id, &Connect::new("c").keep_alive(1).bytes());
    bench.send(id, &[0xFF; 100]);
    bench.pass(Duration::from_secs(1000));
    assert!(bench.is_open(id));
    assert!(bench.take(id).is_empty());
}

#[test]
fn a_refused_client_that_stays_is_closed_after_a_while() {
    let mut bench = Bench::new(Limits::default());
    bench.state.refuse(Some(3)).unwrap();
    let id = bench.open();
    bench.send(id, &Connect::new("c").bytes());
    assert_eq!(bench.take(id), connack_refusing(3));
    assert_eq!(bench.state.disposition(id), Disposition::ShutDown);
    bench.pass(milliseconds(5_000));
    assert_eq!(bench.state.disposition(id), Disposition::Close);
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_its_will_published() {
    let limits = Limits {
        output_bytes: 1000,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let id = bench.connect(&Connect::new("slow").will("will", "slow", 0, false));
    bench.send(id, &subscribe(1, &[("t", 0)]));
    bench.take(id);
    bench.publish(&[0; 900], QoS::Level0);
    assert!(bench.is_open(id));
    bench.publish(&[0; 900], QoS::Level0);
    assert_eq!(bench.state.disposition(id), Disposition::Close);
    assert_eq!(&*bench.state.messages()[2].topic, "will");
}

#[test]
fn a_full_queue_loses_the_newest_messages() {
    let limits = Limits {
        queue_messages: 2,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let connect = Connect::new("sub").persistent();
    let id = bench.connect(&connect);
    bench.send(id, &subscribe(1, &[("t", 1)]));
    bench.state.lost(id);
    for payload in [b"1", b"2", b"3"] {
        bench.publish(payload, QoS::Level1);
    }
    let id = bench.open();
    bench.send(id, &connect.bytes());
    let expected = [
        &CONNACK_RESUMED[..],
        &Publish::new("t", b"1").qos(1, 1).bytes(),
        &Publish::new("t", b"2").qos(1, 2).bytes(),
    ];
    assert_eq!(bench.take(id), expected.concat());
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    let limits = Limits {
        queue_bytes: 100,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let connect = Connect::new("sub").persistent();
    let id = bench.connect(&connect);
    bench.send(id, &subscribe(1, &[("t", 1)]));
    bench.state.lost(id);
    bench.publish(&[0; 200], QoS::Level1);
    bench.publish(b"small", QoS::Level1);
    let id = bench.open();
    bench.send(id, &connect.bytes());
    let small = Publish::new("t", b"small").qos(1, 1).bytes();
    assert_eq!(bench.take(id), [&CONNACK_RESUMED[..], &small].concat());
}

#[test]
fn the_queues_of_all_absent_clients_are_bounded_together() {
    let limits = Limits {
        all_queue_bytes: 100,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let clients = [Connect::new("first").persistent(), Connect::new("second").persistent()];
    for (at, connect) in clients.iter().enumerate() {
        let id = bench.connect(connect);
        bench.send(id, &subscribe(1, &[(["a", "b"][at], 1)]));
        bench.state.lost(id);
    }
    let publish = |bench: &mut Bench, topic: &str| bench.publish_to(topic, &[7; 60], QoS::Level1);
    publish(&mut bench, "a");
    // There is no room for both.
    publish(&mut bench, "b");
    let id = bench.open();
    bench.send(id, &clients[0].bytes());
    let kept = Publish::new("a", &[7; 60]).qos(1, 1).bytes();
    assert_eq!(bench.take(id), [&CONNACK_RESUMED[..], &kept].concat());
    publish(&mut bench, "b");
    let id = bench.open();
    bench.send(id, &clients[1].bytes());
    let kept = Publish::new("b", &[7; 60]).qos(1, 1).bytes();
    assert_eq!(bench.take(id), [&CONNACK_RESUMED[..], &kept].concat());
}

#[test]
fn connections_sessions_and_subscriptions_are_bounded() {
    let limits = Limits {
        connections: 2,
        sessions: 1,
        subscriptions: 1,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let first = bench.connect(&Connect::new("first"));
    let second = bench.open();
    assert_eq!(bench.state.accept(bench.now), None);
    bench.send(second, &Connect::new("second").bytes());
    assert_eq!(bench.take(second), connack_refusing(3));
    bench.send(first, &subscribe(1, &[("a", 1), ("b", 1)]));
    assert_eq!(bench.take(first), suback(1, &[1, 0x80]));
}

#[test]
fn retained_messages_are_bounded_and_still_replaced() {
    let limits = Limits {
        retained_messages: 1,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    for (topic, payload) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let payload = Bytes::from(payload);
        bench.state.publish(topic, payload, QoS::Level0, true).unwrap();
    }
    let id = bench.connect(&Connect::new("sub"));
    bench.send(id, &subscribe(1, &[("#", 0)]));
    let greeting = Publish::new("a", b"3").retain(true).bytes();
    assert_eq!(bench.take(id), [suback(1, &[0]), greeting].concat());
}

#[test]
fn ids_are_not_given_twice_while_in_use() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.connect(&Connect::new("sub"));
    bench.send(id, &subscribe(1, &[("t", 1)]));
    bench.take(id);
    bench.publish(b"kept", QoS::Level1);
    let kept = id_of(&bench.take(id));
    for _ in 0..70_000 {
        bench.publish(b"", QoS::Level1);
        let given = id_of(&bench.take(id));
        assert!(given != 0 && given != kept);
        bench.send(id, &puback(given));
    }
}

#[test]
fn wills_that_close_further_connections_are_all_published() {
    let limits = Limits {
        output_bytes: 50,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    let mut connections = Vec::new();
    for number in 0..20 {
        let name = format!("c{number:02}");
        let will = "w".repeat(60); // more than any of them can take
        let id = bench.connect(&Connect::new(&name).will("will", &will, 0, false));
        bench.send(id, &subscribe(1, &[("will", 0)]));
        bench.take(id);
        connections.push(id);
    }
    bench.state.lost(connections[0]);
    assert_eq!(bench.state.messages().len(), 20);
    assert_eq!(bench.state.clients(), Vec::<String>::new());
}

#[test]
fn a_taken_over_session_keeps_its_subscriptions() {
    let mut bench = Bench::new(Limits::default());
    let connect = Connect::new("c").persistent();
    let first = bench.connect(&connect);
    bench.send(first, &subscribe(1, &[("t", 1)]));
    let second = bench.open();
    bench.send(second, &connect.bytes());
    assert_eq!(bench.state.disposition(first), Disposition::Close);
    assert_eq!(bench.take(second), CONNACK_RESUMED);
    bench.state.lost(first);
    bench.publish(b"x", QoS::Level1);
    assert_eq!(bench.take(second), Publish::new("t", b"x").qos(1, 1).bytes());
}
