//! What only our broker does: misbehave as it is told, answer questions from outside, let in who has the password.
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod broker_support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use broker_support::*;
use modemqtt_os::Moment;
use modemqtt_virtual::broker::{Broker, BrokerError, BrokerOptions, QoS};

fn start() -> Broker {
    Broker::start(BrokerOptions::default()).unwrap()
}

#[test]
fn a_refusing_broker_answers_every_connect_with_its_return_code() {
    let broker = start();
    for code in 1..=5 {
        broker.refuse(Some(code)).unwrap();
        for _ in 0..2 {
            let mut client = Client::open(broker.port());
            client.send(&Connect::new("c").bytes());
            client.expect(&connack_refusing(code));
            client.expect_close();
        }
    }
    broker.refuse(None).unwrap();
    Client::connect(broker.port(), "c").leave();
}

#[test]
fn a_refusal_survives_packets_sent_in_advance() {
    let broker = start();
    broker.refuse(Some(3)).unwrap();
    let mut client = Client::open(broker.port());
    let mut eager = Connect::new("eager").bytes();
    for _ in 0..1000 {
        eager.extend(Publish::new("t", &[0; 1000]).bytes());
    }
    client.send(&eager);
    client.expect(&connack_refusing(3));
    client.expect_close();
    assert_eq!(broker.messages().unwrap(), []);
}

#[test]
fn a_return_code_that_does_not_refuse_is_an_error() {
    let broker = start();
    for code in [0, 6, 255] {
        assert!(matches!(broker.refuse(Some(code)), Err(BrokerError::Request(_))));
    }
    Client::connect(broker.port(), "c").leave();
}

#[test]
fn connected_clients_stay_when_the_broker_starts_to_refuse() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    broker.refuse(Some(5)).unwrap();
    broker.ignore_connects(true).unwrap();
    client.expect_nothing();
}

#[test]
fn a_silent_broker_leaves_a_connect_without_an_answer() {
    let broker = start();
    let mut barrier = Client::connect(broker.port(), "barrier");
    broker.ignore_connects(true).unwrap();
    let mut ignored = Client::open(broker.port());
    ignored.send(&Connect::new("ignored").bytes());
    barrier.expect_nothing(); // by now the connection is accepted
    barrier.expect_nothing(); // and by now its CONNECT is read
    broker.ignore_connects(false).unwrap();
    ignored.expect_silence(Duration::from_millis(50));
    assert_eq!(broker.clients().unwrap(), ["barrier"]);
}

#[test]
fn withheld_acknowledgements_are_missing_and_the_packets_take_effect() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    broker.withhold_acks(true).unwrap();
    client.send(&subscribe(1, &[("t", 0), ("u", 0)]));
    client.send(&unsubscribe(2, &["u"]));
    client.send(&Publish::new("t", b"one").qos(1, 3).bytes());
    client.send(&Publish::new("t", b"two").qos(2, 4).bytes());
    client.expect(&Publish::new("t", b"one").bytes());
    client.expect(&Publish::new("t", b"two").bytes());
    client.send(&pubrel(4));
    client.send(&Publish::new("u", b"unheard").bytes());
    client.expect_nothing();
    assert_eq!(broker.messages().unwrap().len(), 3);
}

#[test]
fn a_client_that_repeats_itself_is_acknowledged_afterwards() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    broker.withhold_acks(true).unwrap();
    let message = Publish::new("t", b"x").qos(2, 4);
    client.send(&message.bytes());
    client.expect_nothing();
    broker.withhold_acks(false).unwrap();
    client.expect_nothing();
    client.send(&message.dup().bytes());
    client.expect(&pubrec(4));
    assert_eq!(broker.messages().unwrap().len(), 1);
}

#[test]
fn dropped_clients_are_gone_when_the_call_returns_and_their_wills_are_published() {
    let broker = start();
    let connect = Connect::new("mortal").will("will", "gone", 1, true);
    let mut mortal = Client::connect_with(broker.port(), &connect);
    let mut raw = Client::open(broker.port());
    Client::connect(broker.port(), "barrier").leave();
    broker.drop_clients().unwrap();
    assert_eq!(broker.clients().unwrap(), Vec::<String>::new());
    mortal.expect_close();
    raw.expect_close();
    let messages = broker.messages().unwrap();
    assert_eq!(&*messages[0].topic, "will");
    assert_eq!(messages[0].client_id.as_deref(), Some("mortal"));
    Client::connect(broker.port(), "mortal").leave();
}

#[test]
fn a_message_from_outside_reaches_subscribers_at_their_qos() {
    let broker = start();
    let mut subscriber = Client::subscribed(broker.port(), "sub", "t", 1);
    broker.publish("t", &b"hello"[..], QoS::Level2, false).unwrap();
    let received = subscriber.receive();
    let expected = Publish::new("t", b"hello").qos(1, id_of(&received));
    assert_eq!(received, expected.bytes());
}

#[test]
fn a_message_that_no_client_could_publish_is_refused() {
    let broker = start();
    for topic in ["", "a/#", "a\0"] {
        let refused = broker.publish(topic, &b""[..], QoS::Level0, false);
        assert!(matches!(refused, Err(BrokerError::Request(_))), "{topic:?}");
    }
    let huge = vec![0; 300 * 1024];
    assert!(broker.publish("t", huge, QoS::Level0, false).is_err());
    assert_eq!(broker.messages().unwrap(), []);
}

#[test]
fn the_log_tells_what_was_published_by_whom() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    let bytes = Publish::new("t", b"\x00\xFF").qos(1, 1).retain(true).bytes();
    client.send(&bytes);
    client.expect(&puback(1));
    broker.publish("u", &b"outside"[..], QoS::Level0, false).unwrap();
    let messages = broker.messages().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(&*messages[0].topic, "t");
    assert_eq!(&*messages[0].payload, b"\x00\xFF");
    assert_eq!(messages[0].qos, QoS::Level1);
    assert!(messages[0].retain);
    assert_eq!(messages[0].client_id.as_deref(), Some("c"));
    assert_eq!(&*messages[1].topic, "u");
    assert_eq!(messages[1].client_id, None);
    assert_eq!(broker.messages_dropped().unwrap(), 0);
}

#[test]
fn a_user_needs_the_right_password() {
    let users = BTreeMap::from([(String::from("ada"), String::from("secret"))]);
    let broker = Broker::start(BrokerOptions {
        users: Some(users),
        ..BrokerOptions::default()
    })
    .unwrap();
    for (connect, answer) in [
        (Connect::new("c"), connack_refusing(5)),
        (Connect::new("c").user("ada", "wrong"), connack_refusing(4)),
        (Connect::new("c").user("bob", "secret"), connack_refusing(4)),
        (Connect::new("c").user("ada", "secret"), CONNACK),
    ] {
        let mut client = Client::open(broker.port());
        client.send(&connect.bytes());
        client.expect(&answer);
    }
}

#[test]
fn dup_at_qos_0_closes_the_connection() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    client.send(&Publish::new("t", b"x").dup().bytes());
    client.expect_close();
}

#[test]
fn a_client_of_3_1_may_repeat_a_subscribe_with_dup() {
    let broker = start();
    let mut client = Client::connect_with(broker.port(), &Connect::new("old").version_3_1());
    let mut again = subscribe(1, &[("t", 1)]);
    again[0] |= 0x08;
    client.send(&again);
    client.expect(&suback(1, &[1]));
}

#[test]
fn a_packet_over_the_limit_closes_the_connection() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    client.send(&[0x30, 0x80, 0x80, 0x11]);
    client.expect_close();
}

#[test]
fn closing_closes_everything_and_may_be_repeated() {
    let broker = start();
    let mut client = Client::connect(broker.port(), "c");
    broker.close();
    broker.close();
    client.expect_close();
    assert!(matches!(broker.messages(), Err(BrokerError::Closed)));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port())).is_err());
}

#[test]
fn closing_takes_no_time() {
    let broker = start();
    let _client = Client::connect(broker.port(), "c");
    let start = Moment::now();
    drop(broker);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = Broker::start(BrokerOptions {
        port,
        ..BrokerOptions::default()
    });
    let message = refused.unwrap_err().to_string();
    assert!(message.contains(&port.to_string()), "{message}");
}

#[test]
fn many_clients_publish_at_once_and_nothing_is_lost() {
    const CLIENTS: usize = 8;
    const MESSAGES: usize = 200;
    let broker = start();
    let port = broker.port();
    let mut subscriber = Client::subscribed(port, "sub", "#", 0);
    let publishers = (0..CLIENTS).map(|number| {
        thread::spawn(move || {
            let mut client = Client::connect(port, &format!("pub-{number}"));
            for _ in 0..MESSAGES {
                client.publish(&format!("t/{number}"), &[7; 1000], false);
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    for _ in 0..CLIENTS * MESSAGES {
        subscriber.receive();
    }
    for publisher in publishers {
        publisher.join().unwrap();
    }
    subscriber.expect_nothing();
    assert_eq!(broker.messages().unwrap().len(), CLIENTS * MESSAGES);
}
