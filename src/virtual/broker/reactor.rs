//! The broker's thread: it moves bytes between the sockets and the [`State`], and sleeps in `poll` without a timeout unless a client's
//! keep-alive sets one.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError};
use modemqtt_os::{Kept, Listener, Moment, Wake};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::server::Arrivals;
use super::state::{Disposition, SocketId, State};

/// Something to do on the broker's thread. What it returns runs when everything that followed has been written.
pub(crate) type BrokerJob = Box<dyn FnOnce(&mut State, Moment) -> Reply + Send>;
/// Told when everything that followed has been written.
pub(crate) type Reply = Box<dyn FnOnce() + Send>;

/// What reaches the thread.
pub(crate) enum Work {
    /// Do this.
    Ask(BrokerJob),
    /// Listen here from now on, or nowhere.
    Listen(Option<TcpListener>, Reply),
    /// Come to an end.
    End,
}

/// The sockets and the state.
pub(crate) struct BrokerReactor {
    listener: Option<Listener>,
    /// Accepting failed for want of descriptors: until then the listener, always ready, must not keep the thread busy.
    accept_again: Option<Moment>,
    sockets: BTreeMap<SocketId, ClientSocket>,
    state: State,
    work: Receiver<Work>,
    wake: Wake,
    buffer: Vec<u8>,
    arrivals: Arc<Arrivals>,
}

/// A client's connection. It ends as this is dropped, whoever has copies of its descriptor.
struct ClientSocket {
    _kept: Kept,
    stream: TcpStream,
}

impl Drop for ClientSocket {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both); // done before, or the client has gone
    }
}

/// What there is to do once something has happened.
struct BrokerReady {
    wake: bool,
    accept: bool,
    read: Vec<SocketId>,
}

/// Whether the owner still wants the broker.
#[derive(PartialEq, Eq)]
enum Owner {
    Present,
    Gone,
}

impl BrokerReactor {
    pub(crate) fn new(
        listener: TcpListener,
        state: State,
        work: Receiver<Work>,
        wake: Wake,
        arrivals: Arc<Arrivals>,
    ) -> io::Result<Self> {
        const CLIENT_READ: usize = 64 * 1024;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: Some(Listener::new(listener)),
            accept_again: None,
            sockets: BTreeMap::new(),
            state,
            work,
            wake,
            buffer: vec![0; CLIENT_READ],
            arrivals,
        })
    }

    /// Returns when the owner is gone; the sockets close with the reactor.
    pub(crate) fn run(&mut self) {
        loop {
            let Ok(ready) = self.wait_for_work() else {
                return; // poll fails for want of kernel memory only; the owner then finds the broker closed
            };
            if ready.accept {
                self.accept();
            }
            for id in ready.read {
                self.read(id);
            }
            let mut replies = Vec::new();
            if ready.wake && self.work_off(&mut replies) == Owner::Gone {
                return;
            }
            self.state.tick(Moment::now());
            self.flush();
            self.arrivals.note(self.state.messages_seen());
            for reply in replies {
                reply();
            }
        }
    }

    fn wait_for_work(&self) -> io::Result<BrokerReady> {
        let now = Moment::now();
        let accepting = self.accept_again.is_none_or(|again| again <= now);
        let mut descriptors = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let listener = self.listener.as_ref().filter(|_| accepting);
        descriptors.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let sockets_at = descriptors.len();
        for (id, socket) in &self.sockets {
            let is_writing = !self.state.pending(*id).is_empty();
            let output = if is_writing { PollFlags::OUT } else { PollFlags::empty() };
            descriptors.push(PollFd::new(&socket.stream, PollFlags::IN | output));
        }
        let deadlines = [self.state.deadline(), self.accept_again.filter(|_| !accepting)];
        let deadline = deadlines.into_iter().flatten().min();
        let timeout = deadline.map(|deadline| Timespec::try_from(deadline.since(now)).unwrap_or_default());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // An error or a hang-up shows by reading.
        let is_ready = |descriptor: &PollFd<'_>| {
            let events = descriptor.revents();
            events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
        };
        let sockets = self.sockets.keys().zip(&descriptors[sockets_at..]);
        Ok(BrokerReady {
            wake: is_ready(&descriptors[0]),
            accept: listener.is_some() && is_ready(&descriptors[1]),
            read: sockets
                .filter(|(_, descriptor)| is_ready(descriptor))
                .map(|(id, _)| *id)
                .collect(),
        })
    }

    fn accept(&mut self) {
        const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
        self.accept_again = None;
        loop {
            let now = Moment::now();
            let Some(listener) = &self.listener else { return };
            match listener.socket().accept() {
                Ok((socket, _)) => self.adopt(socket, now),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.accept_again = Some(now + ACCEPT_PAUSE);
                        return;
                    }
                },
            }
        }
    }

    fn adopt(&mut self, socket: TcpStream, now: Moment) {
        let is_usable = socket.set_nonblocking(true).is_ok() && socket.set_nodelay(true).is_ok();
        if is_usable && let Some(id) = self.state.accept(now) {
            let socket = ClientSocket {
                _kept: Kept::new(&socket),
                stream: socket,
            };
            self.sockets.insert(id, socket);
        }
    }

    fn read(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        match socket.stream.read(&mut self.buffer) {
            Ok(0) => self.lose(id),
            Ok(count) => self.state.receive(id, &self.buffer[..count], Moment::now()),
            Err(error) if is_passing(&error) => {}
            Err(_) => self.lose(id),
        }
    }

    fn work_off(&mut self, replies: &mut Vec<Reply>) -> Owner {
        self.wake.clear();
        loop {
            match self.work.try_recv() {
                Ok(Work::Ask(job)) => {
                    let now = Moment::now();
                    self.state.tick(now); // so that what is slow is late by the clock of the call
                    replies.push(job(&mut self.state, now));
                }
                Ok(Work::Listen(listener, reply)) => {
                    self.listener = listener.map(Listener::new);
                    self.accept_again = None;
                    replies.push(reply);
                }
                Err(TryRecvError::Empty) => return Owner::Present,
                Ok(Work::End) | Err(TryRecvError::Disconnected) => return Owner::Gone,
            }
        }
    }

    /// Writes what can be written and closes what is to be closed. A close may bring a will and with it more to write.
    fn flush(&mut self) {
        loop {
            let ids: Vec<_> = self.sockets.keys().copied().collect();
            for id in ids {
                if self.write(id).is_err() {
                    self.lose(id);
                }
            }
            let is_closing = |id: &SocketId| self.state.disposition(*id) == Disposition::Close;
            let closing: Vec<_> = self.sockets.keys().copied().filter(is_closing).collect();
            if closing.is_empty() {
                return;
            }
            for id in closing {
                self.lose(id);
            }
        }
    }

    fn write(&mut self, id: SocketId) -> io::Result<()> {
        let Some(ClientSocket { stream, .. }) = self.sockets.get_mut(&id) else {
            return Ok(());
        };
        while !self.state.pending(id).is_empty() {
            match stream.write(self.state.pending(id)) {
                Ok(count) => self.state.sent(id, count),
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if self.state.disposition(id) == Disposition::ShutDown {
            let _ = stream.shutdown(Shutdown::Write); // done before, or the client has gone
        }
        Ok(())
    }

    fn lose(&mut self, id: SocketId) {
        self.sockets.remove(&id);
        self.state.lost(id);
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
