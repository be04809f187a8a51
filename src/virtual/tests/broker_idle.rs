//! Alone in its process, because it counts what the threads of the process do.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod broker_support;

use std::fs;
use std::thread;
use std::time::Duration;

use broker_support::*;
use modemqtt_virtual::broker::{Broker, BrokerOptions};

#[test]
fn an_idle_broker_never_wakes() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let _client = Client::connect_with(broker.port(), &Connect::new("c").keep_alive(0));
    thread::sleep(Duration::from_millis(100)); // until it has gone to sleep
    let before = sleeps();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(sleeps(), before);
    broker.messages().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(sleeps() > before, "the count does not count");
}

/// How often the broker's thread went to sleep.
fn sleeps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let statuses = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let status = statuses.into_iter().find(|status| status.contains("modemqtt-broker"));
    let status = status.expect("the broker has no thread");
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}
