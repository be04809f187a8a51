//! Serial ports of another machine, set from here: Telnet with the option of RFC 2217, as ser2net serves it.
//!
//! A server that refuses the option is used as it is: the line then has the settings that the server gives it, which is what
//! terminal servers without RFC 2217 are set up for, and there is no other way to reach those.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::socket::{self, Connection};
use super::telnet::Telnet;
use super::{PortError, PortOptions};

/// A Telnet connection.
#[derive(Debug)]
pub struct Rfc2217 {
    stream: Connection,
    telnet: Telnet,
    /// What is on its way, in whole sequences: nothing may come between the two halves of one.
    outgoing: Vec<u8>,
}

impl Rfc2217 {
    pub(super) fn open(url: &str, address: &str, options: &PortOptions) -> Result<Self, PortError> {
        Ok(Self {
            stream: socket::connect(url, "rfc2217", address)?,
            telnet: Telnet::new(options),
            outgoing: Vec::new(),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.stream, &mut *buffer)? {
            0 => Ok(0),
            count => match self.telnet.decode(&mut buffer[..count]) {
                // Negotiation alone is no end of the connection.
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

    /// Sends what fits of what is on its way, then of the replies.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        loop {
            if self.outgoing.is_empty() {
                // Only now: as long as the server does not read, they are limited where they arise.
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

    /// Whether to wait until more can be written, given whether there is data to write.
    pub(super) fn wants_to_write(&self, data: bool) -> bool {
        !self.outgoing.is_empty() || self.telnet.has_replies() || (data && !self.telnet.suspended())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use rustix::event::{PollFd, PollFlags, poll};

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
        let port = Rfc2217::open(&format!("rfc2217://{address}"), &address, &OPTIONS).unwrap();
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
    fn a_reply_never_comes_between_the_halves_of_a_doubled_byte() {
        let (mut port, mut server) = connected();
        let mut written = 0;
        // Until the server, which does not read, holds everything up, most likely with half a pair on its way.
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
        // Which ends the connection behind what was written.
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
}
