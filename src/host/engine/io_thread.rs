//! The thread's loop: requests in, time on, bytes out and in, events away.
//!
//! A seam of the operating system: `docs/windows.md` says what another one has instead.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use modemqtt_at::ClientIndex;
use modemqtt_os::Wake;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::journal::News;
use super::kept_session::KeptSession;
use super::pending::{Pending, Stage};
use super::queues::{READ, Reading};
use super::shared::{Modem, Notice, Shared};
use crate::call::{ClientState, Event, Reply, Submission, Ticket};
use crate::error::Error;
use crate::keep::Upkeep;
use crate::port::{Port, PortError};

/// What the program wants.
pub(super) enum Request {
    /// A call.
    Call {
        ticket: Ticket,
        submission: Box<Submission>,
        timeout: Option<Duration>,
        pending: Arc<Pending>,
    },
    /// To have a call taken back that has not been sent.
    TakeBack(Ticket),
    /// To have a session kept, or kept on.
    Keep(Arc<KeptSession>),
}

pub(super) struct IoThread {
    url: String,
    port: Port,
    wake: Wake,
    requests: Receiver<Request>,
    upkeep: Upkeep,
    /// The sessions that are kept, as the program sees them.
    kept: HashMap<ClientIndex, Arc<KeptSession>>,
    shared: Arc<Shared>,
    pending: HashMap<Ticket, Arc<Pending>>,
    /// Calls that the session has taken, until what it has to say of them is told.
    taken: Vec<Arc<Pending>>,
    unsent: Vec<u8>,
    /// Whether the port is not read, so that the program can keep up.
    held: bool,
    /// The clients that have just ceased to be connected.
    fallen: Vec<ClientIndex>,
}

impl IoThread {
    pub(super) fn new(
        url: &str,
        port: Port,
        wake: Wake,
        requests: Receiver<Request>,
        upkeep: Upkeep,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            url: url.to_owned(),
            port,
            wake,
            requests,
            upkeep,
            kept: HashMap::new(),
            shared,
            pending: HashMap::new(),
            taken: Vec::new(),
            unsent: Vec::new(),
            held: false,
            fallen: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        let end = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(result) => {
                let end = result.err().map_or(Error::Closed, Error::Port);
                // Whoever is told so finds it so.
                self.shared.leave();
                self.forget_ended();
                self.upkeep.abandon(&end, Instant::now());
                self.deliver();
                self.shared.keep_ids(self.upkeep.ids());
                end
            }
            // A mistake of ours must not leave anyone waiting.
            Err(_) => Error::Port(PortError::broken(&self.url)),
        };
        for (client, kept) in self.kept.drain() {
            kept.hand_back(self.upkeep.take(client));
        }
        // From here on a request is refused; one that came in between ends like the others.
        self.shared.ended(end.clone());
        let between = self.requests.try_iter().filter_map(|request| match request {
            Request::Call { pending, .. } => Some(pending),
            Request::TakeBack(_) | Request::Keep(_) => None,
        });
        for pending in self.pending.drain().map(|(_, pending)| pending).chain(between) {
            pending.update(|progress| progress.end(Err(end.clone())));
        }
        self.shared.ring();
        self.shared.close_log();
    }

    /// Until the program closes the port, or the port fails.
    fn work(&mut self) -> Result<(), PortError> {
        let mut buffer = vec![0; READ];
        loop {
            self.take_requests();
            self.upkeep.handle_timeout(Instant::now());
            self.write()?;
            self.deliver();
            if self.shared.closing() {
                return Ok(());
            }
            let reading = self.reading();
            let (readable, woken) = self.sleep(reading)?;
            if woken {
                self.wake.clear();
            }
            if let Reading::UpTo(most) = reading
                && readable
            {
                match self.port.read(&mut buffer[..most]) {
                    Ok(0) => return Err(PortError::lost(&self.url, None)),
                    Ok(count) => {
                        self.shared
                            .count(|statistics| statistics.bytes_received += count as u64);
                        self.upkeep.receive(&buffer[..count], Instant::now());
                    }
                    Err(error) if is_transient(&error) => {}
                    Err(error) => return Err(PortError::lost(&self.url, Some(&error))),
                }
            }
        }
    }

    fn take_requests(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            // What the program has ended does nothing behind its next call.
            self.forget_ended();
            match request {
                Request::Call {
                    ticket,
                    submission,
                    timeout,
                    pending,
                } => {
                    self.taken.push(Arc::clone(&pending));
                    self.pending.insert(ticket, pending);
                    self.upkeep.submit(ticket, *submission, timeout, Instant::now());
                }
                Request::TakeBack(ticket) => self.upkeep.take_back(ticket, Instant::now()),
                Request::Keep(kept) => self.keep(kept),
            }
        }
        self.forget_ended();
    }

    fn keep(&mut self, kept: Arc<KeptSession>) {
        if let Some(keep) = kept.hand_over(&self.shared) {
            self.upkeep.keep(keep, Instant::now());
        }
        if let Some(former) = self.kept.insert(kept.client(), kept) {
            former.end();
        }
    }

    /// Keeps no longer what the program has ended.
    fn forget_ended(&mut self) {
        let upkeep = &mut self.upkeep;
        self.kept.retain(|client, kept| {
            if kept.is_over() {
                upkeep.release(*client, Instant::now());
            }
            !kept.is_over()
        });
    }

    fn write(&mut self) -> Result<(), PortError> {
        if self.upkeep.poll_stale() {
            // A line that takes nothing would make them more with each call.
            self.unsent.clear();
        }
        let mut result = self.port.flush();
        // What comes in pieces is taken from the session as the port takes it.
        while result.is_ok() {
            while self.unsent.is_empty()
                && let Some(bytes) = self.upkeep.poll_transmit()
            {
                self.unsent.extend(bytes);
            }
            let mut written = 0;
            result = self.write_unsent(&mut written);
            self.unsent.drain(..written);
            if written == 0 {
                break;
            }
            self.shared.count(|statistics| statistics.bytes_sent += written as u64);
        }
        match result {
            // What the other end said before it closed is read first: it may say why.
            Err(error) if is_hang_up(&error) => {
                self.unsent.clear();
                Ok(())
            }
            result => result.map_err(|error| PortError::lost(&self.url, Some(&error))),
        }
    }

    fn write_unsent(&mut self, written: &mut usize) -> io::Result<()> {
        while *written < self.unsent.len() {
            match self.port.write(&self.unsent[*written..]) {
                Ok(0) => break,
                Ok(count) => *written += count,
                Err(error) if is_transient(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What may be read now. While a call waits for its answer everything is.
    fn reading(&mut self) -> Reading {
        let now = Instant::now();
        let patient = self.port.waits() && self.pending.is_empty() && self.upkeep.unfinished() == 0;
        let reading = self.shared.reading(patient, now);
        let held = matches!(reading, Reading::HeldUntil(_));
        if held != std::mem::replace(&mut self.held, held) {
            if held {
                self.upkeep.stop_reading();
            } else {
                self.upkeep.go_on_reading(now);
            }
        }
        reading
    }

    /// Sleeps until there is something to do; whether the port can be read, and whether the program has woken us.
    fn sleep(&mut self, reading: Reading) -> Result<(bool, bool), PortError> {
        let held_until = match reading {
            Reading::HeldUntil(until) => Some(until),
            Reading::UpTo(_) if self.port.has_read_ahead() => return Ok((true, false)),
            Reading::UpTo(_) => None,
        };
        let due = self.upkeep.next_timeout().into_iter().chain(held_until).min();
        let timeout = due.map(|at| {
            // Rounded up: waking before the deadline would be waking for nothing.
            let rest = at.saturating_duration_since(Instant::now()) + Duration::from_micros(1);
            Timespec {
                tv_sec: rest.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: rest.subsec_nanos().into(),
            }
        });
        let mut wanted = PollFlags::IN;
        if self.port.wants_to_write(!self.unsent.is_empty()) {
            wanted |= PollFlags::OUT;
        }
        let mut descriptors = [
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::from_borrowed_fd(self.port.fd(), wanted),
        ];
        // Of a port that is not read not even its end is to be known.
        let watched = if held_until.is_some() { 1 } else { 2 };
        match poll(&mut descriptors[..watched], timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(PortError::lost(&self.url, Some(&error.into()))),
        }
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        let ready = (
            descriptors[1].revents().intersects(readable),
            !descriptors[0].revents().is_empty(),
        );
        self.shared.count(|statistics| statistics.wakeups += 1);
        Ok(ready)
    }

    /// Hands on what the session has to say.
    fn deliver(&mut self) {
        let mut news = !self.taken.is_empty();
        self.fallen.clear();
        while let Some(piece) = self.upkeep.poll_wire() {
            self.shared.on_wire(&piece);
        }
        while let Some(event) = self.upkeep.poll_event() {
            self.handle(event);
            news = true;
        }
        for pending in self.taken.drain(..) {
            pending.update(|progress| progress.reach(Stage::Taken));
        }
        if news {
            self.shared.ring();
        }
    }

    fn handle(&mut self, event: Event) {
        let told = event.told();
        match event {
            Event::Started(ticket, id) => {
                self.leaves_queue(ticket);
                self.update(ticket, |progress| {
                    progress.reach(Stage::Started);
                    progress.message_id = id.unwrap_or(progress.message_id);
                });
            }
            Event::Sent(ticket) => self.update(ticket, |progress| {
                progress.sent_at.get_or_insert_with(Instant::now);
            }),
            Event::Accepted(ticket) => self.update(ticket, |progress| {
                progress.reach(Stage::Accepted);
                progress.accepted_at.get_or_insert_with(Instant::now);
            }),
            Event::Retransmitting(ticket, times) => self.update(ticket, |progress| progress.retransmissions = times),
            Event::Uploading(ticket, name, sent, total) => {
                self.update(ticket, |progress| progress.uploads.push_back((name, sent, total)));
            }
            Event::Ended(ticket, result) => self.ended(ticket, result),
            event => self.put_down(event),
        }
        if let Some(told) = told {
            self.shared.notify(Notice::Told(told));
        }
    }

    fn ended(&mut self, ticket: Ticket, result: Result<Reply, Error>) {
        self.leaves_queue(ticket);
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        pending.update(|progress| progress.end(result));
        if let Some(kept) = pending.client().and_then(|client| self.kept.get(&client))
            && self.upkeep.remembers(ticket)
        {
            kept.remember(Arc::clone(&pending));
        }
        if pending.is_publish() {
            self.shared.notify(Notice::Delivery(pending));
        }
    }

    /// Puts down what is no step of a call.
    fn put_down(&mut self, event: Event) {
        match event {
            Event::Identified(dialect, model) => self.shared.identified(Modem { dialect, model }),
            Event::Opened { client, host, port } => self.shared.opened(client, host, port),
            Event::Client(client, state) => {
                let connected = state == ClientState::Connected;
                if !connected && self.shared.client_state(client) == ClientState::Connected {
                    self.fallen.push(client);
                }
                // Whoever has waited for the connection finds the state so.
                self.shared.client_changed(client, state);
                if let Some(kept) = self.kept.get(&client) {
                    kept.connected(connected);
                }
            }
            Event::Message(message) => self.shared.message(message),
            Event::Urc(line) => self.shared.urc(Instant::now(), line),
            Event::Lost(client, code) => {
                let error = Error::ConnectionLost { client, code };
                self.stays_lost(client, &error);
                self.shared.report(News::Lost(error));
            }
            Event::Restarted => {
                for client in std::mem::take(&mut self.fallen) {
                    self.stays_lost(client, &Error::Restarted);
                }
                self.shared.count(|statistics| statistics.restarts += 1);
                self.shared.report(News::Lost(Error::Restarted));
            }
            Event::Overrun(_) => self.shared.count(|statistics| statistics.overruns += 1),
            Event::Reconnecting(client, error, within) => {
                self.shared.report(News::Reconnecting(client, error, within));
            }
            Event::Reconnected(told) => {
                let kept = self.kept.get(&told.client);
                let unknown = kept.map_or_else(Vec::new, |kept| kept.take_unknown(&told.unknown));
                let news = News::Reconnected(told.client, told.attempts, told.away);
                self.shared.report(news);
                self.shared.notify(Notice::Reconnected(told, unknown));
            }
            Event::ReconnectFailed(client, error, attempts) => {
                if let Some(kept) = self.kept.get(&client) {
                    kept.has_failed(error.clone());
                }
                self.shared.stays_lost(client, error.clone());
                self.shared.report(News::ReconnectFailed(client, error, attempts));
            }
            Event::Unkept(client) => {
                if let Some(kept) = self.kept.remove(&client) {
                    kept.end();
                }
            }
            _ => {}
        }
    }

    /// Whoever waits for messages is told, unless a session connects again.
    fn stays_lost(&self, client: ClientIndex, error: &Error) {
        if !self.kept.contains_key(&client) {
            self.shared.stays_lost(client, error.clone());
        }
    }

    /// Makes room for another publish, the first time that it is told of one.
    fn leaves_queue(&self, ticket: Ticket) {
        if let Some(pending) = self.pending.get(&ticket)
            && let Some(client) = pending.client()
            && pending.progress().stage < Stage::Started
        {
            self.shared.room().give_back(client);
        }
    }

    fn update(&self, ticket: Ticket, change: impl FnOnce(&mut super::Progress)) {
        if let Some(pending) = self.pending.get(&ticket) {
            pending.update(change);
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
