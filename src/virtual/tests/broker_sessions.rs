//! How an MQTT broker behaves, second half: wills, keep-alive, sessions. Against ours and against mosquitto.

#[macro_use]
mod broker_support;

use std::time::Duration;

use broker_support::*;
use modemqtt_os::Moment;

behaviour! {
    a_will_is_published_when_the_connection_breaks,
    a_will_is_published_after_a_protocol_error,
    a_retained_will_is_retained,
    a_will_is_forgotten_on_disconnect,
    a_silent_client_is_dropped_after_its_keep_alive,
    a_ping_keeps_the_connection,
    a_clean_session_leaves_nothing,
    a_persistent_session_queues_while_its_client_is_away,
    a_session_is_present_for_3_1_1_only,
    a_clean_connect_ends_the_persistent_session,
    an_unacknowledged_message_is_repeated_with_dup,
    an_unreleased_message_is_released_again,
    a_qos_2_duplicate_is_known_across_connections,
    a_client_id_is_taken_over,
    messages_beyond_the_window_wait_for_acknowledgements,
}

fn a_will_is_published_when_the_connection_breaks(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("mortal").will("will", "gone", 1, false);
    Client::connect_with(port, &connect).vanish();
    witness.expect(&Publish::new("will", b"gone").bytes());
}

fn a_will_is_published_after_a_protocol_error(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("mortal").will("will", "gone", 0, false);
    Client::connect_with(port, &connect).send(&[0xF0, 0]);
    witness.expect(&Publish::new("will", b"gone").bytes());
}

fn a_retained_will_is_retained(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("mortal").will("will", "gone", 0, true);
    Client::connect_with(port, &connect).vanish();
    witness.expect(&Publish::new("will", b"gone").bytes());
    let mut later = Client::connect(port, "later");
    later.send(&subscribe(1, &[("will", 0)]));
    let greeting = Publish::new("will", b"gone").retain(true).bytes();
    later.expect_both(&suback(1, &[0]), &greeting);
}

fn a_will_is_forgotten_on_disconnect(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("polite").will("will", "gone", 1, false);
    Client::connect_with(port, &connect).leave();
    witness.expect_nothing();
}

fn a_silent_client_is_dropped_after_its_keep_alive(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("silent").keep_alive(1).will("will", "gone", 0, false);
    let mut client = Client::connect_with(port, &connect);
    let start = Moment::now();
    client.expect_close();
    assert!(start.elapsed() >= Duration::from_secs(1));
    witness.expect(&Publish::new("will", b"gone").bytes());
}

fn a_ping_keeps_the_connection(port: u16) {
    let mut pinging = Client::connect_with(port, &Connect::new("pinging").keep_alive(1));
    let mut free = Client::connect_with(port, &Connect::new("free").keep_alive(0));
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        pinging.expect_nothing();
    }
    free.expect_nothing();
}

fn a_clean_session_leaves_nothing(port: u16) {
    Client::subscribed(port, "sub", "t", 1).leave();
    Client::connect(port, "pub").publish("t", b"x", false);
    Client::connect_with(port, &Connect::new("sub").persistent()).expect_nothing();
}

fn a_persistent_session_queues_while_its_client_is_away(port: u16) {
    let connect = Connect::new("sub").persistent();
    let mut subscriber = Client::connect_with(port, &connect);
    subscriber.subscribe("t", 2);
    subscriber.leave();
    let mut publisher = Client::connect(port, "pub");
    publisher.send(&Publish::new("t", b"lost").bytes());
    publisher.publish("t", b"one", false);
    publisher.publish("t", b"two", false);
    let mut subscriber = Client::resume(port, &connect);
    for payload in [b"one", b"two"] {
        let received = subscriber.receive();
        let id = id_of(&received);
        assert_eq!(received, Publish::new("t", payload).qos(1, id).bytes());
        subscriber.send(&puback(id));
    }
    subscriber.expect_nothing();
    subscriber.leave();
    Client::resume(port, &connect).expect_nothing();
}

fn a_session_is_present_for_3_1_1_only(port: u16) {
    let connect = Connect::new("c").persistent();
    Client::connect_with(port, &connect).leave();
    Client::resume(port, &connect).leave();
    Client::connect_with(port, &connect.version_3_1()).leave();
}

fn a_clean_connect_ends_the_persistent_session(port: u16) {
    let connect = Connect::new("c").persistent();
    let mut client = Client::connect_with(port, &connect);
    client.subscribe("t", 1);
    client.leave();
    Client::connect(port, "pub").publish("t", b"x", false);
    let mut client = Client::connect(port, "c");
    client.expect_nothing();
    client.leave();
    Client::connect_with(port, &connect).expect_nothing();
}

fn an_unacknowledged_message_is_repeated_with_dup(port: u16) {
    let connect = Connect::new("sub").persistent();
    let mut subscriber = Client::connect_with(port, &connect);
    subscriber.subscribe("t", 1);
    Client::connect(port, "pub").publish("t", b"x", false);
    let received = subscriber.receive();
    let id = id_of(&received);
    subscriber.leave();
    let mut subscriber = Client::resume(port, &connect);
    subscriber.expect(&Publish::new("t", b"x").qos(1, id).dup().bytes());
    subscriber.send(&puback(id));
    subscriber.expect_nothing();
}

fn an_unreleased_message_is_released_again(port: u16) {
    let connect = Connect::new("sub").persistent();
    let mut subscriber = Client::connect_with(port, &connect);
    subscriber.subscribe("t", 2);
    let mut publisher = Client::connect(port, "pub");
    publisher.send(&Publish::new("t", b"x").qos(2, 1).bytes());
    publisher.expect(&pubrec(1));
    publisher.send(&pubrel(1));
    publisher.expect(&pubcomp(1));
    let id = id_of(&subscriber.receive());
    subscriber.send(&pubrec(id));
    subscriber.expect(&pubrel(id));
    subscriber.leave();
    let mut subscriber = Client::resume(port, &connect);
    subscriber.expect(&pubrel(id));
    subscriber.send(&pubcomp(id));
    subscriber.expect_nothing();
}

fn a_qos_2_duplicate_is_known_across_connections(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    let connect = Connect::new("pub").persistent();
    let message = Publish::new("t", b"once").qos(2, 5);
    let mut publisher = Client::connect_with(port, &connect);
    publisher.send(&message.bytes());
    publisher.expect(&pubrec(5));
    publisher.leave();
    let mut publisher = Client::resume(port, &connect);
    publisher.send(&message.dup().bytes());
    publisher.expect(&pubrec(5));
    publisher.send(&pubrel(5));
    publisher.expect(&pubcomp(5));
    subscriber.expect(&Publish::new("t", b"once").bytes());
    subscriber.expect_nothing();
}

fn a_client_id_is_taken_over(port: u16) {
    let mut witness = Client::subscribed(port, "witness", "will", 0);
    let connect = Connect::new("same").will("will", "taken", 0, false);
    let mut first = Client::connect_with(port, &connect);
    let mut second = Client::connect(port, "same");
    first.expect_close();
    witness.expect(&Publish::new("will", b"taken").bytes());
    second.expect_nothing();
}

fn messages_beyond_the_window_wait_for_acknowledgements(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 1);
    let mut publisher = Client::connect(port, "pub");
    for number in 0..50_u8 {
        publisher.publish("t", &[number], false);
    }
    let window: Vec<_> = (0..20).map(|_| subscriber.receive()).collect();
    subscriber.expect_nothing();
    for received in &window {
        subscriber.send(&puback(id_of(received)));
    }
    for number in 20..50_u8 {
        let received = subscriber.receive();
        let id = id_of(&received);
        assert_eq!(received, Publish::new("t", &[number]).qos(1, id).bytes());
        subscriber.send(&puback(id));
    }
    subscriber.expect_nothing();
}
