//! One TCP connection as the state sees it: bytes coming in, bytes going out, and how far it has come.

use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};

use super::options::Limits;
use super::wire::{self, Decoder, LastWill, Packet, WireError};

/// Names a connection for as long as the broker runs; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

/// What the owner of the socket is to do with it once the pending bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Go on reading and writing.
    Open,
    /// Shut down the writing side and read on until the client closes: closing at once could cost the client the refusal that is
    /// still on its way (unread bytes make TCP answer with a reset).
    ShutDown,
    /// Close it now.
    Close,
}

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The CONNECT is due.
    Greeting,
    /// The CONNECT is left without an answer.
    Ignored,
    /// The client is in.
    Connected(Client),
    /// The client was turned away and is to go.
    Refused,
    /// The socket is to be closed.
    Closing,
}

/// The client at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) will: Option<LastWill>,
}

/// A connection without its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) phase: Phase,
    decoder: Decoder,
    output: BytesMut,
    heard: Instant,
}

impl Connection {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            phase: Phase::Greeting,
            decoder: Decoder::new(limits.packet_bytes),
            output: BytesMut::new(),
            heard: now,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.listens() {
            self.decoder.push(bytes);
        }
    }

    pub(crate) fn next_packet(&mut self, now: Instant) -> Result<Option<Packet>, WireError> {
        if !self.listens() {
            return Ok(None);
        }
        let packet = self.decoder.next_packet();
        if let Ok(Some(_)) = packet {
            self.heard = now;
        }
        packet
    }

    const fn listens(&self) -> bool {
        matches!(self.phase, Phase::Greeting | Phase::Connected(_))
    }

    /// Appends a packet to the output; false when there is no room for it.
    pub(crate) fn send(&mut self, packet: &Packet, limits: &Limits) -> bool {
        let Ok(bytes) = wire::encode(packet) else {
            return false;
        };
        let fits = self.output.len() + bytes.len() <= limits.output_bytes;
        if fits {
            self.output.extend_from_slice(&bytes);
        }
        fits
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.output
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.output.advance(count.min(self.output.len()));
        if self.output.is_empty() {
            self.output = BytesMut::new(); // a burst does not hold its memory for ever
        }
    }

    pub(crate) const fn client(&self) -> Option<&Client> {
        match &self.phase {
            Phase::Connected(client) => Some(client),
            _ => None,
        }
    }

    pub(crate) const fn disposition(&self) -> Disposition {
        match self.phase {
            Phase::Greeting | Phase::Ignored | Phase::Connected(_) => Disposition::Open,
            Phase::Refused => Disposition::ShutDown,
            Phase::Closing => Disposition::Close,
        }
    }

    /// When patience ends. A client may be silent for one and a half times its keep-alive (MQTT 3.1.1 section 3.1.2.10).
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        const FAREWELL: Duration = Duration::from_secs(5);
        let patience = match &self.phase {
            Phase::Greeting => limits.connect_timeout,
            Phase::Connected(client) => client.keep_alive? * 3 / 2,
            Phase::Refused => FAREWELL,
            Phase::Ignored | Phase::Closing => return None,
        };
        self.heard.checked_add(patience)
    }
}
