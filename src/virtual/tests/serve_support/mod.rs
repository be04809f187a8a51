//! A host on the port of a virtual module, by raw bytes.

#![allow(dead_code, unreachable_pub)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use modemqtt_os::Moment;
use modemqtt_virtual::{Options, VirtualModem};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn options(model: &str) -> Options {
    Options {
        model: model.into(),
        ..Options::default()
    }
}

pub fn over_tcp(model: &str) -> Options {
    Options {
        listen: Some("127.0.0.1:0".into()),
        ..options(model)
    }
}

pub fn start(model: &str) -> VirtualModem {
    VirtualModem::start(options(model)).unwrap()
}

pub trait Stream: Read + Write + AsFd {}
impl<T: Read + Write + AsFd> Stream for T {}

pub struct Host {
    pub port: Box<dyn Stream>,
    pub read: Vec<u8>,
}

impl Host {
    pub fn on_pty(modem: &VirtualModem) -> Self {
        let port: File = OpenOptions::new().read(true).write(true).open(modem.port()).unwrap();
        Self {
            port: Box::new(port),
            read: Vec::new(),
        }
    }

    pub fn on_tcp(modem: &VirtualModem) -> Self {
        let port = TcpStream::connect(modem.port().strip_prefix("socket://").unwrap()).unwrap();
        Self {
            port: Box::new(port),
            read: Vec::new(),
        }
    }

    pub fn ask(&mut self, line: &str, answer: &str) {
        self.send(line);
        self.expect(answer);
    }

    /// Asks, and nothing has come before the answer.
    pub fn ask_alone(&mut self, line: &str, answer: &str) {
        self.send(line);
        let came = self.until(|read| find(read, answer).is_some());
        let alone = self.read.starts_with(answer.as_bytes());
        assert!(came && alone, "read was {}", self.read.escape_ascii());
        self.read.drain(..answer.len());
    }

    pub fn send(&mut self, text: &str) {
        self.port.write_all(text.as_bytes()).unwrap();
    }

    pub fn expect(&mut self, text: &str) {
        assert!(
            self.until(|read| find(read, text).is_some()),
            "due is {text:?}, read was {}",
            self.read.escape_ascii()
        );
        let end = find(&self.read, text).unwrap() + text.len();
        self.read.drain(..end);
    }

    pub fn expect_each(&mut self, texts: &[&str]) {
        let all = |read: &[u8]| texts.iter().all(|text| find(read, text).is_some());
        assert!(
            self.until(all),
            "due are {texts:?}, read was {}",
            self.read.escape_ascii()
        );
    }

    /// What was expected before ends so; nothing of it is left.
    pub fn expect_end(&mut self, text: &str) {
        assert!(self.until(|read| read.ends_with(text.as_bytes())));
        self.read.clear();
    }

    pub fn answers(&mut self, text: &str) -> bool {
        self.until(|read| find(read, text).is_some())
    }

    pub fn until(&mut self, is_there: impl Fn(&[u8]) -> bool) -> bool {
        let due = Moment::now() + PATIENCE;
        while !is_there(&self.read) {
            let left = due.since(Moment::now());
            let timeout = Timespec::try_from(left).unwrap();
            let mut descriptors = [PollFd::new(&self.port, PollFlags::IN)];
            if poll(&mut descriptors, Some(&timeout)).unwrap() == 0 {
                return false;
            }
            let mut buffer = [0; 1024];
            match self.port.read(&mut buffer) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.read.extend(&buffer[..count]),
            }
        }
        true
    }
}

pub fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text.as_bytes())
}
