//! V.250 to the letter: result codes that are suppressed or short, several commands on a line, what stands behind a payload.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

#[test]
fn without_result_codes_neither_errors_nor_unsolicited_lines_come_but_information_does() {
    let mut rig = Rig::connected("M95", &[]);
    assert_eq!(rig.answer("ATQ1\r"), "");
    assert_eq!(rig.answer("AT+QMTCLOSE=5\r"), "");
    assert_eq!(rig.answer("AT+CSQ\r"), "\\r\\n+CSQ: 20,0\\r\\n");
    rig.drop_clients();
    assert_eq!(rig.take(), "");
    assert_eq!(rig.answer("ATQ0\r"), OK);
}

#[test]
fn short_result_codes_have_digits_and_those_without_digits_their_text_and_a_cr() {
    let mut rig = Rig::connected("M95", &[]);
    assert_eq!(rig.answer("ATV0\r"), "0\\r");
    assert_eq!(rig.answer("AT+CSQ\r"), "+CSQ: 20,0\\r\\n0\\r");
    assert_eq!(rig.answer("AT+NONE\r"), "4\\r");
    assert!(rig.answer("AT+QMTCLOSE=5\r").starts_with("+CME ERROR: "));
    rig.drop_clients();
    assert_eq!(rig.take(), "+QMTSTAT: 0,1\\r");
    assert_eq!(rig.answer("ATV1\r"), OK);
}

#[test]
fn a_command_that_asks_for_data_is_the_last_of_its_line() {
    for model in ["M95", "BC660K-GL", "EG800Q", "BC35-G"] {
        let mut rig = Rig::connected(model, &[]);
        let publish = match model {
            "EG800Q" => "AT+QMTPUBEX=0,0,0,0,\"t\",5",
            "BC35-G" | "M95" => "AT+QMTPUB=0,0,0,0,\"t\"",
            _ => "AT+QMTPUB=0,0,0,0,\"t\",5",
        };
        let refused = rig.answer(format!("{publish};+CSQ\r"));
        assert!(refused.contains("ERROR") && !refused.contains('>'), "{model} {refused}");
        assert!(rig.answer("AT+CSQ\r").contains("CSQ:"), "{model}");
        assert!(rig.answer(format!("{publish}\r")).contains('>'), "{model}");
    }
}

#[test]
fn a_command_with_a_result_is_followed_by_the_others_of_its_line_whatever_a_fault_does_to_its_ok() {
    let mut rig = Rig::connected("M95", &["result-before-ok"]);
    let printed = rig.answer("AT+QMTSUB=0,1,\"t\",1;+CSQ\r");
    assert!(
        printed.contains("+CSQ: 20,0") && printed.contains("+QMTSUB: 0,1,0,1"),
        "{printed}"
    );
    assert_eq!(printed.matches("OK").count(), 1);
}

#[test]
fn bytes_beyond_a_counted_payload_are_dropped_up_to_the_next_cr() {
    for (model, publish, name) in [
        ("BC660K-GL", "AT+QMTPUB=0,0,0,0,\"t\",5\r", "QMTPUB"),
        ("EG800Q", "AT+QMTPUBEX=0,0,0,0,\"t\",5\r", "QMTPUBEX"),
    ] {
        let mut rig = Rig::connected(model, &[]);
        rig.answer(publish);
        let printed = rig.answer("HELLOAT+CSQ\r");
        assert_eq!(printed, format!("{OK}\\r\\n+{name}: 0,0,0\\r\\n"));
        assert!(rig.answer("AT+CSQ\r").contains("+CSQ"));
        rig.answer(publish);
        assert!(rig.answer("HELLO").contains(name));
        assert!(rig.answer("AT+CSQ\r").contains("+CSQ"));
    }
}

#[test]
fn a_number_has_no_plus_sign() {
    let mut rig = Rig::new("M95");
    assert!(rig.answer("AT+QMTCFG=\"keepalive\",0,+60\r").contains("ERROR"));
    assert_eq!(rig.answer("AT+QMTCFG=\"keepalive\",0,60\r"), OK);
}

#[test]
fn s_parameters_are_read_in_three_digits_and_set_within_their_range() {
    for model in ["M95", "EG800Q"] {
        let mut rig = Rig::new(model);
        for (read, value) in [("S0", "000"), ("S3", "013"), ("S4", "010"), ("S5", "008")] {
            let expected = format!("\\r\\n{value}\\r\\n{OK}");
            assert!(
                rig.answer(format!("AT{read}?\r")).ends_with(&expected),
                "{model} {read}"
            );
        }
        assert!(rig.answer("ATS0=2S3=13S4=10S5=8\r").ends_with(OK), "{model}");
        assert!(rig.answer("ATS0?\r").contains("002"), "{model}");
        for wrong in ["S0=256", "S3=10", "S7?", "S3"] {
            assert!(rig.answer(format!("AT{wrong}\r")).contains("ERROR"), "{model} {wrong}");
        }
        assert!(rig.answer("AT&F\r").ends_with(OK), "{model}");
        assert!(rig.answer("ATS0?\r").contains("000"), "{model}");
    }
}

#[test]
fn a_family_without_s_parameters_refuses_them() {
    for model in ["BC35-G", "BC660K-GL"] {
        assert!(Rig::new(model).answer("ATS3?\r").contains("ERROR"), "{model}");
    }
}

#[test]
fn an_lf_is_no_part_of_a_line_so_a_payload_in_the_line_that_holds_one_is_too_short() {
    let mut rig = Rig::connected("BC660K-GL", &[]);
    assert!(rig.answer("AT+C\nSQ\r").contains("+CSQ: 20,0"));
    assert!(rig.answer("AT+QMTPUB=0,0,0,0,\"t\",3,\"a\nb\"\r").contains("ERROR"));
    assert!(
        rig.answer("AT+QMTPUB=0,0,0,0,\"t\",2,\"a\nb\"\r")
            .contains("+QMTPUB: 0,0,0")
    );
}

#[test]
fn a_backslash_in_a_string_is_a_character_like_any_other() {
    let mut rig = Rig::new("EG800Q");
    rig.answer("AT+CGDCONT=1,\"IP\",\"lab\\22\"\r");
    let read = rig.answer("AT+CGDCONT?\r");
    assert!(read.contains("lab\\\\22") || read.contains("LAB\\\\22"), "{read}");
}

#[test]
fn string_escapes() {
    let mut rig = Rig::new("EG800Q");
    rig.inject("string-escapes=1");
    for (set, read) in [("a\\22b\\5cc\\zz", "a\\\"b\\\\c\\\\zz"), ("a\\22b", "a\\\\22b")] {
        rig.answer(format!("AT+CGDCONT=1,\"IP\",\"{set}\"\r"));
        let answer = rig.answer("AT+CGDCONT?\r");
        assert!(answer.contains(read), "{answer}");
    }
}

#[test]
fn lf_in_line() {
    let mut rig = Rig::connected("BC660K-GL", &["lf-in-line"]);
    assert!(
        rig.answer("AT+QMTPUB=0,0,0,0,\"t\",3,\"a\nb\"\r")
            .contains("+QMTPUB: 0,0,0")
    );
    assert_eq!(rig.broker.messages()[0].payload, "a\nb");
    // Between two lines it is nothing still.
    assert!(rig.answer("AT+CSQ\r\nAT+CSQ\r\n").ends_with(OK));
    assert!(rig.answer("AT+C\nSQ\r").contains("ERROR"));
}
