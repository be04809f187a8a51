//! Each named fault, and the rest of the module's manners that no transcript shows.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::time::Duration;

use modemqtt_virtual::Fault;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const PROMPT: &str = "\\r\\n> ";

fn connected(model: &str, fault: Option<Fault>) -> Rig {
    let mut rig = Rig::new(model);
    if let Some(fault) = fault {
        rig.module.inject(fault);
    }
    assert!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r").contains("+QMTOPEN: 0,0"));
    assert!(rig.answer("AT+QMTCONN=0,\"c\"\r").contains("+QMTCONN: 0,0,0"));
    rig
}

fn publish(rig: &mut Rig, id: u16, qos: u8) -> String {
    let prompt = rig.answer(format!("AT+QMTPUB=0,{id},{qos},0,\"t\"\r"));
    assert!(prompt.starts_with("\\r\\n>"), "{prompt}");
    rig.answer("x\x1a")
}

fn after(rig: &mut Rig, seconds: u64) -> String {
    rig.elapse(Duration::from_secs(seconds));
    rig.take()
}

#[test]
fn reopen_error() {
    let mut rig = connected("M95", Some(Fault::ReopenError));
    assert_eq!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r"), "\\r\\nERROR\\r\\n");
}

#[test]
fn no_retransmit() {
    let mut rig = connected("M95", Some(Fault::NoRetransmit));
    rig.answer("AT+QMTCFG=\"timeout\",0,5,3,1\r");
    rig.broker.withhold_acks(true);
    assert_eq!(publish(&mut rig, 7, 1), OK);
    assert_eq!(after(&mut rig, 5), "\\r\\n+QMTPUB: 0,7,2\\r\\n");
    assert_eq!(after(&mut rig, 30), "");
}

#[test]
fn urc_topic_unquoted_and_urc_payload_quoted() {
    let mut rig = connected("M95", Some(Fault::UrcTopicUnquoted));
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    rig.publish("t", b"x", 0, false);
    assert_eq!(rig.take(), "\\r\\n+QMTRECV: 0,0,t,x\\r\\n");
    rig.module.inject(Fault::UrcPayloadQuoted);
    rig.publish("t", b"x", 0, false);
    assert_eq!(rig.take(), "\\r\\n+QMTRECV: 0,0,t,\\\"x\\\"\\r\\n");
}

#[test]
fn prompt_crlf() {
    let mut rig = connected("BC660K-GL", Some(Fault::PromptCrlf));
    assert_eq!(rig.answer("AT+QMTPUB=0,0,0,0,\"t\",1\r"), "\\r\\n>\\r\\n");
}

#[test]
fn publish_result_before_ok() {
    for model in ["M95", "BC660K-GL"] {
        let mut rig = connected(model, Some(Fault::PublishResultBeforeOk));
        for (id, qos) in [(0, 0), (1, 1), (2, 2)] {
            assert_eq!(publish(&mut rig, id, qos), format!("\\r\\n+QMTPUB: 0,{id},0\\r\\n{OK}"));
        }
        rig.broker.withhold_acks(true);
        assert_eq!(publish(&mut rig, 3, 1), "");
        rig.drop_clients();
        assert_eq!(rig.take(), format!("{OK}\\r\\n+QMTSTAT: 0,1\\r\\n"));
    }
}

#[test]
fn every_publish_that_waits_for_its_result_gets_its_ok() {
    let mut rig = connected("M95", Some(Fault::PublishResultBeforeOk));
    rig.broker.withhold_acks(true);
    for id in 1..=3 {
        assert_eq!(publish(&mut rig, id, 1), "");
    }
    rig.broker.withhold_acks(false);
    let results = after(&mut rig, 5);
    for id in 1..=3 {
        assert!(
            results.contains(&format!("\\r\\n+QMTPUB: 0,{id},0\\r\\n{OK}")),
            "{results}"
        );
    }
    rig.broker.withhold_acks(true);
    for id in 4..=5 {
        assert_eq!(publish(&mut rig, id, 1), "");
    }
    rig.drop_clients();
    assert_eq!(rig.take(), format!("{OK}{OK}\\r\\n+QMTSTAT: 0,1\\r\\n"));
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn a_connection_that_the_broker_keeps_open_after_disconnect_is_closed_by_the_module() {
    for model in ["M95", "BC35-G"] {
        let mut rig = connected(model, None);
        rig.answer("AT+QMTCFG=\"timeout\",0,7,3,1\r");
        rig.muted = true;
        assert_eq!(rig.answer("AT+QMTDISC=0\r"), format!("{OK}\\r\\n+QMTDISC: 0,0\\r\\n"));
        assert_eq!(after(&mut rig, 6), "");
        assert_eq!(rig.answer("AT+QMTCONN?\r"), format!("\\r\\n+QMTCONN: 0,4\\r\\n{OK}"));
        assert_eq!(after(&mut rig, 1), "\\r\\n+QMTSTAT: 0,5\\r\\n");
        rig.muted = false;
        assert!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r").contains("+QMTOPEN: 0,0"));
        assert!(rig.answer("AT+QMTCONN=0,\"c\"\r").contains("+QMTCONN: 0,0,0"));
        assert_eq!(after(&mut rig, 60), "");
    }
}

#[test]
fn silent_publish() {
    let mut rig = connected("M95", Some(Fault::SilentPublish));
    for (id, qos) in [(0, 0), (1, 1)] {
        assert_eq!(publish(&mut rig, id, qos), OK);
    }
    assert_eq!(after(&mut rig, 60), "");
}

#[test]
fn faults_outlast_a_restart() {
    let mut rig = connected("M95", Some(Fault::ReopenError));
    rig.restart();
    rig.answer("ATE0\r");
    rig.answer("AT+QMTOPEN=0,\"h\",1883\r");
    assert_eq!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r"), "\\r\\nERROR\\r\\n");
}

#[test]
fn echo_covers_command_lines_and_data_and_ends_in_cr_alone() {
    let mut rig = connected("M95", None);
    rig.answer("ATE1\r");
    assert_eq!(rig.answer("AT\r\n"), format!("AT\\r{OK}"));
    assert_eq!(
        rig.answer("AT+QMTPUB=0,0,0,0,\"t\"\r"),
        format!("AT+QMTPUB=0,0,0,0,\\\"t\\\"\\r{PROMPT}")
    );
    assert_eq!(
        rig.answer("a\r\nb\x1a"),
        format!("a\\r\\nb{OK}\\r\\n+QMTPUB: 0,0,0\\r\\n")
    );
}

#[test]
fn what_comes_in_during_a_data_phase_is_told_after_it() {
    let mut rig = connected("M95", None);
    assert_eq!(rig.answer("AT+QMTPUB=0,1,1,0,\"t\"\r"), PROMPT);
    rig.drop_clients();
    assert_eq!(rig.take(), "");
    assert_eq!(
        rig.answer("x\x1a"),
        "\\r\\n+CME ERROR: 8503\\r\\n\\r\\n+QMTSTAT: 0,1\\r\\n"
    );
}

#[test]
fn the_payload_over_the_limit_is_dropped() {
    for (model, limit) in [("M95", 1548), ("BC660K-GL", 1460)] {
        let mut rig = connected(model, None);
        rig.answer("AT+QMTPUB=0,0,0,0,\"t\"\r");
        rig.answer([vec![b'x'; 5000], vec![0x1a]].concat());
        assert_eq!(rig.broker.messages()[0].payload.len(), limit, "{model}");
    }
}

#[test]
fn what_follows_a_counted_payload_is_no_part_of_it() {
    let mut rig = connected("BC660K-GL", None);
    rig.answer("AT+QMTPUB=0,0,0,0,\"t\",2\r");
    assert_eq!(
        rig.answer("abcd\x1aAT\r"),
        format!("{OK}\\r\\n+QMTPUB: 0,0,0\\r\\n{OK}")
    );
    assert_eq!(rig.broker.messages()[0].payload, "ab");
}

#[test]
fn the_will_credentials_and_version_reach_the_broker() {
    let mut rig = Rig::new("BC660K-GL");
    for line in [
        "AT+QMTCFG=\"will\",0,1,2,1,\"will/t\",\"gone\"\r",
        "AT+QMTCFG=\"version\",0,0\r",
        "AT+QMTCFG=\"session\",0,0\r",
        "AT+QMTOPEN=0,\"h\",1883\r",
        "AT+QMTCONN=0,\"c\",\"user\",\"secret\"\r",
    ] {
        assert!(rig.answer(line).contains("OK"), "{line}");
    }
    assert_eq!(rig.answer("AT+QMTCLOSE=0\r"), format!("{OK}\\r\\n+QMTCLOSE: 0,0\\r\\n"));
    let messages = rig.broker.messages();
    assert_eq!(
        (&*messages[0].topic, &messages[0].payload[..]),
        ("will/t", &b"gone"[..])
    );
    assert!(messages[0].retain);
}

#[test]
fn a_lost_network_loses_every_connection() {
    let mut rig = connected("M95", None);
    rig.answer("AT+CREG=1\r");
    rig.set_network(false);
    assert_eq!(rig.take(), "\\r\\n+CREG: 2\\r\\n\\r\\n+QMTSTAT: 0,7\\r\\n");
    assert_eq!(
        rig.answer("AT+CREG?;+CGATT?\r"),
        format!("\\r\\n+CREG: 1,2\\r\\n\\r\\n+CGATT: 0\\r\\n{OK}")
    );
}

#[test]
fn identity_signal_and_sim_are_answered_in_the_format_of_the_family() {
    for (model, lines) in [
        ("M95", "Quectel_M95\\r\\nRevision: M95FAR02A08"),
        ("BC660K-GL", "Quectel_BC660K-GL\\r\\nRevision: BC660KGLAAR01A01"),
    ] {
        let mut rig = Rig::new(model);
        assert_eq!(rig.answer("ATI\r"), format!("\\r\\nQuectel_Ltd\\r\\n{lines}\\r\\n{OK}"));
        assert_eq!(rig.answer("AT+CGMM\r"), format!("\\r\\nQuectel_{model}\\r\\n{OK}"));
        assert_eq!(
            rig.answer("AT+CSQ;+CPIN?\r"),
            format!("\\r\\n+CSQ: 20,0\\r\\n\\r\\n+CPIN: READY\\r\\n{OK}")
        );
        assert_eq!(rig.answer("AT+CMEE?\r"), format!("\\r\\n+CMEE: 1\\r\\n{OK}"));
        assert_eq!(
            rig.answer("AT+CMEE=2;+QMTDISC=0\r"),
            "\\r\\n+CME ERROR: MQTT link error\\r\\n"
        );
        assert_eq!(rig.answer("AT+CMEE=0;+QMTDISC=0\r"), "\\r\\nERROR\\r\\n");
        assert_eq!(rig.answer("ATV0\r"), "0\\r");
        assert_eq!(rig.answer("ATV1Q1\r"), "");
    }
}

#[test]
fn a_kept_alive_connection_stays() {
    let mut rig = Rig::new("M95");
    rig.answer("AT+QMTCFG=\"keepalive\",0,10\r");
    rig.answer("AT+QMTOPEN=0,\"h\",1883\r");
    rig.answer("AT+QMTCONN=0,\"c\"\r");
    assert_eq!(after(&mut rig, 1000), "");
    assert_eq!(rig.broker.clients(), ["c"]);
}
