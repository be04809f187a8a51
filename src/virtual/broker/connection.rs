//! One TCP connection as the state sees it: bytes coming in, bytes going out, and how far it has come.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use modemqtt_os::Moment;

use super::options::Limits;
use super::wire::{self, Decoder, LastWill, Packet, WireError};

/// The overhead that is counted for each kept packet, so that many small ones are bounded too.
const PACKET_OVERHEAD: usize = 64;

/// Names a connection for as long as the broker runs; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub(crate) u64);

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
pub(crate) enum ConnectionPhase {
    /// The CONNECT is due.
    Greeting,
    /// The CONNECT is left without an answer.
    Ignored,
    /// The client is in.
    Connected(ConnectedClient),
    /// The client was turned away and has to leave.
    Refused,
    /// The socket is to be closed.
    Closing,
}

/// The client at the other end of a connection.
#[derive(Debug)]
pub(crate) struct ConnectedClient {
    pub(crate) id: String,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) will: Option<LastWill>,
}

/// A connection without its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) phase: ConnectionPhase,
    decoder: Decoder,
    output: BytesMut,
    /// Delayed bytes, each piece with the time at which it arrives.
    delayed: VecDeque<(Moment, BytesMut)>,
    delayed_bytes: usize,
    /// How many bytes still go out before the connection is cut.
    allowance: Option<usize>,
    heard: Moment,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// It is on its way.
    Done,
    /// There is no room for it.
    Full,
    /// Its allowance is used up: the connection is to be closed.
    Cut,
}

impl Connection {
    pub(crate) fn new(limits: &Limits, allowance: Option<usize>, now: Moment) -> Self {
        Self {
            phase: ConnectionPhase::Greeting,
            decoder: Decoder::new(limits.packet_bytes),
            output: BytesMut::new(),
            delayed: VecDeque::new(),
            delayed_bytes: 0,
            allowance,
            heard: now,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.listens() {
            self.decoder.push(bytes);
        }
    }

    pub(crate) fn next_packet(&mut self, now: Moment) -> Result<Option<Packet>, WireError> {
        if !self.listens() {
            return Ok(None);
        }
        let packet = self.decoder.next_packet();
        // A refused packet counts as a sign of life as well.
        if !matches!(packet, Ok(None)) {
            self.heard = now;
        }
        packet
    }

    const fn listens(&self) -> bool {
        matches!(self.phase, ConnectionPhase::Greeting | ConnectionPhase::Connected(_))
    }

    /// Appends a packet to the output. It goes out when it is due, after everything that is already delayed.
    pub(crate) fn send(&mut self, packet: &Packet, limits: &Limits, due: Option<Moment>) -> Sending {
        let Ok(bytes) = wire::encode(packet) else {
            return Sending::Full;
        };
        if self.output.len() + self.delayed_bytes + bytes.len() > limits.output_bytes {
            return Sending::Full;
        }
        let last = self.delayed.back().map(|(due, _)| *due);
        let Some(due) = due.max(last) else {
            return self.put(&bytes);
        };
        self.delayed_bytes += bytes.len();
        if let Some((_, waiting)) = self.delayed.back_mut().filter(|(last, _)| *last == due) {
            waiting.extend_from_slice(&bytes);
        } else {
            self.delayed_bytes += PACKET_OVERHEAD;
            self.delayed.push_back((due, BytesMut::from(&bytes[..])));
        }
        Sending::Done
    }

    /// Lets all delayed bytes arrive by this time.
    pub(crate) fn hasten(&mut self, latest: Moment) {
        for (due, _) in &mut self.delayed {
            *due = latest.min(*due);
        }
    }

    /// Lets out what is due.
    pub(crate) fn release(&mut self, now: Moment) -> Sending {
        while self.delayed.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, bytes)) = self.delayed.pop_front() else {
                break;
            };
            self.delayed_bytes -= PACKET_OVERHEAD + bytes.len();
            if self.put(&bytes) == Sending::Cut {
                return Sending::Cut;
            }
        }
        Sending::Done
    }

    /// Cuts the connection after this many more bytes.
    pub(crate) const fn allow(&mut self, allowance: Option<usize>) {
        self.allowance = allowance;
    }

    fn put(&mut self, bytes: &[u8]) -> Sending {
        let Some(allowance) = &mut self.allowance else {
            self.output.extend_from_slice(bytes);
            return Sending::Done;
        };
        let count = bytes.len().min(*allowance);
        self.output.extend_from_slice(&bytes[..count]);
        *allowance -= count;
        if *allowance == 0 { Sending::Cut } else { Sending::Done }
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

    pub(crate) const fn client(&self) -> Option<&ConnectedClient> {
        match &self.phase {
            ConnectionPhase::Connected(client) => Some(client),
            _ => None,
        }
    }

    pub(crate) fn disposition(&self) -> Disposition {
        match self.phase {
            ConnectionPhase::Greeting | ConnectionPhase::Ignored | ConnectionPhase::Connected(_) => Disposition::Open,
            ConnectionPhase::Refused if !self.delayed.is_empty() => Disposition::Open,
            ConnectionPhase::Refused => Disposition::ShutDown,
            ConnectionPhase::Closing => Disposition::Close,
        }
    }

    /// When patience ends. A client may be silent for one and a half times its keep-alive (MQTT 3.1.1 section 3.1.2.10).
    pub(crate) fn patience_ends(&self, limits: &Limits) -> Option<Moment> {
        const FAREWELL: Duration = Duration::from_secs(5);
        let patience = match &self.phase {
            ConnectionPhase::Greeting => limits.connect_timeout,
            ConnectionPhase::Connected(client) => client.keep_alive? * 3 / 2,
            ConnectionPhase::Refused if self.delayed.is_empty() => FAREWELL,
            ConnectionPhase::Refused | ConnectionPhase::Ignored | ConnectionPhase::Closing => return None,
        };
        self.heard.checked_add(patience)
    }

    /// When something is due: patience ends, or delayed bytes arrive.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Moment> {
        let arrives = self.delayed.front().map(|(due, _)| *due);
        self.patience_ends(limits).into_iter().chain(arrives).min()
    }
}
