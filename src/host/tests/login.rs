//! Connecting and leaving, on a simulated line and clock.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/keeping.rs"]
mod keeping;
#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use keeping::{keep_alive, login};
use modemqtt_at::{Qos, dialect};
use modemqtt_host::call::{ClientState, Errand, Login, Options, Reply, Secret, Will};
use modemqtt_host::error::Error;
use pair::{CLIENT, Pair};

fn enter(login: Login) -> Errand {
    Errand::Enter(CLIENT, Box::new(login))
}

fn leave() -> Errand {
    Errand::Leave(CLIENT)
}

/// The names of the commands that were sent.
fn commands(pair: &mut Pair) -> Vec<String> {
    let sent = String::from_utf8(std::mem::take(&mut pair.sent)).unwrap();
    let names = sent.split(['\r', '\n']).filter(|line| line.starts_with("AT+QMT"));
    names
        .map(|line| line.split(['=', '?']).next().unwrap_or_default().to_owned())
        .collect()
}

fn each_model(test: impl Fn(&str, &mut Pair)) {
    for (_, model) in dialect::models() {
        let mut pair = Pair::new(model.name, 7);
        pair.sent.clear();
        test(model.name, &mut pair);
    }
}

#[test]
fn entering_configures_opens_and_connects_and_leaving_undoes_it() {
    each_model(|model, pair| {
        assert_eq!(pair.call(enter(login(Some(keep_alive())))), Ok(Reply::Done), "{model}");
        assert_eq!(pair.state, ClientState::Connected, "{model}");
        let sent = commands(pair);
        let place = |name: &str| sent.iter().position(|sent| sent == name).unwrap();
        assert!(
            place("AT+QMTCFG") < place("AT+QMTOPEN") && place("AT+QMTOPEN") < place("AT+QMTCONN"),
            "{model}: {sent:?}"
        );
        assert_eq!(pair.call(leave()), Ok(Reply::Done), "{model}");
        assert_eq!(pair.state, ClientState::Closed, "{model}");
        assert_eq!(pair.rig.broker.clients(), [""; 0], "{model}");
    });
}

#[test]
fn what_is_open_already_is_closed_where_the_module_would_not_be_configured() {
    // These accept options only before a client is open, or while it is not connected.
    for model in ["BC660K-GL", "EG800Q"] {
        let mut pair = Pair::connected(model, 7);
        pair.sent.clear();
        assert_eq!(pair.call(enter(login(Some(keep_alive())))), Ok(Reply::Done), "{model}");
        assert_eq!(pair.state, ClientState::Connected, "{model}");
        let sent = commands(&mut pair);
        assert!(sent.contains(&"AT+QMTCLOSE".to_owned()), "{model}: {sent:?}");
    }
}

#[test]
fn leaving_a_client_that_is_closed_sends_nothing() {
    each_model(|model, pair| {
        assert_eq!(pair.call(leave()), Ok(Reply::Done), "{model}");
        assert_eq!(commands(pair), [""; 0], "{model}");
    });
}

#[test]
fn an_opening_that_takes_too_long_is_closed_when_it_has_ended() {
    each_model(|model, pair| {
        pair.rig.set_network(false);
        let mut login = login(None);
        login.timeout = Some(Duration::from_millis(200));
        let entering = pair.submit_for(enter(login), None);
        pair.elapse(Duration::from_millis(200));
        let (ended, result) = pair.ended.remove(0);
        assert_eq!(ended, entering, "{model}");
        assert!(result.is_err(), "{model}");
        assert_eq!(pair.call(leave()), Ok(Reply::Done), "{model}");
        pair.elapse(Duration::from_mins(4));
        assert_eq!(pair.state, ClientState::Closed, "{model}");
    });
}

#[test]
fn a_login_with_a_wrong_value_sends_nothing() {
    type Spoil = fn(&mut Login);
    let wrong: [(&str, Spoil); 6] = [
        ("client_id", |login| login.client_id = "a\rb".into()),
        ("username", |login| login.username = Some("u\"".into())),
        ("password", |login| {
            login.username = Some("u".into());
            login.password = Some(Secret("p\0".into()));
        }),
        ("a user name", |login| login.password = Some(Secret("p".into()))),
        ("host", |login| login.host = "h".repeat(101)),
        ("wildcard", |login| {
            let will = Will {
                topic: "a/#".into(),
                payload: Vec::new(),
                qos: Qos::AtMostOnce,
                retain: false,
            };
            login.options = Some(Options {
                will: Some(Some(will)),
                ..Options::default()
            });
        }),
    ];
    each_model(|model, pair| {
        for (named, spoil) in &wrong {
            let mut login = login(Some(keep_alive()));
            spoil(&mut login);
            let error = pair.call(enter(login)).unwrap_err();
            assert!(
                matches!(&error, Error::Usage(said) if said.contains(named)),
                "{model}: {error}"
            );
            assert_eq!(commands(pair), [""; 0], "{model}: {named}");
        }
    });
}

#[test]
fn a_login_that_fails_closes_what_it_has_opened() {
    each_model(|model, pair| {
        pair.rig.broker.refuse(Some(5)).unwrap();
        let error = pair.call(enter(login(None))).unwrap_err();
        assert!(matches!(error, Error::Operation { .. }), "{model}: {error}");
        assert_eq!(pair.state, ClientState::Closed, "{model}");
    });
}

#[test]
fn a_login_with_a_wrong_value_leaves_an_open_client_alone() {
    for (_, model) in dialect::models() {
        let mut pair = Pair::connected(model.name, 7);
        pair.sent.clear();
        let wrong_option = Options {
            keep_alive: Some(u16::MAX),
            ..Options::default()
        };
        let mut wrong_host = login(None);
        wrong_host.host = "a\"b".into();
        for login in [login(Some(wrong_option)), wrong_host] {
            let error = pair.call(enter(login)).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{}: {error}", model.name);
            assert_eq!(pair.state, ClientState::Connected, "{}", model.name);
            assert_eq!(commands(&mut pair), [""; 0], "{}", model.name);
        }
    }
}

#[test]
fn a_module_that_will_not_close_holds_nobody_up_longer_than_a_step() {
    each_model(|model, pair| {
        pair.rig.broker.mute(true);
        let mut login = login(None);
        login.timeout = Some(Duration::from_millis(500));
        let entering = pair.submit_for(enter(login), None);
        pair.elapse(Duration::from_millis(450));
        pair.rig.inject("mute");
        pair.elapse(Duration::from_secs(1));
        let (ended, result) = pair.ended.remove(0);
        assert_eq!(ended, entering, "{model}");
        assert!(
            matches!(result, Err(Error::Timeout { awaited: "result", .. })),
            "{model}: {result:?}"
        );
    });
}
