//! The faults of `+QMTRECV`, byte for byte.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use rig::Rig;

/// What the module prints of a message with that payload.
fn received(model: &str, settings: &[&str], faults: &[&str], payload: &[u8]) -> String {
    let mut rig = Rig::new(model);
    for setting in settings {
        assert!(rig.answer(format!("AT+QMTCFG={setting}\r")).contains("OK"), "{setting}");
    }
    rig.connect();
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    for fault in faults {
        rig.inject(fault);
    }
    rig.publish("t", payload, 0, false);
    rig.take()
}

#[test]
fn each_layout_of_topic_length_and_payload_can_be_had() {
    let m95 = |faults: &[&str]| received("M95", &[], faults, b"a,\"b\"");
    assert_eq!(m95(&[]), "\\r\\n+QMTRECV: 0,0,\\\"t\\\",a,\\\"b\\\"\\r\\n");
    assert_eq!(m95(&["urc-topic-unquoted"]), "\\r\\n+QMTRECV: 0,0,t,a,\\\"b\\\"\\r\\n");
    assert_eq!(
        m95(&["urc-length"]),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",5,a,\\\"b\\\"\\r\\n"
    );
    assert_eq!(
        m95(&["urc-payload-quoted"]),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",\\\"a,\\\"b\\\"\\\"\\r\\n"
    );
    assert_eq!(
        m95(&["urc-payload-quoted", "urc-length"]),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",5,\\\"a,\\\"b\\\"\\\"\\r\\n"
    );
    assert_eq!(
        received("EG915Q", &["\"recv/mode\",0,1,0"], &[], b"x"),
        "\\r\\n+QMTRECV: 0,0\\r\\n"
    );
}

#[test]
fn urc_payload_unquoted() {
    assert_eq!(
        received("EG915Q", &[], &[], b"x"),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",\\\"x\\\"\\r\\n"
    );
    assert_eq!(
        received("EG915Q", &[], &["urc-payload-unquoted"], b"x"),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",x\\r\\n"
    );
}

#[test]
fn urc_header_split() {
    assert_eq!(
        received("BC660K-GL", &["\"showrecvlen\",0,1"], &["urc-header-split"], b"x\r\ny"),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",4\\r\\n\\\"x\\r\\ny\\\"\\r\\n"
    );
    // Without a length there is no place for it.
    assert_eq!(
        received("BC660K-GL", &[], &["urc-header-split"], b"x"),
        "\\r\\n+QMTRECV: 0,0,\\\"t\\\",\\\"x\\\"\\r\\n"
    );
}

#[test]
fn urc_nul_unclosed() {
    for (payload, printed) in [(&b"a\0b"[..], "\\\"a\\x00b"), (b"ab", "\\\"ab\\\"")] {
        assert_eq!(
            received("BC660K-GL", &[], &["urc-nul-unclosed"], payload),
            format!("\\r\\n+QMTRECV: 0,0,\\\"t\\\",{printed}\\r\\n")
        );
    }
}

#[test]
fn a_fault_with_a_number_shows_that_often() {
    let mut rig = Rig::connected("M95", &["urc-topic-unquoted=2"]);
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    for topic in ["t", "t", "\\\"t\\\"", "\\\"t\\\""] {
        rig.publish("t", b"x", 0, false);
        assert_eq!(rig.take(), format!("\\r\\n+QMTRECV: 0,0,{topic},x\\r\\n"));
    }
}

#[test]
fn single_crlf() {
    let mut rig = Rig::connected("M95", &["single-crlf"]);
    rig.answer("AT+QMTSUB=0,1,\"t\",0\r");
    rig.publish("t", b"x", 0, false);
    rig.publish("t", b"y", 0, false);
    assert_eq!(
        rig.take(),
        "+QMTRECV: 0,0,\\\"t\\\",x\\r\\n+QMTRECV: 0,0,\\\"t\\\",y\\r\\n"
    );
    // Behind an echo the line keeps its own.
    rig.answer("ATE1\r");
    assert_eq!(rig.answer("AT+CSQ\r"), "AT+CSQ\\r\\r\\n+CSQ: 20,0\\r\\nOK\\r\\n");
}

#[test]
fn blank_lines() {
    let mut rig = Rig::connected("M95", &["blank-lines=1"]);
    assert_eq!(
        rig.answer("AT+CSQ\r"),
        format!("{}\\r\\n+CSQ: 20,0\\r\\n\\r\\nOK\\r\\n", "\\r\\n".repeat(6))
    );
}
