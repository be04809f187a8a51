//! The faults of what comes before what, and when, byte for byte.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_virtual::Fault;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const PROMPT: &str = "\\r\\n> ";
const SUBSCRIBED: &str = "\\r\\n+QMTSUB: 0,1,0,0\\r\\n";
const SUBSCRIBE: &str = "AT+QMTSUB=0,1,\"t\",0\r";

fn line(text: &str) -> String {
    format!("\\r\\n{text}\\r\\n")
}

#[test]
fn message_before_suback() {
    let message = line("+QMTRECV: 0,0,\\\"t\\\",x");
    let mut rig = Rig::connected("M95", &["message-before-suback"]);
    rig.publish("t", b"x", 0, true);
    assert_eq!(rig.answer(SUBSCRIBE), format!("{OK}{message}{SUBSCRIBED}"));
    // Without a message it comes all the same.
    let mut rig = Rig::connected("M95", &["message-before-suback"]);
    assert_eq!(rig.answer(SUBSCRIBE), OK);
    assert_eq!(rig.after(199), "");
    assert_eq!(rig.after(1), SUBSCRIBED);
}

#[test]
fn urc_before_ok_and_unknown_line() {
    for (model, report) in [("M95", "+CREG: 1"), ("BC660K-GL", "+CEREG: 1"), ("BC35-G", "+CEREG:1")] {
        let mut rig = Rig::connected(model, &["urc-before-ok"]);
        assert_eq!(rig.answer("AT\r"), format!("{}{OK}", line(report)), "{model}");
        rig.inject("unknown-line=1");
        assert_eq!(
            rig.answer("AT\r"),
            format!("{}{}{OK}", line("^VIRTUAL: 7,\\\"?\\\""), line(report)),
            "{model}"
        );
    }
}

#[test]
fn urc_in_data() {
    let mut rig = Rig::connected("M95", &["urc-in-data"]);
    rig.answer(SUBSCRIBE);
    assert_eq!(rig.answer("AT+QMTPUB=0,0,0,0,\"u\"\ra"), PROMPT);
    rig.publish("t", b"x", 0, false);
    assert_eq!(rig.take(), line("+QMTRECV: 0,0,\\\"t\\\",x"));
    assert_eq!(rig.answer("b\x1a"), format!("{OK}{}", line("+QMTPUB: 0,0,0")));
    assert_eq!(rig.broker.messages()[1].payload, "ab");
}

/// Every command with a result, in an order in which each is accepted.
const COMMANDS: [(&str, &str); 6] = [
    ("AT+QMTOPEN=0,\"h\",1883\r", "+QMTOPEN: 0,0"),
    ("AT+QMTCONN=0,\"c\"\r", "+QMTCONN: 0,0,0"),
    ("AT+QMTSUB=0,1,\"t\",2,\"u\",1\r", "+QMTSUB: 0,1,0,2,1"),
    ("AT+QMTUNS=0,2,\"t\"\r", "+QMTUNS: 0,2,0"),
    ("AT+QMTPUB=0,3,1,0,\"t\"\rx\x1a", "+QMTPUB: 0,3,0"),
    ("AT+QMTCLOSE=0\r", "+QMTCLOSE: 0,0"),
];

#[test]
fn result_before_ok() {
    for model in ["M95", "BC35-G", "BC660K-GL"] {
        let mut rig = Rig::new(model);
        rig.inject("result-before-ok");
        for (command, result) in COMMANDS {
            let prompt = if command.contains("PUB") { PROMPT } else { "" };
            assert_eq!(rig.answer(command), format!("{prompt}{}{OK}", line(result)), "{model}");
        }
        // What is refused, and what has no result, is answered as ever.
        assert_eq!(rig.answer("AT+CSQ\r").matches("OK").count(), 1);
        assert!(rig.answer("AT+QMTDISC=0\r").contains("ERROR"));
        assert_eq!(rig.answer("AT\r"), OK);
    }
}

#[test]
fn result_before_ok_of_what_fails_and_of_what_disconnects() {
    let mut rig = Rig::new("M95");
    rig.inject("result-before-ok");
    rig.set_broker_down(true);
    assert_eq!(
        rig.answer("AT+QMTOPEN=0,\"h\",1883\r"),
        format!("{}{OK}", line("+QMTOPEN: 0,5"))
    );
    let mut rig = Rig::connected("M95", &["result-before-ok"]);
    assert!(
        rig.answer("AT+QMTDISC=0\r")
            .starts_with(&format!("{}{OK}", line("+QMTDISC: 0,0")))
    );
    let mut rig = Rig::new("BC35-G");
    rig.inject("result-before-ok");
    let answer = rig.answer("AT+QMTENAUTH=\"p\",\"d\",\"s\",\"h\"\r");
    assert!(
        answer.starts_with("\\r\\n+QMTTENAUTH: 0,") && answer.ends_with(OK),
        "{answer}"
    );
}

#[test]
fn result_with_ok() {
    let mut rig = Rig::connected("M95", &["result-with-ok"]);
    assert_eq!(rig.answer(SUBSCRIBE), format!("{OK}{SUBSCRIBED}"));
    rig.answer("AT+QMTCFG=\"timeout\",0,5,3,1\r");
    rig.broker.withhold_acks(true);
    assert_eq!(rig.answer("AT+QMTPUB=0,3,1,0,\"u\"\rx\x1a"), PROMPT);
    assert_eq!(rig.after(4_999), "");
    // A notice is not a result.
    assert_eq!(rig.after(1), line("+QMTPUB: 0,3,1,1"));
    rig.broker.withhold_acks(false);
    assert_eq!(
        rig.after(5_000),
        format!("{}{OK}{}", line("+QMTPUB: 0,3,1,2"), line("+QMTPUB: 0,3,0"))
    );
}

#[test]
fn result_delay() {
    let mut rig = Rig::connected("M95", &["result-delay=1.5"]);
    assert_eq!(rig.answer(SUBSCRIBE), OK);
    assert_eq!(rig.after(1_499), "");
    // Nothing else waits for it.
    assert_eq!(rig.answer("AT\r"), OK);
    // It does not come in a data phase.
    assert_eq!(rig.answer("AT+QMTPUB=0,0,0,0,\"u\"\r"), PROMPT);
    assert_eq!(rig.after(5_000), "");
    assert_eq!(rig.answer("x\x1a"), format!("{OK}{SUBSCRIBED}"));
    assert_eq!(rig.after(1_500), line("+QMTPUB: 0,0,0"));
}

#[test]
fn late_stat() {
    let mut rig = Rig::connected("M95", &["late-stat"]);
    rig.drop_clients();
    assert_eq!(rig.take(), "");
    assert_eq!(
        rig.answer("AT+QMTOPEN=0,\"h\",1883\r"),
        format!("{}{OK}{}", line("+QMTSTAT: 0,1"), line("+QMTOPEN: 0,0"))
    );
}

#[test]
fn late_close() {
    let mut rig = Rig::connected("M95", &["late-close"]);
    assert_eq!(rig.answer("AT+QMTCLOSE=0\r"), OK);
    assert_eq!(
        rig.answer("AT+QMTOPEN=0,\"h\",1883\r"),
        format!("{}{OK}{}", line("+QMTCLOSE: 0,0"), line("+QMTOPEN: 0,0"))
    );
}

#[test]
fn slow_close() {
    let mut rig = Rig::connected("M95", &["slow-close=0.5"]);
    assert_eq!(rig.answer("AT+QMTCLOSE=0\r"), OK);
    assert_eq!(
        rig.answer("AT+QMTOPEN=0,\"h\",1883\r"),
        format!("{OK}{}", line("+QMTOPEN: 0,2"))
    );
    assert_eq!(rig.after(499), "");
    assert_eq!(rig.after(1), line("+QMTCLOSE: 0,0"));
    assert_eq!(
        rig.answer("AT+QMTOPEN=0,\"h\",1883\r"),
        format!("{OK}{}", line("+QMTOPEN: 0,0"))
    );
}

#[test]
fn a_client_on_its_way_out_waits_for_nothing_but_its_end() {
    let mut rig = Rig::connected("M95", &["slow-close=20"]);
    rig.muted = true;
    rig.answer("AT+QMTPUB=0,7,1,0,\"t\"\r");
    rig.answer("x\x1a");
    assert_eq!(rig.answer("AT+QMTCLOSE=0\r"), OK);
    // Its packet would be sent again after 5 s.
    assert_eq!(rig.after(19_999), "");
    assert_eq!(rig.after(1), line("+QMTCLOSE: 0,0"));
}

#[test]
fn what_a_fault_keeps_back_comes_when_it_is_healed() {
    let mut rig = Rig::connected("M95", &["result-delay=3600"]);
    assert_eq!(rig.answer(SUBSCRIBE), OK);
    assert_eq!(rig.heal(Some(Fault::LostOk)), "");
    assert_eq!(rig.heal(Some(Fault::ResultDelay)), SUBSCRIBED);
    rig.inject("late-stat");
    rig.inject("result-before-ok");
    rig.broker.withhold_acks(true);
    assert_eq!(rig.answer("AT+QMTPUB=0,3,1,0,\"u\"\rx\x1a"), PROMPT);
    assert_eq!(rig.heal(Some(Fault::ResultBeforeOk)), OK);
    rig.drop_clients();
    assert_eq!(rig.take(), "");
    assert_eq!(rig.heal(None), line("+QMTSTAT: 0,1"));
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn what_a_fault_keeps_back_is_gone_with_a_restart() {
    let mut rig = Rig::connected("M95", &["result-delay", "late-stat", "silent-restart"]);
    rig.answer(SUBSCRIBE);
    rig.drop_clients();
    rig.restart();
    assert_eq!(rig.after(60_000), "");
    assert_eq!(rig.answer("ATE0\r"), format!("ATE0\\r{OK}"));
}
