//! Raw TCP connections: ser2net, a terminal server, a virtual module.

use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use modemqtt_os::Kept;

use super::{PortError, PortErrorKind};

/// How long one address of the host is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A TCP connection.
#[derive(Debug)]
pub struct Socket(Connection);

/// A TCP connection that ends as it is dropped, whoever has copies of its descriptor.
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
        // One that the other end has closed is ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Socket {
    pub(super) fn open(url: &str, address: &str) -> Result<Self, PortError> {
        connect(url, "socket", address).map(Self)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Connects to `host:port`, without blocking from then on.
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
                let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
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
