//! The faults of answers: results, errors, prompts, echo, and commands understood otherwise, byte for byte.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const ERROR: &str = "\\r\\nERROR\\r\\n";
const PROMPT: &str = "\\r\\n> ";
const OPEN: &str = "AT+QMTOPEN=0,\"h\",1883\r";
const CONNECT: &str = "AT+QMTCONN=0,\"c\"\r";
const PUBLISH: &str = "AT+QMTPUB=0,1,1,0,\"t\"\r";

fn line(text: &str) -> String {
    format!("\\r\\n{text}\\r\\n")
}

fn opened(model: &str, fault: &str) -> Rig {
    let mut rig = Rig::new(model);
    rig.answer(OPEN);
    rig.inject(fault);
    rig
}

#[test]
fn lost_ok() {
    let mut rig = Rig::connected("M95", &["lost-ok=1"]);
    assert_eq!(rig.answer("AT+CSQ\r"), line("+CSQ: 20,0"));
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn lost_result() {
    let mut rig = Rig::connected("M95", &["lost-result=1"]);
    assert_eq!(rig.answer("AT+QMTSUB=0,1,\"t\",0\r"), OK);
    assert_eq!(rig.after(60_000), "");
    assert_eq!(
        rig.answer("AT+QMTSUB=0,2,\"t\",0\r"),
        format!("{OK}{}", line("+QMTSUB: 0,2,0,0"))
    );
}

#[test]
fn lost_prompt() {
    let mut rig = Rig::connected("M95", &["lost-prompt=1"]);
    assert_eq!(rig.answer(PUBLISH), "");
    // The module waits for data: what looks like a command is payload.
    assert_eq!(rig.answer("AT\r\x1a"), format!("{OK}{}", line("+QMTPUB: 0,1,0")));
    assert_eq!(rig.broker.messages()[0].payload, "AT\r");
    assert_eq!(rig.answer(PUBLISH), PROMPT);
}

#[test]
fn the_prompt_has_five_forms() {
    for (fault, prompt) in [
        ("lost-ok", PROMPT),
        ("prompt-crlf", "\\r\\n>\\r\\n"),
        ("prompt-no-blank", "\\r\\n>"),
        ("prompt-no-crlf", "> "),
        ("prompt-bare", ">"),
    ] {
        assert_eq!(Rig::connected("M95", &[fault]).answer(PUBLISH), prompt, "{fault}");
    }
}

#[test]
fn connect_without_result() {
    let mut rig = opened("M95", "connect-without-result");
    assert_eq!(rig.answer(CONNECT), format!("{OK}{}", line("+QMTSTAT: 0,1")));
    assert_eq!(rig.answer("AT+QMTCONN?\r"), OK);
}

#[test]
fn connect_two_fields() {
    let mut rig = opened("M95", "connect-two-fields");
    assert_eq!(rig.answer(CONNECT), format!("{OK}{}", line("+QMTCONN: 0,3")));
    assert_eq!(rig.answer("AT+QMTCONN?\r"), format!("{}{OK}", line("+QMTCONN: 0,3")));
}

#[test]
fn refused_without_stat() {
    for (fault, stat) in [
        ("lost-prompt", line("+QMTSTAT: 0,4")),
        ("refused-without-stat", String::new()),
    ] {
        let mut rig = opened("M95", fault);
        rig.broker.refuse(Some(5)).unwrap();
        assert_eq!(
            rig.answer(CONNECT),
            format!("{OK}{}{stat}", line("+QMTCONN: 0,0,5")),
            "{fault}"
        );
    }
}

#[test]
fn stat_code() {
    for (fault, code) in [("stat-code", 77), ("stat-code=8", 8)] {
        let mut rig = Rig::connected("M95", &[fault]);
        rig.drop_clients();
        assert_eq!(rig.take(), line(&format!("+QMTSTAT: 0,{code}")));
    }
}

#[test]
fn publish_ex_short_name() {
    let mut rig = Rig::connected("EG915Q", &["publish-ex-short-name"]);
    let answer = rig.answer("AT+QMTPUBEX=0,1,1,0,\"t\",1\rx");
    assert_eq!(answer, format!("{PROMPT}{OK}{}", line("+QMTPUB: 0,1,0")));
}

#[test]
fn an_error_has_five_forms() {
    // Of the dialect, of `+CMEE`, and of each fault, whatever `+CMEE` says.
    for (fault, refused, unknown) in [
        ("lost-ok", "+CME ERROR: 8503", "ERROR"),
        ("bare-error", "ERROR", "ERROR"),
        ("cme-number", "+CME ERROR: 8503", "+CME ERROR: 3"),
        (
            "cme-text",
            "+CME ERROR: MQTT link error",
            "+CME ERROR: operation not allowed",
        ),
        ("cms-error", "+CMS ERROR: 500", "+CMS ERROR: 500"),
    ] {
        let mut rig = Rig::new("M95");
        rig.inject(fault);
        assert_eq!(rig.answer("AT+QMTDISC=0\r"), line(refused), "{fault}");
        assert_eq!(rig.answer("AT+NONE\r"), line(unknown), "{fault}");
    }
    let mut rig = Rig::new("M95");
    rig.answer("AT+CMEE=2\r");
    rig.inject("bare-error=1");
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), ERROR);
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), line("+CME ERROR: MQTT link error"));
    rig.answer("AT+CMEE=0\r");
    rig.inject("cme-text=1");
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), line("+CME ERROR: MQTT link error"));
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), ERROR);
}

#[test]
fn echo_stuck() {
    let mut rig = Rig::connected("M95", &["echo-stuck"]);
    // What is off stays off.
    assert_eq!(rig.answer("ATE0\r"), OK);
    assert_eq!(rig.answer("AT\r"), OK);
    rig.answer("ATE1\r");
    for line in ["ATE0\r", "AT\r"] {
        assert_eq!(rig.answer(line), format!("{}{OK}", line.escape_default()));
    }
    rig.heal(None);
    assert_eq!(rig.answer("ATE0\r"), format!("ATE0\\r{OK}"));
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn echo_returns() {
    let mut rig = Rig::connected("M95", &["echo-returns=1"]);
    assert_eq!(rig.answer("AT\r"), OK);
    assert_eq!(rig.answer("AT\r"), format!("AT\\r{OK}"));
    assert_eq!(rig.answer("ATE0\r"), format!("ATE0\\r{OK}"));
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn data_echo() {
    let mut rig = Rig::connected("M95", &["data-echo"]);
    assert_eq!(rig.answer(PUBLISH), PROMPT);
    assert_eq!(
        rig.answer("a\r\nOK\r\n\x1a"),
        format!("a\\r\\nOK\\r\\n{OK}{}", line("+QMTPUB: 0,1,0"))
    );
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn test_spacing() {
    let mut rig = Rig::new("M95");
    let strict = rig.answer("AT+QMTCLOSE=?;+QMTSUB=?\r");
    rig.inject("test-spacing");
    let spaced = rig.answer("AT+QMTCLOSE=?;+QMTSUB=?\r");
    assert!(
        strict.contains(": ") && spaced.contains(", ") && !spaced.contains(": "),
        "{spaced}"
    );
    assert_ne!(strict, spaced);
    assert_eq!(strict.replace(' ', ""), spaced.replace(' ', ""));
}

#[test]
fn timeout_three_values() {
    let mut rig = Rig::new("M95");
    rig.inject("timeout-three-values");
    for few in ["5", "5,3"] {
        assert!(
            rig.answer(format!("AT+QMTCFG=\"timeout\",0,{few}\r")).contains("ERROR"),
            "{few}"
        );
    }
    assert_eq!(rig.answer("AT+QMTCFG=\"timeout\",0,5,3,1\r"), OK);
    assert_eq!(rig.answer("AT+QMTCFG=\"keepalive\",0,5\r"), OK);
}

#[test]
fn default_version_3_1() {
    for (model, fault, setting, name) in [
        ("M95", "lost-ok=1", "", "\\x04MQTT\\x04"),
        ("M95", "default-version-3-1", "", "\\x06MQIsdp\\x03"),
        ("BC35-G", "default-version-3-1", "", "\\x06MQIsdp\\x03"),
        (
            "BC35-G",
            "default-version-3-1",
            "AT+QMTCFG=\"version\",0,4\r",
            "\\x04MQTT\\x04",
        ),
    ] {
        let mut rig = opened(model, fault);
        rig.answer(setting);
        rig.answer(CONNECT);
        let sent = rig.sent.escape_ascii().to_string();
        assert!(sent.contains(name), "{model} {fault}: {sent}");
    }
}

#[test]
fn disconnect_closes_and_disconnect_keeps_open() {
    let mut rig = Rig::connected("M95", &["disconnect-closes"]);
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), format!("{OK}{}", line("+QMTDISC: 0,0")));
    assert_eq!(rig.answer("AT+QMTOPEN?\r"), OK);
    assert!(rig.answer("AT+QMTCLOSE=0\r").contains("ERROR"));
    let mut rig = Rig::connected("BC660K-GL", &["disconnect-keeps-open"]);
    rig.muted = true;
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), format!("{OK}{}", line("+QMTDISC: 0,0")));
    assert_eq!(rig.answer("AT+QMTCLOSE=0\r"), format!("{OK}{}", line("+QMTCLOSE: 0,0")));
}

#[test]
fn subscribe_four_topics() {
    let subscribe = |topics: usize| format!("AT+QMTSUB=0,1{}\r", ",\"t\",0".repeat(topics));
    let mut rig = Rig::connected("M95", &["subscribe-four-topics"]);
    assert!(rig.answer(subscribe(5)).contains("ERROR"));
    assert!(rig.answer(subscribe(4)).contains("+QMTSUB: 0,1,0,0,0,0,0"));
    rig.heal(None);
    assert!(rig.answer(subscribe(5)).contains("+QMTSUB: 0,1,0,0,0,0,0,0"));
}
