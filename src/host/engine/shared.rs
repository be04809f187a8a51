//! What the thread knows and keeps for the program. Everything here is bounded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use modemqtt_at::ClientIndex;
use modemqtt_at::dialect::{Dialect, Model as ModelRow};
use modemqtt_os::{Condvar, LogFile, Moment, Mutex, MutexGuard, Waker};

use super::bell::{Bell, Bells};
use super::inbox::Inbox;
use super::journal::{Journal, News};
use super::queues::{Queues, Reading};
use super::recorder::Recorder;
use super::room::Room;
use super::tap::{Tap, Wire};
use crate::call::{ClientState, Message, Reconnected};
use crate::engine::Pending;
use crate::error::Error;
use crate::event::Told;
use crate::message::Content;
use crate::port::Lines;
use crate::session::Ids;
use crate::trace::Entry;

/// A value with the time at which its last byte was read, in seconds since 1970.
#[derive(Clone, Debug)]
pub struct Stamped<T> {
    /// The time.
    pub timestamp: f64,
    /// The value.
    pub value: T,
}

/// What a callback may be called for.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A message has arrived.
    Message(Stamped<Content>),
    /// A line that no one waited for.
    Urc(String),
    /// Any other event that needs nothing from the engine.
    Told(Told),
    /// A publish has ended.
    Delivery(Arc<Pending>),
    /// This many notices were dropped because the callbacks were too slow.
    Overflow(u64),
    /// A kept session has its connection back; with the publishes that may or may not have arrived.
    Reconnected(Reconnected, Vec<Arc<Pending>>),
}

/// What is known of the module.
#[derive(Clone, Copy, Debug)]
pub struct Modem {
    /// Its dialect.
    pub dialect: &'static Dialect,
    /// Its model.
    pub model: &'static ModelRow,
}

/// Counters since the port was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Bytes read.
    pub bytes_received: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Messages received.
    pub messages: u64,
    /// Messages dropped because no one took them.
    pub messages_dropped: u64,
    /// Times that the module's buffer for received messages was full.
    pub overruns: u64,
    /// Times that the module has restarted by itself.
    pub restarts: u64,
    /// Lines that no one waited for.
    pub urcs: u64,
    /// Those of them that were dropped because no one took them.
    pub urcs_dropped: u64,
    /// Events for callbacks that were dropped because the callbacks were too slow.
    pub events_dropped: u64,
    /// Times that the thread has woken.
    pub wakeups: u64,
}

#[derive(Debug, Default)]
struct Known {
    modem: Option<Modem>,
    states: HashMap<ClientIndex, ClientState>,
    servers: HashMap<ClientIndex, (String, u16)>,
    ids: Vec<Ids>,
    statistics: Statistics,
    /// How each client that no session reconnects lost its connection.
    lost: HashMap<ClientIndex, Error>,
    end: Option<Error>,
}

impl Known {
    fn is_connected(&self, client: ClientIndex) -> bool {
        self.states.get(&client) == Some(&ClientState::Connected)
    }
}

/// The messages of one client.
pub type Messages = Inbox<Stamped<Content>>;

/// The port is open.
const OPEN: u8 = 0;
/// The program wants it closed.
const CLOSING: u8 = 1;
/// The thread has let go of it, or is about to.
const LEFT: u8 = 2;

/// What the thread and the program share.
#[derive(Debug)]
pub struct Shared {
    known: Mutex<Known>,
    /// The state of a client has changed, or everything has ended.
    changed: Condvar,
    queues: Queues,
    wire: Mutex<Wire>,
    recorder: Option<Arc<Recorder>>,
    room: Room,
    bells: Bells,
    journal: OnceLock<(Arc<str>, Arc<Journal>)>,
    listening: AtomicBool,
    lines: Mutex<Option<Lines>>,
    /// The thread's progress: [`OPEN`], [`CLOSING`] or [`LEFT`], in that order.
    course: AtomicU8,
    origin: (Moment, SystemTime),
}

impl Shared {
    /// `queue` bytes may wait for the program; `wire_size` bytes of the wire log, which began at `origin`, are kept.
    pub(super) fn new(
        origin: (Moment, SystemTime),
        log: Option<LogFile>,
        recorder: Option<Arc<Recorder>>,
        queue: usize,
        wire_size: usize,
        waker: Waker,
    ) -> Self {
        Self {
            known: Mutex::default(),
            changed: Condvar::new(),
            recorder,
            queues: Queues::new(queue, waker),
            wire: Mutex::new(Wire::new(origin.0, wire_size, log)),
            room: Room::default(),
            bells: Bells::default(),
            journal: OnceLock::new(),
            listening: AtomicBool::new(false),
            lines: Mutex::default(),
            course: AtomicU8::new(OPEN),
            origin,
        }
    }

    /// What is known of the module, once it has been set up.
    pub fn modem(&self) -> Option<Modem> {
        self.known.lock().modem
    }

    /// Host and port of a client's network connection; `None` while it has none.
    pub fn server(&self, client: ClientIndex) -> Option<(String, u16)> {
        let known = self.known.lock();
        let state = known.states.get(&client).unwrap_or(&ClientState::Closed);
        let open = !matches!(state, ClientState::Closed | ClientState::Opening);
        known.servers.get(&client).filter(|_| open).cloned()
    }

    /// The message ids used until the port was closed or lost, by client index.
    pub fn ids(&self) -> Vec<Ids> {
        self.known.lock().ids.clone()
    }

    /// The state of a client.
    pub fn client_state(&self, client: ClientIndex) -> ClientState {
        self.known.lock().states.get(&client).cloned().unwrap_or_default()
    }

    /// Whether a client is connected.
    pub(super) fn is_connected(&self, client: ClientIndex) -> bool {
        self.known.lock().is_connected(client)
    }

    /// Waits at most this long until a client is connected; an error if the port is closed or lost.
    pub fn wait_connected(&self, client: ClientIndex, at_most: Duration) -> Option<Result<(), Error>> {
        let deadline = Moment::now() + at_most;
        let mut known = self.known.lock();
        loop {
            if known.is_connected(client) {
                return Some(Ok(()));
            }
            if let Some(end) = &known.end {
                return Some(Err(end.clone()));
            }
            if self.changed.wait_until(&mut known, deadline) {
                return None;
            }
        }
    }

    /// Counters since the port was opened.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.known.lock().statistics;
        statistics.messages_dropped = self.queues.messages_dropped();
        statistics.urcs_dropped = self.queues.urcs.dropped();
        statistics.events_dropped = self.queues.notices.dropped();
        statistics
    }

    /// The last lines of the wire log, oldest first.
    pub fn wire(&self, at_most: usize) -> Vec<Stamped<Entry>> {
        let lines = self.wire.lock().last(at_most);
        let stamped = |entry: Entry| Stamped {
            timestamp: self.timestamp(entry.at),
            value: entry,
        };
        lines.into_iter().map(stamped).collect()
    }

    /// Passes everything that goes over the wire from now on to this tap.
    pub fn tap(&self, tap: Box<dyn Tap>) {
        self.wire.lock().tap(tap);
    }

    /// Whether the port is open.
    pub fn is_open(&self) -> bool {
        self.course.load(Ordering::Acquire) < LEFT
    }

    /// Why the port is no longer open, once everyone who waited has been told.
    pub fn end(&self) -> Option<Error> {
        self.known.lock().end.clone()
    }

    /// The messages of a client.
    pub fn messages(&self, client: ClientIndex) -> Arc<Messages> {
        self.queues.messages(client)
    }

    /// Lines that no one waited for.
    pub fn urcs(&self) -> &Inbox<Stamped<String>> {
        &self.queues.urcs
    }

    /// What callbacks may be called for; empty until someone listens.
    pub fn notices(&self) -> &Inbox<Notice> {
        &self.queues.notices
    }

    /// Rings this bell from now on whenever there is something new.
    pub fn attend(&self, bell: &Arc<Bell>) {
        self.bells.add(bell);
    }

    /// Wakes every thread waiting for something new.
    pub(super) fn ring(&self) {
        self.queues.wake();
        self.bells.ring();
    }

    /// Why a client gets no more messages once those that have arrived are taken.
    pub fn why_no_message(&self, client: ClientIndex) -> Option<Error> {
        let known = self.known.lock();
        known.end.clone().or_else(|| known.lost.get(&client).cloned())
    }

    /// Notes that nothing reconnects the client.
    pub(super) fn stays_lost(&self, client: ClientIndex, error: Error) {
        self.known.lock().lost.insert(client, error);
    }

    /// Room for publishes in the queue.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Sends remarks for the program's log to this journal from now on, under the name of this port. They include a
    /// failure to write the modem's log file.
    pub fn report_to(&self, port: &str, journal: Arc<Journal>, log: Option<&Path>) {
        let port = Arc::<str>::from(port);
        if let Some(log) = log {
            let wire = self.wire.lock();
            wire.tell_failure(log.to_path_buf(), Arc::clone(&port), Arc::clone(&journal));
        }
        // The first journal stays.
        let _ = self.journal.set((port, journal));
    }

    /// Says whether the remarks include the lines of the wire.
    pub fn trace(&self, wanted: bool) {
        let journal = self.journal.get().filter(|_| wanted).cloned();
        self.wire.lock().trace(journal);
    }

    pub(super) fn report(&self, news: News) {
        if let Some((port, journal)) = self.journal.get() {
            journal.note(port, news);
        }
    }

    /// Collects notices from now on.
    pub fn listen(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// Says whether a client's messages are also put among the notices: then dropping one here loses nothing.
    pub fn watch(&self, client: ClientIndex, watched: bool) {
        self.queues.messages(client).set_copies(watched);
    }

    /// Says whether lines that no one waited for are also put among the notices.
    pub fn watch_urcs(&self, watched: bool) {
        self.queues.urcs.set_copies(watched);
    }

    /// A time in seconds since 1970.
    pub fn timestamp(&self, at: Moment) -> f64 {
        let (instant, system) = self.origin;
        epoch_time(system, at.since(instant))
    }

    pub(super) fn ask_to_close(&self) {
        self.course.fetch_max(CLOSING, Ordering::Release);
    }

    /// Sets how the port's control lines are reached from now on, if it has any.
    pub(super) fn reach(&self, lines: Option<Lines>) {
        *self.lines.lock() = lines;
    }

    /// Does something with the port's control lines, while the port stays open.
    pub(super) fn on_lines<T>(&self, act: impl FnOnce(&mut Lines) -> Option<T>) -> Option<T> {
        self.lines.lock().as_mut().and_then(act)
    }

    pub(super) fn leave(&self) {
        // Before the port is closed.
        self.reach(None);
        self.course.fetch_max(LEFT, Ordering::Release);
    }

    pub(super) fn closing(&self) -> bool {
        self.course.load(Ordering::Acquire) >= CLOSING
    }

    pub(super) fn notify(&self, notice: Notice) {
        if self.listening.load(Ordering::Acquire) {
            self.queues.put_notice(notice);
        }
    }

    /// How much may be read from the port now; `patient` if the port can wait.
    pub(super) fn reading(&self, patient: bool, now: Moment) -> Reading {
        self.queues.reading(patient, now)
    }

    pub(super) fn identified(&self, modem: Modem) {
        self.known.lock().modem = Some(modem);
    }

    pub(super) fn opened(&self, client: ClientIndex, host: String, port: u16) {
        self.known.lock().servers.insert(client, (host, port));
    }

    pub(super) fn keep_ids(&self, ids: Vec<Ids>) {
        self.known.lock().ids = ids;
    }

    pub(super) fn client_changed(&self, client: ClientIndex, state: ClientState) {
        let mut known = self.known.lock();
        if matches!(
            state,
            ClientState::Opening | ClientState::Connecting | ClientState::Connected
        ) {
            known.lost.remove(&client);
        }
        known.states.insert(client, state);
        drop(known);
        self.changed.notify_all();
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Statistics)) {
        change(&mut self.known.lock().statistics);
    }

    /// Passes on messages that came together, in order.
    pub(super) fn received(&self, messages: &mut Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        if let Some(recorder) = self.recorder() {
            recorder.received(messages);
        }
        // Counted before anyone can take them.
        self.count(|statistics| statistics.messages += messages.len() as u64);
        let mut stamp = self.stamp();
        let mut stamped = Vec::with_capacity(messages.len());
        let mut rest = messages.drain(..).peekable();
        while let Some(client) = rest.peek().map(|message| message.content.client()) {
            let same = std::iter::from_fn(|| rest.next_if(|message| message.content.client() == client));
            stamped.extend(same.map(|message| Stamped {
                timestamp: stamp(message.at),
                value: message.content,
            }));
            let listens = self.listening.load(Ordering::Acquire);
            self.queues.put_messages(client, &mut stamped, listens);
        }
    }

    /// Gives times in seconds since 1970. What came together has one.
    fn stamp(&self) -> impl FnMut(Moment) -> f64 {
        let mut last = (self.origin.0, self.timestamp(self.origin.0));
        move |at| {
            if at != last.0 {
                last = (at, self.timestamp(at));
            }
            last.1
        }
    }

    pub(super) fn urc(&self, at: Moment, line: String) {
        self.count(|statistics| statistics.urcs += 1);
        let stamped = Stamped {
            timestamp: self.timestamp(at),
            value: line.clone(),
        };
        if self.queues.put_urc(stamped) {
            self.notify(Notice::Urc(line));
        }
    }

    /// The taps, which take pieces of wire traffic; nobody else reaches them meanwhile.
    pub(super) fn taps(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock()
    }

    /// The recording of the line, if there is one.
    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_deref()
    }

    /// Ends the log. The rest is written, as far as a stalled log takes it at once.
    pub(super) fn close_log(&self) {
        let ended = self.wire.lock().end();
        drop(ended);
    }

    /// The port is closed or lost: threads waiting for messages or lines get what is left, then the end.
    pub(super) fn ended(&self, error: Error) {
        self.leave();
        if let Some(recorder) = self.recorder() {
            recorder.ended(&error);
        }
        let mut known = self.known.lock();
        known.end.get_or_insert(error);
        known.states.clear();
        drop(known);
        self.changed.notify_all();
        self.queues.end();
    }
}

/// `origin` plus `since`, in seconds since 1970.
pub(super) fn epoch_time(origin: SystemTime, since: Duration) -> f64 {
    let origin = origin.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (origin + since).as_secs_f64()
}
