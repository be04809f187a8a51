//! Small print of the notes: what may be left out, what an explicit setting rules, what is taken without effect.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::time::Duration;

use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const ERROR: &str = "\\r\\nERROR\\r\\n";
const PROMPT: &str = "\\r\\n> ";

#[test]
fn data_is_echoed_as_the_setting_says_and_as_ate_says_without_one() {
    for (model, key, publish) in [
        ("BC660K-GL", "echo_mode", "AT+QMTPUB=0,0,0,0,\"t\",1\r"),
        ("EG800Q", "view/mode", "AT+QMTPUBEX=0,0,0,0,\"t\",1\r"),
    ] {
        for (echo, setting, expected) in [
            ("1", None, true),
            ("0", None, false),
            ("1", Some(0), false),
            ("0", Some(1), true),
        ] {
            let mut rig = Rig::new(model);
            if let Some(setting) = setting {
                assert_eq!(rig.answer(format!("AT+QMTCFG=\"{key}\",0,{setting}\r")), OK);
            }
            rig.connect();
            rig.answer(format!("ATE{echo}\r{publish}"));
            let answer = rig.answer("x");
            assert_eq!(
                answer.starts_with('x'),
                expected,
                "{model} ATE{echo} {setting:?}: {answer}"
            );
        }
    }
}

#[test]
fn the_retry_count_of_a_timeout_may_be_left_out_and_keeps_its_value() {
    for (model, head) in [
        ("M95", ""),
        ("BC660K-GL", ""),
        ("BC35-G", "\\\"timeout\\\","),
        ("BC28", "\\\"timeout\\\","),
    ] {
        let mut rig = Rig::new(model);
        assert_eq!(rig.answer("AT+QMTCFG=\"timeout\",0,30,7,0\r"), OK, "{model}");
        assert_eq!(rig.answer("AT+QMTCFG=\"timeout\",0,20,,1\r"), OK, "{model}");
        let read = rig.answer("AT+QMTCFG=\"timeout\",0\r");
        assert!(read.contains(&format!("+QMTCFG: {head}20,7,1\\r")), "{model}: {read}");
        assert!(
            rig.answer("AT+QMTCFG=\"timeout\",0,,3,1\r").contains("ERROR"),
            "{model}"
        );
    }
}

#[test]
fn an_edit_timeout_without_a_time_has_the_longest() {
    let mut rig = Rig::new("EG800Q");
    assert_eq!(rig.answer("AT+QMTCFG=\"edit/timeout\",0,1\r"), OK);
    rig.connect();
    assert_eq!(rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",1\r"), PROMPT);
    rig.elapse(Duration::from_secs(179));
    assert_eq!(rig.take(), "");
    rig.elapse(Duration::from_secs(1));
    assert_eq!(rig.take(), ERROR);
}

#[test]
fn the_test_form_of_a_token_is_answered_with_the_other_spelling() {
    let answer = Rig::new("BC35-G").answer("AT+QMTENAUTH=?\r");
    assert!(answer.contains("+QMTTENAUTH: \\\"<product_id>"), "{answer}");
}

#[test]
fn a_pin_is_taken_without_quotes() {
    for model in ["M95", "BC28", "BC660K-GL", "EG916Q"] {
        let mut rig = Rig::new(model);
        rig.set_sim("pin");
        rig.take();
        assert!(rig.answer("AT+CPIN=1111\r").contains("ERROR: 16"), "{model}");
        assert!(rig.answer("AT+CPIN=1234\r").contains(OK), "{model}");
        assert!(rig.answer("AT+CPIN?\r").contains("READY"), "{model}");
    }
}

#[test]
fn options_of_tls_that_mqtt_does_not_depend_on_are_kept() {
    let mut rig = Rig::new("BC660K-GL");
    for (name, default, given) in [
        ("dataformat", "0,0", "1,1"),
        ("debug", "0", "4"),
        ("dtls", "0", "1"),
        ("dtlsversion", "2", "1"),
    ] {
        let mut read = || rig.answer(format!("AT+QSSLCFG=0,0,\"{name}\"\r"));
        assert!(
            read().contains(&format!("+QSSLCFG: 0,0,\\\"{name}\\\",{default}\\r")),
            "{}",
            read()
        );
        assert_eq!(rig.answer(format!("AT+QSSLCFG=0,0,\"{name}\",{given}\r")), OK);
        let read = rig.answer(format!("AT+QSSLCFG=0,0,\"{name}\"\r"));
        assert!(
            read.contains(&format!("+QSSLCFG: 0,0,\\\"{name}\\\",{given}\\r")),
            "{read}"
        );
        assert_eq!(rig.answer(format!("AT+QSSLCFG=0,0,\"{name}\",9\r")), ERROR);
    }
    assert_eq!(rig.answer("AT+QSSLCFG=0,0,\"dataformat\",1\r"), ERROR);
}
