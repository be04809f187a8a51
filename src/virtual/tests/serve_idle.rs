//! Alone in its process, because it counts what the threads of the process do.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use modemqtt_virtual::broker::{Broker, BrokerOptions};
use modemqtt_virtual::module::Signal;
use modemqtt_virtual::{Options, VirtualModem};

#[test]
fn an_idle_module_never_wakes() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let modem = VirtualModem::start(Options {
        model: "M95".into(),
        ..Options::default()
    })
    .unwrap();
    let mut host = OpenOptions::new().read(true).write(true).open(modem.port()).unwrap();
    let port = broker.port();
    for (line, answer) in [
        ("ATE0\r".to_string(), "OK\r\n"),
        ("AT+QMTCFG=\"keepalive\",0,0\r".into(), "OK\r\n"),
        (format!("AT+QMTOPEN=0,\"127.0.0.1\",{port}\r"), "+QMTOPEN: 0,0\r\n"),
        ("AT+QMTCONN=0,\"c\"\r".into(), "+QMTCONN: 0,0,0\r\n"),
    ] {
        host.write_all(line.as_bytes()).unwrap();
        let mut read = Vec::new();
        while !read.ends_with(answer.as_bytes()) {
            let mut byte = [0];
            host.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
    }
    thread::sleep(Duration::from_millis(100)); // until it has gone to sleep
    let before = sleeps();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(sleeps(), before);
    modem.set_signal(Signal::of(1, 1));
    thread::sleep(Duration::from_millis(100));
    assert!(sleeps() > before, "the count does not count");
}

/// How often the module's thread went to sleep. The system cuts the thread's name to 15 characters.
fn sleeps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let statuses = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let status = statuses
        .into_iter()
        .find(|status| status.contains("modemqtt-virtua"))
        .unwrap();
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}
