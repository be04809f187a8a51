//! Serial ports of another machine, set from here: Telnet with the option of RFC 2217, as ser2net serves it.
//!
//! A server that refuses the option is used as it is: the line then has the settings that the server gives it, which is what
//! terminal servers without RFC 2217 are set up for, and there is no other way to reach those.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use super::telnet::Telnet;
use super::{PortError, PortOptions, socket};

/// A Telnet connection.
#[derive(Debug)]
pub struct Rfc2217 {
    stream: TcpStream,
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
