//! Sessions that reconnect by themselves: what happens to the module, the port and the program in the middle of it.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/keeping.rs"]
mod keeping;
#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use keeping::*;
use modemqtt_at::Qos;
use modemqtt_host::call::Login;
use modemqtt_host::call::{Call, ClientState, Event, Reply};
use modemqtt_host::error::Error;
use modemqtt_host::keep::{Keep, Plan, State, Upkeep};
use modemqtt_host::session::Session;
use pair::rig::Rig;
use pair::{Befall, CLIENT, Pair, publish};

#[test]
fn a_restart_is_overcome_with_every_option() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, Some(keep_alive()));
        subscribe(&mut pair, &[("a", Qos::AtLeastOnce)]).unwrap();
        pair.sent.clear();
        pair.rig.restart();
        let told = back(&mut pair, 60 * SECOND);
        assert_eq!((told.attempts, told.granted.len()), (1, 1), "{model}");
        let sent = lines(&mut pair);
        let at = |wanted: &str| sent.iter().position(|line| line.contains(wanted)).unwrap();
        assert!(at("77") < at("AT+QMTOPEN=0"), "{model}: {sent:?}");
        is_connected(&mut pair, model);
    }
}

#[test]
fn a_silent_restart_is_overcome_once_something_is_refused() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, Some(keep_alive()));
        pair.rig.inject("silent-restart");
        pair.rig.restart();
        pair.elapse(Duration::from_millis(10));
        assert!(pair.call(publish(b"1", Qos::AtLeastOnce)).is_err(), "{model}");
        back(&mut pair, 20 * SECOND);
        is_connected(&mut pair, model);
    }
}

#[test]
fn a_restart_before_the_session_was_connected_has_it_configured_again() {
    let mut pair = Pair::new("M95", 4096);
    pair.host
        .keep(Keep::new(CLIENT, login(Some(keep_alive())), PLAN), pair.now);
    pair.rig.restart();
    pair.elapse(SECOND);
    pair.log_in();
    pair.sent.clear();
    assert_eq!(back(&mut pair, 5 * SECOND).attempts, 1);
    assert!(lines(&mut pair)[0].starts_with("AT+QMTCFG=\"KEEPALIVE\""));
    is_connected(&mut pair, "M95");
}

/// How many pieces the host sends in an undisturbed attempt.
fn pieces_of_an_attempt(model: &str) -> usize {
    let mut pair = subscribed(model, PLAN);
    pair.befalls = Some((usize::MAX, |_| {}));
    pair.rig.drop_clients();
    back(&mut pair, 5 * SECOND);
    usize::MAX - pair.befalls.unwrap().0
}

#[test]
fn a_loss_in_the_middle_of_any_step_is_overcome_by_another_attempt() {
    fn cut(rig: &mut Rig) {
        rig.drop_clients();
    }
    fn restart(rig: &mut Rig) {
        rig.restart();
    }
    fn silent_restart(rig: &mut Rig) {
        rig.inject("silent-restart");
        rig.restart();
    }
    for model in MODELS {
        let pieces = pieces_of_an_attempt(model);
        assert!(pieces >= 5, "{model}: {pieces}");
        for piece in 0..pieces {
            for (name, befall) in [("cut", cut as Befall), ("restart", restart), ("silent", silent_restart)] {
                let mut pair = subscribed(model, PLAN);
                pair.rig.drop_clients();
                pair.pump();
                pair.befalls = Some((piece, befall));
                let mut told = back(&mut pair, 300 * SECOND);
                while told.attempts == 1 && pair.host.kept(CLIENT).unwrap().state() != &State::Connected {
                    told = back(&mut pair, 300 * SECOND);
                }
                assert!(pair.befalls.is_none());
                assert_eq!(told.granted.len(), 2, "{model} {piece}");
                is_connected(&mut pair, model);
                pair.rig.publish("b", b"1", 1, false);
                pass(&mut pair, SECOND);
                assert_eq!(
                    pair.messages.len(),
                    1,
                    "{model} {piece} {name}: it has its subscriptions"
                );
            }
        }
    }
}

/// The port of the first host is gone; a second host finds the module as it was left.
fn new_host(pair: &mut Pair) -> Option<Keep> {
    pair.host.abandon(&Error::Closed, pair.now);
    pair.collect();
    let keep = pair.host.take(CLIENT);
    pair.host = Upkeep::new(Session::new(None, 115_200));
    assert_eq!(pair.call(Call::SetUp), Ok(Reply::Done));
    keep
}

#[test]
fn a_port_that_goes_and_comes_is_waited_for() {
    for model in MODELS {
        let mut pair = subscribed(model, PLAN);
        let keep = new_host(&mut pair).unwrap();
        assert_eq!(told_wait(&mut pair), None, "{model}");
        assert_eq!(*keep.state(), State::PortGone);
        pass(&mut pair, 3600 * SECOND);
        pair.host.keep(keep, pair.now);
        pair.elapse(Duration::from_millis(990));
        assert_ne!(state(&pair), Some(State::Connected), "{model}");
        let told = back(&mut pair, 20 * SECOND);
        assert_eq!((told.attempts, told.granted.len()), (1, 2), "{model}");
        assert!(told.away >= 3600 * SECOND, "{model}");
        is_connected(&mut pair, model);
        // The new connection is kept like the first one.
        pair.rig.drop_clients();
        assert_eq!(back(&mut pair, 5 * SECOND).granted.len(), 2, "{model}");
    }
}

#[test]
fn options_are_set_although_the_module_has_the_connection_of_before() {
    // BC660K-GL and EG800Q/EG91xQ accept some or all of them only while there is none.
    for model in MODELS {
        let attempts = Some(1);
        let mut pair = entered(model, Plan { attempts, ..PLAN }, Some(keep_alive()));
        let keep = new_host(&mut pair).unwrap();
        pair.host.keep(keep, pair.now);
        assert_eq!(back(&mut pair, 20 * SECOND).attempts, 1, "{model}");
        is_connected(&mut pair, model);
    }
}

#[test]
fn a_port_lost_in_any_step_is_no_attempt_and_begins_the_waits_anew() {
    for model in MODELS {
        for piece in 0..pieces_of_an_attempt(model) {
            let mut pair = subscribed(model, PLAN);
            pair.rig.broker.refuse(Some(3)).unwrap();
            pair.rig.drop_clients();
            pass(&mut pair, 5 * SECOND);
            pair.rig.broker.refuse(None).unwrap();
            pair.told.clear();
            // Here the module goes silent, and the port with it.
            pair.befalls = Some((piece, |rig| rig.inject("mute")));
            pass(&mut pair, 20 * SECOND);
            assert!(pair.befalls.is_none(), "{model} {piece}");
            assert_ne!(state(&pair), Some(State::Connected), "{model} {piece}");
            pair.rig.heal(None);
            let keep = new_host(&mut pair).unwrap();
            assert_eq!(*keep.state(), State::PortGone, "{model} {piece}");
            pair.host.keep(keep, pair.now);
            let begun = pair.now;
            back(&mut pair, 60 * SECOND);
            assert!(pair.now - begun < 30 * SECOND, "{model} {piece}");
            is_connected(&mut pair, model);
        }
    }
}

#[test]
fn a_session_that_was_never_connected_does_not_outlive_its_port() {
    let mut pair = Pair::new("M95", 4096);
    pair.host.keep(Keep::new(CLIENT, login(None), PLAN), pair.now);
    assert!(new_host(&mut pair).is_none());
}

#[test]
fn what_the_program_does_to_end_the_connection_ends_the_session() {
    let client = CLIENT;
    for call in [
        Call::disconnect(client),
        Call::close(client),
        Call::CloseBehind { client },
    ] {
        for lost in [false, true] {
            let mut pair = entered("M95", PLAN, None);
            if lost {
                pair.rig.drop_clients();
                pair.pump();
                pair.told.clear();
            }
            pair.submit(call.clone());
            assert!(matches!(pair.told[..], [Event::Unkept(CLIENT)]), "{call:?}");
            pass(&mut pair, 600 * SECOND);
            assert_eq!(pair.told.len(), 1, "{call:?}");
            assert_eq!(state(&pair), None);
        }
    }
}

#[test]
fn a_session_that_is_left_during_an_attempt_leaves_nothing_open() {
    for model in MODELS {
        // The server takes a second for each answer.
        for moment in 0..50 {
            let mut pair = subscribed(model, PLAN);
            pair.rig.broker.slow(Some(SECOND));
            pair.rig.drop_clients();
            pass(&mut pair, 100 * moment * Duration::from_millis(1));
            pair.submit(Call::CloseBehind { client: CLIENT });
            pass(&mut pair, 200 * SECOND);
            assert_eq!(pair.state, ClientState::Closed, "{model} {moment}");
            assert_eq!(pair.rig.broker.clients(), [""; 0], "{model} {moment}");
        }
    }
}

#[test]
fn a_lost_connection_that_the_module_has_still_open_is_made_again() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, None);
        say(&mut pair, "+QMTSTAT: 0,7");
        assert_eq!(back(&mut pair, 20 * SECOND).attempts, 1, "{model}");
        is_connected(&mut pair, model);
    }
}

#[test]
fn a_module_that_answers_nothing_is_tried_again_until_it_does() {
    for model in MODELS {
        let mut pair = entered(model, PLAN, Some(keep_alive()));
        pair.rig.drop_clients();
        pair.pump();
        pair.rig.inject("mute");
        pass(&mut pair, 120 * SECOND);
        pair.rig.heal(None);
        assert!(back(&mut pair, 200 * SECOND).attempts > 1, "{model}");
        is_connected(&mut pair, model);
    }
}

#[test]
fn a_loss_that_the_module_does_not_stand_by_spoils_the_attempt() {
    let mut pair = subscribed("M95", PLAN);
    pair.rig.drop_clients();
    pair.pump();
    pair.rig.broker.slow(Some(SECOND));
    pass(&mut pair, Duration::from_millis(1500));
    assert_eq!(
        (state(&pair), &pair.state),
        (Some(State::Attempting), &ClientState::Connecting)
    );
    // The subscriptions have to wait for the line.
    pair.rig.inject("lost-ok=1");
    let command = pair.submit(Call::command("AT+CSQ"));
    pass(&mut pair, SECOND);
    assert!(matches!(state(&pair), Some(State::Subscribing { .. })));
    say(&mut pair, "+QMTSTAT: 0,7");
    assert!(!pair.ended.iter().any(|(ended, _)| *ended == command));
    pair.told.clear();
    pass(&mut pair, 12 * SECOND);
    assert_eq!(told_wait(&mut pair), Some(8 * SECOND));
    assert_eq!(back(&mut pair, 60 * SECOND).attempts, 2);
    assert_eq!(pair.state, ClientState::Connected);
}

#[test]
fn publishes_on_their_way_when_the_port_was_lost_are_told_by_the_next_host() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.broker.withhold_acks(true);
    let ticket = pair.submit(publish(b"1", Qos::AtLeastOnce));
    let keep = new_host(&mut pair).unwrap();
    pair.rig.broker.withhold_acks(false);
    pair.host.keep(keep, pair.now);
    assert_eq!(back(&mut pair, 20 * SECOND).unknown, [ticket]);
}

#[test]
fn what_a_session_was_about_to_send_is_not_sent_once_it_is_left() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.drop_clients();
    pair.pump();
    // The line is busy when the attempt is due.
    pass(&mut pair, Duration::from_millis(500));
    pair.rig.inject("lost-ok=1");
    pair.submit(Call::command("AT+CSQ"));
    pass(&mut pair, SECOND);
    assert_eq!(state(&pair), Some(State::Attempting));
    pair.submit(Call::CloseBehind { client: CLIENT });
    pass(&mut pair, 60 * SECOND);
    assert_eq!(lines(&mut pair), [""; 0]);
}

#[test]
fn a_session_replaces_the_one_before_it() {
    let mut pair = entered("M95", PLAN, None);
    pair.rig.drop_clients();
    pair.pump();
    pair.told.clear();
    let login = Login {
        client_id: "second".into(),
        ..login(None)
    };
    pair.host.keep(Keep::new(CLIENT, login, PLAN), pair.now);
    pass(&mut pair, 60 * SECOND);
    assert_eq!((pair.told.len(), lines(&mut pair).len()), (0, 0));
    pair.log_in();
    pair.rig.drop_clients();
    back(&mut pair, 5 * SECOND);
    assert_eq!(pair.rig.broker.clients(), ["second"]);
}
