//! What overtakes what in the queue, and which steps a call has when its turn comes. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use std::time::Duration;

use bench::{Bench, CLIENT, OK};
use modemqtt_at::Qos;
use modemqtt_host::call::{Call, Event, Options, Reply, Ticket};
use modemqtt_host::error::Error;

/// As many publishes as the window of M95 takes, accepted and without a result, and one more.
fn full_window() -> (Bench, Vec<Ticket>) {
    let mut bench = Bench::connected("M95");
    let tickets = (0..6).map(|_| bench.publish(b"x")).collect();
    for _ in 0..5 {
        assert!(bench.sent().starts_with("AT+QMTPUB="));
        bench.feed(b"\r\n> ");
        assert_eq!(bench.sent(), "x\x1a");
        bench.feed(OK);
    }
    assert_eq!(bench.sent(), "");
    (bench, tickets)
}

fn configure(bench: &mut Bench, options: Options) -> Ticket {
    bench.submit(Call::Configure {
        client: CLIENT,
        options,
    })
}

#[test]
fn the_end_of_a_connection_overtakes_the_publishes_that_wait_and_ends_them() {
    for (call, line) in [
        (Call::disconnect(CLIENT), "AT+QMTDISC=0\r"),
        (Call::close(CLIENT), "AT+QMTCLOSE=0\r"),
    ] {
        let (mut bench, tickets) = full_window();
        bench.submit(call);
        assert_eq!(bench.sent(), line);
        let (waiting, rest) = tickets.split_last().expect("six");
        assert!(matches!(bench.ended(*waiting), Some(Err(Error::ConnectionLost { .. }))));
        assert!(rest.iter().all(|ticket| bench.ended(*ticket).is_none()));
        let started = |event: &Event| matches!(event, Event::Started(ticket, _) if ticket == waiting);
        assert!(!bench.events.iter().any(started));
    }
}

#[test]
fn a_lost_connection_ends_the_publishes_that_wait_for_their_turn_and_none_that_waits_for_another() {
    let mut bench = Bench::connected("M95");
    let sent = bench.publish(b"0");
    let waiting: Vec<_> = (0..100).map(|_| bench.publish(b"1")).collect();
    let opening = bench.submit(Call::Open {
        client: CLIENT,
        host: "broker.lab".into(),
        port: 1883,
    });
    let login = bench.submit(Call::connect(CLIENT, "bench-7".into(), None, None));
    let later = bench.publish(b"2");
    assert!(bench.sent().starts_with("AT+QMTPUB"));
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    let lost = |result| matches!(result, Some(Err(Error::ConnectionLost { .. })));
    assert!(lost(bench.ended(sent)));
    assert!(waiting.into_iter().all(|ticket| lost(bench.ended(ticket))));
    assert!(
        [opening, login, later]
            .iter()
            .all(|ticket| bench.ended(*ticket).is_none())
    );
}

#[test]
fn a_subscription_needs_no_room_in_the_window() {
    let (mut bench, _) = full_window();
    let subscribe = bench.submit(Call::Subscribe {
        client: CLIENT,
        topics: vec![("t".into(), Qos::AtLeastOnce)],
    });
    assert_eq!(bench.sent(), "AT+QMTSUB=0,7,\"t\",1\r");
    bench.feed(b"\r\nOK\r\n\r\n+QMTSUB: 0,7,0,1\r\n");
    assert_eq!(bench.ended(subscribe), Some(Ok(Reply::Granted(vec![1]))));
    assert_eq!(bench.sent(), "");
}

#[test]
fn a_call_is_taken_back_before_it_is_sent_and_goes_on_afterwards() {
    let (mut bench, tickets) = full_window();
    let now = bench.now();
    bench.session.take_back(tickets[5], now);
    bench.session.take_back(tickets[0], now);
    assert_eq!(bench.ended(tickets[5]), Some(Err(Error::TakenBack)));
    assert_eq!(bench.ended(tickets[0]), None);
    bench.feed(b"\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.ended(tickets[0]), Some(Ok(Reply::Published)));
    assert_eq!(bench.sent(), "");
}

#[test]
fn a_payload_takes_the_form_that_is_in_force_when_it_is_sent() {
    let mut bench = Bench::connected("BC660K-GL");
    let options = Options {
        send_hex: Some(true),
        ..Options::default()
    };
    let configured = configure(&mut bench, options);
    let publish = bench.publish(b"12");
    assert_eq!(bench.sent(), "AT+QMTCFG=\"dataformat\",0,1,0\r");
    bench.feed(OK);
    assert_eq!(bench.ended(configured), Some(Ok(Reply::Done)));
    assert!(bench.sent().starts_with("AT+QMTPUB=0,1,1,0,\"t\",2"));
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "3132");
    assert_eq!(bench.ended(publish), None);
}

#[test]
fn a_payload_takes_the_form_that_an_opening_under_way_has_set() {
    let mut bench = Bench::set_up("BC660K-GL");
    let options = Options {
        send_hex: Some(true),
        ..Options::default()
    };
    configure(&mut bench, options);
    bench.answers(&[("AT+QMTCFG=\"dataformat\",0,1,0\r", OK)]);
    bench.open();
    bench.answers(&[
        ("AT+QMTCFG=\"showrecvlen\",0,1\r", OK),
        ("AT+QMTCFG=\"dataformat\",0,1,0\r", b"\r\nERROR\r\n"),
        // Another program has it open, with different settings.
        ("AT+QMTCFG=\"dataformat\",0\r", b"\r\n+QMTCFG: 0,0\r\n\r\nOK\r\n"),
        ("AT+QMTCFG=\"timeout\",0\r", OK),
        ("AT+QMTOPEN=0,\"h\",1883\r", OK),
    ]);
    bench.publish(b"12");
    bench.feed(b"\r\n+QMTOPEN: 0,2\r\n");
    bench.answers(&[
        ("AT+QMTCLOSE=0\r", b"\r\nOK\r\n\r\n+QMTCLOSE: 0,0\r\n"),
        ("AT+QMTCFG=\"dataformat\",0,1,0\r", OK),
        ("AT+QMTOPEN=0,\"h\",1883\r", b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n"),
    ]);
    assert!(bench.sent().starts_with("AT+QMTPUB=0,1,1,0,\"t\",2"));
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "3132");
}

#[test]
fn settings_changed_one_after_the_other_leave_each_other_in_force() {
    let mut bench = Bench::set_up("M95");
    let retries = Options {
        retries: Some(7),
        ..Options::default()
    };
    let packet_timeout = Options {
        packet_timeout: Some(9),
        ..Options::default()
    };
    configure(&mut bench, retries);
    configure(&mut bench, packet_timeout);
    bench.answers(&[
        ("AT+QMTCFG=\"TIMEOUT\",0,5,7,0\r", OK),
        ("AT+QMTCFG=\"TIMEOUT\",0,9,7,0\r", OK),
    ]);
}

#[test]
fn a_will_that_holds_a_byte_of_the_flow_control_is_refused() {
    let mut bench = Bench::set_up("EG915Q");
    bench.session.reserve(&[0x11, 0x13]);
    let will = modemqtt_host::call::Will {
        topic: "t".into(),
        payload: vec![b'a', 0x13],
        qos: Qos::AtMostOnce,
        retain: false,
    };
    let options = Options {
        will: Some(Some(will)),
        ..Options::default()
    };
    let configured = configure(&mut bench, options);
    let Some(Err(Error::Usage(text))) = bench.ended(configured) else {
        panic!("taken");
    };
    assert!(text.starts_with("the will holds the byte 0x13"), "{text}");
    assert_eq!(bench.sent(), "");
}

#[test]
fn a_late_result_without_a_message_id_is_not_that_of_the_next_publish() {
    let mut bench = Bench::connected("M95");
    bench.session.set_wake(modemqtt_host::session::Wake::Never);
    let call = || Call::Publish {
        client: CLIENT,
        topic: "t".into(),
        payload: b"x".to_vec(),
        qos: Qos::AtMostOnce,
        retain: false,
        form: None,
    };
    let late = bench.submit(call());
    bench.feed(b"\r\n> ");
    bench.feed(OK);
    bench.elapse(Duration::from_secs(30));
    assert!(matches!(bench.ended(late), Some(Err(Error::Timeout { .. }))));
    let next = bench.submit(call());
    bench.feed(b"\r\n> \r\nOK\r\n");
    bench.feed(b"\r\n+QMTPUB: 0,0,2\r\n");
    assert_eq!(bench.ended(next), None);
    bench.feed(b"\r\n+QMTPUB: 0,0,0\r\n");
    assert_eq!(bench.ended(next), Some(Ok(Reply::Published)));
}

/// An opening under way that no one waits for any more, and its close.
fn left_while_opening() -> (Bench, Ticket) {
    let mut bench = Bench::set_up("M95");
    let opening = bench.open();
    while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
        bench.feed(OK);
        if line.starts_with("AT+QMTOPEN") {
            break;
        }
    }
    let closing = bench.submit(Call::CloseBehind { client: CLIENT });
    assert_eq!(bench.ended(closing), Some(Ok(Reply::Done)));
    assert_eq!(bench.sent(), "");
    (bench, opening)
}

#[test]
fn what_an_opening_opens_that_was_left_is_closed_when_it_has_ended() {
    for result in [0, 3] {
        let (mut bench, opening) = left_while_opening();
        let command = bench.command("AT+CSQ");
        assert_eq!(bench.sent(), "AT+CSQ\r");
        bench.feed(OK);
        assert!(bench.ended(command).is_some());
        bench.feed(format!("\r\n+QMTOPEN: 0,{result}\r\n").as_bytes());
        if result != 0 {
            // The cure for a failed PDP context comes first, and includes an opening too.
            assert_eq!(bench.sent(), "AT+QIDEACT\r");
            bench.feed(b"\r\nDEACT OK\r\n");
            bench.feed(b"\r\nOK\r\n");
            while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
                bench.feed(OK);
                if line.starts_with("AT+QMTOPEN") {
                    assert!(bench.ended(opening).is_none());
                    bench.feed(b"\r\n+QMTOPEN: 0,0\r\n");
                    break;
                }
            }
        }
        assert_eq!(bench.ended(opening), Some(Ok(Reply::Done)));
        assert_eq!(bench.sent(), "AT+QMTCLOSE=0\r");
        bench.feed(b"\r\nOK\r\n\r\n+QMTCLOSE: 0,0\r\n");
        assert_eq!(bench.sent(), "");
    }
}

#[test]
fn the_next_opening_waits_until_the_one_that_was_left_is_closed() {
    let (mut bench, _) = left_while_opening();
    let next = bench.open();
    assert_eq!(bench.sent(), "");
    bench.feed(b"\r\n+QMTOPEN: 0,0\r\n");
    assert_eq!(bench.sent(), "AT+QMTCLOSE=0\r");
    bench.feed(OK);
    assert_eq!(bench.sent(), "");
    bench.feed(b"\r\n+QMTCLOSE: 0,0\r\n");
    while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
        bench.feed(OK);
        if line.starts_with("AT+QMTOPEN") {
            bench.feed(b"\r\n+QMTOPEN: 0,0\r\n");
        }
    }
    assert_eq!(bench.ended(next), Some(Ok(Reply::Done)));
}

#[test]
fn nothing_is_sent_for_a_client_that_is_left_with_nothing_open() {
    let mut bench = Bench::set_up("M95");
    let closing = bench.submit(Call::CloseBehind { client: CLIENT });
    assert_eq!(bench.ended(closing), Some(Ok(Reply::Done)));
    assert_eq!(bench.sent(), "");
    let mut bench = Bench::connected("M95");
    let closing = bench.submit(Call::CloseBehind { client: CLIENT });
    assert_eq!(bench.sent(), "AT+QMTCLOSE=0\r");
    assert_eq!(bench.ended(closing), None);
    bench.feed(b"\r\nOK\r\n\r\n+QMTCLOSE: 0,0\r\n");
    assert_eq!(bench.ended(closing), Some(Ok(Reply::Done)));
}
