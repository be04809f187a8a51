//! Hosts that end their command lines by CR and LF: the LF does not belong to the data that a line asks for.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

/// The payload that reaches the broker when the line and the payload come in these pieces.
fn published(model: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut rig = Rig::connected(model, &[]);
    for piece in pieces {
        rig.type_in(piece);
    }
    rig.broker.messages().last().unwrap().payload.to_vec()
}

#[test]
fn the_lf_behind_the_cr_of_a_line_is_not_published() {
    let counted: [(&str, &[u8]); 2] = [
        ("EG800Q", b"AT+QMTPUBEX=0,0,0,0,\"t\",5\r\n"),
        ("BC660K-GL", b"AT+QMTPUB=0,0,0,0,\"t\",5\r\n"),
    ];
    for (model, line) in counted {
        assert_eq!(published(model, &[line, b"HELLO"]), b"HELLO", "{model}");
        assert_eq!(published(model, &[line, b"\nHELL"]), b"\nHELL", "{model}");
    }
    for model in ["M95", "BC35-G", "BC28", "BC660K-GL", "BG95"] {
        let line = b"AT+QMTPUB=0,0,0,0,\"t\"\r\n";
        assert_eq!(published(model, &[line, b"HELLO\x1a"]), b"HELLO", "{model}");
        assert_eq!(published(model, &[line, b"\nHELL\x1a"]), b"\nHELL", "{model}");
    }
}

#[test]
fn an_lf_that_comes_late_is_not_published_by_a_host_that_always_sends_one() {
    let line = b"AT+QMTPUBEX=0,0,0,0,\"t\",5\r";
    assert_eq!(published("EG800Q", &[b"AT\r", b"\n", line, b"\n", b"HELLO"]), b"HELLO");
}

#[test]
fn a_payload_that_begins_with_lf_is_kept_of_a_host_that_ends_its_lines_by_cr_alone() {
    let line = b"AT+QMTPUBEX=0,0,0,0,\"t\",5\r";
    assert_eq!(published("EG800Q", &[line, b"\nHELL"]), b"\nHELL");
    // One that was ended by both does not make a habit of it.
    assert_eq!(published("EG800Q", &[b"AT\r\n", b"AT\r", line, b"\nHELL"]), b"\nHELL");
}

#[test]
fn the_lf_behind_the_cr_of_a_line_goes_into_no_will_and_no_file() {
    let mut rig = Rig::new("EG916Q");
    rig.type_in(b"AT+QMTCFG=\"willex\",0,1,1,1,\"w\",4\r\n");
    rig.take();
    assert_eq!(rig.answer(b"last"), OK);

    rig.answer(b"AT+QFUPL=\"UFS:a.pem\",3,10\r\n");
    let answer = rig.answer(b"ABC");
    assert!(answer.contains("+QFUPL: 3,242"), "{answer}");
    let mut rig = Rig::new("M95");
    rig.answer(b"AT+QSECWRITE=\"RAM:a.pem\",3,10\r\n");
    assert!(rig.answer(b"ABC").contains("+QSECWRITE: 3,242"));
    let mut rig = Rig::new("BC660K-GL");
    rig.answer(b"AT+QSSLCFG=0,0,\"cacert\"\r\n");
    assert!(rig.answer(b"ABC\x1a").contains("cacert\\\",3"));
}
