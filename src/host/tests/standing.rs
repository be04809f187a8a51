//! The state of a client changes only on the module's word. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, CLIENT, OK, seconds};
use modemqtt_host::call::{Call, ClientState, Event, Reply};
use modemqtt_host::error::Error;

const QUESTIONS: [&str; 2] = ["AT+QMTCONN?\r", "AT+QMTOPEN?\r"];

/// The last state that the program was told.
fn state(bench: &mut Bench) -> ClientState {
    bench.collect();
    let states = bench.events.iter().rev().find_map(|event| match event {
        Event::Client(_, state) => Some(state.clone()),
        _ => None,
    });
    states.unwrap_or_default()
}

fn lost(bench: &mut Bench) -> usize {
    bench.collect();
    let lost = bench.events.iter().filter(|event| matches!(event, Event::Lost(..)));
    lost.count()
}

fn close(bench: &mut Bench) -> modemqtt_host::call::Ticket {
    bench.submit(Call::close(CLIENT))
}

#[test]
fn an_opening_goes_on_where_the_occupied_index_is_closed_without_a_result() {
    let mut bench = Bench::set_up("M95");
    let open = bench.open();
    bench.answers(&[
        ("AT+QMTCFG=\"TIMEOUT\",0\r", b"\r\n+QMTCFG: 5,3,0\r\n\r\nOK\r\n"),
        ("AT+QMTOPEN=0,\"h\",1883\r", b"\r\nOK\r\n\r\n+QMTOPEN: 0,2\r\n"),
        ("AT+QMTCLOSE=0\r", b"\r\nOK\r\n\r\n+QMTSTAT: 0,1\r\n"),
    ]);
    bench.elapse(seconds(2.1));
    assert_eq!(bench.ended(open), None);
    bench.answers(&[("AT+QMTOPEN=0,\"h\",1883\r", b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n")]);
    assert_eq!(bench.ended(open), Some(Ok(Reply::Done)));
    assert_eq!(state(&mut bench), ClientState::Open);
}

#[test]
fn a_client_that_the_module_would_not_close_is_what_the_module_says() {
    for (refusal, said, result) in [
        (&b"\r\n+CME ERROR: 14\r\n"[..], ClientState::Connected, false),
        (b"\r\nOK\r\n\r\n+QMTCLOSE: 0,-1\r\n", ClientState::Connected, false),
        (b"\r\nERROR\r\n", ClientState::Connected, false),
        (b"\r\nERROR\r\n", ClientState::Closed, true),
    ] {
        let mut bench = Bench::connected("M95");
        let close = close(&mut bench);
        let answer: &[u8] = if said == ClientState::Connected {
            b"\r\n+QMTCONN: 0,3\r\n\r\nOK\r\n"
        } else {
            OK
        };
        bench.answers(&[("AT+QMTCLOSE=0\r", refusal), (QUESTIONS[0], answer), (QUESTIONS[1], OK)]);
        assert_eq!(bench.ended(close).is_some_and(|end| end.is_ok()), result);
        assert_eq!(state(&mut bench), said);
        bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
        assert_eq!(lost(&mut bench), usize::from(said == ClientState::Connected));
    }
}

#[test]
fn an_opening_that_was_given_up_leaves_an_occupied_client_connected() {
    let mut bench = Bench::connected("M95");
    let call = Call::Open {
        client: CLIENT,
        host: "h".into(),
        port: 1883,
    };
    let open = bench.submit_for(call, Some(seconds(0.1)));
    bench.answers(&[("AT+QMTCFG=\"TIMEOUT\",0\r", b"\r\n+QMTCFG: 5,3,0\r\n\r\nOK\r\n")]);
    assert_eq!(bench.sent(), "AT+QMTOPEN=0,\"h\",1883\r");
    bench.feed(OK);
    bench.elapse(seconds(0.2));
    assert!(matches!(bench.ended(open), Some(Err(Error::Timeout { .. }))));
    bench.feed(b"\r\n+QMTOPEN: 0,2\r\n");
    bench.answers(&[(QUESTIONS[0], b"\r\n+QMTCONN: 0,3\r\n\r\nOK\r\n"), (QUESTIONS[1], OK)]);
    assert_eq!(state(&mut bench), ClientState::Connected);
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    assert_eq!((lost(&mut bench), state(&mut bench)), (1, ClientState::Closed));
}

#[test]
fn a_connection_that_is_lost_while_its_client_is_opened_again_is_told() {
    let mut bench = Bench::connected("M95");
    bench.open();
    bench.answers(&[("AT+QMTCFG=\"TIMEOUT\",0\r", b"\r\n+QMTCFG: 5,3,0\r\n\r\nOK\r\n")]);
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    bench.answers(&[("AT+QMTOPEN=0,\"h\",1883\r", b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n")]);
    assert_eq!((lost(&mut bench), state(&mut bench)), (1, ClientState::Open));
}

#[test]
fn a_loss_ends_what_waits_on_a_client_that_another_program_has_connected() {
    let mut bench = Bench::set_up("M95");
    let publish = bench.publish(b"21");
    bench.sent();
    bench.feed(b"\r\n> ");
    bench.feed(OK);
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    assert!(matches!(bench.ended(publish), Some(Err(Error::ConnectionLost { .. }))));
}

#[test]
fn the_result_of_a_disconnect_opens_no_client_that_is_closed() {
    let mut bench = Bench::connected("M95");
    let disconnect = bench.submit(Call::disconnect(CLIENT));
    bench.sent();
    bench.feed(b"\r\nOK\r\n\r\n+QMTSTAT: 0,5\r\n\r\n+QMTDISC: 0,0\r\n");
    assert_eq!(bench.ended(disconnect), Some(Ok(Reply::Done)));
    assert_eq!(state(&mut bench), ClientState::Closed);
}

#[test]
fn a_refusal_without_a_line_of_the_client_is_no_loss() {
    let mut bench = Bench::connected("EG915Q");
    bench.elapse(seconds(2.0));
    let publish = bench.publish(b"21");
    bench.sent();
    bench.feed(b"\r\nERROR\r\n");
    // The refusal may have been another command's, and the prompt may still come.
    bench.elapse(seconds(0.2));
    bench.answers(&[(QUESTIONS[0], OK)]);
    assert!(matches!(bench.ended(publish), Some(Err(Error::Command { .. }))));
    assert_eq!((lost(&mut bench), state(&mut bench)), (0, ClientState::Connected));
}

#[test]
fn a_question_of_the_programs_own_is_refused_like_any_other() {
    let mut bench = Bench::set_up("M95");
    let command = bench.command("AT+CMEE?");
    bench.answers(&[("AT+CMEE?\r", b"\r\nERROR\r\n")]);
    assert!(matches!(bench.ended(command), Some(Err(Error::Command { .. }))));
}

#[test]
fn a_message_that_a_busy_module_would_not_give_out_is_asked_for_again_and_told_of_in_the_end() {
    let mut bench = Bench::connected("EG915Q");
    let options = modemqtt_host::call::Options {
        buffered: Some(true),
        ..Default::default()
    };
    bench.submit(Call::Configure {
        client: CLIENT,
        options,
    });
    bench.sent();
    bench.feed(OK);
    bench.feed(b"\r\n+QMTRECV: 0,0\r\n\r\n+QMTRECV: 0,1\r\n");
    let busy = b"\r\nERROR\r\n";
    bench.answers(&[
        ("AT+QMTRECV=0,0\r", busy),
        ("AT+QMTRECV=0,0\r", b"\r\n+QMTRECV: 0,0,\"t\",1,\"a\"\r\n\r\nOK\r\n"),
        ("AT+QMTRECV=0,1\r", busy),
        ("AT+QMTRECV=0,1\r", busy),
    ]);
    bench.elapse(seconds(1.1));
    bench.answers(&[("AT+QMTRECV=0,1\r", busy)]);
    bench.elapse(seconds(2.1));
    bench.answers(&[("AT+QMTRECV=0,1\r", busy)]);
    bench.elapse(seconds(60.0));
    bench.collect();
    let told = |event: &Event| matches!(event, Event::Urc(line) if line == "+QMTRECV: 0,1");
    assert!(bench.events.iter().any(told), "{:?}", bench.events);
    let messages = bench.events.iter().filter(|event| matches!(event, Event::Message(_)));
    assert_eq!((messages.count(), bench.sent()), (1, String::new()));
}

#[test]
fn a_call_that_waited_for_room_goes_on_when_a_loss_ends_those_before_it() {
    let mut bench = Bench::set_up("M95");
    for _ in 0..5 {
        bench.publish(b"x");
        assert!(bench.sent().starts_with("AT+QMTPUB="));
        bench.feed(b"\r\n> ");
        bench.sent();
        bench.feed(OK);
    }
    bench.publish(b"x");
    assert_eq!(bench.sent(), "");
    // The index belongs to another program, and so did the connection.
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    assert!(bench.sent().starts_with("AT+QMTPUB="));
}

#[test]
fn a_connect_without_a_result_is_what_the_module_says() {
    for (model, said) in [
        ("M95", ClientState::Connected),
        ("BC35-G", ClientState::Open),
        ("BC660K-GL", ClientState::Connected),
        ("EG915Q", ClientState::Open),
    ] {
        let mut bench = Bench::connected(model);
        let call = Call::connect(CLIENT, "c".into(), None, None);
        let connect = bench.submit(call);
        assert!(bench.sent().starts_with("AT+QMTCONN=0,"));
        bench.feed(OK);
        while bench.ended(connect).is_none() {
            bench.elapse(seconds(0.1));
        }
        // After this long, a module that sleeps is woken first.
        let mut sent = bench.sent();
        while sent != QUESTIONS[0] {
            bench.feed(if sent == "AT\r" {
                OK
            } else {
                b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
            });
            sent = bench.sent();
        }
        let connected = said == ClientState::Connected;
        bench.feed(if connected {
            b"\r\n+QMTCONN: 0,3\r\n\r\nOK\r\n"
        } else {
            b"\r\n+QMTCONN: 0,2\r\n\r\nOK\r\n"
        });
        bench.answers(&[(QUESTIONS[1], b"\r\n+QMTOPEN: 0,\"h\",1883\r\n\r\nOK\r\n")]);
        assert_eq!(state(&mut bench), said, "{model}");
    }
}

#[test]
fn a_late_result_that_contradicts_the_known_state_has_the_module_asked() {
    let mut bench = Bench::set_up("M95");
    // Another program's, or one that was given up.
    bench.feed(b"\r\n+QMTCONN: 0,0,0\r\n");
    bench.answers(&[
        (QUESTIONS[0], b"\r\n+QMTCONN: 0,3\r\n\r\nOK\r\n"),
        (QUESTIONS[1], b"\r\n+QMTOPEN: 0,\"h\",1883\r\n\r\nOK\r\n"),
    ]);
    assert_eq!(state(&mut bench), ClientState::Connected);
    bench.feed(b"\r\n+QMTCONN: 0,0,0\r\n");
    assert_eq!(bench.sent(), "");
}
