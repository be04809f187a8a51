//! Sessions that reconnect by themselves, with random mishaps to module, network, server and port in any order. Once
//! all is well again, the server has the client and its subscriptions, whatever happened before.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/keeping.rs"]
mod keeping;
#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use keeping::*;
use modemqtt_at::Qos;
use modemqtt_host::call::{Call, ClientState, Event, Reply};
use modemqtt_host::error::Error;
use modemqtt_host::keep::{State, Upkeep};
use modemqtt_host::session::Session;
use pair::{CLIENT, Pair, publish};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Befall {
    Cut,
    Restart,
    SilentRestart,
    Network(bool),
    Server(bool),
    Unavailable(bool),
    Slow(bool),
    Stat(u8),
    Fault(&'static str),
    Heal,
    AnotherHost,
    Publish(Qos),
    Command,
}

fn befall() -> impl Strategy<Value = Befall> {
    // A muted module may lose its report of a loss, and not every family shows the loss otherwise.
    let faults = ["lost-ok=1", "lost-result=1", "lost-prompt=1"];
    let qos = proptest::sample::select(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][..]);
    prop_oneof![
        4 => Just(Befall::Cut),
        2 => Just(Befall::Restart),
        1 => Just(Befall::SilentRestart),
        1 => any::<bool>().prop_map(Befall::Network),
        1 => any::<bool>().prop_map(Befall::Server),
        1 => any::<bool>().prop_map(Befall::Unavailable),
        1 => any::<bool>().prop_map(Befall::Slow),
        1 => proptest::sample::select(&[1_u8, 2, 7, 9][..]).prop_map(Befall::Stat),
        2 => proptest::sample::select(faults.to_vec()).prop_map(Befall::Fault),
        2 => Just(Befall::Heal),
        1 => Just(Befall::AnotherHost),
        2 => qos.prop_map(Befall::Publish),
        1 => Just(Befall::Command),
    ]
}

fn happen(pair: &mut Pair, befall: &Befall) {
    match befall {
        Befall::Cut => pair.rig.drop_clients(),
        Befall::Restart => pair.rig.restart(),
        Befall::SilentRestart => {
            pair.rig.inject("silent-restart");
            pair.rig.restart();
        }
        Befall::Network(up) => pair.rig.set_network(*up),
        Befall::Server(up) => pair.rig.set_broker_down(!up),
        Befall::Unavailable(on) => pair.rig.broker.refuse(on.then_some(3)).unwrap(),
        Befall::Slow(on) => pair.rig.broker.slow(on.then_some(SECOND)),
        Befall::Stat(code) => say(pair, &format!("+QMTSTAT: 0,{code}")),
        Befall::Fault(fault) => pair.rig.inject(fault),
        Befall::Heal => drop(pair.rig.heal(None)),
        Befall::AnotherHost => another_host(pair),
        Befall::Publish(qos) => drop(pair.submit(publish(b"x", *qos))),
        Befall::Command => drop(pair.submit(Call::command("AT+CSQ"))),
    }
}

/// The port is lost and opened again.
fn another_host(pair: &mut Pair) {
    pair.host.abandon(&Error::Closed, pair.now);
    pair.collect();
    let keep = pair.host.take(CLIENT).unwrap();
    pair.host = Upkeep::new(Session::new(None, 115_200));
    pair.state = ClientState::Closed;
    // The program continues the session only once a module has answered.
    while pair.call(Call::SetUp).is_err() {
        pair.rig.heal(None);
    }
    pair.host.keep(keep, pair.now);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_befalls_it_a_session_is_back_once_all_is_well(
        model in proptest::sample::select(&MODELS[..]),
        befalls in vec((0..9_000_u64, befall()), 1..10),
    ) {
        let mut pair = subscribed(model, PLAN);
        for (wait, befall) in &befalls {
            happen(&mut pair, befall);
            pass(&mut pair, Duration::from_millis(*wait));
        }
        pair.rig.heal(None);
        pair.rig.set_network(true);
        pair.rig.set_broker_down(false);
        pair.rig.broker.refuse(None).unwrap();
        pair.rig.broker.slow(None);
        // An unreported restart is noticed once a command is refused.
        let mut published = false;
        for _ in 0..10 {
            pass(&mut pair, 120 * SECOND);
            published = pair.call(publish(b"last", Qos::AtLeastOnce)) == Ok(Reply::Published);
            if published {
                break;
            }
        }
        prop_assert!(published, "{}: {:?} {:?}", model, state(&pair), pair.told);
        prop_assert_eq!(state(&pair), Some(State::Connected), "{}", model);
        prop_assert_eq!(pair.rig.broker.clients(), ["bench"], "{}", model);
        prop_assert_eq!(&pair.state, &ClientState::Connected, "{}", model);
        let gave_up = pair.told.iter().any(|told| matches!(told, Event::ReconnectFailed(..) | Event::Unkept(_)));
        prop_assert!(!gave_up, "{}: {:?}", model, pair.told);
        pair.messages.clear();
        for topic in ["a", "b"] {
            pair.rig.publish(topic, b"1", 1, false);
            pass(&mut pair, SECOND);
        }
        prop_assert_eq!(pair.messages.len(), 2, "{}", model);
    }
}
