//! Every code of every table can be had by a fault.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_at::codes::{
    CloseResult, CmeCode, CmsCode, ConnectionState, OpenResult, PacketResult, ReturnCode, StatCode, TokenResult,
};
use modemqtt_at::dialect;
use rig::Rig;

const MODELS: [&str; 4] = ["M95", "BC35-G", "BC660K-GL", "EG800Q"];
const OPEN: &str = "AT+QMTOPEN=0,\"h\",1883\r";
const CONNECT: &str = "AT+QMTCONN=0,\"c\"\r";

/// What is printed for a code with the fault on, from a client that is so far.
fn printed(model: &str, so_far: &[&str], fault: &str, code: i64, command: &str) -> String {
    let mut rig = Rig::new(model);
    for line in so_far {
        rig.answer(line);
    }
    rig.inject(&format!("{fault}={code}"));
    rig.answer(command)
}

#[test]
fn every_result_can_be_had_by_a_fault() {
    for model in MODELS {
        for (code, _) in OpenResult::TABLE {
            let text = printed(model, &[], "open-result", code.0, OPEN);
            assert!(text.contains(&format!("+QMTOPEN: 0,{}\\r", code.0)), "{model} {text}");
        }
        for (code, _) in CloseResult::TABLE {
            let text = printed(model, &[OPEN, CONNECT], "close-result", code.0, "AT+QMTCLOSE=0\r");
            assert!(text.contains(&format!("+QMTCLOSE: 0,{}\\r", code.0)), "{model} {text}");
            let text = printed(model, &[OPEN, CONNECT], "disconnect-result", code.0, "AT+QMTDISC=0\r");
            assert!(text.contains(&format!("+QMTDISC: 0,{}\\r", code.0)), "{model} {text}");
        }
        for (code, _) in PacketResult::TABLE {
            let text = printed(
                model,
                &[OPEN, CONNECT],
                "packet-result",
                code.0,
                "AT+QMTSUB=0,1,\"t\",1\r",
            );
            assert!(text.contains(&format!("+QMTSUB: 0,1,{}", code.0)), "{model} {text}");
            let text = printed(
                model,
                &[OPEN, CONNECT],
                "packet-result",
                code.0,
                "AT+QMTUNS=0,1,\"t\"\r",
            );
            assert!(text.contains(&format!("+QMTUNS: 0,1,{}", code.0)), "{model} {text}");
            let text = printed(model, &[OPEN], "connect-result", code.0, CONNECT);
            assert!(text.contains(&format!("+QMTCONN: 0,{}", code.0)), "{model} {text}");
        }
        for (code, _) in ReturnCode::TABLE {
            let text = printed(model, &[OPEN], "return-code", code.0, CONNECT);
            assert!(text.contains(&format!("+QMTCONN: 0,0,{}\\r", code.0)), "{model} {text}");
        }
        for (code, _) in ConnectionState::TABLE {
            let text = printed(model, &[OPEN, CONNECT], "state-code", code.0, "AT+QMTCONN?\r");
            assert!(text.contains(&format!("+QMTCONN: 0,{}\\r", code.0)), "{model} {text}");
        }
        for (code, _) in StatCode::TABLE {
            let mut rig = Rig::connected(model, &[&format!("stat-code={}", code.0)]);
            rig.drop_clients();
            assert_eq!(rig.take(), format!("\\r\\n+QMTSTAT: 0,{}\\r\\n", code.0), "{model}");
        }
    }
    for (code, _) in TokenResult::TABLE {
        let line = "AT+QMTENAUTH=\"p\",\"d\",\"c\",\"s\"\r";
        let text = printed("BC35-G", &[], "token-result", code.0, line);
        assert!(text.contains(&format!(": {}", code.0)), "{text}");
    }
}

#[test]
fn every_error_can_be_had_by_a_fault() {
    for model in MODELS {
        let (family, _) = dialect::of_model(model).unwrap();
        let vendor = family.vendor_errors.iter().map(|(code, _)| *code);
        for code in CmeCode::TABLE.iter().map(|(code, _)| code.0).chain(vendor) {
            let text = printed(model, &[], "cme-code", code, OPEN);
            assert_eq!(text, format!("\\r\\n+CME ERROR: {code}\\r\\n"), "{model}");
        }
        for (code, _) in CmsCode::TABLE {
            let text = printed(model, &[], "cms-code", code.0, OPEN);
            assert_eq!(text, format!("\\r\\n+CMS ERROR: {}\\r\\n", code.0), "{model}");
        }
        let mut rig = Rig::new(model);
        rig.inject("cme-code=30");
        assert_eq!(rig.answer("AT\r"), "\\r\\nOK\\r\\n");
    }
}

#[test]
fn what_was_refused_by_a_fault_is_open_again_when_it_is_healed() {
    let mut rig = Rig::new("M95");
    rig.inject("open-result=3");
    assert!(rig.answer(OPEN).contains("+QMTOPEN: 0,3"));
    rig.heal(None);
    assert!(rig.answer(OPEN).contains("+QMTOPEN: 0,0"));
    rig.inject("connect-result=2");
    assert!(rig.answer(CONNECT).contains("+QMTCONN: 0,2"));
    rig.heal(None);
    rig.connect();
    rig.inject("close-result=-1");
    assert!(rig.answer("AT+QMTCLOSE=0\r").contains("+QMTCLOSE: 0,-1"));
    assert!(rig.answer("AT+QMTCONN?\r").contains("+QMTCONN: 0,3"));
    rig.heal(None);
    assert!(rig.answer("AT+QMTCLOSE=0\r").contains("+QMTCLOSE: 0,0"));
}
