//! What a client keeps of its session over connections, and what servers hear of a module that is gone.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use rig::Rig;

const OPEN: &str = "AT+QMTOPEN=0,\"h\",1883\r";
const CONNECT: &str = "AT+QMTCONN=0,\"c\"\r";

/// A client whose session the server keeps.
fn kept() -> Rig {
    let mut rig = Rig::new("M95");
    rig.answer("AT+QMTCFG=\"session\",0,0\r");
    rig.connect();
    rig
}

/// Loses the connection and makes it again.
fn reconnect(rig: &mut Rig) -> String {
    rig.drop_clients();
    assert!(rig.take().contains("+QMTSTAT: 0,1"));
    rig.sent.clear();
    rig.answer(OPEN) + &rig.answer(CONNECT)
}

fn payloads(rig: &Rig) -> Vec<String> {
    let messages = rig.broker.messages();
    messages
        .iter()
        .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
        .collect()
}

#[test]
fn a_publish_without_its_acknowledgement_is_sent_again_on_the_next_connection() {
    let mut rig = kept();
    rig.muted = true;
    rig.answer("AT+QMTPUB=0,5,1,0,\"t\"\rone\x1a");
    rig.muted = false;
    assert_eq!(payloads(&rig), Vec::<String>::new());
    let printed = reconnect(&mut rig);
    // Behind the CONNECT, with DUP; the host has been told that the connection was lost, and hears no more of it.
    assert_eq!(payloads(&rig), ["one"]);
    assert!(
        rig.sent.ends_with(b"\x3a\x08\0\x01t\0\x05one"),
        "{}",
        rig.sent.escape_ascii()
    );
    assert!(!printed.contains("+QMTPUB"), "{printed}");
}

#[test]
fn what_the_server_had_kept_outlasts_a_connection_that_ends_with_its_first_packet() {
    for qos in [1, 2] {
        let mut rig = kept();
        rig.answer(format!("AT+QMTSUB=0,1,\"t\",{qos}\r"));
        rig.drop_clients();
        rig.publish("t", b"kept", qos, false);
        rig.inject("connect-without-result");
        let printed = rig.answer(OPEN) + &rig.answer(CONNECT);
        assert!(printed.ends_with("+QMTSTAT: 0,1\\r\\n"), "{printed}");
        rig.heal(None);
        let printed = rig.answer(OPEN) + &rig.answer(CONNECT);
        assert_eq!(printed.matches(",kept").count(), 1, "{printed}");
    }
}

#[test]
fn a_publish_under_an_id_of_before_is_delivered() {
    let mut rig = kept();
    rig.broker.withhold_acks(true);
    rig.answer("AT+QMTPUB=0,5,2,0,\"t\"\rone\x1a");
    rig.drop_clients();
    rig.answer(OPEN);
    rig.answer(CONNECT);
    rig.take();
    // The former publish is under way still.
    let printed = rig.answer("AT+QMTPUB=0,5,2,0,\"t\"\rtwo\x1a");
    assert!(!printed.contains("ERROR"), "{printed}");
    rig.broker.withhold_acks(false);
    assert!(rig.after(60_000).contains("+QMTPUB: 0,5,0"));
    assert_eq!(payloads(&rig), ["one", "two"]);
}

#[test]
fn a_repeated_message_of_qos_2_reaches_the_host_once() {
    let mut rig = kept();
    rig.answer("AT+QMTSUB=0,1,\"t\",2\r");
    rig.muted = true;
    rig.publish("t", b"x", 2, false);
    assert!(rig.take().contains("+QMTRECV: 0,1,\\\"t\\\",x"));
    rig.muted = false;
    let printed = reconnect(&mut rig);
    assert!(!printed.contains("+QMTRECV"), "{printed}");
    rig.publish("t", b"y", 2, false);
    assert!(rig.take().contains(",y"));
}

#[test]
fn a_clean_session_another_client_id_or_another_server_remembers_nothing() {
    for (command, open, connect) in [
        ("AT+QMTCFG=\"session\",0,1\r", OPEN, CONNECT),
        ("AT\r", OPEN, "AT+QMTCONN=0,\"d\"\r"),
        ("AT\r", "AT+QMTOPEN=0,\"other\",1883\r", CONNECT),
    ] {
        let mut rig = kept();
        rig.muted = true;
        rig.answer("AT+QMTPUB=0,5,1,0,\"t\"\rone\x1a");
        rig.muted = false;
        rig.drop_clients();
        rig.answer(command);
        rig.answer(open);
        assert!(rig.answer(connect).contains("+QMTCONN: 0,0,0"));
        assert_eq!(payloads(&rig), Vec::<String>::new(), "{command}");
    }
}

#[test]
fn a_server_without_a_session_of_its_own_ends_that_of_the_client() {
    let mut rig = kept();
    rig.muted = true;
    rig.answer("AT+QMTPUB=0,5,1,0,\"t\"\rone\x1a");
    rig.muted = false;
    rig.broker.stop(true);
    reconnect(&mut rig);
    assert_eq!(payloads(&rig), Vec::<String>::new());
}

#[test]
fn what_is_in_flight_is_sent_again_when_a_silent_broker_speaks() {
    let mut rig = Rig::connected("M95", &[]);
    rig.answer("AT+QMTSUB=0,1,\"t\",2\r");
    rig.broker.mute(true);
    for payload in ["a", "b"] {
        rig.publish("t", payload.as_bytes(), 1, false);
    }
    rig.publish("t", b"c", 2, false);
    assert_eq!(rig.take(), "");
    rig.broker.mute(false);
    let printed = rig.answer("");
    for payload in ["a", "b", "c"] {
        assert!(printed.contains(&format!(",{payload}\\r")), "{printed}");
    }
}

#[test]
fn without_a_network_nothing_reaches_the_server_until_its_keep_alive_ends() {
    for gone in [
        Rig::power_off as fn(&mut Rig),
        |rig| rig.set_network(false),
        Rig::restart,
    ] {
        let mut rig = Rig::new("M95");
        rig.answer("AT+QMTCFG=\"keepalive\",0,60\r");
        rig.answer("AT+QMTCFG=\"will\",0,1,0,0,\"will\",\"gone\"\r");
        rig.connect();
        gone(&mut rig);
        rig.after(89_000);
        assert_eq!(rig.broker.clients(), ["c"]);
        assert_eq!(payloads(&rig), Vec::<String>::new());
        rig.after(2_000);
        assert_eq!(rig.broker.clients(), Vec::<String>::new());
        assert_eq!(payloads(&rig), ["gone"]);
    }
}
