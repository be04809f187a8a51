//! The virtual module on real ports with real brokers, by raw bytes.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod serve_support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_os::Moment;
use modemqtt_virtual::broker::{Broker, BrokerOptions};
use modemqtt_virtual::module::{Parting, Signal};
use modemqtt_virtual::{Fault, Injection, Options, VirtualError, VirtualModem};
use serve_support::*;

#[test]
fn a_day_over_a_pty_with_our_own_broker() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    for model in ["M95", "BC660K-GL"] {
        let modem = start(model);
        a_day(&mut Host::on_pty(&modem), broker.port());
    }
}

#[test]
fn a_day_over_a_pty_with_mosquitto() {
    let Some(mosquitto) = Mosquitto::start() else { return };
    for model in ["M95", "BC660K-GL"] {
        let modem = start(model);
        a_day(&mut Host::on_pty(&modem), mosquitto.port);
    }
}

#[test]
fn a_day_over_tcp() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let modem = VirtualModem::start(over_tcp("M95")).unwrap();
    a_day(&mut Host::on_tcp(&modem), broker.port());
}

#[test]
fn a_day_at_the_pace_of_a_uart() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let options = Options {
        baudrate: Some(460_800),
        seed: 7,
        ..options("M95")
    };
    let modem = VirtualModem::start(options).unwrap();
    a_day(&mut Host::on_pty(&modem), broker.port());
}

#[test]
fn hosts_come_and_go() {
    let modem = start("M95");
    for _ in 0..3 {
        let mut host = Host::on_pty(&modem);
        host.send("ATE0\r");
        host.expect("\r\nOK\r\n");
        host.send("AT+CGMM\r");
        host.expect("\r\nQuectel_M95\r\n\r\nOK\r\n");
        host.send("ATE1\r");
        host.expect("\r\nOK\r\n");
    }
}

#[test]
fn a_second_host_on_the_tcp_port_is_turned_away() {
    let modem = VirtualModem::start(over_tcp("M95")).unwrap();
    let mut first = Host::on_tcp(&modem);
    first.ask("AT\r", "AT\r\r\nOK\r\n");
    let mut second = Host::on_tcp(&modem);
    assert_eq!(second.port.read(&mut [0]).unwrap_or(0), 0);
    first.ask("AT\r", "AT\r\r\nOK\r\n");
    drop(first);
    // The door opens when the module has seen the first host leave.
    let due = Moment::now() + PATIENCE;
    loop {
        let mut third = Host::on_tcp(&modem);
        third.send("AT\r");
        if third.answers("AT\r\r\nOK\r\n") {
            return;
        }
        assert!(Moment::now() < due);
    }
}

#[test]
fn a_host_that_does_not_read_blocks_nobody() {
    let modem = start("M95");
    let mut host = Host::on_pty(&modem);
    let line = format!("AT{}\r", "+QMTCFG=?;".repeat(20));
    for _ in 0..200 {
        host.send(&line);
    }
    modem.set_signal(Signal::of(7, 3));
    drop(host);
    modem.close();
}

#[test]
fn the_world_is_set_from_outside() {
    let modem = start("BC660K-GL");
    let mut host = Host::on_pty(&modem);
    host.ask("ATE0\r", "ATE0\r\r\nOK\r\n");
    modem.set_signal(Signal::of(11, 2));
    host.ask("AT+CSQ\r", "\r\n+CSQ: 11,2\r\n\r\nOK\r\n");
    modem.network(false, Parting::Told);
    host.ask("AT+CEREG?\r", "\r\n+CEREG: 0,2\r\n\r\nOK\r\n");
    host.ask("AT+QMTOPEN=0,\"localhost\",1883\r", "\r\nOK\r\n\r\n+QMTOPEN: 0,3\r\n");
    modem.network(true, Parting::Told);
    modem.inject(Fault::PromptCrlf);
    modem.restart();
    host.expect("\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CEREG: 2\r\n");
    host.ask("AT\r", "AT\r\r\nOK\r\n");
    modem.close();
    modem.close();
    modem.restart();
}

#[test]
fn faults_of_the_module_and_of_the_line_come_and_go_while_it_runs() {
    let modem = start("M95");
    let mut host = Host::on_pty(&modem);
    host.ask("ATE0\r", "ATE0\r\r\nOK\r\n");
    modem.inject(Fault::BareError);
    modem.inject("line-chunk=1".parse::<Injection>().unwrap());
    modem.inject("line-gap=0.002".parse::<Injection>().unwrap());
    let start = Moment::now();
    host.ask_alone("AT+QMTDISC=0\r", "\r\nERROR\r\n");
    // 13 bytes to the module and 9 back, and 2 ms after each but the last of a direction.
    let taken = start.elapsed();
    assert!(taken >= Duration::from_millis(2 * (12 + 8)), "{taken:?}");
    let on: Vec<_> = modem.faults().iter().map(Injection::to_string).collect();
    assert_eq!(on, ["bare-error", "line-chunk=1", "line-gap=0.002"]);
    modem.heal(Some(Fault::BareError));
    host.ask_alone("AT+QMTDISC=0\r", "\r\n+CME ERROR: 8503\r\n");
    // What waits for its gap comes at once when that is healed.
    modem.inject("line-gap=3600".parse::<Injection>().unwrap());
    host.send("AT\r");
    modem.heal(None);
    host.expect("\r\nOK\r\n");
    assert_eq!(modem.faults(), []);
    modem.close();
    modem.heal(None);
    assert_eq!(modem.faults(), []);
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let modem = start("M95");
    let mut host = Host::on_pty(&modem);
    host.ask("ATE0\r", "ATE0\r\r\nOK\r\n");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    host.ask(
        &format!("AT+QMTOPEN=0,\"127.0.0.1\",{free}\r"),
        "\r\nOK\r\n\r\n+QMTOPEN: 0,5\r\n",
    );
    host.ask(
        "AT+QMTOPEN=0,\"nowhere.invalid\",1883\r",
        "\r\nOK\r\n\r\n+QMTOPEN: 0,4\r\n",
    );
}

#[test]
fn a_link_is_made_and_removed_and_nothing_else_is_overwritten() {
    let folder = Folder::new("link");
    let link = folder.0.join("modem");
    let options = || Options {
        link: Some(link.clone()),
        ..options("M95")
    };
    let modem = VirtualModem::start(options()).unwrap();
    assert_eq!(modem.port(), link.to_str().unwrap());
    Host::on_pty(&modem).ask("AT\r", "AT\r\r\nOK\r\n");
    assert!(matches!(
        VirtualModem::start(options()),
        Err(VirtualError::LinkTaken(_))
    ));
    modem.close();
    assert!(link.symlink_metadata().is_err());

    std::os::unix::fs::symlink("/dev/pts/no-such-number", &link).unwrap();
    drop(VirtualModem::start(options()).unwrap());
    assert!(link.symlink_metadata().is_err());

    fs::write(&link, "mine").unwrap();
    assert!(matches!(
        VirtualModem::start(options()),
        Err(VirtualError::LinkTaken(_))
    ));
    assert_eq!(fs::read(&link).unwrap(), b"mine");
}

#[test]
fn what_cannot_be_started_says_why() {
    let error = VirtualModem::start(options("M96")).unwrap_err().to_string();
    let known: Vec<_> = dialect::models().map(|(_, model)| model.name).collect();
    let known = known.join(", ");
    assert_eq!(
        error,
        format!("\"M96\" is not a model of the virtual module; the known ones are {known}")
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        listen: Some(taken.local_addr().unwrap().to_string()),
        ..options("M95")
    };
    assert!(matches!(VirtualModem::start(options), Err(VirtualError::Listen { .. })));
}

#[test]
fn it_is_shared_between_threads() {
    const fn shared<T: Send + Sync>() {}
    shared::<VirtualModem>();
}

/// Opens, connects, subscribes, publishes with every QoS, receives, disconnects.
fn a_day(host: &mut Host, port: u16) {
    host.ask("ATE0\r", "ATE0\r\r\nOK\r\n");
    host.ask(
        &format!("AT+QMTOPEN=0,\"127.0.0.1\",{port}\r"),
        "\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n",
    );
    host.ask("AT+QMTCONN=0,\"bench-7\"\r", "\r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n");
    host.ask("AT+QMTSUB=0,1,\"serve/#\",2\r", "\r\nOK\r\n\r\n+QMTSUB: 0,1,0,2\r\n");
    for qos in 0..=2 {
        let id = if qos == 0 { 0 } else { qos + 10 };
        host.ask(&format!("AT+QMTPUB=0,{id},{qos},0,\"serve/{qos}\"\r"), "\r\n> ");
        host.send(&format!("number {qos}\x1a"));
        // Which of the two comes first is the broker's affair.
        host.expect_each(&[
            "\r\nOK\r\n",
            &format!("\r\n+QMTPUB: 0,{id},0\r\n"),
            &format!("number {qos}"),
        ]);
        host.expect_end("\r\n");
    }
    host.ask("AT+QMTUNS=0,2,\"serve/#\"\r", "\r\nOK\r\n\r\n+QMTUNS: 0,2,0\r\n");
    host.send("AT+QMTDISC=0\r");
    host.expect("\r\nOK\r\n\r\n+QMTDISC: 0,0\r\n");
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("modemqtt-virtual-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Mosquitto {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl Mosquitto {
    /// `None`, with the reason printed, where it is not installed.
    fn start() -> Option<Self> {
        let program = "/usr/sbin/mosquitto";
        if !Path::new(program).exists() {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let folder = Folder::new("mosquitto");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = folder.0.join("mosquitto.conf");
        fs::write(
            &configuration,
            format!("listener {port} 127.0.0.1\nallow_anonymous true\n"),
        )
        .unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let due = Moment::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Moment::now() < due, "mosquitto does not listen");
            std::thread::yield_now();
        }
        Some(Self {
            process,
            port,
            _folder: folder,
        })
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
