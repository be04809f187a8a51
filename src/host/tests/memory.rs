//! Two hosts in turn on one module, with answers that are lost, late or refused. The module itself is the judge: a
//! client reported as connected is connected in the module, and whatever was left behind, a new connection carries
//! every payload as it is.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use modemqtt_at::Qos;
use modemqtt_host::call::{Call, ClientState, Options, Reply};
use modemqtt_host::keep::Upkeep;
use modemqtt_host::session::Session;
use pair::{CLIENT, Pair, publish};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Open,
    LogIn,
    Disconnect,
    Close,
    Hex(bool, bool),
    Buffer(bool),
    Publish(Qos),
    Fault(&'static str),
    AnotherHost,
    Elapse(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let qos = proptest::sample::select(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][..]);
    let fault = proptest::sample::select(&["lost-ok=1", "lost-result=1", "lost-prompt=1"][..]);
    prop_oneof![
        4 => Just(Act::LogIn),
        1 => Just(Act::Open),
        1 => Just(Act::Disconnect),
        1 => Just(Act::Close),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(send, receive)| Act::Hex(send, receive)),
        1 => any::<bool>().prop_map(Act::Buffer),
        4 => qos.prop_map(Act::Publish),
        2 => fault.prop_map(Act::Fault),
        2 => Just(Act::AnotherHost),
        1 => (0..40_u64).prop_map(Act::Elapse),
    ]
}

fn log_in(pair: &mut Pair) {
    if pair.open().is_ok() {
        let call = Call::connect(CLIENT, "bench".into(), None, None);
        let _ = pair.call(call);
    }
}

/// Does one thing, whatever the outcome.
fn perform(pair: &mut Pair, act: &Act, number: usize) {
    let configure = |options| Call::Configure {
        client: CLIENT,
        options,
    };
    match act {
        Act::Open => drop(pair.open()),
        Act::LogIn => log_in(pair),
        Act::Disconnect => drop(pair.call(Call::disconnect(CLIENT))),
        Act::Close => drop(pair.call(Call::close(CLIENT))),
        Act::Hex(send, receive) => {
            let options = Options {
                send_hex: Some(*send),
                receive_hex: Some(*receive),
                ..Options::default()
            };
            drop(pair.call(configure(options)));
        }
        Act::Buffer(on) => {
            let options = Options {
                buffered: Some(*on),
                ..Options::default()
            };
            drop(pair.call(configure(options)));
        }
        Act::Publish(qos) => {
            let payload = format!("{number}.5").into_bytes();
            drop(pair.call(publish(&payload, *qos)));
        }
        Act::Fault(fault) => pair.rig.inject(fault),
        Act::AnotherHost => {
            pair.host = Upkeep::new(Session::new(None, 115_200));
            pair.state = ClientState::Closed;
            pair.ended.clear();
            drop(pair.call(Call::SetUp));
        }
        Act::Elapse(seconds) => pair.elapse(Duration::from_secs(*seconds)),
    }
}

/// Whether the module says that the client is connected.
fn connected(pair: &mut Pair) -> bool {
    let asked = Call::Command {
        line: "AT+QMTCONN?".into(),
        data: None,
    };
    let Ok(Reply::Response { lines }) = pair.call(asked) else {
        panic!("the module does not answer");
    };
    lines
        .iter()
        .any(|line| line.ends_with(" 0,3") || line.ends_with(":0,3"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_one_host_after_another_is_told_is_so_in_the_module(
        model in proptest::sample::select(&["M95", "BC35-G", "BC660K-GL", "EG915Q"][..]),
        acts in vec(act(), 1..14),
    ) {
        let mut pair = Pair::new(model, 4096);
        for (number, act) in acts.iter().enumerate() {
            perform(&mut pair, act, number);
        }
        pair.rig.heal(None);
        for _ in 0..30 {
            pair.elapse(Duration::from_secs(10));
        }
        let told = pair.state.clone();
        let is_connected = connected(&mut pair);
        prop_assert!(told != ClientState::Connected || is_connected, "{} told connected", model);
        // Whatever was left behind, a new connection carries every payload as it is, both ways.
        log_in(&mut pair);
        prop_assert_eq!(&pair.state, &ClientState::Connected, "{}", model);
        let subscribe = Call::Subscribe { client: CLIENT, topics: vec![("bench/#".into(), Qos::AtLeastOnce)] };
        prop_assert!(pair.call(subscribe).is_ok(), "{}", model);
        pair.messages.clear();
        for payload in [&b"31"[..], b"say \"hi\"\r\nOK"] {
            prop_assert_eq!(pair.call(publish(payload, Qos::AtLeastOnce)), Ok(Reply::Published), "{}", model);
            pair.elapse(Duration::from_secs(1));
        }
        let seen: Vec<_> = pair.messages.iter().map(|message| message.content.payload().to_vec()).collect();
        prop_assert_eq!(seen.first().map(Vec::as_slice), Some(&b"31"[..]), "{}", model);
        prop_assert_eq!(seen.len(), 2, "{}: {:?}", model, seen);
    }
}
