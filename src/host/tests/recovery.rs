//! The session when the module, the line or the program departs from the plan. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use std::time::Duration;

use bench::{Bench, CLIENT, OK, PROBED, response, seconds};
use modemqtt_at::{ClientIndex, Qos};
use modemqtt_host::call::{Call, Event, Options, Reply};
use modemqtt_host::error::Error;
use modemqtt_host::session::Wake;

#[test]
fn after_a_command_without_an_answer_the_next_gets_its_own() {
    let mut bench = Bench::set_up("M95");
    let silent = bench.command("AT+CSQ");
    assert_eq!(bench.sent(), "AT+CSQ\r");
    let next = bench.command("AT+CGATT?");
    bench.elapse(seconds(9.5));
    assert!(matches!(bench.ended(silent), Some(Err(Error::Timeout { .. }))));
    let probes = bench.sent().matches("AT+CMEE?\r").count();
    assert!(probes >= 2, "{probes}");
    // The module wakes and answers everything: the old command, then each probe.
    bench.feed(b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    for _ in 0..probes {
        bench.feed(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    }
    bench.elapse(seconds(1.5));
    assert_eq!(bench.sent(), "AT+CGATT?\r");
    bench.feed(b"\r\n+CGATT: 1\r\n\r\nOK\r\n");
    assert_eq!(bench.ended(next), response(&["+CGATT: 1"]));
}

#[test]
fn after_a_result_whose_ok_never_comes_the_line_is_free_within_three_seconds() {
    let mut bench = Bench::connected("M95");
    let publish = bench.publish(b"x");
    bench.sent();
    bench.feed(b"\r\n> ");
    bench.feed(b"\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.ended(publish), Some(Ok(Reply::Published)));
    let next = bench.command("AT+CSQ");
    bench.sent();
    bench.elapse(seconds(2.1));
    assert_eq!(bench.sent(), "AT+CMEE?\r");
    // The OK comes in the end, and answers neither the question nor the next command.
    bench.feed(OK);
    bench.feed(b"\r\n+CMEE: 1\r\n\r\nOK\r\n");
    bench.answers(&[("AT+CSQ\r", b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n")]);
    assert_eq!(bench.ended(next), response(&["+CSQ: 20,0"]));
}

#[test]
fn a_module_found_silent_is_looked_for_from_the_start_by_the_next_call() {
    let mut bench = Bench::set_up("M95");
    let first = bench.command("AT+CSQ");
    bench.elapse(seconds(13.0));
    assert!(matches!(bench.ended(first), Some(Err(Error::Timeout { .. }))));
    bench.sent();
    // Nothing is sent to it until someone needs it.
    assert_eq!(bench.elapse(seconds(3600.0)), 0);
    let second = bench.command("AT+CSQ");
    assert_eq!(bench.sent(), "AT\r");
    bench.elapse(seconds(5.3));
    let Some(Err(Error::Timeout { command, waited, .. })) = bench.ended(second) else {
        panic!("no timeout");
    };
    assert_eq!((command.as_str(), waited.as_secs()), ("AT", 5));
    bench.sent();
    // It was off, and has lost its settings.
    let third = bench.command("AT+CSQ");
    bench.answers_set_up();
    // The earlier questions may still be answered, right after this one.
    bench.elapse(seconds(0.2));
    bench.answers(&[("AT+CSQ\r", OK)]);
    assert_eq!(bench.ended(third), response(&[]));
}

#[test]
fn echo_that_is_on_again_is_taken_for_no_answer() {
    let mut bench = Bench::connected("M95");
    let publish = bench.publish(b"\r\nOK\r\n+QMTSTAT: 0,1\r\n");
    let line = bench.sent();
    bench.feed(line.as_bytes());
    bench.feed(b"\r\n> ");
    let data = bench.sent();
    bench.feed(data.trim_end_matches('\x1a').as_bytes());
    assert_eq!(bench.ended(publish), None);
    bench.feed(b"\r\nOK\r\n\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.ended(publish), Some(Ok(Reply::Published)));
}

#[test]
fn a_wait_that_the_caller_gave_up_tells_how_long_it_was() {
    let mut bench = Bench::set_up("M95");
    bench.command("AT+CGATT=1");
    let queued = bench.submit_for(Call::command("AT+CSQ"), Some(seconds(1.5)));
    bench.elapse(seconds(2.0));
    let Some(Err(Error::Timeout { awaited, waited, .. })) = bench.ended(queued) else {
        panic!("no timeout");
    };
    assert_eq!((awaited, waited), ("free line", seconds(1.5)));
}

#[test]
fn a_configure_without_options_is_done_at_once() {
    let mut bench = Bench::set_up("M95");
    let ticket = bench.submit(Call::Configure {
        client: CLIENT,
        options: Options::default(),
    });
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    assert_eq!(bench.sent(), "");
}

#[test]
fn a_byte_that_the_flow_control_takes_for_itself_is_refused_unless_it_goes_as_digits() {
    let mut bench = Bench::connected("BC660K-GL");
    bench.session.reserve(&[0x11, 0x13]);
    let ticket = bench.publish(b"a\x13");
    let Some(Err(Error::Usage(message))) = bench.ended(ticket) else {
        panic!("no error");
    };
    assert!(
        message.contains("0x13") && message.contains("flow_control"),
        "{message}"
    );
    assert_eq!(bench.sent(), "");
    let options = Options {
        send_hex: Some(true),
        ..Options::default()
    };
    bench.submit(Call::Configure {
        client: CLIENT,
        options,
    });
    bench.sent();
    bench.feed(OK);
    bench.publish(b"a\x13");
    bench.sent();
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "6113");
}

#[test]
fn a_timeout_beyond_the_clock_is_no_limit() {
    let mut bench = Bench::set_up("M95");
    let ticket = bench.submit_for(Call::command("AT"), Some(Duration::MAX));
    bench.feed(OK);
    assert_eq!(bench.ended(ticket), response(&[]));
}

#[test]
fn a_setting_counts_once_it_was_accepted_and_not_before() {
    let mut bench = Bench::connected("BC660K-GL");
    let options = Options {
        timeout_notice: Some(true),
        show_length: Some(false),
        ..Options::default()
    };
    let call = Call::Configure {
        client: CLIENT,
        options,
    };
    let ticket = bench.submit_for(call, Some(seconds(0.1)));
    assert_eq!(bench.sent(), "AT+QMTCFG=\"timeout\",0,30,0,1\r");
    bench.elapse(seconds(0.2));
    assert!(matches!(bench.ended(ticket), Some(Err(Error::Timeout { .. }))));
    // The late answer ends the command, and the second one is never sent: lengths are still shown.
    bench.feed(OK);
    assert_eq!(bench.sent(), "");
    bench.feed(b"\r\n+QMTRECV: 0,0,\"t\",5,\"hello\"\r\n");
    bench.collect();
    let payloads: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Message(message) => Some(message.content.payload().to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(payloads, [b"hello".to_vec()]);
}

#[test]
fn a_module_known_to_have_restarted_silently_has_no_connections() {
    let mut bench = Bench::connected("M95");
    let publish = bench.publish(b"x");
    bench.sent();
    let ticket = bench.submit(Call::SetUpAnew);
    assert_eq!(bench.ended(publish), Some(Err(Error::Restarted)));
    assert_eq!(bench.restarted(), 1);
    bench.answers_set_up();
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    bench.open();
    assert!(bench.sent().starts_with("AT+QMT"));
}

#[test]
fn a_module_silent_after_a_restart_fails_the_call_and_the_next_call_tries_again() {
    let mut bench = Bench::set_up("M95");
    bench.feed(b"\r\nRDY\r\n");
    let first = bench.command("AT+CSQ");
    bench.elapse(seconds(20.0));
    assert!(matches!(bench.ended(first), Some(Err(Error::Timeout { .. }))));
    bench.sent();
    let second = bench.command("AT+CSQ");
    bench.answers_set_up();
    bench.answers(&[("AT+CSQ\r", OK)]);
    assert_eq!(bench.ended(second), response(&[]));
}

#[test]
fn a_second_operation_of_a_kind_waits_for_the_result_of_the_first() {
    let mut bench = Bench::set_up("M95");
    let first = bench.open();
    bench.sent();
    bench.feed(b"\r\n+QMTCFG: 5,3,0\r\n\r\nOK\r\n");
    assert_eq!(bench.sent(), "AT+QMTOPEN=0,\"h\",1883\r");
    bench.feed(OK);
    let second = bench.open();
    let other = bench.command("AT+CSQ");
    assert_eq!(bench.sent(), "AT+CSQ\r");
    bench.feed(OK);
    assert!(bench.ended(other).is_some());
    bench.feed(b"\r\n+QMTOPEN: 0,5\r\n");
    assert!(matches!(
        bench.ended(first),
        Some(Err(Error::Operation { result: 5, .. }))
    ));
    assert_eq!(bench.ended(second), None);
    assert_eq!(bench.sent(), "AT+QMTCFG=\"TIMEOUT\",0\r");
}

#[test]
fn the_wait_for_a_result_begins_with_the_ok() {
    let mut bench = Bench::connected("M95");
    let ticket = bench.publish(b"x");
    bench.sent();
    bench.elapse(seconds(4.0));
    bench.feed(b"\r\n> ");
    bench.elapse(seconds(4.0));
    bench.feed(OK);
    // 5 s × (3 + 1) from here.
    bench.elapse(seconds(19.9));
    assert_eq!(bench.ended(ticket), None);
    bench.feed(b"\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Published)));
}

#[test]
fn a_counted_data_phase_without_an_end_is_filled_up_and_one_with_ctrl_z_is_cancelled() {
    let mut bench = Bench::connected("BC660K-GL");
    bench.publish(b"12345");
    assert_eq!(bench.sent(), "AT+QMTPUB=0,1,1,0,\"t\",5\r");
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "12345");
    bench.elapse(seconds(7.05));
    // ESC stands alone, with a silence after it.
    assert_eq!(bench.sent(), "\x1b");
    bench.elapse(seconds(0.05));
    assert_eq!(bench.sent(), "");
    bench.elapse(seconds(0.1));
    assert_eq!(bench.sent(), "\r\r\r\r\r");
    bench.elapse(seconds(0.2));
    assert_eq!(bench.sent(), "AT+CMEE?\r");
    let mut bench = Bench::connected("M95");
    bench.publish(b"12345");
    bench.feed(b"\r\n> ");
    bench.sent();
    bench.elapse(seconds(7.5));
    assert_eq!(bench.sent(), "\x1bAT+CMEE?\r");
}

#[test]
fn a_late_refusal_does_not_open_what_has_closed() {
    let mut bench = Bench::connected("M95");
    let ticket = bench.submit(Call::disconnect(CLIENT));
    bench.feed(b"\r\n+QMTDISC: 0,0\r\n\r\n+QMTSTAT: 0,5\r\n\r\nERROR\r\n");
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    bench.collect();
    let last = bench.events.iter().rev().find_map(|event| match event {
        Event::Client(_, state) => Some(state.word()),
        _ => None,
    });
    assert_eq!(last, Some("closed"));
}

#[test]
fn an_answer_that_begins_with_the_prompts_sign_is_a_line() {
    let mut bench = Bench::set_up("M95");
    let ticket = bench.command("AT+QHELP");
    bench.feed(b"\r\n>");
    bench.feed(b" usage\r\n\r\nOK\r\n");
    assert_eq!(bench.ended(ticket), response(&["> usage"]));
    assert_eq!(bench.sent(), "AT+QHELP\r");
}

#[test]
fn a_prompt_that_no_one_asked_for_is_cancelled_and_reported() {
    let mut bench = Bench::connected("M95");
    let ticket = bench.command("AT+QMTPUB=0,0,0,0,\"t\"");
    bench.sent();
    bench.feed(b"\r\n> ");
    bench.elapse(seconds(0.1));
    assert_eq!(bench.sent(), "\x1b");
    bench.feed(OK);
    assert!(matches!(bench.ended(ticket), Some(Err(Error::Usage(_)))));
}

#[test]
fn half_a_message_wakes_no_one_again_and_again() {
    let mut bench = Bench::connected("BC660K-GL");
    bench.feed(b"\r\n+QMTRECV: 0,0,\"t\",500,\"abc");
    assert!(bench.elapse(seconds(60.0)) <= 2);
}

#[test]
fn a_module_that_sleeps_at_once_is_woken_once_a_call() {
    let mut bench = Bench::set_up("M95");
    bench.session.set_wake(Wake::After(Duration::ZERO));
    for _ in 0..2 {
        bench.elapse(seconds(0.1));
        let ticket = bench.command("AT+CSQ");
        bench.answers(&[("AT\r", OK), ("AT+CMEE?\r", PROBED), ("AT+CSQ\r", OK)]);
        assert_eq!(bench.ended(ticket), response(&[]));
    }
}

#[test]
fn one_late_error_does_not_settle_what_was_asked_twice() {
    let mut bench = Bench::set_up("M95");
    let silent = bench.command("AT+CREG?");
    bench.elapse(seconds(7.1));
    assert!(matches!(bench.ended(silent), Some(Err(Error::Timeout { .. }))));
    let next = bench.command("AT+CSQ");
    bench.feed(b"\r\nERROR\r\n");
    bench.elapse(seconds(2.0));
    let asked = bench.sent().matches("AT+CMEE?\r").count();
    for _ in 0..asked {
        bench.feed(PROBED);
    }
    bench.elapse(seconds(1.1));
    bench.answers(&[("AT+CSQ\r", b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n")]);
    assert_eq!(bench.ended(next), response(&["+CSQ: 20,0"]));
}

#[test]
fn the_data_phase_of_a_connection_that_is_gone_is_left() {
    let mut bench = Bench::connected("M95");
    let publish = bench.publish(b"12345");
    bench.feed(b"\r\n> ");
    bench.sent();
    // The Ctrl-Z was lost on the line.
    bench.feed(b"\r\n+QMTSTAT: 0,1\r\n");
    assert!(matches!(bench.ended(publish), Some(Err(Error::ConnectionLost { .. }))));
    bench.elapse(seconds(7.5));
    assert_eq!(bench.sent(), "\x1bAT+CMEE?\r");
}

#[test]
fn an_occupied_index_whose_ok_is_lost_is_reopened_all_the_same() {
    let mut bench = Bench::set_up("M95");
    let open = bench.open();
    bench.answers(&[
        ("AT+QMTCFG=\"TIMEOUT\",0\r", b"\r\n+QMTCFG: 5,3,0\r\n\r\nOK\r\n"),
        ("AT+QMTOPEN=0,\"h\",1883\r", b"\r\n+QMTOPEN: 0,2\r\n"),
    ]);
    bench.elapse(seconds(2.1));
    bench.answers(&[
        ("AT+CMEE?\r", PROBED),
        ("AT+QMTCLOSE=0\r", b"\r\nOK\r\n\r\n+QMTCLOSE: 0,0\r\n"),
        ("AT+QMTOPEN=0,\"h\",1883\r", b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n"),
    ]);
    assert_eq!(bench.ended(open), Some(Ok(Reply::Done)));
}

#[test]
fn a_result_that_comes_before_the_data_were_asked_for_is_another_publishes() {
    let mut bench = Bench::connected("M95");
    let call = || Call::Publish {
        client: CLIENT,
        topic: "t".into(),
        payload: b"x".to_vec(),
        qos: Qos::AtMostOnce,
        retain: false,
        form: None,
    };
    let first = bench.submit_for(call(), Some(seconds(1.0)));
    bench.feed(b"\r\n> ");
    bench.feed(OK);
    bench.elapse(seconds(30.0));
    assert!(matches!(bench.ended(first), Some(Err(Error::Timeout { .. }))));
    bench.session.set_wake(Wake::Never);
    let second = bench.submit(call());
    bench.feed(b"\r\n+QMTPUB: 0,0,0\r\n");
    assert_eq!(bench.ended(second), None);
    bench.feed(b"\r\n> \r\nOK\r\n\r\n+QMTPUB: 0,0,0\r\n");
    assert_eq!(bench.ended(second), Some(Ok(Reply::Published)));
}

#[test]
fn a_payload_that_is_ok_itself_after_a_prompt_without_a_blank_costs_two_seconds_once() {
    let mut bench = Bench::connected("M95");
    for (publish, wait) in [(b"OK", seconds(2.1)), (b"OK", seconds(0.0))] {
        let ticket = bench.publish(publish);
        bench.feed(b"\r\n>");
        bench.feed(b"\r\nOK\r\n");
        let Some(id) = bench.sent().find("PUB=0,").map(|_| bench.last_id()) else {
            panic!("nothing was sent");
        };
        bench.feed(format!("\r\n+QMTPUB: 0,{id},0\r\n").as_bytes());
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Published)));
        bench.elapse(wait);
        assert_eq!(bench.sent().is_empty(), wait.is_zero());
        bench.feed(PROBED);
    }
}

#[test]
fn what_a_blocked_line_has_not_taken_is_forgotten_when_the_module_is_looked_for_anew() {
    let mut bench = Bench::set_up("M95");
    bench.session.poll_stale();
    bench.command("AT+CSQ");
    bench.elapse(seconds(13.0));
    assert!(!bench.session.poll_stale());
    bench.command("AT+CSQ");
    assert!(bench.session.poll_stale());
    assert!(!bench.session.poll_stale());
}

#[test]
fn a_pdp_context_is_given_up_only_where_no_other_client_is_on_it() {
    let mut bench = Bench::connected("EG915Q");
    let other = ClientIndex(1);
    let open = |bench: &mut Bench| {
        let ticket = bench.submit(Call::Open {
            client: other,
            host: "h".into(),
            port: 1883,
        });
        while let Some(line) = Some(bench.sent()).filter(|line| !line.is_empty()) {
            bench.feed(OK);
            if line.starts_with("AT+QMTOPEN") {
                bench.feed(b"\r\n+QMTOPEN: 1,3\r\n");
                break;
            }
        }
        ticket
    };
    let ticket = open(&mut bench);
    assert!(matches!(
        bench.ended(ticket),
        Some(Err(Error::Operation { result: 3, .. }))
    ));
    let options = Options {
        pdp_context: Some(2),
        ..Options::default()
    };
    bench.submit(Call::Configure { client: other, options });
    bench.answers(&[("AT+QMTCFG=\"pdpcid\",1,2\r", OK)]);
    open(&mut bench);
    assert_eq!(bench.sent(), "AT+QIDEACT=2\r");
}

#[test]
fn a_final_result_code_without_its_line_feed_ends_its_command_once_nothing_more_comes() {
    for dialect in ["M95", "BC28", "BC660K-GL", "EG915Q"] {
        let mut bench = Bench::set_up(dialect);
        let ticket = bench.command("AT+CSQ");
        bench.feed(b"\r\n+CSQ: 20,0\r\n\r\nOK\r");
        assert_eq!(bench.ended(ticket), None);
        bench.elapse(seconds(0.05));
        assert_eq!(bench.ended(ticket), response(&["+CSQ: 20,0"]));
        let ticket = bench.command("AT+CSQ");
        bench.feed(b"\n\r\n+CSQ: 21,0\r\n\r\nOK\r\n");
        assert_eq!(bench.ended(ticket), response(&["+CSQ: 21,0"]));
    }
}
