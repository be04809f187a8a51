//! The faults of a module's life: how it starts, sleeps and hangs; and how faults come, go and repeat.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_virtual::Fault;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const ROM: &str = "\\n\\rF1: 0000 0000\\n\\rV0: 0000 0000 [0001]\\n\\r00: 0007 8000\\n\\r";

fn line(text: &str) -> String {
    format!("\\r\\n{text}\\r\\n")
}

fn restarted(model: &str, fault: &str) -> String {
    let mut rig = Rig::connected(model, &[fault]);
    rig.restart();
    rig.take()
}

#[test]
fn the_boot_text_has_variants() {
    let m95 = restarted("M95", "lost-ok");
    assert!(m95.starts_with("\\r\\n"), "{m95}");
    assert_eq!(restarted("M95", "boot-rom-lines"), format!("{ROM}{m95}"));
    assert_eq!(restarted("M95", "boot-app-rdy"), format!("{m95}{}", line("APP RDY")));
    assert_eq!(restarted("M95", "silent-restart"), "");
    let bc35 = [line("REBOOT_CAUSE_APPLICATION_AT"), line("Neul")].concat();
    assert_eq!(restarted("BC35-G", "lost-result"), format!("{bc35}{OK}"));
    assert_eq!(restarted("BC35-G", "boot-without-ok"), bc35);
}

#[test]
fn a_silent_restart_is_one_all_the_same() {
    let mut rig = Rig::connected("M95", &["silent-restart"]);
    rig.restart();
    assert_eq!(rig.answer("AT+QMTCONN?\r"), format!("AT+QMTCONN?\\r{OK}"));
    // The command of a restart is answered before it.
    let mut rig = Rig::connected("M95", &["silent-restart"]);
    assert_eq!(rig.answer("AT+CFUN=1,1\r"), OK);
    assert_eq!(rig.answer("AT\r"), format!("AT\\r{OK}"));
}

#[test]
fn sleep() {
    let mut rig = Rig::connected("M95", &["sleep=5"]);
    assert_eq!(rig.answer("AT\r"), OK);
    rig.after(4_999);
    assert_eq!(rig.answer("AT\r"), OK);
    rig.after(5_000);
    // The line that wakes it is lost, and so is all until it is awake.
    assert_eq!(rig.answer("AT+C"), "");
    assert_eq!(rig.answer("SQ\rAT\r"), "");
    rig.after(99);
    assert_eq!(rig.answer("AT\r"), "");
    rig.after(1);
    assert_eq!(rig.answer("AT\r"), OK);
    // What comes from the network is told.
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    rig.after(10_000);
    rig.publish("t", b"x", 0, false);
    assert_eq!(rig.take(), line("+QMTRECV: 0,0,\\\"t\\\",x"));
    assert_eq!(rig.answer("AT\r"), "");
    assert_eq!(rig.heal(Some(Fault::Sleep)), "");
    assert_eq!(rig.answer("AT\r"), OK);
}

#[test]
fn a_module_does_not_fall_asleep_in_a_data_phase() {
    let mut rig = Rig::connected("M95", &["sleep=5"]);
    rig.answer("AT+QMTPUB=0,1,1,0,\"t\"\r");
    rig.after(10_000);
    assert_eq!(rig.answer("x\x1a"), format!("{OK}{}", line("+QMTPUB: 0,1,0")));
}

#[test]
fn mute() {
    let mut rig = Rig::connected("M95", &[]);
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    rig.inject("mute");
    assert_eq!(rig.answer("AT\rAT+QMTDISC=0\r"), "");
    rig.publish("t", b"x", 0, false);
    rig.restart();
    assert_eq!(rig.after(60_000), "");
    assert_eq!(rig.heal(Some(Fault::Mute)), "");
    assert_eq!(rig.answer("ATE0\r"), format!("ATE0\\r{OK}"));
}

#[test]
fn a_module_that_hangs_in_the_middle_of_a_line_goes_on_there() {
    let mut rig = Rig::connected("M95", &[]);
    assert_eq!(rig.answer("AT+C"), "");
    rig.inject("mute");
    assert_eq!(rig.answer("xyz\r"), "");
    rig.heal(None);
    assert_eq!(rig.answer("SQ\r"), format!("{}{OK}", line("+CSQ: 20,0")));
}

#[test]
fn the_same_seed_repeats_a_run() {
    let run = |seed| {
        let mut rig = Rig::seeded("M95", seed);
        for fault in ["lost-ok=0.3", "unknown-line=0.2", "echo-returns=0.1"] {
            rig.inject(fault);
        }
        (0..200).map(|_| rig.answer("AT\r")).collect::<String>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn every_fault_comes_and_goes_while_bytes_flow() {
    // Each alone and all together, over every command, at every place of a publish: nothing is left of them when they are healed.
    let each = Fault::ALL.map(|fault| vec![fault]);
    for faults in each.into_iter().chain([Fault::ALL.to_vec()]) {
        for model in ["M95", "BC35-G", "BC660K-GL", "EG915Q"] {
            let mut rig = Rig::new(model);
            let lines = [
                "ATE1\rAT+QMTOPEN=0,\"h\",1883\r",
                "AT+QMTCONN=0,\"c\"\r",
                "AT+QMTSUB=0,1,\"t\",1\r",
                "AT+QMTPUB=0,1,1,0,\"t\"\r",
                "x",
                "y\x1a",
                "AT+QMTPUBEX=0,2,1,0,\"t\",1\r",
                "z",
                "AT+QMTUNS=0,3,\"t\"\r",
                "AT+QMTDISC=0\r",
                "AT+QMTCLOSE=0\r",
            ];
            for (number, text) in lines.iter().enumerate() {
                if number % 2 == 0 {
                    for fault in &faults {
                        rig.module.inject(*fault);
                    }
                } else {
                    rig.heal(None);
                }
                rig.answer(text);
                rig.after(300);
            }
            rig.heal(None);
            assert!(rig.module.faults().is_empty());
            // Out of any data phase, then from the start.
            rig.answer("\x1b\x1a\r");
            rig.after(100_000);
            rig.restart();
            rig.answer("\rATE0\r");
            assert_eq!(rig.answer("AT\r"), OK, "{model} {faults:?}");
            rig.connect();
            assert_eq!(
                rig.answer("AT+QMTSUB=0,1,\"t\",0\r"),
                format!("{OK}{}", line("+QMTSUB: 0,1,0,0")),
                "{model} {faults:?}"
            );
        }
    }
}
