//! Raw TCP connections: ser2net, a terminal server, a virtual module.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use modemqtt_os::Kept;
use rustix::net::sockopt;

use super::{PortError, PortErrorKind};

/// Time limit for connecting to each address of the host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the line may be silent before the other end is asked whether it is there.
const IDLE: Duration = Duration::from_secs(15);
/// The pause between two such questions; [`PROBES`] without an answer end the connection.
const BETWEEN_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 4;
/// How long sent data may remain unacknowledged, in milliseconds.
const UNACKNOWLEDGED: u32 = 30_000;
/// How many of the first bytes are examined: two Telnet commands of three bytes.
const GREETING: usize = 6;

/// A TCP connection.
#[derive(Debug)]
pub struct Socket {
    stream: Connection,
    /// The first bytes received, until it is clear that they are not Telnet.
    greeting: Option<Vec<u8>>,
}

/// A TCP connection that ends when it is dropped, even if others have copies of its descriptor.
#[derive(Debug)]
pub(super) struct Connection {
    _kept: Kept,
    stream: TcpStream,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            _kept: Kept::new(&stream),
            stream,
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // If the other end has closed the connection, it has already ended.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Socket {
    pub(super) fn open(url: &str, address: &str) -> Result<Self, PortError> {
        let stream = connect(url, "socket", address)?;
        Ok(Self {
            stream,
            greeting: Some(Vec::new()),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::read(&self.stream, &mut *buffer)?;
        if let Some(greeting) = &mut self.greeting {
            greeting.extend(buffer[..count].iter().take(GREETING - greeting.len()));
            if is_telnet(greeting) {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "the other end speaks Telnet; give rfc2217:// instead of socket://",
                ));
            }
            if greeting.len() == GREETING {
                self.greeting = None;
            }
        }
        Ok(count)
    }
}

/// Whether these are two Telnet commands about options (RFC 854), a server's usual greeting.
fn is_telnet(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFB..=0xFE, _, 0xFF, 0xFB..=0xFE, _])
}

/// Makes sure that a far end that vanishes silently is noticed within a minute.
fn watch(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, IDLE)?;
    sockopt::set_tcp_keepintvl(stream, BETWEEN_PROBES)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED)?;
    Ok(())
}

/// Connects to `host:port`; the connection does not block afterwards.
pub(super) fn connect(url: &str, scheme: &str, address: &str) -> Result<Connection, PortError> {
    let addresses = address.to_socket_addrs().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => PortError::new(
            url,
            PortErrorKind::Invalid,
            format!("the form is {scheme}://host:port, as in {scheme}://192.0.2.7:4000"),
        ),
        _ => PortError::new(
            url,
            PortErrorKind::Missing,
            format!("the host cannot be found: {error}"),
        ),
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                // A command is one small write; waiting to fill a segment would only delay it.
                let ready = watch(&stream)
                    .and_then(|()| stream.set_nodelay(true))
                    .and_then(|()| stream.set_nonblocking(true));
                return match ready {
                    Ok(()) => Ok(Connection::new(stream)),
                    Err(error) => Err(PortError::new(url, PortErrorKind::Other, error)),
                };
            }
            Err(error) => last = Some(error),
        }
    }
    let reason = last.map_or_else(
        || "the host has no address".to_owned(),
        |error| format!("no connection: {error}"),
    );
    Err(PortError::new(url, PortErrorKind::Missing, reason))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    fn read(greeting: &[&[u8]]) -> io::Result<Vec<u8>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut port = Socket::open(&format!("socket://{address}"), &address).unwrap();
        let mut server = listener.accept().unwrap().0;
        let mut all = Vec::new();
        for piece in greeting {
            server.write_all(piece).unwrap();
            let mut buffer = [0; 64];
            poll(&mut [PollFd::from_borrowed_fd(port.fd(), PollFlags::IN)], None).unwrap();
            let count = port.read(&mut buffer)?;
            all.extend_from_slice(&buffer[..count]);
        }
        Ok(all)
    }

    #[test]
    fn a_telnet_server_behind_a_raw_port_is_recognised_however_its_greeting_is_cut() {
        for greeting in [
            &[&b"\xff\xfb\x01\xff\xfd\x2c"[..]][..],
            &[b"\xff\xfd", b"\x00\xff\xfb\x00"],
        ] {
            let error = read(greeting).unwrap_err().to_string();
            assert!(error.contains("rfc2217://"), "{error}");
        }
    }

    #[test]
    fn other_bytes_of_a_raw_port_are_left_alone() {
        for bytes in [
            &b"\xff\xff\xff\xff\xff\xff"[..],
            b"\r\nRDY\r\n",
            b"\xff\xfb\x01AT\xff\xfd\x2c",
        ] {
            assert_eq!(read(&[bytes]).unwrap(), bytes);
        }
    }

    #[test]
    fn a_far_end_that_vanishes_is_noticed_within_a_minute() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let port = Socket::open("socket://", &address).unwrap();
        assert!(sockopt::socket_keepalive(&port.stream).unwrap());
        let probes = sockopt::tcp_keepcnt(&port.stream).unwrap() * 5;
        assert!(sockopt::tcp_keepidle(&port.stream).unwrap().as_secs() + u64::from(probes) < 60);
        assert!(sockopt::tcp_user_timeout(&port.stream).unwrap() < 60_000);
    }
}
