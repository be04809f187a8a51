//! Faults in pairs, faults that count, and faults that end while something is kept back.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_virtual::Fault;
use rig::Rig;

const OPEN: &str = "AT+QMTOPEN=0,\"h\",1883\r";
const CONNECT: &str = "AT+QMTCONN=0,\"c\"\r";
const CLOSE: &str = "AT+QMTCLOSE=0\r";
const OK: &str = "\\r\\nOK\\r\\n";

fn line(text: &str) -> String {
    format!("\\r\\n{text}\\r\\n")
}

/// Opens, connects, subscribes, publishes, is told a message, loses the connection, restarts; all that is printed.
fn life(rig: &mut Rig) -> String {
    let mut printed = String::new();
    for command in [
        OPEN,
        CONNECT,
        "AT+QMTSUB=0,1,\"t\",1\r",
        "AT+QMTPUB=0,0,0,0,\"t\"\rx\x1a",
        "AT+QMTPUBEX=0,0,0,0,\"t\",1\rx",
        "AT+QMTUNS=0,2,\"t\"\r",
        "AT+QMTCONN?\r",
        "AT+QMTDISC=0\r",
        CLOSE,
        "AT\r",
    ] {
        printed += &rig.answer(command);
        printed += &rig.after(5_000);
    }
    rig.restart();
    printed + &rig.after(5_000)
}

/// What a healed module does is what one without faults does.
fn is_well(rig: &mut Rig, context: &str) {
    rig.heal(None);
    rig.after(4_000_000);
    rig.restart();
    rig.after(10_000);
    // An open data phase, or a line that was broken off, ends here.
    rig.answer("\x1b\r");
    rig.answer("ATE0\rAT+CMEE=1\r");
    rig.take();
    assert_eq!(rig.answer("AT\r"), OK, "{context}");
    let opened = rig.answer(OPEN);
    assert_eq!(opened, OK.to_owned() + &line("+QMTOPEN: 0,0"), "{context}");
    let connected = rig.answer(CONNECT);
    assert_eq!(connected, OK.to_owned() + &line("+QMTCONN: 0,0,0"), "{context}");
    let subscribed = rig.answer("AT+QMTSUB=0,1,\"t\",1\r");
    assert_eq!(subscribed, OK.to_owned() + &line("+QMTSUB: 0,1,0,1"), "{context}");
    let closed = rig.answer(CLOSE);
    assert_eq!(closed, OK.to_owned() + &line("+QMTCLOSE: 0,0"), "{context}");
}

#[test]
fn any_two_faults_together_leave_a_module_that_can_be_healed() {
    for model in ["M95", "EG800Q"] {
        for (at, first) in Fault::ALL.into_iter().enumerate() {
            for second in Fault::ALL.into_iter().skip(at + 1) {
                let mut rig = Rig::new(model);
                rig.inject(first.name());
                rig.inject(second.name());
                life(&mut rig);
                is_well(&mut rig, &format!("{model} {first} {second}"));
            }
        }
    }
}

#[test]
fn every_ok_and_every_result_comes_once_whatever_two_faults_do_to_their_order() {
    let order = [
        Fault::ResultBeforeOk,
        Fault::PublishResultBeforeOk,
        Fault::ResultWithOk,
        Fault::ResultDelay,
        Fault::LateClose,
        Fault::LateStat,
        Fault::SlowClose,
        Fault::MessageBeforeSuback,
        Fault::UrcBeforeOk,
        Fault::UnknownLine,
        Fault::SingleCrlf,
        Fault::BlankLines,
    ];
    for first in order {
        for second in order {
            for often in ["", "=1", "=2"] {
                let mut rig = Rig::new("M95");
                for fault in [first, second] {
                    let counts = matches!(fault.takes(), modemqtt_virtual::Takes::Each);
                    rig.inject(&format!("{fault}{}", if counts { often } else { "" }));
                }
                let mut printed = String::new();
                let commands = [
                    OPEN,
                    CONNECT,
                    "AT+QMTSUB=0,1,\"t\",1\r",
                    "AT+QMTPUB=0,0,0,0,\"t\"\rx\x1a",
                    CLOSE,
                    "AT\r",
                ];
                for command in commands {
                    printed += &rig.answer(command);
                    printed += &rig.after(5_000);
                }
                let context = format!("{first} {second} {often}: {printed}");
                assert_eq!(printed.matches("OK\\r\\n").count(), commands.len(), "{context}");
                for result in [
                    "+QMTOPEN: 0,0\\r",
                    "+QMTCONN: 0,0,0",
                    "+QMTSUB: 0,1,0,1",
                    "+QMTPUB: 0,0,0",
                    "+QMTRECV:",
                    "+QMTCLOSE: 0,0",
                ] {
                    assert_eq!(printed.matches(result).count(), 1, "{result} {context}");
                }
            }
        }
    }
}

#[test]
fn a_late_line_comes_although_its_fault_has_run_out() {
    let mut rig = Rig::connected("M95", &["late-close=1"]);
    assert_eq!(rig.answer(CLOSE), OK);
    assert_eq!(rig.answer("AT\r"), line("+QMTCLOSE: 0,0") + OK);
    let mut rig = Rig::connected("M95", &["late-stat=1"]);
    rig.drop_clients();
    assert_eq!(rig.take(), "");
    assert_eq!(rig.answer("AT\r"), line("+QMTSTAT: 0,1") + OK);
}

#[test]
fn a_slow_close_ends_in_its_time_although_the_server_closes_first() {
    let mut rig = Rig::connected("M95", &["slow-close=2"]);
    assert_eq!(rig.answer(CLOSE), OK);
    rig.drop_clients();
    assert_eq!(rig.after(1_999), "");
    assert_eq!(rig.after(1), line("+QMTCLOSE: 0,0"));
}

#[test]
fn a_result_that_is_late_still_comes_before_its_ok() {
    let mut rig = Rig::new("M95");
    rig.inject("result-before-ok");
    rig.inject("result-delay=2");
    assert_eq!(rig.answer(OPEN), "");
    assert_eq!(rig.after(2_000), line("+QMTOPEN: 0,0") + OK);
}

#[test]
fn healing_another_fault_lets_nothing_go_that_this_one_holds() {
    let mut rig = Rig::new("M95");
    rig.inject("result-before-ok=1");
    rig.inject("cme-text");
    rig.set_broker_silent(true);
    rig.answer(OPEN);
    rig.inject("result-before-ok=1");
    assert_eq!(rig.answer(CONNECT), "");
    assert_eq!(rig.heal(Some(Fault::CmeText)), "");
    assert_eq!(rig.heal(Some(Fault::ResultBeforeOk)), OK);
}

#[test]
fn a_fault_that_counts_is_not_used_up_where_it_does_not_show() {
    for (fault, commands) in [
        ("echo-stuck=1", "ATE0\r"),
        ("cme-number=1", "AT+QMTCLOSE=0\r"),
        ("result-before-ok=1", "AT+QMTCLOSE=0\r"),
        ("lost-ok=1", "AT+QMTCLOSE=0\r"),
        ("echo-returns=1", "ATE1\r"),
    ] {
        let mut rig = Rig::new("M95");
        rig.inject(fault);
        rig.answer(commands);
        assert_eq!(
            rig.module.faults().first().map(ToString::to_string).as_deref(),
            Some(fault)
        );
    }
}
