//! Sessions that reconnect by themselves: when, how often, when not, and what they report.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/keeping.rs"]
mod keeping;
#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use keeping::*;
use modemqtt_at::Qos;
use modemqtt_at::codes::StatCode;
use modemqtt_host::call::{Call, ClientState, Event, Options, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::keep::{Keep, Plan, State};
use pair::{CLIENT, publish};

#[test]
fn a_connection_that_the_server_closes_is_made_again_after_the_first_wait() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, None);
        pair.rig.drop_clients();
        pair.pump();
        assert_eq!(told_wait(&mut pair), Some(SECOND), "{model}");
        pair.elapse(Duration::from_millis(999));
        assert_eq!(lines(&mut pair), [""; 0], "{model}");
        pair.elapse(Duration::from_millis(100));
        let told = back(&mut pair, Duration::ZERO);
        assert_eq!((told.attempts, told.granted, told.unknown), (1, vec![], vec![]));
        assert!(told.away >= SECOND && told.away < 2 * SECOND, "{model}");
        is_connected(&mut pair, model);
    }
}

#[test]
fn the_wait_depends_on_the_code_of_the_loss() {
    for (code, times) in [(1, 1), (2, 4), (3, 4), (4, 4), (6, 4), (7, 4), (8, 1), (9, 2), (255, 2)] {
        let mut pair = entered("EG915Q", PLAN, None);
        say(&mut pair, &format!("+QMTSTAT: 0,{code}"));
        assert_eq!(told_wait(&mut pair), Some(times * SECOND), "{code}");
    }
}

#[test]
fn no_wait_is_longer_than_the_longest() {
    let most = Duration::from_secs(3);
    let mut pair = entered("M95", Plan { most, ..PLAN }, None);
    say(&mut pair, "+QMTSTAT: 0,7");
    assert_eq!(told_wait(&mut pair), Some(most));
    pass(&mut pair, most + SECOND);
    is_connected(&mut pair, "M95");
}

#[test]
fn the_waits_grow_with_each_attempt_and_begin_anew_with_the_next_loss() {
    let most = Duration::from_secs(5);
    let mut pair = entered("M95", Plan { most, ..PLAN }, None);
    pair.rig.broker.refuse(Some(3)).unwrap();
    pair.rig.drop_clients();
    pass(&mut pair, 20 * SECOND);
    let waits = pair.told.iter().map(|told| match told {
        Event::Reconnecting(_, _, Some(within)) => within.as_secs(),
        other => panic!("{other:?}"),
    });
    assert_eq!(waits.collect::<Vec<_>>(), [1, 2, 4, 5, 5, 5]);
    pair.rig.broker.refuse(None).unwrap();
    assert_eq!(back(&mut pair, most + SECOND).attempts, 6);
    pair.rig.drop_clients();
    pair.pump();
    assert_eq!(told_wait(&mut pair), Some(SECOND));
}

#[test]
fn a_network_without_a_pdp_context_is_asked_less_often() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.set_network(false);
    pair.pump();
    let first = told_wait(&mut pair).unwrap();
    for _ in 0..600 {
        pair.elapse(Duration::from_millis(100));
        if !pair.told.is_empty() {
            break;
        }
    }
    // Twice as long for the second attempt, and four times for the cause.
    assert!(
        matches!(&pair.told[..], [Event::Reconnecting(_, error, Some(within))] if matches!(**error, Error::Operation { result: 3, .. }) && *within == 8 * SECOND),
        "{first:?} {:?}",
        pair.told
    );
    pair.rig.set_network(true);
    assert_eq!(back(&mut pair, Duration::from_secs(20)).attempts, 2);
    is_connected(&mut pair, "M95");
}

#[test]
fn after_a_pingreq_without_an_answer_the_pdp_context_is_brought_up_afresh_once() {
    for model in ["M95", "BG95", "EG915Q"] {
        let mut pair = entered(model, PLAN, Some(keep_alive()));
        pair.rig.set_broker_silent(true);
        while pair.told.is_empty() {
            pair.elapse(SECOND);
        }
        assert!(
            pair.others.contains(&"lost 0 2".to_owned()),
            "{model} {:?}",
            pair.others
        );
        pair.rig.set_broker_silent(false);
        pair.rig.broker.refuse(Some(3)).unwrap();
        pass(&mut pair, 10 * SECOND);
        pair.rig.broker.refuse(None).unwrap();
        assert!(back(&mut pair, 60 * SECOND).attempts > 1);
        is_connected(&mut pair, model);
        let sent = String::from_utf8_lossy(&pair.sent).into_owned();
        let lines = sent.split('\r').map(|line| line.split('=').next().unwrap_or_default());
        let told: Vec<_> = lines
            .filter(|name| ["AT+QIDEACT", "AT+QMTOPEN"].contains(name))
            .collect();
        assert_eq!(told[..2], ["AT+QIDEACT", "AT+QMTOPEN"], "{model}");
        assert!(told[2..].iter().all(|name| *name == "AT+QMTOPEN"), "{model} {told:?}");
    }
}

#[test]
fn the_normal_end_is_final() {
    let mut pair = entered("M95", PLAN, None);
    say(&mut pair, "+QMTSTAT: 0,5");
    let code = StatCode::SERVER_CLOSED;
    let lost = Error::ConnectionLost { client: CLIENT, code };
    assert_eq!(failed(&mut pair, 600 * SECOND), (lost, 0));
    assert_eq!(lines(&mut pair), [""; 0]);
    assert_eq!(state(&pair), Some(State::GivenUp));
}

#[test]
fn a_refusal_that_will_not_change_is_final_and_leaves_nothing_open() {
    for code in [1, 2, 4, 5] {
        let mut pair = entered("M95", PLAN, None);
        pair.rig.broker.refuse(Some(code)).unwrap();
        pair.rig.drop_clients();
        let (error, attempts) = failed(&mut pair, 600 * SECOND);
        assert!(
            matches!(&error, Error::Operation { return_code: Some(told), .. } if told.0 == i64::from(code)),
            "{error}"
        );
        assert_eq!(attempts, 1);
        assert_eq!(pair.state, ClientState::Closed);
        let connects = lines(&mut pair);
        assert_eq!(connects.iter().filter(|line| name(line) == "AT+QMTCONN").count(), 1);
    }
}

#[test]
fn a_server_that_is_unavailable_is_asked_again() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.broker.refuse(Some(3)).unwrap();
    pair.rig.drop_clients();
    pass(&mut pair, 30 * SECOND);
    pair.rig.broker.refuse(None).unwrap();
    assert!(back(&mut pair, 120 * SECOND).attempts > 3);
}

#[test]
fn the_attempts_are_counted_and_the_last_error_is_told() {
    for model in MODELS {
        let attempts = Some(3);
        let mut pair = entered(model, Plan { attempts, ..PLAN }, None);
        pair.rig.set_broker_down(true);
        pair.rig.drop_clients();
        let (error, attempts) = failed(&mut pair, 600 * SECOND);
        assert!(matches!(error, Error::Operation { .. }), "{model}: {error}");
        assert_eq!(attempts, 3, "{model}");
        pair.rig.set_broker_down(false);
        pass(&mut pair, 600 * SECOND);
        assert_eq!(pair.state, ClientState::Closed, "{model}");
    }
}

#[test]
fn an_option_that_is_wrong_is_not_tried_twice() {
    let mut pair = entered("M95", PLAN, None);
    let options = Options {
        pdp_context: Some(1),
        ..Options::default()
    };
    pair.host.keep(Keep::new(CLIENT, login(Some(options)), PLAN), pair.now);
    pair.log_in();
    pair.rig.drop_clients();
    let (error, attempts) = failed(&mut pair, 600 * SECOND);
    assert!(matches!(error, Error::Usage(_)), "{error}");
    assert_eq!(attempts, 1);
}

#[test]
fn topics_are_subscribed_to_again_in_as_many_calls_as_the_program_has_used() {
    let mut pair = entered("M95", PLAN, None);
    subscribe(&mut pair, &[("a", Qos::AtLeastOnce)]).unwrap();
    let three = [
        ("b/#", Qos::AtMostOnce),
        ("c/+", Qos::ExactlyOnce),
        ("gone/1", Qos::AtLeastOnce),
    ];
    subscribe(&mut pair, &three).unwrap();
    subscribe(&mut pair, &[("gone/2", Qos::AtMostOnce)]).unwrap();
    let topics = vec!["gone/1".to_owned(), "gone/2".to_owned()];
    pair.call(Call::Unsubscribe { client: CLIENT, topics }).unwrap();
    subscribe(&mut pair, &[("a", Qos::ExactlyOnce)]).unwrap();
    pair.rig.broker.deny(Some("no")).unwrap();
    assert!(subscribe(&mut pair, &[("no", Qos::AtLeastOnce)]).is_err());
    pair.sent.clear();
    pair.rig.drop_clients();
    let granted = back(&mut pair, 5 * SECOND).granted;
    let granted: Vec<_> = granted.iter().map(|(topic, level)| (topic.as_str(), *level)).collect();
    assert_eq!(granted, [("b/#", 0), ("c/+", 2), ("a", 2)]);
    let sent = lines(&mut pair);
    let subscriptions = sent.iter().filter(|line| name(line) == "AT+QMTSUB");
    let topics: Vec<_> = subscriptions
        .map(|line| line.splitn(3, ',').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(topics, ["\"b/#\",0,\"c/+\",2", "\"a\",2"]);
}

#[test]
fn a_topic_that_the_server_refuses_the_second_time_is_told_and_ends_nothing() {
    let mut pair = entered("M95", PLAN, None);
    subscribe(&mut pair, &[("a", Qos::AtLeastOnce)]).unwrap();
    subscribe(&mut pair, &[("b", Qos::AtLeastOnce)]).unwrap();
    pair.rig.broker.deny(Some("a")).unwrap();
    pair.rig.drop_clients();
    let told = back(&mut pair, 5 * SECOND);
    assert_eq!(told.granted, [("a".to_owned(), 128), ("b".to_owned(), 1)]);
}

#[test]
fn what_was_under_way_is_told_as_unknown_and_not_published_again() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, None);
        is_connected(&mut pair, model);
        pair.rig.broker.withhold_acks(true);
        let tickets: Vec<Ticket> = (0..10).map(|_| pair.submit(publish(b"1", Qos::AtLeastOnce))).collect();
        let window = pair.rig.dialect.window;
        let published = pair.rig.broker.messages().len();
        assert_eq!(published, 1 + window, "{model}");
        pair.rig.broker.withhold_acks(false);
        pair.rig.drop_clients();
        let told = back(&mut pair, 20 * SECOND);
        assert!(tickets.starts_with(&told.unknown), "{model}: {:?}", told.unknown);
        assert!(told.unknown.len() >= window, "{model}: {:?}", told.unknown);
        pair.rig.drop_clients();
        assert_eq!(back(&mut pair, 5 * SECOND).unknown, [], "{model}");
        let after = pair.rig.broker.messages().len();
        assert!(after <= published + 10 - told.unknown.len(), "{model}");
    }
}

#[test]
fn a_publish_whose_time_was_up_before_the_loss_is_not_told() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.broker.withhold_acks(true);
    assert!(pair.call(publish(b"1", Qos::AtLeastOnce)).is_err());
    pair.rig.broker.withhold_acks(false);
    pair.rig.drop_clients();
    assert_eq!(back(&mut pair, 5 * SECOND).unknown, []);
}
