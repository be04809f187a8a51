//! How an MQTT broker behaves, first half: packets, messages, subscriptions. One suite against ours and against mosquitto. What it asks for
//! is MQTT 3.1.1 where the standard leaves no choice, and mosquitto's choice where it does.

#[macro_use]
mod broker_support;

use broker_support::*;

behaviour! {
    a_client_of_either_version_is_let_in,
    an_unknown_version_is_answered_with_1,
    an_empty_client_id_is_accepted_for_a_clean_session_only,
    the_first_packet_is_a_connect,
    a_second_connect_closes_the_connection,
    a_malformed_packet_closes_the_connection,
    a_lone_password_closes_the_connection,
    the_unused_flag_of_a_connect_counts_in_3_1_1_only,
    a_ping_is_answered,
    qos_0_arrives_without_acknowledgement,
    qos_1_is_acknowledged_on_both_sides,
    qos_2_is_handed_over_in_four_steps_on_both_sides,
    a_message_arrives_at_the_lower_qos,
    a_repeated_qos_2_message_is_delivered_once,
    the_id_of_a_released_qos_2_message_serves_again,
    a_released_id_nobody_knows_is_completed,
    an_empty_payload_arrives,
    a_payload_of_100_kilobytes_arrives_unchanged,
    a_topic_with_a_wildcard_closes_the_connection,
    an_empty_topic_closes_the_connection,
    a_filter_with_a_wildcard_inside_a_level_closes_the_connection,
    a_subscribe_without_filters_closes_the_connection,
    several_filters_are_granted_in_their_order,
    wildcards_select_topics,
    a_leading_wildcard_leaves_dollar_topics_alone,
    overlapping_subscriptions_deliver_once_at_the_highest_qos,
    a_repeated_subscription_replaces_the_first,
    an_unsubscribed_client_hears_no_more,
    a_publisher_hears_itself,
    a_retained_message_greets_a_new_subscriber,
    an_established_subscriber_sees_no_retain_flag,
    an_empty_retained_message_deletes_the_retained_one,
    a_retained_message_is_replaced_by_the_next,
}

fn a_client_of_either_version_is_let_in(port: u16) {
    Client::connect(port, "new").leave();
    Client::connect_with(port, &Connect::new("old").version_3_1()).leave();
}

fn an_unknown_version_is_answered_with_1(port: u16) {
    for connect in [
        Connect::new("a").protocol("MQTT", 9),
        Connect::new("b").protocol("MQIsdp", 9),
    ] {
        let mut client = Client::open(port);
        client.send(&connect.bytes());
        client.expect(&connack_refusing(1));
        client.expect_close();
    }
}

fn an_empty_client_id_is_accepted_for_a_clean_session_only(port: u16) {
    Client::connect(port, "").leave();
    for connect in [Connect::new("").persistent(), Connect::new("").version_3_1()] {
        let mut client = Client::open(port);
        client.send(&connect.bytes());
        client.expect(&connack_refusing(2));
        client.expect_close();
    }
}

fn the_first_packet_is_a_connect(port: u16) {
    let mut client = Client::open(port);
    client.send(&PINGREQ);
    client.expect_close();
}

fn a_second_connect_closes_the_connection(port: u16) {
    let mut client = Client::connect(port, "twice");
    client.send(&Connect::new("twice").bytes());
    client.expect_close();
}

fn a_malformed_packet_closes_the_connection(port: u16) {
    for bytes in [
        &[0xF0, 0][..],                       // a packet type that is reserved
        &[0x80, 4, 0, 1, 0, 0],               // SUBSCRIBE without its flags
        &[0x82, 4, 0, 0, 0, 0],               // id 0
        &[0x36, 5, 0, 1, b't', 0, 1],         // QoS 3
        &[0x30, 4, 0, 9, b't', b't'],         // a topic longer than its packet
        &[0x30, 0x80, 0x80, 0x80, 0x80, 0x1], // a remaining length of five bytes
    ] {
        let mut client = Client::connect(port, "malformed");
        client.send(bytes);
        client.expect_close();
    }
}

fn a_lone_password_closes_the_connection(port: u16) {
    let mut client = Client::open(port);
    client.send(&Connect::new("lone").lone_password("secret").bytes());
    client.expect_close();
}

fn the_unused_flag_of_a_connect_counts_in_3_1_1_only(port: u16) {
    Client::connect_with(port, &Connect::new("old").version_3_1().unused_flag()).leave();
    let mut client = Client::open(port);
    client.send(&Connect::new("new").unused_flag().bytes());
    client.expect_close();
}

fn a_ping_is_answered(port: u16) {
    let mut client = Client::connect(port, "ping");
    client.send(&PINGREQ);
    client.expect(&PINGRESP);
}

fn qos_0_arrives_without_acknowledgement(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    let mut publisher = Client::connect(port, "pub");
    publisher.send(&Publish::new("t", b"hello").bytes());
    publisher.expect_nothing();
    subscriber.expect(&Publish::new("t", b"hello").bytes());
}

fn qos_1_is_acknowledged_on_both_sides(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 1);
    let mut publisher = Client::connect(port, "pub");
    publisher.send(&Publish::new("t", b"hello").qos(1, 300).bytes());
    publisher.expect(&puback(300));
    let received = subscriber.receive();
    let id = id_of(&received);
    assert_eq!(received, Publish::new("t", b"hello").qos(1, id).bytes());
    subscriber.send(&puback(id));
    subscriber.expect_nothing();
}

fn qos_2_is_handed_over_in_four_steps_on_both_sides(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 2);
    let mut publisher = Client::connect(port, "pub");
    publisher.send(&Publish::new("t", b"hello").qos(2, 300).bytes());
    publisher.expect(&pubrec(300));
    publisher.send(&pubrel(300));
    publisher.expect(&pubcomp(300));
    let received = subscriber.receive();
    let id = id_of(&received);
    assert_eq!(received, Publish::new("t", b"hello").qos(2, id).bytes());
    subscriber.send(&pubrec(id));
    subscriber.expect(&pubrel(id));
    subscriber.send(&pubcomp(id));
    subscriber.expect_nothing();
}

fn a_message_arrives_at_the_lower_qos(port: u16) {
    let mut low = Client::subscribed(port, "low", "t", 0);
    let mut high = Client::subscribed(port, "high", "t", 2);
    let mut publisher = Client::connect(port, "pub");
    publisher.publish("t", b"one", false);
    low.expect(&Publish::new("t", b"one").bytes());
    let received = high.receive();
    let id = id_of(&received);
    assert_eq!(received, Publish::new("t", b"one").qos(1, id).bytes());
}

fn a_repeated_qos_2_message_is_delivered_once(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    let mut publisher = Client::connect(port, "pub");
    let message = Publish::new("t", b"once").qos(2, 5);
    publisher.send(&message.bytes());
    publisher.expect(&pubrec(5));
    publisher.send(&message.dup().bytes());
    publisher.expect(&pubrec(5));
    publisher.send(&pubrel(5));
    publisher.expect(&pubcomp(5));
    subscriber.expect(&Publish::new("t", b"once").bytes());
    subscriber.expect_nothing();
}

fn the_id_of_a_released_qos_2_message_serves_again(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    let mut publisher = Client::connect(port, "pub");
    for payload in [b"first", b"again"] {
        publisher.send(&Publish::new("t", payload).qos(2, 5).bytes());
        publisher.expect(&pubrec(5));
        publisher.send(&pubrel(5));
        publisher.expect(&pubcomp(5));
        subscriber.expect(&Publish::new("t", payload).bytes());
    }
}

fn a_released_id_nobody_knows_is_completed(port: u16) {
    let mut client = Client::connect(port, "c");
    client.send(&pubrel(42));
    client.expect(&pubcomp(42));
}

fn an_empty_payload_arrives(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    Client::connect(port, "pub").publish("t", b"", false);
    subscriber.expect(&Publish::new("t", b"").bytes());
}

fn a_payload_of_100_kilobytes_arrives_unchanged(port: u16) {
    let payload: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    Client::connect(port, "pub").publish("t", &payload, false);
    subscriber.expect(&Publish::new("t", &payload).bytes());
}

fn a_topic_with_a_wildcard_closes_the_connection(port: u16) {
    for topic in ["a/+", "#"] {
        let mut client = Client::connect(port, "c");
        client.send(&Publish::new(topic, b"x").bytes());
        client.expect_close();
    }
}

fn an_empty_topic_closes_the_connection(port: u16) {
    let mut client = Client::connect(port, "c");
    client.send(&Publish::new("", b"x").bytes());
    client.expect_close();
}

fn a_filter_with_a_wildcard_inside_a_level_closes_the_connection(port: u16) {
    for filter in ["a+", "+a", "a/+b", "a#", "#/a", ""] {
        let mut client = Client::connect(port, "c");
        client.send(&subscribe(1, &[(filter, 0)]));
        client.expect_close();
    }
}

fn a_subscribe_without_filters_closes_the_connection(port: u16) {
    let mut client = Client::connect(port, "c");
    client.send(&subscribe(1, &[]));
    client.expect_close();
}

fn several_filters_are_granted_in_their_order(port: u16) {
    let mut client = Client::connect(port, "c");
    client.send(&subscribe(7, &[("c", 2), ("a", 0), ("b", 1)]));
    client.expect(&suback(7, &[2, 0, 1]));
}

fn wildcards_select_topics(port: u16) {
    let mut one_level = Client::subscribed(port, "one", "a/+/c", 0);
    let mut all_levels = Client::subscribed(port, "all", "a/#", 0);
    let mut publisher = Client::connect(port, "pub");
    for topic in ["a", "a/b", "a/b/c", "a/b/d", "b/b/c", "a//c"] {
        publisher.publish(topic, b"x", false);
    }
    for topic in ["a/b/c", "a//c"] {
        one_level.expect(&Publish::new(topic, b"x").bytes());
    }
    one_level.expect_nothing();
    for topic in ["a", "a/b", "a/b/c", "a/b/d", "a//c"] {
        all_levels.expect(&Publish::new(topic, b"x").bytes());
    }
    all_levels.expect_nothing();
}

fn a_leading_wildcard_leaves_dollar_topics_alone(port: u16) {
    let mut everything = Client::subscribed(port, "all", "#", 0);
    let mut any_first = Client::subscribed(port, "any", "+/x", 0);
    let mut by_name = Client::subscribed(port, "name", "$test/#", 0);
    Client::connect(port, "pub").publish("$test/x", b"x", false);
    by_name.expect(&Publish::new("$test/x", b"x").bytes());
    everything.expect_nothing();
    any_first.expect_nothing();
}

fn overlapping_subscriptions_deliver_once_at_the_highest_qos(port: u16) {
    let mut subscriber = Client::connect(port, "sub");
    subscriber.send(&subscribe(1, &[("a/#", 0), ("a/b", 1), ("+/b", 0)]));
    subscriber.expect(&suback(1, &[0, 1, 0]));
    Client::connect(port, "pub").publish("a/b", b"x", false);
    let received = subscriber.receive();
    let expected = Publish::new("a/b", b"x").qos(1, id_of(&received));
    assert_eq!(received, expected.bytes());
    subscriber.expect_nothing();
}

fn a_repeated_subscription_replaces_the_first(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 1);
    subscriber.subscribe("t", 0);
    Client::connect(port, "pub").publish("t", b"x", false);
    subscriber.expect(&Publish::new("t", b"x").bytes());
    subscriber.expect_nothing();
}

fn an_unsubscribed_client_hears_no_more(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    subscriber.subscribe("u", 0);
    subscriber.send(&unsubscribe(8, &["t", "never"]));
    subscriber.expect(&unsuback(8));
    let mut publisher = Client::connect(port, "pub");
    publisher.publish("t", b"x", false);
    publisher.publish("u", b"y", false);
    subscriber.expect(&Publish::new("u", b"y").bytes());
    subscriber.expect_nothing();
}

fn a_publisher_hears_itself(port: u16) {
    let mut client = Client::subscribed(port, "c", "t", 0);
    client.send(&Publish::new("t", b"echo").bytes());
    client.expect(&Publish::new("t", b"echo").bytes());
}

fn a_retained_message_greets_a_new_subscriber(port: u16) {
    let mut publisher = Client::connect(port, "pub");
    publisher.publish("t", b"kept", true);
    let mut subscriber = Client::connect(port, "sub");
    for _ in 0..2 {
        subscriber.send(&subscribe(1, &[("+", 0)]));
        let greeting = Publish::new("t", b"kept").retain(true).bytes();
        subscriber.expect_both(&suback(1, &[0]), &greeting);
    }
}

fn an_established_subscriber_sees_no_retain_flag(port: u16) {
    let mut subscriber = Client::subscribed(port, "sub", "t", 0);
    Client::connect(port, "pub").publish("t", b"live", true);
    subscriber.expect(&Publish::new("t", b"live").bytes());
}

fn an_empty_retained_message_deletes_the_retained_one(port: u16) {
    let mut publisher = Client::connect(port, "pub");
    publisher.publish("t", b"kept", true);
    let mut established = Client::connect(port, "established");
    established.send(&subscribe(1, &[("t", 0)]));
    let greeting = Publish::new("t", b"kept").retain(true).bytes();
    established.expect_both(&suback(1, &[0]), &greeting);
    publisher.publish("t", b"", true);
    established.expect(&Publish::new("t", b"").bytes());
    Client::subscribed(port, "sub", "t", 0).expect_nothing();
}

fn a_retained_message_is_replaced_by_the_next(port: u16) {
    let mut publisher = Client::connect(port, "pub");
    publisher.publish("t", b"old", true);
    publisher.publish("t", b"new", true);
    publisher.publish("t", b"not kept", false);
    let mut subscriber = Client::connect(port, "sub");
    subscriber.send(&subscribe(1, &[("t", 0)]));
    let greeting = Publish::new("t", b"new").retain(true).bytes();
    subscriber.expect_both(&suback(1, &[0]), &greeting);
    subscriber.expect_nothing();
}
