//! What only some families have: a buffer, digits for payloads, clouds, reboots of their own.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::time::Duration;

use modemqtt_virtual::Fault;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";
const ERROR: &str = "\\r\\nERROR\\r\\n";
const PROMPT: &str = "\\r\\n> ";

/// A connected client 0, after these settings.
fn connected(model: &str, settings: &[&str]) -> Rig {
    let mut rig = Rig::new(model);
    for setting in settings {
        assert_eq!(rig.answer(format!("AT+QMTCFG={setting}\r")), OK, "{setting}");
    }
    connect(&mut rig);
    rig
}

fn connect(rig: &mut Rig) {
    assert!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r").contains("+QMTOPEN: 0,0"));
    assert!(rig.answer("AT+QMTCONN=0,\"c\"\r").contains("+QMTCONN: 0,0,0"));
}

fn subscribed(model: &str, settings: &[&str]) -> Rig {
    let mut rig = connected(model, settings);
    assert!(rig.answer("AT+QMTSUB=0,1,\"t\",0\r").contains("+QMTSUB: 0,1,0,0"));
    rig
}

fn after(rig: &mut Rig, seconds: u64) -> String {
    rig.elapse(Duration::from_secs(seconds));
    rig.take()
}

/// An information response, or an unsolicited line.
fn lines(texts: &[&str]) -> String {
    let lines: Vec<_> = texts.iter().map(|text| format!("\r\n{text}\r\n")).collect();
    lines.concat().escape_default().to_string()
}

#[test]
fn a_publish_of_exact_length_has_its_own_name() {
    let mut rig = connected("EG915Q", &[]);
    assert_eq!(rig.answer("AT+QMTPUBEX=0,1,1,0,\"t\",3\r"), PROMPT);
    assert_eq!(
        rig.answer("a\x1a\x1bdropped"),
        OK.to_string() + &lines(&["+QMTPUBEX: 0,1,0"])
    );
    assert_eq!(rig.broker.messages()[0].payload, "a\x1a\x1b");
    assert_eq!(rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",1501\r"), ERROR);
    assert_eq!(
        rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",0\r"),
        [PROMPT, OK, &lines(&["+QMTPUBEX: 0,0,0"])].concat()
    );
}

#[test]
fn publish_ex_short_name() {
    let mut rig = connected("EG800Q", &[]);
    rig.module.inject(Fault::PublishExShortName);
    rig.answer("AT+QMTPUBEX=0,1,1,0,\"t\",1\r");
    assert_eq!(rig.answer("x"), OK.to_string() + &lines(&["+QMTPUB: 0,1,0"]));
}

#[test]
fn a_will_behind_its_prompt_is_counted_and_the_last_will_rules() {
    let mut rig = Rig::new("EG916Q");
    rig.answer("AT+QMTCFG=\"will\",0,1,0,0,\"other\",\"no\"\r");
    assert_eq!(rig.answer("AT+QMTCFG=\"willex\",0,1,1,1,\"w\",4\r"), PROMPT);
    assert_eq!(rig.answer("a\r\n\x1adropped"), OK);
    assert_eq!(
        rig.answer("AT+QMTCFG=\"willex\",0\r"),
        lines(&["+QMTCFG: \"willex\",1,1,1,\"w\",4"]) + OK
    );
    connect(&mut rig);
    assert_eq!(rig.answer("AT+QMTCFG=\"willex\",0,1,1,1,\"w\",4\r"), ERROR);
    rig.answer("AT+QMTCLOSE=0\r");
    let messages = rig.broker.messages();
    assert_eq!(
        (&*messages[0].topic, &messages[0].payload[..], messages[0].retain),
        ("w", &b"a\r\n\x1a"[..], true)
    );
}

#[test]
fn a_will_may_be_empty_and_is_taken_back_by_flag_0() {
    let mut rig = Rig::new("EG916Q");
    assert_eq!(
        rig.answer("AT+QMTCFG=\"willex\",0,1,0,0,\"w\",0\r"),
        [PROMPT, OK].concat()
    );
    connect(&mut rig);
    rig.answer("AT+QMTCLOSE=0\r");
    assert_eq!(rig.broker.messages()[0].payload, "");
    assert_eq!(rig.answer("AT+QMTCFG=\"willex\",0,0\r"), OK);
    connect(&mut rig);
    rig.answer("AT+QMTCLOSE=0\r");
    assert_eq!(rig.broker.messages().len(), 1);
}

#[test]
fn payloads_pass_as_digits_and_lengths_count_bytes() {
    let settings = [r#""dataformat",0,1,1"#, r#""showrecvlen",0,1"#];
    let mut rig = subscribed("BC660K-GL", &settings);
    for (command, data) in [
        ("AT+QMTPUB=0,0,0,0,\"t\",3\r", "00fFa9"),
        ("AT+QMTPUB=0,0,0,0,\"t\"\r", "00fFa9\x1a"),
        ("AT+QMTPUB=0,0,0,0,\"t\",3,\"00ffa9\"\r", ""),
    ] {
        rig.answer(command);
        rig.answer(data);
    }
    let payloads: Vec<_> = rig
        .broker
        .messages()
        .iter()
        .map(|message| message.payload.clone())
        .collect();
    assert_eq!(payloads, [&b"\x00\xff\xa9"[..]; 3]);
    rig.answer("");
    rig.publish("t", b"\x01Z", 0, false);
    assert_eq!(rig.take(), lines(&["+QMTRECV: 0,0,\"t\",2,\"015A\""]));
    rig.module.inject(Fault::HexLengthDigits);
    rig.publish("t", b"\x01Z", 0, false);
    assert_eq!(rig.take(), lines(&["+QMTRECV: 0,0,\"t\",4,\"015A\""]));
}

#[test]
fn what_is_not_made_of_digits_is_an_error_after_the_data() {
    let mut rig = connected("BC660K-GL", &[r#""dataformat",0,1,0"#]);
    for (command, data) in [
        ("AT+QMTPUB=0,0,0,0,\"t\",2\r", "00g0"),
        ("AT+QMTPUB=0,0,0,0,\"t\"\r", "000\x1a"),
    ] {
        assert_eq!(rig.answer(command), PROMPT);
        assert_eq!(rig.answer(data), ERROR, "{data}");
    }
    for command in [
        "AT+QMTPUB=0,0,0,0,\"t\",2,\"00g0\"\r",
        "AT+QMTPUB=0,0,0,0,\"t\",2,\"00\"\r",
        "AT+QMTPUB=0,0,0,0,\"t\",731\r",
    ] {
        assert_eq!(rig.answer(command), ERROR, "{command}");
    }
    rig.answer("AT+QMTPUB=0,0,0,0,\"t\"\r");
    rig.answer([vec![b'0'; 5000], vec![0x1a]].concat());
    assert_eq!(rig.broker.messages()[0].payload.len(), 730);
}

#[test]
fn of_two_keys_for_sending_the_last_one_rules() {
    for (settings, data) in [
        ([r#""dataformat",0,1,0"#, r#""send/mode",0,0"#], "abc"),
        ([r#""dataformat",0,0,0"#, r#""send/mode",0,1"#], "616263"),
        ([r#""send/mode",0,0"#, r#""dataformat",0,1,0"#], "616263"),
    ] {
        let mut rig = connected("EG915Q", &settings);
        rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",3\r");
        assert_eq!(
            rig.answer(data),
            OK.to_string() + &lines(&["+QMTPUBEX: 0,0,0"]),
            "{settings:?}"
        );
        assert_eq!(rig.broker.messages()[0].payload, "abc");
    }
    let mut rig = connected("EG915Q", &[r#""send/mode",0,1"#]);
    assert_eq!(rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",1501\r"), ERROR);
}

#[test]
fn the_buffer_keeps_five_messages_of_each_client() {
    let mut rig = subscribed("EG915Q", &[r#""recv/mode",0,1,1"#]);
    assert_eq!(rig.answer("AT+QMTRECV?\r"), lines(&["+QMTRECV: 0,0,0,0,0,0"]) + OK);
    assert_eq!(rig.answer("AT+QMTRECV=0\r"), OK);
    for (slot, payload) in ["a", "bc", "d", "e", "f"].into_iter().enumerate() {
        rig.publish("t", payload.as_bytes(), 0, false);
        assert_eq!(rig.take(), lines(&[&format!("+QMTRECV: 0,{slot}")]));
    }
    rig.publish("t", b"lost", 0, false);
    assert_eq!((rig.take().as_str(), rig.module.lost_messages()), ("", 1));
    assert_eq!(
        rig.answer("AT+QMTRECV=0,1\r"),
        lines(&["+QMTRECV: 0,0,\"t\",2,\"bc\""]) + OK
    );
    assert_eq!(rig.answer("AT+QMTRECV=0,1\r"), OK);
    assert_eq!(rig.answer("AT+QMTRECV?\r"), lines(&["+QMTRECV: 0,1,0,1,1,1"]) + OK);
    rig.publish("t", b"g", 0, false);
    assert_eq!(rig.take(), lines(&["+QMTRECV: 0,1"]));
    let rest = ["a", "d", "e", "f", "g"].map(|payload| format!("+QMTRECV: 0,0,\"t\",1,\"{payload}\""));
    assert_eq!(
        rig.answer("AT+QMTRECV=0\r"),
        lines(&rest.each_ref().map(String::as_str)) + OK
    );
    rig.publish("t", b"h", 0, false);
    rig.take();
    rig.module.inject(Fault::StoreStatusSingle);
    assert_eq!(rig.answer("AT+QMTRECV?\r"), lines(&["+QMTRECV: 0,1"]) + OK);
    rig.answer("AT+QMTCLOSE=0\r");
    assert_eq!(rig.answer("AT+QMTRECV?\r"), OK);
    assert_eq!(rig.answer("AT+QMTRECV=0,0\r"), ERROR);
    connect(&mut rig);
    assert_eq!(rig.answer("AT+QMTRECV=0,0\r"), OK);
}

#[test]
fn a_connected_client_without_a_buffer_has_five_empty_slots() {
    let mut rig = subscribed("EG915Q", &[]);
    rig.answer("AT+QMTOPEN=1,\"h\",1883\r");
    rig.publish("t", b"a", 0, false);
    assert_eq!(rig.take(), lines(&["+QMTRECV: 0,0,\"t\",\"a\""]));
    assert_eq!(rig.answer("AT+QMTRECV?\r"), lines(&["+QMTRECV: 0,0,0,0,0,0"]) + OK);
    assert_eq!(rig.answer("AT+QMTRECV=?\r"), OK);
}

#[test]
fn an_unanswered_ping_is_told_after_its_interval() {
    for (model, setting, seconds, told) in [
        ("EG915Q", r#""qmtping",0,7"#, 7, &["+QMTPING: 0,1", "+QMTSTAT: 0,2"][..]),
        ("M95", r#""timeout",0,9"#, 9, &["+QMTSTAT: 0,2"]),
    ] {
        let mut rig = connected(model, &[setting, r#""keepalive",0,60"#]);
        rig.muted = true;
        assert_eq!(after(&mut rig, 60 + seconds - 1), "", "{model}");
        assert_eq!(after(&mut rig, 1), lines(told), "{model}");
    }
}

#[test]
fn data_are_echoed_where_that_was_asked_for() {
    for (model, setting, command, told) in [
        (
            "BC660K-GL",
            r#""echomode",0,1"#,
            "AT+QMTPUB=0,0,0,0,\"t\",2\r",
            "+QMTPUB: 0,0,0",
        ),
        (
            "EG915Q",
            r#""VIEW/MODE",0,1"#,
            "AT+QMTPUBEX=0,0,0,0,\"t\",2\r",
            "+QMTPUBEX: 0,0,0",
        ),
    ] {
        let mut rig = connected(model, &[setting]);
        assert_eq!(rig.answer(command), PROMPT);
        assert_eq!(rig.answer("a"), "a");
        assert_eq!(rig.answer("b"), ["b", OK, &lines(&[told])].concat());
    }
}

#[test]
fn an_idle_data_phase_ends_when_that_was_asked_for() {
    let mut rig = connected("EG915Q", &[r#""edit/timeout",0,1,30"#]);
    assert_eq!(rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",3\r"), PROMPT);
    assert_eq!(after(&mut rig, 29), "");
    assert_eq!(rig.answer("ab"), "");
    assert_eq!(after(&mut rig, 29), "");
    assert_eq!(after(&mut rig, 1), ERROR);
    assert_eq!(rig.answer("AT\r"), OK);
    let mut rig = connected("EG915Q", &[r#""edit/timeout",0,0,30"#]);
    rig.answer("AT+QMTPUBEX=0,0,0,0,\"t\",3\r");
    assert_eq!(after(&mut rig, 30), "");
    assert_eq!(rig.answer("abc"), OK.to_string() + &lines(&["+QMTPUBEX: 0,0,0"]));
}

#[test]
fn a_token_is_the_same_for_the_same_parameters_and_serves_the_connect() {
    let mut rig = Rig::new("BC35-G");
    assert_eq!(rig.answer("AT+QMTENAUTH?\r"), OK);
    rig.set_network(false);
    let request = "\"p\",\"d\",\"p@d\",\"secret\"";
    assert_eq!(
        rig.answer(format!("AT+QMTENAUTH={request}\r")),
        OK.to_string() + &lines(&["+QMTTENAUTH: 1"])
    );
    assert_eq!(rig.answer("AT+QMTENAUTH?\r"), OK);
    rig.set_network(true);
    let answer = rig.answer(format!("AT+QMTTENAUTH={request},60,\"http://h\"\r"));
    assert_eq!(rig.answer(format!("AT+QMTENAUTH={request}\r")), answer);
    let password = answer.split("\\\"").nth(1).unwrap().to_string();
    assert_eq!(
        answer,
        OK.to_string() + &lines(&[&format!("+QMTTENAUTH: 0,\"{password}\"")])
    );
    assert_eq!(
        rig.answer("AT+QMTTENAUTH?\r"),
        lines(&[&format!("+QMTTENAUTH: \"{password}\"")]) + OK
    );
    assert_ne!(rig.answer("AT+QMTENAUTH=\"p\",\"d\",\"p@d\",\"other\"\r"), answer);
    rig.answer(format!("AT+QMTENAUTH={request}\r"));
    assert_eq!(credentials(&mut rig, ""), ("p@d".into(), password));
    assert_eq!(credentials(&mut rig, ",\"u\",\"x\""), ("u".into(), "x".into()));
    rig.restart();
    rig.take();
    assert_eq!(rig.answer("AT+QMTENAUTH?\r"), OK);
}

#[test]
fn a_device_of_a_cloud_need_not_give_its_credentials() {
    for (model, setting, expected) in [
        ("BC35-G", r#""aliauth",0,"key","name","secret""#, ("name&key", "secret")),
        (
            "BC660K-GL",
            r#""aliauth",0,"key","name","secret""#,
            ("name&key", "secret"),
        ),
        ("EG915Q", r#""aliauth",0,"key","name","secret""#, ("name&key", "secret")),
        ("EG915Q", r#""onenet",0,"product","key""#, ("product", "key")),
    ] {
        let mut rig = Rig::new(model);
        let key = setting.split(',').next().unwrap();
        assert_eq!(rig.answer(format!("AT+QMTCFG={key},0\r")), OK);
        assert_eq!(rig.answer(format!("AT+QMTCFG={setting}\r")), OK);
        let (user, password) = expected;
        assert_eq!(
            credentials(&mut rig, ",\"\",\"\""),
            (user.into(), password.into()),
            "{model}"
        );
    }
}

/// The user name and password that reach the broker.
fn credentials(rig: &mut Rig, given: &str) -> (String, String) {
    rig.type_in(b"AT+QMTOPEN=0,\"h\",1883\r");
    rig.sent.clear();
    rig.type_in(format!("AT+QMTCONN=0,\"c\"{given}\r").as_bytes());
    assert!(rig.take().contains("+QMTCONN: 0,0,0"));
    rig.type_in(b"AT+QMTCLOSE=0\r");
    rig.take();
    // CONNECT ends with them; before them stand 12 bytes and the client identifier of one.
    let mut rest = &rig.sent[15..];
    let mut next = || {
        let (length, tail) = rest.split_at(2);
        let (text, tail) = tail.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
        rest = tail;
        String::from_utf8(text.to_vec()).unwrap()
    };
    (next(), next())
}

#[test]
fn a_subscription_of_message_id_0_is_told_by_that_id() {
    let mut rig = connected("EG915Q", &[]);
    assert_eq!(
        rig.answer("AT+QMTSUB=0,0,\"t\",0\r"),
        OK.to_string() + &lines(&["+QMTSUB: 0,0,0,0"])
    );
    rig.publish("t", b"x", 0, false);
    assert_eq!(rig.take(), lines(&["+QMTRECV: 0,0,\"t\",\"x\""]));
    assert_eq!(
        rig.answer("AT+QMTUNS=0,0,\"t\"\r"),
        OK.to_string() + &lines(&["+QMTUNS: 0,0,0"])
    );
    for model in ["M95", "BC35-G", "BC660K-GL"] {
        let mut rig = connected(model, &[]);
        assert!(rig.answer("AT+QMTSUB=0,0,\"t\",1\r").contains("ERROR"), "{model}");
    }
}

#[test]
fn what_is_left_out_of_a_secured_connection_has_its_default() {
    for (given, read) in [("0", "0"), ("1", "1,0,0"), ("1,0,0", "1,0,0"), ("0,0,0", "0,0,0")] {
        let mut rig = Rig::new("BC660K-GL");
        assert_eq!(rig.answer(format!("AT+QMTCFG=\"ssl\",0,{given}\r")), OK);
        assert_eq!(
            rig.answer("AT+QMTCFG=\"SSL\",0\r"),
            lines(&[&format!("+QMTCFG: {read}")]) + OK
        );
    }
}

#[test]
fn bc35_starts_without_echo_and_answers_without_blanks() {
    let mut rig = Rig::new("BC35-G");
    rig.restart();
    assert_eq!(rig.take(), lines(&["REBOOT_CAUSE_APPLICATION_AT", "Neul", "OK"]));
    assert_eq!(rig.answer("AT+QMTDISC=0\r"), ERROR);
    assert_eq!(rig.answer("AT+CMEE=1;+QMTDISC=0\r"), lines(&["+CME ERROR: 3"]));
    assert_eq!(rig.answer("AT+CMEE=2\r"), lines(&["+CME ERROR: 50"]));
    assert_eq!(
        rig.answer("AT+CMEE=?;+CMEE?\r"),
        lines(&["+CMEE:(0,1)", "+CMEE:1"]) + OK
    );
    assert_eq!(
        rig.answer("AT+CSQ;+CEREG=1;+CEREG?;+CGATT?;+CPIN?\r"),
        lines(&["+CSQ:20,0", "+CEREG:1,1", "+CGATT:1", "+CPIN: READY"]) + OK
    );
    rig.set_network(false);
    assert_eq!(rig.take(), lines(&["+CEREG:2"]));
    assert_eq!(rig.answer("AT+CREG?\r"), ERROR);
}

#[test]
fn each_family_has_its_own_way_to_start_again() {
    for (model, command, told) in [
        (
            "M95",
            "AT+CFUN=1,1\r",
            &["OK", "RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"][..],
        ),
        ("BC660K-GL", "AT+QRST=1\r", &["OK", "RDY", "+CFUN: 1", "+CEREG: 2"]),
        (
            "BC35-G",
            "AT+NRB\r",
            &["REBOOTING", "REBOOT_CAUSE_APPLICATION_AT", "Neul", "OK"],
        ),
    ] {
        let mut rig = Rig::new(model);
        assert_eq!(rig.answer(command), lines(told));
    }
    let mut rig = Rig::new("BC35-G");
    for command in ["AT+CFUN=1,1\r", "AT+NRB=1\r", "AT+NRB?\r", "AT+QRST=1\r"] {
        assert!(rig.answer(command).contains("ERROR"), "{command}");
    }
}
