//! The sockets of the brokers.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use modemqtt_os::{Kept, Moment, ping};

use super::Mailbox;
use super::port::is_temporary;
use super::reactor::Mail;
use super::secured::{Progress, Secured, Unsecured};
use crate::module::{ConnectionId, Failure, Ipv4, PingId, PingReply, Security};

/// Bytes that may wait for a broker that reads slowly; beyond them its connection counts as broken.
const MOST_OUTPUT: usize = 1024 * 1024;
/// Threads that look up names and connect; a name server that does not answer can keep one busy for long.
const CONNECTING: usize = 32;
/// Connections that were closed on this side and not yet on the other.
const LINGERING: usize = 16;
/// Connections that were abandoned without telling the broker; beyond this many the oldest is closed.
const ABANDONED: usize = 64;

/// The connections to brokers.
#[derive(Debug)]
pub(super) struct Network {
    sockets: BTreeMap<ConnectionId, BrokerSocket>,
    /// Closed for writing only: closing with unread bytes would reset the connection, and could cost the
    /// broker the DISCONNECT that is on its way.
    lingering: VecDeque<(ConnectionId, BrokerSocket)>,
    /// Left as they are, neither read nor written.
    abandoned: VecDeque<BrokerSocket>,
    mailbox: Mailbox,
    /// Shared with every thread that connects: the number of its holders is that of the threads.
    connecting: Arc<()>,
}

#[derive(Debug)]
pub(super) struct BrokerSocket {
    _kept: Kept,
    pub(super) stream: TcpStream,
    /// The TLS on it.
    secured: Option<Box<Secured>>,
    output: Vec<u8>,
    closing: bool,
}

/// A connection that was made.
#[derive(Debug)]
pub(super) struct Made {
    stream: TcpStream,
    secured: Option<Box<Secured>>,
}

/// A connection that was not made.
#[derive(Debug)]
pub(super) struct NotMade {
    /// What the module is told.
    pub(super) failure: Failure,
    /// The whole of it, for the log.
    pub(super) reason: String,
}

/// What reading a socket has shown.
pub(super) enum SocketRead<'a> {
    Nothing,
    /// The handshake is done.
    Established,
    Bytes(&'a [u8]),
    /// The same, decrypted.
    Plain(Vec<u8>),
    /// The handshake failed.
    Unsecured(Unsecured),
    Closed,
}

impl Network {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self {
            sockets: BTreeMap::new(),
            lingering: VecDeque::new(),
            abandoned: VecDeque::new(),
            mailbox,
            connecting: Arc::new(()),
        }
    }

    /// Every socket that `poll` should watch.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (ConnectionId, &BrokerSocket)> {
        let open = self.sockets.iter().map(|(id, socket)| (*id, socket));
        open.chain(self.lingering.iter().map(|(id, socket)| (*id, socket)))
    }

    /// Connects in a separate thread, because looking up a name cannot be interrupted. The outcome comes through the mailbox. Returns `false` if
    /// there are too many such threads.
    pub(super) fn connect(
        &self,
        connection: ConnectionId,
        host: String,
        port: u16,
        within: Duration,
        security: Option<Box<Security>>,
    ) -> bool {
        self.spawn("modemqtt-connect", move || {
            let outcome = make(&host, port, within, security.as_deref());
            Mail::Connected(connection, outcome)
        })
    }

    /// Asks a host for an echo, in a separate thread as well.
    pub(super) fn ping(&self, ping: PingId, host: String, bytes: usize, within: Duration) -> bool {
        self.spawn("modemqtt-ping", move || Mail::Pinged(ping, ask(&host, bytes, within)))
    }

    /// Has a thread do what cannot be interrupted, and report the outcome. Returns `false` if there are too many of them.
    fn spawn(&self, name: &str, work: impl FnOnce() -> Mail + Send + 'static) -> bool {
        if Arc::strong_count(&self.connecting) > CONNECTING {
            return false;
        }
        let mailbox = self.mailbox.clone();
        let counted = Arc::clone(&self.connecting);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let message = work();
            drop(counted);
            mailbox.send(message);
        });
        thread.is_ok()
    }

    /// Takes a connection that was made. Returns whether it is open: a secured one opens after its handshake, which begins now.
    pub(super) fn insert(&mut self, connection: ConnectionId, made: Made) -> bool {
        let Made { stream, secured } = made;
        let open = secured.is_none();
        let mut socket = BrokerSocket {
            _kept: Kept::new(&stream),
            stream,
            secured,
            output: Vec::new(),
            closing: false,
        };
        socket.flush();
        self.sockets.insert(connection, socket);
        open
    }

    /// Queues bytes. Returns `false` if there is no room for them.
    pub(super) fn send(&mut self, connection: ConnectionId, bytes: &[u8]) -> bool {
        let Some(socket) = self.sockets.get_mut(&connection) else {
            return true;
        };
        match &mut socket.secured {
            Some(secured) => secured.send(bytes),
            None => socket.output.extend_from_slice(bytes),
        }
        socket.flush();
        socket.output.len() <= MOST_OUTPUT
    }

    /// Closes a connection once everything queued is written.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(mut socket) = self.sockets.remove(&connection) {
            socket.closing = true;
            if let Some(secured) = &mut socket.secured {
                secured.close();
            }
            socket.flush();
            self.lingering.push_back((connection, socket));
            if self.lingering.len() > LINGERING {
                self.lingering.pop_front();
            }
        }
    }

    /// Abandons a connection; the broker finds out for itself.
    pub(super) fn abandon(&mut self, connection: ConnectionId) {
        // A broker that has found out has closed its end.
        self.abandoned.retain(BrokerSocket::is_open);
        self.abandoned.extend(self.sockets.remove(&connection));
        if self.abandoned.len() > ABANDONED {
            self.abandoned.pop_front();
        }
    }

    /// Writes and reads what one socket is ready for.
    pub(super) fn serve<'a>(&mut self, connection: ConnectionId, buffer: &'a mut [u8]) -> SocketRead<'a> {
        if let Some(socket) = self.sockets.get_mut(&connection) {
            socket.flush();
            return socket.read(buffer);
        }
        if let Some(at) = self.lingering.iter().position(|(id, _)| *id == connection) {
            let socket = &mut self.lingering[at].1;
            socket.flush();
            if matches!(socket.read(buffer), SocketRead::Closed | SocketRead::Unsecured(_)) {
                self.lingering.remove(at);
            }
        }
        SocketRead::Nothing
    }
}

/// It ends as this is dropped, whoever has copies of its descriptor.
impl Drop for BrokerSocket {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both); // the broker may have gone
    }
}

impl BrokerSocket {
    pub(super) const fn is_writing(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether the other end still has it open. What it has sent is dropped.
    fn is_open(&self) -> bool {
        let mut dropped = [0; 4096];
        loop {
            match (&self.stream).read(&mut dropped) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return is_temporary(&error),
            }
        }
    }

    fn flush(&mut self) {
        if let Some(secured) = &mut self.secured {
            secured.drain_into(&mut self.output);
        }
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if is_temporary(&error) => return,
                // Reading will show that the connection is broken.
                Err(_) => self.output.clear(),
            }
        }
        if self.closing {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn read<'a>(&mut self, buffer: &'a mut [u8]) -> SocketRead<'a> {
        let count = match self.stream.read(buffer) {
            Ok(count) if count > 0 => count,
            Err(error) if is_temporary(&error) => return SocketRead::Nothing,
            _ => return self.broken(Unsecured::Ended),
        };
        let Some(secured) = &mut self.secured else {
            return SocketRead::Bytes(&buffer[..count]);
        };
        let progress = secured.receive(&buffer[..count]);
        // The next flight of the handshake, or the alert that ends it.
        self.flush();
        match (progress, &mut self.secured) {
            (Progress::Established, _) => SocketRead::Established,
            (Progress::Data, Some(secured)) => SocketRead::Plain(secured.take_plain()),
            (Progress::Broken(reason), _) => self.broken(reason),
            _ => SocketRead::Nothing,
        }
    }

    /// What a broken connection is reported as.
    fn broken<'a>(&self, reason: Unsecured) -> SocketRead<'a> {
        match &self.secured {
            Some(secured) if !secured.is_established() => SocketRead::Unsecured(reason),
            _ => SocketRead::Closed,
        }
    }
}

fn make(host: &str, port: u16, within: Duration, security: Option<&Security>) -> Result<Made, NotMade> {
    let stream = connect(host, port, within)?;
    let secured = security.map(|security| Secured::new(security, host)).transpose();
    let secured = secured.map_err(|reason| NotMade::unsecured(&reason))?.map(Box::new);
    Ok(Made { stream, secured })
}

/// Tries every address of the host in turn.
fn connect(host: &str, port: u16, within: Duration) -> Result<TcpStream, NotMade> {
    let due = Moment::now() + within;
    let addresses = (host, port).to_socket_addrs().map_err(|error| NotMade {
        failure: Failure::NameUnknown,
        reason: format!("{host} cannot be looked up: {error}"),
    })?;
    let mut reason = format!("{host}:{port} does not answer in time");
    for address in addresses {
        let left = due.since(Moment::now());
        if left.is_zero() {
            break;
        }
        let made = TcpStream::connect_timeout(&address, left).and_then(|stream| {
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        match made {
            Ok(stream) => {
                // Packets are small and each is waited for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => reason = format!("{address} cannot be reached: {error}"),
        }
    }
    let failure = Failure::Unreachable;
    Err(NotMade { failure, reason })
}

impl NotMade {
    pub(super) fn unsecured(reason: &Unsecured) -> Self {
        Self {
            failure: Failure::Handshake,
            reason: format!("the TLS handshake failed: {reason}"),
        }
    }
}

/// Asks the host's first IPv4 address: the modules ask no others.
fn ask(host: &str, bytes: usize, within: Duration) -> Result<PingReply, Failure> {
    let mut found = (host, 0).to_socket_addrs().map_err(|_| Failure::NameUnknown)?;
    let address: Option<Ipv4Addr> = found.find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let address = address.ok_or(Failure::NameUnknown)?;
    let ping::PingReply { took, ttl } = ping::ping(address, bytes, within).ok_or(Failure::Unreachable)?;
    Ok(PingReply {
        address: Ipv4(address.octets()),
        took,
        ttl,
    })
}
