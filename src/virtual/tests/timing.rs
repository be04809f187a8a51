//! Field timing: what takes how long, and what is told when.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::time::Duration;

use modemqtt_virtual::module::Timing;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

fn field(model: &str, seed: u64) -> Rig {
    let mut rig = Rig::new(model);
    rig.module = rig.module.with_timing(Timing::Field, seed);
    rig
}

/// Milliseconds until something is printed, and what.
fn next(rig: &mut Rig) -> (u64, String) {
    for waited in 1..20_000 {
        let printed = rig.after(1);
        if !printed.is_empty() {
            return (waited, printed);
        }
    }
    panic!("nothing comes");
}

#[test]
fn a_command_takes_5_to_20_ms_and_a_result_50_to_400_more() {
    for seed in 0..20 {
        let mut rig = field("M95", seed);
        assert_eq!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r"), "");
        let (took, answer) = next(&mut rig);
        assert!((5..=20).contains(&took) && answer == OK, "{took} ms: {answer}");
        let (took, result) = next(&mut rig);
        assert!((50..=400).contains(&took), "{took} ms");
        assert_eq!(result, "\\r\\n+QMTOPEN: 0,0\\r\\n");
    }
}

#[test]
fn what_comes_while_a_command_is_carried_out_is_read_behind_it() {
    let mut rig = field("M95", 1);
    rig.type_in(b"AT+CSQ\r\nAT+CMEE?\r\n");
    let (first, answer) = next(&mut rig);
    assert!(answer.contains("+CSQ: 20,0") && !answer.contains("+CMEE"), "{answer}");
    let (second, answer) = next(&mut rig);
    assert!(answer.contains("+CMEE: 1"), "{answer}");
    assert!((10..=40).contains(&(first + second)));
}

#[test]
fn a_start_takes_2_to_5_s_and_hears_nothing_and_the_registration_2_to_6_s_more() {
    for seed in 0..10 {
        let mut rig = field("EG916Q", seed);
        rig.restart();
        rig.type_in(b"AT\r");
        let (took, text) = next(&mut rig);
        assert!(
            (2000..=5000).contains(&took) && text.starts_with("\\r\\nRDY"),
            "{took} ms: {text}"
        );
        rig.type_in(b"ATE0\r");
        assert!(rig.after(30).ends_with(OK));
        rig.type_in(b"AT+CREG=1;+CEREG=2;+CREG?\r");
        let (_, answer) = next(&mut rig);
        assert!(answer.contains("+CREG: 1,2\\r"), "{answer}");
        let (took, card) = next(&mut rig);
        assert!(card.starts_with("\\r\\n+CPIN: READY"), "{card}");
        let (more, told) = next(&mut rig);
        let took = took + more;
        assert!((1900..=6000).contains(&took), "{took} ms");
        assert_eq!(
            told,
            "\\r\\n+CREG: 1\\r\\n\\r\\n+CEREG: 1,\\\"1A2B\\\",\\\"01A2B3C4\\\",7\\r\\n"
        );
    }
}

#[test]
fn a_registration_is_announced_by_a_command_beside_those_of_the_dialect_too() {
    let mut rig = field("BC660K-GL", 2);
    rig.set_network(false);
    rig.type_in(b"AT+CREG=1\r");
    assert!(next(&mut rig).1.contains(OK));
    rig.set_network(true);
    assert_eq!(next(&mut rig).1, "\\r\\n+CREG: 1\\r\\n");
}

#[test]
fn a_network_that_comes_back_is_found_after_a_while_and_so_is_one_after_cfun() {
    let mut rig = field("M95", 3);
    rig.type_in(b"AT+CREG=1\r");
    next(&mut rig);
    rig.set_network(false);
    assert_eq!(rig.take(), "\\r\\n+CREG: 2\\r\\n");
    rig.set_network(true);
    let (took, told) = next(&mut rig);
    assert!(
        (2000..=6000).contains(&took) && told == "\\r\\n+CREG: 1\\r\\n",
        "{took} ms: {told}"
    );
    rig.type_in(b"AT+CFUN=0\r");
    assert!(next(&mut rig).1.contains("+CREG: 0"));
    rig.type_in(b"AT+CFUN=1\r");
    assert!(next(&mut rig).1.contains("+CREG: 2"));
    let (took, told) = next(&mut rig);
    assert!(
        (2000..=6000).contains(&took) && told == "\\r\\n+CREG: 1\\r\\n",
        "{took} ms: {told}"
    );
}

#[test]
fn a_session_keeps_its_order_and_a_seed_repeats_its_times() {
    let run = |seed| {
        let mut rig = field("BC660K-GL", seed);
        let mut printed = Vec::new();
        for line in [
            "AT+QMTOPEN=0,\"h\",1883\r\n",
            "AT+QMTCONN=0,\"c\"\r\n",
            "AT+QMTSUB=0,1,\"t\",1\r\n",
            "AT+QMTPUB=0,2,1,0,\"t\",5\r\n",
            "HELLO",
        ] {
            rig.type_in(line.as_bytes());
            for _ in 0..1000 {
                printed.push(rig.after(1));
            }
        }
        assert_eq!(rig.broker.messages()[0].payload, "HELLO");
        printed
    };
    let first = run(9);
    assert_eq!(first, run(9));
    assert_ne!(first, run(10));
    let text = first.concat();
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted}: {text}"));
    assert!(at("+QMTOPEN: 0,0") < at("+QMTCONN: 0,0,0") && at("+QMTCONN: 0,0,0") < at("+QMTSUB: 0,1,0,1"));
    assert!(at("+QMTSUB: 0,1,0,1") < at("> ") && at("+QMTRECV: 0,") > at("> "));
}

#[test]
fn a_module_at_rest_waits_for_nothing() {
    let mut rig = field("M95", 1);
    rig.restart();
    rig.elapse(Duration::from_secs(20));
    assert!(rig.module.next_timeout().is_none());
    assert!(
        "slow"
            .parse::<Timing>()
            .unwrap_err()
            .to_string()
            .contains("instant or field")
    );
}

#[test]
fn settings_kept() {
    let mut rig = Rig::new("BC660K-GL");
    rig.inject("settings-kept");
    rig.answer("AT+CEREG=1\r");
    rig.restart();
    rig.take();
    assert_eq!(rig.answer("AT+CEREG?\r"), "\\r\\n+CEREG: 1,1\\r\\n".to_owned() + OK);
}

#[test]
fn a_card_is_read_behind_the_boot_text_and_is_busy_until_then() {
    for (model, rest) in [
        ("M95", &["+CPIN: READY", "Call Ready"][..]),
        (
            "EG916Q",
            &["+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"],
        ),
        ("BG95", &["+CPIN: READY", "+QIND: SMS DONE"]),
    ] {
        let mut rig = field(model, 4);
        rig.restart();
        let (_, text) = next(&mut rig);
        assert!(text.ends_with("\\r\\n+CPIN: NOT READY\\r\\n"), "{text}");
        rig.type_in(b"AT+CPIN?\r");
        assert!(rig.after(25).contains("+CME ERROR: 14"));
        let (took, told) = next(&mut rig);
        assert!((250..=1500).contains(&took), "{took} ms");
        let expected: Vec<_> = rest.iter().map(|line| format!("\\r\\n{line}\\r\\n")).collect();
        assert_eq!(told, expected.concat());
        rig.type_in(b"AT+CPIN?\r");
        assert!(rig.after(25).contains("+CPIN: READY"));
    }
}

#[test]
fn a_card_that_cannot_be_used_is_never_ready() {
    for (state, told) in [
        ("absent", "NOT INSERTED"),
        ("failure", "NOT READY"),
        ("busy", "NOT READY"),
        ("pin", "SIM PIN"),
    ] {
        let mut rig = field("M95", 4);
        rig.set_sim(state);
        rig.take();
        rig.restart();
        let (_, text) = next(&mut rig);
        assert!(text.ends_with(&format!("\\r\\n+CPIN: {told}\\r\\n")), "{state}: {text}");
        assert_eq!(rig.after(10_000), "", "{state}");
    }
}

#[test]
fn a_restart_without_a_word_tells_nothing_of_the_card_either() {
    let mut rig = field("M95", 4);
    rig.inject("silent-restart");
    rig.restart();
    assert_eq!(rig.after(10_000), "");
}
