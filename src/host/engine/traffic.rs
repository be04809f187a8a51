//! The traffic between the program, the session and the port: requests in, time on, bytes in and out, events away.
//!
//! The I/O thread does that work, and while it sleeps a thread of the program: one that writes its own command, or reads
//! what it waits for. Nothing in here blocks.

mod reports;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crossbeam_channel::Receiver;
use modemqtt_at::ClientIndex;
use modemqtt_os::{Moment, Watch};

use super::kept_session::KeptSession;
use super::pending::Pending;
use super::queues::{READ, Reading};
use super::request::{Request, Sleep, Waking};
use super::shared::Shared;
use crate::call::Ticket;
use crate::error::Error;
use crate::keep::Upkeep;
use crate::message::Message;
use crate::port::{Port, PortError};

/// Commands that callers write within this time of each other form a row.
const ROW: Duration = Duration::from_millis(100);
/// After this many commands in a row, the thread expects more.
const LONG: u32 = 8;

/// How long a thread that keeps coming back to the port may stay away before the I/O thread does its work.
const AWAY: Duration = Duration::from_millis(100);

/// How many reads, each of which leaves more, may put off the end of a time: the answer may come with the next. An endless
/// stream puts it off no longer.
const MOST_PUT_OFF: u32 = 32;

/// How many bytes are read at once to begin with. The number grows when more arrive together.
const BUFFER: usize = 1024;

pub(super) struct Traffic {
    url: String,
    port: Port,
    /// Since a thread of the program first wanted to wait at the port; `None` where only the I/O thread can.
    watch: OnceCell<Option<Arc<Watch>>>,
    requests: Receiver<Request>,
    upkeep: Upkeep,
    /// The kept sessions, as the program sees them.
    kept: HashMap<ClientIndex, Arc<KeptSession>>,
    shared: Arc<Shared>,
    pending: HashMap<Ticket, Arc<Pending>>,
    /// Calls that the session has taken, until its reports about them are passed on.
    taken: Vec<Arc<Pending>>,
    unsent: Vec<u8>,
    /// Where bytes are read to.
    buffer: Vec<u8>,
    /// Whether the port is not read, so that the program can keep up.
    held: bool,
    /// Whether something may have been left unread that wakes nobody: the last read filled the buffer, or was put off.
    more: bool,
    /// How many reads have put off the end of a time.
    put_off: u32,
    /// Messages that have just come.
    messages: Vec<Message>,
    /// The clients that have just lost their connection.
    fallen: Vec<ClientIndex>,
    sleep: Sleep,
    /// When a caller last wrote a command, and how many there have been in a row.
    written_by_caller: Option<Moment>,
    row: u32,
    /// When a thread that keeps coming back was last at the port.
    visited_at: Option<Moment>,
    /// Who is to be woken because of what has happened.
    told: Waking,
    /// A failure that a caller met, with which the thread ends.
    failure: Option<PortError>,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Traffic {
    pub(super) fn new(url: &str, port: Port, requests: Receiver<Request>, upkeep: Upkeep, shared: Arc<Shared>) -> Self {
        Self {
            url: url.to_owned(),
            port,
            watch: OnceCell::new(),
            requests,
            upkeep,
            kept: HashMap::new(),
            shared,
            pending: HashMap::new(),
            taken: Vec::new(),
            unsent: Vec::new(),
            buffer: vec![0; BUFFER],
            held: false,
            more: false,
            put_off: 0,
            messages: Vec::new(),
            fallen: Vec::new(),
            sleep: Sleep::default(),
            written_by_caller: None,
            row: 0,
            visited_at: None,
            told: Waking::default(),
            failure: None,
        }
    }

    /// The port, which stays open as long as this exists.
    pub(super) const fn port(&self) -> &Port {
        &self.port
    }

    /// Where the I/O thread watches the port, unless it does so alone.
    pub(super) fn watch(&self) -> Option<&Arc<Watch>> {
        self.watch.get().and_then(Option::as_ref)
    }

    /// Has the port watched from two places from now on, where the system can; returns also whether this is new.
    pub(super) fn watch_twice(&mut self) -> (Option<&Arc<Watch>>, bool) {
        let is_new = self.watch.get().is_none();
        let watch = self.watch.get_or_init(|| Watch::new(self.port.fd()).ok().map(Arc::new));
        (watch.as_ref(), is_new)
    }

    /// Takes a caller's request after those already queued, and does what there is to do. Returns whether the I/O
    /// thread must be woken for the rest, and who is to be woken because of what was done.
    pub(super) fn take_from_caller(&mut self, request: Request) -> (bool, Waking) {
        self.work_for_caller(|traffic| {
            traffic.take_requests();
            traffic.take(request);
            traffic.carry_on()
        });
        let now = Moment::now();
        let before = self.written_by_caller.replace(now);
        let follows = before.is_some_and(|before| now - before < ROW);
        self.row = if follows { self.row.saturating_add(1) } else { 0 };
        (self.failure.is_some() || self.is_overslept(), self.take_told())
    }

    /// Reads for a thread that waits for what comes, and passes it on. One that comes back ends times as well. Returns what
    /// [`Self::take_from_caller`] does.
    pub(super) fn read_for_waiter(&mut self, comes_back: bool) -> (bool, Waking) {
        self.work_for_caller(|traffic| {
            traffic.read()?;
            if comes_back {
                traffic.visited_at = Some(Moment::now());
                return traffic.serve();
            }
            traffic.carry_on()
        });
        self.sleep.reads = self.reading().at_most();
        let wake = self.failure.is_some() || self.is_overslept() || self.may_have_more();
        (wake, self.take_told())
    }

    /// Works in a thread of the program, and leaves a failure to the I/O thread. A bug of ours must not leave anyone waiting.
    fn work_for_caller(&mut self, work: impl FnOnce(&mut Self) -> Result<(), PortError>) {
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.failure = done.unwrap_or_else(|_| Err(PortError::broken(&self.url))).err();
    }

    /// Whether to read again before anything else comes.
    fn may_have_more(&self) -> bool {
        self.more || self.port.may_have_more()
    }

    /// Whether a thread that waits may read what comes.
    pub(super) const fn is_readable(&self) -> bool {
        self.failure.is_none() && self.sleep.reads.is_some()
    }

    /// Who is to be woken because of what has happened.
    pub(super) fn take_told(&mut self) -> Waking {
        std::mem::take(&mut self.told)
    }

    /// When bytes held back are taken as they are, unless more come.
    pub(super) fn held_until(&self) -> Option<Moment> {
        self.upkeep.held_until()
    }

    /// By when the I/O thread has to wake. A thread that keeps coming back sees to the bytes held back, about which nearly
    /// every read would have to tell the I/O thread otherwise: that looks after them only if the other stays away.
    fn needed_at(&self) -> Option<Moment> {
        let comes_back = self.visited_at.is_some_and(|at| at.elapsed() < AWAY);
        let held_until = self.upkeep.held_until();
        let held_until = held_until.map(|at| if comes_back { at + AWAY } else { at });
        held_until.into_iter().chain(self.upkeep.next_other_timeout()).min()
    }

    /// Whether the thread would sleep too long, given what has come up meanwhile.
    fn is_overslept(&self) -> bool {
        let due = self.needed_at();
        due.is_some_and(|due| self.sleep.until.is_none_or(|until| due < until))
            || self.sleep.reads.is_none()
            || !self.sleep.writes && self.port.wants_to_write(!self.unsent.is_empty())
    }

    /// Whether something has arrived that has not been read yet.
    pub(super) fn has_unread(&self) -> bool {
        self.port.has_unread()
    }

    /// Whether a deadline has passed.
    pub(super) fn is_due(&self) -> bool {
        self.upkeep.next_timeout().is_some_and(|due| due <= Moment::now())
    }

    /// Does what there is to do, after a read: an answer that has come is in time.
    pub(super) fn serve(&mut self) -> Result<(), PortError> {
        self.take_requests();
        if self.failure.is_none() && !self.puts_off() {
            self.upkeep.handle_timeout(Moment::now());
        }
        self.carry_on()
    }

    /// Whether a time that has passed ends after the next read.
    fn puts_off(&mut self) -> bool {
        let reads_on = self.sleep.reads.is_some() && self.may_have_more() && self.is_due();
        let puts_off = reads_on && self.put_off < MOST_PUT_OFF;
        self.put_off = if puts_off { self.put_off + 1 } else { 0 };
        puts_off
    }

    /// Writes what is due, and passes on what has happened.
    fn carry_on(&mut self) -> Result<(), PortError> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.write()?;
        self.deliver();
        Ok(())
    }

    /// Reads what has arrived, up to the amount allowed.
    pub(super) fn read(&mut self) -> Result<(), PortError> {
        let Some(most) = self.sleep.reads else { return Ok(()) };
        let room = most.min(self.buffer.len());
        match self.port.read(&mut self.buffer[..room]) {
            Ok(0) => Err(PortError::lost(&self.url, None)),
            Ok(count) => {
                self.shared
                    .count(|statistics| statistics.bytes_received += count as u64);
                self.upkeep.receive(&self.buffer[..count], Moment::now());
                // What is held back now only this reader knows of.
                self.visited_at = None;
                self.more = count == room;
                let grown = 2 * self.buffer.len();
                if count == self.buffer.len() && grown <= READ {
                    self.buffer.resize(grown, 0);
                }
                Ok(())
            }
            Err(error) if is_transient(&error) => {
                self.more = false;
                Ok(())
            }
            Err(error) => Err(PortError::lost(&self.url, Some(&error))),
        }
    }

    /// Says how the thread may sleep now.
    pub(super) fn lie_down(&mut self) -> Sleep {
        let reading = self.reading();
        let held_until = match reading {
            Reading::HeldUntil(until) => Some(until),
            Reading::UpTo(_) => None,
        };
        // Each command has a deadline, for which the thread would have to be woken. In a long row it is not woken: it
        // looks again by itself when the row may have ended.
        let row = self.written_by_caller.filter(|_| self.row >= LONG).map(|at| at + ROW);
        let row = row.filter(|end| *end > Moment::now());
        self.sleep = Sleep {
            until: self.needed_at().into_iter().chain(held_until).chain(row).min(),
            reads: reading.at_most(),
            writes: self.port.wants_to_write(!self.unsent.is_empty()),
            none: held_until.is_none() && self.may_have_more(),
        };
        self.sleep
    }

    /// Ends what is under way, because the port is closed or lost.
    pub(super) fn abandon(&mut self, end: &Error) {
        // Anyone told of this finds it so.
        self.shared.leave();
        self.forget_ended();
        self.upkeep.abandon(end, Moment::now());
        self.deliver();
        self.shared.keep_ids(self.upkeep.ids());
    }

    /// Tells everyone still waiting that it is all over, and why.
    pub(super) fn end(mut self, end: &Error) {
        for (client, kept) in self.kept.drain() {
            kept.hand_back(self.upkeep.take(client));
        }
        // From here on requests are refused; one that came in between ends like the others.
        self.shared.ended(end.clone());
        let between = self.requests.try_iter().filter_map(|request| match request {
            Request::Call { pending, .. } => Some(pending),
            Request::TakeBack(_) | Request::Keep(_) => None,
        });
        for pending in self.pending.drain().map(|(_, pending)| pending).chain(between) {
            pending.end(Err(end.clone()));
        }
        self.take_told().wake(&self.shared);
        self.shared.ring();
        self.shared.close_log();
    }

    fn take_requests(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            self.take(request);
        }
        self.forget_ended();
    }

    fn take(&mut self, request: Request) {
        // Whatever the program has ended must do nothing after its next call.
        self.forget_ended();
        match request {
            Request::Call {
                ticket,
                submission,
                timeout,
                pending,
            } => {
                if let Some(recorder) = self.shared.recorder() {
                    recorder.called(&pending);
                }
                self.taken.push(Arc::clone(&pending));
                self.pending.insert(ticket, pending);
                self.upkeep.submit(ticket, *submission, timeout, Moment::now());
            }
            Request::TakeBack(ticket) => self.upkeep.take_back(ticket, Moment::now()),
            Request::Keep(kept) => self.keep(kept),
        }
    }

    fn keep(&mut self, kept: Arc<KeptSession>) {
        if let Some(keep) = kept.hand_over(&self.shared) {
            self.upkeep.keep(keep, Moment::now());
        }
        if let Some(former) = self.kept.insert(kept.client(), kept) {
            former.end();
        }
    }

    /// Drops the sessions that the program has ended.
    fn forget_ended(&mut self) {
        let upkeep = &mut self.upkeep;
        self.kept.retain(|client, kept| {
            if kept.is_over() {
                upkeep.release(*client, Moment::now());
            }
            !kept.is_over()
        });
    }

    fn write(&mut self) -> Result<(), PortError> {
        if self.upkeep.poll_stale() {
            // On a line that takes nothing they would grow with each call.
            self.unsent.clear();
        }
        let mut result = self.port.flush();
        // Data that go out in pieces are taken from the session as fast as the port takes them.
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
            // Anything that the other end said before it closed is read first: it may say why.
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

    /// How much may be read now. While a call waits for its answer, everything is.
    fn reading(&mut self) -> Reading {
        let now = Moment::now();
        let patient = self.port.waits() && self.pending.is_empty() && self.upkeep.unfinished() == 0;
        let reading = self.shared.reading(patient, now);
        let held = matches!(reading, Reading::HeldUntil(_));
        if held != std::mem::replace(&mut self.held, held) {
            if held {
                self.more = true;
                self.upkeep.stop_reading();
            } else {
                self.upkeep.go_on_reading(now);
            }
        }
        reading
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
