//! What only our broker does: be slow, silent, cut off in mid-packet, and gone for a while.
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod broker_support;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use broker_support::*;
use modemqtt_os::Moment;
use modemqtt_virtual::broker::state::{Disposition, SocketId, State};
use modemqtt_virtual::broker::{Broker, BrokerError, BrokerOptions, Limits, QoS};

const SECOND: Duration = Duration::from_secs(1);

fn start() -> Broker {
    Broker::start(BrokerOptions::default()).unwrap()
}

/// A state on a clock of its own, with one client.
struct Bench {
    state: State,
    now: Moment,
    client: SocketId,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let mut state = State::new(BrokerOptions {
            limits,
            ..BrokerOptions::default()
        });
        let now = Moment::now();
        let client = state.accept(now).unwrap();
        let mut bench = Self { state, now, client };
        bench.send(&Connect::new("c").will("will", "gone", 0, false).bytes());
        assert_eq!(bench.take(), CONNACK);
        bench
    }

    fn send(&mut self, bytes: &[u8]) {
        self.state.receive(self.client, bytes, self.now);
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = self.state.pending(self.client).to_vec();
        self.state.sent(self.client, bytes.len());
        bytes
    }

    fn pass(&mut self, time: Duration) -> Vec<u8> {
        self.now += time;
        self.state.tick(self.now);
        self.take()
    }

    fn is_closed(&self) -> bool {
        self.state.disposition(self.client) == Disposition::Close
    }
}

#[test]
fn a_slow_broker_sends_everything_late_and_in_order() {
    let mut bench = Bench::new(Limits::default());
    bench.state.slow(Some(2 * SECOND));
    bench.send(&PINGREQ);
    assert_eq!(bench.pass(SECOND), b"");
    bench.send(&Publish::new("t", b"x").qos(1, 7).bytes());
    assert_eq!(bench.state.deadline(), Some(bench.now + SECOND));
    assert_eq!(bench.pass(SECOND), PINGRESP);
    // What is on its way overtakes nothing and is not overtaken.
    bench.state.slow(None);
    bench.send(&PINGREQ);
    assert_eq!(bench.take(), b"");
    assert_eq!(bench.pass(SECOND), [puback(7), PINGRESP.to_vec()].concat());
    bench.send(&PINGREQ);
    assert_eq!(bench.take(), PINGRESP);
}

#[test]
fn a_slow_refusal_comes_before_the_connection_ends() {
    let mut bench = Bench::new(Limits::default());
    bench.state.slow(Some(10 * SECOND));
    bench.state.refuse(Some(5)).unwrap();
    bench.client = bench.state.accept(bench.now).unwrap();
    bench.send(&Connect::new("d").bytes());
    assert_eq!(bench.pass(9 * SECOND), b"");
    assert_eq!(bench.state.disposition(bench.client), Disposition::Open);
    bench.now += SECOND;
    bench.state.tick(bench.now);
    assert_eq!(bench.take(), connack_refusing(5));
}

#[test]
fn what_is_on_a_slow_way_is_bounded() {
    let mut bench = Bench::new(Limits {
        output_bytes: 1000,
        ..Limits::default()
    });
    bench.state.slow(Some(1000 * SECOND));
    let kept = (0..1000).take_while(|_| {
        bench.now += Duration::from_millis(1);
        bench.send(&PINGREQ);
        !bench.is_closed()
    });
    let kept = kept.count();
    assert!((10..100).contains(&kept), "{kept}");
}

#[test]
fn a_connection_is_cut_at_the_byte() {
    for (after, left) in [(0, &[][..]), (1, &[0xD0]), (2, &[0xD0, 0]), (3, &[0xD0, 0, 0xD0])] {
        let mut bench = Bench::new(Limits::default());
        bench.state.cut(Some(after));
        for _ in 0..2 {
            bench.send(&PINGREQ);
        }
        assert_eq!((bench.take().as_slice(), bench.is_closed()), (left, true), "{after}");
        assert_eq!(&*bench.state.messages()[0].topic, "will");
        // And so is each later one.
        bench.client = bench.state.accept(bench.now).unwrap();
        bench.send(&Connect::new("c").bytes());
        assert_eq!((bench.take().as_slice(), bench.is_closed()), (&CONNACK[..after], true));
        bench.state.cut(None);
        bench.client = bench.state.accept(bench.now).unwrap();
        bench.send(&Connect::new("c").bytes());
        assert_eq!((bench.take().as_slice(), bench.is_closed()), (&CONNACK[..], false));
    }
}

#[test]
fn what_is_slow_is_cut_when_it_arrives() {
    let mut bench = Bench::new(Limits::default());
    bench.state.slow(Some(SECOND));
    bench.state.cut(Some(1));
    bench.send(&PINGREQ);
    assert!(!bench.is_closed());
    assert_eq!(bench.pass(SECOND), [0xD0]);
    assert!(bench.is_closed());
}

#[test]
fn a_silent_broker_takes_everything_and_says_nothing_until_it_speaks_again() {
    let mut bench = Bench::new(Limits::default());
    bench.state.mute(true);
    bench.send(&PINGREQ);
    bench.send(&Publish::new("t", b"x").qos(1, 7).bytes());
    bench.send(&subscribe(8, &[("t", 1)]));
    bench.state.publish("t", "y".into(), QoS::Level1, false).unwrap();
    assert_eq!(bench.take(), b"");
    assert_eq!(bench.state.messages().len(), 2);
    let late = bench.state.accept(bench.now).unwrap();
    bench.state.receive(late, &Connect::new("late").bytes(), bench.now);
    assert_eq!(bench.state.pending(late), b"");
    bench.state.mute(false);
    bench.send(&PINGREQ);
    let again = Publish::new("t", b"y").qos(1, 1).dup().bytes();
    assert_eq!(bench.take(), [&again[..], &PINGRESP].concat());
}

#[test]
fn a_broker_that_was_stopped_listens_again_on_its_port_and_remembers() {
    let broker = start();
    let port = broker.port();
    let stays = Connect::new("stays").persistent().will("will", "gone", 1, true);
    let mut client = Client::connect_with(port, &stays);
    client.subscribe("t", 1);
    client.publish("kept", b"x", true);
    broker.stop(false).unwrap();
    client.expect_close();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    assert_eq!(broker.clients().unwrap(), Vec::<String>::new());
    // A broker that is killed publishes no will.
    assert_eq!(broker.messages().unwrap().len(), 1);
    broker.publish("t", "while it was away", QoS::Level1, false).unwrap();
    for _ in 0..2 {
        broker.resume().unwrap();
    }
    let mut client = Client::resume(port, &stays);
    assert!(client.receive().ends_with(b"while it was away"));
    client.subscribe("kept", 0);
    assert!(client.receive().ends_with(b"x"));
}

#[test]
fn a_broker_without_a_disk_forgets() {
    let broker = start();
    let stays = Connect::new("stays").persistent();
    let mut client = Client::connect_with(broker.port(), &stays);
    client.publish("kept", b"x", true);
    broker.stop(true).unwrap();
    broker.resume().unwrap();
    let mut client = Client::connect_with(broker.port(), &stays);
    client.subscribe("kept", 0);
    client.expect_nothing();
    // What was published is for the test to see, and stays.
    assert_eq!(broker.messages().unwrap().len(), 1);
}

#[test]
fn a_port_that_was_taken_meanwhile_is_an_error_and_a_closed_broker_stays_closed() {
    let broker = start();
    broker.stop(false).unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, broker.port())).unwrap();
    assert!(matches!(broker.resume(), Err(BrokerError::Listen { .. })));
    drop(taken);
    broker.resume().unwrap();
    Client::connect(broker.port(), "c").leave();
    broker.close();
    for outcome in [broker.stop(false), broker.resume()] {
        assert!(matches!(outcome, Err(BrokerError::Closed)) || outcome.is_ok());
    }
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port())).is_err());
}
