//! Serial ports on another machine, configured from here: Telnet with the option of RFC 2217, as ser2net offers it.
//!
//! A server that refuses the option is used as it is, with the line settings that the server chooses. Terminal servers
//! without RFC 2217 are set up for that, and there is no other way to reach them.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use modemqtt_os::Moment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::socket::{self, Connection};
use super::telnet::{RemoteLines, Telnet};
use super::{PortError, PortErrorKind, PortOptions};

/// A Telnet connection.
#[derive(Debug)]
pub struct Rfc2217 {
    stream: Connection,
    telnet: Telnet,
    /// Bytes on their way, in whole sequences: nothing may come between the two halves of one.
    outgoing: Vec<u8>,
    /// Data that arrived before the other end had answered.
    early: Vec<u8>,
    /// Whether the last bytes from the connection filled the buffer, of which data may be only a part.
    filled: bool,
}

/// How long the other end may take to answer.
const NEGOTIATION: Duration = Duration::from_secs(3);
/// How many bytes of data may arrive before that.
const EARLY: usize = 4096;

impl Rfc2217 {
    /// Connects, and waits until the other end has answered the requests: if it did not speak Telnet, it would pass
    /// doubled bytes to the module.
    pub(super) fn open(url: &str, address: &str, options: &PortOptions) -> Result<Self, PortError> {
        Self::open_within(NEGOTIATION, url, address, options)
    }

    fn open_within(time: Duration, url: &str, address: &str, options: &PortOptions) -> Result<Self, PortError> {
        let mut port = Self::connect(url, address, options)?;
        match port.negotiate(time) {
            Ok(true) => Ok(port),
            Ok(false) => Err(PortError::new(
                url,
                PortErrorKind::Invalid,
                format!(
                    "the other end did not answer in Telnet within {} s; for a raw TCP port give socket://{address}",
                    time.as_secs()
                ),
            )),
            Err(error) => Err(PortError::lost(url, Some(&error))),
        }
    }

    fn connect(url: &str, address: &str, options: &PortOptions) -> Result<Self, PortError> {
        Ok(Self {
            stream: socket::connect(url, "rfc2217", address)?,
            telnet: Telnet::new(options),
            outgoing: Vec::new(),
            early: Vec::new(),
            filled: false,
        })
    }

    /// Whether the other end answered in time. Data that arrive meanwhile are kept.
    fn negotiate(&mut self, time: Duration) -> io::Result<bool> {
        let deadline = Moment::now() + time;
        let mut buffer = [0; 256];
        while !self.telnet.negotiated() {
            self.flush()?;
            let rest = deadline.since(Moment::now());
            let rest = Timespec::try_from(rest).map_err(io::Error::other)?;
            let wanted = &mut [PollFd::from_borrowed_fd(self.stream.as_fd(), PollFlags::IN)];
            match poll(wanted, Some(&rest)) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            match self.receive(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                Ok(count) => self.early.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.early.len() > EARLY {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn lines(&self) -> Arc<RemoteLines> {
        Arc::clone(self.telnet.lines())
    }

    /// Whether more may be read, beyond what the last count and `poll` show.
    pub(super) fn may_have_more(&self) -> bool {
        self.filled || !self.early.is_empty()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.receive(buffer);
        }
        let count = self.early.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        Ok(count)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.filled = false;
        let count = rustix::io::read(&self.stream, &mut *buffer)?;
        self.filled = count == buffer.len();
        match count {
            0 => Ok(0),
            count => match self.telnet.decode(&mut buffer[..count]) {
                // Negotiation alone does not mean that the connection has ended.
                0 => Err(io::ErrorKind::WouldBlock.into()),
                count => Ok(count),
            },
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if self.telnet.suspended() || !self.outgoing.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.telnet.encode(bytes, &mut self.outgoing);
        self.flush()?;
        Ok(bytes.len())
    }

    /// Sends as much as fits of the bytes on their way, then of the replies.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        loop {
            if self.outgoing.is_empty() {
                // Only now: while the server does not read, they are limited at their source.
                self.outgoing = self.telnet.take_replies();
            }
            if self.outgoing.is_empty() {
                return Ok(());
            }
            match rustix::io::write(&self.stream, &self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether to wait until more can be written; `data` if there is data to write.
    pub(super) fn wants_to_write(&self, data: bool) -> bool {
        !self.outgoing.is_empty() || self.telnet.has_replies() || (data && !self.telnet.suspended())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::port::FlowControl;

    const OPTIONS: PortOptions = PortOptions {
        baud_rate: 9600,
        flow_control: FlowControl::None,
    };

    /// A port and the server's end of its connection.
    fn connected() -> (Rfc2217, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let port = Rfc2217::connect(&format!("rfc2217://{address}"), &address, &OPTIONS).unwrap();
        (port, listener.accept().unwrap().0)
    }

    fn read(port: &mut Rfc2217, buffer: &mut [u8]) -> io::Result<usize> {
        poll(&mut [PollFd::from_borrowed_fd(port.fd(), PollFlags::IN)], None).unwrap();
        port.read(buffer)
    }

    #[test]
    fn negotiation_alone_is_no_end_and_a_closed_connection_is() {
        let (mut port, mut server) = connected();
        let mut buffer = [0; 64];
        server.write_all(b"\xff\xfd\x18").unwrap();
        assert_eq!(
            read(&mut port, &mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        server.write_all(b"OK\xff\xff").unwrap();
        assert_eq!(read(&mut port, &mut buffer).unwrap(), 3);
        assert_eq!(buffer[..3], *b"OK\xff");
        drop(server);
        assert_eq!(read(&mut port, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_read_that_fills_the_buffer_may_leave_more_however_few_of_the_bytes_are_data() {
        let (mut port, mut server) = connected();
        server.write_all(b"OK\xff\xff\xff\xfd\x18\xff\xfd\x18AT").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(read(&mut port, &mut buffer).unwrap(), 3);
        assert!(port.may_have_more());
        assert_eq!(port.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(port.may_have_more());
        assert_eq!(port.read(&mut buffer).unwrap(), 2);
        assert!(port.may_have_more());
        assert_eq!(port.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!port.may_have_more());
    }

    #[test]
    fn a_reply_never_comes_between_the_halves_of_a_doubled_byte() {
        let (mut port, mut server) = connected();
        let mut written = 0;
        // Until the server, which does not read, blocks the line, most likely with half a pair on its way.
        while let Ok(count) = port.write(&[0xFF; 4096]) {
            written += count;
        }
        assert!(port.wants_to_write(false));
        let refused = 300;
        for _ in 0..refused {
            server.write_all(b"\xff\xfd\x18").unwrap();
        }
        server.write_all(b"!").unwrap();
        let mut buffer = [0; 2048];
        while read(&mut port, &mut buffer).is_err() {}
        let taken = std::thread::spawn(move || {
            let mut taken = Vec::new();
            server.read_to_end(&mut taken).map(|_| taken)
        });
        while port.wants_to_write(false) {
            poll(&mut [PollFd::from_borrowed_fd(port.fd(), PollFlags::OUT)], None).unwrap();
            port.flush().unwrap();
        }
        // This ends the connection after the bytes written.
        drop(port);
        let mut taken = taken.join().unwrap().unwrap();
        assert!(taken.ends_with(&b"\xff\xfc\x18".repeat(refused)));
        let mut other_end = Telnet::new(&OPTIONS);
        let length = other_end.decode(&mut taken);
        assert_eq!(length, written);
        assert!(taken[..length].iter().all(|byte| *byte == 0xFF));
    }

    #[test]
    fn while_the_server_has_us_pause_data_waits_and_answers_do_not() {
        let (mut port, mut server) = connected();
        port.flush().unwrap();
        let opening = Telnet::new(&OPTIONS).take_replies().len();
        server.read_exact(&mut vec![0; opening]).unwrap();
        server.write_all(b"\xff\xfa\x2c\x6c\xff\xf0!").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(read(&mut port, &mut buffer).unwrap(), 1);
        assert_eq!(port.write(b"AT\r").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!port.wants_to_write(true));
        server.write_all(b"\xff\xfd\x18\xff\xfa\x2c\x6d\xff\xf0!").unwrap();
        assert_eq!(read(&mut port, &mut buffer).unwrap(), 1);
        assert!(port.wants_to_write(true));
        assert_eq!(port.write(b"AT\r").unwrap(), 3);
        let mut said = [0; 6];
        server.read_exact(&mut said).unwrap();
        assert_eq!(said, *b"\xff\xfc\x18AT\r");
    }

    #[test]
    fn a_raw_port_is_told_from_one_that_speaks_telnet() {
        for (greeting, speaks) in [
            (&b"RDY\xff\xfd\x2c"[..], true),
            (b"\xff\xfe\x2c", true),
            (b"\r\nRDY\r\n", false),
            (b"\xff\xfb\x00\xff\xfd\x00\xff\xfb\x03\xff\xfd\x03\xff\xfb\x2c", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(greeting).unwrap();
                stream
            });
            let url = format!("rfc2217://{address}");
            let time = if speaks { NEGOTIATION } else { Duration::from_millis(50) };
            let opened = Rfc2217::open_within(time, &url, &address, &OPTIONS);
            drop(server.join().unwrap());
            match opened {
                Ok(mut port) => {
                    assert!(speaks);
                    if greeting.starts_with(b"R") {
                        let mut buffer = [0; 2];
                        assert_eq!((port.read(&mut buffer).unwrap(), buffer), (2, *b"RD"));
                        assert_eq!((port.read(&mut buffer).unwrap(), buffer[0]), (1, b'Y'));
                    }
                }
                Err(error) => {
                    assert!(!speaks && error.reason.contains("socket://"), "{error}");
                }
            }
        }
    }
}
