//! The bridge against packets written by hand.

use proptest::prelude::*;

use super::*;
use crate::broker::wire::TopicName;

const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(5),
    retries: 2,
};

struct Rig {
    session: ClientSession,
    now: Moment,
}

impl Rig {
    fn connecting(version: Version, keep_alive: u16) -> Self {
        let now = Moment::now();
        let mut session = ClientSession::new(1024, now);
        let credentials = Credentials {
            version,
            client_id: "c".into(),
            username: None,
            password: None,
            clean_session: true,
            keep_alive,
            ping_timeout: PATIENCE.timeout,
            will: None,
        };
        session.connect(credentials, PATIENCE, now).unwrap();
        Self { session, now }
    }

    fn connected(version: Version, keep_alive: u16) -> Self {
        let mut rig = Self::connecting(version, keep_alive);
        rig.session.take_output();
        assert_eq!(rig.events_of(b"\x20\x02\x00\x00"), [SessionEvent::Connack(0)]);
        rig
    }

    fn events_of(&mut self, bytes: &[u8]) -> Vec<SessionEvent> {
        self.session.receive(bytes, self.now);
        self.events()
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.session.next_event()).collect()
    }

    fn after(&mut self, seconds: u64) -> (Vec<u8>, Vec<SessionEvent>) {
        self.now += Duration::from_secs(seconds);
        self.session.tick(self.now);
        (self.session.take_output(), self.events())
    }

    fn publish(&mut self, id: u16, qos: QoS) -> Vec<u8> {
        let message = Outgoing {
            topic: TopicName::try_from("t").unwrap(),
            payload: Bytes::from_static(b"m"),
            qos,
            retain: false,
        };
        self.session.publish(id, message, PATIENCE, self.now).unwrap();
        self.session.take_output()
    }
}

fn published(id: u16) -> SessionEvent {
    SessionEvent::Acknowledged(Operation::Publish, id, Vec::new())
}

#[test]
fn connect_names_its_version() {
    let v31 = Rig::connecting(Version::V31, 60).session.take_output();
    assert_eq!(v31, b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01c");
    let v311 = Rig::connecting(Version::V311, 0).session.take_output();
    assert_eq!(v311, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c");
}

#[test]
fn a_refusal_ends_the_session() {
    let mut rig = Rig::connecting(Version::V311, 60);
    assert_eq!(rig.events_of(b"\x20\x02\x00\x05"), [SessionEvent::Connack(5)]);
    assert_eq!(
        (rig.session.phase(), rig.session.next_timeout()),
        (SessionPhase::Over, None)
    );
}

#[test]
fn a_missing_connack_ends_the_session_after_the_packet_timeout() {
    let mut rig = Rig::connecting(Version::V311, 60);
    assert_eq!(rig.session.next_timeout(), Some(rig.now + PATIENCE.timeout));
    rig.session.take_output();
    assert_eq!(rig.after(5), (Vec::new(), vec![SessionEvent::ConnackMissing]));
    assert_eq!(rig.session.phase(), SessionPhase::Over);
}

#[test]
fn qos_0_is_acknowledged_by_being_sent() {
    let mut rig = Rig::connected(Version::V311, 0);
    assert_eq!(rig.publish(0, QoS::Level0), b"\x30\x04\x00\x01tm");
    assert_eq!(rig.events(), [published(0)]);
    assert_eq!(rig.session.next_timeout(), None);
}

#[test]
fn qos_1_carries_the_identifier_of_the_host_and_awaits_its_puback() {
    let mut rig = Rig::connected(Version::V311, 0);
    assert_eq!(rig.publish(0x1234, QoS::Level1), b"\x32\x06\x00\x01t\x12\x34m");
    assert_eq!(rig.events_of(b"\x40\x02\x12\x33"), []);
    assert_eq!(rig.events_of(b"\x40\x02\x12\x34"), [published(0x1234)]);
    assert_eq!(rig.session.next_timeout(), None);
}

#[test]
fn qos_2_goes_out_in_four_packets() {
    let mut rig = Rig::connected(Version::V311, 0);
    assert_eq!(rig.publish(7, QoS::Level2), b"\x34\x06\x00\x01t\x00\x07m");
    assert_eq!(rig.events_of(b"\x50\x02\x00\x07"), []);
    assert_eq!(rig.session.take_output(), b"\x62\x02\x00\x07");
    assert_eq!(rig.events_of(b"\x70\x02\x00\x07"), [published(7)]);
}

#[test]
fn qos_2_comes_in_once_however_often_it_is_sent() {
    let mut rig = Rig::connected(Version::V311, 0);
    let message = b"\x34\x06\x00\x01t\x00\x07m";
    assert_eq!(rig.events_of(message).len(), 1);
    assert_eq!(rig.events_of(b"\x3c\x06\x00\x01t\x00\x07m"), []);
    assert_eq!(rig.session.take_output(), b"\x50\x02\x00\x07\x50\x02\x00\x07");
    assert_eq!(rig.events_of(b"\x62\x02\x00\x07"), []);
    assert_eq!(rig.session.take_output(), b"\x70\x02\x00\x07");
    assert_eq!(rig.events_of(message).len(), 1);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_and_then_given_up() {
    let mut rig = Rig::connected(Version::V311, 0);
    rig.publish(7, QoS::Level1);
    let again = |times| vec![SessionEvent::Retransmitted(Operation::Publish, 7, times)];
    assert_eq!(rig.after(4), (Vec::new(), Vec::new()));
    assert_eq!(rig.after(1), (b"\x3a\x06\x00\x01t\x00\x07m".to_vec(), again(1)));
    assert_eq!(rig.after(5), (b"\x3a\x06\x00\x01t\x00\x07m".to_vec(), again(2)));
    assert_eq!(
        rig.after(5),
        (Vec::new(), vec![SessionEvent::Failed(Operation::Publish, 7)])
    );
    assert_eq!(rig.events_of(b"\x40\x02\x00\x07"), []);
}

#[test]
fn a_pubrel_is_sent_again_in_the_schedule_of_its_publish() {
    let mut rig = Rig::connected(Version::V311, 0);
    rig.publish(7, QoS::Level2);
    rig.after(3);
    rig.events_of(b"\x50\x02\x00\x07");
    rig.session.take_output();
    assert_eq!(rig.after(2).0, b"\x62\x02\x00\x07");
}

#[test]
fn only_mqtt_3_1_marks_a_repeated_subscribe() {
    for (version, control) in [(Version::V31, 0x8a), (Version::V311, 0x82)] {
        let mut rig = Rig::connected(version, 0);
        let filter = TopicFilter::try_from("t/#").unwrap();
        rig.session
            .subscribe(1, vec![(filter, QoS::Level1)], PATIENCE, rig.now)
            .unwrap();
        rig.session.take_output();
        assert_eq!(rig.after(5).0[0], control, "{version}");
    }
}

#[test]
fn a_subscription_is_granted_topic_by_topic() {
    let mut rig = Rig::connected(Version::V311, 0);
    let topics = ["a", "b"].map(|name| (TopicFilter::try_from(name).unwrap(), QoS::Level2));
    rig.session.subscribe(9, topics.to_vec(), PATIENCE, rig.now).unwrap();
    let granted = SessionEvent::Acknowledged(Operation::Subscribe, 9, vec![1, 128]);
    assert_eq!(rig.events_of(b"\x90\x04\x00\x09\x01\x80"), [granted]);
}

#[test]
fn an_identifier_in_flight_is_refused() {
    let mut rig = Rig::connected(Version::V311, 0);
    rig.publish(7, QoS::Level1);
    let filter = TopicFilter::try_from("t").unwrap();
    let refused = rig.session.unsubscribe(7, vec![filter.clone()], PATIENCE, rig.now);
    assert_eq!(refused, Err(BridgeError::IdentifierInUse));
    let message = Outgoing {
        topic: TopicName::try_from("t").unwrap(),
        payload: Bytes::new(),
        qos: QoS::Level1,
        retain: false,
    };
    let refused = rig.session.publish(0, message, PATIENCE, rig.now);
    assert_eq!(refused, Err(BridgeError::IdentifierZero));
}

#[test]
fn a_subscription_of_identifier_0_has_one_of_its_own_on_the_wire() {
    let mut rig = Rig::connected(Version::V311, 0);
    let filter = TopicFilter::try_from("t").unwrap();
    let topics = vec![(filter.clone(), QoS::Level0)];
    rig.session.subscribe(0, topics, PATIENCE, rig.now).unwrap();
    assert_eq!(rig.session.take_output(), b"\x82\x06\xff\xff\x00\x01t\x00");
    rig.session.unsubscribe(0, vec![filter], PATIENCE, rig.now).unwrap();
    assert_eq!(rig.session.take_output(), b"\xa2\x05\xff\xfe\x00\x01t");
    let again = SessionEvent::Retransmitted(Operation::Unsubscribe, 0, 1);
    assert_eq!(
        rig.events_of(b"\x90\x03\xff\xff\x00"),
        [SessionEvent::Acknowledged(Operation::Subscribe, 0, vec![0])]
    );
    assert_eq!(rig.after(5).1, [again]);
    assert_eq!(
        rig.events_of(b"\xb0\x02\xff\xfe"),
        [SessionEvent::Acknowledged(Operation::Unsubscribe, 0, Vec::new())]
    );
}

#[test]
fn a_silent_client_pings_and_a_silent_broker_is_left() {
    let mut rig = Rig::connected(Version::V311, 60);
    rig.after(30);
    rig.publish(0, QoS::Level0);
    rig.events();
    assert_eq!(rig.after(59), (Vec::new(), Vec::new()));
    assert_eq!(rig.after(1).0, b"\xc0\x00");
    assert_eq!(rig.events_of(b"\xd0\x00"), []);
    assert_eq!(rig.after(60).0, b"\xc0\x00");
    assert_eq!(rig.after(5).1, [SessionEvent::PingMissing]);
}

#[test]
fn a_packet_that_no_server_sends_ends_the_session() {
    for bytes in [
        &b"\xc0\x00"[..],
        b"\x20\x02\x00\x00",
        b"\x00\x00",
        b"\x30\xff\xff\xff\xff",
    ] {
        let mut rig = Rig::connected(Version::V311, 0);
        assert!(
            matches!(rig.events_of(bytes)[..], [SessionEvent::Broken(_)]),
            "{}",
            bytes.escape_ascii()
        );
        assert_eq!(rig.events_of(b"\x30\x04\x00\x01tm"), []);
    }
}

proptest! {
    #[test]
    fn no_bytes_from_a_broker_make_it_panic_or_grow(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..32)) {
        let mut rig = Rig::connected(Version::V311, 60);
        rig.publish(7, QoS::Level2);
        for chunk in chunks {
            rig.events_of(&chunk);
            rig.after(1);
            prop_assert!(rig.session.in_flight.len() <= 1);
        }
    }
}
