//! Kept sessions, on a simulated line and clock.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use modemqtt_at::Qos;
use modemqtt_host::call::Login;
use modemqtt_host::call::{Call, ClientState, Event, Options, Reconnected, Reply};
use modemqtt_host::error::Error;
use modemqtt_host::keep::{Keep, Plan, State};

use crate::pair::{CLIENT, Pair, publish};

pub(crate) const MODELS: [&str; 4] = ["M95", "BC35-G", "BC660K-GL", "EG915Q"];
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const PLAN: Plan = Plan {
    first: SECOND,
    most: Duration::from_mins(2),
    factor: 2.0,
    attempts: None,
};

pub(crate) fn login(options: Option<Options>) -> Login {
    Login {
        host: "broker.lab".into(),
        port: 1883,
        client_id: "bench".into(),
        username: None,
        password: None,
        options,
        timeout: None,
    }
}

pub(crate) fn keep_alive() -> Options {
    Options {
        keep_alive: Some(77),
        ..Options::default()
    }
}

/// A kept session that the program has connected.
pub(crate) fn entered(model: &str, plan: Plan, options: Option<Options>) -> Pair {
    let mut pair = Pair::new(model, 4096);
    if let Some(options) = options.clone() {
        let call = Call::Configure {
            client: CLIENT,
            options,
        };
        assert_eq!(pair.call(call), Ok(Reply::Done), "{model}");
    }
    pair.host.keep(Keep::new(CLIENT, login(options), plan), pair.now);
    pair.log_in();
    pair.sent.clear();
    pair
}

pub(crate) fn subscribe(pair: &mut Pair, topics: &[(&str, Qos)]) -> Result<Reply, Error> {
    let topics = topics.iter().map(|(topic, qos)| ((*topic).to_owned(), *qos)).collect();
    pair.call(Call::Subscribe { client: CLIENT, topics })
}

/// The first words of the command lines sent, without the session's own questions.
pub(crate) fn lines(pair: &mut Pair) -> Vec<String> {
    let sent = String::from_utf8_lossy(&std::mem::take(&mut pair.sent)).into_owned();
    let lines = sent.split('\r').filter(|line| line.starts_with("AT+QMT"));
    lines.filter(|line| !line.ends_with('?')).map(str::to_owned).collect()
}

pub(crate) fn name(line: &str) -> &str {
    line.split('=').next().unwrap()
}

/// The module prints this, whatever its state.
pub(crate) fn say(pair: &mut Pair, line: &str) {
    pair.host.receive(format!("\r\n{line}\r\n").as_bytes(), pair.now);
    pair.pump();
}

/// The last wait that was reported.
pub(crate) fn told_wait(pair: &mut Pair) -> Option<Duration> {
    match pair.told.pop() {
        Some(Event::Reconnecting(CLIENT, _, within)) => within,
        other => panic!("{other:?}"),
    }
}

/// Lets time pass: what the module prints meanwhile arrives when it is printed.
pub(crate) fn pass(pair: &mut Pair, time: Duration) {
    let end = pair.now + time;
    pair.pump();
    while pair.now < end {
        pair.elapse(Duration::from_millis(50).min(end - pair.now));
    }
}

/// Lets time pass, at most this long, until a session is back.
pub(crate) fn back(pair: &mut Pair, within: Duration) -> Reconnected {
    let end = pair.now + within;
    pair.pump();
    loop {
        if let Some(at) = pair.told.iter().position(|told| matches!(told, Event::Reconnected(_))) {
            let Event::Reconnected(told) = pair.told.remove(at) else {
                unreachable!()
            };
            pair.told.clear();
            return *told;
        }
        assert!(pair.now < end, "{:?}", pair.told);
        pair.elapse(Duration::from_millis(10));
    }
}

pub(crate) fn failed(pair: &mut Pair, within: Duration) -> (Error, u32) {
    pass(pair, within);
    match pair.told.pop() {
        Some(Event::ReconnectFailed(CLIENT, error, attempts)) => (*error, attempts),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_connected(pair: &mut Pair, model: &str) {
    assert_eq!(pair.state, ClientState::Connected, "{model}");
    assert_eq!(
        pair.call(publish(b"1", Qos::AtLeastOnce)),
        Ok(Reply::Published),
        "{model}"
    );
}

pub(crate) fn state(pair: &Pair) -> Option<State> {
    pair.host.kept(CLIENT).map(|keep| keep.state().clone())
}

pub(crate) fn subscribed(model: &str, plan: Plan) -> Pair {
    let mut pair = entered(model, plan, Some(keep_alive()));
    subscribe(&mut pair, &[("a", Qos::AtLeastOnce)]).unwrap();
    subscribe(&mut pair, &[("b", Qos::AtLeastOnce)]).unwrap();
    pair
}
