//! Answers whose form or order differs from the notes. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, CLIENT, OK, response, seconds};
use modemqtt_at::codes::StatCode;
use modemqtt_host::call::{Call, Event};
use modemqtt_host::error::Error;

const MODELS: [&str; 4] = ["M95", "BC28", "BC660K-GL", "EG915Q"];

fn connect(bench: &mut Bench) -> modemqtt_host::call::Ticket {
    bench.submit(Call::connect(CLIENT, "b".into(), None, None))
}

/// The client's network connection is open.
fn opened(model: &str) -> Bench {
    let mut bench = Bench::set_up(model);
    bench.open();
    while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
        bench.feed(OK);
        if line.starts_with("AT+QMTOPEN") {
            bench.feed(b"\r\n+QMTOPEN: 0,0\r\n");
        }
    }
    bench
}

#[test]
fn a_return_code_that_follows_the_end_of_its_connection_is_told() {
    for model in MODELS {
        let mut bench = opened(model);
        let ticket = connect(&mut bench);
        bench.sent();
        bench.feed(b"\r\nOK\r\n\r\n+QMTSTAT: 0,4\r\n");
        assert_eq!(bench.ended(ticket), None, "{model}");
        bench.elapse(seconds(0.2));
        bench.feed(b"\r\n+QMTCONN: 0,0,5\r\n");
        let ended = bench.ended(ticket);
        let refused = matches!(&ended, Some(Err(Error::Operation { return_code: Some(code), .. })) if code.0 == 5);
        assert!(refused, "{model}: {ended:?}");
    }
}

#[test]
fn a_connect_whose_connection_ends_without_a_return_code_ends_soon_after() {
    for model in MODELS {
        let mut bench = opened(model);
        let ticket = connect(&mut bench);
        bench.sent();
        bench.feed(b"\r\nOK\r\n\r\n+QMTSTAT: 0,4\r\n");
        bench.elapse(seconds(0.5));
        let lost = Error::ConnectionLost {
            client: CLIENT,
            code: StatCode::CONNACK_FAILED,
        };
        assert_eq!(bench.ended(ticket), Some(Err(lost)), "{model}");
        let told = bench.events.iter().any(|event| matches!(event, Event::Lost(..)));
        assert!(!told, "{model}: told twice");
    }
}

#[test]
fn a_final_result_code_that_ends_in_cr_alone_is_taken_once_it_has_settled() {
    for model in MODELS {
        let mut bench = Bench::set_up(model);
        let ticket = bench.command("AT+CSQ");
        bench.sent();
        bench.feed(b"\r\n+CSQ: 20,0\r\n\r\nOK\r");
        assert_eq!(bench.ended(ticket), None);
        bench.elapse(seconds(0.05));
        assert_eq!(bench.ended(ticket), response(&["+CSQ: 20,0"]), "{model}");
        let next = bench.command("AT+CSQ");
        bench.sent();
        bench.feed(b"\n\r\nOK\r\n");
        assert_eq!(bench.ended(next), response(&[]), "{model}");
    }
}

#[test]
fn message_ids_continue_after_those_of_the_session_before() {
    for model in MODELS {
        let mut before = Bench::connected(model);
        before.publish(b"1");
        before.sent();
        assert_eq!(before.last_id(), 1);
        before.session.abandon(&Error::Closed, before.now());
        let mut after = Bench::connected(model);
        after.session.go_on_from(before.session.ids());
        after.publish(b"2");
        after.sent();
        assert_eq!(after.last_id(), 2, "{model}");
        let mut asking = Bench::unknown();
        asking.session.go_on_from(before.session.ids());
        assert_eq!(asking.session.ids(), before.session.ids(), "{model}");
    }
}
