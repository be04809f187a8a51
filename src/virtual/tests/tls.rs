//! What the module wants a connection to be secured with.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

use std::time::Duration;

use modemqtt_at::dialect::of_model;
use modemqtt_os::Moment;
use modemqtt_virtual::module::{Action, ConnectionEvent, Failure, Module, Security};

const CA: &str = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";

struct Line {
    module: Module,
    now: Moment,
}

impl Line {
    fn new(model: &str) -> Self {
        let (dialect, model) = of_model(model).unwrap();
        let mut line = Self {
            module: Module::new(dialect, model),
            now: Moment::now(),
        };
        line.answer("ATE0\r");
        line
    }

    fn answer(&mut self, bytes: &str) -> String {
        self.module.receive(bytes.as_bytes(), self.now);
        String::from_utf8(self.module.take_output()).unwrap()
    }

    fn ok(&mut self, command: &str) {
        assert_eq!(self.answer(&format!("{command}\r")), "\r\nOK\r\n", "{command}");
    }

    /// The connection that the module asks for; `None` where it asks for none.
    fn open(&mut self) -> Option<(Duration, Option<Box<Security>>)> {
        self.answer("AT+QMTOPEN=0,\"broker.lab\",8883\r");
        match self.module.next_action()? {
            Action::Connect { within, security, .. } => Some((within, security)),
            other => panic!("{other:?}"),
        }
    }
}

fn upload(line: &mut Line, name: &str, content: &str) {
    let asked = line.answer(&format!("AT+QFUPL=\"{name}\",{}\r", content.len()));
    assert_eq!(asked, "\r\nCONNECT\r\n");
    assert!(line.answer(content).ends_with("\r\nOK\r\n"));
}

#[test]
fn a_connection_that_is_not_to_be_secured_is_not() {
    let (_, security) = Line::new("EG915Q").open().unwrap();
    assert_eq!(security, None);
}

#[test]
fn a_connection_is_secured_with_what_its_context_says() {
    let mut line = Line::new("EG915Q");
    upload(&mut line, "UFS:ca.pem", CA);
    for setting in [
        "\"sslversion\",2,3",
        "\"seclevel\",2,1",
        "\"cacert\",2,\"ca.pem\"",
        "\"ciphersuite\",2,0xc02f",
        "\"ignorelocaltime\",2,0",
        "\"sni\",2,1",
        "\"negotiatetime\",2,10",
        "\"seclevel\",3,2",
    ] {
        line.ok(&format!("AT+QSSLCFG={setting}"));
    }
    line.ok("AT+QMTCFG=\"ssl\",0,1,2");
    let (within, security) = line.open().unwrap();
    assert_eq!(within, Duration::from_secs(10));
    let expected = Security {
        version: 3,
        suite: Some(0xC02F),
        authorities: Some(CA.as_bytes().to_vec()),
        identity: None,
        checks_times: true,
        names_server: true,
    };
    assert_eq!(*security.unwrap(), expected);
}

#[test]
fn a_context_starts_with_nobody_verified_and_no_clock() {
    let mut line = Line::new("BC660K-GL");
    line.ok("AT+QMTCFG=\"ssl\",0,1,0,0");
    let (within, security) = line.open().unwrap();
    assert_eq!(within, Duration::from_secs(90));
    let security = security.unwrap();
    assert_eq!(
        (security.version, security.authorities, security.checks_times),
        (4, None, false)
    );
}

#[test]
fn what_secures_a_connection_shows_no_key() {
    let security = Security {
        version: 3,
        suite: None,
        authorities: Some(CA.into()),
        identity: Some((CA.into(), b"TUlJQg==".to_vec())),
        checks_times: false,
        names_server: false,
    };
    assert!(!format!("{security:?}").contains("TUlJ"));
    let mut line = Line::new("EG915Q");
    upload(&mut line, "key.pem", "c2VjcmV0");
    let shown = format!("{:?}", line.module);
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("99, 50, 86"), "{shown}");
}

#[test]
fn a_handshake_that_fails_is_a_connection_that_cannot_be_opened() {
    let mut line = Line::new("M95");
    line.ok("AT+QMTCFG=\"ssl\",0,1,0");
    line.answer("AT+QMTOPEN=0,\"broker.lab\",8883\r");
    let Some(Action::Connect { connection, .. }) = line.module.next_action() else {
        panic!("no connection")
    };
    assert!(line.module.knows(connection));
    line.module
        .tell(connection, ConnectionEvent::Failed(Failure::Handshake), line.now);
    assert_eq!(line.answer(""), "\r\n+QMTOPEN: 0,-1\r\n");
    assert!(!line.module.knows(connection));
}

#[test]
fn there_is_room_for_so_many_files_and_no_more() {
    let mut line = Line::new("EG915Q");
    for number in 0..64 {
        upload(&mut line, &format!("{number}"), "x");
    }
    assert_eq!(line.answer("AT+QFUPL=\"one more\",1\r"), "\r\n+CME ERROR: 403\r\n");
    line.ok("AT+QFDEL=\"*\"");
    let large = "x".repeat(32_768);
    for number in 0..8 {
        upload(&mut line, &format!("{number}"), &large);
    }
    assert_eq!(line.answer("AT+QFUPL=\"one more\",24577\r"), "\r\n+CME ERROR: 403\r\n");
    upload(&mut line, "one more", &"x".repeat(24_576));
}
