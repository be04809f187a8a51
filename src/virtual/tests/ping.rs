//! Echoes on the air, one series at a time.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_os::Moment;
use modemqtt_virtual::module::{Action, Failure, Ipv4, Module, PingReply, Timing};
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

/// A module without a shell, which leaves its echoes unanswered.
fn module(model: &str) -> Module {
    let (dialect, model) = dialect::of_model(model).unwrap();
    let mut module = Module::new(dialect, model);
    type_in(&mut module, "ATE0");
    module
}

fn type_in(module: &mut Module, line: &str) -> String {
    module.receive(format!("{line}\r").as_bytes(), Moment::now());
    module.take_output().escape_ascii().to_string()
}

#[test]
fn a_series_under_way_is_told_to_another_and_goes_on() {
    for (model, command, busy) in [
        ("M95", "AT+QPING=\"h\"", "+QPING: 3"),
        ("EG916Q", "AT+QPING=1,\"h\"", "+QPING: 568"),
    ] {
        let mut module = module(model);
        assert_eq!(type_in(&mut module, command), OK, "{model}");
        let Some(Action::Ping { ping, host, bytes, .. }) = module.next_action() else {
            panic!("{model}: no echo")
        };
        assert_eq!((host.as_str(), bytes), ("h", 32));
        assert_eq!(
            type_in(&mut module, command),
            format!("{OK}\\r\\n{busy}\\r\\n"),
            "{model}"
        );
        assert_eq!(module.next_action(), None);
        module.tell_ping(ping, Err(Failure::Unreachable), Moment::now());
        assert!(matches!(module.next_action(), Some(Action::Ping { .. })), "{model}");
    }
    let mut module = module("BC28");
    assert_eq!(type_in(&mut module, "AT+NPING=192.0.2.7"), OK);
    assert_eq!(type_in(&mut module, "AT+NPING=192.0.2.7"), "\\r\\nERROR\\r\\n");
}

#[test]
fn an_answer_from_before_a_restart_is_told_to_nobody() {
    let mut module = module("M95");
    type_in(&mut module, "AT+QPING=\"h\"");
    let Some(Action::Ping { ping, .. }) = module.next_action() else {
        panic!("no echo")
    };
    module.restart(Moment::now());
    module.take_output();
    let reply = PingReply {
        address: Ipv4([192, 0, 2, 7]),
        took: Duration::from_millis(1),
        ttl: 64,
    };
    module.tell_ping(ping, Ok(reply), Moment::now());
    assert_eq!((module.take_output(), module.next_action()), (Vec::new(), None));
}

#[test]
fn an_echo_takes_as_long_as_a_result_on_the_air_and_says_so() {
    let mut rig = Rig::new("EG916Q");
    rig.module = rig.module.with_timing(Timing::Field, 3);
    rig.type_in(b"AT+QPING=1,\"h\",4,2\r");
    assert!(rig.after(20).contains(OK));
    let mut waited = 20;
    let line = loop {
        waited += 1;
        let printed = rig.after(1);
        if !printed.is_empty() {
            break printed;
        }
    };
    let told: u64 = line.split(',').nth(3).unwrap().parse().unwrap();
    assert!((98..=448).contains(&told) && waited + 48 >= told, "{waited} ms: {line}");
    assert!(rig.after(1000).contains("+QPING: 0,2,2,0,"));
}

#[test]
fn echoes_are_lost_while_there_is_no_network() {
    let mut rig = Rig::new("EG916Q");
    rig.module = rig.module.with_timing(Timing::Field, 3);
    rig.type_in(b"AT+QPING=1,\"h\",4,1\r");
    rig.after(20);
    rig.set_network(false);
    assert_eq!(
        rig.after(1000),
        "\\r\\n+QPING: 569\\r\\n\\r\\n+QPING: 0,1,0,1,0,0,0\\r\\n"
    );
}
