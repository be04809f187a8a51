//! The way out of a data phase that the module may be in. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, OK, PROBED, response, seconds};
use modemqtt_host::call::{Call, Reply};
use modemqtt_host::error::Error;

#[test]
fn a_prompt_after_a_refusal_is_left_before_anything_else_is_sent() {
    let mut bench = Bench::connected("EG915Q");
    let first = bench.publish(b"12345");
    let second = bench.command("AT+CSQ");
    assert_eq!(bench.sent(), "AT+QMTPUBEX=0,1,1,0,\"t\",5\r");
    // The second final result code of the previous command.
    bench.feed(b"\r\n+CME ERROR: 30\r\n");
    assert!(matches!(bench.ended(first), Some(Err(Error::Command { .. }))));
    bench.elapse(seconds(0.05));
    assert_eq!(bench.sent(), "");
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "\x1b");
    bench.feed(OK);
    bench.answers(&[("AT+CMEE?\r", PROBED), ("AT+CSQ\r", OK)]);
    assert_eq!(bench.ended(second), response(&[]));
}

#[test]
fn a_late_prompt_is_left_before_the_question_is_asked_again() {
    let mut bench = Bench::connected("EG915Q");
    bench.publish(b"12345");
    bench.elapse(seconds(7.6));
    assert!(bench.sent().ends_with("\x1b\r\r\r\r\rAT+CMEE?\r"));
    bench.feed(b"\r\n> ");
    // The module may have counted the first ESC as data, so there is no other.
    bench.elapse(seconds(0.15));
    assert_eq!(bench.sent(), "\r\r\r\r\r");
    bench.feed(b"\r\nOK\r\n\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.sent(), "AT+CMEE?\r");
}

#[test]
fn filling_stops_at_the_first_sign_of_the_module() {
    let mut bench = Bench::connected("EG915Q");
    let publish = bench.publish(&[b'x'; 1000]);
    bench.sent();
    bench.feed(b"\r\n> ");
    bench.sent();
    bench.elapse(seconds(7.3));
    let Some(Err(error)) = bench.ended(publish) else {
        panic!("no error");
    };
    assert!(
        error.to_string().contains("a damaged payload may have been published"),
        "{error}"
    );
    let filled = bench.sent().matches('\r').count();
    assert!((1..1000).contains(&filled), "{filled}");
    bench.feed(OK);
    assert_eq!(bench.sent(), "AT+CMEE?\r");
}

#[test]
fn a_length_of_zero_that_is_taken_for_none_is_ended_by_ctrl_z_once_the_module_is_silent() {
    let mut bench = Bench::connected("EG915Q");
    let publish = bench.publish(b"");
    assert_eq!(bench.sent(), "AT+QMTPUBEX=0,1,1,0,\"t\",0\r");
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "");
    bench.elapse(seconds(0.6));
    assert_eq!(bench.sent(), "\x1a");
    bench.feed(b"\r\nOK\r\n\r\n+QMTPUB: 0,1,0\r\n");
    assert_eq!(bench.ended(publish), Some(Ok(Reply::Published)));
}

#[test]
fn an_unknown_line_that_asks_for_data_is_left_without_sending_text() {
    for (line, asks) in [("AT+QFOO=7", "\r\n> "), ("AT+QFOO=7", "\r\nCONNECT\r\n")] {
        let mut bench = Bench::set_up("EG915Q");
        let ticket = bench.command(line);
        bench.sent();
        bench.feed(asks.as_bytes());
        bench.elapse(seconds(0.05));
        assert_eq!(bench.sent(), "\x1b");
        bench.elapse(seconds(0.1));
        assert_eq!(bench.sent(), "\r".repeat(7));
        bench.feed(OK);
        assert!(matches!(bench.ended(ticket), Some(Err(Error::Usage(_)))));
        bench.answers(&[("AT+CMEE?\r", PROBED)]);
    }
}

#[test]
fn a_module_that_asks_for_data_without_end_does_not_hold_the_line() {
    let mut bench = Bench::set_up("M95");
    for _ in 0..20 {
        bench.feed(b"\r\n> ");
        bench.elapse(seconds(0.3));
    }
    bench.sent();
    bench.feed(PROBED);
    bench.elapse(seconds(2.0));
    bench.sent();
    let ticket = bench.command("AT+CSQ");
    for _ in 0..10 {
        match bench.sent().as_str() {
            "" => bench.elapse(seconds(0.5)),
            line => {
                let asked = line.ends_with("AT+CMEE?\r");
                bench.feed(if asked { PROBED } else { OK });
                0
            }
        };
    }
    assert_eq!(bench.ended(ticket), response(&[]));
}

#[test]
fn a_packet_ends_with_the_result_code_of_its_own() {
    for (answer, sent) in [("SEND OK", true), ("SEND FAIL", false), ("OK", true)] {
        let mut bench = Bench::set_up("EG915Q");
        let ticket = bench.submit(Call::Command {
            line: "AT+QISEND=0,3".into(),
            data: Some(b"a\x1ab".to_vec()),
        });
        assert_eq!(bench.sent(), "AT+QISEND=0,3\r");
        bench.feed(b"\r\n> ");
        assert_eq!(bench.sent_bytes(), b"a\x1ab");
        bench.feed(format!("\r\n{answer}\r\n").as_bytes());
        match bench.ended(ticket) {
            Some(Ok(_)) => assert!(sent, "{answer}"),
            Some(Err(error)) => assert!(!sent && error.to_string().contains(answer), "{error}"),
            None => panic!("{answer} ends nothing"),
        }
    }
}

#[test]
fn a_prompt_that_comes_late_into_another_command_is_left_as_that_of_the_publish() {
    let mut bench = Bench::connected("EG915Q");
    bench.publish(b"abc");
    bench.sent();
    bench.feed(b"\r\n+CME ERROR: 30\r\n");
    bench.elapse(seconds(0.25));
    let ticket = bench.command("AT+CSQ");
    assert_eq!(bench.sent(), "AT+CSQ\r");
    bench.feed(b"\r\n> ");
    bench.elapse(seconds(0.04));
    assert_eq!(bench.sent(), "\x1b");
    assert!(matches!(bench.ended(ticket), Some(Err(Error::Protocol { .. }))));
    bench.elapse(seconds(0.1));
    assert_eq!(bench.sent(), "\r\r\r");
}

#[test]
fn two_prompts_at_once_are_left_by_one_escape() {
    let mut bench = Bench::set_up("EG915Q");
    bench.command("AT+QFOO=30");
    bench.sent();
    bench.feed(b"\r\n>\r\n> ");
    bench.elapse(seconds(0.05));
    assert_eq!(bench.sent(), "\x1b");
    bench.feed(OK);
    bench.answers(&[("AT+CMEE?\r", PROBED)]);
}

#[test]
fn a_line_that_opens_a_connection_is_left_by_three_signs_between_two_silences() {
    let mut bench = Bench::set_up("EG915Q");
    let ticket = bench.command("AT+QIOPEN=1,0,\"TCP\",\"192.0.2.1\",80,0,2");
    bench.sent();
    bench.feed(b"\r\nCONNECT\r\n");
    bench.elapse(seconds(1.0));
    assert_eq!(bench.sent(), "");
    bench.elapse(seconds(0.2));
    assert_eq!(bench.sent(), "+++");
    bench.feed(OK);
    bench.answers(&[("AT+CMEE?\r", PROBED)]);
    let Some(Err(error)) = bench.ended(ticket) else {
        panic!("no error");
    };
    assert!(error.to_string().contains("has opened a connection"), "{error}");
}
