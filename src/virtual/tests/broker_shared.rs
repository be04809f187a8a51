//! Shared subscriptions: one suite against our broker and against mosquitto.

#[macro_use]
mod broker_support;

use broker_support::*;

behaviour! {
    the_members_of_a_group_take_turns,
    each_group_gets_each_message,
    a_shared_and_an_own_subscription_deliver_once,
    a_member_that_leaves_is_passed_over,
    a_member_keeps_its_turn_when_it_subscribes_again,
    a_member_that_is_away_has_its_turn_kept,
    the_mark_alone_closes_the_connection,
    a_wildcard_in_a_group_leaves_dollar_topics_alone,
    a_topic_that_looks_shared_reaches_no_group,
}

fn pair(port: u16, filter: &str) -> [Client; 2] {
    [
        Client::subscribed(port, "one", filter, 0),
        Client::subscribed(port, "other", filter, 0),
    ]
}

fn message(payload: &[u8]) -> Vec<u8> {
    Publish::new("t", payload).bytes()
}

fn the_members_of_a_group_take_turns(port: u16) {
    let [mut one, mut other] = pair(port, "$share/g/t");
    let mut publisher = Client::connect(port, "publisher");
    for payload in [b"1", b"2", b"3"] {
        publisher.publish("t", payload, false);
    }
    one.expect(&message(b"1"));
    one.expect(&message(b"3"));
    one.expect_nothing();
    other.expect(&message(b"2"));
    other.expect_nothing();
}

fn each_group_gets_each_message(port: u16) {
    let mut one = Client::subscribed(port, "one", "$share/g/t", 0);
    let mut other = Client::subscribed(port, "other", "$share/h/+", 0);
    let mut own = Client::subscribed(port, "own", "t", 0);
    Client::connect(port, "publisher").publish("t", b"1", false);
    for client in [&mut one, &mut other, &mut own] {
        client.expect(&message(b"1"));
        client.expect_nothing();
    }
}

fn a_shared_and_an_own_subscription_deliver_once(port: u16) {
    let mut client = Client::subscribed(port, "client", "$share/g/t", 0);
    client.subscribe("t", 0);
    Client::connect(port, "publisher").publish("t", b"1", false);
    client.expect(&message(b"1"));
    client.expect_nothing();
}

fn a_member_that_leaves_is_passed_over(port: u16) {
    let [mut one, mut other] = pair(port, "$share/g/t");
    let third = Client::subscribed(port, "third", "$share/g/t", 0);
    one.send(&unsubscribe(2, &["$share/g/t"]));
    one.expect(&unsuback(2));
    third.leave();
    let mut publisher = Client::connect(port, "publisher");
    for payload in [b"1", b"2"] {
        publisher.publish("t", payload, false);
        other.expect(&message(payload));
    }
    one.expect_nothing();
}

fn a_member_keeps_its_turn_when_it_subscribes_again(port: u16) {
    let [mut one, mut other] = pair(port, "$share/g/t");
    let mut publisher = Client::connect(port, "publisher");
    one.subscribe("$share/g/t", 0);
    publisher.publish("t", b"1", false);
    publisher.publish("t", b"2", false);
    one.expect(&message(b"1"));
    other.expect(&message(b"2"));
}

fn a_member_that_is_away_has_its_turn_kept(port: u16) {
    let connect = Connect::new("away").persistent();
    let mut away = Client::connect_with(port, &connect);
    away.subscribe("$share/g/t", 1);
    away.leave();
    let mut here = Client::subscribed(port, "here", "$share/g/t", 1);
    let mut publisher = Client::connect(port, "publisher");
    publisher.publish("t", b"1", false);
    publisher.publish("t", b"2", false);
    here.expect(&Publish::new("t", b"2").qos(1, 1).bytes());
    Client::resume(port, &connect).expect(&Publish::new("t", b"1").qos(1, 1).bytes());
}

fn the_mark_alone_closes_the_connection(port: u16) {
    for packet in [subscribe(1, &[("$share", 0)]), unsubscribe(1, &["$share"])] {
        let mut client = Client::connect(port, "client");
        client.send(&packet);
        client.expect_close();
    }
}

fn a_wildcard_in_a_group_leaves_dollar_topics_alone(port: u16) {
    let mut client = Client::subscribed(port, "client", "$share/g/#", 0);
    let mut publisher = Client::connect(port, "publisher");
    publisher.publish("$x/t", b"1", false);
    client.expect_nothing();
    publisher.publish("t", b"2", false);
    client.expect(&message(b"2"));
}

fn a_topic_that_looks_shared_reaches_no_group(port: u16) {
    let mut client = Client::subscribed(port, "client", "$share/g/t", 0);
    Client::connect(port, "publisher").publish("$share/g/t", b"1", false);
    client.expect_nothing();
}

/// mosquitto 2.0.11 takes the subscription, and never sends anything; MQTT 5.0 section 4.8.2 makes no such difference.
#[test]
fn a_group_may_share_a_topic_that_begins_with_a_dollar_sign() {
    let subject = Subject::ours();
    let mut client = Client::subscribed(subject.port, "client", "$share/g/$x/t", 0);
    Client::connect(subject.port, "publisher").publish("$x/t", b"1", false);
    client.expect(&Publish::new("$x/t", b"1").bytes());
    client.expect_nothing();
}

/// mosquitto 2.0.11 takes them, and never sends anything; MQTT 5.0 section 4.8.2 is stricter.
#[test]
fn a_group_without_a_name_or_a_filter_closes_the_connection() {
    let subject = Subject::ours();
    for filter in [
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//a",
        "$share/+/a",
        "$share/#",
    ] {
        let mut client = Client::connect(subject.port, "client");
        client.send(&subscribe(1, &[(filter, 0)]));
        client.expect_close();
    }
}
