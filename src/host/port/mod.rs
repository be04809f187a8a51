//! Ports by URL: a serial device by its path, a raw TCP connection by `socket://host:port`, a serial port on another
//! machine by `rfc2217://host:port`.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

mod holder;
mod lines;
mod rfc2217;
mod serial;
mod socket;
mod telnet;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

pub use lines::{Line, Lines};
use modemqtt_at::ascii;
use rfc2217::Rfc2217;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serial::Serial;
use socket::Socket;

/// How a port is opened.
#[derive(Clone, Debug)]
pub struct PortOptions {
    /// Bits per second of the serial line.
    pub baud_rate: u32,
    /// Flow control of the serial line.
    pub flow_control: FlowControl,
}

/// How a serial device stops the other end from sending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowControl {
    /// It does not.
    #[default]
    None,
    /// XON and XOFF characters, which no payload may contain.
    Software,
    /// RTS and CTS.
    Hardware,
}

impl FlowControl {
    /// The characters reserved for flow control.
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Self::Software => &[ascii::XON, ascii::XOFF],
            Self::None | Self::Hardware => &[],
        }
    }
}

/// Why a port cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct PortError {
    /// The port as the caller named it.
    pub url: String,
    /// What is wrong.
    pub kind: PortErrorKind,
    /// The reason in words.
    pub reason: String,
}

/// What is wrong with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortErrorKind {
    /// There is no such device or host.
    Missing,
    /// Another program has it.
    Busy,
    /// This user may not open it.
    Denied,
    /// It was open and is gone.
    Lost,
    /// The name does not denote a port.
    Invalid,
    /// It did not open within the caller's time limit.
    TimedOut,
    /// Any other error from the system.
    Other,
}

impl PortErrorKind {
    /// The system's number for it.
    pub const fn errno(self) -> Option<i32> {
        use rustix::io::Errno;
        let errno = match self {
            Self::Missing => Errno::NOENT,
            Self::Busy => Errno::BUSY,
            Self::Denied => Errno::ACCESS,
            Self::Lost => Errno::IO,
            Self::Invalid => Errno::INVAL,
            Self::TimedOut => Errno::TIMEDOUT,
            Self::Other => return None,
        };
        Some(errno.raw_os_error())
    }
}

impl PortError {
    /// The port did not open within this time.
    pub fn timed_out(url: &str, after: Duration) -> Self {
        let reason = format!("did not open within {:.3} s", after.as_secs_f64());
        Self::new(url, PortErrorKind::TimedOut, reason)
    }

    /// The system refused something other than the port.
    pub(crate) fn other(url: &str, reason: impl fmt::Display) -> Self {
        Self::new(url, PortErrorKind::Other, reason)
    }

    fn new(url: &str, kind: PortErrorKind, reason: impl fmt::Display) -> Self {
        Self {
            url: url.to_owned(),
            kind,
            reason: reason.to_string(),
        }
    }

    /// The thread that served the port has failed.
    pub(crate) fn broken(url: &str) -> Self {
        Self::other(
            url,
            "the I/O thread has failed; this is a bug in modemqtt, please report it",
        )
    }

    /// The port failed while it was in use.
    pub(crate) fn lost(url: &str, error: Option<&io::Error>) -> Self {
        let reason = match error {
            // The kernel's answer when an adapter is pulled out or the other end of a pseudo-terminal is closed.
            Some(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                "the device is gone; was it unplugged?".to_owned()
            }
            Some(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                "the other end closed the connection".to_owned()
            }
            Some(error) if error.kind() == io::ErrorKind::Unsupported => error.to_string(),
            Some(error) if error.kind() == io::ErrorKind::TimedOut => "the other end has vanished".to_owned(),
            Some(error) => format!("the port failed: {error}"),
            None if url.contains("://") => "the other end closed the connection".to_owned(),
            None => "the device is gone; was it unplugged?".to_owned(),
        };
        Self::new(url, PortErrorKind::Lost, reason)
    }
}

/// An open port that never blocks.
#[derive(Debug)]
pub enum Port {
    /// A serial device.
    Serial(Serial),
    /// A TCP connection.
    Socket(Socket),
    /// A serial port on another machine.
    Rfc2217(Box<Rfc2217>),
}

impl Port {
    /// Opens the port with this URL.
    pub fn open(url: &str, options: &PortOptions) -> Result<Self, PortError> {
        match url.split_once("://") {
            Some(("socket", address)) => Socket::open(url, address).map(Self::Socket),
            Some(("rfc2217", address)) => {
                Rfc2217::open(url, address, options).map(|port| Self::Rfc2217(Box::new(port)))
            }
            Some((scheme, _)) => Err(PortError::new(
                url,
                PortErrorKind::Invalid,
                format!(
                    "{scheme}:// is not a kind of port; give a path such as /dev/ttyUSB2, socket://host:port, \
                     rfc2217://host:port, virtual://MODEL or replay://FILE"
                ),
            )),
            None if url.is_empty() => Err(PortError::new(
                "port",
                PortErrorKind::Invalid,
                "the name is empty; give a path such as /dev/ttyUSB2",
            )),
            None => Serial::open(url, options).map(Self::Serial),
        }
    }

    /// How its control lines are reached, if it has any.
    pub fn lines(&self) -> Option<Lines> {
        match self {
            Self::Serial(serial) => Some(Lines::of(serial.fd().as_raw_fd())),
            Self::Rfc2217(port) => Some(Lines::remote(port.lines())),
            Self::Socket(_) => None,
        }
    }

    /// Whether something has arrived that has not been read yet.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        let mut descriptor = [PollFd::from_borrowed_fd(self.fd(), PollFlags::IN)];
        poll(&mut descriptor, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// The descriptor to poll.
    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Serial(serial) => serial.fd(),
            Self::Socket(socket) => socket.fd(),
            Self::Rfc2217(port) => port.fd(),
        }
    }

    /// Whether [`read`](Self::read) may have more to hand over, beyond what its last count and `poll` show.
    pub fn may_have_more(&self) -> bool {
        match self {
            Self::Serial(_) | Self::Socket(_) => false,
            Self::Rfc2217(port) => port.may_have_more(),
        }
    }

    /// Whether the other end waits while nothing is read, so that nothing is lost: true of a pseudo-terminal, a TCP
    /// connection, and a line with RTS and CTS.
    pub fn waits(&self) -> bool {
        match self {
            Self::Serial(serial) => serial.waits(),
            Self::Socket(_) | Self::Rfc2217(_) => true,
        }
    }

    /// Reads what has arrived; `WouldBlock` if nothing has, 0 if nothing ever will again.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Serial(_) => Ok(rustix::io::read(self.fd(), buffer)?),
            Self::Socket(socket) => socket.read(buffer),
            Self::Rfc2217(port) => port.read(buffer),
        }
    }

    /// Writes as much as fits.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Serial(_) | Self::Socket(_) => Ok(rustix::io::write(self.fd(), bytes)?),
            Self::Rfc2217(port) => port.write(bytes),
        }
    }

    /// Writes as much as fits of the port's own protocol bytes.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Serial(_) | Self::Socket(_) => Ok(()),
            Self::Rfc2217(port) => port.flush(),
        }
    }

    /// Whether to wait until the port takes more; `bytes` if there are bytes to write.
    pub fn wants_to_write(&self, bytes: bool) -> bool {
        match self {
            Self::Serial(_) | Self::Socket(_) => bytes,
            Self::Rfc2217(port) => port.wants_to_write(bytes),
        }
    }
}
