//! Alone in its process, because it takes all of the process's descriptors.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod serve_support;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use modemqtt_virtual::VirtualModem;
use modemqtt_virtual::module::Signal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serve_support::*;

#[test]
fn a_module_without_a_descriptor_for_its_host_rests_and_takes_it_later() {
    let modem = VirtualModem::start(over_tcp("M95")).unwrap();
    let address = modem.port().strip_prefix("socket://").unwrap().to_string();
    modem.set_signal(Signal::of(20, 0)); // the thread has its name by then
    let mut status = status();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(64);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    taken.pop();
    let stream = TcpStream::connect(address).unwrap();
    thread::sleep(Duration::from_millis(200)); // until it has found that it cannot accept
    let before = sleeps(&mut status);
    thread::sleep(Duration::from_millis(1500));
    let count = sleeps(&mut status) - before;
    assert!((1..=4).contains(&count), "{count}");
    drop(taken);
    let mut host = Host {
        port: Box::new(stream),
        read: Vec::new(),
    };
    host.ask("AT\r", "AT\r\r\nOK\r\n");
}

/// The status of the module's thread. The system cuts the thread's name to 15 characters.
fn status() -> File {
    let mut tasks = fs::read_dir("/proc/self/task").unwrap();
    let is_ours = |text: String| text.contains("modemqtt-virtua");
    tasks
        .find_map(|task| {
            let path = task.unwrap().path().join("status");
            is_ours(fs::read_to_string(&path).unwrap()).then(|| File::open(path).unwrap())
        })
        .unwrap()
}

/// How often the thread went to sleep, or was made to.
fn sleeps(status: &mut File) -> u64 {
    let mut text = String::new();
    status.rewind().unwrap();
    status.read_to_string(&mut text).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.split_once("voluntary_ctxt_switches:"));
    lines.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum()
}
